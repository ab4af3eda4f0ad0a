"""A progress bar, for a person who is waiting."""

from __future__ import annotations

import os
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

PATIENCE = 1.0
"""Seconds before a bar is shown."""


class Bar:
    """Shows itself on standard error if that is a terminal and the work takes longer than a moment; then goes away."""

    def __init__(self, *, wanted: bool, doing: str = "examining", what: str = "files") -> None:
        self._doing, self._what = doing, what
        self._wanted = wanted and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._began = time.monotonic()
        self._shown: tuple[Progress, TaskID] | None = None

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._shown:
            self._shown[0].stop()

    def advance(self, done: int, total: int) -> None:
        """Say how many are done."""
        if self._shown:
            self._shown[0].update(self._shown[1], completed=done)
        elif self._wanted and time.monotonic() - self._began > PATIENCE:
            self._shown = self._begin(done, total)

    def _begin(self, done: int, total: int) -> tuple[Progress, TaskID]:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        count = (MofNCompleteColumn(), TextColumn(self._what), TimeRemainingColumn())
        progress = Progress(TextColumn(self._doing), BarColumn(), *count, console=Console(stderr=True), transient=True)
        task = progress.add_task("", total=total, completed=done)
        progress.start()
        return progress, task
