"""Examining in several processes: the same is found, and nothing is lost when one of them dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import Project
from modelint.workspace.workers import LEAST_BYTES, portions, worth

LAYER = """
import tensorflow as tf
from shared import rate

class Block{number}(tf.keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.dropout = tf.keras.layers.Dropout(rate)

    def call(self, x, training=True):
        return self.dropout(x, training=training)
"""


def many_files(project: Project) -> None:
    """Scripts that are worth several processes, one of which cannot be read and one of which ignores its finding."""
    project.write("shared.py", "import tensorflow as tf\nrate = 0.5\n")
    for number in range(24):
        project.write(f"part{number % 3}/block{number}.py", LAYER.format(number=number) + "# a long comment\n" * 2_000)
    project.write("part1/broken.py", "import tensorflow as tf\ndef f(:\n")
    ignored = LAYER.format(number="Ignored").replace(
        "training=True):", "training=True):  # modelint: ignore[training-default-true] trained only"
    )
    project.write("part2/ignored.py", ignored)


def test_the_same_is_found_in_any_number_of_processes(project: Project) -> None:
    many_files(project)
    ran = [project.run("check", "--output-format", "json", "--jobs", jobs, ".") for jobs in ("1", "2", "5")]
    assert ran[0].out == ran[1].out == ran[2].out
    assert {one.code for one in ran} == {2}
    rules = [finding["rule"] for finding in json.loads(ran[0].out)]
    assert rules.count("training-default-true") == 24
    assert rules.count("unreadable") == 1


def test_configuration_and_options_hold_in_every_process(project: Project) -> None:
    many_files(project)
    project.write("modelint.toml", '[per-file-ignores]\n"part0/*" = ["mode"]\n')
    alone, together = (
        project.concise("--jobs", jobs, "--select", "mode", "--severity", "training-default-true=error", ".")
        for jobs in ("1", "3")
    )
    assert alone == together
    assert len([line for line in together if "error" in line and "training-default-true" in line]) == 16


def test_fixes_are_applied_to_what_other_processes_found(project: Project) -> None:
    many_files(project)
    project.run("check", "--jobs", "3", "--select", "training-default-true", "--fix", "--unsafe-fixes", ".")
    assert "training=None" in (project.path / "part0/block0.py").read_text()
    assert not [line for line in project.concise("--jobs", "1", ".") if "training-default-true" in line]


def test_little_is_examined_in_one_process() -> None:
    assert worth({"a.py": LEAST_BYTES // 2, "b.py": LEAST_BYTES // 3}, 8) == 1
    assert worth({"a.py": LEAST_BYTES * 2, "b.py": LEAST_BYTES}, 8) == 3
    assert worth({"a.py": LEAST_BYTES * 100}, 8) == 8


def test_portions_keep_the_order_and_lose_nothing() -> None:
    sizes = {f"{number}.py": number % 7 for number in range(100)}
    cut = list(portions(sizes, 6))
    assert [name for names in cut for name in names] == list(sizes)
    assert 5 <= len(cut) <= 7
    assert [name for names in portions({"a": 0, "b": 0}, 4) for name in names] == ["a", "b"]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds processes by /proc")
def test_a_process_that_is_killed_loses_nothing(project: Project) -> None:
    many_files(project)
    whole = project.run("check", "--output-format", "json", "--jobs", "1", ".").out
    command = [sys.executable, "-m", "modelint", "check", "--output-format", "json", "--jobs", "2", "."]
    with subprocess.Popen(command, cwd=project.path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        os.kill(one_below(run.pid), signal.SIGKILL)
        out, errors = run.communicate(timeout=120)
    assert out == whole, errors


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds processes by /proc")
@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_the_run(project: Project, by: signal.Signals) -> None:
    many_files(project)
    command = [sys.executable, "-m", "modelint", "check", "--jobs", "2", "."]
    with subprocess.Popen(command, cwd=project.path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        below = one_below(run.pid)
        run.send_signal(by)
        _, errors = run.communicate(timeout=120)
    assert by is signal.SIGKILL or "Traceback" not in errors  # a process may be killed while it begins another
    deadline = time.monotonic() + 60
    while is_running(below) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(below)


def one_below(parent: int) -> int:
    """A process that another one has begun to examine files; waits for it."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for process in (name for name in os.listdir("/proc") if name.isdigit()):
            try:
                fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
                command = Path(f"/proc/{process}/cmdline").read_bytes()
            except OSError:
                continue
            if int(fields[1]) == parent and b"spawn_main" in command:
                return int(process)
        time.sleep(0.01)
    raise AssertionError("no process was begun")


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
