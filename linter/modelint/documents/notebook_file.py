"""The file of a notebook: where in its JSON the source of a cell stands, and how to change it and nothing else.

Takes the file's text, gives places in it, or the bytes with some sources edited: outputs, metadata, the order of keys,
indentation and line ends stay as they are. It knows nothing of Python.
"""

from __future__ import annotations

import bisect
import json
import json.scanner
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from modelint.documents.notebook import sources
from modelint.finding import Edit, Span

_LINE_END = re.compile(r"\r\n?|\n")
_WRITTEN_LINE = re.compile(r"(?:\\(?!n).|[^\\])*\\n|(?:\\(?!n).|[^\\])+")
"""A line of a string as JSON writes it, with its end."""
_CHARACTER = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|.", re.DOTALL
)
"""One character of a string as JSON writes it (RFC 8259, section 7); a pair of surrogates is one."""


class _Text(str):
    """A string of a JSON document that knows where it stands: from ``start``, a quotation mark, to before ``end``."""

    __slots__ = ("end", "start")
    start: int
    end: int


class _Decoder(json.JSONDecoder):
    """Decodes strings to ``_Text``. With the scanner in Python, for that in C decodes strings by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.parse_string = _located_string
        self.scan_once = json.scanner.py_make_scanner(self)  # type: ignore[attr-defined]


def _located_string(text: str, begin: int, strict: bool = True) -> tuple[_Text, int]:
    value, end = json.decoder.scanstring(text, begin, strict)  # type: ignore[attr-defined]
    located = _Text(value)
    located.start, located.end = begin - 1, end
    return located, end


def _strings(source: str | list[str]) -> Iterator[_Text]:
    for string in [source] if isinstance(source, str) else source:
        assert isinstance(string, _Text)
        yield string


@dataclass(frozen=True, slots=True)
class _Source:
    """The source of a cell: its strings as they stand in the file, and their characters counted together."""

    strings: tuple[_Text, ...]
    is_list: bool

    @property
    def text(self) -> str:
        return "".join(self.strings)

    @property
    def starts(self) -> list[int]:
        """How many characters stand before each string, and in all of them."""
        return list(accumulate(map(len, self.strings), initial=0))

    def index(self, line: int, column: int) -> int:
        """The number of the character at a place; the end of its line, or of all, if there is no such place."""
        begins = [0, *(match.end() for match in _LINE_END.finditer(self.text))]
        if line > len(begins):
            return len(self.text)
        end = _LINE_END.search(self.text, begins[line - 1])
        return min(begins[line - 1] + column - 1, end.start() if end else len(self.text))

    def range(self, span: Span) -> tuple[int, int]:
        """The first character of a span, and that after its last."""
        return self.index(span.line, span.column), self.index(span.end_line, span.end_column)

    def raw(self, file: str, index: int, *, ends: bool = False) -> int:
        """Where a character stands in the file; or the place after the one before it, if something ``ends`` there."""
        starts = self.starts
        number = min(bisect.bisect_right(starts, index) - 1, len(self.strings) - 1)
        if ends and number and starts[number] == index:
            number -= 1
        string = self.strings[number]
        written = _CHARACTER.findall(file, string.start + 1, string.end - 1)
        return string.start + 1 + sum(map(len, written[: index - starts[number]]))


class NotebookFile:
    """A notebook's file.

    Raises:
        ValueError: it is no JSON (``read_notebook`` says so, with the place).
    """

    def __init__(self, data: bytes) -> None:
        self._mark = data[: len(data) - len(data.removeprefix(b"\xef\xbb\xbf"))]
        self.text = data[len(self._mark) :].decode()
        self._lines = [0, *(match.end() for match in _LINE_END.finditer(self.text))]
        self._sources = {
            number: _Source(tuple(_strings(source)), isinstance(source, list))
            for number, source, _ in sources(_Decoder().decode(self.text))
        }

    def span(self, cell: int, span: Span) -> Span | None:
        """Where a span of a cell's source stands in the file."""
        source = self._sources.get(cell)
        if source is None or not source.strings:
            return None
        first, last = source.range(span)
        begin = source.raw(self.text, first)
        end = max(begin, source.raw(self.text, last, ends=True))
        return Span(*self._place(begin), *self._place(end))

    def edit(self, edit: Edit) -> Edit | None:
        """An edit of a cell as one of the file. A list of strings goes on having a string for every line."""
        source = self._sources.get(edit.cell or 0)
        if edit.cell is None or source is None or not source.strings:
            return None
        first, last = _without_last_line(source, edit)
        begin = source.raw(self.text, first)
        end = begin if first == last else source.raw(self.text, last, ends=edit.text.endswith("\n"))
        written = self._dumped(edit.text)[1:-1]
        if source.is_list:
            lines = _WRITTEN_LINE.findall(written)
            if lines and source.text[:first].endswith("\n") and self.text[begin - 1] != '"':
                lines = ["", *lines]
            if edit.text.endswith("\n") and self.text[end] != '"':
                lines = [*lines, ""]
            written = self._divided(lines, source)
        return Edit(Span(*self._place(begin), *self._place(end)), written)

    def rewritten(self, edits: Iterable[Edit]) -> bytes:
        """The file with the sources of some cells edited; only the strings that change are written anew.

        Edits must not overlap; those that stand in no cell are left out.
        """
        text = self.text
        changes = [change for edit in edits if (change := self.edit(edit)) is not None]
        for change in sorted(changes, key=lambda change: change.span, reverse=True):
            begin = self._lines[change.span.line - 1] + change.span.column - 1
            end = self._lines[change.span.end_line - 1] + change.span.end_column - 1
            text = text[:begin] + change.text + text[end:]
        return self._mark + text.encode()

    def _divided(self, lines: Sequence[str], source: _Source) -> str:
        """Lines as JSON writes them, in a string each."""
        strings = source.strings
        several = len(strings) > 1
        between = self.text[strings[0].end : strings[1].start] if several else self._before(strings[0].start)
        return f'"{between}"'.join(lines)

    def _before(self, begin: int) -> str:
        """What would part a string at ``begin`` from a second one."""
        blank = len(self.text[:begin]) - len(self.text[:begin].rstrip(" \t\r\n"))
        return f",{self.text[begin - blank : begin]}"

    def _dumped(self, text: str) -> str:
        return json.dumps(text, ensure_ascii=self.text.isascii())

    def _place(self, index: int) -> tuple[int, int]:
        line = bisect.bisect_right(self._lines, index)
        return line, index - self._lines[line - 1] + 1


def _without_last_line(source: _Source, edit: Edit) -> tuple[int, int]:
    """The range of an edit; one that deletes the last lines of a cell takes the line end before them too."""
    begin, end = source.range(edit.span)
    text = source.text
    if not edit.text and end == len(text) and begin < end and text[:begin].endswith("\n"):
        begin -= 1
    return begin, end
