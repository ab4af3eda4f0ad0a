"""The recipes of ``docs/editors.md``, tried as far as there are the editors."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
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
    tasks = json.loads(recipe(repository, "json", "problemMatcher"))
    assert tasks["version"] == "2.0.0"
    (task,) = tasks["tasks"]
    pattern = task["problemMatcher"]["pattern"]
    assert task["command"].split()[:2] == ["modelint", "check"]
    lines = project.run(*task["command"].split()[1:]).out.splitlines()
    matched = [list(match.groups()) for line in lines if (match := re.search(pattern["regexp"], line))]
    names = ("file", "line", "column", "severity", "code")
    assert [[groups[pattern[name] - 1] for name in names] for groups in matched] == [
        ["a.ipynb", "3", "32", "error", "inference-mode-in-training"],
        ["broken.py", "1", "5", "error", "unreadable"],
        ["train.py", "8", "32", "error", "inference-mode-in-training"],
    ]
    if shutil.which("node"):  # whose expressions are those of the editor
        read = "const [e, l] = process.argv.slice(1).map(JSON.parse); "
        script = f"{read}console.log(JSON.stringify(l.map(x => new RegExp(e).exec(x).slice(1))))"
        assert json.loads(run("node", "-e", script, json.dumps(pattern["regexp"]), json.dumps(lines))) == matched


def test_the_settings_for_visual_studio_code_start_the_server(repository: Path) -> None:
    settings = json.loads(recipe(repository, "json", "glspc"))
    command = [settings["glspc.server.command"], *settings["glspc.server.commandArguments"]]
    assert (command, settings["glspc.server.languageId"]) == (["modelint", "server"], ["python"])


def test_helix_is_told_of_the_server_and_to_use_it_for_python(repository: Path) -> None:
    languages = tomllib.loads(recipe(repository, "toml", "language-server"))
    assert languages.keys() == {"language-server", "language"}
    assert languages["language-server"] == {"modelint": {"command": "modelint", "args": ["server"]}}
    (python,) = languages["language"]
    assert python.keys() == {"name", "language-servers"}
    assert (python["name"], "modelint" in python["language-servers"]) == ("python", True)


def test_what_pycharm_reads_is_what_the_watcher_prints(project: Project, repository: Path) -> None:
    project.write("train.py", f"{MODEL}\n\n{STEP}\n")
    rows = re.findall(r"^\| (.+?) \| `(.+)` \|$", (repository / "docs" / "editors.md").read_text(), re.MULTILINE)
    fields = dict(rows)
    arguments = fields["Arguments"].replace("$FilePathRelativeToProjectRoot$", "train.py").split()
    macros = {"FILE_PATH": ".+?", "LINE": r"\d+", "COLUMN": r"\d+", "MESSAGE": ".*"}
    parts = re.split(r"\$(\w+)\$", fields["Output filters"])
    pattern = "".join(f"(?P<{part}>{macros[part]})" if at % 2 else re.escape(part) for at, part in enumerate(parts))
    (line,) = project.run(*arguments).out.splitlines()
    found = re.fullmatch(pattern, line)
    assert found
    assert found.groupdict() == {"FILE_PATH": "train.py", "LINE": "8", "COLUMN": "32", "MESSAGE": f"error: {BUG}"}


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
