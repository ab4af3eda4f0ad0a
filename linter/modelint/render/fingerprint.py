"""What identifies a finding between runs, so that a moved line is not a new finding.

A finding is known by its rule and by the lines that it marks, without whitespace and without the comments at their
ends; of findings that are equal in this, by their order in the file. Line numbers, and all other lines, do not matter.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence

from modelint.finding import Finding
from modelint.render.results import Lines, Results

_TRAILING_COMMENT = re.compile(r"\s#.*")
"""A number sign in a string is taken for one too: then less of the line counts, and nothing else."""

_DIGITS = 16


def contents(findings: Sequence[Finding], lines: Lines) -> tuple[str, ...]:
    """For each finding what it says and marks, whatever the name of its file. Equal for equal statements."""
    return tuple(_digest(finding.rule, _marked(finding, lines)) for finding in findings)


def fingerprints(results: Results) -> tuple[str, ...]:
    """For each finding one of its own: its file, its content, and the how-manieth equal one it is in the file."""
    seen: Counter[str] = Counter()
    found = []
    for finding, content in zip(results.findings, contents(results.findings, results.lines), strict=True):
        digest = _digest(results.hosted(finding.place).path, content)
        seen[digest] += 1
        found.append(f"{digest}:{seen[digest]}")
    return tuple(found)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]


def _marked(finding: Finding, lines: Lines) -> str:
    """The text that a finding marks; of one without a span its node, or its message."""
    place = finding.place
    if place.span is None:
        return place.node or finding.message
    marked = lines(place.source)[place.span.line - 1 : place.span.end_line]
    return "".join("".join(_TRAILING_COMMENT.sub("", line).split()) for line in marked)
