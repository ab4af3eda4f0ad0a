"""Confirmation: findings settled by running the model, in a process of its own."""

from __future__ import annotations

import importlib.metadata
import json
import re
import stat
import subprocess
import sys
import textwrap
import venv
from pathlib import Path

import nbformat
import pytest
import torch
from packaging.requirements import Requirement

from conftest import Project, Ran
from modelint.confirm.subjects import Target
from modelint.confirm.worker import Worker, WorkerError
from modelint.workspace.answers import AnswerCache

CLASSIFIER = """
import keras
import numpy as np
from keras import layers

model = keras.Sequential(
    [
        keras.Input((6,)),
        layers.Dense(4),
        layers.BatchNormalization(),
        layers.Dropout({rate}),
        layers.Dense(2),
    ]
)
images = np.load("images.npy")
labels = np.load("labels.npy")
accuracy = np.mean(np.argmax(model(images, training=True), axis=1) == labels)
"""

DROPOUT = """
import keras
import numpy as np
from keras import layers

model = keras.Sequential([keras.Input((6,)), layers.Dense(4), layers.Dropout({rate}), layers.Dense(2)])
images = np.load("images.npy")
labels = np.load("labels.npy")
accuracy = np.mean(np.argmax(model(images, training=True), axis=1) == labels)
"""

SUBCLASS = """
import keras
import numpy as np
from keras import layers


class Classifier(keras.Model):
    def __init__(self, units=4):
        super().__init__()
        {before}
        self.norm = layers.BatchNormalization()
        self.head = layers.Dense(units)

    def call(self, x, training=None):
        return self.head(self.norm(x, training=training))


if __name__ == "__main__":
    model = Classifier()
    images = np.load("images.npy")
    labels = np.load("labels.npy")
    accuracy = np.mean(np.argmax(model(images, training=True), axis=1) == labels)
"""


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    directory = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(directory))
    return directory


def confirmations(ran: Ran, rule: str) -> list[dict[str, object]]:
    """The confirmations of a rule's findings, from a run that prints JSON."""
    return [one["confirmation"] for one in json.loads(ran.out) if one["rule"] == rule]


def confirm(project: Project, *arguments: str) -> Ran:
    return project.run(
        "check", "--confirm", "--output-format", "json", "--select", "train-mode-at-inference", *arguments
    )


@pytest.mark.parametrize(("keras", "framework"), [(">=3.6,<3.16", "keras 3"), ("<3", "tf_keras 2")])
def test_a_prediction_in_train_mode_is_confirmed_with_what_was_measured(
    project: Project, keras: str, framework: str
) -> None:
    project.write("modelint.toml", f'[frameworks]\nkeras = "{keras}"\n')
    project.write("train.py", CLASSIFIER.format(rate=0.0))
    ran = confirm(project, "train.py")
    [found] = confirmations(ran, "train-mode-at-inference")
    assert ran.code == 1
    assert found["verdict"] == "confirmed"
    assert str(found["framework"]).startswith(framework)
    assert str(found["layer"]).startswith("batch_normalization")
    assert found["source"] == "rebuilt from its 4 layers, with new weights"
    assert isinstance(found["relative"], float)
    assert found["relative"] > 0.1
    assert (found["rows"], found["mode"], found["dtype"], found["device"]) == (8, "true", "float32", "cpu")


def test_what_is_refuted_is_shown_and_does_not_fail_the_run(project: Project) -> None:
    project.write("train.py", DROPOUT.format(rate=1e-12))  # alive, as far as anybody can read, and without effect
    ran = confirm(project, "train.py")
    assert [one["verdict"] for one in confirmations(ran, "train-mode-at-inference")] == ["refuted"]
    assert ran.code == 0
    text = project.run("check", "--confirm", "--select", "train-mode-at-inference", "train.py")
    assert "= refuted: it runs in inference mode" in text.out


def test_what_cannot_be_rebuilt_is_inconclusive_and_fails_as_before(project: Project) -> None:
    project.write("train.py", SUBCLASS.format(before="pass"))
    ran = confirm(project, "train.py")
    [found] = confirmations(ran, "train-mode-at-inference")
    assert found["verdict"] == "inconclusive"
    assert found["message"] == (
        "not run: Classifier is code of the program, which is imported only with --allow-import train.py:Classifier"
    )
    assert ran.code == 1


