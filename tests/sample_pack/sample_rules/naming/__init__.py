"""What names of layers must be."""
