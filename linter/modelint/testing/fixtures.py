"""Reads fixtures: Python files in which what a rule must find is underlined, as a compiler would.

Takes a file or a folder of files, gives the sources without the underlines, the marks, and the settings of each file.
It does not know rules; ``complaints`` compares marks with findings and says in words where they differ.

A mark is a comment line below the code line it speaks of; several marks may follow one line::

    loss = loss_fn(y, model(x))
    #                 ^^^^^^^^ this training step runs Dropout in inference mode

- The carets stand under exactly the columns of the finding. Carets that follow the ``#`` immediately include its own
  column, so that a finding in the first column can be underlined: ``#^^^^^^^`` under ``model(x)``.
- A finding that spans lines is underlined on its first line, to the end of that line, with the mark right below.
- After the carets stands the start of the message. Before it may stand the name of another rule in brackets, else the
  rule is the fixture's, and a severity with or without a confidence; what is not stated is not compared::

      #        ^^^^^^^^ [missing-training-false] warning, medium confidence: the run mode of

The linter is given the sources with the marks blanked out, so that no finding hangs on its own underline. Comment lines
``# modelint-fixture: KEY = VALUE`` at the top of a file hold its settings, in TOML: ``keras`` (a version specifier, or
``"unknown"``, which is the default), ``tiny-batch``, ``tiny-batch-values``, ``pedantic``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from packaging.specifiers import SpecifierSet

from modelint.documents import Script, Unreadable
from modelint.documents.script import read_script
from modelint.facts import KerasVersion, Settings
from modelint.finding import Confidence, Finding, Severity

FIXED = ".fixed.py"
"""The end of the name of a file that holds what a fixture becomes when its fixes are applied."""

UNKNOWN_VERSION = "unknown"

_MARK = re.compile(r"(?P<lead>\s*)#(?P<gap> *)(?P<carets>\^+)(?P<rest>.*)")
_REST = re.compile(
    r"\s+(?:\[(?P<rule>[a-z-]+)\]\s*)?"
    r"(?:(?P<severity>note|warning|error)(?:, (?P<confidence>low|medium|high) confidence)?:\s*)?"
    r"(?P<message>\S.*)"
)
_SETTING = re.compile(r"# modelint-fixture:\s*(?P<toml>.+)")

_RELEASES: Mapping[KerasVersion, tuple[str, ...]] = {
    KerasVersion.KERAS_2: ("2.4.3", "2.15.0"),
    KerasVersion.KERAS_3_0: ("3.0.5", "3.5.0"),
    KerasVersion.KERAS_3_6: ("3.6.0", "3.9.2"),
    KerasVersion.KERAS_3_10: ("3.10.0", "3.15.1"),
    KerasVersion.KERAS_3_16: ("3.16.0",),
}
"""The first and last release of every range, by which a specifier is tried."""


class FixtureError(Exception):
    """A fixture is not written as it must be; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Mark:
    """An underline: what must be found under it. Columns count from 1, ``end_column`` is exclusive.

    ``rest_of_line`` says that the carets end where the code line ends, so that a finding may go on beyond it.
    """

    path: str
    line: int
    column: int
    end_column: int
    rest_of_line: bool
    rule: str
    message: str
    severity: Severity | None = None
    confidence: Confidence | None = None

    def matches(self, finding: Finding) -> bool:
        """Whether the finding is the one underlined."""
        return (
            finding.rule == self.rule
            and self.covers(finding)
            and finding.message.startswith(self.message)
            and self.severity in (None, finding.severity)
            and self.confidence in (None, finding.confidence)
        )

    def covers(self, finding: Finding) -> bool:
        """Whether the finding stands exactly on the carets."""
        span = finding.place.span
        if span is None or (finding.place.path, span.line, span.column) != (self.path, self.line, self.column):
            return False
        return self.rest_of_line if span.end_line > span.line else span.end_column == self.end_column

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}:{self.column}-{self.end_column}"
        level = self.severity.value if self.severity else "any severity"
        sureness = f", {self.confidence.value} confidence" if self.confidence else ""
        return f"{where} [{self.rule}] {level}{sureness}: {self.message}"


@dataclass(frozen=True, slots=True)
class Fixture:
    """The files of one fixture, by path; ``texts`` are as written, ``sources`` have the marks blanked out."""

    rule: str
    category: str
    location: Path
    texts: Mapping[str, str]
    sources: Mapping[str, str]
    marks: tuple[Mark, ...]
    settings: Mapping[str, Settings]
    fixed: Mapping[str, str]

    def __str__(self) -> str:
        return f"{self.category}/{self.location.name}"


@dataclass(slots=True, eq=False)
class FixtureSources:
    """The files of a fixture as the interpreter wants them (``modelint.program.sources.Sources``)."""

    texts: Mapping[str, str]
    _scripts: dict[str, Script | Unreadable] = field(default_factory=dict)

    def script(self, path: str) -> Script | Unreadable:
        """The parsed file, the same object on every call."""
        if path not in self._scripts:
            self._scripts[path] = read_script(path, self.texts[path].encode())
        return self._scripts[path]

    def is_file(self, path: str) -> bool:
        """Whether the fixture has such a file."""
        return path in self.texts

    def is_directory(self, path: str) -> bool:
        """Whether a file of the fixture lies under this folder."""
        return any(path == str(parent) for each in self.texts for parent in PurePosixPath(each).parents)

    def roots(self, path: str) -> tuple[str, ...]:
        """The fixture's own folder: the one nearest to the root that holds one of its files."""
        return (min((str(PurePosixPath(each).parent) for each in self.texts), key=len),)

    def packages(self, path: str) -> tuple[str, ...]:
        """None: a fixture is run from its own folder."""
        return ()


