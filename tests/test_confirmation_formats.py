"""Confirmations in every output format, from findings made by hand."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from modelint import Confidence, Finding, Place, Severity, Span
from modelint.finding import Confirmation, Verdict
from modelint.render import FORMATS, render
from modelint.render.results import Results
from modelint.render.summary import summary
from modelint.render.terminal import PLAIN

CONFIRMED = Confirmation(
    Verdict.CONFIRMED,
    "the same input gets a prediction that differs by 0.5 times its size",
    "the saved model",
    relative=0.5,
    framework="keras 3.15.1",
    device="cpu",
)
REFUTED = Confirmation(Verdict.REFUTED, "it runs in inference mode")
INCONCLUSIVE = Confirmation(Verdict.INCONCLUSIVE, "not run: part of it is not known")


def finding(line: int, confirmation: Confirmation) -> Finding:
    place = Place("train.py", Span(line, 1, line, 5))
    return Finding("a-rule", Severity.ERROR, Confidence.HIGH, place, "is wrong; mend it", confirmation=confirmation)


FINDINGS = (finding(1, CONFIRMED), finding(2, REFUTED), finding(3, INCONCLUSIVE))
RESULTS = Results(FINDINGS, lambda place: [])


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_says_what_running_the_model_said(name: str) -> None:
    text = render(name, RESULTS, PLAIN)
    for verdict in Verdict:
        assert verdict.value in text


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "concise"])
def test_every_format_but_the_shortest_gives_the_measurement(name: str) -> None:
    assert "differs by 0.5 times its size" in render(name, RESULTS, PLAIN)


def test_what_was_refuted_is_an_annotation_that_stops_nobody() -> None:
    assert [line.split()[0] for line in render("github", RESULTS, PLAIN).splitlines()] == [
        "::error",
        "::notice",
        "::error",
    ]
    [run] = json.loads(render("sarif", RESULTS, PLAIN))["runs"]
    assert [result["level"] for result in run["results"]] == ["error", "note", "error"]
    assert [result["properties"]["confirmation"]["verdict"] for result in run["results"]] == [v.value for v in Verdict]


def test_what_was_refuted_is_a_skipped_test() -> None:
    root = ElementTree.fromstring(render("junit", RESULTS, PLAIN))
    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == ("3", "2", "1")
    assert [case[0].tag for case in root.iter("testcase")] == ["failure", "skipped", "failure"]


def test_the_summary_counts_what_was_settled() -> None:
    assert "1 confirmed, 1 refuted, 1 inconclusive by running the models\n" in summary(FINDINGS, 1, 0, PLAIN)
