"""Patterns of paths as ``.gitignore`` has them, relative to the directory where they were written."""

from __future__ import annotations

import os
from functools import cached_property

import attrs
from pathspec import GitIgnoreSpec


def objection(line: str) -> str | None:
    """Why a line is no pattern, or None if it is one."""
    try:
        GitIgnoreSpec.from_lines([line])
    except ValueError as error:
        return str(error).rstrip(".")
    return None


@attrs.frozen(slots=False)
class Patterns:
    """Patterns written in ``directory`` (absolute), one a line. A line that is no pattern has no effect."""

    directory: str
    lines: tuple[str, ...]

    @cached_property
    def _spec(self) -> GitIgnoreSpec:
        try:
            return GitIgnoreSpec.from_lines(self.lines)
        except ValueError:
            return GitIgnoreSpec.from_lines(line for line in self.lines if objection(line) is None)

    def match(self, path: str, *, is_directory: bool = False) -> bool | None:
        """Whether an absolute path is matched; False if it is taken out again (``!``), None if no line is about it."""
        prefix = self.directory.rstrip(os.sep) + os.sep
        if not path.startswith(prefix) or path == prefix:
            return None
        relative = path[len(prefix) :].replace(os.sep, "/")
        return self._spec.check_file(f"{relative}/" if is_directory else relative).include


_NEVER_SCANNED = (
    *(".bzr/", ".direnv/", ".eggs/", ".git/", ".git-rewrite/", ".hg/", ".ipynb_checkpoints/", ".mypy_cache/", ".nox/"),
    *(".pants.d/", ".pyenv/", ".pytest_cache/", ".pytype/", ".ruff_cache/", ".svn/", ".tox/", ".venv/", ".vscode/"),
    *("__pycache__/", "__pypackages__/", "_build/", "buck-out/", "build/", "dist/", "node_modules/", "site-packages/"),
    "venv/",
)


def default_exclude(directory: str) -> Patterns:
    """What is not scanned in a project unless it is named; the key ``exclude`` replaces it."""
    return Patterns(directory, _NEVER_SCANNED)
