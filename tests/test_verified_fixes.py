"""``--fix --confirm``: what was measured before a fix, and after it, by running both texts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import Project

PREDICTION = """
import keras
import numpy as np
from keras import layers

model = keras.Sequential([keras.Input((6,)), layers.Dense(4), layers.BatchNormalization(), layers.Dense(2)])
accuracy = np.mean(np.argmax(model(np.load("x.npy"), training=True), axis=1) == np.load("y.npy"))
"""

HARD_WIRED = """
import keras
import numpy as np
from keras import layers


class Wired(layers.Layer):
    def __init__(self):
        super().__init__()
        self.noise = layers.GaussianNoise(0.5)

    def call(self, x):
        return self.noise(x, training=True)


def build():
    return keras.Sequential([keras.Input((6,)), layers.Dense(4), layers.Dropout(0.5), Wired()])


if __name__ == "__main__":
    model = build()
    accuracy = np.mean(np.argmax(model(np.load("x.npy"), training=True), axis=1) == np.load("y.npy"))
"""

LOST = """
import keras
from keras import layers


class Classifier(keras.Model):
    def __init__(self, units=4):
        super().__init__()
        self.drop = layers.Dropout(0.5)
        self.head = layers.Dense(units)

    def call(self, {parameters}):
        return self.head(self.drop.call(x))


if __name__ == "__main__":
    import numpy as np

    model = Classifier()
    model.compile("sgd", "mse")
    model.fit(np.load("x.npy"), np.load("y.npy"))
"""

UNSEEDED = """
import keras
import numpy as np
from keras import layers

