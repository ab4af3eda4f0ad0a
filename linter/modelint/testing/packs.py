"""Holds the rules of a pack to their fixtures, and their pages to the form that all pages have.

Takes a package of rules and the folder of their fixtures, gives what is wrong, in words. A rule's fixture has its
category and name: ``fixtures/mode/some_rule.py``, or a folder ``fixtures/mode/some_rule`` of several files, or both;
``modelint.testing.fixtures`` says how findings are underlined in it. What a fixture becomes when all fixes are applied
stands beside it in ``some_rule.fixed.py``; with the environment variable ``MODELINT_BLESS=1`` those files are written.

The tests of a pack need no more than this::

    PACK = Pack(acme_rules, Path(__file__).parent.parent / "fixtures")

    @pytest.mark.parametrize("check", PACK.checks(), ids=str)
    def test_rules(check):
        assert not check.complaints()
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import ModuleType

from modelint.analysis import Analysis
from modelint.engine import examine
from modelint.facts import Settings
from modelint.finding import Confidence, Finding, Safety, Severity
from modelint.fix import fix_text
from modelint.rule import Rule, rules_of
from modelint.testing.fixtures import (
    FIXED,
    Fixture,
    FixtureSources,
    complaints,
    describe,
    read_fixture,
    without_marks,
)

MOST_PASSES = 5

REQUIRED_SECTIONS = ["How to fix it", "When it is not a bug", "References"]
SECTIONS = ["How to fix it", "When it is not a bug", "Fix safety", "References"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is asked of a pack."""

    name: str
    _complaints: Callable[[], Iterable[str]]

    def complaints(self) -> list[str]:
        """All that is wrong."""
        return list(self._complaints())

    def __str__(self) -> str:
        return self.name


