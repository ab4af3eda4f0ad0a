"""A run: from paths to the findings that are shown.

Takes what the command line asks for and the rules, gives a ``Report``. Everything is read here; the engine judges.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

import attrs

from modelint.artifacts.model_file import ModelFile
from modelint.artifacts.reading import read_model
from modelint.artifacts.sniffing import UNKNOWN_FORMAT
from modelint.documents import Notebook, Script, Unreadable
from modelint.documents.cells import in_cells
from modelint.engine import Analysis, Policy, examine, examine_model, settle, unexamined, unreadable
from modelint.facts import Settings
from modelint.finding import Confidence, Finding
from modelint.render.results import Lines
from modelint.rule import Rule
from modelint.selection import INTERNAL, UNREADABLE, Catalogue
from modelint.suppress import Suppressions, read_suppressions
from modelint.workspace.configuration import Configuration, ConfigurationError
from modelint.workspace.discovery import Discovered, Exclusion, discover
from modelint.workspace.lookup import Lookup, Overrides
from modelint.workspace.model_files import OpenedModel, format_in
from modelint.workspace.names import name_of
from modelint.workspace.relevance import Relevance
from modelint.workspace.sources import FileSources
from modelint.workspace.versions import InPlay, Remembered, in_play

MOST_HELD = 4_000_000
"""Objects, of syntax trees above all, that are held at once; some 600 megabytes."""


if TYPE_CHECKING:
    from modelint.workspace.confirmation import Asking


class NothingToExamineError(Exception):
    """The paths lead to no file; the message says so."""


@attrs.frozen
class Request:
    """What a run is asked to do. ``config`` is the one configuration file to use; ``overlay`` unsaved text by path.

    Up to so many ``jobs`` examine at once, each in a process of its own.
    """

    paths: tuple[str, ...] = (".",)
    overrides: Overrides = attrs.field(factory=Overrides)
    config: str | None = None
    isolated: bool = False
    force_exclude: bool = False
    overlay: Mapping[str, bytes] = attrs.field(factory=dict)
    jobs: int = 1


@attrs.frozen
class Report:
    """What a run found. ``findings`` are shown; ``unsure`` counts those of lower confidence that are not.

    ``failing`` are the findings that fail the run. ``examined`` are the files that were asked for, ``analysed`` those
    of them that have to do with a framework; ``excluded`` the named files that were left out. ``lines`` gives the
    source lines of the file or the cell that a place is in.
    """

    findings: tuple[Finding, ...]
    unsure: int
    examined: tuple[str, ...]
    analysed: int
    excluded: tuple[str, ...]
    failing: tuple[Finding, ...]
    configurations: tuple[str, ...]
    lines: Lines = attrs.field(repr=False, eq=False)

    @property
    def broken(self) -> bool:
        """Whether something could not be examined."""
        return any(finding.rule in (UNREADABLE, INTERNAL) for finding in self.findings)

    @property
    def exit_code(self) -> int:
        """0 clean, 1 findings that fail the run, 2 not all could be examined."""
        return 2 if self.broken else int(bool(self.failing))

    def keeping(self, wanted: Callable[[Finding], bool]) -> Report:
        """The report with these of its findings only; that something could not be examined is always kept."""
        kept = dict.fromkeys(f for f in self.findings if f.rule in (UNREADABLE, INTERNAL) or wanted(f))
        return attrs.evolve(self, findings=tuple(kept), failing=tuple(f for f in self.failing if f in kept))


@attrs.frozen
class Examined:
    """What one root gave: raw findings, and whether it could be read.

    ``reached`` are the other files that its program is made of, None where only its syntax was looked at.
    """

    findings: tuple[Finding, ...]
    readable: bool
    reached: frozenset[str] | None

    def depends_on(self, changed: Collection[str]) -> bool:
        """Whether it may have come out otherwise with other bytes in these files."""
        failed = any(finding.rule == INTERNAL for finding in self.findings)  # before all was reached, perhaps
        return failed or (self.reached is not None and not self.reached.isdisjoint(changed))


Progress = Callable[[int, int], None]
"""Called with how many files are done, and how many there are."""

MakeAnalysis = Callable[[FileSources, Callable[[str], Settings]], Analysis]


ReadModel = Callable[[OpenedModel], ModelFile | Unreadable]


def make_analysis(sources: FileSources, settings: Callable[[str], Settings]) -> Analysis:
    """The interpreter over the files of a run."""
    from modelint.analysis import Analysis as ProgramAnalysis

    return ProgramAnalysis(sources, settings)


@attrs.define(eq=False)
class Run:
    """One run over some paths; ``report`` does it."""

    request: Request
    catalogue: Catalogue
    make_analysis: MakeAnalysis = make_analysis
    read_model: ReadModel = read_model
    asking: Asking | None = None  # gathers what would settle the findings
    processes: int = 1  # among how many the memory is shared
    lookup: Lookup = attrs.field(init=False)
    exclusion: Exclusion = attrs.field(init=False)
    sources: FileSources = attrs.field(init=False)
    _versions: dict[tuple[str, str], InPlay] = attrs.field(init=False, factory=dict)
    _declared: Remembered = attrs.field(init=False, factory=dict)
    _suppressions: dict[str, Suppressions] = attrs.field(init=False, factory=dict)
    _asked_for: frozenset[str] = attrs.field(init=False, default=frozenset())
    _models: frozenset[str] = attrs.field(init=False, default=frozenset())
    _roots: dict[str, Examined] = attrs.field(init=False, factory=dict)
    _model_findings: dict[str, tuple[Finding, ...]] = attrs.field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        request = self.request
        self.lookup = Lookup(self.catalogue, request.overrides, request.config, request.isolated)
        self.exclusion = Exclusion(self.lookup)
        self.sources = FileSources({name_of(path): data for path, data in request.overlay.items()})

    def after(self, changed: Mapping[str, bytes], asking: Asking | None = None) -> Run:
        """This run, done, with other bytes in some scripts and notebooks.

        It examines again only these and what imports them, but everything if something is ``asking``.
        """
        request = attrs.evolve(self.request, overlay={**self.request.overlay, **changed})
        run = Run(request, self.catalogue, self.make_analysis, self.read_model, asking)
        if asking is None:  # what is asked later is asked of the texts as they were in each run
            run.sources = self.sources
            for name, data in changed.items():
                run.sources.put(name, data)
            roots = self._roots.items()
            run._roots = {name: root for name, root in roots if name not in changed and not root.depends_on(changed)}
            run._model_findings = self._model_findings
        return run

    def report(self, progress: Progress = lambda done, total: None) -> Report:
        """Find, read and examine the files.

        Raises:
            ConfigurationError: a configuration file has mistakes.
            NothingToExamineError: there is no such file, or none in the directories.
        """
        discovered = self._discover()
        self._models = frozenset(discovered.models)
        self._asked_for = frozenset(discovered.files) | self._models
        found, readable, analysed = self._examine_all(discovered.files, progress)
        models = self._examine_models(discovered)
        found += [finding for findings in models.values() for finding in findings]
        found += [unreadable(document) for document in discovered.unreadable]
        settled, shown = self.settled(found, readable)
        examined = (*discovered.files, *models, *(document.path for document in discovered.unreadable))
        configurations = {self.lookup.for_file(name).path for name in discovered.files}
        return Report(
            findings=shown,
            unsure=len(settled) - len(shown),
            examined=examined,
            analysed=analysed,
            excluded=discovered.excluded,
            failing=tuple(f for f in shown if f.severity >= self.lookup.for_file(f.place.path).fail_on),
            configurations=tuple(sorted(filter(None, configurations))),
            lines=self.sources.lines,
        )

    def settled(
        self, found: Iterable[Finding], readable: Collection[str]
    ) -> tuple[Sequence[Finding], tuple[Finding, ...]]:
        """All that is to be said of what was found, and of that what is shown; there in cells, if in notebooks."""
        settled = settle(found, readable, self._policy, self._suppressions_of, self.catalogue.categories)
        shown = tuple(self._in_cells(finding) for finding in settled if self._is_shown(finding))
        return settled, shown

    def settings(self, name: str) -> Settings:
        """What configuration and project say for the program whose root is this file."""
        configuration = self.lookup.for_file(name)
        versions = self.versions(name, configuration)
        return Settings(
            versions.versions,
            versions.known,
            configuration.tiny_batch,
            configuration.pedantic,
            configuration.declared,
            configuration.tiny_batch_values,
        )

    def versions(self, name: str, configuration: Configuration) -> InPlay:
        """The Keras versions in play for a file."""
        directory = os.path.dirname(os.path.abspath(name))
        key = (directory, configuration.path or "")
        if key not in self._versions:
            self._versions[key] = in_play(directory, configuration.frameworks, self._declared)
        return self._versions[key]

    def versions_in_play(self) -> tuple[tuple[str, InPlay], ...]:
        """The versions that were used, by directory."""
        for name, root in self._roots.items():
            if root.reached is not None:
                self.versions(name, self.lookup.for_file(name))
        return tuple(sorted((name_of(directory), found) for (directory, _), found in self._versions.items()))

    def _discover(self) -> Discovered:
        discovered = discover(
            self.request.paths, self.exclusion, force_exclude=self.request.force_exclude, known=self.sources.overlay
        )
        for name in (*discovered.files, *discovered.models):
            self.lookup.for_file(name)
        if self.lookup.mistakes:
            raise ConfigurationError(self.lookup.mistakes)
        if discovered.missing:
            there = "there is no such file or directory"
            raise NothingToExamineError("; ".join(f"{name}: {there}" for name in discovered.missing))
        if not (discovered.files or discovered.models or discovered.unreadable or discovered.excluded):
            where = ", ".join(discovered.scanned)
            raise NothingToExamineError(
                f"no Python file, notebook or model found under {where} (after exclude and .gitignore)"
            )
        return discovered

    def _examine_all(self, files: Sequence[str], progress: Progress) -> tuple[list[Finding], list[str], int]:
        """Raw findings, the files that could be read, and how many files had to be analysed."""
        missing = [name for name in files if name not in self._roots]
        if self.request.jobs > 1 and self.asking is None:
            self._roots.update(self._examined_apart(missing, len(files), progress))
            missing = [name for name in missing if name not in self._roots]
        self._roots.update(self.examined(missing, lambda done: progress(len(files) - len(missing) + done, len(files))))
        progress(len(files), len(files))
        found: list[Finding] = []
        readable: list[str] = []
        for name in files:
            found += self._roots[name].findings
            if self._roots[name].readable:
                readable.append(name)
                self._suppressions_of(name)
        return found, readable, sum(self._roots[name].reached is not None for name in files)

    def _examined_apart(self, files: Sequence[str], total: int, progress: Progress) -> dict[str, Examined]:
        """What files gave that other processes examined; none if they are not worth it."""
        from modelint.workspace.workers import examined_apart, worth

        sizes = {name: _size(name) for name in files}
        processes = worth(sizes, self.request.jobs)
        if processes == 1:
            return {}
        request = attrs.evolve(self.request, jobs=1)
        already = total - len(files)
        return examined_apart(request, sizes, processes, lambda done: progress(already + done, total))

    def examined(self, files: Sequence[str], done: Callable[[int], None] = lambda done: None) -> dict[str, Examined]:
        """What each of some files gives; ``done`` is told how many are done."""
        found: dict[str, Examined] = {}
        declared = (self.lookup.for_file(name).declared.packages for name in files)
        relevance = Relevance(self.sources, frozenset().union(*declared))
        analysis: Analysis | None = None  # costly to import, and not needed by every run
        with _Memory(MOST_HELD // self.processes) as memory:
            for number, name in enumerate(files):
                done(number)
                relevant = relevance(name)
                if relevant:
                    analysis = analysis or self.make_analysis(self.sources, self.settings)
                about, could_be_read = self.examine_one(name, analysis if relevant else None)
                reached = analysis.reached if analysis is not None and relevant else None
                found[name] = Examined(about, could_be_read, reached)
                if memory.is_full():
                    self.sources.forget()
                    analysis = None
                    memory.empty()
        return found

    def examine_one(self, name: str, analysis: Analysis | None) -> tuple[tuple[Finding, ...], bool]:
        """The raw findings of one root file, and whether it could be read; of its syntax alone without ``analysis``."""
        notebook = self.sources.notebook(name)
        if isinstance(notebook, Notebook) and not notebook.is_python:
            return (unexamined(name, f"the notebook is written in {notebook.language}, not Python"),), False
        if analysis is not None:
            document = self.sources.script(name)
            witness = self.asking.witness(self.sources) if self.asking else None
            return examine(name, document, analysis, self._rules(name), witness), isinstance(document, Script)
        refusals = self.sources.check(name)
        return tuple(map(unreadable, refusals)), not refusals or isinstance(notebook, Notebook)

    def _examine_models(self, discovered: Discovered) -> dict[str, tuple[Finding, ...]]:
        """The raw findings by model file, without the files met in a scan that are no models after all."""
        found: dict[str, tuple[Finding, ...]] = {}
        for name in discovered.models:
            if name in self._model_findings:
                found[name] = self._model_findings[name]
                continue
            with OpenedModel(name) as model:
                reader = format_in(model)
                if name not in discovered.named and reader == UNKNOWN_FORMAT:
                    continue
                document = self.read_model(model)
            if name in discovered.named or isinstance(document, Unreadable) or document.entries:
                witness = None
                if self.asking is not None and not isinstance(document, Unreadable):
                    witness = self.asking.witness_of_file(document, reader)
                found[name] = examine_model(document, self.settings(name), self._rules(name), witness)
        self._model_findings = found
        return found

    def _in_cells(self, finding: Finding) -> Finding:
        """A finding as it is shown: where it is in a notebook, by its cell."""
        shown = in_cells(finding, self.sources.opened)
        if self.asking is not None:
            self.asking.questions.rename(finding, shown)
        return shown

    def _rules(self, name: str) -> tuple[Rule, ...]:
        """The rules that are enabled for a root file."""
        enabled = self.lookup.policy(name).enabled
        return tuple(rule for rule in self.catalogue.rules if rule.name in enabled)

    def _policy(self, name: str) -> Policy | None:
        if name not in self._asked_for and self.exclusion.excludes(os.path.abspath(name)):
            return None
        return self.lookup.policy(name)

    def _suppressions_of(self, name: str) -> Suppressions:
        if name not in self._suppressions:
            data = b"" if name in self._models else self.sources.data(name)
            marked = isinstance(data, bytes) and b"modelint" in data
            notebook = self.sources.notebook(name)
            starts = notebook.starts if isinstance(notebook, Notebook) else (1,)
            read = read_suppressions(name, self.sources.text(name), starts) if marked else Suppressions(name)
            self._suppressions[name] = read
        return self._suppressions[name]

    def ask_for(self, names: Iterable[str]) -> None:
        """Take files for wanted whether or not git ignores them."""
        self._asked_for |= frozenset(names)

    def forget_comments(self, name: str) -> None:
        """Read the comments of a file anew when they are next asked for."""
        self._suppressions.pop(name, None)

    def _is_shown(self, finding: Finding) -> bool:
        return finding.confidence is Confidence.HIGH or self.lookup.for_file(finding.place.path).pedantic


def _size(name: str) -> int:
    try:
        return os.path.getsize(name)
    except OSError:
        return 0


class _Memory:
    """The program's memory without automatic garbage collection, which would walk all trees again and again.

    That is 40 % of the time of parsing, and nine objects in ten are still in use.
    """

    def __init__(self, most: int) -> None:
        self._most = most

    def __enter__(self) -> _Memory:
        self._was_enabled = gc.isenabled()
        gc.disable()
        self.empty()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        gc.freeze()  # and back: what was made counts as old, and is not all walked at the next allocation
        gc.unfreeze()
        if self._was_enabled:
            gc.enable()

    def is_full(self) -> bool:
        """Whether it is time to let go of something. What nothing holds any more but itself counts as held."""
        return gc.get_count()[0] + self._old > self._most

    def empty(self) -> None:
        """Collect all that was let go of."""
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        self._old = gc.get_freeze_count()  # counts them one by one
