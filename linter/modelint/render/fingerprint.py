"""What a finding is called across runs, so that a moved line is not a new finding."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

from modelint.finding import Finding
from modelint.render.full import Lines


def fingerprints(findings: Sequence[Finding], lines: Lines) -> tuple[str, ...]:
    """One per finding, all different: the rule, the marked lines without whitespace, and the how-manieth equal one."""
    seen: Counter[str] = Counter()
    found = []
    for finding in findings:
        marked = "".join(_marked(finding, lines).split())
        digest = hashlib.sha256(f"{finding.rule}\0{marked}".encode("utf-8", "surrogatepass")).hexdigest()[:16]
        seen[digest] += 1
        found.append(f"{digest}:{seen[digest]}")
    return tuple(found)


def _marked(finding: Finding, lines: Lines) -> str:
    place = finding.place
    if place.span is None:
        return f"{place.path}\0{place.node or ''}"
    return "".join(lines(place.path)[place.span.line - 1 : place.span.end_line])
