"""The action for GitHub and the template for GitLab: well-formed by their schemas, and their commands run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelint.cli import baseline, check

WRONG = "x = 1  # modelint: ignore[reused-sed] because\n"


def load(path: Path) -> dict[str, Any]:
    """A YAML file."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return document


def keeps_to(schema: str, path: Path) -> None:
    """Hold a file to one of the schemas that check-jsonschema ships."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def shell(script: str, directory: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script as GitHub's runner runs ``shell: bash``."""
    environment = {**os.environ, **variables, "PIP_NO_DEPS": "1"}  # what modelint needs is there
    command = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script]
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def action(repository: Path) -> dict[str, Any]:
    """The action's steps by their names."""
    return {step.get("name"): step for step in load(repository / "action.yml")["runs"]["steps"]}


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """This repository as pip builds it: what the jobs install, in place of a directory or a release."""
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(target), str(repository)]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = target.iterdir()
    return str(built)


@pytest.fixture(scope="module")
def installed(wheel: str, action: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runner's folder for temporary files after the action has installed modelint."""
    temporary = tmp_path_factory.mktemp("runner")
    variables = {"PYTHON": sys.executable, "VERSION": "", "RUNNER_TEMP": str(temporary)}
    done = shell(action["Install modelint"]["run"], temporary, GITHUB_ACTION_PATH=wheel, **variables)
    assert done.returncode == 0, done.stderr
    return temporary


def test_all_files_keep_to_their_schemas(repository: Path, tmp_path: Path) -> None:
    keeps_to("github-actions", repository / "action.yml")
    keeps_to("gitlab-ci", repository / "docs" / "gitlab-ci.yml")
    page = (repository / "docs" / "code-review.md").read_text(encoding="utf-8")
    workflows = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert len(workflows) == 2
    for number, workflow in enumerate(workflows):
        path = tmp_path / f"{number}.yml"
        path.write_text(workflow, encoding="utf-8")
        keeps_to("github-workflows", path)


def test_no_input_becomes_text_of_a_script(action: dict[str, Any]) -> None:
    assert not [name for name, step in action.items() if "${{" in step.get("run", "")]


def test_the_documented_inputs_are_those_there_are(repository: Path) -> None:
    page = (repository / "docs" / "code-review.md").read_text(encoding="utf-8")
    inputs = set(load(repository / "action.yml")["inputs"])
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == inputs
    for workflow in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL):
        steps = yaml.safe_load(workflow)["jobs"]["modelint"]["steps"]
        assert all(set(step.get("with", {})) <= inputs for step in steps if "modelint@" in step.get("uses", ""))


def test_every_option_on_the_page_is_one(repository: Path) -> None:
    page = (repository / "docs" / "code-review.md").read_text(encoding="utf-8")
    known = {name for command in (check.check, baseline.baseline) for each in command.params for name in each.opts}
    lines = [
        line.partition("|")[0] for line in page.splitlines() if "modelint check" in line or "modelint base" in line
    ]
    used = {option for line in lines for option in re.findall(r"(?<= )--?[a-z][a-z-]*", line.partition("#")[0])}
    assert used
    assert used <= known


def run_check(
    action: dict[str, Any], installed: Path, project: Path, paths: str = ".", args: str = ""
) -> tuple[subprocess.CompletedProcess[str], dict[str, str]]:
    """The action's step that checks, and its outputs."""
    outputs = project / "outputs.txt"
    outputs.write_text("")
    variables = {"PYTHON": sys.executable, "PYTHONPATH": f"{installed}/modelint", "PATHS": paths, "ARGS": args}
    done = shell(action["Check"]["run"], project, RUNNER_TEMP=str(installed), GITHUB_OUTPUT=str(outputs), **variables)
    return done, dict(line.split("=", 1) for line in outputs.read_text().splitlines())


def test_the_action_annotates_and_writes_sarif(action: dict[str, Any], installed: Path, tmp_path: Path) -> None:
    (tmp_path / "with blank").mkdir()
    (tmp_path / "with blank" / "a.py").write_text(WRONG)
    (tmp_path / "b.py").write_text(WRONG)
    done, outputs = run_check(action, installed, tmp_path, "with blank\n", "--fail-on note --isolated")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("::warning title=modelint (unknown-ignore),file=with blank/a.py,line=1,")
    assert outputs["exit-code"] == "1"
    log = json.loads(Path(outputs["sarif-file"]).read_text())
    assert [result["ruleId"] for result in log["runs"][0]["results"]] == ["unknown-ignore"]
    assert shell(action["Result"]["run"], tmp_path, CODE=outputs["exit-code"]).returncode == 1
    assert shell(action["Result"]["run"], tmp_path, CODE="0").returncode == 0


def test_nothing_in_an_input_of_the_action_is_run(action: dict[str, Any], installed: Path, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    done, outputs = run_check(
        action, installed, tmp_path, "$(touch owned)\n;touch owned", "--select `touch${IFS}owned`"
    )
    assert outputs["exit-code"] == "2"
    assert not (tmp_path / "owned").exists()
    assert "modelint: --select: unknown rule" in done.stderr


def test_gitlabs_job_writes_both_reports(repository: Path, wheel: str, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(WRONG)
    job = load(repository / "docs" / "gitlab-ci.yml")["modelint"]
    install, check = job["script"]
    target = tmp_path / "site"
    search = os.pathsep.join((str(target / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]))
    variables = {**job["variables"], "MODELINT": wheel, "PIP_TARGET": str(target), "PATH": search}
    done = shell(install, tmp_path, **variables)
    assert done.returncode == 0, done.stderr
    done = shell(check, tmp_path, **{**variables, "PYTHONPATH": str(target), "MODELINT_PATHS": "a.py"})
    assert done.returncode == 1, done.stderr
    reports = job["artifacts"]["reports"]
    (issue,) = json.loads((tmp_path / reports["codequality"]).read_text())
    assert issue["location"]["path"] == "a.py"
    assert (tmp_path / reports["junit"]).read_text().startswith("<?xml")
