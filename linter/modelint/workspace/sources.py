"""The files of a run: read once, within bounds, parsed when asked for.

Implements what ``program.sources.Sources`` asks for, over the file system and over text that an editor hands in. Syntax
trees take many times the memory of their source, so they can be let go of between two root files.
"""

from __future__ import annotations

import io
import os
import posixpath
import re
import stat
import tokenize
from typing import Any

import attrs

from modelint.documents import Notebook, Script, Unreadable, check_script, is_notebook, read_notebook, read_script
from modelint.documents.cells import Opened
from modelint.documents.notebook import LARGEST_NOTEBOOK
from modelint.documents.notebook_file import NotebookFile
from modelint.documents.script import LARGEST_SOURCE, too_large
from modelint.finding import Place
from modelint.workspace.names import name_of, normal, project_directories


@attrs.define(eq=False)
class FileSources:
    """Files by the names of this run. ``overlay`` holds the bytes of files that are not what is on disk."""

    overlay: dict[str, bytes] = attrs.field(factory=dict)
    _documents: dict[str, Script | Unreadable] = attrs.field(factory=dict)
    _data: dict[str, bytes | Unreadable] = attrs.field(factory=dict)
    _met: set[str] = attrs.field(factory=set)
    _kinds: dict[str, str] = attrs.field(factory=dict)
    _roots: dict[str, tuple[str, ...]] = attrs.field(factory=dict)
    _packages: dict[str, tuple[str, ...]] = attrs.field(factory=dict)
    _lines: dict[str, tuple[str, ...]] = attrs.field(factory=dict)
    _notebooks: dict[str, Notebook | Unreadable] = attrs.field(factory=dict)
    _stamps: dict[str, tuple[int, int] | None] = attrs.field(factory=dict)
    _opened: dict[str, Opened | None] = attrs.field(factory=dict)

    def script(self, path: str) -> Script | Unreadable:
        """The parsed file; the same object until ``forget``. A directory (named with a final ``/``) is empty."""
        if path.endswith("/"):
            return self._documents.setdefault(path, read_script(path, b""))
        path = normal(path)
        if path not in self._documents:
            self._documents[path] = self._parsed(path)
        return self._documents[path]

    def _parsed(self, path: str) -> Script | Unreadable:
        notebook = self.notebook(path)
        if notebook is not None:
            return notebook.script() if isinstance(notebook, Notebook) else notebook
        data = self.data(path)
        return data if isinstance(data, Unreadable) else read_script(path, data)

    def check(self, path: str) -> tuple[Unreadable, ...]:
        """What of a file cannot be read, without keeping its tree."""
        path = normal(path)
        notebook = self.notebook(path)
        if notebook is not None:
            return notebook.faults if isinstance(notebook, Notebook) else (notebook,)
        data = self.data(path)
        refusal = data if isinstance(data, Unreadable) else check_script(path, data)
        return (refusal,) if refusal else ()

    def notebook(self, path: str) -> Notebook | Unreadable | None:
        """The cells of a notebook; None for what is none by its name."""
        path = normal(path)
        if not is_notebook(path):
            return None
        if path not in self._notebooks:
            data = self.data(path)
            self._notebooks[path] = data if isinstance(data, Unreadable) else read_notebook(path, data)
        return self._notebooks[path]

    def opened(self, path: str) -> Opened | None:
        """The cells of a notebook and where they stand in its file; None for what is none, or cannot be read."""
        path = normal(path)
        if path not in self._opened:
            notebook, data = self.notebook(path), self.data(path) if is_notebook(path) else b""
            readable = isinstance(notebook, Notebook) and isinstance(data, bytes)
            self._opened[path] = (notebook, NotebookFile(data)) if readable else None  # type: ignore[assignment,arg-type]
        return self._opened[path]

    def data(self, path: str) -> bytes | Unreadable:
        """The bytes of a file."""
        path = normal(path)
        if path in self.overlay:
            return self.overlay[path]
        if path not in self._data:
            self._met.add(path)
            self._stamps[path] = _stamp(path)
            self._data[path] = _read(path)
        return self._data[path]

    def code(self, path: str) -> bytes:
        """The bytes of a file's Python, which for a script is the file; none if it cannot be read."""
        if is_notebook(path):
            return self.text(path).encode("utf-8", "surrogatepass")
        data = self.data(path)
        return data if isinstance(data, bytes) else b""

    def lines(self, place: Place) -> tuple[str, ...]:
        """The lines of the file or the cell that a place counts in, for showing them; none if it cannot be read."""
        path = normal(place.path)
        if place.cell is not None:
            notebook = self.notebook(path)
            cell = notebook.cell(place.cell) if isinstance(notebook, Notebook) else None
            return cell.lines if cell else ()
        if path not in self._lines:
            if path not in self._met | self.overlay.keys() and not _is_inside(path, os.getcwd()):
                return ()  # a model file says that its source is there: it is not to choose what is shown
            data = self.data(path)
            self._lines[path] = () if isinstance(data, Unreadable) else tuple(re.split(r"\r\n?|\n", _decoded(data)))
        return self._lines[path]

    def text(self, path: str) -> str:
        """The Python of a file as well as it can be decoded, line ends made one; of a notebook, its module."""
        notebook = self.notebook(path)
        if notebook is not None:
            return notebook.text if isinstance(notebook, Notebook) else ""
        return "\n".join(self.lines(Place(path)))

    def is_file(self, path: str) -> bool:
        """Whether there is such a file."""
        return normal(path) in self.overlay or self._kind(path) == "file"

    def is_directory(self, path: str) -> bool:
        """Whether there is such a directory."""
        return self._kind(path) == "directory"

    def looked_for(self) -> frozenset[str]:
        """The names of all files that were asked for, whether or not they are there."""
        return frozenset(self._kinds) | frozenset(self._data)

    def roots(self, path: str) -> tuple[str, ...]:
        """Directories that imports of a file are looked up in, nearest first.

        Somebody may run a program from any directory above it that is not itself a package.
        """
        directory = posixpath.dirname(normal(path)) or "."
        if directory not in self._roots:
            projects = project_directories(os.path.abspath(directory))
            packaged = [name_of(one) for one in projects if _is_packaged(one)]
            project = name_of(projects[-1])
            outer = [name for name in map(name_of, projects) if not self.is_file(posixpath.join(name, "__init__.py"))]
            packages = self.packages(path)
            above = name_of(posixpath.join(packages[-1], "..")) if packages else directory
            sources = [normal(posixpath.join(one, "src")) for one in (*packaged, project)]
            candidates = (directory, above, *packaged, *outer, project, *sources)
            found = dict.fromkeys(c for c in candidates if self.is_directory(c))
            self._roots[directory] = tuple(found)
        return self._roots[directory]

    def packages(self, path: str) -> tuple[str, ...]:
        """The packages that a file is in, innermost first."""
        innermost = posixpath.dirname(normal(path)) or "."
        if innermost not in self._packages:
            found: dict[str, None] = {}
            package = innermost
            while self.is_file(posixpath.join(package, "__init__.py")) and package not in found:
                found[package] = None
                package = name_of(posixpath.join(package, ".."))
            self._packages[innermost] = tuple(found)
        return self._packages[innermost]

    def put(self, path: str, data: bytes | None) -> None:
        """Let a file hold other bytes than on disk, or (None) what is on disk."""
        path = normal(path)
        if data is None:
            self.overlay.pop(path, None)
        else:
            self.overlay[path] = data
        self.drop(path)

    def drop(self, path: str) -> None:
        """Forget what was read of one file."""
        kept: tuple[dict[str, Any], ...] = (self._documents, self._data, self._kinds, self._lines)
        for known in (*kept, self._notebooks, self._opened, self._stamps):
            known.pop(normal(path), None)

    def changed_on_disk(self) -> tuple[str, ...]:
        """The files that are not any more what was read of them."""
        return tuple(path for path, stamp in self._stamps.items() if _stamp(path) != stamp)

    def forget(self) -> None:
        """Let go of all trees and bytes, but for the overlay and the lines that were shown."""
        self._documents.clear()
        self._data.clear()

    def _kind(self, path: str) -> str:
        path = normal(path)
        if path not in self._kinds:
            try:
                mode = os.stat(path).st_mode
            except (OSError, ValueError):
                self._kinds[path] = "none"
            else:
                self._kinds[path] = "directory" if stat.S_ISDIR(mode) else "file" if stat.S_ISREG(mode) else "none"
        return self._kinds[path]


