"""``check --watch``, in a process of its own that is told to stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from conftest import Project

WRONG = "x = 1  # modelint: ignore[reused-sed] because\n"
WATCHING = "watching for changes; Ctrl-C ends it\n"


class Watch:
    """A process that watches."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def report(self) -> list[str]:
        """What it writes until it waits again."""
        assert self.process.stdout is not None
        written: list[str] = []
        for line in self.process.stdout:
            if line == WATCHING:
                return written
            written.append(line.rstrip("\n"))
        raise AssertionError(f"it ended: {written}")

    def interrupt(self) -> int:
        """Press Ctrl-C; the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait()


def interruptible() -> None:
    """Heed interrupts: a background job of a shell has them switched off."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def watching(*arguments: str) -> Iterator[Watch]:
    """``check --watch`` on the working directory, killed if all this takes absurdly long."""
    command = [sys.executable, "-u", "-m", "modelint", "check", "--watch", "--output-format", "concise", *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=interruptible
    )
    killer = threading.Timer(120, process.kill)
    killer.start()
    try:
        yield Watch(process)
    finally:
        killer.cancel()
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def test_it_examines_again_after_each_change_until_it_is_interrupted(project: Project) -> None:
    project.write("a.py", "x = 1\n")
    with watching() as watch:
        assert watch.report() == ["All clear: 1 file examined"]
        project.write("a.py", WRONG)
        assert watch.report()[0].startswith("a.py:1:27: warning:")
        project.write("new.py", WRONG)
        assert "2 findings (2 warnings) in 2 files; 2 files examined" in watch.report()
        os.unlink("a.py")
        assert "1 finding (1 warning) in 1 file; 1 file examined" in watch.report()
        project.write("modelint.toml", 'ignore = ["comments"]\n')
        assert watch.report() == ["All clear: 1 file examined"]
        assert watch.interrupt() == 0


def test_a_mistake_in_the_configuration_is_said_and_waited_out(project: Project) -> None:
    project.write("a.py", "x = 1\n")
    with watching() as watch:
        watch.report()
        project.write("modelint.toml", "slect = 1\n")
        assert watch.report() == [
            "modelint: the configuration cannot be used",
            "  modelint.toml: slect: there is no such key; did you mean 'select'?",
        ]
        project.write("modelint.toml", "")
        assert watch.report() == ["All clear: 1 file examined"]


def test_a_mistake_that_stays_is_said_once_a_change(project: Project) -> None:
    project.write("a.py", "x = 1\n")
    project.run("baseline", "-o", "base.json")
    with watching("--baseline", "base.json") as watch:
        watch.report()
        project.write("base.json", "[")
        project.write("a.py", "x = 2\n")
        assert watch.report() == ["modelint: --baseline: base.json is not a baseline: it is not JSON"]
        project.run("baseline", "-o", "base.json")
        project.write("a.py", "x = 30\n")
        assert watch.report() == ["All clear: 1 file examined"]


def test_a_module_outside_the_paths_is_watched_too(project: Project) -> None:
    project.write("train/run.py", "import keras\nimport layers\n\nmodel = layers.make()\n")
    project.write("layers.py", "import keras\n")
    project.write("pyproject.toml", "")
    with watching("train") as watch:
        watch.report()
        project.write("layers.py", "import keras\n\n\ndef make():\n    return keras.Sequential([])\n")
        assert watch.report() == ["All clear: 1 file examined"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--add-ignore",), "--watch and --add-ignore exclude each other"),
        (("nope",), "nope: there is no such file or directory"),
    ],
)
def test_what_cannot_be_watched_is_refused(project: Project, arguments: tuple[str, ...], sentence: str) -> None:
    project.write("a.py", "x = 1\n")
    ran = project.run("check", "--watch", *arguments)
    assert (ran.code, ran.err) == (2, f"modelint: {sentence}\n")
