"""The recipes of ``docs/editors.md``, tried as far as there are the editors."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import Project
from test_notebooks import BUG, MODEL, STEP, saved


@pytest.fixture
def command(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command ``modelint`` on the path that runs what is tested."""
    folder = tmp_path_factory.mktemp("bin")
    script = folder / "modelint"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m modelint "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def recipe(repository: Path, language: str, containing: str) -> str:
    """A block of the page."""
    page = (repository / "docs" / "editors.md").read_text()
    blocks = re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)
    (found,) = (block for block in blocks if containing in block)
    return str(found)


def run(*command: str) -> str:
    """The output of a command, which must not take long."""
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL)
    return ran.stdout + ran.stderr


def test_the_problem_matcher_for_visual_studio_code_reads_every_finding(project: Project, repository: Path) -> None:
    project.write("train.py", f"{MODEL}\n\n{STEP}\n")
    project.write("a.ipynb", saved(MODEL, STEP))
    project.write("broken.py", "x = (\n")
    (task,) = json.loads(recipe(repository, "json", "problemMatcher"))["tasks"]
    pattern = task["problemMatcher"]["pattern"]
    assert task["command"].split()[:2] == ["modelint", "check"]
    lines = project.run(*task["command"].split()[1:]).out.splitlines()
    matches = [re.search(pattern["regexp"], line) for line in lines]
    assert all(matches)
    names = ("file", "line", "column", "severity", "code")
    assert [[match[pattern[name]] for name in names] for match in matches if match] == [
        ["a.ipynb", "3", "32", "error", "inference-mode-in-training"],
        ["broken.py", "1", "5", "error", "unreadable"],
        ["train.py", "8", "32", "error", "inference-mode-in-training"],
    ]


@pytest.mark.usefixtures("command")
@pytest.mark.skipif(not shutil.which("vim"), reason="there is no vim here")
def test_vim_fills_its_quickfix_list(project: Project, repository: Path) -> None:
    project.write("train.py", f"{MODEL}\n\n{STEP}\n")
    project.write("vimrc", recipe(repository, "vim", "makeprg"))
    after = ("set ft=python", "silent make", "redir! > out.txt", "silent clist", "redir END", "qa!")
    run("vim", "-Nu", "vimrc", "-es", "train.py", "--cmd", "filetype plugin on", *(a for c in after for a in ("-c", c)))
    listed = (project.path / "out.txt").read_text()
    assert f"1 train.py:8 col 32 error: {BUG}" in listed


@pytest.mark.usefixtures("command")
@pytest.mark.skipif(not shutil.which("nvim"), reason="there is no neovim here")
def test_neovim_shows_diagnostics_of_the_server(project: Project, repository: Path) -> None:
    project.write("train.py", f"{MODEL}\n\n{STEP}\n")
    project.write("init.lua", recipe(repository, "lua", "start_client"))
    project.write(
        "drive.lua",
        "vim.wait(60000, function() return #vim.diagnostic.get(0) > 0 end, 50)\n"
        "for _, d in ipairs(vim.diagnostic.get(0)) do print(d.lnum, d.col, d.severity, d.code) end\n"
        "vim.cmd('qa!')\n",
    )
    shown = run("nvim", "--headless", "-u", "init.lua", "train.py", "-c", "luafile drive.lua")
    assert shown.split() == ["7", "31", "1", "inference-mode-in-training"]
