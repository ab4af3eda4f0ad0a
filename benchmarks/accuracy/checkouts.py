"""Running the linter over checkouts of public repositories.

A folder of checkouts holds one folder per repository and commit, named ``<owner>+<name>@<first ten of the commit>``.
The linter runs as its users run it, through its command line, with the checkout as working directory, so that the
repository's own imports resolve; nothing is written there.
"""

from __future__ import annotations

import ast
import json
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from counting import Reported
from notebooks import JoinedCells

_UNEXAMINED = frozenset({"internal-error", "unreadable"})


class LinterFailedError(RuntimeError):
    """The linter did not print findings; the message says what it said instead."""


@dataclass(frozen=True, slots=True)
class Linter:
    """How the linter is run: the command, its arguments before the paths, and after how many seconds it is given up."""

    command: tuple[str, ...]
    arguments: tuple[str, ...]
    timeout: float

    def findings(self, folder: Path, paths: Sequence[str]) -> list[Reported]:
        """What the linter reports on ``paths`` with ``folder`` as working directory.

        Raises:
            LinterFailedError: it took too long, or printed no JSON array.
        """
        command = [*self.command, "check", "--output-format", "json", *self.arguments, "--", *paths]
        try:
            process = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, timeout=self.timeout, check=False
            )
        except subprocess.TimeoutExpired:
            raise LinterFailedError(f"given up after {self.timeout:g} seconds") from None
        except OSError as error:
            raise LinterFailedError(str(error)) from None
        try:
            entries = json.loads(process.stdout)
        except json.JSONDecodeError:
            said = (process.stderr or process.stdout).strip()[-500:]
            raise LinterFailedError(f"exit status {process.returncode}, no JSON: {said}") from None
        return [_reported(entry, folder) for entry in entries]


def _reported(entry: dict[str, object], folder: Path) -> Reported:
    """The finding, in a notebook at the lines of its joined cells."""
    line = entry["line"] if isinstance(entry["line"], int) else 0
    end_line = entry["end_line"] if isinstance(entry["end_line"], int) else line
    path = str(entry["path"]).removeprefix("./")
    cell = entry["cell"] if isinstance(entry["cell"], int) else None
    if cell is not None:
        joined = JoinedCells.of((folder / path).read_bytes())
        line, end_line = (joined.line(cell, line), joined.line(cell, end_line)) if joined else (line, end_line)
    because = entry["because"] if isinstance(entry["because"], list) else []
    reasons = tuple(_lines_of(step, folder) for step in because if step["line"])
    return Reported(path, line, max(line, end_line), str(entry["rule"]), str(entry["message"]), cell, reasons)


def _lines_of(step: dict[str, object], folder: Path) -> tuple[str, int, int]:
    """The file of a reason, and the first and last line of the expression or definition that begins there."""
    path, line, column = str(step["path"]).removeprefix("./"), int(str(step["line"])), int(str(step["column"]))
    places = _ends(folder / path) if path.endswith(".py") else {}
    return path, line, places.get((line, column), line)


@cache
def _ends(path: Path) -> dict[tuple[int, int], int]:
    """The last line of the longest expression that begins at each place of a file."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return {}
    ends: dict[tuple[int, int], int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.expr):
            key = (node.lineno, node.col_offset + 1)
            ends[key] = max(ends.get(key, 0), node.end_lineno or node.lineno)
    return ends


def folder_of(checkouts: Path, repository: str, commit: str) -> Path:
    """Where the checkout of a repository at a commit is to be found."""
    return checkouts / f"{repository.replace('/', '+')}@{commit[:10]}"


def unexamined(findings: Iterable[Reported]) -> list[Reported]:
    """The findings that say that a file was not examined; of a notebook it may be but a cell."""
    return [finding for finding in findings if finding.rule in _UNEXAMINED and finding.cell is None]
