"""The findings of the fixtures settled by running their models: what is underlined is confirmed, nothing is refuted.

All fixtures that hold for a generation of Keras are one project, examined as one run with one worker. The classes of
some are imported, with the shape of their input, for a second run.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from conftest import Project
from modelint.facts import KerasVersion
from modelint.testing.fixtures import settings_of, without_marks

FIXTURES = Path(__file__).parent.parent / "fixtures"
GENERATIONS = {
    "Keras 3": (KerasVersion.KERAS_3_10, ">=3.10,<3.16", "keras 3"),
    "Keras 2": (KerasVersion.KERAS_2, "<3", "tf_keras 2"),
}

NOTHING_TO_RUN = frozenset(
    {
        "batchnorm-eps-as-momentum",  # of what was written, not of what it computes
        "bypassed-call",
        "evaluation-drops-samples",  # of data
        "mean-of-batch-means",
        "missing-training-false",  # of what it computes in other versions
        "unseeded-shuffle",
    }
)
"""Rules whose findings claim nothing that running the model alone settles."""

IN_CODE_OF_ITS_OWN = frozenset(
    {"mode-blind-dropout", "mode-lost-in-call", "randomness-at-inference", "training-default-true"}
)
"""Rules that speak of forward passes of the program, which are imported or not run."""


def written(project: Project, version: KerasVersion, specifier: str, only: Mapping[str, object] | None = None) -> None:
    """The fixtures that hold for a version, without their marks, as a project of that version."""
    project.write("modelint.toml", f'[frameworks]\nkeras = "{specifier}"\n')
    for path in FIXTURES.rglob("*.py"):
        name = path.relative_to(FIXTURES).as_posix()
        text = path.read_text(encoding="utf-8")
        if path.parts[-2] == "quickstart" or (only is not None and name not in only):
            continue
        if version in settings_of(text).versions:
            project.write(name, without_marks(text))


def confirmed(project: Project, *arguments: str) -> list[dict[str, object]]:
    ran = project.run(
        *("check", "--confirm", "--confirm-budget", "500", "--no-cache", "--quiet", "--output-format", "json"),
        *arguments,
        ".",
    )
    found: list[dict[str, object]] = json.loads(ran.out)
    return found


def verdicts(found: list[dict[str, object]]) -> Iterator[tuple[str, dict[str, object]]]:
    for one in found:
        if isinstance(one["confirmation"], dict):
            yield str(one["rule"]), one["confirmation"]


@pytest.mark.parametrize("generation", GENERATIONS)
def test_what_is_underlined_in_the_fixtures_is_confirmed_and_nothing_refuted(project: Project, generation: str) -> None:
    version, specifier, framework = GENERATIONS[generation]
    written(project, version, specifier)
    found = confirmed(project)
    by_rule: dict[str, dict[object, int]] = defaultdict(lambda: defaultdict(int))
    for rule, confirmation in verdicts(found):
        by_rule[rule][confirmation["verdict"]] += 1
        assert confirmation["verdict"] != "refuted", (rule, confirmation)
        if confirmation["verdict"] == "confirmed":
            assert str(confirmation["framework"]).startswith(framework)
        else:
            assert confirmation["message"]
    rules = {str(one["rule"]) for one in found}
    assert not by_rule.keys() & NOTHING_TO_RUN
    assert {rule for rule, counts in by_rule.items() if counts["confirmed"]} == (
        rules - NOTHING_TO_RUN - IN_CODE_OF_ITS_OWN
    )


@pytest.mark.parametrize(
    ("path", "names", "shape", "rule"),
    [
        (
            "batch/batch_statistics_at_inference.py",
            ("Scale", "Center", "BatchStatistics", "Standardize", "Attend", "Classifier"),
            "4",
            "batch-statistics-at-inference",
        ),
        ("batch/state_written_at_inference.py", ("RunningMean", "Memory"), "4", "state-written-at-inference"),
        ("randomness/randomness_at_inference/layers.py", ("AddNoise", "Jitter"), "4", "randomness-at-inference"),
    ],
    ids=["batch statistics", "state", "randomness"],
)
def test_classes_that_may_be_imported_are_confirmed(
    project: Project, path: str, names: tuple[str, ...], shape: str, rule: str
) -> None:
    written(project, *GENERATIONS["Keras 3"][:2], {path: names})
    allowed = [part for name in names for part in ("--allow-import", f"{path}:{name}")]
    found = confirmed(project, "--select", rule, *allowed, "--input-shape", shape)
    settled = [one for _, one in verdicts(found) if one["source"] in {f"{name}, imported" for name in names}]
    assert [one["verdict"] for one in settled] == ["confirmed"] * len(names)
