"""What a library's names mean: one module per library, its layers as a table beside it."""
