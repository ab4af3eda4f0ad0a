"""Findings to suppression comments: writes ``# modelint: ignore[rule] reason`` into a text where it covers them.

Takes one text, as decoded, with findings that stand in it; gives the text with the comments. A comment that already
covers the finding gets the name added. Otherwise one is put at the end of the finding's line; where that would end up
in a string or break a continued line, at the end of the statement. Every step is proved: the program must be the same,
and the comment must suppress the finding. The cells of a notebook are such texts, each by itself; there the comments
are edits of the cells. It knows neither files nor rules.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from modelint.documents import Notebook
from modelint.documents.notebook import Cell
from modelint.finding import Edit, Finding, Span
from modelint.suppress import Suppressions, last_line_of_statement, read_suppressions

_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")


@dataclass(frozen=True, slots=True)
class Ignored:
    """A text with comments added: ``ignored`` are the findings that they suppress, ``refused`` those left over."""

    text: str
    ignored: tuple[Finding, ...] = ()
    refused: tuple[Finding, ...] = ()


def ignore(path: str, text: str, findings: Iterable[Finding], reason: str) -> Ignored:
    """The text with comments that suppress the findings, as far as that can be done.

    ``reason`` is written into new comments; its line ends and multiple blanks become single blanks.
    """
    by_line: dict[int, list[Finding]] = {}
    refused: list[Finding] = []
    for finding in findings:
        if finding.place.span is None or finding.place.cell is not None:
            refused.append(finding)
        else:
            by_line.setdefault(finding.place.span.line, []).append(finding)
    meaning = _meaning(text)
    ignored: list[Finding] = []
    for _, group in sorted(by_line.items(), reverse=True):  # from below, so that the lines above stay where they are
        changed = _with_comment(path, text, group, " ".join(reason.split()), meaning)
        if changed is None:
            refused += group
        else:
            text = changed
            ignored += group
    return Ignored(text, tuple(ignored), tuple(refused))


@dataclass(frozen=True, slots=True)
class IgnoredInCells:
    """Edits of cells that add comments, and the findings that these suppress."""

    edits: tuple[Edit, ...] = ()
    ignored: tuple[Finding, ...] = ()


def ignore_in_cells(notebook: Notebook, findings: Iterable[Finding], reason: str) -> IgnoredInCells:
    """Comments in the cells of a notebook, for findings whose places are in cells."""
    by_cell: dict[int | None, list[Finding]] = {}
    for finding in findings:
        by_cell.setdefault(finding.place.cell, []).append(finding)
    cells = ((notebook.cell(number or 0), group) for number, group in by_cell.items())
    done = [_in_cell(notebook, cell, group, reason) for cell, group in cells if cell is not None]
    edits = tuple(edit for each in done for edit in each.edits)
    return IgnoredInCells(edits, tuple(finding for each in done for finding in each.ignored))


def _in_cell(notebook: Notebook, cell: Cell, findings: Sequence[Finding], reason: str) -> IgnoredInCells:
    """Comments in one cell; none if one would go to a line that is not in the module as it is in the cell."""
    lines = notebook.text.split("\n")[cell.first - 1 : cell.first - 1 + len(cell.lines)]
    in_text = [replace(finding, place=replace(finding.place, cell=None)) for finding in findings]
    of_text = {id(moved): finding for moved, finding in zip(in_text, findings, strict=True)}
    result = ignore(notebook.path, "\n".join(lines), in_text, reason)
    edits: list[Edit] = []
    for edit in line_edits(lines, result.text.split("\n")):
        number = edit.span.line
        shift = cell.shifts[number - 1]
        if cell.lines[number - 1][shift:] != lines[number - 1]:
            return IgnoredInCells()
        span = Span(number, edit.span.column + shift, number, edit.span.end_column + shift)
        edits.append(Edit(span, edit.text, cell.number))
    return IgnoredInCells(tuple(edits), tuple(of_text[id(one)] for one in result.ignored))


def line_edits(before: Sequence[str], after: Sequence[str]) -> Iterator[Edit]:
    """What makes some lines others, which are as many: an edit for each that changes, of what is different."""
    for number, (one, other) in enumerate(zip(before, after, strict=True), 1):
        if one != other:
            column = _common(one, other)
            same = _common(one[column:][::-1], other[column:][::-1])
            yield Edit(Span(number, column + 1, number, len(one) - same + 1), other[column : len(other) - same])


def _common(one: str, other: str) -> int:
    """How many characters are the same at the beginning."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _with_comment(path: str, text: str, group: Sequence[Finding], reason: str, meaning: str | None) -> str | None:
    """The text with a comment for the findings of one line; None if there is no place for it."""
    if meaning is None:
        return None
    span = group[0].place.span
    assert span is not None
    names = sorted({finding.rule for finding in group})
    for changed in _candidates(text, span.line, names, reason, read_suppressions(path, text)):
        comments = read_suppressions(path, changed)
        covered = all(comments.matching(finding) for finding in group)
        if covered and _meaning(changed) == meaning:
            return changed
    return None


def _candidates(text: str, line: int, names: Sequence[str], reason: str, before: Suppressions) -> Iterator[str]:
    """Texts with the comment in one place or another, the best first."""
    lines = _LINE.findall(text)
    covering = [each for each in before.ignores if each.lines is not None and each.covers(line)]
    for each in sorted(covering, key=lambda each: abs(each.span.line - line)):
        last = max(each.siblings, key=lambda span: span.end_column)
        yield _inserted(lines, last.line, last.end_column, "".join(f", {name}" for name in names))
    comment = f"# modelint: ignore[{', '.join(names)}] {reason}".rstrip()
    for at in dict.fromkeys((line, last_line_of_statement(text, line))):
        yield _inserted(lines, at, len(lines[at - 1].rstrip()) + 1, f"  {comment}")


def _inserted(lines: Sequence[str], line: int, column: int, text: str) -> str:
    content = lines[line - 1]
    changed = f"{content[: column - 1]}{text}{content[column - 1 :]}"
    return "".join((*lines[: line - 1], changed, *lines[line:]))


def _meaning(text: str) -> str | None:
    """The program that a text is, without positions and comments; None if this Python cannot read it."""
    try:
        return ast.dump(ast.parse(text))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
