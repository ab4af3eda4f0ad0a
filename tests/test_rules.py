"""Holds every rule to its fixture, and its page to the form that all pages have.

A rule's fixture has the rule's category and name: ``fixtures/mode/some_rule.py``, or a folder
``fixtures/mode/some_rule`` of several files, or both. ``modelint.testing.fixtures`` says how findings are underlined in it. What a
fixture becomes when all fixes are applied stands beside it in ``some_rule.fixed.py``; run with ``MODELINT_BLESS=1`` to
have those files written anew, and read the difference before committing it."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path

import pytest

import modelint_rules
from modelint.analysis import Analysis
from modelint.documents import Script
from modelint.engine import examine
from modelint.facts import KerasVersion, Settings
from modelint.finding import Confidence, Finding, Safety, Severity
from modelint.fix import fix_text
from modelint.rule import rules_of
from modelint.testing.fixtures import (
    FIXED,
    Fixture,
    FixtureSources,
    complaints,
    describe,
    read_fixture,
    settings_of,
    without_marks,
)

FIXTURES = Path(__file__).parent.parent / "fixtures"
NOT_FIXTURES = {"models", "quickstart", "__pycache__"}
RUNNER = Path(__file__).with_name("fixture_runner.py")

RULES = {rule.name: rule for rule in rules_of(modelint_rules)}

MOST_PASSES = 5

REQUIRED_SECTIONS = ["How to fix it", "When it is not a bug", "References"]
SECTIONS = ["How to fix it", "When it is not a bug", "Fix safety", "References"]


def fixture_locations() -> list[Path]:
    """The files and folders below the categories, each one fixture."""
    return sorted(
        location
        for category in FIXTURES.iterdir()
        if category.is_dir() and category.name not in NOT_FIXTURES
        for location in category.iterdir()
        if location.name not in NOT_FIXTURES
        if location.is_dir() or (location.suffix == ".py" and not location.name.endswith(FIXED))
    )


LOCATIONS = {f"{path.parent.name}/{path.name}": path for path in fixture_locations()}


@cache
def fixture_at(identifier: str) -> Fixture:
    return read_fixture(LOCATIONS[identifier], FIXTURES)


@cache
def findings_in(identifier: str) -> tuple[Finding, ...]:
    fixture = fixture_at(identifier)
    return findings_of(fixture, fixture.sources)


def findings_of(fixture: Fixture, sources: Mapping[str, str]) -> tuple[Finding, ...]:
    """What the fixture's own rule and those its marks name find in the given texts, each file examined as a root."""
    rules = [RULES[name] for name in dict.fromkeys([fixture.rule, *(mark.rule for mark in fixture.marks)])]
    files = FixtureSources(sources)
    found: dict[str, Finding] = {}
    for path in sources:
        document = files.script(path)
        assert isinstance(document, Script), f"{path} cannot be read: {document.message}"
        # files that a root imports are judged by the settings of that root
        program = Analysis(files, _always(fixture.settings[path]))
        found |= {describe(finding): finding for finding in examine(path, document, program, rules)}
    failures = [message for message, finding in found.items() if finding.rule not in RULES]
    assert not failures, "\n".join(failures)
    return tuple(sorted(found.values(), key=lambda finding: finding.order))


def _always(settings: Settings) -> Callable[[str], Settings]:
    return lambda _: settings


@pytest.mark.parametrize("name", RULES)
def test_every_rule_has_a_fixture(name: str) -> None:
    rule = RULES[name]
    fixture = f"{rule.category}/{name.replace('-', '_')}"
    assert {fixture, f"{fixture}.py"} & LOCATIONS.keys(), f"there is no fixtures/{fixture}.py"


@pytest.mark.parametrize("identifier", LOCATIONS)
def test_every_fixture_has_a_rule_and_an_underline(identifier: str) -> None:
    fixture = fixture_at(identifier)
    assert fixture.rule in RULES, f"there is no rule {fixture.rule!r}"
    assert fixture.category == RULES[fixture.rule].category
    assert any(mark.rule == fixture.rule for mark in fixture.marks), "nothing is underlined"


@pytest.mark.parametrize("identifier", LOCATIONS)
def test_a_rule_finds_what_is_underlined_in_its_fixture_and_nothing_else(identifier: str) -> None:
    fixture = fixture_at(identifier)
    wrong = list(complaints(fixture.marks, findings_in(identifier), fixture.rule))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("identifier", LOCATIONS)
def test_a_message_says_what_is_wrong_and_what_to_do(identifier: str) -> None:
    for finding in findings_in(identifier):
        what, separator, advice = finding.message.partition("; ")
        assert separator, f"no '; ' before what to do: {describe(finding)}"
        assert what
        assert advice
        assert not what[0].isupper(), f"not in lower case: {describe(finding)}"
        assert not finding.message.endswith("."), f"a full stop at the end: {describe(finding)}"
        assert finding.rule not in finding.message.split(), f"names its own rule: {describe(finding)}"


@pytest.mark.parametrize("identifier", LOCATIONS)
def test_a_severe_finding_gives_its_reasons(identifier: str) -> None:
    for finding in findings_in(identifier):
        if finding.severity is Severity.ERROR and finding.confidence is Confidence.HIGH:
            assert finding.because, f"no reasons: {describe(finding)}"


