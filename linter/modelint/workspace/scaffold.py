"""A new rule with its fixture, in a rule pack that is there or is made for it.

Takes the category and name of a rule and the directory of a pack, gives the files to write. What it gives passes the
pack's tests as it is; it is there to be changed.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from typing import Final

import attrs

from modelint.rule import ENTRY_POINT_GROUP

PROJECT: Final = "pyproject.toml"
_NAME: Final = re.compile(r"[a-z]+(-[a-z0-9]+)*")
_SOURCE_ROOTS: Final = ("", "src", "rules")


class ScaffoldError(Exception):
    """A rule cannot be made there; the message says why, in one sentence."""


@attrs.frozen
class RulePack:
    """Where the parts of a pack are: ``package`` its import package, ``source`` the directory that holds that."""

    directory: str
    package: str
    source: str
    is_new: bool = False

    @property
    def sources(self) -> str:
        """The directory of the import package."""
        return os.path.join(self.source, self.package)


def pack_in(directory: str) -> RulePack:
    """The pack of which a directory is the root; one that is to be made, if there is no project in it.

    Raises:
        ScaffoldError: there is a project, but no pack in it, or its package is not found; or no name can be made.
    """
    path = os.path.join(directory, PROJECT)
    if not os.path.exists(path):
        return _new_pack(directory)
    try:
        with open(path, "rb") as file:
            project = tomllib.load(file).get("project", {})
    except (OSError, ValueError) as error:
        raise ScaffoldError(f"{path} cannot be read: {error}") from None
    packs = project.get("entry-points", {}).get(ENTRY_POINT_GROUP, {}) if isinstance(project, dict) else {}
    if not packs:
        section = f'[project.entry-points."{ENTRY_POINT_GROUP}"]'
        raise ScaffoldError(f"{path} is of no rule pack: it has no section {section}; name another directory by --pack")
    package = str(next(iter(packs.values())))
    for root in _SOURCE_ROOTS:
        source = os.path.join(directory, root) if root else directory
        if os.path.isdir(os.path.join(source, *package.split("."))):
            return RulePack(directory, package.replace(".", os.sep), source)
    raise ScaffoldError(f"{path} names the package {package}, which is not in {directory}, nor in src or rules there")


def _new_pack(directory: str) -> RulePack:
    name = os.path.basename(os.path.abspath(directory))
    package = re.sub(r"[-.\s]+", "_", name.lower())
    if not package.isidentifier():
        raise ScaffoldError(f"{name!r} gives no name to a package; give the new pack another directory by --pack")
    if os.path.isdir(directory) and any(not entry.startswith(".") for entry in os.listdir(directory)):
        raise ScaffoldError(f"{directory} has no {PROJECT} and is not empty; name a new directory by --pack")
    return RulePack(directory, package, directory, is_new=True)


def new_rule(category: str, name: str, pack: RulePack) -> Iterator[tuple[str, str]]:
    """The files of a new rule, and of its pack if that is new: path and content of each.

    Raises:
        ScaffoldError: a name is not in the common form.
    """
    for part in (category, name):
        if not _NAME.fullmatch(part):
            raise ScaffoldError(f"{part!r} is not lower-case words joined by hyphens, such as 'mode' or 'lost-mode'")
    folder, module = category.replace("-", "_"), name.replace("-", "_")
    if pack.is_new:
        distribution = pack.package.replace("_", "-")
        yield os.path.join(pack.directory, PROJECT), _PROJECT.format(distribution=distribution, package=pack.package)
        yield os.path.join(pack.sources, "__init__.py"), _PACKAGE
        yield os.path.join(pack.directory, "tests", "test_rules.py"), _TESTS.format(package=pack.package)
    package = os.path.join(pack.sources, folder, "__init__.py")
    if not os.path.exists(package):
        yield package, f'"""Rules of the category {category}."""\n'
    yield os.path.join(pack.sources, folder, f"{module}.py"), _RULE
    yield os.path.join(pack.directory, "fixtures", folder, f"{module}.py"), _FIXTURE


_PROJECT = """\
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "{distribution}"
version = "0.1.0"
description = "Rules for modelint."
requires-python = ">=3.11"
dependencies = ["modelint"]

[project.optional-dependencies]
test = ["pytest"]

[project.entry-points."modelint.rules"]
{distribution} = "{package}"

[tool.hatch.build.targets.wheel]
packages = ["{package}"]

[tool.pytest.ini_options]
pythonpath = ["."]
testpaths = ["tests"]
"""

_PACKAGE = '"""Rules for modelint: one module per rule, one package per category."""\n'

_TESTS = '''\
"""Holds every rule to its fixture, and its page to the form that all pages have."""

from pathlib import Path

import pytest

import {package}
from modelint.testing import Check, Pack

PACK = Pack({package}, Path(__file__).parent.parent / "fixtures")


@pytest.mark.parametrize("check", PACK.checks(), ids=str)
def test_rules_and_fixtures_are_in_order(check: Check) -> None:
    wrong = check.complaints()
    assert not wrong, "\\n".join(wrong)
'''

_RULE = '''\
"""A dropout drops nearly everything.

This page is what `modelint explain` shows. Its first line says what is wrong, in one sentence; this paragraph says why
it matters. The rule is an example: it finds layers of which the rate is above 0.9.

## How to fix it

Say here what to write instead.

## When it is not a bug

Say here what is not reported, and when to ignore what is.

## References

- The documentation of `keras.layers.Dropout`.
"""

from collections.abc import Iterator

from modelint import Finding, LayerMade, Program, Rule, Severity

rule = Rule(__name__, severity=Severity.WARNING, since="0.1")

LARGEST_RATE = 0.9


@rule.on(LayerMade)
def check(layer: LayerMade, program: Program) -> Iterator[Finding]:
    """A layer of which the rate is known, and too large."""
    rate = layer.config.get("rate")
    if layer.qualified == "keras.layers.Dropout" and isinstance(rate, float) and rate > LARGEST_RATE:
        yield rule.at(layer.place, f"this {layer.kind} drops all but {1 - rate:.0%}; lower its rate")
'''

_FIXTURE = '''\
"""What must be found is underlined, with the start of the message; what stands beside it must not be found."""

import keras

model = keras.Sequential(
    [
        keras.Input((8,)),
        keras.layers.Dropout(0.95),
        #^^^^^^^^^^^^^^^^^^^^^^^^^ warning: this Dropout drops all but 5%
        keras.layers.Dropout(0.5),
    ]
)
'''
