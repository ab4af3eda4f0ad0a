"""In-house layers, functions and wrappers that configuration declares: the same program with and without the table."""

from __future__ import annotations

import json

import pytest

from conftest import Project

TRAINING = """import tensorflow as tf
import keras
from acme import nn

model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(8), nn.Drop(0.5), keras.layers.Dense(2)])
optimizer = keras.optimizers.Adam()
loss = keras.losses.MeanSquaredError()
keras.utils.set_random_seed(1)


def train_step(x, y):
    with tf.GradientTape() as tape:
        value = loss(y, model(x))
    gradients = tape.gradient(value, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
"""

FITTED = """import keras
import acme.nn

model = keras.Sequential([keras.Input((8,)), acme.nn.Drop({argument}), keras.layers.Dense(2)])
model.compile("sgd", "mse")
{seeding}
model.fit(x, y)
"""

WIRED = """import keras
from acme.nn import Drop as Off

inputs = keras.Input((8,))
model = keras.Model(inputs, Off(0.5)(inputs, training=True))
model.predict(x)
"""

DRAWS = "mode-sensitive = true\nstochastic-in-training = true\n"
LIKE = 'like = "keras.layers.Dropout"\n'


def declare(project: Project, body: str, name: str = "acme.nn.Drop", before: str = "") -> None:
    project.write(
        "modelint.toml", f'{before}\n[[layers]]\nname = "{name}"\n{body}\n[frameworks]\nkeras = ">=3.10,<3.16"\n'
    )


def found(project: Project, rule: str) -> list[str]:
    """Where a rule finds something, and what it says."""
    lines = project.concise("--select", rule, "--pedantic", ".")
    assert all(rule in line for line in lines), lines
    return lines


@pytest.mark.parametrize("body", [DRAWS, "stochastic-in-training = true", LIKE], ids=["stated", "implied", "like"])
def test_a_training_step_that_switches_a_declared_layer_off_is_found(project: Project, body: str) -> None:
    project.write("train.py", TRAINING)
    assert found(project, "inference-mode-in-training") == []
    declare(project, body)
    (line,) = found(project, "inference-mode-in-training")
    assert line.startswith("train.py:13:")
    assert "runs Drop in inference mode" in line


def test_a_declared_layer_that_does_the_same_in_both_modes_is_harmless(project: Project) -> None:
    project.write("train.py", TRAINING)
    declare(project, "")
    assert found(project, "inference-mode-in-training") == []


def test_a_setting_that_switches_a_layer_off_counts_where_it_is_like_one_of_keras(project: Project) -> None:
    project.write("train.py", TRAINING.replace("Drop(0.5)", "Drop(0.0)"))
    declare(project, LIKE)
    assert found(project, "inference-mode-in-training") == []
    declare(project, LIKE + "mode-sensitive = true")
    assert len(found(project, "inference-mode-in-training")) == 1


@pytest.mark.parametrize("body", [DRAWS, LIKE], ids=["stated", "like"])
def test_a_declared_layer_that_nothing_seeds_is_found(project: Project, body: str) -> None:
    project.write("fit.py", FITTED.format(argument="0.5", seeding=""))
    assert found(project, "unseeded-dropout") == []
    declare(project, body)
    (line,) = found(project, "unseeded-dropout")
    assert line.startswith("fit.py:4:")
    assert "training masks of Drop" in line


@pytest.mark.parametrize(
    ("argument", "body"),
    [
        ("0.5, seed=3", LIKE),
        ("0.5, None, 3", LIKE),
        ("0.5, key=3", DRAWS + 'seed-parameter = "key"'),
        ("0.5, rng=generator", DRAWS),
        ("0.5, 3", DRAWS),
    ],
)
def test_a_declared_layer_with_a_seed_is_seeded(project: Project, argument: str, body: str) -> None:
    project.write("fit.py", FITTED.format(argument=argument, seeding=""))
    declare(project, body)
    assert found(project, "unseeded-dropout") == []


def test_what_a_declared_layer_draws_by_is_not_known_where_something_is_seeded(project: Project) -> None:
    project.write("fit.py", FITTED.format(argument="0.5", seeding="import numpy as np; np.random.seed(1)"))
    declare(project, DRAWS)
    assert found(project, "unseeded-dropout") == []


def test_a_declared_layer_that_is_hard_wired_is_found(project: Project) -> None:
    project.write("model.py", WIRED)
    assert found(project, "hard-wired-training") == []
    declare(project, DRAWS)
    (line,) = found(project, "hard-wired-training")
    assert "this Drop is hard-wired to train mode" in line


def test_the_default_of_the_mode_may_be_declared(project: Project) -> None:
    project.write("train.py", TRAINING)
    declare(project, DRAWS + 'default-training = "true"')
    assert found(project, "inference-mode-in-training") == []


