"""What is in force for a path, and where each value comes from: a file, the command line, or nobody.

Takes a ``Lookup`` after the configuration was read, gives values that can be written as JSON.
"""

from __future__ import annotations

import enum
import os
from collections.abc import Mapping

import attrs

from modelint.finding import Severity
from modelint.workspace import declarations
from modelint.workspace.configuration import Configuration, Frameworks, Written
from modelint.workspace.lookup import Lookup, Overrides
from modelint.workspace.names import name_of

DEFAULT = "default"
COMMAND_LINE = "command line"
ANY_FILE = "*"
"""Stands for the files of a directory: what holds for all of them, and not for some only, holds for it."""

_NOT_IN_FORCE = frozenset({"extend", "extend_exclude"})
"""Keys that are about other keys."""


@attrs.frozen
class Setting:
    """A key, its value as JSON has it, and where that comes from, the last word last."""

    key: str
    value: object
    sources: tuple[str, ...]


@attrs.frozen
class InForce:
    """What holds for a path.

    ``files`` are the configuration files behind it, the nearest last; ``rules`` the severity of each rule, None for one
    that is not enabled.
    """

    path: str
    files: tuple[str, ...]
    settings: tuple[Setting, ...]
    rules: Mapping[str, Severity | None]


def in_force(lookup: Lookup, path: str) -> InForce:
    """What holds for a file, or for a directory and what is in it."""
    directory = os.path.abspath(path) if os.path.isdir(path) else os.path.dirname(os.path.abspath(path))
    configuration = lookup.for_directory(directory)
    written = lookup.written(configuration)
    settings = [
        Setting(
            field.name.replace("_", "-"),
            _value(field.name, configuration),
            _sources(field.name, written, lookup.overrides),
        )
        for field in attrs.fields(Written)
        if field.name not in _NOT_IN_FORCE
    ]
    policy = lookup.policy(os.path.join(directory, ANY_FILE) if os.path.isdir(path) else path)
    entries = {entry.name: entry.severity for entry in lookup.catalogue.entries}
    rules = {
        name: policy.severities.get(name, entries[name]) if name in policy.enabled else None
        for name in sorted(lookup.catalogue.categories)
    }
    return InForce(path, tuple(name for name, _ in written), tuple(settings), rules)


def _sources(name: str, written: tuple[tuple[str, Written], ...], overrides: Overrides) -> tuple[str, ...]:
    """Who says what a key is."""
    spoken = (COMMAND_LINE,) if getattr(overrides, name, None) not in (None, (), {}) else ()
    files = tuple(file for file, said in written if getattr(said, name) is not None)
    match name:
        case (
            "severity" | "per_file_ignores" | "layers" | "calls_eval" | "calls_train" | "wrappers"
        ):  # every file adds to it
            return (*files, *spoken) or (DEFAULT,)
        case "exclude":
            replacing = written.index(next(one for one in written if one[0] == files[-1])) if files else 0
            adding = (file for file, said in written[replacing:] if said.extend_exclude or file in files[-1:])
            return (*(() if files else (DEFAULT,)), *adding, *spoken)
        case "ignore" if overrides.select:  # which puts aside what files ignore
            return (COMMAND_LINE,)
        case "ignore":
            return (*files[-1:], *spoken) or (DEFAULT,)
        case _:
            return (DEFAULT, *files, *spoken)[-1:]


def _value(name: str, configuration: Configuration) -> object:
    """The value of a key, as a configuration file would have it."""
    match name:
        case "ignore":
            return [*configuration.ignore, *configuration.refuse]
        case "severity":
            return {rule: level.value for levels in configuration.severities for rule, level in levels.items()}
        case "baseline":
            return name_of(configuration.baseline) if configuration.baseline else None
        case "exclude":
            return [line for patterns in configuration.exclude for line in patterns.lines]
        case "per_file_ignores":
            return {patterns.lines[0]: list(names) for patterns, names in configuration.per_file_ignores}
        case "layers":
            return [declarations.written(layer) for layer in configuration.declared.layers]
        case "calls_eval" | "calls_train" | "wrappers":
            return list(getattr(configuration.declared, name))
        case _:
            return _plain(getattr(configuration, name))


def _plain(value: object) -> object:
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Frameworks):
        asked = {field.name.replace("_", "-"): getattr(value, field.name) for field in attrs.fields(Frameworks)}
        return {name: str(specifiers) for name, specifiers in asked.items() if specifiers is not None}
    return list(value) if isinstance(value, tuple) else value
