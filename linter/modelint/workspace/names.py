"""How a run names files: relative to the working directory, with forward slashes."""

from __future__ import annotations

import os
import posixpath

PROJECT_MARKERS = (".git", ".hg")


def name_of(path: str | os.PathLike[str]) -> str:
    """The name of a file in this run: the same for every way of writing the path. The file need not exist."""
    absolute = os.path.abspath(path)
    try:
        relative = os.path.relpath(absolute)
    except ValueError:  # another drive
        relative = absolute
    return relative.replace(os.sep, "/")


def normal(name: str) -> str:
    """A name built from other names, in its one spelling (``./a/../b.py`` is ``b.py``)."""
    return posixpath.normpath(name)


def ancestors(directory: str) -> tuple[str, ...]:
    """The absolute directory itself and all above it, nearest first."""
    found = [os.path.abspath(directory)]
    while (parent := os.path.dirname(found[-1])) != found[-1]:
        found.append(parent)
    return tuple(found)


def project_directories(directory: str) -> tuple[str, ...]:
    """From an absolute directory up to its repository's root; without a repository, to the working directory."""
    above = ancestors(directory)
    for index, candidate in enumerate(above):
        if any(os.path.exists(os.path.join(candidate, marker)) for marker in PROJECT_MARKERS):
            return above[: index + 1]
    here = os.getcwd()
    return above[: above.index(here) + 1] if here in above else above[:1]


def directory_in_repository() -> str:
    """The working directory as seen from the root of its repository; empty at the root, or without a repository."""
    here = os.getcwd()
    relative = os.path.relpath(here, project_directories(here)[-1])
    return "" if relative == "." else relative.replace(os.sep, "/")
