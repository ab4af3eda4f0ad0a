"""Completion in shells: what is offered, and that the shells there are take the scripts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import Project

SHELLS = ("bash", "fish", "zsh")


def offered(*words: str, shell: str = "bash") -> list[str]:
    """What is offered for the last word."""
    asked = {"_MODELINT_COMPLETE": f"{shell}_complete", "COMP_WORDS": " ".join(words)}
    # fish hands over the word itself, the others its position
    asked["COMP_CWORD"] = words[-1] if shell == "fish" else str(len(words) - 1)
    done = subprocess.run(
        [sys.executable, "-m", "modelint"], env={**os.environ, **asked}, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return [line for line in done.stdout.splitlines() if line]


def test_commands_options_rules_and_categories_are_offered() -> None:
    assert "plain,check" in offered("modelint", "ch")
    assert "plain,--output-format" in offered("modelint", "check", "--output-f")
    assert offered("modelint", "check", "--output-format", "sa") == ["plain,sarif"]
    assert "plain,mode" in offered("modelint", "check", "--select", "mo")
    assert offered("modelint", "check", "--ignore", "mode,reused-s") == ["plain,mode,reused-seed"]
    assert offered("modelint", "explain", "unread") == ["plain,unreadable"]
    assert offered("modelint", "check", "some") == ["file,some"]


def test_fish_is_offered_a_rule_with_what_it_is_about_and_nothing_after_a_comma() -> None:
    (line,) = offered("modelint", "check", "--select", "reused-s", shell="fish")
    assert line.startswith("plain,reused-seed\t")
    assert offered("modelint", "check", "--select", "mode,reused-s", shell="fish") == []


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_takes_its_script(project: Project, shell: str) -> None:
    ran = project.run("completion", shell)
    assert (ran.code, ran.err) == (0, "")
    assert "_MODELINT_COMPLETE" in ran.out
    if shutil.which(shell):
        script = project.write(f"completion.{shell}", ran.out)
        subprocess.run([shell, "-n", str(script)], check=True)


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes_a_command_line(project: Project, tmp_path: Path) -> None:
    script = project.write("completion.bash", project.run("completion", "bash").out)
    command = project.write("modelint", f'#!/bin/sh\nexec {sys.executable} -m modelint "$@"\n')
    command.chmod(0o755)
    asked = (
        f"source {script}; COMP_WORDS=(modelint check --ignore mode,reused-s); COMP_CWORD=3; "
        f'_modelint_completion {command}; echo "${{COMPREPLY[@]}}"'
    )
    done = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout == "mode,reused-seed\n"


@pytest.mark.skipif(shutil.which("fish") is None, reason="there is no fish")
def test_fish_completes_a_command_line(project: Project) -> None:
    script = project.write("completion.fish", project.run("completion", "fish").out)
    command = project.write("modelint", f'#!/bin/sh\nexec {sys.executable} -m modelint "$@"\n')
    command.chmod(0o755)
    asked = f'set -x PATH {project.path} $PATH; source {script}; complete -C "modelint check --output-format sa"'
    done = subprocess.run(["fish", "--no-config", "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout == "sarif\n"


@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh")
def test_zsh_completes_a_command_line(project: Project) -> None:
    script = project.write("completion.zsh", project.run("completion", "zsh").out)
    command = project.write("modelint", f'#!/bin/sh\nexec {sys.executable} -m modelint "$@"\n')
    command.chmod(0o755)
    asked = (
        f"path=({project.path} $path); compdef() {{ :; }}; source {script}; "
        'compadd() { print -r -- "${(P)@[-1]}"; }; words=(modelint check --output-format sa); CURRENT=4; '
        "_modelint_completion"
    )
    done = subprocess.run(["zsh", "-f", "-c", asked], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("sarif\n", "")


def test_a_shell_that_is_not_known_is_refused(project: Project) -> None:
    ran = project.run("completion", "bsh")
    assert (ran.code, ran.out) == (2, "")
    assert "bash, fish or zsh" in ran.err