model = keras.Sequential([keras.Input((6,)), layers.Dense(4), layers.Dropout(0.5), layers.Dense(1)])
model.compile("sgd", "mse")
model.fit(np.load("x.npy"), np.load("y.npy"))
"""


PROGRAMS = {
    "serve.py": PREDICTION,
    "wired.py": HARD_WIRED,
    "lost.py": LOST.format(parameters="x, training=None"),
    "half_lost.py": LOST.format(parameters="x"),  # to which Keras 3 does not pass the mode of fit
    "not_imported.py": LOST.format(parameters="x, training=None"),
    "unseeded.py": UNSEEDED,
}
ALLOWED = ("wired.py:build", "lost.py:Classifier(3)", "half_lost.py:Classifier(3)")
RULES = "train-mode-at-inference,mode-lost-in-call,unseeded-dropout"


@dataclass(frozen=True)
class Fixed:
    """What a run that fixed and confirmed said and left."""

    directory: Path
    code: int
    out: str
    err: str
    by_path: dict[str, dict[str, object]]


def run(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "XDG_CACHE_HOME": str(directory / "cache")}
    options = ("--unsafe-fixes", "--confirm", "--confirm-budget", "300", "--input-shape", "6")
    allowed = [part for name in ALLOWED for part in ("--allow-import", name)]
    command = [sys.executable, "-m", "modelint", "check", *options, *allowed, *arguments]
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def fixed(tmp_path_factory: pytest.TempPathFactory) -> Fixed:
    """All programs in one project, fixed and confirmed in one run with one worker."""
    directory = tmp_path_factory.mktemp("project")
    (directory / ".git").mkdir()
    for name, text in PROGRAMS.items():
        (directory / name).write_text(text)
    ran = run(directory, "--fix", "--select", RULES, "--output", "json=found.json", ".")
    found = [one for one in json.loads((directory / "found.json").read_text()) if one["fixed"]]
    assert all(one["fingerprint"] is None for one in found)
    by_path = {one["path"]: one["confirmation"] for one in found if one["rule"] != "unseeded-dropout"}
    by_path |= {one["path"]: one["confirmation"] for one in found if one["path"] == "unseeded.py"}
    return Fixed(directory, ran.returncode, ran.stdout, ran.stderr, by_path)


def after(confirmation: dict[str, object]) -> dict[str, object]:
    found = confirmation["after"]
    assert isinstance(found, dict)
    return found


def verdicts(confirmation: dict[str, object]) -> tuple[object, object]:
    return confirmation["verdict"], after(confirmation)["verdict"]


def test_a_fixed_prediction_is_measured_before_and_after(fixed: Fixed) -> None:
    found = fixed.by_path["serve.py"]
    assert verdicts(found) == ("confirmed", "refuted")
    assert (found["mode"], after(found)["mode"]) == ("true", "false")
    assert float(str(found["relative"])) > 0.1
    assert after(found)["absolute"] == after(found)["relative"] == 0.0
    assert "training=False" in (fixed.directory / "serve.py").read_text()


def test_the_terminal_shows_both_numbers(fixed: Fixed) -> None:
    assert "serve.py:7:30: train-mode-at-inference: the fix removed what was measured: " in fixed.out
    assert " times the size of the output before, 0 times the size of the output after" in fixed.out
    assert "= before: confirmed: in this mode a row's prediction changes by" in fixed.out
    assert "= after: refuted: it runs in inference mode" in fixed.out


def test_a_difference_that_other_layers_make_too_is_not_settled(fixed: Fixed) -> None:
    found = fixed.by_path["wired.py"]
    assert "training=False" in (fixed.directory / "wired.py").read_text()
    assert verdicts(found) == ("inconclusive", "inconclusive")
    assert float(str(after(found)["relative"])) > 0.1


def test_code_of_the_program_is_run_as_it_was_and_as_the_fix_leaves_it(fixed: Fixed) -> None:
    found = fixed.by_path["lost.py"]
    assert verdicts(found) == ("confirmed", "refuted")
    assert after(found)["source"] == "Classifier, imported"
    assert found["absolute"] == 0.0
    assert float(str(after(found)["absolute"])) > 0.0
    assert "self.drop.call" not in (fixed.directory / "lost.py").read_text()


def test_a_fix_that_does_not_suffice_is_said_to_and_fails_the_run(fixed: Fixed) -> None:
    assert verdicts(fixed.by_path["half_lost.py"]) == ("confirmed", "confirmed")
    assert "half_lost.py:13:26: mode-lost-in-call: the fix did not remove what was measured" in fixed.out
    assert fixed.code == 1


def test_a_seed_that_a_fix_sets_is_measured_by_two_runs(fixed: Fixed) -> None:
    found = fixed.by_path["unseeded.py"]
    assert verdicts(found) == ("confirmed", "refuted")
    assert float(str(found["absolute"])) > 0
    assert after(found)["absolute"] == 0.0


def test_what_cannot_be_run_is_not_settled_before_nor_after(fixed: Fixed) -> None:
    found = fixed.by_path["not_imported.py"]
    assert verdicts(found) == ("inconclusive", "inconclusive")
    assert str(after(found)["message"]).endswith("imported only with --allow-import not_imported.py:Classifier")
    assert "not_imported.py:13:26: mode-lost-in-call: measuring does not settle what the fix did" in fixed.out


def test_a_diff_is_measured_and_changes_nothing_under_keras_2_too(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "modelint.toml").write_text('[frameworks]\nkeras = "<3"\n')
    texts = {name: PROGRAMS[name].replace("import keras\n", "import tf_keras as keras\n").replace(
        "from keras", "from tf_keras") for name in ("serve.py", "lost.py", "wired.py", "half_lost.py")}  # fmt: skip
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    ran = run(tmp_path, "--diff", "--select", RULES, "serve.py", "lost.py")
    assert "+accuracy = " in ran.stdout
    assert ran.stderr.count("the fix removed what was measured") == 2
    assert "refuted: it runs in train mode here [Classifier, imported, tf_keras 2" in ran.stderr
    assert {name: (tmp_path / name).read_text() for name in texts} == texts
    assert ran.returncode == 1


def test_without_confirm_nothing_is_said_of_fixed_findings(project: Project) -> None:
    project.write("serve.py", PREDICTION)
    ran = project.run("check", "--fix", "--unsafe-fixes", "--output-format", "json", "--select", "mode", ".")
    assert json.loads(ran.out) == []
