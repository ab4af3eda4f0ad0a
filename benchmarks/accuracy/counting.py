"""Counting: sites and findings of one checkout -> what was right and what was wrong.

A finding **meets** a site if it stands in the same file, has the site's rule, and either its first line is at most
``tolerance`` lines from the site or the site lies within the finding's lines. A site that names no rule is met by any
finding, of whatever rule, that covers the site's line. Pairs are made one to one, nearest first, so that one finding
never counts for two sites; of sites equally near, one that expects a finding comes first. What is left over beside a
site that is taken repeats it, and counts nowhere.

One cause is one finding, and a fix may have changed several lines for it. A site that expects a finding and meets none
is **named** if a finding of its rule gives a call or definition on its line as a reason; such sites are counted by
themselves.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from sites import Expectation, Site


@dataclass(frozen=True, slots=True)
class Reported:
    """A finding as the linter's JSON output states it, lines counted from 1; in a notebook, over all its cells."""

    path: str
    line: int
    end_line: int
    rule: str
    message: str
    cell: int | None = None
    reasons: tuple[tuple[str, int, int], ...] = ()
    """Path, first and last line of each step that led to the finding."""


class Verdict(enum.Enum):
    """What the linter did at a site."""

    TRUE_POSITIVE = "found"
    NAMED = "named"
    FALSE_NEGATIVE = "missed"
    FALSE_POSITIVE = "false alarm"
    TRUE_NEGATIVE = "silent"
    NOT_COUNTED = "not counted"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A site, what the linter did there, and the finding that met it, if one did."""

    site: Site
    verdict: Verdict
    finding: Reported | None

    @property
    def rule(self) -> str:
        """The rule this outcome is counted for: the site's, or where it names none the finding's."""
        return self.site.rule or (self.finding.rule if self.finding else "(no rule)")


def compare(
    sites: Sequence[Site], findings: Sequence[Reported], tolerance: int
) -> tuple[list[Outcome], list[Reported]]:
    """The outcome at each site, in order, and the findings in the sites' files that meet none of them."""
    pairs = sorted(
        (distance, site.expectation is not Expectation.SPEAK, index, number)
        for index, site in enumerate(sites)
        for number, finding in enumerate(findings)
        if (distance := _distance(site, finding, tolerance)) is not None
    )
    met: dict[int, int] = {}
    used: set[int] = set()
    for _, _, index, number in pairs:
        if index not in met and number not in used:
            met[index] = number
            used.add(number)
    outcomes = [_outcome(site, findings[met[index]] if index in met else None) for index, site in enumerate(sites)]
    near = {number for _, _, _, number in pairs}
    files = {site.path for site in sites}
    unlabelled = [each for number, each in enumerate(findings) if number not in near and each.path in files]
    return [_named(outcome, findings) for outcome in outcomes], unlabelled


def _named(outcome: Outcome, findings: Sequence[Reported]) -> Outcome:
    """The outcome of a missed site, if a finding of its rule names the site as a reason."""
    site = outcome.site
    if outcome.verdict is not Verdict.FALSE_NEGATIVE or site.rule is None:
        return outcome
    for finding in findings:
        reasons = (lines for path, *lines in finding.reasons if path == site.path)
        if finding.rule == site.rule and any(first <= site.end_line and site.line <= last for first, last in reasons):
            return Outcome(site, Verdict.NAMED, finding)
    return outcome


def _distance(site: Site, finding: Reported, tolerance: int) -> int | None:
    """How far the finding stands from the site (0: begins there, 1: covers it, then lines); None: they do not meet."""
    if site.path != finding.path:
        return None
    covers = finding.line <= site.end_line and site.line <= finding.end_line
    if site.rule is None:
        return (0 if site.line <= finding.line <= site.end_line else 1) if covers else None
    if site.rule != finding.rule:
        return None
    if site.line <= finding.line <= site.end_line:
        return 0
    if covers:
        return 1
    gap = min(abs(finding.line - site.line), abs(finding.line - site.end_line))
    return 1 + gap if gap <= tolerance else None


def _outcome(site: Site, finding: Reported | None) -> Outcome:
    if not site.counted:
        return Outcome(site, Verdict.NOT_COUNTED, finding)
    if site.expectation is Expectation.SPEAK:
        return Outcome(site, Verdict.TRUE_POSITIVE if finding else Verdict.FALSE_NEGATIVE, finding)
    return Outcome(site, Verdict.FALSE_POSITIVE if finding else Verdict.TRUE_NEGATIVE, finding)


@dataclass(slots=True)
class Tally:
    """How often the linter did what, for one rule or one repository."""

    counts: dict[Verdict, int] = field(default_factory=lambda: dict.fromkeys(Verdict, 0))

    @property
    def precision(self) -> float | None:
        """True positives among the labelled sites where the rule spoke; None if it never did."""
        return _ratio(self.counts[Verdict.TRUE_POSITIVE], self.counts[Verdict.FALSE_POSITIVE])

    @property
    def recall(self) -> float | None:
        """True positives among the sites where the rule should have spoken; None if there are none."""
        missed = self.counts[Verdict.FALSE_NEGATIVE] + self.counts[Verdict.NAMED]
        return _ratio(self.counts[Verdict.TRUE_POSITIVE], missed)

    @property
    def recall_with_named(self) -> float | None:
        """The same with the sites that are named as the reason of a finding."""
        told = self.counts[Verdict.TRUE_POSITIVE] + self.counts[Verdict.NAMED]
        return _ratio(told, self.counts[Verdict.FALSE_NEGATIVE])


def tally(outcomes: Iterable[Outcome], key: Callable[[Outcome], str]) -> dict[str, Tally]:
    """The outcomes counted by ``key``, in the order of the keys, what is not counted left out."""
    tallies: dict[str, Tally] = {}
    for outcome in outcomes:
        if outcome.verdict is not Verdict.NOT_COUNTED:
            tallies.setdefault(key(outcome), Tally()).counts[outcome.verdict] += 1
    return dict(sorted(tallies.items()))


def _ratio(good: int, bad: int) -> float | None:
    return good / (good + bad) if good + bad else None
