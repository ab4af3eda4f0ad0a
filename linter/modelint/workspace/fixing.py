"""Fixes applied to the files of a run: passes of examining and fixing, until nothing more applies.

Takes a request, gives what the last pass reports and what became of every file. Nothing is written here to the files
themselves; ``write`` does that, when it is wanted. Only files that were asked for are changed: what a finding says of
a module that they import is shown, and left to whoever asks for that module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import attrs

from modelint.documents import Notebook, check_script, is_notebook, read_notebook, source_bytes, source_text
from modelint.documents.notebook_file import NotebookFile
from modelint.finding import Finding, Fix
from modelint.fix import Fixed, Trace, fix_text, is_applicable
from modelint.selection import Catalogue
from modelint.workspace import output
from modelint.workspace.run import Progress, Report, Request, Run

if TYPE_CHECKING:
    from modelint.workspace.confirmation import Asking

MOST_PASSES = 10
"""Fixes that make room for fixes are few; what needs more passes goes in circles."""


@attrs.frozen
class Rewritten:
    """A file that was fixed: what it held, and what it holds now."""

    path: str
    before: bytes
    after: bytes


@attrs.frozen
class Outcome:
    """What fixing came to.

    ``report`` is of the files as they are now. ``fixed`` are the findings whose fixes were applied, ``refused`` those
    whose fixes could not be; ``settled`` says that no fix is left that would apply. ``found_in`` are the runs that
    those of ``fixed`` were found in, where they are to be confirmed.
    """

    run: Run
    report: Report
    rewritten: tuple[Rewritten, ...] = ()
    fixed: tuple[Finding, ...] = ()
    refused: tuple[Finding, ...] = ()
    settled: bool = True
    found_in: tuple[Run, ...] = ()

    def fixable(self, report: Report) -> tuple[int, int]:
        """How many findings of a report ``--fix`` would fix as things are, and how many more ``--unsafe-fixes``."""
        own = [finding for finding in report.findings if finding.place.path in report.examined]
        now = sum(is_applicable(finding, unsafe=self._takes_unsafe(finding)) for finding in own)
        return now, sum(is_applicable(finding, unsafe=True) for finding in own) - now

    def _takes_unsafe(self, finding: Finding) -> bool:
        return self.run.lookup.for_file(finding.place.path).unsafe_fixes


@attrs.define(eq=False)
class Fixing:
    """A request, examined and fixed again and again; ``outcome`` does it.

    ``narrowed`` takes out of a report what is not to be fixed; ``kept`` are files that are not to be changed.
    """

    request: Request
    catalogue: Catalogue
    narrowed: Callable[[Report], Report] = lambda report: report
    kept: frozenset[str] = frozenset()
    asking: Asking | None = None  # says how what would settle the findings of a pass is gathered
    _before: dict[str, bytes] = attrs.field(init=False, factory=dict)
    _now: dict[str, bytes] = attrs.field(init=False, factory=dict)
    _traces: dict[str, Sequence[Trace]] = attrs.field(init=False, factory=dict)
    _fixed: list[Finding] = attrs.field(init=False, factory=list)
    _found_in: list[Run] = attrs.field(init=False, factory=list)
    _refused: dict[tuple[object, ...], Finding] = attrs.field(init=False, factory=dict)

    def outcome(self, progress: Progress = lambda done, total: None) -> Outcome:
        """Examine, and fix where the options or the configuration of a file say so.

        Raises:
            ConfigurationError, NothingToExamineError: as ``Run.report`` does.
        """
        run = Run(self.request, self.catalogue, asking=self.asking.anew() if self.asking else None)
        report = run.report(progress)
        for _ in range(MOST_PASSES):
            changed = self._pass(run, report)
            if not changed:
                break
            asking = self.asking.anew() if self.asking else None
            run = run.after({path: self._now[path] for path in changed}, asking)
            report = run.report(progress)
        settled = not changed or not self._pass(run, report, dry=True)
        rewritten = (Rewritten(path, self._before[path], data) for path, data in self._now.items())
        return Outcome(
            run,
            report,
            tuple(sorted((each for each in rewritten if each.before != each.after), key=lambda each: each.path)),
            tuple(self._fixed),
            tuple(self._refused.values()),
            settled,
            tuple(self._found_in),
        )

    def _pass(self, run: Run, report: Report, *, dry: bool = False) -> frozenset[str]:
        """Apply what can be applied at once (or, ``dry``, only see what can); the files in which something could."""
        changed: set[str] = set()
        self._refused.clear()
        for path, findings in self._by_file(run, self.narrowed(report)).items():
            data = run.sources.data(path)
            if not isinstance(data, bytes):
                continue
            after, fixed = self._fix(path, data, findings)
            self._refused.update({finding.order: finding for finding in fixed.refused})
            if fixed.applied:
                changed.add(path)
            if fixed.applied and not dry:
                self._before.setdefault(path, data)
                self._now[path] = after
                self._traces[path] = fixed.traces
                self._fixed += fixed.applied
                self._found_in += [run] * len(fixed.applied) if self.asking is not None else []
        return frozenset(changed)

    def _by_file(self, run: Run, report: Report) -> Mapping[str, Sequence[Finding]]:
        """The findings that are to be fixed, by file."""
        wanted: dict[str, list[Finding]] = {}
        changeable = frozenset(report.examined) - self.kept
        for finding in report.findings:
            path = finding.place.path
            configuration = run.lookup.for_file(path)
            applicable = configuration.fix and is_applicable(finding, unsafe=configuration.unsafe_fixes)
            if applicable and path in changeable:
                wanted.setdefault(path, []).append(finding)
        return wanted

    def _fix(self, path: str, data: bytes, findings: Sequence[Finding]) -> tuple[bytes, Fixed]:
        """One pass over one file."""
        if is_notebook(path):
            return _fix_notebook(path, data, findings)
        text = source_text(data)
        if text is None:  # it could not be written back as it was
            return data, Fixed("", refused=tuple(findings))

        def readable(changed: str) -> bool:
            encoded = source_bytes(changed, data)
            return encoded is not None and check_script(path, encoded) is None

        fixed = fix_text(text, findings, readable, self._traces.get(path, ()))
        return source_bytes(fixed.text, data) or data, fixed


def _fix_notebook(path: str, data: bytes, findings: Sequence[Finding]) -> tuple[bytes, Fixed]:
    """One pass over a notebook: its file decides which edits go together, its cells how they are written."""
    file = NotebookFile(data)

    def faults(changed: bytes) -> int | None:
        notebook = read_notebook(path, changed)
        return len(notebook.faults) if isinstance(notebook, Notebook) else None

    def readable(changed: str) -> bool:
        return faults(changed.encode()) == faults(data)

    in_cells = [each for each in findings if each.fix and all(edit.physical for edit in each.fix.edits)]
    in_file = [replace(each, fix=_in_file(each.fix)) for each in in_cells if each.fix]
    of_cells = {id(moved): each for moved, each in zip(in_file, in_cells, strict=True)}
    fixed = fix_text(file.text, in_file, readable)
    applied = tuple(of_cells[id(each)] for each in fixed.applied)
    edits = dict.fromkeys(edit for each in applied if each.fix for edit in each.fix.edits)
    return file.rewritten(edits), Fixed(fixed.text, applied, tuple(of_cells[id(each)] for each in fixed.refused))


def _in_file(fix: Fix) -> Fix:
    return replace(fix, edits=tuple(edit.in_file for edit in fix.edits))


def write(rewritten: Sequence[Rewritten]) -> Iterator[str]:
    """Write files that were fixed; a sentence about each that could not be."""
    for each in rewritten:
        try:
            output.replace_file(each.path, each.before, each.after)
        except OSError as error:
            yield f"{each.path}: could not be fixed: {error.strerror}"
