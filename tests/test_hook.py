"""The hooks for pre-commit, run by pre-commit itself on a scratch repository."""

from __future__ import annotations

import os
import re
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


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pre-commit keeps the environment that all tests here use; installing it is what takes long."""
    return tmp_path_factory.mktemp("cache")


def pre_commit(project: Path, cache: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pre-commit in a project."""
    command = [sys.executable, "-m", "pre_commit", *arguments]
    environment = {**os.environ, "PRE_COMMIT_HOME": str(cache), "NO_COLOR": "1"}
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


HOOK = re.compile(r"^modelint.*\.\.\.\w*.*\n- hook id: (?P<id>.+)\n(?:(?!modelint.*\.\.\.).*\n?)*", re.MULTILINE)
"""What pre-commit prints of one hook."""


class Adopter:
    """A project that uses the hooks; ``staged`` runs them as a commit does, on what is staged."""

    def __init__(self, directory: Path, hook_source: Path, cache: Path) -> None:
        self.path = directory
        self.cache = cache
        revision = git(hook_source, "rev-parse", "HEAD").strip()
        self.write(
            ".pre-commit-config.yaml",
            f"""
repos:
  - repo: {hook_source}
    rev: {revision}
    hooks:
      - id: modelint
      - id: modelint-models
""",
        )
        committed(directory)

    def write(self, name: str, content: str | bytes) -> None:
        """Write a file, with the directories above it."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(self) -> None:
        """Commit all there is, unchecked."""
        git(self.path, "add", "-A")
        git(self.path, "commit", "-q", "-m", "all")

    def staged(self, *options: str) -> tuple[int, dict[str, str]]:
        """The exit code, and what each hook says of what is staged, by its id."""
        ran = pre_commit(self.path, self.cache, "run", "--verbose", *options)
        said = {match["id"]: match[0] for match in HOOK.finditer(ran.stdout)}
        assert said.keys() == {"modelint", "modelint-models"}, ran.stdout + ran.stderr
        return ran.returncode, said


@pytest.fixture
def adopter(tmp_path: Path, hook_source: Path, cache: Path) -> Adopter:
    return Adopter(tmp_path, hook_source, cache)


HARMLESS = "x = 1\n"
SEVERED = "x = (\n"
HARD_WIRED = "keras_2_hard_wired.h5"


def test_the_hook_examines_what_is_committed_and_heeds_the_configuration(adopter: Adopter) -> None:
    adopter.write("good.py", HARMLESS)
    adopter.write("notes.txt", "not (Python\n")
    adopter.write("excluded.py", SEVERED)
    adopter.write("modelint.toml", 'extend-exclude = ["excluded.py"]\n')
    adopter.commit()
    code, said = adopter.staged("--all-files")
    assert code == 0, said
    assert "All clear: 1 file examined" in said["modelint"]

    adopter.write("bad.py", SEVERED)
    cell = '{"cell_type": "code", "source": ["y = ("]}'
    adopter.write("bad.ipynb", f'{{"cells": [{cell}], "metadata": {{}}, "nbformat": 4, "nbformat_minor": 5}}')
    adopter.commit()
    code, said = adopter.staged("--all-files")
    assert code == 1, said
    assert "error[unreadable]" in said["modelint"]
    assert "--> bad.py:1:5" in said["modelint"]
    assert "--> bad.ipynb:cell 1:1:5" in said["modelint"]
    assert "exit code: 2" in said["modelint"]


def test_a_commit_is_examined_as_it_is_staged(adopter: Adopter) -> None:
    adopter.write("half.py", HARMLESS)
    git(adopter.path, "add", "half.py")
    adopter.write("half.py", SEVERED)
    adopter.write("unstaged.py", SEVERED)
    code, said = adopter.staged()
    assert code == 0, said
    assert "All clear: 1 file examined" in said["modelint"]
    assert (adopter.path / "half.py").read_text() == SEVERED

    git(adopter.path, "add", "half.py")
    adopter.write("half.py", HARMLESS)
    code, said = adopter.staged()
    assert code == 1
    assert "half.py:1:5" in said["modelint"]
    assert (adopter.path / "half.py").read_text() == HARMLESS


def test_a_renamed_file_is_examined_under_its_new_name_and_a_deleted_one_not(adopter: Adopter) -> None:
    adopter.write("before.py", SEVERED)
    adopter.write("deleted.py", SEVERED)
    adopter.commit()
    git(adopter.path, "rm", "-q", "deleted.py")
    code, said = adopter.staged()
    assert code == 0, said
    assert "no files to check" in said["modelint"]

    git(adopter.path, "mv", "before.py", "after.py")
    code, said = adopter.staged()
    assert code == 1
    assert "after.py:1:5" in said["modelint"]
    assert "before.py" not in said["modelint"]
    assert "deleted.py" not in said["modelint"]


def test_model_files_are_examined_by_a_hook_of_their_own(adopter: Adopter, repository: Path) -> None:
    model = (repository / "fixtures" / "models" / HARD_WIRED).read_bytes()
    adopter.write("models/net.h5", model)
    adopter.write("excluded/net.h5", model)
    adopter.write("modelint.toml", 'extend-exclude = ["excluded/"]\n')
    git(adopter.path, "add", "-A")
    code, said = adopter.staged()
    assert code == 1
    assert "no files to check" in said["modelint"]
    assert "models/net.h5" in said["modelint-models"]
    assert "excluded/net.h5:" not in said["modelint-models"]
    assert "exit code: 1" in said["modelint-models"]


def test_a_broken_model_file_fails_the_commit(adopter: Adopter, repository: Path) -> None:
    model = (repository / "fixtures" / "models" / HARD_WIRED).read_bytes()
    adopter.write("net.h5", model[:1000])
    git(adopter.path, "add", "-A")
    code, said = adopter.staged()
    assert code == 1
    assert "unreadable" in said["modelint-models"]
    assert "exit code: 2" in said["modelint-models"]


def test_a_saved_model_is_examined_when_one_of_its_files_is_staged(adopter: Adopter) -> None:
    keras = pytest.importorskip("keras")
    layers = [keras.Input((8,)), keras.layers.Dense(4), keras.layers.BatchNormalization(), keras.layers.Dense(2)]
    keras.Sequential(layers).export(str(adopter.path / "served"), verbose=False)
    git(adopter.path, "add", "-A")
    code, said = adopter.staged()
    assert code == 0, said
    assert "All clear: 1 file examined" in said["modelint-models"]
