"""Labelled sites: what the label files say should, and should not, be reported where.

Takes label files, one JSON object a line, in either of two shapes, told apart by their keys:

* a **label**: ``repo, commit, path, line, verdict ("true", "harmless", "debatable"), rule, framework, reason``;
* a **bug fix**: ``repo, buggy_commit, fixed_commit, path, line_buggy, rule, framework, confidence, description``, and
  ``fixed_path`` where the repaired file has another name. It gives two sites: the rule must speak in the buggy file,
  and be silent at the corresponding lines of the fixed one.

A ``rule`` of null means that no rule is asked for: there nothing at all may be reported. Lines count from 1. In
notebooks a label counts the lines of all code cells joined by newlines, a bug fix those of the notebook's file.
"""

from __future__ import annotations

import difflib
import enum
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any


class LabelFileError(ValueError):
    """A label file that is not what the module's documentation says; the message names file and line."""


class Expectation(enum.Enum):
    """What a linter that makes no mistake does at a site."""

    SPEAK = "speak"
    SILENCE = "silence"


class Lines(enum.Enum):
    """What a site's line number counts."""

    FILE = "lines of the file"
    CELLS = "lines of a notebook's code cells, joined"
    NOTEBOOK = "lines of a notebook's own file"


@dataclass(frozen=True, slots=True)
class Origin:
    """The place before a fix, from which a site's lines in the fixed file are found."""

    commit: str
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Site:
    """One labelled place: ``line`` to ``end_line`` (inclusive) of ``path`` in a repository at a commit.

    ``standing`` is the label's own word for it (a verdict, or a fix's confidence); ``counted`` is false for what is
    only listed. ``origin`` is set while the lines in a fixed file are not yet known.
    """

    repository: str
    commit: str
    path: str
    line: int
    end_line: int
    rule: str | None
    expectation: Expectation
    counted: bool
    standing: str
    framework: str
    reason: str
    lines: Lines = Lines.FILE
    origin: Origin | None = None

    @property
    def name(self) -> str:
        """The site in one word, for a report."""
        return f"{self.repository}@{self.commit[:10]}:{self.path}:{self.line}"


def read_label_files(files: Iterable[Path], counted_confidences: frozenset[str]) -> list[Site]:
    """All sites of the label files, in their order.

    A bug fix counts if its confidence is one of ``counted_confidences`` and it names a rule, a label if it is not
    debatable.

    Raises:
        LabelFileError: a line is not JSON, or lacks a key of its shape.
    """
    sites: list[Site] = []
    for file in files:
        for number, text in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            if not text.strip():
                continue
            try:
                entry = json.loads(text)
                is_fix = "buggy_commit" in entry
                sites.extend(_sites_of_fix(entry, counted_confidences) if is_fix else [_site_of_label(entry)])
            except KeyError as error:
                raise LabelFileError(f"{file}:{number}: the key {error} is missing") from None
            except (ValueError, TypeError) as error:
                raise LabelFileError(f"{file}:{number}: {error}") from None
    return sites


def _site_of_label(entry: Mapping[str, Any]) -> Site:
    verdict = entry["verdict"]
    if verdict not in ("true", "harmless", "debatable"):
        raise ValueError(f"the verdict is {verdict!r}, not true, harmless or debatable")
    speaks = verdict == "true" and entry["rule"] is not None
    return Site(
        repository=entry["repo"],
        commit=entry["commit"],
        path=entry["path"],
        line=entry["line"],
        end_line=entry["line"],
        rule=entry["rule"],
        expectation=Expectation.SPEAK if speaks else Expectation.SILENCE,
        counted=verdict != "debatable",
        standing=verdict,
        framework=entry["framework"],
        reason=entry.get("reason", ""),
        lines=Lines.CELLS if entry["path"].endswith(".ipynb") else Lines.FILE,
    )


def _sites_of_fix(entry: Mapping[str, Any], counted_confidences: frozenset[str]) -> list[Site]:
    buggy = Site(
        repository=entry["repo"],
        commit=entry["buggy_commit"],
        path=entry["path"],
        line=entry["line_buggy"],
        end_line=entry["line_buggy"],
        rule=entry["rule"],
        expectation=Expectation.SPEAK if entry["rule"] else Expectation.SILENCE,
        counted=entry["confidence"] in counted_confidences and entry["rule"] is not None,
        standing=entry["confidence"],
        framework=entry["framework"],
        reason=entry.get("description", ""),
        lines=Lines.NOTEBOOK if entry["path"].endswith(".ipynb") else Lines.FILE,
    )
    fixed = replace(
        buggy,
        commit=entry["fixed_commit"],
        path=entry.get("fixed_path") or entry["path"],
        expectation=Expectation.SILENCE,
        standing=f"fixed ({buggy.standing})",
        origin=Origin(buggy.commit, buggy.path, buggy.line),
    )
    return [buggy, fixed]


def corresponding_lines(before: str, after: str, line: int) -> tuple[int, int]:
    """First and last line of what in ``after`` stands where ``line`` of ``before`` stood; if deleted, its neighbour."""
    old, new = before.splitlines(), after.splitlines()
    index = line - 1
    for tag, old_start, old_end, new_start, new_end in difflib.SequenceMatcher(
        None, old, new, autojunk=False
    ).get_opcodes():
        if not old_start <= index < old_end:
            continue
        if tag == "equal" or (tag == "replace" and old_end - old_start == new_end - new_start):
            there = new_start + index - old_start + 1
            return there, there
        return new_start + 1, max(new_end, new_start + 1)
    return line, line


def in_framework(sites: Iterable[Site], part: str) -> Iterator[Site]:
    """The sites whose framework's name contains ``part``."""
    return (site for site in sites if part in site.framework)
