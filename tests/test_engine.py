"""The engine: rules over facts, and what is reported of all that they find."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from modelint import (
    Comparison,
    Confidence,
    Edit,
    Evidence,
    Finding,
    Fix,
    Place,
    Program,
    Rule,
    Safety,
    Severity,
    Span,
    StaticBatch,
)
from modelint.documents import Script, read_script
from modelint.engine import Policy, examine, settle
from modelint.suppress import read_suppressions

NO_COMMENTS = read_suppressions("a.py", "")


@dataclass
class Facts:
    """An analysis that knows the facts of its files beforehand."""

    facts: dict[str, tuple[Comparison | StaticBatch, ...]] = field(default_factory=dict)

    def program(self, path: str) -> Program:
        """The facts of a file."""
        return Program(path, self.facts.get(path, ()))


def place(line: int, path: str = "a.py") -> Place:
    """The first column of a line."""
    return Place(path, Span(line, 1, line, 2))


def script() -> Script:
    """Some script."""
    document = read_script("a.py", b"x = 1\n")
    assert isinstance(document, Script)
    return document


def rule_on_comparisons(name: str, message: str = "compares") -> Rule:
    """A rule that reports every comparison."""
    rule = Rule(f"pack.numerics.{name}", severity=Severity.WARNING, since="0.1")

    @rule.on(Comparison)
    def check(comparison: Comparison, program: Program) -> Iterator[Finding]:
        yield rule.at(comparison.place, message)

    return rule


def report(
    *findings: Finding, text: str = "", enabled: frozenset[str] = frozenset({"a-rule", "b-rule", "unused-ignore"})
) -> list[tuple[str, int]]:
    """Rule and line of what is settled on, with ``text`` for the comments of every file."""
    settled = settle(
        findings,
        roots=("a.py",),
        policy_of=lambda path: Policy(enabled) if path != "excluded.py" else None,
        suppressions_of=lambda path: read_suppressions(path, text),
        known={"a-rule", "b-rule"},
    )
    return [(f.rule, f.place.span.line if f.place.span else 0) for f in settled]


def found(line: int, rule: str = "a-rule", **changes: object) -> Finding:
    """A finding."""
    values: dict[str, object] = {"severity": Severity.WARNING, "confidence": Confidence.HIGH, "place": place(line)}
    return Finding(rule=rule, message="wrong", **(values | changes))  # type: ignore[arg-type]


def test_a_rule_gets_the_facts_that_it_subscribed_to() -> None:
    facts = Facts({"a.py": (Comparison(place(3), "==", True), StaticBatch(place(5), "input", 8))})
    findings = examine("a.py", script(), facts, [rule_on_comparisons("a_rule")])
    assert [(f.rule, f.place) for f in findings] == [("a-rule", place(3))]


def test_a_rule_can_subscribe_to_the_program_as_a_whole() -> None:
    rule = Rule("pack.mode.whole", severity=Severity.NOTE, since="0.1")

    @rule.on(Program)
    def check(program: Program, _: Program) -> Iterator[Finding]:
        yield rule.at(Place(program.path), f"has {len(program.facts)} facts")

    (finding,) = examine("a.py", script(), Facts({"a.py": (Comparison(place(3), "==", True),)}), [rule])
    assert finding.message == "has 1 facts"


def test_a_rule_that_raises_is_a_finding_and_the_others_go_on() -> None:
    broken = Rule("pack.mode.broken_rule", severity=Severity.NOTE, since="0.1")

    @broken.on(Comparison)
    def check(comparison: Comparison, program: Program) -> Iterator[Finding]:
        yield broken.at(comparison.place, "never seen")
        raise ZeroDivisionError("division by zero")

    facts = Facts({"a.py": (Comparison(place(3), "==", True), Comparison(place(4), "==", True))})
    findings = examine("a.py", script(), facts, [broken, rule_on_comparisons("a_rule")])
    assert [f.rule for f in findings] == ["internal-error", "a-rule", "a-rule"]
    assert "the rule 'broken-rule' failed on a.py (ZeroDivisionError: division by zero)" in findings[0].message
    assert findings[0].severity is Severity.ERROR
    assert findings[0].because[0].place == place(3)


@pytest.mark.parametrize(
    ("rubbish", "reason"),
    [
        (
            lambda rule, place: rule.at(place, "wrong", fix=Fix("mend it", Safety.SAFE, (None,))),
            "TypeError: the edits of a Fix must be a tuple of Edit, not (None,)",
        ),
        (
            lambda rule, place: rule.at(place, "wrong", fix=Fix("mend it", Safety.SAFE, ())),
            "ValueError: a Fix needs an edit; where there is none, there is no fix",
        ),
        (
            lambda rule, place: rule.at(place, "wrong", fix=Fix("mend it", "safe", (Edit(place.span, ""),))),
            "TypeError: the safety of a Fix must be a Safety, not 'safe'",
        ),
        (lambda rule, place: Edit((3, 1), ""), "TypeError: the span of an Edit must be a Span, not (3, 1)"),
        (lambda rule, place: rule.at(place, None), "TypeError: the message of a Finding must be a str, not None"),
        (
            lambda rule, place: rule.at(place, "wrong", because=[(place, 3)]),
            "TypeError: the message of an Evidence must be a str, not 3",
        ),
        (
            lambda rule, place: rule.at(place, "wrong", severity="error"),
            "TypeError: the severity of a Finding must be a Severity, not 'error'",
        ),
        (lambda rule, place: "wrong", "TypeError: what a check gives must be Findings, not 'wrong'"),
    ],
)
def test_what_a_rule_makes_wrongly_is_an_internal_error_that_names_it(
    rubbish: Callable[[Rule, Place], Finding], reason: str
) -> None:
    rule = Rule("pack.mode.careless", severity=Severity.NOTE, since="0.1")

    @rule.on(Comparison)
    def check(comparison: Comparison, program: Program) -> Iterator[Finding]:
        yield rubbish(rule, comparison.place.resolve())

    (finding,) = examine("a.py", script(), Facts({"a.py": (Comparison(place(3), "==", True),)}), [rule])
    assert (finding.rule, finding.because[0].place) == ("internal-error", place(3))
    assert f"the rule 'careless' failed on a.py ({reason})" in finding.message


def test_an_analysis_that_raises_is_a_finding() -> None:
    class Broken:
        def program(self, path: str) -> Program:
            raise RecursionError("maximum recursion depth exceeded")

    (finding,) = examine("a.py", script(), Broken(), [rule_on_comparisons("a_rule")])
    assert finding.rule == "internal-error"
    assert "the analysis failed on a.py (RecursionError" in finding.message


def test_an_unreadable_file_is_a_finding_with_its_place() -> None:
    document = read_script("a.py", b"x = (\n")
    (finding,) = examine("a.py", document, Facts(), [])
    assert (finding.rule, finding.severity) == ("unreadable", Severity.ERROR)
    assert finding.place == Place("a.py", Span(1, 5, 1, 6))


def test_what_two_programs_find_at_one_place_is_reported_once_with_the_shorter_chain() -> None:
    step = Evidence(place(1), "made here")
    long, short = found(3, because=(step, step)), found(3, because=(step,))
    for order in ((long, short), (short, long)):
        settled = settle(order, (), lambda p: Policy(frozenset({"a-rule"})), lambda p: NO_COMMENTS, ())
        assert settled == (short,)


def test_a_chain_of_reasons_says_each_thing_once() -> None:
    one, two = Evidence(place(1), "made here"), Evidence(place(2), "called here")
    settled = settle(
        (found(3, because=(one, two, one)),), (), lambda p: Policy(frozenset({"a-rule"})), lambda p: NO_COMMENTS, ()
    )
    assert settled[0].because == (one, two)


def test_the_surer_of_two_equal_findings_is_kept() -> None:
    sure, unsure = found(3), found(3, confidence=Confidence.LOW)
    for order in ((sure, unsure), (unsure, sure)):
        settled = settle(order, (), lambda p: Policy(frozenset({"a-rule"})), lambda p: NO_COMMENTS, ())
        assert settled == (sure,)


def test_findings_are_ordered_by_path_and_place_whatever_the_order_they_were_found_in() -> None:
    findings = [found(9), found(2, "b-rule"), found(2), found(1, place=place(1, "b.py"))]
    in_order = [("a-rule", 2), ("b-rule", 2), ("a-rule", 9), ("a-rule", 1)]
    assert report(*findings) == report(*reversed(findings)) == in_order


def test_a_finding_in_an_excluded_file_is_not_reported() -> None:
    assert report(found(1, place=place(1, "excluded.py"))) == []


def test_a_finding_of_a_rule_that_is_not_enabled_is_not_reported() -> None:
    assert report(found(1), found(2, "b-rule"), enabled=frozenset({"b-rule"})) == [("b-rule", 2)]


def test_failures_are_reported_whatever_is_enabled_ignored_or_excluded() -> None:
    failures = [found(1, name, place=place(1, "excluded.py")) for name in ("internal-error", "unreadable")]
    assert report(*failures, enabled=frozenset(), text="# modelint: file-ignore[unreadable]\n") == [
        ("internal-error", 1),
        ("unreadable", 1),
    ]


def test_a_more_specific_rule_silences_the_general_one_at_the_same_place_only() -> None:
    enabled = frozenset({"missing-training-false", "train-mode-at-inference"})
    general = [found(line, "missing-training-false") for line in (1, 2)]
    specific = found(1, "train-mode-at-inference")
    assert report(*general, specific, enabled=enabled) == [
        ("train-mode-at-inference", 1),
        ("missing-training-false", 2),
    ]
    assert report(*general, specific, enabled=frozenset({"missing-training-false"})) == [
        ("missing-training-false", 1),
        ("missing-training-false", 2),
    ]


def test_a_comment_suppresses_and_a_comment_that_suppresses_nothing_is_reported() -> None:
    text = "x  # modelint: ignore[a-rule] because\ny  # modelint: ignore[a-rule] because\n"
    assert report(found(1), found(3), text=text) == [("unused-ignore", 2), ("a-rule", 3)]


def test_no_comment_is_called_unused_in_a_file_where_findings_may_be_missing() -> None:
    text = "x  # modelint: ignore[a-rule] because\n"
    assert report(found(1, "internal-error"), text=text) == [("internal-error", 1)]


def test_an_unused_comment_can_itself_be_excused() -> None:
    text = "# modelint: file-ignore[unused-ignore] kept for the next release\nx  # modelint: ignore[a-rule]\n"
    settled = settle(
        (),
        roots=("a.py",),
        policy_of=lambda path: Policy(frozenset({"a-rule", "unused-ignore", "unknown-ignore"})),
        suppressions_of=lambda path: read_suppressions(path, text),
        known={"a-rule", "unused-ignore"},
    )
    assert settled == ()


@pytest.mark.parametrize("severity", list(Severity))
def test_a_severity_can_be_set_but_not_that_of_a_failure(severity: Severity) -> None:
    def policy(path: str) -> Policy:
        return Policy(frozenset({"a-rule"}), {"a-rule": severity, "unreadable": severity})

    failure = found(2, "unreadable", severity=Severity.ERROR)
    settled = settle((found(1), failure), (), policy, lambda p: NO_COMMENTS, ())
    assert [f.severity for f in settled] == [severity, Severity.ERROR]


def test_fixes_that_would_write_different_things_at_one_place_are_not_offered() -> None:
    def writing(text: str) -> Fix:
        return Fix(f"write {text}", Safety.SAFE, (Edit(Span(1, 4, 1, 4), text),))

    def settled(*findings: Finding) -> list[Fix | None]:
        policy = Policy(frozenset({"a-rule", "b-rule"}))
        return [f.fix for f in settle(findings, (), lambda _: policy, lambda _: NO_COMMENTS, {"a-rule", "b-rule"})]

    train, predict = writing(", training=True"), writing(", training=False")
    assert settled(found(1, "a-rule", fix=train), found(1, "b-rule", fix=predict)) == [None, None]
    assert settled(found(1, "a-rule", fix=train), found(1, "b-rule", fix=train)) == [train, train]
    assert settled(found(1, "a-rule", fix=train), found(2, "b-rule", fix=predict)) == [train, predict]
