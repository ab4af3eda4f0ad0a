"""Configuration: which file holds, what it says, and every mistake in it at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import Project
from modelint import Severity
from modelint.rule import Rule
from modelint.selection import Catalogue
from modelint.workspace.configuration import Configuration, ConfigurationError
from modelint.workspace.lookup import Lookup, Overrides

RULES = Catalogue(
    (
        Rule("pack.mode.lost_mode", severity=Severity.ERROR, since="0.1"),
        Rule("pack.mode.wrong_mode", severity=Severity.WARNING, since="0.1"),
        Rule("pack.batch.tiny_batch", severity=Severity.NOTE, since="0.1"),
    )
)
OWN = {"questionable-file", "unexamined", "unknown-ignore", "unused-ignore"}


def lookup(overrides: Overrides | None = None, **options: object) -> Lookup:
    """A lookup from the working directory."""
    return Lookup(RULES, overrides or Overrides(), **options)  # type: ignore[arg-type]


def configured(name: str = "a.py") -> Configuration:
    """What holds for a file, which must be without mistakes."""
    found = lookup()
    configuration = found.for_file(name)
    assert not found.mistakes
    return configuration


def mistakes(name: str = "a.py") -> list[str]:
    """What is wrong with the configuration of a file."""
    found = lookup()
    found.for_file(name)
    return [str(mistake) for mistake in found.mistakes]


def enabled(overrides: Overrides | None = None, name: str = "a.py") -> set[str]:
    """The rules that are enabled for a file."""
    found = lookup(overrides)
    policy = found.policy(name)
    assert not found.mistakes
    return set(policy.enabled) - OWN


def test_without_a_file_the_defaults_hold(project: Project) -> None:
    configuration = configured()
    assert configuration.path is None
    assert (configuration.tiny_batch, configuration.fail_on, configuration.pedantic) == (8, Severity.WARNING, False)
    assert enabled() == {"lost-mode", "wrong-mode", "tiny-batch"}


def test_every_key_is_read(project: Project) -> None:
    project.write(
        "pyproject.toml",
        """
        [tool.modelint]
        select = ["mode"]
        ignore = ["lost-mode"]
        exclude = ["a"]
        extend-exclude = ["b"]
        fail-on = "error"
        pedantic = true
        output-format = "json"
        tiny-batch = 16
        tiny-batch-values = 20000
        severity = { wrong-mode = "note" }
        [tool.modelint.per-file-ignores]
        "tests/*" = ["mode"]
        [tool.modelint.frameworks]
        keras = ">=3.6,<3.16"
        """,
    )
    configuration = configured()
    assert configuration.path == "pyproject.toml"
    assert [patterns.lines for patterns in configuration.exclude] == [("a",), ("b",)]
    assert (configuration.fail_on, configuration.pedantic) == (Severity.ERROR, True)
    assert (configuration.output_format, configuration.tiny_batch) == ("json", 16)
    assert configuration.tiny_batch_values == 20_000
    assert str(configuration.frameworks.keras) == "<3.16,>=3.6"
    assert lookup().policy("a.py").severities["wrong-mode"] is Severity.NOTE
    assert enabled() == {"wrong-mode"}
    assert enabled(name="tests/a.py") == set()


def test_the_nearest_file_about_modelint_holds_and_is_not_merged_with_others(project: Project) -> None:
    project.write("pyproject.toml", '[tool.modelint]\ntiny-batch = 2\nselect = ["mode"]\n')
    project.write("sub/pyproject.toml", "[tool.other]\n")
    project.write("sub/deep/modelint.toml", "tiny-batch = 4\n")
    project.write("sub/deep/pyproject.toml", "[tool.modelint]\ntiny-batch = 6\n")
    assert configured("sub/a.py").tiny_batch == 2
    assert configured("sub/deep/a.py").tiny_batch == 4
    assert configured("sub/deep/a.py").select == ("all",)


def test_a_file_that_is_not_about_modelint_is_not_judged(project: Project) -> None:
    project.write("pyproject.toml", b"this is [not TOML \xff")
    assert mistakes() == []


def test_extend_takes_another_file_as_the_base(project: Project) -> None:
    project.write(
        "base/modelint.toml",
        'tiny-batch = 4\nselect = ["mode"]\nextend-exclude = ["old"]\n[severity]\nlost-mode = "note"\n'
        '[per-file-ignores]\n"*_test.py" = ["mode"]\n',
    )
    project.write("modelint.toml", 'extend = "base/modelint.toml"\ntiny-batch = 6\n[severity]\nwrong-mode = "error"\n')
    configuration = configured()
    assert (configuration.tiny_batch, configuration.select) == (6, ("mode",))
    severities = lookup().policy("a.py").severities
    assert (severities["lost-mode"], severities["wrong-mode"]) == (Severity.NOTE, Severity.ERROR)
    assert enabled(name="base/a_test.py") == set()
    assert enabled(name="a_test.py") == {"lost-mode", "wrong-mode"}  # patterns are relative to where they stand


def test_all_mistakes_are_reported_at_once_with_their_keys_and_the_nearest_names(project: Project) -> None:
    project.write(
        "pyproject.toml",
        """
        [tool.modelint]
        selct = ["mode"]
        select = ["mod", "unreadable"]
        ignore = "mode"
        fail-on = "warn"
        pedantic = "yes"
        output-format = "fulll"
        tiny-batch = 0
        exclude = ["a", "!"]
        frameworks = { kears = ">=3", keras = "three" }
        [tool.modelint.severity]
        lost-mdoe = "error"
        wrong-mode = "off"
        [tool.modelint.per-file-ignores]
        "tests/*" = ["tiny-bacth"]
        "x" = 3
        """,
    )
    prefix = "pyproject.toml: tool.modelint."
    assert sorted(mistakes()) == sorted(
        prefix + text
        for text in (
            "selct: there is no such key; did you mean 'select'?",
            "select: unknown rule 'mod'; did you mean 'mode'?",
            "select: 'unreadable' cannot be selected or ignored; use exclude for files that cannot be examined",
            "ignore: must be a list of strings, not 'mode'",
            "fail-on: must be note, warning or error, not 'warn'; did you mean 'warning'?",
            "pedantic: must be true or false, not 'yes'",
            (
                "output-format: must be full, concise, json, json-lines, github, gitlab, azure, sarif, rdjson, "
                "junit or markdown, not 'fulll'; did you mean 'full'?"
            ),
            "tiny-batch: must be a whole number above 0, not 0",
            "exclude: '!' is not a pattern: Invalid git pattern: '!'",
            "frameworks.kears: there is no such key; did you mean 'keras'?",
            "frameworks.keras: must be version specifiers such as \">=3.6,<3.16\", not 'three'",
            "severity: unknown rule 'lost-mdoe'; did you mean 'lost-mode'?",
            "severity.wrong-mode: must be note, warning or error, not 'off'",
            "per-file-ignores.\"tests/*\": unknown rule 'tiny-bacth'; did you mean 'tiny-batch'?",
            "per-file-ignores.x: must be a list of strings, not 3",
        )
    )


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"[tool.modelint\n", "is not valid TOML: expected"),
        (b"[tool.modelint]\nx = '\xff'\n", "is not UTF-8"),
        (b"tool.modelint = 3\n", "tool.modelint: must be a table"),
        (b"[tool.modelint]\nextend = 'pyproject.toml'\n", "extends this file in turn"),
        (
            b"[tool.modelint]\nextend = 'nowhere.toml'\n",
            "pyproject.toml: tool.modelint.extend: there is no file 'nowhere.toml'",
        ),
        (b"[tool.modelint]\nextend = 'empty.toml'\n", "has no table [tool.modelint]"),
        (b"[tool.modelint]\nextend = 'one/modelint.toml'\n", "extends this file in turn"),
        (b"[tool.modelint]\nextend = 3\n", "extend: must be a string, not 3"),
        (b"[tool.modelint]\n" + b"x = " + b"[" * 20_000 + b"]" * 20_000, "is not valid TOML"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_mistake(project: Project, content: bytes, part: str) -> None:
    project.write("pyproject.toml", content)
    project.write("empty.toml")
    project.write("one/modelint.toml", 'extend = "../pyproject.toml"\n')
    (mistake,) = mistakes()
    assert part in mistake


def test_a_mistake_in_any_configuration_of_a_scan_stops_the_run_with_all_of_them(project: Project) -> None:
    project.write("a/modelint.toml", "tiny-bath = 3\n")
    project.write("b/modelint.toml", "pedant = true\n")
    project.write("a/x.py")
    project.write("b/y.py")
    ran = project.run("check")
    assert ran.code == 2
    assert ran.out == ""
    assert ran.err.splitlines() == [
        "modelint: the configuration cannot be used",
        "  a/modelint.toml: tiny-bath: there is no such key; did you mean 'tiny-batch'?",
        "  b/modelint.toml: pedant: there is no such key; did you mean 'pedantic'?",
    ]


def test_the_more_specific_selector_decides_and_ignore_at_a_tie(project: Project) -> None:
    project.write("modelint.toml", 'select = ["all", "lost-mode"]\nignore = ["mode"]\n')
    assert enabled() == {"lost-mode", "tiny-batch"}
    project.write("modelint.toml", 'select = ["mode"]\nignore = ["mode"]\n')
    assert enabled() == set()


def test_the_command_line_wins_over_the_configuration(project: Project) -> None:
    project.write("modelint.toml", 'select = ["lost-mode"]\nignore = ["batch"]\npedantic = true\nfail-on = "error"\n')
    assert enabled(Overrides(select=("batch",))) == {"tiny-batch"}
    assert enabled(Overrides(ignore=("mode",))) == set()
    overridden = lookup(Overrides(fail_on=Severity.NOTE, pedantic=True)).for_file("a.py")
    assert overridden.fail_on is Severity.NOTE


def test_isolated_uses_no_file_and_config_uses_only_one(project: Project) -> None:
    project.write("modelint.toml", "tiny-batch = 2\n")
    project.write("other.toml", "[tool.modelint]\ntiny-batch = 4\n")
    project.write("sub/modelint.toml", "tiny-batch = 6\n")
    assert lookup(isolated=True).for_file("a.py").tiny_batch == 8
    assert lookup(only="other.toml").for_file("sub/a.py").tiny_batch == 4


def test_a_configuration_that_is_named_must_be_one(project: Project) -> None:
    project.write("other.toml", "[tool.black]\n")
    found = lookup(only="other.toml")
    found.for_file("a.py")
    found.for_file("b/a.py")
    assert [str(mistake) for mistake in found.mistakes] == ["other.toml: has no table [tool.modelint]"]


def test_the_example_in_the_readme_is_without_mistakes(project: Project, repository: Path) -> None:
    readme = (repository / "README.md").read_text(encoding="utf-8")
    blocks = [block.partition("```")[0] for block in readme.split("```toml\n")[1:]]
    assert blocks
    for block in blocks:
        project.write("pyproject.toml", block)
        ran = project.run("check", "--config", "pyproject.toml", str(project.write("a.py")))
        assert ran.err == ""


def test_a_configuration_error_says_all_its_mistakes() -> None:
    assert str(ConfigurationError([])) == ""
