"""SARIF 2.1.0, with what GitHub code scanning reads of it.

The format is OASIS's "Static Analysis Results Interchange Format (SARIF) Version 2.1.0"; what GitHub reads of it, and
what it requires, is in its documentation under "SARIF support for code scanning". Chains of reasons become code flows,
nodes of a model's graph logical locations, edits fixes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from modelint import __version__
from modelint.finding import Confidence, Finding, Fix, Place, Severity, Span
from modelint.render.fingerprint import fingerprints
from modelint.render.json import confirmation
from modelint.render.results import Results, effective_severity, is_failure
from modelint.render.terminal import Terminal, printable
from modelint.selection import Entry

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
ROOT = "%SRCROOT%"
LONGEST_DESCRIPTION = 1_024
"""Characters of a description that GitHub shows."""

_PROBLEM = {Severity.NOTE: "recommendation", Severity.WARNING: "warning", Severity.ERROR: "error"}
_LINK = re.compile(r"\[(?=[^\[\]]*\]\()")
"""Where SARIF's messages would begin a link (section 3.11.6)."""

_WHOLE_FILE = Span(1, 1, 1, 1)
"""GitHub refuses results without a region; this is how results about a file as a whole are commonly sent."""

Object = dict[str, Any]


def render(results: Results, terminal: Terminal) -> str:
    """The log, with one run."""
    driver: Object = {"name": "modelint", "version": __version__, "semanticVersion": __version__}
    driver["rules"] = [_rule(entry, results.findings) for entry in results.entries]
    positions = {entry.name: index for index, entry in enumerate(results.entries)}
    marks = fingerprints(results)
    run: Object = {
        "tool": {"driver": driver},
        "automationDetails": {"id": "modelint/"},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {ROOT: {"description": {"text": "The root of the repository."}}},
        "invocations": [_invocation(results)],
        "results": [_result(f, mark, positions, results) for f, mark in zip(results.findings, marks, strict=True)],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(entry: Entry, findings: Iterable[Finding]) -> Object:
    """What is known of a rule. Its precision is that of the least sure of its findings here.

    It has no ``helpUri``: the pages are published at no address that is known here. GitHub requires none, and shows
    the page itself, from ``help``.
    """
    precision = min((f.confidence for f in findings if f.rule == entry.name), default=Confidence.HIGH)
    properties = {
        "tags": [entry.category, "machine-learning"],
        "precision": precision.value,
        "problem.severity": _PROBLEM[entry.severity],
    }
    return {
        "id": entry.name,
        "shortDescription": {"text": entry.summary},
        "fullDescription": {"text": _shortened(entry.documentation.split("\n## ", 1)[0].strip())},
        "help": {"text": entry.documentation, "markdown": entry.documentation},
        "defaultConfiguration": {"level": entry.severity.value},
        "properties": properties,
    }


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_DESCRIPTION else f"{text[: LONGEST_DESCRIPTION - 1]}…"


def _invocation(results: Results) -> Object:
    """How the run went, and what it could not examine."""
    notifications = [
        {
            "descriptor": {"id": finding.rule},
            "level": "error",
            "message": {"text": _message(finding.message)},
            "locations": [_location(finding.place, results)],
        }
        for finding in results.findings
        if is_failure(finding)
    ]
    return {
        "executionSuccessful": results.exit_code < 2,
        "exitCode": results.exit_code,
        "toolExecutionNotifications": notifications,
    }


def _result(finding: Finding, fingerprint: str, positions: Mapping[str, int], results: Results) -> Object:
    result: Object = {
        "ruleId": finding.rule,
        "level": effective_severity(finding).value,
        "message": {"text": _message(finding.message)},
        "locations": [_location(finding.place, results, whole=_WHOLE_FILE)],
        "partialFingerprints": {"primaryLocationLineHash": fingerprint},
        "properties": {"confidence": finding.confidence.value},
    }
    if finding.rule in positions:
        result["ruleIndex"] = positions[finding.rule]
    if finding.because:
        steps = [_said(reason.message, _location(reason.place, results)) for reason in finding.because]
        last = _said(finding.message, _location(finding.place, results))
        flow = [{"location": step} for step in (*steps, last)]
        result["codeFlows"] = [{"threadFlows": [{"locations": flow}]}]
        result["relatedLocations"] = [{"id": number, **step} for number, step in enumerate(steps, 1)]
    if finding.fix is not None and finding.fix.edits:
        result["fixes"] = [_fix(finding.fix, finding.place, results)]
    if finding.confirmation is not None:
        result["properties"]["confirmation"] = confirmation(finding.confirmation)
    return result


def _said(message: str, location: Object) -> Object:
    return {**location, "message": {"text": _message(message)}}


def _location(place: Place, results: Results, *, whole: Span | None = None) -> Object:
    """A location; ``whole`` is the region for a place without a span, and without it there is none."""
    physical: Object = {"artifactLocation": _artifact(results.hosted(place).path)}
    span = place.in_file or whole
    if span is not None:
        physical["region"] = _region(span)
    location: Object = {"physicalLocation": physical}
    if place.node is not None:
        node = printable(place.node)
        location["logicalLocations"] = [{"name": node, "fullyQualifiedName": node, "kind": "node"}]
    return location


def _artifact(path: str) -> Object:
    """A file by its URI, relative to the root of the repository. Bytes that are no UTF-8 are percent-encoded too."""
    uri = quote(path.encode("utf-8", "surrogateescape"), safe="/~")
    return {"uri": f"file://{uri}"} if path.startswith("/") else {"uri": uri, "uriBaseId": ROOT}


def _region(span: Span) -> Object:
    return {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }


def _fix(fix: Fix, place: Place, results: Results) -> Object:
    replacements = [
        {"deletedRegion": _region(edit.span), "insertedContent": {"text": edit.text}}
        for edit in sorted((edit.in_file for edit in fix.edits), key=lambda edit: edit.span)
    ]
    change = {"artifactLocation": _artifact(results.hosted(place).path), "replacements": replacements}
    return {
        "description": {"text": _message(fix.title)},
        "artifactChanges": [change],
        "properties": {"safety": fix.safety.value},
    }


def _message(text: str) -> str:
    """One line of plain text in which no name is taken for a link."""
    return _LINK.sub(r"\\[", printable(text))
