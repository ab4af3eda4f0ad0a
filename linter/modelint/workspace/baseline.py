"""Baselines: files that list findings which were there before, so that only new ones are shown.

A baseline counts findings by file, rule and content (see ``render.fingerprint``): not by line, so it survives moved
lines, and sorted, so that its own history is readable. Files are named from the directory of the baseline; one that is
gone may have been renamed, so its findings are known again wherever their like turns up. It never holds that something
could not be examined.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import attrs

from modelint.finding import Finding
from modelint.render.fingerprint import contents
from modelint.render.results import Lines, is_failure

VERSION = 1
LARGEST = 100_000_000
"""Bytes."""

Key = tuple[str, str, str]
"""File, rule, content."""


class BaselineError(Exception):
    """A baseline cannot be used; the message is a sentence about why."""


@attrs.frozen
class Baseline:
    """What a baseline file says. ``paths`` are what was examined for it, as files are named from its directory."""

    directory: str
    paths: tuple[str, ...]
    counts: Mapping[Key, int]


@attrs.frozen
class Compared:
    """Findings beside a baseline: ``known`` are in it; of ``gone`` it lists more than there are."""

    known: frozenset[Finding]
    gone: Mapping[Key, int]


def written(findings: Iterable[Finding], lines: Lines, paths: Iterable[str], directory: str) -> str:
    """The text of a baseline that is to stand in ``directory``."""
    listed = [finding for finding in findings if not is_failure(finding)]
    tree: dict[str, dict[str, dict[str, int]]] = {}
    for (path, rule, content), count in Counter(_keys(listed, lines, directory)).items():
        tree.setdefault(path, {}).setdefault(rule, {})[content] = count
    document = {"version": VERSION, "paths": sorted({_named(path, directory) for path in paths}), "findings": tree}
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def read(path: str) -> Baseline:
    """A baseline file.

    Raises:
        BaselineError: there is none, or it is not one.
    """
    try:
        with open(path, "rb") as file:
            document = json.loads(file.read(LARGEST))
    except FileNotFoundError:
        raise BaselineError(f"there is no file {path!r}; 'modelint baseline -o {path}' writes it") from None
    except OSError as error:
        raise BaselineError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise BaselineError(f"{path} is not a baseline: it is not JSON") from None
    match document:
        case {"version": int(version)} if version != VERSION:
            raise BaselineError(f"{path} has version {version}; this modelint reads version {VERSION}")
        case {"version": _, "paths": list(paths), "findings": dict(tree)}:
            try:
                return Baseline(os.path.dirname(os.path.abspath(path)), tuple(map(str, paths)), _counts(tree))
            except (AttributeError, TypeError, ValueError):
                pass
    raise BaselineError(f"{path} is not a baseline; 'modelint baseline -o {path}' writes one")


def compare(baseline: Baseline, findings: Sequence[Finding], lines: Lines) -> Compared:
    """Which findings a baseline knows; of equal ones the first, as many as it counts."""
    listed = [finding for finding in findings if not is_failure(finding)]
    left = Counter(dict(baseline.counts))
    known: set[Finding] = set()
    unknown: list[tuple[Finding, Key]] = []
    for finding, key in zip(listed, _keys(listed, lines, baseline.directory), strict=True):
        if left[key] > 0:
            left[key] -= 1
            known.add(finding)
        else:
            unknown.append((finding, key))
    renamed: dict[tuple[str, str], list[Key]] = {}
    for key in sorted(+left):
        if not os.path.lexists(os.path.join(baseline.directory, key[0])):
            renamed.setdefault(key[1:], []).extend([key] * left[key])
    for finding, (_, *likeness) in unknown:
        candidates = renamed.get((likeness[0], likeness[1]))
        if candidates:
            left[candidates.pop(0)] -= 1
            known.add(finding)
    return Compared(frozenset(known), +left)


def covers(baseline: Baseline, paths: Iterable[str]) -> bool:
    """Whether a run over these paths has examined all that the baseline was written for."""
    examined = [os.path.abspath(path) for path in paths]
    wanted = [os.path.normpath(os.path.join(baseline.directory, path)) for path in baseline.paths]
    return all(any(path == one or path.startswith(one.rstrip(os.sep) + os.sep) for one in examined) for path in wanted)


def _keys(findings: Sequence[Finding], lines: Lines, directory: str) -> list[Key]:
    marks = contents(findings, lines)
    return [(_named(f.place.path, directory), f.rule, mark) for f, mark in zip(findings, marks, strict=True)]


def _named(path: str, directory: str) -> str:
    return os.path.relpath(path, directory).replace(os.sep, "/")


def _counts(tree: Mapping[str, Mapping[str, Mapping[str, object]]]) -> Mapping[Key, int]:
    """The counts of a document, which must be such."""
    counts: dict[Key, int] = {}
    for path, rules in tree.items():
        for rule, marks in rules.items():
            for content, count in marks.items():
                if not isinstance(count, int) or isinstance(count, bool) or count < 1:
                    raise ValueError("not a count")
                counts[path, rule, content] = count
    return counts
