"""Waiting for a change in the files of a run, by looking at them now and then."""

from __future__ import annotations

import os
import time

from modelint.workspace.discovery import discover
from modelint.workspace.run import Run

INTERVAL = 0.5
"""Seconds between two looks."""

State = dict[str, tuple[int, int] | None]
"""Time of the last change and size by file; None where there is none."""


def state_of(run: Run) -> State:
    """The files of a run as they are: those it examines, those it has looked for, and its configuration."""
    request = run.request
    found = discover(request.paths, run.exclusion, force_exclude=request.force_exclude)
    return {name: _stamp(name) for name in {*found.files, *found.models, *_looked_for(run)}}


def state_after(run: Run, before: State) -> State:
    """The state before a run, with the files that only the run has shown to matter."""
    return {name: _stamp(name) for name in _looked_for(run)} | before


def wait_for_change(run: Run, known: State) -> None:
    """Return when the files of a run are not what is known of them, and have stopped changing."""
    while (now := state_of(run)) == known:
        time.sleep(INTERVAL)
    while True:  # an editor may write in several steps
        time.sleep(INTERVAL / 5)
        previous, now = now, state_of(run)
        if now == previous:
            return


def _looked_for(run: Run) -> frozenset[str]:
    return run.sources.looked_for() | run.lookup.looked_for()


def _stamp(name: str) -> tuple[int, int] | None:
    try:
        status = os.stat(name)
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size
