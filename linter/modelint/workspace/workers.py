"""Examining the files of a run in several processes, where that is sooner done.

Takes a request and the files with their sizes, gives what each file gave. Every process reads and executes for itself
what its files import, so what is found does not depend on how many there are.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from multiprocessing import connection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

    from modelint.workspace.run import Examined, Request

LEAST_BYTES = 200_000
"""Source that a process is worth beginning for: beginning takes a third of a second, as long as examining so much."""

PORTIONS = 4
"""How often a process is given files. They are neighbours, which import much the same."""

MOST_PROCESSES = 16


def available() -> int:
    """How many processes can work at once on this machine."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(MOST_PROCESSES, usable)


def worth(sizes: Mapping[str, int], jobs: int) -> int:
    """How many processes files of these sizes are worth, of the ``jobs`` that there may be."""
    return max(1, min(jobs, sum(sizes.values()) // LEAST_BYTES))


def examined_apart(
    request: Request, sizes: Mapping[str, int], processes: int, progress: Callable[[int], None]
) -> dict[str, Examined]:
    """What files gave in so many processes; those that a process was at when it died are missing.

    ``progress`` is told how many are done.
    """
    found: dict[str, Examined] = {}
    waiting = list(portions(sizes, processes * PORTIONS))[::-1]
    # not forked: the memory of this process may be large, and other threads of it may hold locks
    context = multiprocessing.get_context("spawn")
    at_work: dict[Connection, BaseProcess] = {}
    try:
        for _ in range(min(processes, len(waiting))):
            ours, theirs = context.Pipe()
            at_work[ours] = context.Process(target=_work, args=(theirs, request, processes), daemon=True)
            at_work[ours].start()
            theirs.close()
            ours.send(waiting.pop())
        while at_work:
            ready = connection.wait(list(at_work))
            for ours in [one for one in at_work if one in ready]:
                try:
                    found.update(ours.recv())
                    ours.send(waiting.pop() if waiting else ())
                except (EOFError, OSError):  # it has done all, or was killed
                    at_work.pop(ours).kill()
            progress(len(found))
    finally:
        for process in at_work.values():
            process.kill()
    return found


def portions(sizes: Mapping[str, int], number: int) -> Iterator[tuple[str, ...]]:
    """The files in their order, cut into about so many portions of equal size."""
    share = sum(sizes.values()) / number
    names: list[str] = []
    filled = 0
    for name, size in sizes.items():
        names.append(name)
        filled += size
        if filled >= share:
            yield tuple(names)
            names, filled = [], 0
    if names:
        yield tuple(names)


def _work(asked: Connection, request: Request, processes: int) -> None:
    """Examine, in a process of its own, what is asked for; leave when there is nothing more, or nobody."""
    from modelint.rule import discover
    from modelint.selection import Catalogue
    from modelint.workspace.run import Run
    from modelint.workspace.stack import on_a_deep_stack

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever interrupts means the process that asks
    run = Run(request, Catalogue(discover()), processes=processes)
    with suppress(EOFError, OSError):
        while names := asked.recv():
            asked.send(on_a_deep_stack(partial(run.examined, names)))
    os._exit(0)  # not to take all trees apart
