"""Baselines: what was there before is not shown, what is new is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import Project
from modelint import Confidence, Finding, Place, Severity, Span
from modelint.workspace.baseline import VERSION, compare, covers, read, written

WRONG = "x = 1  # modelint: ignore[reused-sed] because\n"
"""A line with one warning that needs no analysis."""

OTHER = "y = 2  # modelint: ignore[lost-mdoe] because\n"


def baseline(project: Project, *arguments: str) -> None:
    """Write a baseline of the project, without a word."""
    ran = project.run("baseline", "-o", "base.json", "--quiet", *arguments)
    assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_what_is_in_the_baseline_is_not_shown_and_does_not_fail(project: Project) -> None:
    project.write("a.py", WRONG)
    assert project.run("baseline", "-o", "base.json").out == "1 finding written to base.json\n"
    ran = project.run("check", "--baseline", "base.json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "Nothing new: 1 file examined\n1 finding of the baseline not shown\n"


def test_what_is_new_is_shown_and_fails(project: Project) -> None:
    project.write("a.py", WRONG)
    baseline(project)
    project.write("a.py", WRONG + OTHER)
    ran = project.run("check", "--baseline", "base.json", "--output-format", "concise", "--quiet")
    assert ran.code == 1
    assert [line.partition(": ")[0] for line in ran.out.splitlines()] == ["a.py:2:27"]


def test_moved_lines_and_changes_elsewhere_in_the_file_make_nothing_new(project: Project) -> None:
    project.write("a.py", WRONG + "unrelated = 1\n")
    baseline(project)
    project.write("a.py", "import os\n\n\ndef f():\n    " + WRONG.replace("  #", "    #") + "renamed = 1\n")
    assert project.concise("--baseline", "base.json") == []


def test_one_more_of_the_same_is_new(project: Project) -> None:
    project.write("a.py", WRONG)
    baseline(project)
    project.write("a.py", WRONG * 2)
    assert len(project.concise("--baseline", "base.json")) == 1


def test_a_renamed_file_brings_its_findings_along_and_a_copied_one_does_not(project: Project) -> None:
    path = project.write("a.py", WRONG)
    baseline(project)
    path.rename(project.path / "b.py")
    assert project.concise("--baseline", "base.json") == []
    project.write("a.py", WRONG)
    assert len(project.concise("--baseline", "base.json")) == 1


def test_entries_that_are_not_needed_any_more_are_named(project: Project) -> None:
    project.write("a.py", WRONG * 2)
    project.write("b.py", OTHER)
    baseline(project)
    project.write("a.py", "x = 1\n")
    ran = project.run("check", "--baseline", "base.json")
    assert ran.code == 0
    assert ran.err == "modelint: 2 findings of base.json no longer there and removable:\n  a.py: unknown-ignore (2)\n"


def test_entries_are_not_called_spare_by_a_run_over_less_than_the_baseline_or_one_that_failed(
    project: Project,
) -> None:
    project.write("a.py", WRONG)
    project.write("b.py", OTHER)
    baseline(project)
    assert project.run("check", "--baseline", "base.json", "b.py").err == ""
    project.write("a.py", "x = (\n")
    ran = project.run("check", "--baseline", "base.json")
    assert (ran.code, ran.err) == (2, "")


def test_a_baseline_names_files_from_where_it_stands(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write("service/a.py", WRONG)
    baseline(project)
    monkeypatch.chdir(project.path / "service")
    assert project.concise("--baseline", "../base.json") == []


def test_what_could_not_be_examined_is_never_in_a_baseline(project: Project) -> None:
    project.write("a.py", "x = (\n")
    ran = project.run("baseline", "-o", "base.json", "--quiet")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "a.py:1:5: error: the file is not valid Python 3: '(' was never closed [unreadable]\n"
    assert json.loads((project.path / "base.json").read_text())["findings"] == {}
    assert project.run("check", "--baseline", "base.json").code == 2


def test_a_baseline_is_the_same_in_whatever_order_and_has_a_line_per_entry(project: Project) -> None:
    project.write("a.py", WRONG + OTHER)
    text = project.run("baseline").out
    assert text == project.run("baseline", ".", "a.py").out.replace('".",\n    "a.py"', '"."')
    assert sum(line.rstrip(",").endswith(": 1") for line in text.splitlines()) == 3  # two entries, and the version


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "there is no file 'base.json'; 'modelint baseline -o base.json' writes it"),
        ("[", "base.json is not a baseline: it is not JSON"),
        ("[]", "base.json is not a baseline; 'modelint baseline -o base.json' writes one"),
        ('{"version": 99}', f"base.json has version 99; this modelint reads version {VERSION}"),
        ('{"version": 1, "paths": [], "findings": {"a.py": {"r": {"x": "1"}}}}',
         "base.json is not a baseline; 'modelint baseline -o base.json' writes one"),
        ('{"version": 1, "paths": [], "findings": {"a.py": []}}',
         "base.json is not a baseline; 'modelint baseline -o base.json' writes one"),
    ],
)  # fmt: skip
def test_a_baseline_that_cannot_be_used_is_refused_in_a_sentence(
    project: Project, content: str | None, sentence: str
) -> None:
    project.write("a.py", "x = 1\n")
    if content is not None:
        project.write("base.json", content)
    ran = project.run("check", "--baseline", "base.json")
    assert (ran.code, ran.out, ran.err) == (2, "", f"modelint: --baseline: {sentence}\n")


def test_the_configuration_names_the_baseline_from_its_directory(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write("a.py", WRONG)
    project.write("pyproject.toml", '[tool.modelint]\nbaseline = "lint/base.json"\n')
    project.write("lint/none.py", "")
    assert project.run("baseline", "-o", "lint/base.json").code == 0
    assert project.run("check").out == "Nothing new: 2 files examined\n1 finding of the baseline not shown\n"
    project.write("service/modelint.toml", 'extend = "../pyproject.toml"\n')
    project.write("service/b.py", OTHER)
    monkeypatch.chdir(project.path / "service")
    assert [line.partition(": ")[0] for line in project.concise("..")] == ["b.py:1:27"]


def test_the_command_line_names_another_baseline_or_none(project: Project) -> None:
    project.write("a.py", WRONG)
    project.write("modelint.toml", 'baseline = "base.json"\n')
    baseline(project)
    project.write("empty.json", '{"version": 1, "paths": ["."], "findings": {}}')
    assert project.concise() == []
    assert len(project.concise("--baseline", "empty.json")) == 1
    assert len(project.concise("--no-baseline")) == 1
    assert len(project.concise("--isolated")) == 1
    ran = project.run("check", "--baseline", "base.json", "--no-baseline")
    assert (ran.code, ran.err) == (2, "modelint: --baseline and --no-baseline exclude each other\n")


def test_a_configured_baseline_that_cannot_be_used_is_refused_with_the_key(project: Project) -> None:
    project.write("a.py", WRONG)
    project.write("modelint.toml", 'baseline = "base.json"\n')
    ran = project.run("check")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (
        "modelint: modelint.toml: baseline: there is no file 'base.json'; 'modelint baseline -o base.json' writes it\n"
    )
    assert project.run("baseline", "-o", "base.json").code == 0
    assert project.run("check").code == 0


LINES = st.lists(st.sampled_from(["model(x)", "model( x )", "model(y)", "other = 1"]), min_size=1, max_size=8)


def test_the_same_again_is_known_and_what_is_more_is_not(project: Project) -> None:
    def found(source: list[str]) -> list[Finding]:
        place = (Place("a.py", Span(n, 1, n, 2)) for n, line in enumerate(source, 1) if "model" in line)
        return [Finding("r", Severity.NOTE, Confidence.HIGH, each, "wrong") for each in place]

    def counts(source: list[str]) -> dict[str, int]:
        plain = ["".join(line.split()) for line in source if "model" in line]
        return {line: plain.count(line) for line in plain}

    @given(LINES, LINES)
    def holds(before: list[str], after: list[str]) -> None:
        project.write("base.json", written(found(before), lambda _: before, ["."], str(project.path)))
        baseline = read("base.json")
        compared = compare(baseline, found(after), lambda _: after)
        old, new = counts(before), counts(after)
        assert len(compared.known) == sum(min(count, old.get(line, 0)) for line, count in new.items())
        assert sum(compared.gone.values()) == sum(max(0, count - new.get(line, 0)) for line, count in old.items())
        assert covers(baseline, ["."])

    holds()
