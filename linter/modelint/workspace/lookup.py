"""Which configuration holds for a file: the nearest one above it, what that extends, and the command line over it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from typing import Any

import attrs

from modelint.engine import Policy
from modelint.finding import Severity
from modelint.selection import Catalogue
from modelint.workspace.configuration import (
    Configuration,
    ConfigurationError,
    Mistake,
    Written,
    find_table,
    read_table,
)
from modelint.workspace.names import ancestors, name_of, project_directories
from modelint.workspace.patterns import Patterns, default_exclude

FILE_NAMES = ("modelint.toml", "pyproject.toml")
"""In the order in which they are preferred in one directory."""

LARGEST_CONFIGURATION = 1_000_000
"""Bytes; nobody writes more by hand."""


@attrs.frozen
class Overrides:
    """What the command line says; empty or None is what it does not say."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    severity: Mapping[str, Severity] = attrs.field(factory=dict)
    exclude: tuple[str, ...] = ()
    fail_on: Severity | None = None
    pedantic: bool | None = None
    fix: bool | None = None
    unsafe_fixes: bool | None = None

    def over(self, configuration: Configuration) -> Configuration:
        """The configuration with the command line put over it."""
        changes: dict[str, Any] = {"refuse": self.ignore}
        if self.select:
            changes |= {"select": self.select, "ignore": ()}
        if self.exclude:
            changes["exclude"] = (*configuration.exclude, Patterns(os.getcwd(), self.exclude))
        for name in ("fail_on", "pedantic", "fix", "unsafe_fixes"):
            if (value := getattr(self, name)) is not None:
                changes[name] = value
        return attrs.evolve(configuration, severities=(*configuration.severities, self.severity), **changes)


@attrs.define(eq=False)
class Lookup:
    """The configurations of a run. ``mistakes`` are those found in all the files read so far.

    ``only`` is a configuration file to be used for all files; ``isolated`` ignores every configuration file.
    """

    catalogue: Catalogue
    overrides: Overrides = attrs.field(factory=Overrides)
    only: str | None = None
    isolated: bool = False
    mistakes: list[Mistake] = attrs.field(factory=list)
    _by_directory: dict[str, Configuration] = attrs.field(factory=dict)
    _by_file: dict[str, Configuration | None] = attrs.field(factory=dict)
    _policies: dict[str, Policy] = attrs.field(factory=dict)
    _written: dict[str, tuple[tuple[str, Written], ...]] = attrs.field(factory=dict)

    def for_directory(self, directory: str) -> Configuration:
        """What holds for the files in an absolute directory."""
        if directory not in self._by_directory:
            self._by_directory[directory] = self.overrides.over(self._nearest(directory))
        return self._by_directory[directory]

    def for_file(self, name: str) -> Configuration:
        """What holds for one file."""
        return self.for_directory(os.path.dirname(os.path.abspath(name)))

    def looked_for(self) -> frozenset[str]:
        """The paths of all configuration files that would have been read, whether or not they are there."""
        nearest = (os.path.join(directory, name) for directory in self._by_directory for name in FILE_NAMES)
        return frozenset(nearest) | frozenset(self._by_file)

    def written(self, configuration: Configuration) -> tuple[tuple[str, Written], ...]:
        """What the files behind a configuration say, each by its name: the one that is extended before the other."""
        return self._written.get(configuration.path or "", ())

    def policy(self, name: str) -> Policy:
        """What is wanted of the findings that stand in a file."""
        if name not in self._policies:
            configuration = self.for_file(name)
            path = os.path.abspath(name)
            ignored = [names for patterns, names in configuration.per_file_ignores if patterns.match(path)]
            enabled = self._enabled(configuration.select, configuration.ignore)
            enabled -= self._enabled(configuration.refuse, ())
            enabled -= self._enabled(tuple(name for names in ignored for name in names), ())
            self._policies[name] = Policy(enabled, self.catalogue.severities(configuration.severities))
        return self._policies[name]

    def _enabled(self, select: tuple[str, ...], ignore: tuple[str, ...]) -> frozenset[str]:
        return _enabled(self.catalogue, select, ignore)

    def _nearest(self, directory: str) -> Configuration:
        if self.isolated:
            return _defaults(directory)
        if self.only is not None:
            found = self._load(os.path.abspath(self.only), ())
            if found is None and not self.mistakes:
                self.mistakes.append(Mistake(name_of(self.only), "", "has no table [tool.modelint]"))
            return found or _defaults(directory)
        for candidate in ancestors(directory):
            for file_name in FILE_NAMES:
                path = os.path.join(candidate, file_name)
                if os.path.isfile(path):
                    found = self._load(path, ())
                    if found is not None:
                        return found
        return _defaults(directory)

    def _load(self, path: str, extending: tuple[str, ...]) -> Configuration | None:
        """What a configuration file says over what it extends; None if it says nothing about modelint."""
        if path not in self._by_file:
            try:
                self._by_file[path] = self._read(path, extending)
            except ConfigurationError as error:
                self.mistakes += error.mistakes
                self._by_file[path] = _defaults(os.path.dirname(path))
        return self._by_file[path]

    def _read(self, path: str, extending: tuple[str, ...]) -> Configuration | None:
        name = name_of(path)
        try:
            with open(path, "rb") as file:
                data = file.read(LARGEST_CONFIGURATION + 1)
        except OSError as error:
            raise ConfigurationError([Mistake(name, "", f"cannot be read: {error.strerror}")]) from None
        if len(data) > LARGEST_CONFIGURATION:
            raise ConfigurationError([Mistake(name, "", "is too large for a configuration file")])
        table = find_table(name, data)
        if table is None:
            return None
        written = read_table(name, *table, self.catalogue)
        directory = os.path.dirname(path)
        base = _defaults(directory)
        if written.extend is not None:
            key = ".".join((*table[0], "extend"))
            target = os.path.normpath(os.path.join(directory, os.path.expanduser(written.extend)))
            if target in (path, *extending):
                raise ConfigurationError([Mistake(name, key, f"{written.extend} extends this file in turn")])
            if not os.path.isfile(target):
                raise ConfigurationError([Mistake(name, key, f"there is no file {written.extend!r}")])
            extended = self._load(target, (path, *extending))
            if extended is None:
                raise ConfigurationError([Mistake(name, key, f"{written.extend} has no table [tool.modelint]")])
            base = extended
        self._written[name] = (*self.written(base), (name, written))
        return attrs.evolve(base.extended(written, directory), path=name)


def _defaults(directory: str) -> Configuration:
    """What holds where nothing is configured."""
    return Configuration(exclude=(default_exclude(project_directories(directory)[-1]),))


@cache
def _enabled(catalogue: Catalogue, select: tuple[str, ...], ignore: tuple[str, ...]) -> frozenset[str]:
    return catalogue.enabled(select, ignore)
