"""GitLab's code quality report: the part of the Code Climate format that GitLab reads.

Properties as GitLab's documentation has them (CI/CD, Code Quality, "Code Quality report format"). GitLab takes issues
of one fingerprint for one issue, and shows as new what has a new one.
"""

from __future__ import annotations

import json

from modelint.finding import Finding, Severity
from modelint.render.fingerprint import fingerprints
from modelint.render.results import Results, effective_severity, is_failure, verdict_of
from modelint.render.terminal import Terminal, printable

_SEVERITIES = {Severity.NOTE: "info", Severity.WARNING: "minor", Severity.ERROR: "major"}


def render(results: Results, terminal: Terminal) -> str:
    """A JSON array with one object per finding."""
    marks = fingerprints(results)
    issues = [_issue(finding, mark, results) for finding, mark in zip(results.findings, marks, strict=True)]
    return json.dumps(issues, indent=2) + "\n"


def _issue(finding: Finding, fingerprint: str, results: Results) -> dict[str, object]:
    place = results.hosted(finding.place)
    at = f" (node {printable(place.node)})" if place.node is not None else ""
    verdict = f" ({printable(verdict_of(finding))})" if finding.confirmation is not None else ""
    lines = {"begin": span.line, "end": span.end_line} if (span := place.in_file) else {"begin": 1}
    return {
        "description": printable(finding.message) + at + verdict,
        "check_name": finding.rule,
        "fingerprint": fingerprint,
        "severity": "blocker" if is_failure(finding) else _SEVERITIES[effective_severity(finding)],
        "location": {"path": printable(place.path), "lines": lines},
    }
