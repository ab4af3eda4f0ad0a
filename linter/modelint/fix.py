"""Fixes applied to a text: findings and the text they stand in, to a new text.

Takes one text at a time, as decoded and without a byte order mark, with findings whose spans are of that text; gives
the text with as many of their fixes applied as can be at once. A fix is applied whole or not at all, and only if the
result can still be read. What stands in the way of each other waits for the next pass, for which the caller examines
the new text. It knows neither files nor rules.
"""

from __future__ import annotations

import bisect
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from modelint.finding import Edit, Finding, Safety, Span

_LINE_END = re.compile(r"\r\n?|\n")


class SpanError(ValueError):
    """A span that is not of the text it is said to be of."""


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """Replace the code points from ``start`` up to ``end`` by ``text``."""

    start: int
    end: int
    text: str

    def touches(self, other: Change) -> bool:
        """Whether what is replaced overlaps, or meets at a point, where the order would decide about the outcome."""
        return self.start <= other.end and other.start <= self.end


@dataclass(frozen=True, slots=True)
class Trace:
    """What a rule's fix has written into a text, by which it is seen when the rule asks for the same once more."""

    rule: str
    start: int
    end: int
    text: str

    def repeats(self, rule: str, change: Change) -> bool:
        """Whether a change writes beside this what was written here."""
        meets = change.start <= self.end and self.start <= change.end
        return rule == self.rule and change.text == self.text and meets


@dataclass(frozen=True, slots=True)
class Fixed:
    """A text after one pass.

    ``applied`` are the findings whose fixes are in it. ``refused`` are those whose fixes would have left a text that
    cannot be read, do not fit it, or would do once more what was done in a pass before. ``traces`` go to the next pass.
    """

    text: str
    applied: tuple[Finding, ...] = ()
    refused: tuple[Finding, ...] = ()
    traces: tuple[Trace, ...] = ()


@dataclass(frozen=True, slots=True)
class _Patch:
    """A finding's fix as changes of the text, in order."""

    finding: Finding
    changes: tuple[Change, ...]

    def conflicts(self, others: Iterable[_Patch]) -> bool:
        return any(one.touches(two) for other in others for one in self.changes for two in other.changes)


def is_applicable(finding: Finding, *, unsafe: bool) -> bool:
    """Whether a finding has a fix that may be applied; ``unsafe``: one that changes behaviour may be, too."""
    return finding.fix is not None and (unsafe or finding.fix.safety is Safety.SAFE)


def fix_text(
    text: str, findings: Iterable[Finding], readable: Callable[[str], bool], traces: Sequence[Trace] = ()
) -> Fixed:
    """One pass: the text with the fixes of the findings that do not stand in the way of each other, in their order.

    ``readable`` says whether a text can still be read; ``traces`` are those of the pass before over the same text.
    """
    refused: list[Finding] = []
    patches: list[_Patch] = []
    for finding in sorted(findings, key=lambda finding: finding.order):
        patch = _patch(text, finding)
        if patch is None or any(trace.repeats(finding.rule, one) for trace in traces for one in patch.changes):
            refused.append(finding)
        else:
            patches.append(patch)
    chosen = _chosen(patches)
    if chosen and not readable(apply(text, _changes(chosen))):
        chosen, broken = _one_by_one(text, chosen, readable)
        refused += [patch.finding for patch in broken]
    changes = _changes(chosen)
    same = {patch.changes for patch in chosen}
    return Fixed(
        apply(text, changes),
        tuple(patch.finding for patch in patches if patch.changes in same),
        tuple(refused),
        (*_moved(traces, changes), *_traces(chosen, changes)),
    )


def apply(text: str, changes: Sequence[Change]) -> str:
    """The text with changes that are in order and do not overlap."""
    parts: list[str] = []
    done = 0
    for change in changes:
        parts += (text[done : change.start], change.text)
        done = change.end
    return "".join((*parts, text[done:]))


