"""A comment for a pull request, in GitHub's and GitLab's Markdown.

A table of what was found, and below each finding, folded, its source and its chain of reasons. Names and messages are
escaped: they can neither mark up the comment nor mention anybody. The first line lets a program find its own comment.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from modelint.finding import Finding, Severity
from modelint.render.full import described, divided, location
from modelint.render.results import Results, effective_severity, is_failure, verdict_of
from modelint.render.summary import counted
from modelint.render.terminal import PLAIN, Terminal, printable

MARKER = "<!-- modelint -->"

LONGEST = 60_000
"""Characters; GitHub takes comments of 65,536."""

_SIGNS = {Severity.ERROR: "🔴", Severity.WARNING: "🟡", Severity.NOTE: "🔵"}
_PUNCTUATION = re.compile(r"([\\`*_{}\[\]<>|~$!&])")
_REFERENCE = re.compile(r"([@#])(?=\w)")
"""What GitHub makes mentions and links to issues of; an empty comment parts it, which nothing else prevents."""


def render(results: Results, terminal: Terminal) -> str:
    """The comment; what would make it too long is counted, not shown."""
    text = f"{MARKER}\n### modelint: {_title(results)}\n"
    shown = 0
    for finding in results.findings:
        block = "\n" + "\n".join(_finding(finding, results)) + "\n"
        if len(text) + len(block) > LONGEST:
            break
        text += block
        shown += 1
    left = len(results.findings) - shown
    return f"{text}\n… and {counted(left, 'more finding')}, too long for a comment.\n" if left else text


def _title(results: Results) -> str:
    if not results.findings:
        return "all clear ✅"
    found = Counter(finding.severity for finding in results.findings)
    parts = (counted(found[severity], severity.value) for severity in sorted(Severity, reverse=True) if found[severity])
    unread = len({finding.place.path for finding in results.findings if is_failure(finding)})
    failed = f"; {counted(unread, 'file')} could not be examined" if unread else ""
    return f"{counted(len(results.findings), 'finding')} ({', '.join(parts)}){failed}"


def _finding(finding: Finding, results: Results) -> Iterator[str]:
    """What is wrong, where, and what to do; and, folded, how modelint came to it."""
    wrong, advice = divided(finding)
    unsure = "" if finding.confidence.value == "high" else f" ({finding.confidence.value} confidence)"
    yield f"{_SIGNS[effective_severity(finding)]} **{finding.severity.value}: {_escaped(wrong)}**{unsure} <br>"
    yield f"{_code(location(results.hosted(finding.place)))} · {_code(finding.rule)}"
    if advice:
        yield f"<br> **help:** {_escaped(advice)}"
    if finding.confirmation is not None:
        verdict, _, said = verdict_of(finding).partition(": ")
        yield f"<br> **{verdict}:** {_escaped(said)}"
    text = described(finding, results.lines, PLAIN)
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    yield "\n<details><summary>source and reasons</summary>\n"
    yield f"{fence}text\n{text}{fence}\n"
    yield "</details>"


def _escaped(text: str) -> str:
    """Text that Markdown shows as it is."""
    return _REFERENCE.sub(r"\1<!-- -->", _PUNCTUATION.sub(r"\\\1", printable(text)))


def _code(text: str) -> str:
    """A code span, whatever the text holds."""
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"
