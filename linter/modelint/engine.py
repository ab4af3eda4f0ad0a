"""Documents and rules to findings: run the rules over a program's facts, then settle what is reported.

``examine`` is run once per root file; ``settle`` once per run, over everything that was found. Both are pure: files,
configuration and comments reach them as arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from modelint.artifacts.model_file import ModelFile
from modelint.artifacts.served import program_of
from modelint.documents import Script, Unreadable
from modelint.facts import Program, Settings
from modelint.finding import Confidence, Evidence, Finding, Place, Severity, Span
from modelint.rule import Check, Rule
from modelint.selection import INTERNAL, QUESTIONABLE, UNEXAMINED, UNREADABLE
from modelint.suppress import UNUSED, Ignore, Suppressions
from modelint.wording import enumeration

SILENCED_BY: Final[Mapping[str, frozenset[str]]] = {
    "missing-training-false": frozenset({"train-mode-at-inference"}),
}
"""General rules, and the more specific ones that take their place on the same expression."""

SILENCED_IN_MODELS: Final[Mapping[str, frozenset[str]]] = {
    "train-mode-at-inference": frozenset({"batchnorm-tiny-batch"}),
}
"""The same for nodes of model files; in a program these two speak of predicting and of training."""


Witness = Callable[[Finding, object, Program], None]
"""Told of every finding as it is made, with the fact that it is about."""


class Analysis(Protocol):
    """Whatever turns a root file into facts."""

    @property
    def reached(self) -> frozenset[str]:
        """The other files that the last program is made of."""
        ...

    def program(self, path: str) -> Program:
        """The facts of a root file and of all that it reaches."""
        ...


@dataclass(frozen=True, slots=True)
class Policy:
    """What is wanted of the findings that stand in one file."""

    enabled: frozenset[str]
    severities: Mapping[str, Severity] = field(default_factory=dict)


def unreadable(document: Unreadable) -> Finding:
    """The finding that a document cannot be examined."""
    return Finding(UNREADABLE, Severity.ERROR, Confidence.HIGH, document.place, document.message)


def unexamined(path: str, what: str) -> Finding:
    """The finding that a file, or ``what`` of it, was not examined, for reasons that are in order."""
    return Finding(UNEXAMINED, Severity.NOTE, Confidence.HIGH, Place(path), f"not examined: {what}")


def examine(
    path: str,
    document: Script | Unreadable,
    analysis: Analysis,
    rules: Sequence[Rule],
    witness: Witness | None = None,
) -> tuple[Finding, ...]:
    """All that the rules find in the program whose root is ``path``; findings may stand in other files.

    A rule that raises, or an analysis that does, becomes a finding ``internal-error``; the other rules go on.
    """
    if isinstance(document, Unreadable):
        return (unreadable(document),)
    faults = tuple(map(unreadable, document.faults))
    try:
        program = analysis.program(path)
    except Exception as error:
        return (*faults, _internal_error(path, "the analysis", error))
    facts = _Facts(program)
    return (*faults, *(finding for rule in rules for finding in _run(rule, facts, witness)))


def examine_model(
    document: ModelFile | Unreadable, settings: Settings, rules: Sequence[Rule], witness: Witness | None = None
) -> tuple[Finding, ...]:
    """All that the rules find in a model file, and what of it could not be examined."""
    if isinstance(document, Unreadable):
        return (unreadable(document),)
    try:
        program = program_of(document, settings)
    except Exception as error:
        return (_internal_error(document.path, "the analysis", error),)
    facts = _Facts(program)
    found = tuple(finding for rule in rules for finding in _run(rule, facts, witness))
    return (*found, *_unexamined(document))


def _unexamined(document: ModelFile) -> Iterator[Finding]:
    """What a model file holds besides what was examined, and what is odd about it."""
    parts = document.unexamined or (() if document.entries else ("the file holds nothing that can be run",))
    if parts:
        yield unexamined(document.path, f"{enumeration(parts)}; nothing is known of what it does to a prediction")
    if document.problems:
        message = f"the file is odd: {enumeration(document.problems)}; save the model anew if that is not meant"
        yield Finding(QUESTIONABLE, Severity.NOTE, Confidence.HIGH, Place(document.path), message)


class _Facts(dict[type[object], tuple[object, ...]]):
    """The facts of a program, the program among them, by the types that rules ask for."""

    def __init__(self, program: Program) -> None:
        super().__init__()
        self.program = program
        self.all = program.facts if program in program.facts else (*program.facts, program)

    def __missing__(self, kind: type[object]) -> tuple[object, ...]:
        self[kind] = tuple(fact for fact in self.all if isinstance(fact, kind))
        return self[kind]


def _run(rule: Rule, facts: _Facts, witness: Witness | None = None) -> Iterator[Finding]:
    """Call every check of a rule with the facts that it asked for."""
    program = facts.program
    failed = False
    for subscription in rule.subscriptions:
        for fact in facts[subscription.fact]:
            try:
                found = _called(subscription.check, fact, program)
            except Exception as error:
                if not failed:  # one cause is one finding
                    yield _internal_error(program.path, f"the rule {rule.name!r}", error, getattr(fact, "place", None))
                failed = True
                continue
            for finding in found:
                if witness is not None:
                    witness(finding, fact, program)
                yield finding


def _called(check: Check, fact: object, program: Program) -> tuple[Finding, ...]:
    """A check's findings, all or none of them."""
    found = tuple(check(fact, program) or ())
    for each in found:
        if not isinstance(each, Finding):
            raise TypeError(f"what a check gives must be Findings, not {each!r}")
    return found


