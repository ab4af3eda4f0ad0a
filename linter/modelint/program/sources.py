"""Where the interpreter gets files from: a protocol, so that it touches no file itself."""

from __future__ import annotations

from typing import Protocol

from modelint.documents import Script, Unreadable


class Sources(Protocol):
    """The files of a run, by path with forward slashes as the run names them. The workspace implements it."""

    def script(self, path: str) -> Script | Unreadable:
        """The parsed file; the same object on every call."""
        ...

    def is_file(self, path: str) -> bool:
        """Whether there is such a file."""
        ...

    def is_directory(self, path: str) -> bool:
        """Whether there is such a directory (namespace packages)."""
        ...

    def roots(self, path: str) -> tuple[str, ...]:
        """Directories that imports of this file are looked up in, nearest first.

        The file's own directory, the directory above its outermost package, the project's root and its ``src``.
        """
        ...

    def packages(self, path: str) -> tuple[str, ...]:
        """The packages that this file is in, innermost first: a program may be run from inside of them."""
        ...
