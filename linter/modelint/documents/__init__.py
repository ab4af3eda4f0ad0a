"""Bytes to documents: a script's or a notebook's syntax tree, or the reason why there is none."""

from modelint.documents.encoding import source_bytes, source_text
from modelint.documents.notebook import Notebook, is_notebook, read_notebook
from modelint.documents.script import Script, Site, Unreadable, check_script, read_script

__all__ = [
    "Notebook",
    "Script",
    "Site",
    "Unreadable",
    "check_script",
    "is_notebook",
    "read_notebook",
    "read_script",
    "source_bytes",
    "source_text",
]