def test_a_layer_whose_source_is_there_is_read_from_source(project: Project) -> None:
    project.write("train.py", TRAINING)
    project.write("acme/__init__.py")
    project.write(
        "acme/nn.py",
        "import keras\n\n\nclass Drop(keras.layers.Layer):\n"
        "    def __init__(self, rate):\n        super().__init__()\n\n"
        "    def call(self, x):\n        return x\n",
    )
    declare(project, DRAWS)
    assert found(project, "inference-mode-in-training") == []


def test_each_root_is_judged_by_its_own_declarations(project: Project) -> None:
    project.write("a/train.py", TRAINING)
    project.write("b/train.py", TRAINING)
    project.write("a/modelint.toml", f'[[layers]]\nname = "acme.nn.Drop"\n{DRAWS}')
    assert [line.partition(":")[0] for line in found(project, "inference-mode-in-training")] == ["a/train.py"]


def test_what_an_extended_file_declares_is_added_to(project: Project) -> None:
    project.write("train.py", TRAINING)
    project.write("company.toml", "")
    project.write("company/modelint.toml", f'[[layers]]\nname = "acme.nn.Drop"\n{DRAWS}')
    project.write("modelint.toml", 'extend = "company/modelint.toml"\n[[layers]]\nname = "acme.nn.Other"\n')
    assert len(found(project, "inference-mode-in-training")) == 1
    shown = json.loads(project.run("config", "--output-format", "json", "train.py").out)["settings"]["layers"]
    assert shown["value"] == [
        {"name": "acme.nn.Drop", "mode-sensitive": True, "stochastic-in-training": True},
        {"name": "acme.nn.Other"},
    ]
    assert shown["sources"] == ["company/modelint.toml", "modelint.toml"]


def test_every_mistake_in_a_declaration_is_told(project: Project) -> None:
    project.write("a.py", "x = 1\n")
    project.write(
        "modelint.toml",
        """
        calls-eval = ["predict"]
        [[layers]]
        name = "acme.nn.Drop"
        mode-sensitiv = true
        like = "keras.layers.Droput"
        default-training = "maybe"
        [[layers]]
        stochastic-in-training = true
        [[layers]]
        name = "tf_keras.layers.Dropout"
        [[layers]]
        name = "acme.Time"
        like = "keras.layers.TimeDistributed"
        stochastic-at-inference = 1
        """,
    )
    ran = project.run("check", "a.py")
    assert ran.code == 2
    for sentence in (
        "layers.\"acme.nn.Drop\".mode-sensitiv: there is no such key; did you mean 'mode-sensitive'?",
        "layers.\"acme.nn.Drop\".like: keras.layers.Droput is no layer of Keras; did you mean 'keras.layers.Dropout'?",
        'layers."acme.nn.Drop".default-training: must be none, true or false',
        'layers.2: needs a name, such as name = "acme.nn.Drop"',
        "tf_keras.layers.Dropout is a layer of Keras; what it does is known",
        "depends on what it is given",
        "must be true or false, not 1",
        "calls-eval: must be a dotted name",
    ):
        assert sentence in ran.err, ran.err


EVALUATED = """import keras
import numpy as np
from acme import run

model = keras.Sequential([keras.Input((8,)), keras.layers.Dropout(0.5), keras.layers.Dense(2)])


def evaluate(x, y):
    scores = run(model, x)
    accuracy = keras.metrics.SparseCategoricalAccuracy()
    accuracy.update_state(y, scores)
    return accuracy.result()
"""

STEPPED = """import tensorflow as tf
import keras
from acme import run

model = keras.Sequential([keras.Input((8,)), keras.layers.Dropout(0.5), keras.layers.Dense(2)])
optimizer = keras.optimizers.Adam()


def train_step(x, y):
    with tf.GradientTape() as tape:
        value = tf.reduce_mean((y - run(x, net=model)) ** 2)
    gradients = tape.gradient(value, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
"""


def test_a_function_that_runs_a_model_in_train_mode_gives_no_predictions(project: Project) -> None:
    project.write("evaluate.py", EVALUATED)
    assert found(project, "train-mode-at-inference") == []
    project.write("modelint.toml", 'calls-train = ["acme.run"]')
    (line,) = found(project, "train-mode-at-inference")
    assert line.startswith("evaluate.py:9:14:")
    assert "runs Dropout in train mode (acme.run does)" in line
    assert "run it in inference mode instead" in line
    project.write("modelint.toml", 'calls-eval = ["acme.run"]')
    assert found(project, "train-mode-at-inference") == []


def test_a_function_that_runs_a_model_in_inference_mode_trains_without_dropout(project: Project) -> None:
    project.write("train.py", STEPPED)
    assert found(project, "inference-mode-in-training") == []
    project.write("modelint.toml", 'calls-eval = ["acme.run"]')
    (line,) = found(project, "inference-mode-in-training")
    assert "runs Dropout in inference mode (acme.run does); run it in train mode instead" in line
    project.write("modelint.toml", 'calls-train = ["acme.run"]')
    assert found(project, "inference-mode-in-training") == []


