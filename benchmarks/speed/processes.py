"""Cold processes, measured: wall seconds, peak memory, exit status."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of one process. ``megabytes`` is its peak resident memory; ``timed_out`` means that it was killed."""

    seconds: float
    megabytes: float
    status: int
    timed_out: bool
    output: str
    complaints: str

    @property
    def crashed(self) -> bool:
        """Whether the process printed a traceback or died of a signal that nobody here sent."""
        return "Traceback (most recent call last)" in self.complaints or (self.status < 0 and not self.timed_out)


def measure(command: Sequence[str], folder: Path, timeout: float) -> Measured:
    """Run ``command`` in ``folder`` in a process of its own, killed after ``timeout`` seconds.

    It may keep the bytecode of what it imports, as an installed package does.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    killed = threading.Event()
    with tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=errors, start_new_session=True
        )

        def kill() -> None:
            killed.set()
            os.killpg(process.pid, signal.SIGKILL)

        timer = threading.Timer(timeout, kill)
        timer.start()
        try:
            assert process.stdout is not None
            output = process.stdout.read().decode("utf-8", errors="replace")
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - started
        finally:
            timer.cancel()
        process.stdout.close()
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        complaints = errors.read().decode("utf-8", errors="replace")
    return Measured(seconds, usage.ru_maxrss / 1024, process.returncode, killed.is_set(), output, complaints)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The same work done by two commands in turn, several times, and how many times slower the second is."""

    name: str
    baseline: tuple[float, ...]
    subject: tuple[float, ...]
    limit: float

    @property
    def ratio(self) -> float:
        """Median of the subject's seconds by median of the baseline's."""
        return statistics.median(self.subject) / statistics.median(self.baseline)

    @property
    def within_limit(self) -> bool:
        """Whether the ratio is at most the limit."""
        return self.ratio <= self.limit


def compare(
    name: str,
    commands: Mapping[str, Sequence[str]],
    did_its_work: Callable[[Measured], bool],
    folder: Path,
    repetitions: int,
    limit: float,
    timeout: float,
) -> Comparison:
    """Run the two ``commands``, ``baseline`` and ``subject``, in turn, so that both meet the same noise.

    One run of each goes before the measured ones, so that the files are in the system's cache for all of them.

    Raises:
        RuntimeError: a command was killed or crashed, or the subject did not do its work.
    """
    seconds: dict[str, list[float]] = {"baseline": [], "subject": []}
    for repetition in range(repetitions + 1):
        for role, spent in seconds.items():
            run = measure(commands[role], folder, timeout)
            if run.timed_out or run.crashed or not (did_its_work(run) if role == "subject" else run.status == 0):
                raise RuntimeError(f"{name}, {role}: exit status {run.status}: {run.complaints.strip()[-500:]}")
            if repetition:
                spent.append(run.seconds)
    return Comparison(name, tuple(seconds["baseline"]), tuple(seconds["subject"]), limit)