def _is_inside(path: str, directory: str) -> bool:
    """Whether a file is below a directory."""
    return os.path.realpath(path).startswith(os.path.realpath(directory).rstrip(os.sep) + os.sep)


def largest(path: str) -> int:
    """The bytes of a file that are still read."""
    return LARGEST_NOTEBOOK if is_notebook(path) else LARGEST_SOURCE


def _is_packaged(directory: str) -> bool:
    """Whether a directory is where a distribution is built: imports are written as from there."""
    return any(os.path.isfile(os.path.join(directory, name)) for name in ("pyproject.toml", "setup.py", "setup.cfg"))


def _stamp(path: str) -> tuple[int, int] | None:
    """What changes when a file is written; None if there is none."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size


def _read(path: str) -> bytes | Unreadable:
    """The bytes of a file, within bounds."""
    limit = largest(path)
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            if stat.S_ISREG(status.st_mode) and status.st_size > limit:
                return too_large(path, status.st_size, limit)
            return file.read(limit + 1)
    except (OSError, ValueError) as error:
        return Unreadable(path, f"the file cannot be opened: {getattr(error, 'strerror', None) or error}")


def _decoded(data: bytes) -> str:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding, errors="replace")
    except (SyntaxError, LookupError):
        text = data.decode("utf-8", errors="replace")
    return text.removeprefix("\ufeff")
