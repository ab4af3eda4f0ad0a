"""The rules that come with modelint: one module per rule, one package per category."""
