"""Configuration: ``[tool.modelint]`` of a ``pyproject.toml``, or a ``modelint.toml``.

Takes the bytes of such a file, gives what it says (``Written``) and every mistake in it. A ``Configuration`` is what
holds for a file of code, after ``extend``, the defaults and the command line; ``lookup`` finds it.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import attrs
from packaging.specifiers import SpecifierSet

from modelint.facts import Declared, DeclaredLayer
from modelint.finding import Severity
from modelint.render import FORMATS
from modelint.selection import ALL, Catalogue
from modelint.workspace import declarations, toml
from modelint.workspace.patterns import Patterns

TINY_BATCH = 8


@attrs.frozen
class Mistake:
    """One thing wrong with a configuration: in which file, at which key."""

    path: str
    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.key}: {self.message}" if self.key else f"{self.path}: {self.message}"


class ConfigurationError(Exception):
    """The configuration cannot be used; ``mistakes`` are all that is wrong with it."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


@attrs.frozen
class Frameworks:
    """The versions of frameworks that the code must work with (PEP 440 specifiers)."""

    keras: SpecifierSet | None = toml.key(toml.specifiers)
    tensorflow: SpecifierSet | None = toml.key(toml.specifiers)
    tf_keras: SpecifierSet | None = toml.key(toml.specifiers)


def _frameworks(value: object) -> Frameworks:
    return toml.read(Frameworks, toml.table(value))


@attrs.frozen
class Written:
    """What one configuration file says; None is what it does not say."""

    extend: str | None = toml.key(toml.text)
    select: tuple[str, ...] | None = toml.key(toml.texts)
    ignore: tuple[str, ...] | None = toml.key(toml.texts)
    severity: Mapping[str, Severity] | None = toml.key(toml.table_of(toml.severity))
    exclude: tuple[str, ...] | None = toml.key(toml.globs)
    extend_exclude: tuple[str, ...] | None = toml.key(toml.globs)
    per_file_ignores: Mapping[str, tuple[str, ...]] | None = toml.key(toml.table_of(toml.texts))
    fail_on: Severity | None = toml.key(toml.severity)
    pedantic: bool | None = toml.key(toml.flag)
    fix: bool | None = toml.key(toml.flag)
    unsafe_fixes: bool | None = toml.key(toml.flag)
    output_format: str | None = toml.key(toml.one_of(*FORMATS))
    baseline: str | None = toml.key(toml.text)
    tiny_batch: int | None = toml.key(toml.positive)
    tiny_batch_values: int | None = toml.key(toml.positive)
    frameworks: Frameworks | None = toml.key(_frameworks)
    layers: tuple[DeclaredLayer, ...] | None = toml.key(declarations.layers)
    calls_eval: tuple[str, ...] | None = toml.key(declarations.names)
    calls_train: tuple[str, ...] | None = toml.key(declarations.names)
    wrappers: tuple[str, ...] | None = toml.key(declarations.names)

    @property
    def declared(self) -> Declared:
        """What it says of code whose source is not read."""
        return Declared(self.layers or (), self.calls_eval or (), self.calls_train or (), self.wrappers or ())


_TAKEN_AS_WRITTEN = (
    "select",
    "ignore",
    "fail_on",
    "pedantic",
    "fix",
    "unsafe_fixes",
    "output_format",
    "tiny_batch",
    "tiny_batch_values",
    "frameworks",
)


