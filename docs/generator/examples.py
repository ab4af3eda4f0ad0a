"""Examples for the pages of rules, cut from the rules' fixtures.

Takes a rule, gives the first finding in its fixtures that is short enough to show, as modelint prints it, and what its
fix changes. Nothing is written by hand here: the engine examines the fixture, and ``tests/test_rules.py`` holds it to
what is underlined there.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from modelint.analysis import Analysis
from modelint.engine import examine
from modelint.facts import KerasVersion, Settings
from modelint.finding import Confidence, Finding, Place
from modelint.fix import fix_text
from modelint.render.full import described
from modelint.render.terminal import Terminal
from modelint.rule import Rule
from modelint.testing.fixtures import Fixture, FixtureSources, read_fixture, without_marks

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
COLUMNS = 96
"""Of the printed finding, as wide as a page of the site shows without scrolling."""

LONGEST_CUT = 24
"""Lines of a statement that are shown."""

SHORTEST_CUT = 3
"""Of a shorter statement, the excerpt that is printed with the finding shows all there is."""


@dataclass(frozen=True, slots=True)
class Example:
    """A piece of a fixture, what modelint prints of it, what the fix changes there, and where it is reported.

    ``cut`` and ``fix`` may be empty: the piece is too long or too short, or there is no fix. ``versions`` are the
    ranges of Keras for each of which, taken alone, the finding is reported.
    """

    path: str
    cut: str
    printed: str
    fix: str
    versions: tuple[KerasVersion, ...]


def example_of(rule: Rule) -> Example:
    """The example of a rule.

    Raises:
        LookupError: nothing is found in its fixtures.
    """
    candidates = [(fixture, finding) for fixture in _fixtures(rule) for finding in _findings(fixture, rule)]
    if not candidates:
        raise LookupError(f"the fixtures of {rule.name!r} have no finding to show")
    fixture, finding = min(candidates, key=lambda candidate: _preference(rule, *candidate))
    path = finding.place.path
    return Example(
        path=path,
        cut=_cut(fixture.texts[path], finding),
        printed=_printed(fixture, finding),
        fix=_change(fixture.sources[path], finding),
        versions=_versions(fixture, finding, rule),
    )


def _fixtures(rule: Rule) -> Iterator[Fixture]:
    stem = FIXTURES / rule.category / rule.name.replace("-", "_")
    for location in (stem.with_suffix(".py"), stem):
        if location.exists():
            yield read_fixture(location, FIXTURES)


def _findings(fixture: Fixture, rule: Rule) -> Iterator[Finding]:
    """What the rule finds in the files of a fixture, each as it is found when that file is examined."""
    for path, settings in fixture.settings.items():
        yield from _found(fixture, path, settings, rule)


def _found(fixture: Fixture, path: str, settings: Settings, rule: Rule) -> tuple[Finding, ...]:
    """What the rule finds in one file of a fixture."""
    files = FixtureSources(fixture.sources)
    found = examine(path, files.script(path), Analysis(files, lambda _: settings), [rule])
    return tuple(finding for finding in found if finding.rule == rule.name and finding.place.path == path)


def _preference(rule: Rule, fixture: Fixture, finding: Finding) -> tuple[object, ...]:
    """What is sure comes first, as severe as the rule by default, in one file, fixed if any is, and short."""
    files = {evidence.place.path for evidence in finding.because} | {finding.place.path}
    size = len(_statement(fixture.texts[finding.place.path], finding))
    return (
        finding.confidence is not Confidence.HIGH,
        finding.severity is not rule.severity,
        len(files) > 1,
        finding.fix is None,
        size > LONGEST_CUT,
        finding.order,
    )


def _printed(fixture: Fixture, finding: Finding) -> str:
    """The finding as ``modelint check`` prints it."""

    def lines(place: Place) -> list[str]:
        return fixture.sources[place.path].splitlines()

    return described(finding, lines, Terminal(columns=COLUMNS))


def _cut(text: str, finding: Finding) -> str:
    """The statement in which the finding stands, if it is worth showing besides the finding."""
    lines = _statement(text, finding)
    return "\n".join(lines) if SHORTEST_CUT <= len(lines) <= LONGEST_CUT else ""


def _statement(text: str, finding: Finding) -> list[str]:
    """The statement of the module in which the finding stands, with the comment above it, without underlines."""
    assert finding.place.span is not None
    for statement in ast.parse(text).body:
        decorators = [each.lineno for each in getattr(statement, "decorator_list", [])]
        first, last = min([statement.lineno, *decorators]), statement.end_lineno or statement.lineno
        if first <= finding.place.span.line <= last:
            lines = text.splitlines()
            while first > 1 and lines[first - 2].startswith("#"):
                first -= 1
            return without_marks("\n".join(lines[first - 1 : last]), drop=True).splitlines()
    raise LookupError(f"{finding.place.path}:{finding.place.span.line} is in no statement")


def _change(source: str, finding: Finding) -> str:
    """What the finding's fix changes, as a diff without its head."""
    if finding.fix is None:
        return ""
    fixed = fix_text(source, [finding], lambda text: True).text
    difference = difflib.unified_diff(source.splitlines(), fixed.splitlines(), lineterm="", n=1)
    return "\n".join(line for line in difference if line.strip() and not line.startswith(("---", "+++", "@@")))


def _versions(fixture: Fixture, finding: Finding, rule: Rule) -> tuple[KerasVersion, ...]:
    """The ranges of versions for which the finding is reported, whatever versions the fixture is for."""
    path = finding.place.path
    reported = []
    for version in KerasVersion:
        settings = replace(fixture.settings[path], versions=(version,), versions_known=True)
        if any(each.place == finding.place for each in _found(fixture, path, settings, rule)):
            reported.append(version)
    return tuple(reported)