@pytest.mark.parametrize("wrapping", ["model = nn.wrap(model)", "model = nn.wrap(inner=model, steps=3)"])
def test_what_a_wrapper_gives_is_taken_for_the_model(project: Project, wrapping: str) -> None:
    program = TRAINING.replace("nn.Drop(0.5)", "keras.layers.Dropout(0.5)")
    project.write("train.py", program.replace("optimizer =", f"{wrapping}\noptimizer =", 1))
    (line,) = found(project, "inference-mode-in-training")
    assert "what wrap() gives, whose content is unknown" in line
    project.write("modelint.toml", 'wrappers = ["acme.nn.wrap"]')
    (line,) = found(project, "inference-mode-in-training")
    assert "runs Dropout in inference mode" in line


def test_a_wrapper_of_several_models_is_none_of_them(project: Project) -> None:
    program = TRAINING.replace("nn.Drop(0.5)", "keras.layers.Dropout(0.5)")
    project.write(
        "train.py", program.replace("optimizer =", "model = nn.wrap(model, keras.Sequential())\noptimizer =", 1)
    )
    project.write("modelint.toml", 'wrappers = ["acme.nn.wrap"]')
    (line,) = found(project, "inference-mode-in-training")
    assert "what wrap() gives, whose content is unknown" in line


def test_a_decorator_of_model_classes_may_be_a_wrapper(project: Project) -> None:
    project.write(
        "model.py",
        """import keras
from acme import nn


@nn.wrap
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop = keras.layers.Dropout(0.5)

    def call(self, x, training=None):
        return self.drop(x, training=training)


net = Net()


def evaluate(x, y):
    hits = keras.metrics.SparseCategoricalAccuracy()
    hits.update_state(y, net(x, training=True))
    return hits.result()
""",
    )
    project.write("modelint.toml", 'wrappers = ["acme.nn.wrap"]')
    assert len(found(project, "train-mode-at-inference")) == 1


def test_a_file_that_names_no_framework_but_a_declared_package_is_examined(project: Project) -> None:
    project.write(
        "off.py",
        "from acme import nn, run\n\n"
        "net = nn.Drop(0.5)\n\n\n"
        "def evaluate(x, y):\n    assert (run(net, x).argmax(1) == y).all()\n    return run(net, x).argmax(1)\n",
    )
    declare(project, DRAWS, before='calls-train = ["acme.run"]')
    ran = project.run("check", "--pedantic", "--select", "train-mode-at-inference", ".")
    assert "runs Drop in train mode (acme.run does)" in ran.out, ran.out + ran.err


def test_a_declared_layer_that_is_random_in_inference_too_is_no_dropout(project: Project) -> None:
    project.write("fit.py", FITTED.format(argument="0.5", seeding=""))
    declare(project, "stochastic-in-training = true\nstochastic-at-inference = true")
    assert found(project, "unseeded-dropout") == []


@pytest.mark.parametrize("argument", ["4", "16"])
def test_a_declared_normalisation_of_the_batch_is_judged_by_the_size_of_the_batches(
    project: Project, argument: str
) -> None:
    program = FITTED.format(argument="", seeding="").replace("fit(x, y)", f"fit(x, y, batch_size={argument})")
    project.write("fit.py", program)
    assert found(project, "batchnorm-tiny-batch") == []
    declare(project, "couples-batch-in-training = true\nwrites-state-in-training = true")
    assert len(found(project, "batchnorm-tiny-batch")) == (argument == "4")


def test_positional_arguments_of_a_class_of_another_package_are_not_those_of_keras(project: Project) -> None:
    project.write("fit.py", FITTED.format(argument="-1, 0.99, 0.8", seeding="").replace("Drop", "BatchNormalization"))
    declare(project, "couples-batch-in-training = true", name="acme.nn.BatchNormalization")
    assert found(project, "batchnorm-eps-as-momentum") == []


def test_seeds_of_a_class_of_another_package_may_mean_something_else(project: Project) -> None:
    layers = "acme.nn.Dropout(0.5, seed=1), acme.nn.Dropout(0.5, seed=1)"
    project.write("fit.py", FITTED.format(argument="", seeding="").replace("acme.nn.Drop()", layers))
    declare(project, DRAWS, name="acme.nn.Dropout")
    assert found(project, "reused-seed") == []


def test_config_names_what_is_declared(project: Project) -> None:
    declare(project, DRAWS, before='wrappers = ["acme.nn.wrap"]')
    shown = project.run("config", ".").out
    assert [line.split() for line in shown.splitlines() if "acme" in line] == [
        ["layers", "acme.nn.Drop", "modelint.toml"],
        ["wrappers", "acme.nn.wrap", "modelint.toml"],
    ]


def test_what_is_trained_by_a_wrapper_is_the_model_in_it(project: Project) -> None:
    program = FITTED.format(argument="0.5", seeding="trainer = acme.Trainer(model, epochs=3)")
    program = program.replace("acme.nn.Drop", "keras.layers.Dropout").replace("model.fit", "trainer.fit")
    project.write("fit.py", program)
    assert found(project, "unseeded-dropout") == []
    project.write("modelint.toml", 'wrappers = ["acme.Trainer"]')
    assert len(found(project, "unseeded-dropout")) == 1
