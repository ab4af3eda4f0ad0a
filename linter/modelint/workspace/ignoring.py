"""Suppression comments written into the files of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from modelint.documents import source_bytes, source_text
from modelint.finding import Finding
from modelint.ignores import ignore, ignore_in_cells
from modelint.render.results import is_failure
from modelint.selection import OWN_ENTRIES
from modelint.workspace import output
from modelint.workspace.run import Report, Run

_OWN = frozenset(entry.name for entry in OWN_ENTRIES)
"""What modelint says of comments and files of its own accord; a comment about a comment helps nobody."""


@attrs.frozen
class Ignoring:
    """What came of it: the findings that are suppressed now, by file, and sentences about files that could not be."""

    ignored: Mapping[str, tuple[Finding, ...]]
    failures: tuple[str, ...] = ()


def write_ignores(run: Run, report: Report, reason: str) -> Ignoring:
    """Write a comment for every finding of a file that was asked for. A file is written whole or not at all."""
    by_file: dict[str, list[Finding]] = {}
    for finding in report.findings:
        path = finding.place.path
        if path in report.examined and _takes_a_comment(finding):
            by_file.setdefault(path, []).append(finding)
    done: dict[str, tuple[Finding, ...]] = {}
    failures: list[str] = []
    for path, findings in by_file.items():
        problem, ignored = _write(run, path, findings, reason)
        failures += [f"{path}: {problem}"] if problem else []
        if ignored:
            done[path] = ignored
    return Ignoring(done, tuple(failures))


def _takes_a_comment(finding: Finding) -> bool:
    """Whether a comment can be written for a finding."""
    return finding.place.span is not None and not is_failure(finding) and finding.rule not in _OWN


def _write(run: Run, path: str, findings: Sequence[Finding], reason: str) -> tuple[str | None, tuple[Finding, ...]]:
    """Why a file could not be written, or None, and the findings that are suppressed in it."""
    before, opened = run.sources.data(path), run.sources.opened(path)
    text = source_text(before) if isinstance(before, bytes) else None
    if text is None or not isinstance(before, bytes):
        return "the file could not be written back in its encoding", ()
    after: bytes | None = None
    ignored: tuple[Finding, ...] = ()
    try:
        if opened is not None:
            notebook, file = opened
            in_cells = ignore_in_cells(notebook, findings, reason)
            after, ignored = file.rewritten(in_cells.edits), in_cells.ignored
        else:
            result = ignore(path, text, findings, reason)
            after, ignored = source_bytes(result.text, before), result.ignored
    except UnicodeEncodeError:
        pass
    if after is None:
        return "the reason cannot be written in the encoding of the file", ()
    if after != before:
        try:
            output.replace_file(path, before, after)
        except OSError as error:
            return f"the file cannot be written: {error.strerror}", ()
    return None, ignored
