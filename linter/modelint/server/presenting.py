"""Findings to diagnostics: positions in the units that the client counts in, severities, reasons, fixes.

Takes findings and the lines that they stand in, gives what ``textDocument/publishDiagnostics`` sends. It reads nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lsprotocol import types
from pygls.uris import from_fs_path
from pygls.workspace import PositionCodec

from modelint.finding import Finding, Fix, Place, Safety, Severity, Span
from modelint.rule import Rule
from modelint.server.opened import Opened, Source
from modelint.suppress import UNUSED

SOURCE = "modelint"
SEVERITIES = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
    Severity.NOTE: types.DiagnosticSeverity.Information,
}
START = Span(1, 1, 1, 1)

Lines = Callable[[Place], Sequence[str]]


def client_range(codec: PositionCodec, lines: Sequence[str], span: Span) -> types.Range:
    """A span of some lines as the client counts."""
    start = types.Position(span.line - 1, span.column - 1)
    end = types.Position(span.end_line - 1, span.end_column - 1)
    return codec.range_to_client_units(lines, types.Range(start, end))


@dataclass(frozen=True, slots=True)
class Presenter:
    """What findings are presented with. ``opened`` are the open files by name."""

    codec: PositionCodec
    lines: Lines
    rules: Mapping[str, Rule]
    opened: Mapping[str, Opened]

    def diagnostic(self, finding: Finding) -> tuple[Source, types.Diagnostic] | None:
        """The open text that a finding stands in, and what is said there; None if that text is not open."""
        opened = self.opened.get(finding.place.path)
        if opened is None:
            return None
        place = self._shown(finding.place)
        source = opened.cells.get(place.cell) or next(iter(opened.cells.values()), None)
        if source is None:
            return None
        return source, types.Diagnostic(
            range=self.range(place),
            message=finding.message,
            severity=SEVERITIES[finding.severity],
            code=finding.rule,
            code_description=self._description(finding.rule),
            source=SOURCE,
            tags=[types.DiagnosticTag.Unnecessary] if finding.rule == UNUSED else None,
            related_information=self._reasons(finding) or None,
            data=self._fix(finding.place, finding.fix) if finding.fix else None,
        )

    def range(self, place: Place) -> types.Range:
        """A place as the client counts; the first line's beginning for a file as a whole."""
        return client_range(self.codec, self.lines(place.source), place.span or START)

    def _shown(self, place: Place) -> Place:
        """The place in a text that the client has: in a cell, or in the file if that is open as a text."""
        opened = self.opened.get(place.path)
        if place.cell is None or (opened is not None and place.cell in opened.cells):
            return place
        return Place(place.path, place.in_file)

    def _reasons(self, finding: Finding) -> list[types.DiagnosticRelatedInformation]:
        reasons = []
        for reason in finding.because:
            place = self._shown(reason.place)
            location = types.Location(self._uri(place), self.range(place))
            reasons.append(types.DiagnosticRelatedInformation(location, reason.message))
        return reasons

    def _uri(self, place: Place) -> str:
        opened = self.opened.get(place.path)
        source = opened.cells.get(place.cell) if opened else None
        if source is not None:
            return source.uri
        return opened.uri if opened else from_fs_path(os.path.abspath(place.path)) or ""

    def _description(self, rule: str) -> types.CodeDescription | None:
        """Where the rule's page can be read: in its own file, as long as it has no other place."""
        file = self.rules[rule].file if rule in self.rules else None
        return types.CodeDescription(Path(file).as_uri()) if file else None

    def _fix(self, place: Place, fix: Fix) -> dict[str, object] | None:
        """A fix as data of a diagnostic, from which the code action is made."""
        edits = []
        for edit in fix.edits:
            shown = self._shown(Place(place.path, edit.span, cell=edit.cell))
            if edit.cell is not None and shown.cell is None:
                edit = edit.in_file
                shown = Place(place.path, edit.span)
            at = self.range(shown)
            start, end = ({"line": each.line, "character": each.character} for each in (at.start, at.end))
            edits.append({"uri": self._uri(shown), "range": {"start": start, "end": end}, "newText": edit.text})
        return {"title": fix.title, "safe": fix.safety is Safety.SAFE, "edits": edits}