@pytest.mark.parametrize("identifier", LOCATIONS)
def test_fixes_lead_to_the_fixed_text_and_are_not_offered_again(identifier: str) -> None:
    fixture = fixture_at(identifier)
    fixed = dict(fixture.texts)
    found = findings_in(identifier)
    for _ in range(MOST_PASSES):
        before = dict(fixed)
        for path, text in before.items():
            fixed[path] = one_pass(text, [each for each in found if each.place.path == path], fixture.rule)
        if fixed == before:
            break
        found = findings_of(fixture, {path: without_marks(text) for path, text in fixed.items()})
    offered = [describe(finding) for finding in found if finding.fix and finding.rule == fixture.rule]
    assert not offered, "fixed and yet offered again:\n" + "\n".join(offered)
    for path, text in fixed.items():
        if text != fixture.texts[path]:
            assert_is_as_stated(fixture, path, without_marks(text, drop=True))
    assert fixture.fixed.keys() <= {path for path in fixed if fixed[path] != fixture.texts[path]}, "no fix leads there"


def one_pass(text: str, findings: Iterable[Finding], rule: str) -> str:
    """The text with the fixes of one rule's findings; none of them may be refused."""
    outcome = fix_text(text, [each for each in findings if each.rule == rule and each.fix], parses)
    assert not outcome.refused, "\n".join(map(describe, outcome.refused))
    return outcome.text


def parses(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def assert_is_as_stated(fixture: Fixture, path: str, text: str) -> None:
    """Compare with the file of the fixed text, or write it when that is asked for."""
    if os.environ.get("MODELINT_BLESS"):
        (FIXTURES.parent / path).with_suffix(FIXED).write_text(text, encoding="utf-8")
    else:
        assert text == fixture.fixed.get(path), f"{path} is fixed otherwise than its {FIXED} says"


@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_named_and_documented_in_the_common_form(name: str) -> None:
    rule = RULES[name]
    assert re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", rule.name)
    assert re.fullmatch(r"\d+\.\d+", rule.since)
    assert rule.subscriptions, "asks for no facts"
    opening, sections = divided(rule.documentation)
    summary, *why = opening.split("\n\n")
    assert re.fullmatch(r"[A-Z][^.\n]*\.", summary), "the page opens with one sentence on one line"
    assert why, "after the summary the page says why it matters"
    assert [title for title, _ in sections if title in SECTIONS] == [title for title, _ in sections], "unknown section"
    assert [title for title, _ in sections if title in REQUIRED_SECTIONS] == REQUIRED_SECTIONS
    assert [title for title, _ in sections] == [title for title in SECTIONS if title in dict(sections)], "out of order"
    assert all(text.strip() for _, text in sections), "an empty section"
    assert re.search(r"https?://|`[\w./-]+`", dict(sections)["References"]), "references lead somewhere"


def divided(page: str) -> tuple[str, list[tuple[str, str]]]:
    """A page's text before its first heading, and its sections by title."""
    opening, *parts = re.split(r"^## (.+)$", page, flags=re.MULTILINE)
    return opening.strip(), list(zip(parts[::2], parts[1::2], strict=True))


@pytest.mark.parametrize("identifier", LOCATIONS)
def test_a_rule_with_a_fix_has_a_section_on_its_safety_and_is_safe_only_where_it_is_sure(identifier: str) -> None:
    for finding in findings_in(identifier):
        if finding.fix:
            assert "## Fix safety" in RULES[finding.rule].documentation
            assert finding.fix.safety is Safety.UNSAFE or finding.confidence is Confidence.HIGH


@pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="fixtures run with TensorFlow")
@pytest.mark.parametrize("legacy", [False, True], ids=["Keras 3", "Keras 2"])
def test_every_fixture_runs(legacy: bool) -> None:
    files = [path for path in fixture_files() if is_for_keras_2(path) is legacy]
    outcome = run_together(files, legacy=legacy)
    assert outcome.returncode == 0, outcome.stdout[-20_000:] or outcome.stderr[-4_000:]


def fixture_files() -> Iterable[Path]:
    """All Python files of all fixtures, the fixed texts among them."""
    for location in LOCATIONS.values():
        if location.is_dir():
            yield from sorted(location.rglob("*.py"))
        else:
            yield location
            yield from sorted(location.parent.glob(location.stem + FIXED))


def is_for_keras_2(path: Path) -> bool:
    """Whether a fixture holds for no version but Keras 2."""
    return settings_of(path.read_text(encoding="utf-8")).versions == (KerasVersion.KERAS_2,)


def run_together(files: Iterable[Path], *, legacy: bool) -> subprocess.CompletedProcess[str]:
    """Run files in one process of one generation of Keras."""
    environment = {
        **os.environ,
        "TF_USE_LEGACY_KERAS": "1" if legacy else "0",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
    }
    command = [sys.executable, "-W", "ignore", str(RUNNER), *map(str, files)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)


def test_the_runner_reports_a_crash_and_goes_on(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    (tmp_path / "broken.py").write_text("import names\nnames.missing\n")
    (tmp_path / "names.py").write_text("here = 1\n")
    (tmp_path / "other.py").write_text("from pathlib import Path\nPath(__file__).with_name('ran').touch()\n")
    outcome = run_together([tmp_path / "broken.py", tmp_path / "other.py"], legacy=False)
    assert outcome.returncode == 1
    assert "broken.py does not run" in outcome.stdout
    assert "has no attribute 'missing'" in outcome.stdout
    assert (tmp_path / "ran").exists()
