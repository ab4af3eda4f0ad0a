"""Which Keras versions a program must work with: what its configuration says, else what its project declares.

Read from lock files, requirements files, ``pyproject.toml`` and ``setup.cfg``, in the nearest directory of the project
that names Keras or TensorFlow. No installed package is looked at: the linter's environment is not the program's.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping

import attrs
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from modelint.facts import KerasVersion
from modelint.workspace.configuration import Frameworks
from modelint.workspace.names import project_directories

Declared = Mapping[str, tuple[SpecifierSet, ...]]
"""The versions asked for of ``keras``, ``tensorflow`` and ``tf-keras``: any one of several sets."""

_SAME_AS = {
    "keras-nightly": ("keras", ">=3.6"),
    "tensorflow-cpu": ("tensorflow", ""),
    "tensorflow-gpu": ("tensorflow", "<=2.12"),  # the last that was published
    "tensorflow-intel": ("tensorflow", ""),
    "tensorflow-macos": ("tensorflow", ""),
    "tensorflow-rocm": ("tensorflow", ""),
    "tf-nightly": ("tensorflow", ">=2.16"),
}
_FIRST_KERAS = (("2.21", "3.12"), ("2.20", "3.10"), ("2.18", "3.5"), ("2.17", "3.2"), ("2.16", "3.0"))
"""The lowest Keras that a TensorFlow release from the given one on installs; from the packages' metadata."""

_LOCKED = re.compile(r'^name = "([\w.-]+)"\s*\r?\nversion = "([^"]+)"', re.MULTILINE)
_LOCKS = ("uv.lock", "poetry.lock", "pdm.lock")
_REQUIREMENTS = re.compile(r"requirements.*\.(txt|in)|.*requirements\.txt")
_INCLUDE = re.compile(r"(?:-r|--requirement)[ =]*(\S+)")
LARGEST = 20_000_000
"""Bytes of a file that declares dependencies; lock files are long."""


@attrs.frozen
class InPlay:
    """The ranges of versions, oldest first; ``known`` says that somebody named them."""

    versions: tuple[KerasVersion, ...]
    known: bool


ALL_VERSIONS = InPlay(tuple(KerasVersion), known=False)


Remembered = dict[str, InPlay | None]
"""What the files of each directory that was looked at declare; None if nothing."""


def in_play(directory: str, frameworks: Frameworks, remembered: Remembered | None = None) -> InPlay:
    """The versions for files in an absolute directory. No file is read whose directory is ``remembered``."""
    configured = {
        name: (specifiers,)
        for name, specifiers in (
            ("keras", frameworks.keras),
            ("tensorflow", frameworks.tensorflow),
            ("tf-keras", frameworks.tf_keras),
        )
        if specifiers is not None
    }
    if configured:
        return _ranges(configured)
    return _declared_in_project(directory, {} if remembered is None else remembered)


def _declared_in_project(directory: str, remembered: Remembered) -> InPlay:
    for candidate in project_directories(directory):
        if candidate not in remembered:
            declared = _declared_in(candidate)
            remembered[candidate] = _ranges(declared) if declared else None
        found = remembered[candidate]
        if found is not None:
            return found
    return ALL_VERSIONS


def _ranges(declared: Declared) -> InPlay:
    """The ranges that hold a version which the declarations allow."""
    keras, tensorflow = declared.get("keras"), declared.get("tensorflow")
    allowed: set[KerasVersion] = set()
    if keras:
        allowed = _holding(keras)
    if tensorflow:
        through = _through_tensorflow(tensorflow)
        allowed = (allowed & through) or (allowed | through)
    if "tf-keras" in declared:
        allowed.add(KerasVersion.KERAS_2)
    if not allowed or len(allowed) == len(KerasVersion):
        return ALL_VERSIONS
    return InPlay(tuple(version for version in KerasVersion if version in allowed), known=True)


def _holding(sets: Iterable[SpecifierSet]) -> set[KerasVersion]:
    return {
        range_of(version)
        for specifiers in sets
        for version in _candidates(specifiers, {1: 2, 2: 16, 3: 40, 4: 10})
        if specifiers.contains(version, prereleases=True)
    }


def _through_tensorflow(sets: Iterable[SpecifierSet]) -> set[KerasVersion]:
    """The Keras ranges that come with a TensorFlow."""
    firsts = {
        next((keras for since, keras in _FIRST_KERAS if version >= Version(since)), None)
        for specifiers in sets
        for version in _candidates(specifiers, {1: 16, 2: 40, 3: 10})
        if specifiers.contains(version, prereleases=True)
    }
    found = _holding([SpecifierSet(f">={first}") for first in firsts if first])
    return found | {KerasVersion.KERAS_2} if None in firsts else found


def _candidates(specifiers: SpecifierSet, minors: Mapping[int, int]) -> Iterator[Version]:
    """Versions enough to find out which ranges a set of specifiers allows: all minor ones, and those it names."""
    for major, count in minors.items():
        for minor in range(count):
            for patch in (0, 9):
                yield Version(f"{major}.{minor}.{patch}")
    for specifier in specifiers:
        try:
            yield Version(specifier.version.removesuffix(".*"))
        except ValueError:
            continue


def range_of(version: Version) -> KerasVersion:
    """The range that a Keras version belongs to."""
    return KerasVersion.of(version.major, version.minor)


