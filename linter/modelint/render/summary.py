"""Counts: the line that ends a text report, and the table of ``--statistics``."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence

from modelint.finding import Confirmation, Finding, Severity, Verdict
from modelint.render.full import location
from modelint.render.results import is_unmended, said
from modelint.render.terminal import SEVERITY_STYLES, Style, Terminal, printable
from modelint.selection import UNREADABLE


def summary(
    findings: Sequence[Finding], examined: int, unsure: int, terminal: Terminal, hidden: Sequence[str] = ()
) -> str:
    """What the run comes to, in a few lines; ``unsure`` counts findings not shown, ``hidden`` says of others."""
    files = counted(examined, "file")
    if findings:
        found = Counter(finding.severity for finding in findings)
        parts = [
            terminal.paint(counted(found[severity], severity.value), SEVERITY_STYLES[severity])
            for severity in sorted(Severity, reverse=True)
            if found[severity]
        ]
        where = counted(len({finding.place.path for finding in findings}), "file")
        total = terminal.paint(counted(len(findings), "finding"), Style.STRONG)
        unreadable = [finding.place for finding in findings if finding.rule == UNREADABLE]
        failed = len({place.path for place in unreadable})
        in_full = " in full" if any(place.cell for place in unreadable) else ""
        done = f"{failed:,} of {files} could not be examined{in_full}" if failed else f"{files} examined"
        text = f"{total} ({', '.join(parts)}) in {where}; {done}"
    else:
        text = f"{terminal.paint('Nothing new' if hidden else 'All clear', Style.HELP)}: {files} examined"
    them = "it" if unsure == 1 else "them"
    doubtful = f"{counted(unsure, 'finding')} of lower confidence not shown; --pedantic shows {them}"
    return "".join(f"{line}\n" for line in (text, *_settled(findings), *hidden, *([doubtful] if unsure else [])))


def _settled(findings: Sequence[Finding]) -> list[str]:
    """How many findings running the models confirmed and refuted; nothing if none was to be settled."""
    verdicts = Counter(finding.confirmation.verdict for finding in findings if finding.confirmation is not None)
    parts = [f"{verdicts[verdict]:,} {verdict.value}" for verdict in Verdict if verdicts[verdict]]
    return [f"{', '.join(parts)} by running the models"] if parts else []


def fixed(findings: Sequence[Finding], terminal: Terminal) -> str:
    """What was fixed, as a line; nothing if nothing was."""
    if not findings:
        return ""
    where = counted(len({finding.place.path for finding in findings}), "file")
    number = counted(len(findings), "finding")
    return f"{terminal.paint(f'{number} fixed', Style.HELP)} in {where}\n"


def verified(findings: Sequence[Finding], terminal: Terminal) -> str:
    """What was measured before and after each fix; nothing if nothing was."""
    return "".join(f"{line}\n" for finding in findings for line in _verified(finding, terminal))


def _verified(finding: Finding, terminal: Terminal) -> list[str]:
    confirmation = finding.confirmation
    if confirmation is None or confirmation.after is None:
        return []
    before, after = confirmation, confirmation.after
    numbers = [_difference(one) for one in (before, after)]
    measured = f": {numbers[0]} before, {numbers[1]} after" if all(numbers) else ""
    if is_unmended(before):
        outcome = terminal.paint("the fix did not remove what was measured", SEVERITY_STYLES[Severity.ERROR])
    elif before.verdict is Verdict.CONFIRMED and after.verdict is Verdict.REFUTED:
        outcome = terminal.paint("the fix removed what was measured", Style.HELP)
    else:
        outcome = "measuring does not settle what the fix did"
    return [
        f"{location(finding.place)}: {finding.rule}: {outcome}{measured}",
        f"   = before: {printable(said(before))}",
        f"   = after: {printable(said(after))}",
    ]


def _difference(confirmation: Confirmation) -> str:
    """The difference that was measured, over the size of the output where that is known."""
    if confirmation.relative is not None:
        return f"{confirmation.relative:.2g} times the size of the output"
    return f"{confirmation.absolute:.2g}" if confirmation.absolute is not None else ""


def fixable(with_fix: int, with_unsafe: int) -> str:
    """How many findings the options would fix, as a line; nothing if there are none."""
    if with_fix and with_unsafe:
        return f"{with_fix:,} fixable with --fix, {with_unsafe:,} more with --unsafe-fixes\n"
    if with_fix:
        return f"{with_fix:,} fixable with --fix\n"
    return f"{with_unsafe:,} fixable with --fix --unsafe-fixes\n" if with_unsafe else ""


def counted(number: int, noun: str) -> str:
    """``"1 file"``, ``"2 files"``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def statistics(findings: Sequence[Finding], summaries: Mapping[str, str], terminal: Terminal) -> str:
    """How many findings of each rule, the most frequent first."""
    rows = _statistics(findings)
    digits = max((len(str(row[2])) for row in rows), default=1)
    longest = max((len(row[0]) for row in rows), default=0)
    return "".join(
        f"{count:>{digits}}  {terminal.paint(f'{severity.value:<7}', SEVERITY_STYLES[severity])}"
        f"  {terminal.paint(f'{rule:<{longest}}', Style.STRONG)}  {summaries.get(rule, '')}".rstrip()
        + "\n"
        for rule, severity, count, _ in rows
    )


def statistics_json(findings: Sequence[Finding]) -> str:
    """The same as a JSON array."""
    rows = [
        {"rule": rule, "severity": severity.value, "count": count, "files": files}
        for rule, severity, count, files in _statistics(findings)
    ]
    return json.dumps(rows, indent=2) + "\n"


def _statistics(findings: Sequence[Finding]) -> list[tuple[str, Severity, int, int]]:
    """Rule, its highest severity, its findings, the files they are in."""
    by_rule: dict[str, list[Finding]] = {}
    for finding in findings:
        by_rule.setdefault(finding.rule, []).append(finding)
    rows = [
        (rule, max(f.severity for f in found), len(found), len({f.place.path for f in found}))
        for rule, found in by_rule.items()
    ]
    return sorted(rows, key=lambda row: (-row[2], row[0]))