@dataclass(eq=False)
class Pack:
    """A package of rules, and the folder of their fixtures; ``others`` are folders in there that hold none."""

    package: ModuleType
    fixtures: Path
    others: frozenset[str] = frozenset()
    _found: dict[str, tuple[Finding, ...]] = field(default_factory=dict)
    _read: dict[str, Fixture] = field(default_factory=dict)

    @cached_property
    def rules(self) -> Mapping[str, Rule]:
        """The rules by name.

        Raises:
            RuleError: a module of the package cannot be imported.
        """
        return {rule.name: rule for rule in rules_of(self.package)}

    @cached_property
    def locations(self) -> Mapping[str, Path]:
        """The files and folders below the categories, each one fixture, by ``category/file``."""
        found = sorted(
            location
            for category in self.fixtures.iterdir()
            if category.is_dir() and category.name not in {*self.others, "__pycache__"}
            for location in category.iterdir()
            if location.name not in {*self.others, "__pycache__"}
            if location.is_dir() or (location.suffix == ".py" and not location.name.endswith(FIXED))
        )
        return {f"{path.parent.name}/{path.name}": path for path in found}

    def checks(self) -> tuple[Check, ...]:
        """All that is asked of the pack."""

        def check(name: str, complain: Callable[[str], Iterable[str]], of: str) -> Check:
            return Check(name, lambda: complain(of))

        asked = [
            *((f"the page of {name}", self.page, name) for name in self.rules),
            *((f"a fixture of {name}", self.fixture_of, name) for name in self.rules),
            *((f"the underlines in {each}", self.underlines, each) for each in self.locations),
            *((f"the messages in {each}", self.messages, each) for each in self.locations),
            *((f"the fixes in {each}", self.fixes, each) for each in self.locations),
        ]
        return tuple(check(*each) for each in asked)

    def fixture(self, identifier: str) -> Fixture:
        """A fixture by its name in ``locations``.

        Raises:
            FixtureError: a mark or a setting is malformed.
        """
        if identifier not in self._read:
            self._read[identifier] = read_fixture(self.locations[identifier], self.fixtures)
        return self._read[identifier]

    def findings(self, identifier: str) -> tuple[Finding, ...]:
        """What is found in a fixture."""
        if identifier not in self._found:
            fixture = self.fixture(identifier)
            self._found[identifier] = self.findings_of(fixture, fixture.sources)
        return self._found[identifier]

    def findings_of(self, fixture: Fixture, sources: Mapping[str, str]) -> tuple[Finding, ...]:
        """What the fixture's own rule and those its marks name find in the given texts, each file examined as a root.

        Files that a root imports are judged by the settings of that root. A failure is a finding, too.
        """
        names = dict.fromkeys([fixture.rule, *(mark.rule for mark in fixture.marks)])
        rules = [self.rules[name] for name in names if name in self.rules]
        files = FixtureSources(sources)
        found: dict[str, Finding] = {}
        for path in sources:
            program = Analysis(files, _always(fixture.settings[path]))
            found |= {describe(finding): finding for finding in examine(path, files.script(path), program, rules)}
        return tuple(sorted(found.values(), key=lambda finding: finding.order))

    # what is asked

    def fixture_of(self, name: str) -> Iterator[str]:
        """That a rule has a fixture."""
        fixture = f"{self.rules[name].category.replace('-', '_')}/{name.replace('-', '_')}"
        if not {fixture, f"{fixture}.py"} & self.locations.keys():
            yield f"there is no {self.fixtures.name}/{fixture}.py"

    def underlines(self, identifier: str) -> Iterator[str]:
        """That a fixture has a rule, and that this finds what is underlined and nothing else."""
        fixture = self.fixture(identifier)
        rule = self.rules.get(fixture.rule)
        if rule is None:
            yield f"there is no rule {fixture.rule!r}"
        elif fixture.category != rule.category.replace("-", "_"):
            yield f"{rule.name} is in the category {rule.category!r}, and its fixture in {fixture.category!r}"
        if not any(mark.rule == fixture.rule for mark in fixture.marks):
            yield "nothing is underlined"
        found = self.findings(identifier)
        yield from (describe(finding) for finding in found if finding.rule not in self.rules)
        yield from complaints(fixture.marks, found, fixture.rule)

    def messages(self, identifier: str) -> Iterator[str]:
        """That a message says what is wrong and what to do, and that what is severe and certain gives its reasons."""
        for finding in self.findings(identifier):
            told = describe(finding)
            what, separator, advice = finding.message.partition("; ")
            if not (separator and what and advice):
                yield f"not divided by '; ' into what is wrong and what to do: {told}"
            if what[:1].isupper():
                yield f"not in lower case: {told}"
            if finding.message.endswith("."):
                yield f"a full stop at the end: {told}"
            if finding.rule in finding.message.split():
                yield f"names its own rule: {told}"
            if finding.severity is Severity.ERROR and finding.confidence is Confidence.HIGH and not finding.because:
                yield f"no reasons: {told}"

    def fixes(self, identifier: str) -> Iterator[str]:
        """That fixes lead to the fixed text, are not offered again, are labelled, and have a section on their page."""
        fixture = self.fixture(identifier)
        found = self.findings(identifier)
        yield from self._labels(found)
        fixed = dict(fixture.texts)
        for _ in range(MOST_PASSES):
            before = dict(fixed)
            for path, text in before.items():
                own = [each for each in found if each.place.path == path and each.rule == fixture.rule and each.fix]
                outcome = fix_text(text, own, _parses)
                yield from (f"the fix is refused: {describe(each)}" for each in outcome.refused)
                fixed[path] = outcome.text
            if fixed == before:
                break
            found = self.findings_of(fixture, {path: without_marks(text) for path, text in fixed.items()})
        offered = (finding for finding in found if finding.fix and finding.rule == fixture.rule)
        yield from (f"fixed and yet offered again: {describe(finding)}" for finding in offered)
        changed = {path: text for path, text in fixed.items() if text != fixture.texts[path]}
        for path, text in changed.items():
            yield from self._as_stated(fixture, path, without_marks(text, drop=True))
        yield from (f"no fix leads to the fixed text of {path}" for path in fixture.fixed.keys() - changed.keys())

    def _labels(self, found: Iterable[Finding]) -> Iterator[str]:
        for finding in found:
            if finding.fix and finding.rule in self.rules:
                if "## Fix safety" not in self.rules[finding.rule].documentation:
                    yield f"the page of {finding.rule} has no section on the safety of its fix"
                if finding.fix.safety is Safety.SAFE and finding.confidence is not Confidence.HIGH:
                    yield f"a safe fix of what is not certain: {describe(finding)}"

    def _as_stated(self, fixture: Fixture, path: str, text: str) -> Iterator[str]:
        """Compare with the file of the fixed text, or write it when that is asked for."""
        if os.environ.get("MODELINT_BLESS"):
            (self.fixtures.parent / path).with_suffix(FIXED).write_text(text, encoding="utf-8")
        elif text != fixture.fixed.get(path):
            yield f"{path} is fixed otherwise than its {FIXED} says; it becomes:\n{text}"

    def page(self, name: str) -> Iterator[str]:
        """That a rule is named and documented in the common form."""
        rule = self.rules[name]
        if not re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", rule.name):
            yield "the name is not in words of lower-case letters"
        if not re.fullmatch(r"\d+\.\d+", rule.since):
            yield "since is not a version such as 0.1"
        if not rule.subscriptions:
            yield "it asks for no facts"
        opening, sections = _divided(rule.documentation)
        summary, *why = opening.split("\n\n")
        if not re.fullmatch(r"[A-Z][^.\n]*\.", summary):
            yield "the page does not open with one sentence on one line"
        if not why:
            yield "the page does not say, after the summary, why it matters"
        titles = [title for title, _ in sections]
        yield from (f"an unknown section {title!r}" for title in titles if title not in SECTIONS)
        yield from (f"no section {title!r}" for title in REQUIRED_SECTIONS if title not in titles)
        if (known := [title for title in titles if title in SECTIONS]) != [t for t in SECTIONS if t in known]:
            yield f"the sections are not in the order {', '.join(SECTIONS)}"
        yield from (f"the section {title!r} is empty" for title, text in sections if not text.strip())
        if not re.search(r"https?://|`[\w./-]+`", dict(sections).get("References", "")):
            yield "the references lead nowhere"


def _divided(page: str) -> tuple[str, list[tuple[str, str]]]:
    """A page's text before its first heading, and its sections by title."""
    opening, *parts = re.split(r"^## (.+)$", page, flags=re.MULTILINE)
    return opening.strip(), list(zip(parts[::2], parts[1::2], strict=True))


def _always(settings: Settings) -> Callable[[str], Settings]:
    return lambda _: settings


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True
