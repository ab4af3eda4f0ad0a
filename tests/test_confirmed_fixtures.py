"""The findings of the fixtures settled by running their models: what is underlined is confirmed, nothing is refuted.

All fixtures that hold for a generation of Keras are one project, examined as one run with one worker. Their classes are
imported in further runs, one for each shape of input, from modules whose training does not run when they are imported.
"""

from __future__ import annotations

import ast
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from conftest import Project
from modelint.confirm.definitions import definitions
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

IMPORTED: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "8,8,3": {
        "batch/batch_statistics_at_inference.py": dict.fromkeys(
            ("Attend", "BatchStatistics", "Center", "Classifier", "ConvolutionStatistics", "Scale", "Standardize"),
            "batch-statistics-at-inference",
        ),
        "batch/static_batch_size.py": {"Regroup": "static-batch-size"},
        "mode/hard_wired_training.py": dict.fromkeys(("Block", "Net"), "hard-wired-training"),
        "mode/inference_mode_in_training.py": {"ConvNet": "inference-mode-in-training"},
        "mode/inference_mode_in_training/keras_2.py": {"Net": "inference-mode-in-training"},
        "mode/mode_blind_dropout.py": dict.fromkeys(("Attention(0.1)", "Block", "Net"), "mode-blind-dropout"),
        "mode/mode_lost_in_call.py": dict.fromkeys(
            ("Erases", "GoesAround", "KeywordArguments", "NamedOtherwise", "WithoutMode"), "mode-lost-in-call"
        ),
        "mode/mode_lost_in_call/any_version.py": {"NeverFitted": "mode-lost-in-call"},
        "mode/mode_lost_in_call/keras_2.py": {"NamedOtherwise": "mode-lost-in-call"},
        "mode/train_mode_at_inference.py": {"Decoder": "train-mode-at-inference"},
        "mode/training_default_true.py": dict.fromkeys(
            ("Decoder", "NamedOtherwise", "OneForTrue", "ResidualBlock(3)"), "training-default-true"
        ),
        "randomness/randomness_at_inference/layers.py": dict.fromkeys(
            ("AddNoise", "Augmented", "Jitter"), "randomness-at-inference"
        ),
    },
    "4": {
        "batch/state_written_at_inference.py": dict.fromkeys(("Memory", "RunningMean"), "state-written-at-inference"),
    },
}
"""What is imported for models that take such an input, by the fixture, with the rule that it breaks there."""

ONLY_IN_KERAS_3 = ("keras.ops.", "keras.random.")
"""What a class calls that Keras 2 does not have."""


def written(project: Project, version: KerasVersion, specifier: str) -> None:
    """The fixtures that hold for a version, without their marks, as a project of that version."""
    project.write("modelint.toml", f'[frameworks]\nkeras = "{specifier}"\n')
    for path in FIXTURES.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if path.parts[-2] != "quickstart" and version in settings_of(text).versions:
            project.write(path.relative_to(FIXTURES).as_posix(), without_marks(text))


def written_to_import(project: Project, generation: str, names: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Fixtures that hold for a generation, as modules to import: what may be imported, with the rule that it breaks."""
    version, specifier, _ = GENERATIONS[generation]
    project.write("modelint.toml", f'[frameworks]\nkeras = "{specifier}"\n')
    allowed: dict[str, str] = {}
    for name, breaks in names.items():
        text = (FIXTURES / name).read_text(encoding="utf-8")
        if version not in settings_of(text).versions:
            continue
        text = guarded(without_marks(text))
        if generation == "Keras 2":  # which is what TensorFlow calls keras, and not what is installed by that name
            text = text.replace("import keras\n", "from tensorflow import keras\n")
            text = text.replace("from keras", "from tensorflow.keras")
        project.write(name, text)
        classes = {one.name: ast.unparse(one) for one in ast.parse(text).body if isinstance(one, ast.ClassDef)}
        for call, rule in breaks.items():
            source = classes[call.split("(")[0]]
            if generation == "Keras 3" or not any(each in source for each in ONLY_IN_KERAS_3):
                allowed[f"{name}:{call}"] = rule
    return allowed


def guarded(text: str) -> str:
    """A program that does what it does only where it is the main one."""
    lines, kept = text.split("\n"), definitions(text).split("\n")
    result: list[str] = []
    for one in ast.parse(text).body:
        first = min([one.lineno, *(each.lineno for each in getattr(one, "decorator_list", []))]) - 1
        block = lines[first : one.end_lineno]
        defines = kept[first : one.end_lineno] == block
        result += block if defines else ['if __name__ == "__main__":', *(f"    {line}" for line in block)]
    return "\n".join([*result, ""])


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


@pytest.mark.parametrize("shape", IMPORTED)
@pytest.mark.parametrize("generation", GENERATIONS)
def test_classes_that_may_be_imported_are_confirmed(project: Project, generation: str, shape: str) -> None:
    allowed = written_to_import(project, generation, IMPORTED[shape])
    arguments = [part for name in allowed for part in ("--allow-import", name)]
    found = confirmed(project, *arguments, "--input-shape", shape)
    settled = {
        (f"{one['path']}:{confirmation['source']}", rule): confirmation["verdict"]
        for one in found
        for rule, confirmation in verdicts([one])
    }
    for call, rule in allowed.items():
        assert settled[f"{call.split('(')[0]}, imported", rule] == "confirmed", (call, settled)
    assert "refuted" not in settled.values()
    if shape == "8,8,3":
        assert set(allowed.values()) >= IN_CODE_OF_ITS_OWN


def test_every_rule_is_said_to_be_settled_or_not(repository: Path) -> None:
    page = (repository / "docs/confirmation.md").read_text(encoding="utf-8")
    section = page.partition("## What is settled")[2].partition("\n## ")[0]
    table, _, rest = section.partition("These say nothing")
    rules = {path.stem.replace("_", "-") for path in (repository / "rules").rglob("*.py") if path.stem != "__init__"}
    settled = {
        name for line in re.findall(r"^\| (`.+?) \|", table, re.MULTILINE) for name in re.findall(r"`(.+?)`", line)
    }
    unsettled = {name for name in re.findall(r"`([a-z-]+)`", rest) if name != "mode-lost-in-call"}
    assert settled | unsettled == rules
    assert unsettled == NOTHING_TO_RUN - {"missing-training-false"}
