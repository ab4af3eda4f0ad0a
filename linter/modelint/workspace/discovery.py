"""From the paths of the command line to the files that are examined.

Files that are named are always examined (unless ``force_exclude``); one that is part of a SavedModel stands for its
directory. Directories are walked for ``*.py``, ``*.ipynb`` and model files, in the order of their names, without what
``.gitignore`` or ``exclude`` leaves out and without virtual environments. Links to directories are not followed, so no
loop is walked; a link to a file is examined once, under the first of its names.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator, Sequence

import attrs

from modelint.documents import Unreadable
from modelint.workspace.lookup import Lookup
from modelint.workspace.model_files import SUFFIXES as MODELS
from modelint.workspace.model_files import is_model, is_saved_model, whole_model
from modelint.workspace.names import name_of, project_directories
from modelint.workspace.patterns import Patterns

SCRIPTS = (".py", ".ipynb")
SUFFIXES = (*SCRIPTS, *MODELS)


@attrs.frozen
class Discovered:
    """``files`` are the names of scripts, ``models`` of model files and directories that are to be examined.

    ``named`` are the models that were named rather than met; ``unreadable`` is what cannot even be looked at,
    ``excluded`` named files that were left out, ``missing`` paths that do not exist, ``scanned`` the directories.
    """

    files: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    named: frozenset[str] = frozenset()
    unreadable: tuple[Unreadable, ...] = ()
    excluded: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    scanned: tuple[str, ...] = ()


@attrs.define(eq=False)
class Exclusion:
    """Which files a scan leaves out."""

    lookup: Lookup
    _gitignores: dict[str, Patterns | None] = attrs.field(factory=dict)
    _projects: dict[str, tuple[str, ...]] = attrs.field(factory=dict)

    def excludes(self, path: str, *, is_directory: bool = False, ignoring: frozenset[Patterns] = frozenset()) -> bool:
        """Whether an absolute path is left out, by configuration or git. ``ignoring`` are patterns without effect."""
        return any(patterns not in ignoring for patterns in self._matching(path, is_directory))

    def configured(self, path: str) -> bool:
        """Whether configuration alone leaves an absolute path out."""
        return any(p.match(path) for p in self.lookup.for_directory(os.path.dirname(path)).exclude)

    def patterns_against(self, path: str) -> frozenset[Patterns]:
        """The sets of patterns that would leave an absolute directory out, together with all that is in it."""
        return frozenset(self._matching(path, is_directory=True))

    def _matching(self, path: str, is_directory: bool) -> Iterator[Patterns]:
        directory = os.path.dirname(path)
        for patterns in self.lookup.for_directory(directory).exclude:
            if patterns.match(path, is_directory=is_directory):
                yield patterns
        if directory not in self._projects:
            self._projects[directory] = project_directories(directory)
        for above in self._projects[directory]:
            gitignore = self._gitignore(above)
            verdict = gitignore.match(path, is_directory=is_directory) if gitignore else None
            if verdict is not None:
                if verdict and gitignore:
                    yield gitignore
                return

    def _gitignore(self, directory: str) -> Patterns | None:
        if directory not in self._gitignores:
            private = _lines(os.path.join(directory, ".git", "info", "exclude"))
            lines = (*private, *_lines(os.path.join(directory, ".gitignore")))
            self._gitignores[directory] = Patterns(directory, lines) if lines else None
        return self._gitignores[directory]


def discover(
    paths: Sequence[str], exclusion: Exclusion, *, force_exclude: bool = False, known: Collection[str] = ()
) -> Discovered:
    """Find what is to be examined; reading directories, no file. ``known`` are names that need not be on disk."""
    walk = _Walk(exclusion)
    excluded: list[str] = []
    missing: list[str] = []
    scanned: list[str] = []
    named: set[str] = set()
    for written in dict.fromkeys(os.path.abspath(path) for path in paths):
        left_out = force_exclude and exclusion.configured(written)
        given = written if left_out else whole_model(written)
        name = name_of(given)
        if name not in known and not left_out and is_model(given):
            named.add(name)
        elif os.path.isdir(given) and name not in known:
            scanned.append(name)
            if not left_out:
                walk.under(given)
        elif not os.path.lexists(given) and name not in known:
            missing.append(name)
        elif left_out:
            excluded.append(name)
        else:
            walk.files.add(name)
    walk.follow_links()
    return Discovered(
        files=tuple(sorted(name for name in walk.files if not name.endswith(MODELS))),
        models=tuple(sorted({*named, *walk.saved_models, *(name for name in walk.files if name.endswith(MODELS))})),
        named=frozenset(named),
        unreadable=tuple(walk.unreadable),
        excluded=tuple(excluded),
        missing=tuple(missing),
        scanned=tuple(scanned),
    )


@attrs.define(eq=False)
class _Walk:
    """The files met so far, and the links to files, which are followed last."""

    exclusion: Exclusion
    files: set[str] = attrs.field(factory=set)
    saved_models: set[str] = attrs.field(factory=set)
    unreadable: list[Unreadable] = attrs.field(factory=list)
    _links: list[str] = attrs.field(factory=list)

    def under(self, root: str) -> None:
        """Walk an absolute directory."""
        named_all_the_same = self.exclusion.patterns_against(root)
        waiting = [root]
        while waiting:
            directory = waiting.pop()
            below = []
            for entry in self._listed(directory):
                is_directory = entry.is_dir(follow_symlinks=False)
                if not is_directory and (not entry.name.endswith(SUFFIXES) or entry.name.startswith(".#")):
                    continue  # the latter are locks of an editor
                if self.exclusion.excludes(entry.path, is_directory=is_directory, ignoring=named_all_the_same):
                    continue
                if not is_directory:
                    self._meet(entry)
                elif is_saved_model(entry.path):
                    self.saved_models.add(name_of(entry.path))
                elif not os.path.exists(os.path.join(entry.path, "pyvenv.cfg")):
                    below.append(entry.path)
            waiting.extend(reversed(below))

    def follow_links(self) -> None:
        """Take the links whose files were not met under their own name, each file once."""
        met = {os.path.realpath(file) for file in self.files}
        for link in self._links:
            target = os.path.realpath(link)
            if target not in met:
                met.add(target)
                self.files.add(name_of(link))

    def _listed(self, directory: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(directory) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            self.unreadable.append(Unreadable(name_of(directory), f"the directory cannot be listed: {error.strerror}"))
            return []

    def _meet(self, entry: os.DirEntry[str]) -> None:
        """Take a file; report a link that leads nowhere, and what is no file at all."""
        try:
            mode = entry.stat().st_mode
        except OSError as error:
            self.unreadable.append(Unreadable(name_of(entry.path), f"the file cannot be opened: {error.strerror}"))
            return
        if stat.S_ISDIR(mode):
            return  # a link to a directory
        if not stat.S_ISREG(mode):
            self.unreadable.append(Unreadable(name_of(entry.path), "the file is no regular file"))
        elif entry.is_symlink():
            self._links.append(entry.path)
        else:
            self.files.add(name_of(entry.path))


def _lines(path: str) -> tuple[str, ...]:
    """The lines of a gitignore file; none if there is no such file, or it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return tuple(file.read(1_000_000).splitlines())
    except OSError:
        return ()
