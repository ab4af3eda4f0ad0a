"""The files of a run: read once, within bounds, parsed when asked for.

Implements what ``program.sources.Sources`` asks for, over the file system and over text that an editor hands in. Syntax
trees take a hundred times the memory of their source and more, so they can be let go of between two root files.
"""

from __future__ import annotations

import io
import os
import posixpath
import re
import stat
import tokenize

import attrs

from modelint.documents import Script, Unreadable, check_script, read_script
from modelint.documents.script import LARGEST_SOURCE
from modelint.workspace.names import name_of, normal, project_directories


@attrs.define(eq=False)
class FileSources:
    """Files by the names of this run. ``overlay`` holds the bytes of files that are not what is on disk."""

    overlay: dict[str, bytes] = attrs.field(factory=dict)
    _documents: dict[str, Script | Unreadable] = attrs.field(factory=dict)
    _data: dict[str, bytes | Unreadable] = attrs.field(factory=dict)
    _kinds: dict[str, str] = attrs.field(factory=dict)
    _roots: dict[str, tuple[str, ...]] = attrs.field(factory=dict)
    _lines: dict[str, tuple[str, ...]] = attrs.field(factory=dict)

    def script(self, path: str) -> Script | Unreadable:
        """The parsed file; the same object until ``forget``. A directory (named with a final ``/``) is empty."""
        if path.endswith("/"):
            return self._documents.setdefault(path, read_script(path, b""))
        path = normal(path)
        if path not in self._documents:
            data = self.data(path)
            self._documents[path] = data if isinstance(data, Unreadable) else read_script(path, data)
        return self._documents[path]

    def check(self, path: str) -> Unreadable | None:
        """Why a file cannot be read, or None, without keeping its tree."""
        data = self.data(path)
        return data if isinstance(data, Unreadable) else check_script(normal(path), data)

    def data(self, path: str) -> bytes | Unreadable:
        """The bytes of a file."""
        path = normal(path)
        if path in self.overlay:
            return self.overlay[path]
        if path not in self._data:
            self._data[path] = _read(path)
        return self._data[path]

    def lines(self, path: str) -> tuple[str, ...]:
        """The lines of a file as well as they can be decoded, for showing them; none if it cannot be read."""
        path = normal(path)
        if path not in self._lines:
            data = self.data(path)
            self._lines[path] = () if isinstance(data, Unreadable) else tuple(re.split(r"\r\n?|\n", _decoded(data)))
        return self._lines[path]

    def text(self, path: str) -> str:
        """The text of a file as well as it can be decoded, line ends made one."""
        return "\n".join(self.lines(path))

    def is_file(self, path: str) -> bool:
        """Whether there is such a file."""
        return normal(path) in self.overlay or self._kind(path) == "file"

    def is_directory(self, path: str) -> bool:
        """Whether there is such a directory."""
        return self._kind(path) == "directory"

    def roots(self, path: str) -> tuple[str, ...]:
        """Directories that imports of a file are looked up in, nearest first."""
        directory = posixpath.dirname(normal(path)) or "."
        if directory not in self._roots:
            projects = project_directories(os.path.abspath(directory))
            packaged = [name_of(one) for one in projects if _is_packaged(one)]
            project = name_of(projects[-1])
            above = directory
            while self.is_file(posixpath.join(above, "__init__.py")) and name_of(posixpath.join(above, "..")) != above:
                above = name_of(posixpath.join(above, ".."))
            sources = [normal(posixpath.join(one, "src")) for one in (*packaged, project)]
            candidates = (directory, above, *packaged, project, *sources)
            found = dict.fromkeys(c for c in candidates if self.is_directory(c))
            self._roots[directory] = tuple(found)
        return self._roots[directory]

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


def _is_packaged(directory: str) -> bool:
    """Whether a directory is where a distribution is built: imports are written as from there."""
    return any(os.path.isfile(os.path.join(directory, name)) for name in ("pyproject.toml", "setup.py", "setup.cfg"))


def _read(path: str) -> bytes | Unreadable:
    """The bytes of a file, within bounds."""
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            if stat.S_ISREG(status.st_mode) and status.st_size > LARGEST_SOURCE:
                size = f"{status.st_size:,} bytes, of {LARGEST_SOURCE:,} at most"
                return Unreadable(path, f"the file is too large to examine ({size})")
            return file.read(LARGEST_SOURCE + 1)
    except (OSError, ValueError) as error:
        return Unreadable(path, f"the file cannot be opened: {getattr(error, 'strerror', None) or error}")


def _decoded(data: bytes) -> str:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding, errors="replace")
    except (SyntaxError, LookupError):
        text = data.decode("utf-8", errors="replace")
    return text.removeprefix("\ufeff")
