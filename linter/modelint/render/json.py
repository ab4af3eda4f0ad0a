"""The machine-readable format: a JSON array with one object per finding."""

from __future__ import annotations

import json
from dataclasses import asdict

from modelint.finding import Confirmation, Evidence, Finding, Fix, Span
from modelint.render.fingerprint import fingerprints
from modelint.render.results import Results
from modelint.render.terminal import Terminal


def render(results: Results, terminal: Terminal) -> str:
    """The array; ASCII only, whatever the file names hold."""
    return json.dumps(objects(results), indent=2) + "\n"


def objects(results: Results) -> list[dict[str, object]]:
    """One object per finding; after them those of fixed ones whose fixes were verified, whose lines are gone."""
    marks = fingerprints(results)
    found = [_finding(finding, mark, fixed=False) for finding, mark in zip(results.findings, marks, strict=True)]
    return found + [_finding(finding, None, fixed=True) for finding in results.fixed]


def _finding(finding: Finding, fingerprint: str | None, *, fixed: bool) -> dict[str, object]:
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "confidence": finding.confidence.value,
        "path": finding.place.path,
        "cell": finding.place.cell,
        "node": finding.place.node,
        **_range(finding.place.span),
        "message": finding.message,
        "because": [_reason(reason) for reason in finding.because],
        "fix": _fix(finding.fix) if finding.fix else None,
        "confirmation": confirmation(finding.confirmation) if finding.confirmation else None,
        "fixed": fixed,
        "fingerprint": fingerprint,
    }


def confirmation(of: Confirmation) -> dict[str, object]:
    """What running the model said, with all that was measured."""
    after = confirmation(of.after) if of.after is not None else None
    return {**asdict(of), "verdict": of.verdict.value, "after": after}


def _range(span: Span | None) -> dict[str, int | None]:
    return {
        "line": span.line if span else None,
        "column": span.column if span else None,
        "end_line": span.end_line if span else None,
        "end_column": span.end_column if span else None,
    }


def _reason(reason: Evidence) -> dict[str, object]:
    span = reason.place.span
    return {
        "path": reason.place.path,
        "cell": reason.place.cell,
        "line": span.line if span else None,
        "column": span.column if span else None,
        "message": reason.message,
    }


def _fix(fix: Fix) -> dict[str, object]:
    edits = [{"cell": edit.cell, **_range(edit.span), "text": edit.text} for edit in fix.edits]
    return {"title": fix.title, "safety": fix.safety.value, "edits": edits}
