"""Bytes to documents: a script's syntax tree, or the reason why there is none."""

from modelint.documents.script import (
    Script,
    Site,
    Unreadable,
    check_script,
    children_of,
    descendants_of,
    read_script,
)

__all__ = ["Script", "Site", "Unreadable", "check_script", "children_of", "descendants_of", "read_script"]
