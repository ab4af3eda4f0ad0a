"""Source excerpts: numbered lines with what is marked in them underlined, as compilers show them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from modelint.finding import Span
from modelint.render.terminal import Style, Terminal, displayed, printable, width

BEFORE_THE_MARK = 24
"""Columns that are kept before a mark when a line is too long to be shown."""

FEWEST_COLUMNS = 40


@dataclass(frozen=True, slots=True)
class Label:
    """A marked piece of source, and what is said of it. The primary one is where the finding stands."""

    span: Span
    message: str
    style: Style
    primary: bool = False


def excerpt(lines: Sequence[str], labels: Sequence[Label], gutter: int, terminal: Terminal) -> Iterator[str]:
    """The lines that the labels are in, and one around the primary label; ``gutter`` columns for the numbers."""
    shown = _shown(lines, labels)
    bar = terminal.paint("|", Style.FRAME)
    previous = None
    for number in shown:
        if previous is not None and number > previous + 1:
            yield terminal.paint("...", Style.FRAME)
        previous = number
        here = sorted((label for label in labels if label.span.line == number), key=lambda label: label.span)
        text = lines[number - 1]
        crop = _Crop.around(text, here, terminal.columns - gutter - 3)
        yield f"{terminal.paint(f'{number:>{gutter}}', Style.FRAME)} {bar} {crop.text(text)}".rstrip()
        for label in sorted(here, key=lambda label: not label.primary):
            yield f"{' ' * gutter} {bar} {_underline(text, label, crop, terminal)}"


def _shown(lines: Sequence[str], labels: Sequence[Label]) -> list[int]:
    """The numbers of the lines to show: a gap of one line is filled, blank lines at the edges are not shown."""
    wanted = {label.span.line for label in labels}
    for label in labels:
        if label.primary:
            around = (label.span.line - 1, label.span.line + 1)
            wanted |= {n for n in around if 0 < n <= len(lines) and lines[n - 1].strip()}
    wanted = {n for n in wanted if 0 < n <= len(lines)}
    wanted |= {n + 1 for n in wanted if n + 2 in wanted}
    return sorted(wanted)


@dataclass(frozen=True, slots=True)
class _Crop:
    """The part of a line that is shown, in characters: all of it, or a window."""

    start: int
    end: int
    length: int

    @classmethod
    def around(cls, text: str, labels: Sequence[Label], columns: int) -> _Crop:
        columns = max(columns, FEWEST_COLUMNS)
        if width(displayed(text)) <= columns:
            return cls(0, len(text), len(text))
        first = labels[0].span.column - 1 if labels else 0
        start = max(0, first - BEFORE_THE_MARK) if first > columns - BEFORE_THE_MARK else 0
        end = start
        room = columns - 2
        while end < len(text) and room > 0:
            room -= width(displayed(text[end]))
            end += 1
        return cls(start, end, len(text))

    def text(self, line: str) -> str:
        before = "…" if self.start else ""
        after = "…" if self.end < self.length else ""
        return f"{before}{displayed(line[self.start : self.end])}{after}"

    def column(self, line: str, index: int) -> int:
        """Where a character of the line is shown."""
        index = min(max(index, self.start), self.end)
        return (1 if self.start else 0) + width(displayed(line[self.start : index]))


def _underline(text: str, label: Label, crop: _Crop, terminal: Terminal) -> str:
    """Marks under the label's piece of a line, and its message; a piece of several lines is marked on its first."""
    span = label.span
    several = span.end_line > span.line
    start = crop.column(text, span.column - 1)
    end = crop.column(text, len(text.rstrip()) if several else span.end_column - 1)
    mark = ("^" if label.primary else "-") * max(1, end - start) + ("..." if several else "")
    message = printable(label.message)
    return f"{' ' * start}{terminal.paint(f'{mark} {message}'.rstrip(), label.style)}"