@attrs.frozen
class Configuration:
    """What holds for a file of code. ``path`` is the configuration file, None where there is none.

    ``severities`` and ``exclude`` hold what several files and the command line say, in that order; ``refuse`` are
    selectors that win over everything else; ``baseline`` is an absolute path.
    """

    path: str | None = None
    select: tuple[str, ...] = (ALL,)
    ignore: tuple[str, ...] = ()
    refuse: tuple[str, ...] = ()
    severities: tuple[Mapping[str, Severity], ...] = ()
    exclude: tuple[Patterns, ...] = ()
    per_file_ignores: tuple[tuple[Patterns, tuple[str, ...]], ...] = ()
    fail_on: Severity = Severity.WARNING
    pedantic: bool = False
    fix: bool = False
    unsafe_fixes: bool = False
    output_format: str = "full"
    baseline: str | None = None
    tiny_batch: int = TINY_BATCH
    tiny_batch_values: int | None = None
    frameworks: Frameworks = Frameworks()
    declared: Declared = Declared()

    def extended(self, written: Written, directory: str) -> Configuration:
        """This configuration with what a file in ``directory`` says put over it."""
        changes: dict[str, Any] = {
            name: value for name in _TAKEN_AS_WRITTEN if (value := getattr(written, name)) is not None
        }
        if written.baseline is not None:
            changes["baseline"] = os.path.normpath(os.path.join(directory, os.path.expanduser(written.baseline)))
        exclude = self.exclude if written.exclude is None else (Patterns(directory, written.exclude),)
        if written.extend_exclude:
            exclude = (*exclude, Patterns(directory, written.extend_exclude))
        ignores = tuple(
            (Patterns(directory, (glob,)), names) for glob, names in (written.per_file_ignores or {}).items()
        )
        return attrs.evolve(
            self,
            severities=(*self.severities, written.severity or {}),
            exclude=exclude,
            per_file_ignores=(*self.per_file_ignores, *ignores),
            declared=self.declared.extended(written.declared),
            **changes,
        )


def find_table(path: str, data: bytes) -> tuple[tuple[str, ...], Mapping[str, Any]] | None:
    """The keys that lead to modelint's table in a configuration file, and the table; None if there is none.

    Raises:
        ConfigurationError: the file cannot be read as TOML.
    """
    own = path.endswith("modelint.toml")
    if not own and b"modelint" not in data:
        return None  # somebody else's file, whatever is wrong with it
    try:
        document = tomllib.loads(data.decode())
    except UnicodeDecodeError as error:
        raise ConfigurationError([Mistake(path, "", f"is not UTF-8 (byte {error.start})")]) from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        reason = str(error)[:1].lower() + str(error)[1:]
        raise ConfigurationError([Mistake(path, "", f"is not valid TOML: {reason}")]) from None
    if own:
        return (), document
    tool = document.get("tool")
    if not isinstance(tool, dict) or "modelint" not in tool:
        return None
    if not isinstance(tool["modelint"], dict):
        raise ConfigurationError([Mistake(path, "tool.modelint", "must be a table")])
    return ("tool", "modelint"), tool["modelint"]


def read_table(path: str, keys: tuple[str, ...], table: Mapping[str, Any], catalogue: Catalogue) -> Written:
    """What a table says.

    Raises:
        ConfigurationError: with all that is wrong with it, unknown rules included.
    """
    mistakes: list[Mistake] = []
    written = Written()
    try:
        written = toml.read(Written, table)
    except ExceptionGroup as group:
        wrongs = (wrong for wrong in group.exceptions if isinstance(wrong, toml.WrongValueError))
        mistakes += [Mistake(path, toml.dotted((*keys, *wrong.keys)), str(wrong)) for wrong in wrongs]
    for where, selector in _selectors(table):
        objection = catalogue.objection(selector)
        if objection:
            mistakes.append(Mistake(path, toml.dotted((*keys, *where)), objection))
    if mistakes:
        raise ConfigurationError(mistakes)
    return written


def _selectors(table: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every selector in a table, right or wrong otherwise, with the keys that lead there."""
    lists: dict[tuple[str, ...], object] = {("select",): table.get("select"), ("ignore",): table.get("ignore")}
    globs = table.get("per-file-ignores")
    if isinstance(globs, dict):
        lists |= {("per-file-ignores", glob): names for glob, names in globs.items()}
    severity = table.get("severity")
    lists |= {("severity",): list(severity) if isinstance(severity, dict) else None}
    for keys, names in lists.items():
        yield from ((keys, name) for name in (names if isinstance(names, list) else ()) if isinstance(name, str))
