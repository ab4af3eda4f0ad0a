"""The hook for pre-commit, run by pre-commit itself on a scratch repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

GIT = ("git", "-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")


def git(directory: Path, *arguments: str) -> str:
    """Run git, which must succeed; what it prints."""
    return subprocess.run([*GIT, *arguments], cwd=directory, check=True, capture_output=True, text=True).stdout


def committed(directory: Path) -> Path:
    """The directory as a repository whose files are all committed."""
    git(directory, "init", "-q", "-b", "main", ".")
    git(directory, "add", "-A")
    git(directory, "commit", "-q", "-m", "all")
    return directory


@pytest.fixture(scope="module")
def hook_source(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    """This repository as it is now, committed: pre-commit installs from a commit."""
    target = tmp_path_factory.mktemp("modelint")
    for name in ("linter", "rules", "pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml"):
        source = repository / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target / name)
    return committed(target)


def try_repo(hook_source: Path, project: Path, cache: Path) -> subprocess.CompletedProcess[str]:
    """Run the hook on all files of a project."""
    command = [sys.executable, "-m", "pre_commit", "try-repo", str(hook_source), "modelint", "--all-files", "--verbose"]
    environment = {**os.environ, "PRE_COMMIT_HOME": str(cache), "NO_COLOR": "1"}
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


def test_the_hook_examines_what_is_committed_and_heeds_the_configuration(
    hook_source: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cache = tmp_path_factory.mktemp("cache")
    project = tmp_path_factory.mktemp("project")
    (project / "good.py").write_text("x = 1\n")
    (project / "notes.txt").write_text("not (Python\n")
    (project / "excluded.py").write_text("x = (\n")
    (project / "modelint.toml").write_text('extend-exclude = ["excluded.py"]\n')
    committed(project)

    passed = try_repo(hook_source, project, cache)
    assert passed.returncode == 0, passed.stdout + passed.stderr
    assert "All clear: 1 file examined" in passed.stdout

    (project / "bad.py").write_text("x = (\n")
    cell = '{"cell_type": "code", "source": ["y = ("]}'
    (project / "bad.ipynb").write_text(f'{{"cells": [{cell}], "metadata": {{}}, "nbformat": 4, "nbformat_minor": 5}}')
    git(project, "add", "bad.py", "bad.ipynb")
    failed = try_repo(hook_source, project, cache)
    assert failed.returncode == 1, failed.stdout + failed.stderr
    assert "error[unreadable]" in failed.stdout
    assert "--> bad.py:1:5" in failed.stdout
    assert "--> bad.ipynb:cell 1:1:5" in failed.stdout
    assert "exit code: 2" in failed.stdout
