"""``--fix --confirm``: what was measured before a fix, and after it, by running both texts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import nbformat
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

SEEDED_CLASS = """
import keras
from keras import layers


class Classifier(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)
        self.head = layers.Dense(4)

    def call(self, x, training=None):
        return self.head(self.drop(x, training=training))


if __name__ == "__main__":
    import numpy as np

    model = Classifier()
    model.compile("sgd", "mse")
    model.fit(np.load("x.npy"), np.load("y.npy"))
"""
PROGRAMS["unseeded_class.py"] = SEEDED_CLASS

IN_A_GRAPH = """
import keras
import tensorflow as tf
from keras import layers


class Classifier(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = layers.Dropout(0.5)
        self.head = layers.Dense(3)

    @tf.function
    def call(self, x, training=None):
        if tf.reduce_max(x) > -1e6:
            x = self.drop.call(x)
        return self.head(x)


if __name__ == "__main__":
    import numpy as np

    model = Classifier()
    model.compile("sgd", "mse")
    model.fit(np.load("x.npy"), np.load("y.npy"))
"""
PROGRAMS["graph.py"] = IN_A_GRAPH  # of which AutoGraph reads the text

BUILT = """
import keras
import numpy as np
from keras import layers


class Doubled(layers.Layer):
    def call(self, x):
        return 2.0 * x


def build():
    return keras.Sequential([keras.Input((6,)), layers.Dense(4), Doubled(), layers.Dropout(0.5), layers.Dense(1)])


if __name__ == "__main__":
    model = build()
    model.compile("sgd", "mse")
    model.fit(np.load("x.npy"), np.load("y.npy"))
    accuracy = np.mean(np.argmax(model(np.load("x.npy"), training=True), axis=1) == np.load("y.npy"))
"""
PROGRAMS["built.py"] = BUILT  # in which the seed that is set moves the function

DEFINED, _, DONE = LOST.format(parameters="x, training=None").strip().partition('\n\n\nif __name__ == "__main__":\n')
NOTEBOOKS = {
    "serve.ipynb": ["%matplotlib inline\n" + PREDICTION[: PREDICTION.index("model =")], PREDICTION.split("\n\n")[1]],
    "lost.ipynb": ["!pip install keras\n" + DEFINED, textwrap.dedent(DONE)],  # which trains, where it is run
}
ALLOWED = (
    "wired.py:build",
    "lost.py:Classifier(3)",
    "graph.py:Classifier",
    "half_lost.py:Classifier(3)",
    "unseeded_class.py:Classifier",
    "built.py:build",
    "lost.ipynb:Classifier(units=3)",
)
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
    """A run that fixes and confirms, all programs of which may be imported."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(directory / "cache")}
    options = ("--unsafe-fixes", "--confirm", "--confirm-budget", "300", "--input-shape", "6")
    allowed = [part for name in ALLOWED for part in ("--allow-import", name)]
    command = [sys.executable, "-m", "modelint", "check", *options, *allowed, *arguments]
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)


def write(directory: Path, library: str = "keras") -> None:
    """All programs and notebooks, as a project, for Keras by the name that it is imported by."""
    (directory / ".git").mkdir()

    def written(text: str) -> str:
        if library == "keras":
            return text
        return text.replace("import keras\n", f"import {library} as keras\n").replace("from keras", f"from {library}")

    for name, text in PROGRAMS.items():
        (directory / name).write_text(written(text))
    for name, cells in NOTEBOOKS.items():
        output = [nbformat.v4.new_output("stream", text="as it was")]
        made = [nbformat.v4.new_code_cell(written(cell), outputs=output) for cell in cells]
        nbformat.write(nbformat.v4.new_notebook(cells=made), directory / name)


@pytest.fixture(scope="module")
def fixed(tmp_path_factory: pytest.TempPathFactory) -> Fixed:
    """All programs in one project, fixed and confirmed in one run with one worker."""
    directory = tmp_path_factory.mktemp("project")
    write(directory)
    ran = run(directory, "--fix", "--select", RULES, "--output", "json=found.json", ".")
    found = [one for one in json.loads((directory / "found.json").read_text()) if one["fixed"]]
    assert all(one["fingerprint"] is None for one in found)
    by_path = {one["path"]: one["confirmation"] for one in found if one["rule"] != "unseeded-dropout"}
    by_path |= {one["path"]: one["confirmation"] for one in found if one["path"].startswith("unseeded")}
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


