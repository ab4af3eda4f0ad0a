"""What every output format is given: the findings of a run, and what it takes to present them.

A format is a module of this package with a function ``render(results, terminal) -> str``. This module opens no file and
does not know where the text goes.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from modelint.finding import Confirmation, Finding, Place, Severity, Verdict
from modelint.selection import INTERNAL, UNREADABLE, Entry

Lines = Callable[[Place], Sequence[str]]
"""The lines of the file or the cell that a place is in, its path as the run has it; none if they cannot be read."""


@dataclass(frozen=True, slots=True)
class Results:
    """What a run came to.

    ``entries`` say what the names of findings mean. ``directory`` is where the names of files begin, as seen from the
    root of the repository: empty at the root, ``"services/leaves"`` two folders below it. ``fixed`` are findings that
    are no more, with what was measured before and after.
    """

    findings: tuple[Finding, ...]
    lines: Lines
    entries: tuple[Entry, ...] = ()
    directory: str = ""
    exit_code: int = 0
    fixed: tuple[Finding, ...] = ()

    def hosted(self, place: Place) -> Place:
        """A place as a code host names it: by the file's path from the root of the repository."""
        return replace(place, path=posixpath.normpath(posixpath.join(self.directory, place.path)))


def verdict_of(finding: Finding) -> str:
    """What running the model said, in a line: ``confirmed: ...``; empty if it was not run."""
    return said(finding.confirmation) if finding.confirmation is not None else ""


def said(confirmation: Confirmation) -> str:
    """A verdict with its reason, and what it was run on, in a line."""
    where = [confirmation.source, confirmation.framework, confirmation.device]
    run_on = ", ".join(one for one in where if one)
    return f"{confirmation.verdict.value}: {confirmation.message}" + (f" [{run_on}]" if run_on else "")


def is_unmended(confirmation: Confirmation) -> bool:
    """Whether a fix left what was confirmed before it."""
    after = confirmation.after
    return after is not None and confirmation.verdict is after.verdict is Verdict.CONFIRMED


def effective_severity(finding: Finding) -> Severity:
    """The severity; that of a note if running the model refuted the finding, so that nobody is stopped by it."""
    refuted = finding.confirmation is not None and finding.confirmation.verdict is Verdict.REFUTED
    return Severity.NOTE if refuted else finding.severity


def is_failure(finding: Finding) -> bool:
    """Whether a finding says that something could not be examined."""
    return finding.rule in (UNREADABLE, INTERNAL)