def changes_of(text: str, edits: Iterable[Edit]) -> tuple[Change, ...]:
    """Edits by line and column as changes by offset, in order, with the line ends that the text has.

    Lines end with LF, CRLF or CR, as editors count them. An end one line below the last is the end of the text.

    Raises:
        SpanError: a span is not of this text, or two overlap.
    """
    ends = list(_LINE_END.finditer(text))
    lines = [*zip([0, *(end.end() for end in ends)], [*(end.start() for end in ends), len(text)], strict=True)]
    line_end = ends[0][0] if ends else "\n"
    found = [Change(*_offsets(lines, edit.span), _LINE_END.sub(line_end, edit.text)) for edit in edits]
    found.sort(key=lambda change: (change.start, change.end))
    if any(one.end > two.start for one, two in itertools.pairwise(found)):
        raise SpanError("the edits of one fix overlap")
    return tuple(found)


def _offsets(lines: Sequence[tuple[int, int]], span: Span) -> tuple[int, int]:
    """The offsets of a span; ``lines`` are the offsets at which the lines begin and end."""
    start, end = _offset(lines, span.line, span.column), _offset(lines, span.end_line, span.end_column)
    if start > end:
        raise SpanError(f"{span} ends before it begins")
    return start, end


def _offset(lines: Sequence[tuple[int, int]], line: int, column: int) -> int:
    if line == len(lines) + 1 and column == 1:
        return lines[-1][1]
    if 1 <= line <= len(lines) and 1 <= column <= lines[line - 1][1] - lines[line - 1][0] + 1:
        return lines[line - 1][0] + column - 1
    raise SpanError(f"there is no line {line}, column {column}")


def _patch(text: str, finding: Finding) -> _Patch | None:
    """The changes of a finding's fix; None if it changes nothing, or does not fit the text."""
    try:
        changes = changes_of(text, finding.fix.edits if finding.fix else ())
    except SpanError:
        return None
    return _Patch(finding, changes) if any(text[c.start : c.end] != c.text for c in changes) else None


def _chosen(patches: Iterable[_Patch]) -> list[_Patch]:
    """The first of those that are in the way of each other; of equal ones one, for it does for all of them."""
    chosen: list[_Patch] = []
    for patch in patches:
        if not patch.conflicts(chosen):
            chosen.append(patch)
    return chosen


def _one_by_one(
    text: str, patches: Iterable[_Patch], readable: Callable[[str], bool]
) -> tuple[list[_Patch], list[_Patch]]:
    """Those after each of which the text can be read, and those that would spoil it."""
    kept: list[_Patch] = []
    broken: list[_Patch] = []
    for patch in patches:
        if readable(apply(text, _changes([*kept, patch]))):
            kept.append(patch)
        else:
            broken.append(patch)
    return kept, broken


def _changes(patches: Iterable[_Patch]) -> list[Change]:
    """All changes of patches that do not conflict, in order; equal positions are of one patch, and stay as they are."""
    return sorted((change for patch in patches for change in patch.changes), key=lambda c: (c.start, c.end))


def _moved(traces: Iterable[Trace], changes: Sequence[Change]) -> Iterator[Trace]:
    """Traces of earlier passes, where they are after the changes; without those that were written over."""
    for trace in traces:
        if not any(change.start < trace.end and trace.start < change.end for change in changes):
            shift = sum(len(c.text) - (c.end - c.start) for c in changes if c.end <= trace.start)
            yield replace(trace, start=trace.start + shift, end=trace.end + shift)


def _traces(patches: Iterable[_Patch], changes: Sequence[Change]) -> Iterator[Trace]:
    """Where what the patches write is in the new text."""
    shifts = [0]
    for change in changes:
        shifts.append(shifts[-1] + len(change.text) - (change.end - change.start))
    starts = [change.start for change in changes]
    for patch in patches:
        for change in patch.changes:
            if change.text:
                start = change.start + shifts[bisect.bisect_left(starts, change.start)]
                yield Trace(patch.finding.rule, start, start + len(change.text), change.text)