def test_what_may_be_imported_is_run_on_inputs_of_the_given_shape(project: Project) -> None:
    project.write("train.py", SUBCLASS.format(before="pass"))
    ran = confirm(project, "--allow-import", "train.py:Classifier(units=3)", "--input-shape", "6", "train.py")
    [found] = confirmations(ran, "train-mode-at-inference")
    assert (found["verdict"], found["source"]) == ("confirmed", "Classifier, imported")


@pytest.mark.parametrize(
    ("before", "budget", "message"),
    [
        ("import os; os.kill(os.getpid(), 9)", "60", "the process that ran it ended (signal 9)"),
        ("import time; time.sleep(600)", "6", "it took more than 6 seconds"),
        ("import socket; socket.create_connection(('192.0.2.1', 80))", "60", "does not let a model use the network"),
        ("open('no such data')", "60", "FileNotFoundError"),
    ],
    ids=["crash", "hang", "network", "error"],
)
def test_whatever_goes_wrong_is_inconclusive_with_the_reason(
    project: Project, before: str, budget: str, message: str
) -> None:
    project.write("train.py", SUBCLASS.format(before=before))
    options = ("--allow-import", "train.py:Classifier", "--input-shape", "6", "--confirm-budget", budget)
    [found] = confirmations(confirm(project, *options, "train.py"), "train-mode-at-inference")
    assert found["verdict"] == "inconclusive"
    assert message in str(found["message"])


def interpreter(project: Project, option: str = "") -> tuple[str, Path]:
    """An interpreter that writes down every start, by a path from here, and where it does."""
    log = project.path / "starts"
    script = project.write("bin/python", f'#!/bin/sh\necho "$@" >> {log}\nexec {sys.executable} {option} "$@"\n')
    script.chmod(script.stat().st_mode | stat.S_IEXEC)
    return "bin/python", log


def test_an_interpreter_without_a_framework_is_told_what_to_install(project: Project) -> None:
    project.write("train.py", CLASSIFIER.format(rate=0.0))
    python, _ = interpreter(project, "-S")
    [found] = confirmations(confirm(project, "--python", python, "train.py"), "train-mode-at-inference")
    assert found["verdict"] == "inconclusive"
    assert str(found["message"]).endswith(f"; {project.path / python} -m pip install tensorflow")


def with_all_that_modelint_needs(directory: Path) -> Path:
    """The interpreter of a new environment, in which modelint is installed without its extras."""
    venv.create(directory)
    library = next(directory.glob("lib/python*/site-packages"))
    wanted = ["modelint"]
    for name in wanted:  # which grows
        distribution = importlib.metadata.distribution(name)
        for requirement in map(Requirement, distribution.requires or ()):
            if requirement.name not in wanted and (
                not requirement.marker or requirement.marker.evaluate({"extra": ""})
            ):
                wanted.append(requirement.name)
        for top in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
            (library / top).symlink_to(distribution.locate_file(top))
    return directory / "bin/python"


def test_where_no_framework_is_installed_it_says_in_a_line_how_to_get_one(project: Project) -> None:
    project.write("train.py", CLASSIFIER.format(rate=0.0))
    python = with_all_that_modelint_needs(project.path / "environment")
    command = (str(python), "-m", "modelint", "check", "--confirm", "--select", "train-mode-at-inference", "train.py")
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    [line] = [line for line in ran.stdout.splitlines() if "pip install" in line]
    assert line.strip().startswith(
        "= inconclusive: ModuleNotFoundError: No module named 'numpy'; pip install 'modelint["
    )
    assert ran.returncode == 1


def test_a_module_that_code_of_the_program_misses_is_no_missing_framework(project: Project) -> None:
    text = SUBCLASS.format(before="pass")
    project.write("lacking.py", f"import no_such_module\n{text}")
    project.write("whole.py", text)
    allowed = ("--allow-import", "lacking.py:Classifier", "--allow-import", "whole.py:Classifier", "--input-shape", "6")
    lacking, whole = confirmations(confirm(project, *allowed, "lacking.py", "whole.py"), "train-mode-at-inference")
    assert lacking["message"] == "ModuleNotFoundError: No module named 'no_such_module'"
    assert whole["verdict"] == "confirmed"


