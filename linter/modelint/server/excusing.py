"""A comment that excuses a finding, as an edit of the text that is open.

Takes the text of a document or a cell, a rule and a place, gives the insertion. What is written where is decided by
``modelint.ignores``; the reason is left to whoever accepts it.
"""

from __future__ import annotations

from modelint.documents.ipython import python_lines
from modelint.finding import Confidence, Edit, Finding, Place, Severity, Span
from modelint.ignores import ignore, line_edits
from modelint.selection import FAILURE_ENTRIES, OWN_ENTRIES
from modelint.server.opened import source_lines

REASON = "say why"

_NEVER = frozenset(entry.name for entry in (*OWN_ENTRIES, *FAILURE_ENTRIES))


def excuse(text: str, rule: str, span: Span, *, in_cell: bool) -> Edit | None:
    """The insertion of a comment for a finding of ``rule`` at ``span``; None if there is no place for one."""
    if rule in _NEVER:
        return None
    lines = source_lines(text)
    shifts = [0] * len(lines)
    if in_cell:
        python = python_lines(lines) if _is_refused(lines, rule, span) else ()
        lines = [line.text for line in python] or lines
        shifts = [line.shift for line in python] or shifts
    for edit in line_edits(lines, _with_comment(lines, rule, span) or lines):
        number, shift = edit.span.line, shifts[edit.span.line - 1]
        return Edit(Span(number, edit.span.column + shift, number, edit.span.end_column + shift), edit.text)
    return None


def _is_refused(lines: list[str], rule: str, span: Span) -> bool:
    return _with_comment(lines, rule, span) is None


def _with_comment(lines: list[str], rule: str, span: Span) -> list[str] | None:
    finding = Finding(rule, Severity.NOTE, Confidence.HIGH, Place("", span), "")
    result = ignore("", "\n".join(lines), [finding], REASON)
    return source_lines(result.text) if result.ignored else None
