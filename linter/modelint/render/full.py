"""The format for people: every finding with its source, its chain of reasons and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from modelint.finding import Confidence, Evidence, Finding, Place, Safety
from modelint.render.excerpt import Label, excerpt
from modelint.render.results import Lines, Results, verdict_of
from modelint.render.terminal import SEVERITY_STYLES, Style, Terminal, printable

_FIXABLE = {Safety.SAFE: "fixable with --fix", Safety.UNSAFE: "fixable with --fix --unsafe-fixes"}

MOST_REASONS = 8
"""Reasons that are shown of a chain; the JSON has them all."""


def render(results: Results, terminal: Terminal) -> str:
    """All findings, parted by blank lines."""
    return "".join(described(finding, results.lines, terminal) + "\n" for finding in results.findings)


def described(finding: Finding, lines: Lines, terminal: Terminal) -> str:
    """One finding."""
    return "\n".join(_finding(finding, lines, terminal)) + "\n"


def location(place: Place) -> str:
    """``path:line:column``, as far as they are known, in a form that editors follow."""
    parts = [printable(place.path)]
    if place.cell is not None:
        parts.append(f"cell {place.cell}")
    if place.span is not None:
        parts += [str(place.span.line), str(place.span.column)]
    elif place.node is not None:
        parts.append(f" node {printable(place.node)!r}")
    return ":".join(parts)


def divided(finding: Finding) -> tuple[str, str]:
    """What is wrong, and what to do about it (empty if the message does not say)."""
    wrong, _, advice = finding.message.partition("; ")
    return printable(wrong), printable(advice or (finding.fix.title if finding.fix else ""))


def _finding(finding: Finding, lines: Lines, terminal: Terminal) -> Iterator[str]:
    wrong, advice = divided(finding)
    style = SEVERITY_STYLES[finding.severity]
    title = terminal.paint(f"{finding.severity.value}[{finding.rule}]", style)
    unsure = "" if finding.confidence is Confidence.HIGH else f" ({finding.confidence.value} confidence)"
    yield f"{title}{terminal.paint(f': {wrong}', Style.STRONG)}{terminal.paint(unsure, Style.FAINT)}"
    reasons = finding.because[:MOST_REASONS]
    numbered = _numbered([reason for reason in reasons if reason.place.span and lines(reason.place.source)])
    labels = _labels(finding, numbered, style)
    gutter = max((len(str(label.span.line + 1)) for group in labels.values() for label in group), default=1)
    yield from _excerpts(finding.place, labels, lines, gutter, terminal)
    notes = [("because", f"{location(r.place)}: {r.message}") for r in reasons if not any(r is s for s, _ in numbered)]
    if len(finding.because) > len(reasons):
        notes.append(("because", f"and {len(finding.because) - len(reasons)} more steps"))
    if finding.confirmation is not None:
        verdict, _, said = verdict_of(finding).partition(": ")
        notes.append((verdict, said))
    if advice:
        notes.append(("help", f"{advice} ({_FIXABLE[finding.fix.safety]})" if finding.fix else advice))
    for word, text in notes:
        painted = terminal.paint(word, Style.HELP if word == "help" else Style.STRONG)
        yield f"{' ' * gutter} {terminal.paint('=', Style.FRAME)} {painted}: {printable(text)}"


def _excerpts(
    place: Place, labels: Mapping[Place, Sequence[Label]], lines: Lines, gutter: int, terminal: Terminal
) -> Iterator[str]:
    """Where the finding stands, and for every file the lines that are marked in it."""
    yield f"{' ' * gutter}{terminal.paint('-->', Style.FRAME)} {location(place)}"
    edge = f"{' ' * gutter} {terminal.paint('|', Style.FRAME)}"
    shown = {source: group for source, group in labels.items() if group and lines(source)}
    for source, group in shown.items():
        if source != place.source:
            first = min(group, key=lambda label: label.span)
            yield edge
            yield f"{' ' * gutter}{terminal.paint(':::', Style.FRAME)} {location(replace(source, span=first.span))}"
        yield edge
        yield from excerpt(lines(source), group, gutter, terminal)
    if shown:
        yield edge


def _numbered(reasons: Sequence[Evidence]) -> list[tuple[Evidence, str]]:
    """The messages of a chain, with their order where there is one to tell."""
    if len(reasons) < 2:
        return [(reason, reason.message) for reason in reasons]
    return [(reason, f"{number}. {reason.message}") for number, reason in enumerate(reasons, 1)]


def _labels(finding: Finding, numbered: Sequence[tuple[Evidence, str]], style: Style) -> dict[Place, list[Label]]:
    """What is marked, by file or cell, the finding's own first. A reason at the finding's own place is said there."""
    labels: dict[Place, list[Label]] = {finding.place.source: []}
    here = [message for reason, message in numbered if reason.place == finding.place]
    if finding.place.span is not None:
        labels[finding.place.source].append(Label(finding.place.span, "; ".join(here), style, primary=True))
    for reason, message in numbered:
        if reason.place.span is not None and reason.place != finding.place:
            labels.setdefault(reason.place.source, []).append(Label(reason.place.span, message, Style.REASON))
    return labels