def _internal_error(path: str, who: str, error: Exception, where: object = None) -> Finding:
    reason = str(error).strip().split("\n", 1)[0][:200]
    described = f"{type(error).__name__}: {reason}" if reason else type(error).__name__
    message = f"{who} failed on {path} ({described}); please report it, with the file if you can"
    because: tuple[Evidence, ...] = ()
    resolve = getattr(where, "resolve", None)
    if resolve is not None:
        try:
            because = (Evidence(resolve(), "while it looked at this"),)
        except Exception:
            because = ()
    return Finding(INTERNAL, Severity.ERROR, Confidence.HIGH, Place(path), message, because)


def settle(
    found: Iterable[Finding],
    roots: Collection[str],
    policy_of: Callable[[str], Policy | None],
    suppressions_of: Callable[[str], Suppressions],
    known: Collection[str],
) -> tuple[Finding, ...]:
    """What is reported of everything that was found, in order.

    ``roots`` are the files that were examined and could be read: only there can a comment be called unused.
    ``policy_of`` gives None for a file whose findings are not wanted. ``known`` are the names of all rules.
    """
    distinct = _distinct(found)
    wanted = [finding for finding in distinct if _is_wanted(finding, policy_of)]
    used: set[Ignore] = set()
    kept = []
    for finding in _most_specific(wanted):
        ignores = () if _is_failure(finding) else suppressions_of(finding.place.path).matching(finding)
        used.update(ignores)
        if not ignores:
            kept.append(finding)
    failed = {finding.place.path for finding in distinct if _is_failure(finding)}
    for path in roots:
        kept += _about_comments(suppressions_of(path), policy_of(path), used, known, judge=path not in failed)
    kept = _without_contradictions(kept)
    return tuple(sorted((_with_severity(f, policy_of(f.place.path)) for f in kept), key=lambda f: f.order))


def _without_contradictions(findings: Sequence[Finding]) -> list[Finding]:
    """The findings without the fixes of those at one place that would write different things there.

    One program trains with what another predicts with: neither mode is right for both, and who is asked first must
    not decide.
    """
    written: dict[tuple[Place, Span], set[str]] = {}
    for finding in findings:
        for edit in finding.fix.edits if finding.fix else ():
            written.setdefault((finding.place, edit.span), set()).add(edit.text)
    return [
        replace(finding, fix=None)
        if any(len(written[finding.place, edit.span]) > 1 for edit in (finding.fix.edits if finding.fix else ()))
        else finding
        for finding in findings
    ]


def _distinct(found: Iterable[Finding]) -> list[Finding]:
    """Each finding once, though several programs may have it: the surest, with the shortest chain of reasons.

    A chain says each thing once: a layer that a loop makes several times is one line of source.
    """
    best: dict[tuple[str, Place, str], Finding] = {}
    for finding in found:
        key = (finding.rule, finding.place, "" if finding.place.span else finding.message)
        best[key] = min(best.get(key, finding), finding, key=_preference)
    return [replace(finding, because=tuple(dict.fromkeys(finding.because))) for finding in best.values()]


def _preference(finding: Finding) -> tuple[object, ...]:
    sureness = list(Confidence).index(finding.confidence), list(Severity).index(finding.severity)
    chain = tuple((evidence.place.order, evidence.message) for evidence in finding.because)
    return (-sureness[0], -sureness[1], len(chain), chain)


def _is_failure(finding: Finding) -> bool:
    return finding.rule in (UNREADABLE, INTERNAL)


def _is_wanted(finding: Finding, policy_of: Callable[[str], Policy | None]) -> bool:
    if _is_failure(finding):
        return True
    policy = policy_of(finding.place.path)
    return policy is not None and finding.rule in policy.enabled


def _most_specific(findings: Sequence[Finding]) -> Iterator[Finding]:
    """Without those whose place a more specific rule has taken."""
    taken = {(finding.rule, finding.place) for finding in findings}
    for finding in findings:
        specific = SILENCED_IN_MODELS if finding.place.node is not None else SILENCED_BY
        if not any((rule, finding.place) in taken for rule in specific.get(finding.rule, ())):
            yield finding


def _about_comments(
    suppressions: Suppressions, policy: Policy | None, used: Collection[Ignore], known: Collection[str], *, judge: bool
) -> Iterator[Finding]:
    """What is wrong with the suppression comments of one file; ``judge`` is False where findings may be missing."""
    if policy is None:
        return
    used = set(used)
    unknown = [finding for finding in suppressions.unknown(known) if finding.rule in policy.enabled]
    for finding in unknown:
        ignores = suppressions.matching(finding)
        used.update(ignores)
        if not ignores:
            yield finding
    if judge and UNUSED in policy.enabled:
        judged = policy.enabled - {UNUSED}
        for finding in suppressions.unused(used, judged):
            if not suppressions.matching(finding):
                yield finding


def _with_severity(finding: Finding, policy: Policy | None) -> Finding:
    severity = policy.severities.get(finding.rule) if policy else None
    return finding if severity is None or _is_failure(finding) else replace(finding, severity=severity)