def test_what_was_measured_is_not_measured_again(project: Project) -> None:
    python, log = interpreter(project)

    def runs(*options: str) -> tuple[str, int]:
        """What a run says, and how often all runs so far have started the process that runs models."""
        out = confirm(project, "--python", python, *options, "train.py").out
        return out, sum("modelint_worker" in line for line in log.read_text().splitlines())

    project.write("train.py", CLASSIFIER.format(rate=0.0))
    said, started = runs()
    assert started == 1
    assert runs() == (said, 1)
    assert runs("--no-cache")[1] == 2


def test_an_answer_holds_for_a_file_as_it_is_a_device_and_what_is_installed(project: Project) -> None:
    model = project.write("model.keras", b"one")
    cache = AnswerCache(sys.executable, str(project.path / "answers.sqlite3"))
    asked = {"do": "screen", "subject": {"kind": "keras_file", "path": str(model)}, "device": "auto"}
    cache.put(asked, {"screening": 1})
    assert cache.get(asked) == {"screening": 1}
    assert cache.get({**asked, "device": "cpu"}) is None
    python, _ = interpreter(project, "-S")
    assert AnswerCache(python, cache.path).get(asked) is None
    assert AnswerCache("/bin/false", cache.path).get(asked) is None
    model.write_bytes(b"two")
    assert cache.get(asked) is None
    model.write_bytes(b"one")
    assert AnswerCache(sys.executable, cache.path).get(asked) == {"screening": 1}


REBUILT = {
    "kind": "rebuilt",
    "generation": "3",
    "inputs": [{"shape": [None, 4], "dtype": "float32"}],
    "layers": [{"class": "Dense", "config": {"units": 2}, "identity": 0, "inbound": [-1], "arguments": {}}],
    "outputs": [0],
}
SCREEN = {"do": "screen", "subject": REBUILT, "device": "cpu", "entry": "false"}


