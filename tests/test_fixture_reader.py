"""The fixture reader, held to small texts, so that what it lets pass is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelint.documents import Script
from modelint.facts import KerasVersion
from modelint.finding import Confidence, Finding, Place, Severity, Span
from modelint.testing.fixtures import (
    FixtureError,
    FixtureSources,
    complaints,
    marks_of,
    read_fixture,
    settings_of,
    versions_of,
    without_marks,
)

RULE = "some-rule"


def finding(
    line: int,
    column: int,
    end_column: int,
    message: str = "a thing is wrong; mend it",
    *,
    end_line: int | None = None,
    rule: str = RULE,
    severity: Severity = Severity.WARNING,
) -> Finding:
    place = Place("a.py", Span(line, column, end_line or line, end_column))
    return Finding(rule, severity, Confidence.HIGH, place, message)


def complaints_about(text: str, *findings: Finding) -> list[str]:
    return list(complaints(marks_of("a.py", text, RULE), findings, RULE))


UNDERLINED = """\
loss = f(model(x))
#        ^^^^^^^^ a thing is wrong
"""


def test_a_finding_exactly_on_its_carets_is_accepted() -> None:
    assert complaints_about(UNDERLINED, finding(1, 10, 18)) == []


@pytest.mark.parametrize("columns", [(9, 18), (10, 17), (10, 19), (11, 18)])
def test_a_finding_one_column_beside_its_carets_fails_twice(columns: tuple[int, int]) -> None:
    missed, extra = complaints_about(UNDERLINED, finding(1, *columns))
    assert missed.startswith("nothing found: a.py:1:10-18")
    assert extra.startswith(f"not underlined: a.py:1:{columns[0]}-{columns[1]}")


def test_an_underline_without_a_finding_fails() -> None:
    assert complaints_about(UNDERLINED) == ["nothing found: a.py:1:10-18 [some-rule] any severity: a thing is wrong"]


def test_a_finding_without_an_underline_fails() -> None:
    (complaint,) = complaints_about("f(x)\n", finding(1, 1, 5))
    assert complaint == "not underlined: a.py:1:1-5 [some-rule] warning, high confidence: a thing is wrong; mend it"


def test_a_finding_with_another_message_fails_and_is_quoted() -> None:
    missed, _ = complaints_about(UNDERLINED, finding(1, 10, 18, "something else; mend it"))
    assert "but found there: a.py:1:10-18 [some-rule] warning, high confidence: something else" in missed


def test_findings_of_other_rules_are_ignored() -> None:
    assert complaints_about(UNDERLINED, finding(1, 10, 18), finding(1, 1, 5, rule="other-rule")) == []


def test_a_mark_may_name_another_rule_which_must_then_be_found() -> None:
    text = UNDERLINED.replace("^ a", "^ [other-rule] a")
    assert complaints_about(text, finding(1, 10, 18, rule="other-rule")) == []
    assert len(complaints_about(text)) == 1
    assert len(complaints_about(text, finding(1, 10, 18))) == 2


def test_a_mark_may_state_severity_and_confidence_which_must_then_agree() -> None:
    error = UNDERLINED.replace("^ a", "^ error: a")
    assert complaints_about(error, finding(1, 10, 18, severity=Severity.ERROR)) == []
    assert len(complaints_about(error, finding(1, 10, 18))) == 2
    unsure = UNDERLINED.replace("^ a", "^ warning, low confidence: a")
    assert len(complaints_about(unsure, finding(1, 10, 18))) == 2


def test_several_marks_may_follow_one_line() -> None:
    text = "loss = f(g(x)) + g(y)\n#        ^^^^ one\n#                ^^^^ two\n"
    assert complaints_about(text, finding(1, 10, 14, "one; x"), finding(1, 18, 22, "two; y")) == []


def test_two_equal_findings_need_two_marks() -> None:
    assert len(complaints_about(UNDERLINED, finding(1, 10, 18), finding(1, 10, 18))) == 1


def test_carets_right_after_the_hash_include_its_column() -> None:
    assert complaints_about("f(x)\n#^^^ a\n", finding(1, 1, 5, "a; b")) == []
    assert complaints_about("if x:\n    f(x)\n    #^^^ a\n", finding(2, 5, 9, "a; b")) == []


def test_a_finding_that_spans_lines_is_underlined_to_the_end_of_its_first_line() -> None:
    text = "loss = f(\n#      ^^ a\n    x,\n)\n"
    assert complaints_about(text, finding(1, 8, 2, "a; b", end_line=4)) == []
    short = "loss = f(\n#      ^ a\n    x,\n)\n"
    assert len(complaints_about(short, finding(1, 8, 2, "a; b", end_line=4))) == 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("f(x)\n#^^^\n", "state the start of the message"),
        ("f(x)\n# ^^^^^^^^^ a\n", "do not stand under code"),
        ("#^^^ a\n", "do not stand under code"),
        ("f(x)\n\n#^^^ a\n", "do not stand under code"),
    ],
)
def test_a_malformed_mark_is_refused(text: str, reason: str) -> None:
    with pytest.raises(FixtureError, match=reason):
        list(marks_of("a.py", text, RULE))


def test_the_linter_sees_no_marks_and_the_same_line_numbers() -> None:
    assert without_marks(UNDERLINED + "rest\n") == "loss = f(model(x))\n\nrest\n"
    assert without_marks(UNDERLINED + "rest\n", drop=True) == "loss = f(model(x))\nrest\n"


def test_an_ordinary_comment_is_not_a_mark() -> None:
    assert list(marks_of("a.py", "f(x)\n# x ^ 2\n#: ^^^\n", RULE)) == []


def test_settings_stand_at_the_top_in_toml() -> None:
    settings = settings_of('# modelint-fixture: keras = ">=3.6,<3.16"\n# modelint-fixture: pedantic = true\nimport x\n')
    assert settings.versions == (KerasVersion.KERAS_3_6, KerasVersion.KERAS_3_10)
    assert settings.versions_known
    assert settings.pedantic


@pytest.mark.parametrize("text", ["import x\n", '# modelint-fixture: keras = "unknown"\n'])
def test_without_settings_every_version_is_in_play_and_none_is_known(text: str) -> None:
    settings = settings_of(text)
    assert settings.versions == tuple(KerasVersion)
    assert not settings.versions_known


@pytest.mark.parametrize("line", ["kears = 1", "keras =", 'keras = ">=9"'])
def test_a_setting_that_says_nothing_is_refused(line: str) -> None:
    with pytest.raises(FixtureError):
        settings_of(f"# modelint-fixture: {line}\n")


def test_a_version_specifier_selects_the_ranges_it_touches() -> None:
    assert versions_of("<3") == (KerasVersion.KERAS_2,)
    assert versions_of(">=3,<3.6") == (KerasVersion.KERAS_3_0,)
    assert len(versions_of(">=2")) == len(KerasVersion)


def test_a_folder_is_one_fixture_and_its_fixed_texts_are_not_sources(tmp_path: Path) -> None:
    folder = tmp_path / "fixtures" / "mode" / "some_rule"
    folder.mkdir(parents=True)
    (folder / "train.py").write_text("from networks import f\nf(1)\n#^^^ a\n")
    (folder / "train.fixed.py").write_text("from networks import f\nf(2)\n")
    (folder / "networks.py").write_text("def f(x): ...\n")
    fixture = read_fixture(folder, tmp_path / "fixtures")
    assert (fixture.category, fixture.rule) == ("mode", "some-rule")
    assert list(fixture.sources) == ["fixtures/mode/some_rule/networks.py", "fixtures/mode/some_rule/train.py"]
    assert list(fixture.fixed) == ["fixtures/mode/some_rule/train.py"]
    assert [mark.path for mark in fixture.marks] == ["fixtures/mode/some_rule/train.py"]


def test_imports_of_a_folder_are_looked_up_in_it() -> None:
    sources = FixtureSources({"fixtures/mode/r/train.py": "", "fixtures/mode/r/nets/one.py": "x = 1\n"})
    assert sources.roots("fixtures/mode/r/nets/one.py") == ("fixtures/mode/r",)
    assert sources.is_directory("fixtures/mode/r/nets")
    assert not sources.is_directory("fixtures/mode/r/other")
    script = sources.script("fixtures/mode/r/nets/one.py")
    assert isinstance(script, Script)
    assert sources.script("fixtures/mode/r/nets/one.py") is script