def test_a_function_that_makes_the_model_is_found_where_a_fix_has_moved_it(fixed: Fixed) -> None:
    found = fixed.by_path["built.py"]
    assert verdicts(found) == ("confirmed", "refuted")
    assert (found["source"], after(found)["source"]) == ("build, imported", "build, imported")
    assert "set_random_seed(0)\n" in (fixed.directory / "built.py").read_text().partition("def build")[0]


def test_a_fix_that_does_not_suffice_is_said_to_and_fails_the_run(fixed: Fixed) -> None:
    assert verdicts(fixed.by_path["half_lost.py"]) == ("confirmed", "confirmed")
    assert "half_lost.py:13:26: mode-lost-in-call: the fix did not remove what was measured" in fixed.out
    assert fixed.code == 1


@pytest.mark.parametrize("path", ["unseeded.py", "unseeded_class.py"])
def test_a_seed_that_a_fix_sets_is_measured_by_two_runs(fixed: Fixed, path: str) -> None:
    found = fixed.by_path[path]
    assert verdicts(found) == ("confirmed", "refuted")
    assert float(str(found["absolute"])) > 0
    assert after(found)["absolute"] == 0.0


def test_what_cannot_be_run_is_not_settled_before_nor_after(fixed: Fixed) -> None:
    found = fixed.by_path["not_imported.py"]
    assert verdicts(found) == ("inconclusive", "inconclusive")
    assert str(after(found)["message"]).endswith("imported only with --allow-import not_imported.py:Classifier")
    assert "not_imported.py:13:26: mode-lost-in-call: measuring does not settle what the fix did" in fixed.out


def test_a_fix_in_a_notebook_is_measured_and_changes_one_line_of_its_file(fixed: Fixed) -> None:
    found = fixed.by_path["serve.ipynb"]
    assert verdicts(found) == ("confirmed", "refuted")
    assert after(found)["absolute"] == 0.0
    notebook = nbformat.read(fixed.directory / "serve.ipynb", as_version=4)
    assert "training=False" in notebook.cells[1].source
    assert notebook.cells[1].outputs[0].text == "as it was"
    assert "serve.ipynb:cell 2:2:30: train-mode-at-inference: the fix removed what was measured: " in fixed.out


def test_a_class_of_a_notebook_is_imported_without_what_the_notebook_does(fixed: Fixed) -> None:
    found = fixed.by_path["lost.ipynb"]
    assert verdicts(found) == ("confirmed", "refuted")
    assert (found["source"], after(found)["source"]) == ("Classifier, imported", "Classifier, imported")
    assert "self.drop(x)" in nbformat.read(fixed.directory / "lost.ipynb", as_version=4).cells[0].source


def test_a_diff_is_measured_and_changes_nothing_under_keras_2_too(tmp_path: Path) -> None:
    write(tmp_path, "tf_keras")
    (tmp_path / "modelint.toml").write_text('[frameworks]\nkeras = "<3"\n')
    before = {tmp_path / name: (tmp_path / name).read_bytes() for name in (*PROGRAMS, *NOTEBOOKS)}
    ran = run(tmp_path, "--diff", "--select", RULES, "serve.py", "lost.py", "lost.ipynb", "graph.py")
    assert "+accuracy = " in ran.stdout
    assert '+    "        return self.head(self.drop(x))"' in ran.stdout
    for place in ("serve.py:7:30", "lost.py:13:26", "lost.ipynb:cell 1:13:26", "graph.py:16:17"):
        [line] = [line for line in ran.stderr.splitlines() if line.startswith(f"{place}: ")]
        assert "the fix removed what was measured" in line
    assert ran.stderr.count("refuted: it runs in train mode here [Classifier, imported, tf_keras 2") == 3
    assert {path: path.read_bytes() for path in before} == before
    assert ran.returncode == 1


def test_without_confirm_nothing_is_said_of_fixed_findings(project: Project) -> None:
    project.write("serve.py", PREDICTION)
    ran = project.run("check", "--fix", "--unsafe-fixes", "--output-format", "json", "--select", "mode", ".")
    assert json.loads(ran.out) == []