def test_a_process_that_takes_too_much_memory_is_ended_and_started_anew() -> None:
    with Worker(memory=2**27) as worker:  # less than TensorFlow takes
        for _ in range(2):
            with pytest.raises(WorkerError, match=r"^it took more than 0\.125 GiB of memory$"):
                worker.ask(SCREEN, 120)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("check", "--confirm", "--allow-import", "train.py"), "must be FILE.py:NAME"),
        (("check", "--confirm", "--allow-import", "missing.py:build"), "there is no file 'missing.py'"),
        (
            ("check", "--confirm", "--allow-import", "train.py:build(x)"),
            "must be a name, or a call of it with constants",
        ),
        (("check", "--confirm", "--input-shape", "a,b"), "must be sizes parted by commas"),
        (("confirm", "--plot", "sweep.png"), "--plot draws what --sweep measures"),
        (("confirm", "--sweep"), "name one model file"),
        (("confirm", "--sweep", "missing.keras"), "--sweep: missing.keras: there is no such file or directory"),
        (("confirm", "--python", "no/python", "train.py"), "--python: there is no program 'no/python'"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(project: Project, arguments: tuple[str, ...], message: str) -> None:
    project.write("train.py", "x = 1\n")
    ran = project.run(*arguments)
    assert ran.code == 2
    assert message in ran.err


def test_a_sweep_shows_drift_throughput_and_memory_for_each_batch_size(project: Project) -> None:
    project.write(
        "models.py",
        "import keras\nfrom keras import layers\n\n\ndef build():\n"
        "    return keras.Sequential([keras.Input((6,)), layers.Dense(4), layers.BatchNormalization()])\n",
    )
    arguments = ("confirm", "--sweep", "--allow-import", "models.py:build", "--plot", "sweep.png")
    ran = project.run(*arguments, "--output-format", "json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    rows = found["sweep"]
    assert [row["size"] for row in rows] == [1, 2, 4, 8, 16, 32, 64, 128, 256]
    assert all(row["drift"] < 1e-3 for row in rows)
    assert all(row["memory"] >= found["at_rest"] > 0 for row in rows)
    assert all(row["rows_per_second"] > 0 for row in rows)
    assert (found["repeat"], found["model"], found["device"]) == (0.0, "build, imported", "cpu")
    assert (project.path / "sweep.png").read_bytes().startswith(b"\x89PNG")


def test_a_sweep_tells_sizes_that_are_not_taken_and_predictions_that_are_random(project: Project) -> None:
    class Noisy(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + torch.randn_like(x)

    sizes = [{0: torch.export.Dim("batch", min=1, max=64)}]
    torch.export.save(torch.export.export(Noisy(), (torch.zeros(2, 3),), dynamic_shapes=sizes), "noisy.pt2")
    ran = project.run("confirm", "--sweep", "noisy.pt2", "--plot", "sweep.html")
    lines = ran.out.splitlines()
    assert lines[0].split() == ["batch", "drift", "rows", "a", "second", "memory"]
    assert [line.split()[0] for line in lines[1:10]] == ["1", "2", "4", "8", "16", "32", "64", "128", "256"]
    assert [line.split()[1] for line in lines[8:10]] == ["AssertionError:"] * 2
    assert lines[7].split()[1] == "0"  # itself
    assert lines[11] == f"noisy.pt2: torch {torch.__version__} on cpu"
    assert "from call to call, whatever its size" in lines[-1]
    page = (project.path / "sweep.html").read_text()
    assert "<title>Batch sizes of noisy.pt2</title>" in page
    assert page.count("<svg") == 1
    assert not re.search(r"<(script|link|img|iframe)|src=|url\(http", page)


RESIZING = """
import keras
import numpy as np
from keras import layers

model = keras.Sequential([keras.Input((8, 8, 3)), layers.Resizing(4, 4), layers.Flatten(), layers.BatchNormalization()])
print(np.argmax(model(np.load("images.npy")), axis=1))
"""


def test_a_finding_about_some_versions_is_settled_where_one_of_them_is_installed(project: Project) -> None:
    project.write("serve.py", RESIZING)
    arguments = ("check", "--confirm", "--output-format", "json", "--select", "mode")
    [found] = confirmations(project.run(*arguments), "missing-training-false")
    assert found["verdict"] == "confirmed"
    assert str(found["layer"]).startswith("batch_normalization")


def test_a_finding_about_other_versions_than_the_installed_one_is_inconclusive(project: Project) -> None:
    project.write("modelint.toml", '[frameworks]\nkeras = ">=3.16"\n')
    project.write("train.py", CLASSIFIER.format(rate=0.0))
    [found] = confirmations(confirm(project, "train.py"), "train-mode-at-inference")
    assert found["verdict"] == "inconclusive"
    assert "is installed, and the finding is about Keras 3.16" in str(found["message"])


STATISTICS = """
import keras
import numpy as np
from keras import layers


class Center(layers.Layer):
    def call(self, x):
        return x - keras.ops.mean(x, axis={axis})


model = keras.Sequential([keras.Input((4,)), Center()])
print(np.argmax(model.predict(np.load("images.npy")), axis=1))
"""


def test_code_of_the_program_is_named_where_it_is_not_imported(project: Project) -> None:
    project.write("serve.py", STATISTICS.format(axis=0))
    arguments = ("check", "--confirm", "--output-format", "json", "--select", "batch-statistics-at-inference")
    [found] = confirmations(project.run(*arguments), "batch-statistics-at-inference")
    assert found["verdict"] == "inconclusive"
    assert str(found["message"]).endswith("imported only with --allow-import serve.py:Center")


LEARNING_PHASE = """
import numpy as np
from tensorflow import keras
from tensorflow.keras import layers

model = keras.Sequential([keras.Input((6,)), layers.Dense(4), layers.BatchNormalization()])
keras.backend.set_learning_phase(1)
print(np.argmax(model(np.load("images.npy")), axis=1))
"""


def test_what_the_program_sets_globally_is_not_refuted_by_a_run_without_it(project: Project) -> None:
    project.write("modelint.toml", '[frameworks]\nkeras = "<3"\n')
    project.write("serve.py", LEARNING_PHASE)
    [found] = confirmations(confirm(project, "serve.py"), "train-mode-at-inference")
    assert (found["verdict"], found["framework"]) == ("inconclusive", None)


BRANCHED = """
import keras
import numpy as np
from keras import layers


class Centre(keras.Model):
    def call(self, x):
        if keras.ops.max(x) > {threshold}:
            return x - keras.ops.mean(x, axis=0)
        return x


class Picky(keras.Model):
    def __init__(self):
        super().__init__()
        self.norm = layers.BatchNormalization()

    def call(self, x, training=None):
        return self.norm(x, training=training) if keras.ops.max(x) > {threshold} else x


if __name__ == "__main__":
    print(np.argmax(Centre().predict(np.load("images.npy")), axis=1))
    picky = Picky()
    accuracy = np.mean(np.argmax(picky(np.load("x.npy"), training=True), axis=1) == np.load("y.npy"))
"""


@pytest.mark.parametrize(
    ("threshold", "verdict"), [("1e6", "inconclusive"), ("-1e6", "confirmed")], ids=["not taken", "taken"]
)
def test_code_under_a_branch_that_is_not_taken_refutes_nothing(project: Project, threshold: str, verdict: str) -> None:
    project.write("serve.py", BRANCHED.format(threshold=threshold))
    rules = ("batch-statistics-at-inference", "train-mode-at-inference")
    allowed = ("--allow-import", "serve.py:Centre", "--allow-import", "serve.py:Picky", "--input-shape", "4")
    arguments = ("check", "--confirm", "--output-format", "json", "--select", ",".join(rules), *allowed)
    ran = project.run(*arguments, "serve.py")
    for rule, line in zip(rules, (10, 20), strict=True):
        [found] = confirmations(ran, rule)
        assert found["verdict"] == verdict
        if verdict == "inconclusive":
            assert str(found["message"]).startswith(f"serve.py, line {line} did not run with the inputs")


IN_A_GRAPH = """
import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers


class Traced(layers.Layer):
    def call(self, x):
        return tf.cond(tf.reduce_max(x) > 1e6, lambda: x - tf.reduce_mean(x, axis=0), lambda: x)


class NotTaken(layers.Layer):
    @tf.function
    def call(self, x):
        if tf.reduce_max(x) > 1e6:
            x = x - tf.reduce_mean(x, axis=0)
        return x


class Taken(layers.Layer):
    @tf.function
    def call(self, x):
        if tf.reduce_max(x) > -1e6:
            x = x - tf.reduce_mean(x, axis=0)
        return x


class Harmless(layers.Layer):
    @tf.function
    def call(self, x):
        if tf.reduce_max(x) > -1e6:
            x = x - tf.reduce_mean(0.0 * x, axis=0)
        return x


class OnlyInAGraph(layers.Layer):
    @tf.function
    def call(self, x):
        slope = tf.gradients(x * x, x)[0]
        return slope + x - tf.reduce_mean(0.0 * x, axis=0)


class Elsewhere(layers.Layer):
    @tf.function
    def call(self, x):
        if tf.reduce_max(x) > 1e6:
            x = x - tf.reduce_mean(x, axis=0)
        return x / (1e-3 + tf.reduce_max(tf.abs(x), axis=0))


if __name__ == "__main__":
    for layer in (Traced(), NotTaken(), Taken(), Harmless(), OnlyInAGraph(), Elsewhere()):
        model = keras.Sequential([keras.Input((4,)), layer])
        print(np.argmax(model.predict(np.load("images.npy")), axis=1))
"""


@pytest.mark.parametrize("keras", [">=3.10,<3.16", "<3"])
def test_what_only_a_graph_was_made_of_did_not_run(project: Project, keras: str) -> None:
    project.write("modelint.toml", f'[frameworks]\nkeras = "{keras}"\n')
    project.write("serve.py", IN_A_GRAPH)
    classes = ("Traced", "NotTaken", "Taken", "Harmless", "OnlyInAGraph", "Elsewhere")
    allowed = [part for name in classes for part in ("--allow-import", f"serve.py:{name}")]
    rule = "batch-statistics-at-inference"
    options = ("check", "--confirm", "--output-format", "json", "--select", rule, "--input-shape", "4")
    found = {
        (str(one["confirmation"]["source"]).split(",")[0], one["line"]): one["confirmation"]
        for one in json.loads(project.run(*options, *allowed, "serve.py").out)
    }
    assert {place: one["verdict"] for place, one in found.items()} == {
        ("Traced", 10): "inconclusive",
        ("NotTaken", 17): "inconclusive",
        ("Taken", 25): "confirmed",
        ("Harmless", 33): "refuted",
        ("OnlyInAGraph", 41): "inconclusive",
        ("Elsewhere", 48): "inconclusive",  # though its model does mix rows
        ("Elsewhere", 49): "confirmed",
    }
    assert "serve.py, line 10 did not run with the inputs that were drawn" in found["Traced", 10]["message"]
    assert "serve.py, line 41 cannot be watched (" in found["OnlyInAGraph", 41]["message"]


BUILDERS = """
import keras
import numpy as np
from keras import layers


class Doubled(layers.Layer):
    def call(self, x):
        return 2.0 * x


def build():
    return keras.Sequential([keras.Input((4,)), Doubled(), layers.Dense(3)])


def build_other():
    return keras.Sequential([keras.Input((4,)), Doubled(), layers.BatchNormalization()])


if __name__ == "__main__":
    other = build_other()
    accuracy = np.mean(np.argmax(other(np.load("x.npy"), training=True), axis=1) == np.load("y.npy"))
"""


def test_a_model_is_not_judged_by_another_that_the_file_makes(project: Project) -> None:
    project.write("serve.py", BUILDERS)
    [found] = confirmations(confirm(project, "--allow-import", "serve.py:build", "serve.py"), "train-mode-at-inference")
    assert (found["verdict"], found["framework"]) == ("inconclusive", None)
    allowed = ("--allow-import", "serve.py:build", "--allow-import", "serve.py:build_other")
    [found] = confirmations(confirm(project, *allowed, "serve.py"), "train-mode-at-inference")
    assert (found["verdict"], found["source"]) == ("confirmed", "build_other, imported")


def test_code_of_a_notebook_that_did_not_run_is_named_by_its_cell(project: Project) -> None:
    head, classes = IN_A_GRAPH.split("\n\n\n", 1)
    before, _, done = classes.partition('\n\n\nif __name__ == "__main__":\n')
    cells = [nbformat.v4.new_code_cell(one) for one in (head, "SIZE = 4", before, textwrap.dedent(done))]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), project.path / "serve.ipynb")
    options = ("--select", "batch-statistics-at-inference", "--input-shape", "4", "--output-format", "json")
    ran = project.run("confirm", *options, "--allow-import", "serve.ipynb:NotTaken", "serve.ipynb")
    [found] = [one for one in json.loads(ran.out) if one["confirmation"]["source"] == "NotTaken, imported"]
    assert (found["cell"], found["line"]) == (3, 10)
    assert found["confirmation"]["verdict"] == "inconclusive"
    assert str(found["confirmation"]["message"]).startswith("serve.ipynb, cell 3, line 10 did not run with the inputs")


BY_MODE = """
from keras import Model


class Gated(Model):
    def call(self, x, training=None):
        return 2.0 * x if training else 3.0 * x
"""


def test_what_ran_in_one_mode_has_not_run_in_the_other(project: Project) -> None:
    path = str(project.write("gated.py", BY_MODE))
    target = Target(path, "Gated", str(project.path), inputs=(((None, 4), "float32"),))
    line = BY_MODE.splitlines().index("        return 2.0 * x if training else 3.0 * x") + 1
    spans = [{"line": line, "column": first, "end_line": line, "end_column": first + 7} for first in (16, 41)]
    watched = [{**span, "path": path, "where": str(span["column"])} for span in spans]
    asked = {"do": "screen", "subject": dict(target.subject().description), "device": "cpu", "watched": watched}
    with Worker() as worker:
        for entry, unseen in (("true", "41"), ("false", "16"), ("true", "41")):
            found = worker.ask({**asked, "entry": entry}, 120)["screening"]
            assert [one["where"] for one in found["unseen"]] == [unseen]
