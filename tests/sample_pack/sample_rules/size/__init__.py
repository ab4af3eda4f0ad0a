"""How large models may be."""
