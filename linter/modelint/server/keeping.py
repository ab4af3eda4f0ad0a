"""Findings of a text that cannot be read any more, where their lines are now.

While somebody types, a text is broken most of the time. What was found before then stays, at the lines that are still
there, until the text can be examined again. Takes findings and the lines that they were made on, gives those whose
lines still exist.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from modelint.finding import Finding, Place, Span


def kept(findings: Iterable[Finding], before: Sequence[str], after: Sequence[str]) -> tuple[Finding, ...]:
    """The findings of one source whose lines are still there, where they are now. They have no fixes."""
    lines = _moved_lines(before, after)
    found = []
    for finding in findings:
        place = _moved(finding.place, lines)
        if place is not None:
            because = tuple(
                replace(reason, place=_moved(reason.place, lines) or finding.place)
                if reason.place.source == finding.place.source
                else reason
                for reason in finding.because
            )
            found.append(replace(finding, place=place, because=because, fix=None))
    return tuple(found)


def _moved_lines(before: Sequence[str], after: Sequence[str]) -> Mapping[int, int]:
    """The new number of every line that is still there, counted from 1."""
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    return {
        block.a + offset + 1: block.b + offset + 1
        for block in matcher.get_matching_blocks()
        for offset in range(block.size)
    }


def _moved(place: Place, lines: Mapping[int, int]) -> Place | None:
    span = place.span
    if span is None:
        return place
    numbers = range(span.line, span.end_line + 1)
    if span.line not in lines or any(lines.get(n) != lines[span.line] + n - span.line for n in numbers):
        return None
    shift = lines[span.line] - span.line
    return replace(place, span=Span(span.line + shift, span.column, span.end_line + shift, span.end_column))
