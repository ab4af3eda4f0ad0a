"""Open files, examined again and again while they are edited: what an editor needs.

Takes the bytes of the files that are open, gives findings by file, as often as something changed. Modules that open
files import are executed once and kept until one of them changes; only the changed file itself is executed anew. A file
that is open counts as it is in the editor, any other as it is on disk. It knows nothing of editors and their protocol.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Mapping, Sequence

import attrs

from modelint.analysis import Analysis
from modelint.finding import Finding, Place
from modelint.selection import Catalogue
from modelint.workspace.configuration import ConfigurationError
from modelint.workspace.names import name_of
from modelint.workspace.relevance import Relevance
from modelint.workspace.run import Request, Run

MOST_EXAMINATIONS = 300
"""Examinations with the same modules; the interpreter keeps a little of each."""


class StoppedError(BaseException):
    """The examination is not wanted any more. No ``Exception``, for it says nothing about the file."""


@attrs.define(eq=False)
class Session:
    """The open files of a project, by their names in this run."""

    catalogue: Catalogue
    _run: Run = attrs.field(init=False)
    _analysis: Analysis | None = attrs.field(init=False, default=None)
    _examinations: int = attrs.field(init=False, default=0)
    _untidy: bool = attrs.field(init=False, default=False)
    _found: dict[str, tuple[Finding, ...]] = attrs.field(init=False, factory=dict)
    _readable: set[str] = attrs.field(init=False, factory=set)

    def __attrs_post_init__(self) -> None:
        self._run = Run(Request(()), self.catalogue)

    @property
    def names(self) -> tuple[str, ...]:
        """The open files."""
        return tuple(self._run.sources.overlay)

    def put(self, path: str, data: bytes) -> tuple[str, tuple[str, ...]]:
        """Open a file, or give it new bytes; its name, and the open files to examine for it, itself first."""
        name = name_of(path)
        self._run.sources.put(name, data)
        self._run.ask_for([name])
        return name, self._affected(name)

    def close(self, path: str) -> tuple[str, ...]:
        """What is on disk counts again; the open files that must be examined for it."""
        name = name_of(path)
        self._run.sources.put(name, None)
        self._found.pop(name, None)
        self._readable.discard(name)
        return tuple(other for other in self._affected(name) if other != name)

    def _affected(self, name: str) -> tuple[str, ...]:
        self._run.forget_comments(name)
        if self._analysis is not None and self._analysis.has_imported(name):
            self._analysis = None
            others = [other for other in self.names if other != name]
            for other in others:  # their findings in this file are not on its lines any more
                self._found[other] = tuple(f for f in self._found.get(other, ()) if f.place.path != name)
            return (name, *others)
        return (name,)

    def restart(self) -> tuple[str, ...]:
        """Read everything anew, the configuration above all; the open files, which must all be examined."""
        overlay = self._run.sources.overlay
        self._run = Run(Request((), overlay=overlay), self.catalogue)
        self._run.ask_for(overlay)
        self._analysis = None
        self._found.clear()
        self._readable.clear()
        return self.names

    def refresh(self) -> tuple[str, ...]:
        """Read anew what has changed on disk; the open files that must be examined for it."""
        changed = self._run.sources.changed_on_disk()
        affected: dict[str, None] = {}
        for name in changed:
            self._run.sources.drop(name)
            affected.update(dict.fromkeys(other for other in self._affected(name) if other in self.names))
        return tuple(affected)

    def is_excluded(self, name: str) -> bool:
        """Whether the configuration leaves a file out."""
        return self._run.exclusion.configured(os.path.abspath(name))

    def examine(self, name: str, stop: Callable[[], None] = lambda: None) -> None:
        """Examine an open file. ``stop`` is called now and then, and may raise ``StoppedError`` to leave it.

        Raises:
            ConfigurationError: the configuration for the file has mistakes.
        """
        self._run.lookup.for_file(name)
        if self._run.lookup.mistakes:
            raise ConfigurationError(self._run.lookup.mistakes)
        stop()
        self._found[name], could_be_read = self._run.examine_one(name, self._prepared(name, stop))
        (self._readable.add if could_be_read else self._readable.discard)(name)

    def _prepared(self, name: str, stop: Callable[[], None]) -> Analysis | None:
        """What executes the file; None if there is nothing in it to execute."""
        packages = self._run.lookup.for_file(name).declared.packages
        if not Relevance(self._run.sources, packages)(name):
            return None
        self._examinations += 1
        if self._analysis is None or self._examinations % MOST_EXAMINATIONS == 0:
            self._analysis = Analysis(self._run.sources, self._run.settings)
            self._untidy = True
        self._analysis.stop = stop
        return self._analysis

    def findings(self) -> Mapping[str, Sequence[Finding]]:
        """What is to be shown of every open file, from all examinations so far."""
        found = (finding for findings in self._found.values() for finding in findings)
        _, shown = self._run.settled(found, self._readable)
        by_name: dict[str, list[Finding]] = {name: [] for name in self.names}
        for finding in shown:
            if finding.place.path in by_name:
                by_name[finding.place.path].append(finding)
        return by_name

    def lines(self, place: Place) -> Sequence[str]:
        """The lines of the file or the cell that a place is in."""
        return self._run.sources.lines(place)

    def tidy(self) -> None:
        """Collect garbage, when nobody waits; what is kept for long is not looked at again each time."""
        if self._untidy:
            gc.unfreeze()
        gc.collect()
        if self._untidy:
            gc.freeze()
        self._untidy = False
