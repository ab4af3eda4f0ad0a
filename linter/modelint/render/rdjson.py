"""The Reviewdog Diagnostic Format, whose suggestions reviewdog turns into suggested changes.

As ``proto/rdf/reviewdog.proto`` of reviewdog/reviewdog has it: ends are exclusive, and columns count the bytes of a
line in UTF-8.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence

from modelint.finding import Edit, Finding, Place, Severity, Span
from modelint.render.results import Results, effective_severity, verdict_of
from modelint.render.terminal import Terminal, printable

_SEVERITIES = {Severity.NOTE: "INFO", Severity.WARNING: "WARNING", Severity.ERROR: "ERROR"}


def render(results: Results, terminal: Terminal) -> str:
    """One JSON object, a ``DiagnosticResult``."""
    diagnostics = [_diagnostic(finding, results) for finding in results.findings]
    return json.dumps({"source": {"name": "modelint"}, "diagnostics": diagnostics}, indent=2) + "\n"


def _diagnostic(finding: Finding, results: Results) -> dict[str, object]:
    place, lines = results.hosted(finding.place), results.lines(Place(finding.place.path))
    at = f" (node {printable(place.node)})" if place.node is not None else ""
    verdict = f" ({printable(verdict_of(finding))})" if finding.confirmation is not None else ""
    location: dict[str, object] = {"path": printable(place.path)}
    if (span := place.in_file) is not None:
        location["range"] = _range(span, lines)
    diagnostic: dict[str, object] = {
        "message": printable(finding.message) + at + verdict,
        "location": location,
        "severity": _SEVERITIES[effective_severity(finding)],
        "code": {"value": finding.rule},
    }
    if finding.fix is not None and finding.fix.edits and lines:
        edit = _joined([edit.in_file for edit in finding.fix.edits], lines)
        diagnostic["suggestions"] = [{"range": _range(edit.span, lines), "text": edit.text}]
    return diagnostic


def _joined(edits: Sequence[Edit], lines: Sequence[str]) -> Edit:
    """Several edits as one, with the source between them: a reader may take one suggestion and leave the next."""
    ordered = sorted(edits, key=lambda edit: edit.span)
    text = ordered[0].text
    for before, after in itertools.pairwise(ordered):
        start, end = before.span, after.span
        text += _source(Span(start.end_line, start.end_column, end.line, end.column), lines) + after.text
    first, last = ordered[0].span, ordered[-1].span
    return Edit(Span(first.line, first.column, last.end_line, last.end_column), text)


def _source(span: Span, lines: Sequence[str]) -> str:
    """The source text of a span."""
    if span.line == span.end_line:
        return lines[span.line - 1][span.column - 1 : span.end_column - 1]
    first, last = lines[span.line - 1][span.column - 1 :], lines[span.end_line - 1][: span.end_column - 1]
    return "\n".join((first, *lines[span.line : span.end_line - 1], last))


def _range(span: Span, lines: Sequence[str]) -> dict[str, object]:
    return {
        "start": {"line": span.line, "column": _byte_column(span.line, span.column, lines)},
        "end": {"line": span.end_line, "column": _byte_column(span.end_line, span.end_column, lines)},
    }


def _byte_column(line: int, column: int, lines: Sequence[str]) -> int:
    """A column in code points, in bytes."""
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    before = text[: column - 1]
    return column - len(before) + len(before.encode("utf-8", "replace"))
