"""Whole runs with the real rules: configuration, comments and files of a project together."""

from __future__ import annotations

import io
import json
import sys
from typing import ClassVar

import pytest

from conftest import Project
from modelint import Program
from modelint.analysis import Analysis
from modelint.rule import discover
from modelint.selection import Catalogue
from modelint.workspace.run import Request, Run

MODEL = """
import keras

def make():
    return keras.Sequential([keras.layers.Dense(8), keras.layers.BatchNormalization(), keras.layers.Dropout(0.5)])
"""
TRAIN = """
import keras
import tensorflow as tf
from model import make

keras.utils.set_random_seed(1)
model = make()
optimizer = keras.optimizers.Adam()

def step(x, y):
    with tf.GradientTape() as tape:
        loss = keras.losses.mean_squared_error(y, model(x))
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
"""
WRONG_CALL = "train.py:12:51: error: "


def rules(project: Project, *arguments: str) -> list[tuple[str, str]]:
    """File and rule of every finding."""
    found = json.loads(project.run("check", "--output-format", "json", *arguments).out)
    return [(finding["path"], finding["rule"]) for finding in found]


@pytest.fixture
def training(project: Project) -> Project:
    """A project whose training step runs a model of another file in inference mode."""
    project.write("requirements.txt", "keras==3.8.0\n")
    project.write("model.py", MODEL)
    project.write("train.py", TRAIN)
    return project


def test_a_model_of_another_file_is_followed(training: Project) -> None:
    (line,) = training.concise()
    assert line.startswith(WRONG_CALL)
    assert line.endswith("[inference-mode-in-training]")
    assert training.run("check").code == 1


def test_a_comment_with_a_reason_excuses_a_finding(training: Project) -> None:
    training.write(
        "train.py", TRAIN.replace("model(x))", "model(x))  # modelint: ignore[inference-mode-in-training] x")
    )
    ran = training.run("check")
    assert (ran.code, ran.out) == (0, "All clear: 2 files examined\n")


def test_a_reason_that_says_that_it_is_meant_does_not_make_the_comment_unused(training: Project) -> None:
    comment = "# modelint: ignore[inference-mode-in-training] deliberate, for uncertainty"
    training.write("train.py", TRAIN.replace("model(x))", f"model(x))  {comment}"))
    assert rules(training) == []


def test_a_comment_for_another_rule_does_not(training: Project) -> None:
    training.write("train.py", TRAIN.replace("model(x))", "model(x))  # modelint: ignore[reused-seed] x"))
    assert rules(training) == [("train.py", "inference-mode-in-training"), ("train.py", "unused-ignore")]


def test_the_ignores_of_the_file_in_which_a_finding_stands_apply(training: Project) -> None:
    training.write("modelint.toml", '[per-file-ignores]\n"train.py" = ["mode"]\n')
    assert rules(training) == []
    training.write("modelint.toml", '[per-file-ignores]\n"model.py" = ["mode"]\n')
    assert rules(training) == [("train.py", "inference-mode-in-training")]


def in_a_module(project: Project) -> None:
    """A step in a module of its own, that only another file makes a finding of."""
    project.write("steps.py", TRAIN.replace("from model import make\n", "").replace("model = make()", "model = None"))
    project.write(
        "steps.py",
        "import keras\nimport tensorflow as tf\n\noptimizer = keras.optimizers.Adam()\n\n\ndef step(model, x, y):\n"
        "    with tf.GradientTape() as tape:\n        loss = keras.losses.mean_squared_error(y, model(x))\n"
        "    gradients = tape.gradient(loss, model.trainable_variables)\n"
        "    optimizer.apply_gradients(zip(gradients, model.trainable_variables))\n",
    )
    for name in ("main.py", "other.py"):
        project.write(
            name,
            "import keras\nimport numpy as np\nfrom model import make\nfrom steps import step\n\n"
            "keras.utils.set_random_seed(1)\nstep(make(), np.zeros((4, 8)), np.zeros((4, 8)))\n",
        )


def test_a_finding_in_a_module_is_reported_once_whatever_files_reach_it(project: Project) -> None:
    project.write("model.py", MODEL)
    in_a_module(project)
    assert rules(project) == [("steps.py", "inference-mode-in-training")]


def test_a_finding_in_a_module_is_reported_when_only_its_user_is_examined(project: Project) -> None:
    project.write("model.py", MODEL)
    in_a_module(project)
    assert rules(project, "main.py") == [("steps.py", "inference-mode-in-training")]


def test_a_finding_in_an_excluded_module_is_not_reported(project: Project) -> None:
    project.write("model.py", MODEL)
    in_a_module(project)
    assert rules(project, "main.py", "--exclude", "steps.py") == []
    project.write(".gitignore", "steps.py\n")
    assert rules(project) == []


def test_an_unsaved_file_is_examined_with_the_modules_on_disk(
    training: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    (training.path / "train.py").unlink()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TRAIN.encode())))
    assert rules(training, "-", "--stdin-filename", "train.py") == [("train.py", "inference-mode-in-training")]


