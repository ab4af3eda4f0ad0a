"""What every output format is given: the findings of a run, and what it takes to present them.

A format is a module of this package with a function ``render(results, terminal) -> str``. This module opens no file and
does not know where the text goes.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from modelint.finding import Finding, Place
from modelint.selection import INTERNAL, UNREADABLE, Entry

Lines = Callable[[Place], Sequence[str]]
"""The lines of the file or the cell that a place is in, its path as the run has it; none if they cannot be read."""


@dataclass(frozen=True, slots=True)
class Results:
    """What a run came to.

    ``entries`` say what the names of findings mean. ``directory`` is where the names of files begin, as seen from the
    root of the repository: empty at the root, ``"services/leaves"`` two folders below it.
    """

    findings: tuple[Finding, ...]
    lines: Lines
    entries: tuple[Entry, ...] = ()
    directory: str = ""
    exit_code: int = 0

    def hosted(self, place: Place) -> Place:
        """A place as a code host names it: by the file's path from the root of the repository."""
        return replace(place, path=posixpath.normpath(posixpath.join(self.directory, place.path)))


def is_failure(finding: Finding) -> bool:
    """Whether a finding says that something could not be examined."""
    return finding.rule in (UNREADABLE, INTERNAL)