def _declared_in(directory: str) -> Declared:
    """What the files of one directory say. A lock file decides; otherwise what several files agree on."""
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        return {}
    locked = [_locked(_text(os.path.join(directory, name))) for name in names if name in _LOCKS]
    if any(locked):
        return _agreed(locked)
    readers: dict[str, Callable[[str], Iterable[str]]] = {"pyproject.toml": _pyproject, "setup.cfg": _setup_cfg}
    found: list[Declared] = []
    for name in names:
        path = os.path.join(directory, name)
        if name in readers:
            found.append(_collected(readers[name](_text(path))))
        elif _REQUIREMENTS.fullmatch(name):
            found.append(_collected(_requirements(path, set())))
        elif name == "requirements" and os.path.isdir(path):
            inside = (os.path.join(path, file) for file in sorted(os.listdir(path)) if file.endswith((".txt", ".in")))
            found += [_collected(_requirements(file, set())) for file in inside]
    return _agreed(found)


def _agreed(found: Iterable[Declared]) -> Declared:
    """What several files say together: their intersection, or their union where that is empty."""
    together: dict[str, tuple[SpecifierSet, ...]] = {}
    for declared in found:
        for name, sets in declared.items():
            before = together.get(name)
            if before is None:
                together[name] = sets
                continue
            both = tuple(one & other for one in before for other in sets)
            possible = tuple(specifiers for specifiers in both if _holding([specifiers]) or name != "keras")
            if name == "tensorflow":
                possible = tuple(specifiers for specifiers in both if _through_tensorflow([specifiers]))
            together[name] = possible or before + sets
    return together


def _collected(requirements: Iterable[str]) -> Declared:
    """The requirements of one file that are about a framework; alternatives (by environment) side by side."""
    found: dict[str, tuple[SpecifierSet, ...]] = {}
    for text in requirements:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        name, extra = _SAME_AS.get(canonicalize_name(requirement.name), (canonicalize_name(requirement.name), ""))
        if name in ("keras", "tensorflow", "tf-keras"):
            found[name] = (*found.get(name, ()), requirement.specifier & SpecifierSet(extra))
    # a group of extras that merely names the package again says nothing
    return {name: tuple(s for s in sets if s) or sets for name, sets in found.items()}


def _locked(text: str) -> Declared:
    return _collected(f"{name}=={version}" for name, version in _LOCKED.findall(text))


def _requirements(path: str, seen: set[str]) -> Iterator[str]:
    """The requirements of a requirements file and of those it includes."""
    if path in seen:
        return
    seen.add(path)
    for line in _text(path).replace("\\\n", " ").splitlines():
        line = re.sub(r"(^|\s)#.*", "", line).strip()
        include = _INCLUDE.match(line)
        if include:
            yield from _requirements(os.path.normpath(os.path.join(os.path.dirname(path), include[1])), seen)
        elif line and not line.startswith("-"):
            yield re.split(r"\s--?\w", line, maxsplit=1)[0]


def _pyproject(text: str) -> Iterator[str]:
    """The requirements in the tables of PEP 621, PEP 735 and Poetry."""
    if not re.search(r"keras|tensorflow|tf-nightly", text):
        return
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return
    project = _table(document.get("project"))
    groups = {"": project.get("dependencies")} | _table(project.get("optional-dependencies"))
    for group in (*groups.values(), *_table(document.get("dependency-groups")).values()):
        if isinstance(group, list):
            yield from (entry for entry in group if isinstance(entry, str))
    poetry = _table(_table(document.get("tool")).get("poetry"))
    tables = [poetry, *_table(poetry.get("group")).values()]
    for table in tables:
        for name, wanted in _table(_table(table).get("dependencies")).items():
            yield from _poetry(name, wanted)


def _poetry(name: str, wanted: object) -> Iterator[str]:
    """A dependency as Poetry writes it, as PEP 508 does."""
    for one in wanted if isinstance(wanted, list) else [wanted]:
        version = one.get("version") if isinstance(one, dict) else one
        if not isinstance(version, str):
            continue
        for alternative in version.split("||"):
            yield f"{name}{','.join(_poetry_specifier(part.strip()) for part in alternative.split(','))}"


def _poetry_specifier(text: str) -> str:
    if text in ("", "*"):
        return ""
    numbers = re.match(r"[\^~]?\s*(\d+(?:\.\d+)*)", text)
    if numbers and text[0] in "^~" and not text.startswith("~="):
        parts = [int(part) for part in numbers[1].split(".")]
        kept = 1 if text[0] == "^" else min(2, len(parts))
        upper = [*parts[: kept - 1], parts[kept - 1] + 1]
        return f">={numbers[1]},<{'.'.join(map(str, upper))}"
    try:
        return str(SpecifierSet(text))
    except InvalidSpecifier:
        return f"=={text}"


def _setup_cfg(text: str) -> Iterator[str]:
    """The indented lines of a setup.cfg: its lists, of which only the requirements parse as such."""
    for line in text.splitlines():
        if line[:1] in (" ", "\t"):
            yield line.strip()
        elif line.startswith("install_requires"):
            yield from line.partition("=")[2].split(";")


def _table(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _text(path: str) -> str:
    """The text of a file, empty if it cannot be read."""
    try:
        with open(path, encoding="utf-8-sig", errors="replace") as file:
            return file.read(LARGEST)
    except OSError:
        return ""