def test_findings_of_lower_confidence_are_counted_and_shown_on_request(project: Project) -> None:
    project.write(
        "a.py",
        "import keras\nimport numpy as np\n\n\ndef same(path, x, y):\n    model = keras.models.load_model(path)\n"
        "    return np.array_equal(model.predict(x), model.predict(y))\n",
    )
    assert project.run("check").out.splitlines()[-1] == ("1 finding of lower confidence not shown; --pedantic shows it")
    ran = project.run("check", "--pedantic")
    assert "(medium confidence)" in ran.out
    assert ran.code == 1


def test_a_file_that_names_no_framework_and_uses_no_module_that_does_is_only_checked_for_its_syntax(
    training: Project,
) -> None:
    training.write("web/views.py", "import json\n\ndef view(request):\n    return json.dumps({})\n")
    training.write(
        "launch.py", "import importlib\n\nif True:\n    from train import (  # the loop\n        step,\n    )\n"
    )
    training.write("package/__init__.py", "from . import inner\n")
    training.write("package/inner.py", "from .deep.network import build\n")
    training.write("package/deep/network.py", MODEL)
    ran = training.run("check", "--verbose")
    assert "examined: 7 files" in ran.err
    assert "analysed: 6 files" in ran.err  # all but the view


def test_a_module_that_cannot_be_read_does_not_harm_the_file_that_imports_it(training: Project) -> None:
    training.write("model.py", MODEL + "x = (\n")
    found = rules(training)
    assert ("model.py", "unreadable") in found
    assert not [rule for _, rule in found if rule == "internal-error"]


def test_hostile_programs_are_examined_in_bounded_time(project: Project) -> None:
    head = "import keras\n"
    project.write("one.py", head + "from two import *\nimport one\nx = make()\n")
    project.write("two.py", head + "from one import *\nfrom three import x\n\ndef make():\n    return make()\n")
    project.write("three.py", head + "import one, two, three\nfrom . import *\nfrom .. import *\nx = lambda: x()\n")
    project.write("chain.py", head + "x = (keras\n" + ".layers()\n" * 900 + ")\n")
    project.write("sum.py", head + "x = (1\n" + " + 1\n" * 900 + ")\n")
    project.write("nested.py", head + "x = " + "[" * 2_000 + "]" * 2_000 + "\n")
    project.write(
        "huge.py", head + "x = [" + "1, " * 100_000 + "]\ny = x * 10 ** 9\nz = 10 ** 10 ** 10\ns = 'x' * 10 ** 12\n"
    )
    project.write(
        "loops.py", head + "while True:\n    for a in range(10 ** 12):\n        x = [a for b in range(10 ** 12)]\n"
    )
    project.write(
        "classes.py",
        head + "class A(keras.Model):\n    def call(self, x):\n        return self(self.call(x))\n\nA()(A())\n",
    )
    found = rules(project)
    assert not [rule for _, rule in found if rule == "internal-error"]
    assert ("nested.py", "unreadable") in found


def test_the_same_bytes_give_the_same_output_every_time(training: Project) -> None:
    in_a_module(training)
    outputs = {training.run("check", "--output-format", "json", "--pedantic").out for _ in range(3)}
    assert len(outputs) == 1


class Counting(Analysis):
    """An analysis that writes down which roots it was asked for."""

    roots: ClassVar[list[str]] = []

    def program(self, path: str) -> Program:
        """The facts of a root."""
        self.roots.append(path)
        return super().program(path)


BUILDS = "import keras\n\n\ndef make():\n    return keras.Sequential([keras.layers.Dropout(0.5)])\n"
PREDICTS = "import numpy as np\nfrom {} import make\nleaf = np.argmax(make()(np.ones((1, 1)), training={}))\n"


def test_a_run_after_a_change_examines_what_depends_on_it_and_finds_what_a_new_run_finds(project: Project) -> None:
    project.write("model.py", BUILDS)
    project.write("between.py", "from model import make\n")
    project.write("other.py", BUILDS)
    project.write("direct.py", PREDICTS.format("model", True))
    project.write("far.py", PREDICTS.format("between", True))
    project.write("apart.py", PREDICTS.format("other", True))
    project.write("late.py", "import keras\n\n\ndef run():\n    import between\n    return between.make()\n")
    project.write("plain.py", "x = 1\n")
    catalogue = Catalogue(discover())
    run = Run(Request(), catalogue, Counting)
    before = run.report()
    predictions = [finding for finding in before.findings if finding.rule == "train-mode-at-inference"]
    assert [finding.place.path for finding in predictions] == ["apart.py", "direct.py", "far.py"]
    changed = {"model.py": BUILDS.replace("Dropout(0.5)", "Dense(2)").encode()}
    Counting.roots.clear()
    after = run.after(changed).report()
    assert Counting.roots == ["between.py", "direct.py", "far.py", "late.py", "model.py"]
    assert after.findings == Run(Request(overlay=changed), catalogue).report().findings
    assert [f.place.path for f in after.findings if f.rule == "train-mode-at-inference"] == ["apart.py"]
    assert (after.examined, after.analysed) == (before.examined, before.analysed)
