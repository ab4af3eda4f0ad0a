"""The example project of the README: it runs, and modelint finds what is wrong with it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import Project


@pytest.fixture
def quickstart(project: Project, repository: Path) -> Project:
    """A copy of the example project."""
    shutil.copytree(repository / "fixtures" / "quickstart", project.path, dirs_exist_ok=True)
    return project


def test_the_example_trains_evaluates_and_answers(quickstart: Project) -> None:
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    environment.pop("TF_USE_LEGACY_KERAS", None)
    printed = ""
    for script in ("train.py", "evaluate.py", "serve.py"):
        command = [sys.executable, script]
        ran = subprocess.run(
            command, cwd=quickstart.path, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert ran.returncode == 0, ran.stderr
        printed += ran.stdout
    assert re.search(r"epoch 2: loss \d", printed)
    assert re.search(r"accuracy: 0\.\d+", printed)


def test_the_example_shows_what_modelint_finds(quickstart: Project) -> None:
    found = {tuple(re.findall(r"^([\w./]+):|\[([\w-]+)\]$", line)) for line in quickstart.concise()}
    assert {(pair[0][0], pair[1][1]) for pair in found} >= {
        ("train.py", "inference-mode-in-training"),
        ("evaluate.py", "train-mode-at-inference"),
        ("evaluate.py", "exact-comparison"),
    }
    assert quickstart.run("check").code == 1


def test_the_first_command_of_the_readme_is_about_the_example(repository: Path) -> None:
    readme = (repository / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^python3 -m venv .*$", readme, re.MULTILINE)
    assert commands == [
        "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/modelint check fixtures/quickstart",
        "python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/pytest",
    ]


def test_the_readme_shows_what_the_command_prints(
    repository: Path, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository)
    readme = (repository / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```text\n(error.*?)```", readme, re.DOTALL)
    assert shown in project.run("check", "fixtures/quickstart").out
