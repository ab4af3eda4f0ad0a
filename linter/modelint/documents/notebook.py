"""Notebooks: the code cells of a ``.ipynb`` file as one module, and the way back from its lines to cells.

Takes the bytes of a file, gives a ``Notebook`` or an ``Unreadable``. Formats 3 and 4, see
https://nbformat.readthedocs.io/en/latest/format_description.html. The cells are one module, in order: what one of them
defines the later ones see. A cell that is no Python is blank in it, and a fault; the others go on. Findings are made on
the module; ``located`` says of each in which cell it is. In which order a person ran the cells is not known.
"""

from __future__ import annotations

import bisect
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from modelint.documents.ipython import Line, python_lines
from modelint.documents.script import LARGEST_SOURCE, Script, Unreadable, check_text, parse_text, too_large
from modelint.finding import Span

SUFFIX = ".ipynb"
LARGEST_NOTEBOOK = 50_000_000
"""Bytes of a notebook that are still read; nearly all of them are pictures."""

_LINE_END = re.compile(r"\r\n?|\n")
_PYTHON = ("python", "ipython")


@dataclass(frozen=True, slots=True)
class Cell:
    """A code cell.

    ``number`` is its position among all cells, from 1, ``lines`` its source as it is written, ``first`` its first line
    in the module, ``shifts`` how many columns of each line stand before the module's column 1.
    """

    number: int
    lines: tuple[str, ...]
    first: int
    shifts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Notebook:
    """The code of a notebook. ``text`` is the module, ``faults`` the cells that are blank in it, by its lines.

    ``language`` is what the cells are written in; the module is empty if that is not Python.
    """

    path: str
    language: str
    cells: tuple[Cell, ...]
    text: str
    faults: tuple[Unreadable, ...] = ()

    @property
    def is_python(self) -> bool:
        """Whether there is anything to examine."""
        return self.language in _PYTHON

    @property
    def starts(self) -> tuple[int, ...]:
        """The lines of the module with which cells begin."""
        return tuple(cell.first for cell in self.cells)

    def cell(self, number: int) -> Cell | None:
        """A code cell by its position among all cells."""
        return next((cell for cell in self.cells if cell.number == number), None)

    def locate(self, span: Span) -> tuple[Cell, Span] | None:
        """The cell in which a span of the module begins, and the span in its source; it ends with the cell at most."""
        if not self.cells:
            return None
        cell = self.cells[max(0, bisect.bisect_right(self.starts, span.line) - 1)]
        line, column = _in_cell(cell, span.line, span.column)
        end_line, end_column = _in_cell(cell, span.end_line, span.end_column)
        return cell, Span(line, column, end_line, end_column)

    def script(self) -> Script | Unreadable:
        """The module, parsed."""
        script = parse_text(self.path, self.text)
        return replace(script, faults=self.faults) if isinstance(script, Script) else script

    def check(self) -> tuple[Unreadable, ...]:
        """What of it cannot be examined."""
        return self.faults


def _in_cell(cell: Cell, line: int, column: int) -> tuple[int, int]:
    number = line - cell.first + 1
    if number > len(cell.lines):
        return len(cell.lines), len(cell.lines[-1]) + 1
    return number, column + cell.shifts[number - 1]


def is_notebook(path: str) -> bool:
    """Whether a file is one, by its name."""
    return path.lower().endswith(SUFFIX)


def read_notebook(path: str, data: bytes) -> Notebook | Unreadable:
    """Read a notebook. Never raises; ``path`` is only remembered."""
    document = _decoded(path, data)
    if isinstance(document, Unreadable):
        return document
    language = _language(document)
    builder = _Builder(path)
    if language in _PYTHON:
        for number, source, of_cell in sources(document):
            if of_cell in (None, *_PYTHON):
                text = source if isinstance(source, str) else "".join(source)
                builder.add(number, tuple(_LINE_END.split(text)))
    text = "\n".join(builder.text)
    if len(text) > LARGEST_SOURCE:
        return too_large(path, len(text), LARGEST_SOURCE)
    return Notebook(path, language, tuple(builder.cells), text, tuple(builder.faults))


def _decoded(path: str, data: bytes) -> dict[str, Any] | Unreadable:
    if len(data) > LARGEST_NOTEBOOK:
        return too_large(path, len(data), LARGEST_NOTEBOOK)
    try:
        document = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        return Unreadable(path, f"the file holds byte 0x{data[error.start]:02x}, which is not utf-8", line, column)
    except json.JSONDecodeError as error:
        reason = error.msg[:1].lower() + error.msg[1:]
        return Unreadable(path, f"the file is not valid JSON: {reason}", error.lineno, error.colno)
    except (RecursionError, ValueError) as error:  # a number of more digits than int() takes
        return Unreadable(path, f"the file cannot be read as JSON: {error}", 1, 1)
    if not isinstance(document, dict) or not isinstance(_cell_list(document), list):
        return Unreadable(path, "the file is not a Jupyter notebook: it has no list of cells", 1, 1)
    return document


def _cell_list(document: dict[str, Any]) -> list[Any] | None:
    """The cells of format 4, or of all worksheets of format 3."""
    cells = document.get("cells")
    worksheets = document.get("worksheets")
    if cells is None and isinstance(worksheets, list):
        cells = [cell for sheet in worksheets if isinstance(sheet, dict) for cell in sheet.get("cells") or ()]
    return cells if isinstance(cells, list) else None


def sources(document: dict[str, Any]) -> Iterator[tuple[int, str | list[str], str | None]]:
    """The number of every code cell, its source, and its language where the cell itself says so."""
    for number, cell in enumerate(_cell_list(document) or (), 1):
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        source = cell.get("source", cell.get("input"))  # format 3 has input
        if isinstance(source, str) or (isinstance(source, list) and all(isinstance(one, str) for one in source)):
            yield number, source, _own_language(cell)


def _own_language(cell: dict[str, Any]) -> str | None:
    """The language of a cell: format 3 has a key for it, VS Code puts it into the metadata."""
    editor = _table(_table(cell.get("metadata")).get("vscode")).get("languageId")
    language = editor or cell.get("language")
    return language.lower() if isinstance(language, str) else None


def _language(document: dict[str, Any]) -> str:
    """The language of the kernel; Python if nothing is said, as for notebooks that were never opened."""
    metadata = _table(document.get("metadata"))
    for table, key in (("language_info", "name"), ("kernelspec", "language")):
        language = _table(metadata.get(table)).get(key)
        if isinstance(language, str) and language:
            return language.lower()
    return _PYTHON[0]


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


class _Builder:
    """Puts cells one after the other."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.cells: list[Cell] = []
        self.text: list[str] = []
        self.faults: list[Unreadable] = []

    def add(self, number: int, lines: tuple[str, ...]) -> None:
        """One more cell; blank if it is no Python."""
        first = len(self.text) + 1
        python = tuple(map(Line, lines))
        if check_text(self.path, "\n".join(lines)) is not None:
            python = python_lines(lines)
            refusal = check_text(self.path, "\n".join(line.text for line in python))
            if refusal is not None:
                line = min(refusal.line or 1, len(lines))
                message = refusal.message.replace("the file", "the cell", 1)
                self.faults.append(replace(refusal, message=message, line=first + line - 1))
                python = _blank(python)
        self.text += [line.text for line in python]
        self.cells.append(Cell(number, lines, first, tuple(line.shift for line in python)))


def _blank(lines: Sequence[Line]) -> tuple[Line, ...]:
    return tuple(Line("", line.shift) for line in lines)
