"""The other end of the worker: a process that is started when first asked, and killed when it overruns."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from typing import IO, Any, Final

HOME: Final = os.path.join(os.path.dirname(os.path.abspath(__file__)), "home")
ENVIRONMENT: Final[Mapping[str, str]] = {
    "KERAS_BACKEND": "tensorflow",  # whatever the user's programs run on
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONPATH": HOME,
    "PYTHONUNBUFFERED": "1",
}
"""Of the worker, beside that of the linter."""

MOST_MEMORY: Final = 8 * 2**30
"""Bytes of resident memory at which the worker is killed."""

LOOK_EVERY: Final = 0.25
"""Seconds between two looks at the worker's memory."""

_RAISED: Final = re.compile(r"[\w.]*(Error|Exception|Interrupt)\b")
"""The last line of a traceback; frameworks write much else."""

LAST_WORDS: Final = 4_000


class WorkerError(Exception):
    """The worker gave no answer; ``message`` says why, as the second half of a sentence.

    ``missing`` is the framework that is not installed, where that is the reason.
    """

    def __init__(self, message: str, missing: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.missing = missing


class Worker:
    """A process that runs models. Use as a context manager.

    ``python`` is the interpreter that has the framework; ``memory`` the bytes it may hold.
    """

    def __init__(self, python: str = sys.executable, memory: int = MOST_MEMORY) -> None:
        self.python = python
        self.memory = memory
        self._process: subprocess.Popen[str] | None = None
        self._legacy = False
        self._answers: queue.Queue[str | None] = queue.Queue()
        self._errors: list[str] = []
        self._number = 0
        self._directory: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        if self._directory is not None:
            self._directory.cleanup()

    def ask(self, request: Mapping[str, Any], seconds: float) -> Mapping[str, Any]:
        """The answer to a request.

        Raises:
            WorkerError: it refused, failed, crashed, took too long or too much memory; it is started anew next time.
        """
        process = self._started(request["subject"])
        self._number += 1
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps({"id": self._number, **request}) + "\n")
            process.stdin.flush()
        except OSError:
            raise self._died() from None
        until = time.monotonic() + seconds
        while True:
            try:
                line = self._answers.get(timeout=max(0.0, min(LOOK_EVERY, until - time.monotonic())))
            except queue.Empty:
                if _resident(process.pid) > self.memory:
                    self.kill()
                    raise WorkerError(f"it took more than {self.memory / 2**30:.3g} GiB of memory") from None
                if time.monotonic() >= until:
                    self.kill()
                    raise WorkerError(f"it took more than {seconds:.3g} seconds") from None
                continue
            if line is None:
                raise self._died()
            answer: dict[str, Any] = json.loads(line)
            if answer.get("id") == self._number:
                return _checked(answer)

    def kill(self) -> None:
        """End the process and those that it started, whatever they are doing."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                if hasattr(os, "killpg"):
                    os.killpg(self._process.pid, signal.SIGKILL)
                else:
                    self._process.kill()
            self._process.wait()
            self._process = None

    def _started(self, subject: Mapping[str, Any]) -> subprocess.Popen[str]:
        """The process, started or started anew if need be: code of the user's finds one Keras in ``tensorflow.keras``.

        Which one that is, is decided when TensorFlow is imported.
        """
        legacy = subject.get("generation") == "2"
        if subject["kind"] == "imported" and legacy != self._legacy:
            self.kill()
        if self._process is None or self._process.poll() is not None:
            self._legacy = legacy
            self._directory = self._directory or tempfile.TemporaryDirectory(prefix="modelint-")
            environment = {**os.environ, **ENVIRONMENT, **({"TF_USE_LEGACY_KERAS": "1"} if legacy else {})}
            self._answers, self._errors = queue.Queue(), []
            try:
                self._process = subprocess.Popen(
                    (self.python, "-m", "modelint_worker"),
                    cwd=self._directory.name,
                    env=environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    errors="replace",
                    start_new_session=True,  # to be ended with all that it starts
                )
            except OSError as error:
                raise WorkerError(f"{self.python} cannot be run: {error.strerror}") from None
            assert self._process.stdout is not None
            assert self._process.stderr is not None
            threading.Thread(target=_forward, args=(self._process.stdout, self._answers), daemon=True).start()
            threading.Thread(target=_keep, args=(self._process.stderr, self._errors), daemon=True).start()
        return self._process

    def _died(self) -> WorkerError:
        process, self._process = self._process, None
        code = process.wait() if process is not None else None
        said = [line.strip() for line in self._errors if _RAISED.match(line)]
        last = said[-1][:200] if said else ""
        how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        return WorkerError(f"the process that ran it ended ({how}{': ' + last if last else ''})")


def _checked(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    error = answer.get("error")
    if error is not None:
        raise WorkerError(str(error["message"]), error.get("missing"))
    return answer


def _forward(stream: IO[str], answers: queue.Queue[str | None]) -> None:
    for line in stream:
        answers.put(line)
    answers.put(None)


def _keep(stream: IO[str], lines: list[str]) -> None:
    """Keep the last of what is written to standard error, for a message if the process dies."""
    for line in stream:
        lines.append(line)
        if sum(map(len, lines)) > LAST_WORDS:
            del lines[0]


def _resident(process: int) -> int:
    """Bytes of memory that a process holds; 0 where the system does not say."""
    try:
        with open(f"/proc/{process}/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
