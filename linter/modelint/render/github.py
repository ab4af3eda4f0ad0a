"""Annotations of GitHub Actions: workflow commands, a line each.

Grammar and escapes as GitHub's runner reads them (``ActionCommand.cs`` of actions/runner):
``::name key=value,…::data``, with ``%``, line ends, and in values ``:`` and ``,`` as a percent sign and two digits.
Nothing in the name of a file or a layer can end a line or a value, so none can give a command of its own.
"""

from __future__ import annotations

from collections.abc import Mapping

from modelint.finding import Finding, Place, Severity
from modelint.render.full import MOST_REASONS, location
from modelint.render.results import Results, effective_severity, verdict_of
from modelint.render.terminal import Terminal, printable

_COMMANDS = {Severity.NOTE: "notice", Severity.WARNING: "warning", Severity.ERROR: "error"}


def render(results: Results, terminal: Terminal) -> str:
    """A command per finding; its reasons are further lines of the annotation."""
    return "".join(_annotation(finding, results) for finding in results.findings)


def _annotation(finding: Finding, results: Results) -> str:
    place = results.hosted(finding.place)
    values = {"title": f"modelint ({finding.rule})", "file": printable(place.path), **_position(place)}
    because = [
        f"because {location(results.hosted(reason.place))}: {printable(reason.message)}"
        for reason in finding.because[:MOST_REASONS]
        if reason.place != finding.place
    ]
    where = [f"node {printable(place.node)}"] if place.node is not None else []
    verdict = [printable(verdict_of(finding))] if finding.confirmation is not None else []
    text = "\n".join((printable(finding.message), *where, *because, *verdict))
    return f"::{_COMMANDS[effective_severity(finding)]} {_properties(values)}::{_data(text)}\n"


def _position(place: Place) -> dict[str, str]:
    """Where in the file; columns only of what is on one line, for GitHub shows no annotation else."""
    span = place.in_file
    if span is None:
        return {}
    lines = {"line": str(span.line), "endLine": str(span.end_line)}
    if span.line != span.end_line:
        return lines
    return lines | {"col": str(span.column), "endColumn": str(span.end_column)}


def _properties(values: Mapping[str, str]) -> str:
    return ",".join(f"{key}={_data(value).replace(':', '%3A').replace(',', '%2C')}" for key, value in values.items())


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