def read_fixture(location: Path, root: Path) -> Fixture:
    """The fixture in a file or a folder below ``root``; its category and rule are the names of folder and file.

    Raises:
        FixtureError: a mark or a setting is malformed.
    """
    rule = location.stem.replace("_", "-")
    files = sorted(location.rglob("*.py")) if location.is_dir() else [location]
    texts = {path.relative_to(root.parent).as_posix(): path for path in files if not path.name.endswith(FIXED)}
    written = {name: path.read_text(encoding="utf-8") for name, path in texts.items()}
    expected = {name: path.with_name(path.stem + FIXED) for name, path in texts.items()}
    return Fixture(
        rule=rule,
        category=location.parent.name,
        location=location,
        texts=written,
        sources={name: without_marks(text) for name, text in written.items()},
        marks=tuple(mark for name, text in written.items() for mark in marks_of(name, text, rule)),
        settings={name: settings_of(text) for name, text in written.items()},
        fixed={name: path.read_text(encoding="utf-8") for name, path in expected.items() if path.exists()},
    )


def marks_of(path: str, text: str, rule: str) -> Iterator[Mark]:
    """The marks of a file; ``rule`` is the rule they speak of unless they name another.

    Raises:
        FixtureError: a mark states no message, or has no code above it, or its carets reach beyond the code.
    """
    code, number = "", 0
    for line_number, line in enumerate(text.splitlines(), start=1):
        match = _MARK.fullmatch(line)
        if match is None:
            code, number = line.rstrip(), line_number
            continue
        rest = _REST.fullmatch(match["rest"])
        if rest is None:
            raise FixtureError(f"{path}:{line_number}: state the start of the message after the carets")
        column, end = match.start("carets") + 1, match.end("carets") + 1
        if not match["gap"]:
            column -= 1
        if not code or end > len(code) + 1 or code[column - 1] == " ":
            raise FixtureError(f"{path}:{line_number}: the carets do not stand under code")
        yield Mark(
            path=path,
            line=number,
            column=column,
            end_column=end,
            rest_of_line=end == len(code) + 1,
            rule=rest["rule"] or rule,
            message=rest["message"].rstrip(),
            severity=Severity(rest["severity"]) if rest["severity"] else None,
            confidence=Confidence(rest["confidence"]) if rest["confidence"] else None,
        )


def without_marks(text: str, *, drop: bool = False) -> str:
    """The text with its marks blanked out, so that lines keep their numbers; or dropped altogether."""
    lines = text.splitlines(keepends=True)
    if drop:
        return "".join(line for line in lines if not _MARK.fullmatch(line.rstrip("\r\n")))
    return "".join("\n" if _MARK.fullmatch(line.rstrip("\r\n")) else line for line in lines)


def settings_of(text: str) -> Settings:
    """The settings that the comments at the top of a file state.

    Raises:
        FixtureError: they are not TOML, or a key is unknown, or no Keras version meets the specifier.
    """
    stated = _stated(text)
    unknown = stated.keys() - {"keras", "tiny-batch", "tiny-batch-values", "pedantic"}
    if unknown:
        raise FixtureError(f"a fixture has no setting {', '.join(sorted(unknown))}")
    specifier = str(stated.get("keras", UNKNOWN_VERSION))
    values = stated.get("tiny-batch-values")
    settings = Settings(
        versions=versions_of(specifier),
        versions_known=specifier != UNKNOWN_VERSION,
        pedantic=stated.get("pedantic") is True,
        tiny_batch_values=values if isinstance(values, int) else None,
    )
    match stated.get("tiny-batch"):
        case int(size):
            return replace(settings, tiny_batch=size)
        case _:
            return settings


def _stated(text: str) -> dict[str, object]:
    stated: dict[str, object] = {}
    for line in text.splitlines():
        match = _SETTING.fullmatch(line)
        if match is None:
            break
        try:
            stated |= tomllib.loads(match["toml"])
        except tomllib.TOMLDecodeError as error:
            raise FixtureError(f"{line!r} is not TOML: {error}") from error
    return stated


def versions_of(specifier: str) -> tuple[KerasVersion, ...]:
    """The ranges of Keras versions of which the first or last release meets the specifier; all for ``"unknown"``.

    Raises:
        FixtureError: none does.
    """
    if specifier == UNKNOWN_VERSION:
        return tuple(KerasVersion)
    allowed = SpecifierSet(specifier)
    versions = tuple(version for version, releases in _RELEASES.items() if any(map(allowed.contains, releases)))
    if not versions:
        raise FixtureError(f"no Keras version is {specifier}")
    return versions


def complaints(marks: Iterable[Mark], findings: Iterable[Finding], rule: str) -> Iterator[str]:
    """In words, every mark without its finding and every finding of ``rule`` without its mark."""
    left = list(findings)
    for mark in marks:
        found = next((finding for finding in left if mark.matches(finding)), None)
        if found is not None:
            left.remove(found)
        else:
            on_it = [finding for finding in left if mark.covers(finding) and finding.rule == mark.rule]
            yield f"nothing found: {mark}" + "".join(f"\n    but found there: {describe(each)}" for each in on_it)
    for finding in left:
        if finding.rule == rule:
            yield f"not underlined: {describe(finding)}"


def describe(finding: Finding) -> str:
    """A finding on one line, with all that a mark may state."""
    span = finding.place.span
    where = f"{span.line}:{span.column}-{span.end_column}" if span else "?"
    if span and span.end_line != span.line:
        where = f"{span.line}:{span.column}-{span.end_line}:{span.end_column}"
    level = f"{finding.severity.value}, {finding.confidence.value} confidence"
    return f"{finding.place.path}:{where} [{finding.rule}] {level}: {finding.message}"
