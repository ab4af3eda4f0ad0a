"""Notebooks as scripts, until the linter reads them itself.

Takes a notebook's text, gives one script of all its code cells joined by newlines, with as many lines, so that a label
that counts joined cell lines needs no map. IPython's own syntax becomes a comment or ``pass``.
"""

from __future__ import annotations

import json
import re
from typing import Any

_FOREIGN_CELL = re.compile(r"\s*%%(?!time|timeit|capture|prun)")
_MAGIC = re.compile(r"(\s*)(?:[%!?]|.*\?\s*$|\w+\s*=\s*[%!])")


def script_of(notebook: str) -> str:
    """The notebook's code as one script.

    Raises:
        ValueError: the text is not a notebook.
    """
    return "\n".join(_plain(source) for source in _sources(notebook))


def script_line(notebook: str, line: int) -> int | None:
    """The script's line that stands on ``line`` of the notebook's own file, or None if no code stands there."""
    texts = notebook.splitlines()
    at = 0
    number = 0
    for source in _sources(notebook):
        for piece in source.split("\n"):
            number += 1
            wanted = {
                json.dumps(text, ensure_ascii=escaped) for text in (piece, f"{piece}\n") for escaped in (True, False)
            }
            found = next((index for index in range(at, len(texts)) if texts[index].strip().rstrip(",") in wanted), None)
            if found is None:  # an empty cell has no line of its own
                continue
            if found + 1 == line:
                return number
            at = found + 1
    return None


def _sources(notebook: str) -> list[str]:
    document: Any = json.loads(notebook)
    cells = document.get("cells") if isinstance(document, dict) else None
    if not isinstance(cells, list):
        raise ValueError("no notebook: it has no list of cells")
    sources = (cell.get("source", "") for cell in cells if cell.get("cell_type") == "code")
    return ["".join(source) if isinstance(source, list) else source for source in sources]


def _plain(source: str) -> str:
    lines = source.split("\n")
    if _FOREIGN_CELL.match(lines[0]):
        return "\n".join(f"# {line}" for line in lines)
    return "\n".join(f"{match[1]}pass  # {line.strip()}" if (match := _MAGIC.match(line)) else line for line in lines)
