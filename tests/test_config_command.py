"""``modelint config``: what is in force, and where it comes from."""

from __future__ import annotations

import json

from inline_snapshot import snapshot

from conftest import Project

ROOT = """\
[tool.modelint]
ignore = ["numerics"]
extend-exclude = ["legacy"]
[tool.modelint.severity]
unseeded-dropout = "note"
[tool.modelint.frameworks]
keras = ">=3.6,<3.10"
"""
SERVICE = """\
extend = "../pyproject.toml"
fail-on = "error"
[severity]
unseeded-dropout = "error"
[per-file-ignores]
"a.py" = ["mode"]
"""


def written(project: Project) -> None:
    """A project with a configuration that extends another."""
    project.write("pyproject.toml", ROOT)
    project.write("service/modelint.toml", SERVICE)
    project.write("service/a.py", "x = 1\n")


def settings(project: Project, *arguments: str) -> dict[str, tuple[object, list[str]]]:
    """Values and sources by key."""
    ran = project.run("config", "--output-format", "json", *arguments)
    assert (ran.code, ran.err) == (0, "")
    return {key: (each["value"], each["sources"]) for key, each in json.loads(ran.out)["settings"].items()}


def test_every_value_is_shown_with_where_it_comes_from(project: Project) -> None:
    written(project)
    lines = project.run("config", "service").out.splitlines()
    assert lines[0] == "service: service/modelint.toml, which extends pyproject.toml"
    assert "  pedantic           false                     default" in lines
    assert [line for line in lines if line.endswith(".toml")][1:] == snapshot(
        [
            "  ignore             numerics                  pyproject.toml",
            "  severity           unseeded-dropout = error  pyproject.toml, service/modelint.toml",
            "  exclude            the usual, legacy         default, pyproject.toml",
            "  per-file-ignores   a.py = mode               service/modelint.toml",
            "  fail-on            error                     service/modelint.toml",
            "  frameworks         keras = <3.10,>=3.6       pyproject.toml",
        ]
    )
    assert lines[-2:] == ["not enabled: exact-comparison", "Keras 3.6-3.9 in play (declared)"]


def test_without_a_configuration_all_is_default(project: Project) -> None:
    assert {tuple(sources) for _, sources in settings(project).values()} == {("default",)}
    assert project.run("config").out.startswith(".: no configuration file\n")


def test_what_adds_up_names_all_its_sources_and_what_does_not_the_last(project: Project) -> None:
    written(project)
    found = settings(project, "service")
    assert found["severity"] == ({"unseeded-dropout": "error"}, ["pyproject.toml", "service/modelint.toml"])
    assert found["fail-on"] == ("error", ["service/modelint.toml"])
    assert found["exclude"][1] == ["default", "pyproject.toml"]
    assert found["frameworks"] == ({"keras": "<3.10,>=3.6"}, ["pyproject.toml"])


def test_a_baseline_is_named_from_the_working_directory(project: Project) -> None:
    project.write("service/modelint.toml", 'baseline = "../base.json"\n')
    assert settings(project, "service")["baseline"] == ("base.json", ["service/modelint.toml"])
    assert settings(project)["baseline"] == (None, ["default"])
    assert "  baseline           none       default" in project.run("config").out.splitlines()


def test_the_command_line_has_the_last_word(project: Project) -> None:
    written(project)
    found = settings(project, "service", "--ignore", "batch", "--fail-on", "note", "--exclude", "x")
    assert found["ignore"] == (["numerics", "batch"], ["pyproject.toml", "command line"])
    assert found["fail-on"] == ("note", ["command line"])
    assert found["exclude"][1] == ["default", "pyproject.toml", "command line"]
    assert settings(project, "service", "--select", "mode")["ignore"] == ([], ["command line"])


def test_exclude_takes_the_place_of_the_usual_patterns(project: Project) -> None:
    project.write("pyproject.toml", ROOT)
    project.write("modelint.toml", 'extend = "pyproject.toml"\nexclude = ["only"]\n')
    assert settings(project)["exclude"] == (["only"], ["modelint.toml"])


def test_a_file_is_told_what_is_ignored_in_it_and_a_directory_is_not(project: Project) -> None:
    written(project)

    def enabled(path: str) -> dict[str, str | None]:
        rules = json.loads(project.run("config", "--output-format", "json", path).out)["rules"]
        assert isinstance(rules, dict)
        return rules

    assert enabled("service")["train-mode-at-inference"] == "error"
    assert enabled("service/a.py")["train-mode-at-inference"] is None
    assert enabled("service")["unseeded-dropout"] == "error"
    assert enabled("service")["exact-comparison"] is None


def test_it_says_which_versions_are_in_play(project: Project) -> None:
    written(project)
    for path in ("service", "service/a.py"):
        keras = json.loads(project.run("config", "--output-format", "json", path).out)["keras"]
        assert keras == {"versions": ["Keras 3.6-3.9"], "declared": True}


def test_mistakes_are_said_as_check_says_them(project: Project) -> None:
    project.write("modelint.toml", "slect = 1\n")
    project.write("a.py", "x = 1\n")
    ran = project.run("config")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == project.run("check").err


def test_a_path_that_is_not_there_is_refused(project: Project) -> None:
    ran = project.run("config", "nope")
    assert (ran.code, ran.err) == (2, "modelint: nope: there is no such file or directory\n")
