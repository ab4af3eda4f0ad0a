"""Findings to text: one module per output format.

Takes findings and a way to get source lines, gives text. It opens no file and knows nothing of the terminal but what
``terminal.Terminal`` says.
"""

FORMATS = ("full", "concise", "json")
"""The names of the formats; each is a module here with a function ``render``."""
