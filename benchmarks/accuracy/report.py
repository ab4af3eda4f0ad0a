"""The accuracy report: outcomes -> a text for people, or one JSON object."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from counting import Outcome, Reported, Tally, Verdict, tally
from sites import Expectation, Site

_COLUMNS = (Verdict.TRUE_POSITIVE, Verdict.NAMED, Verdict.FALSE_NEGATIVE, Verdict.FALSE_POSITIVE, Verdict.TRUE_NEGATIVE)
_WRONG = (Verdict.NAMED, Verdict.FALSE_NEGATIVE, Verdict.FALSE_POSITIVE)


@dataclass(slots=True)
class Result:
    """All that a run of the benchmark found out."""

    outcomes: list[Outcome] = field(default_factory=list)
    unlabelled: list[tuple[str, Reported]] = field(default_factory=list)
    """Findings in labelled files that meet no site, with the checkout's name."""
    missing: dict[str, list[Site]] = field(default_factory=dict)
    """Checkouts or files that are not there, with the sites that therefore could not be examined."""
    failed: dict[str, str] = field(default_factory=dict)
    """Checkouts over which the linter failed, and files it could not examine, with what it said."""

    @property
    def complete(self) -> bool:
        """Whether everything that was asked for was examined."""
        return not self.missing and not self.failed


def text(result: Result, show_unlabelled: bool) -> Iterator[str]:
    """The report, line by line."""
    yield from _table("rule", tally(result.outcomes, lambda outcome: outcome.rule))
    yield from _table("repository", tally(result.outcomes, lambda outcome: outcome.site.repository))
    for verdict in _WRONG:
        wrong = [outcome for outcome in result.outcomes if outcome.verdict is verdict]
        yield f"\n{verdict.value}: {len(wrong)}"
        for outcome in wrong:
            yield from _described(outcome)
    listed = [outcome for outcome in result.outcomes if outcome.verdict is Verdict.NOT_COUNTED]
    yield f"\nlisted, not counted: {len(listed)}"
    for outcome in listed:
        yield from _described(outcome)
    yield f"\nfindings in labelled files at no labelled place: {len(result.unlabelled)}"
    if show_unlabelled:
        for checkout, finding in result.unlabelled:
            yield f"  {checkout}:{finding.path}:{finding.line} {finding.rule}: {finding.message}"
    else:
        counts = Counter(finding.rule for _, finding in result.unlabelled)
        yield from (f"  {count:5}  {rule}" for rule, count in sorted(counts.items()))
    for name, sites in result.missing.items():
        yield f"\nmissing: {name} ({len(sites)} sites not examined)"
    for name, why in result.failed.items():
        yield f"\nfailed: {name}: {why}"


def as_json(result: Result) -> dict[str, object]:
    """The report as one JSON object."""
    return {
        "rules": _json_tallies(tally(result.outcomes, lambda outcome: outcome.rule)),
        "repositories": _json_tallies(tally(result.outcomes, lambda outcome: outcome.site.repository)),
        "sites": [
            {
                "repository": outcome.site.repository,
                "commit": outcome.site.commit,
                "path": outcome.site.path,
                "line": outcome.site.line,
                "rule": outcome.site.rule,
                "standing": outcome.site.standing,
                "expected": outcome.site.expectation.value,
                "outcome": outcome.verdict.value,
                "finding": _json_finding(outcome.finding),
                "reason": outcome.site.reason,
            }
            for outcome in result.outcomes
        ],
        "unlabelled": [{"checkout": checkout, **(_json_finding(each) or {})} for checkout, each in result.unlabelled],
        "missing": {name: [site.name for site in sites] for name, sites in result.missing.items()},
        "failed": result.failed,
    }


def total(tallies: Iterable[Tally]) -> Tally:
    """The sum of several tallies."""
    whole = Tally()
    for each in tallies:
        for verdict, count in each.counts.items():
            whole.counts[verdict] += count
    return whole


def _table(heading: str, tallies: Mapping[str, Tally]) -> Iterator[str]:
    rows: Sequence[tuple[str, Tally]] = [*tallies.items(), ("all", total(tallies.values()))]
    width = max(len(name) for name, _ in (*rows, (heading, None)))
    heads = "".join(f"{verdict.value:>13}" for verdict in _COLUMNS)
    yield f"\n{heading:<{width}}{heads}{'precision':>11}{'recall':>8}{'with named':>12}"
    for name, each in rows:
        counts = "".join(f"{each.counts[verdict]:>13}" for verdict in _COLUMNS)
        shares = f"{_share(each.precision):>11}{_share(each.recall):>8}{_share(each.recall_with_named):>12}"
        yield f"{name:<{width}}{counts}{shares}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _described(outcome: Outcome) -> Iterator[str]:
    site, finding = outcome.site, outcome.finding
    expected = "" if site.expectation is Expectation.SPEAK else "no "
    yield f"  {site.name} [{site.standing}] expected {expected}{site.rule or 'finding'}: {site.reason}"
    if finding:
        yield f"      reported, line {finding.line}: {finding.rule}: {finding.message}"


def _json_tallies(tallies: Mapping[str, Tally]) -> dict[str, object]:
    return {
        name: {
            **{verdict.name.lower(): each.counts[verdict] for verdict in _COLUMNS},
            "precision": each.precision,
            "recall": each.recall,
            "recall_with_named": each.recall_with_named,
        }
        for name, each in [*tallies.items(), ("all", total(tallies.values()))]
    }


def _json_finding(finding: Reported | None) -> dict[str, object] | None:
    if finding is None:
        return None
    return {
        "path": finding.path,
        "line": finding.line,
        "end_line": finding.end_line,
        "rule": finding.rule,
        "message": finding.message,
    }
