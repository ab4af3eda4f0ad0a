"""Findings of real model files, settled by running the files: one worker, one run over a directory of them."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest
import tensorflow as tf
import tf_keras
import torch

import saved_keras_models as keras_models
import saved_model_builders as saved_models
from conftest import Project
from test_tiny_batches_of_models import network as tiny_network
from test_tiny_batches_of_models import save
from torch_networks import NETWORKS

KERAS = {
    "augmented": {"train-mode-at-inference"},
    "hard_wired": {"hard-wired-training"},
    "nested": set(),
    "plain": set(),
    "softmax_over_the_batch": {"batch-statistics-at-inference"},
    "standardised": {"batch-statistics-at-inference"},
    "standardised_by_sample": set(),
    "stateful": {"state-written-at-inference", "static-batch-size"},
}
"""Models by builder, with what is confirmed of their files."""

SAVED = {
    "keras2_clean": set(),
    "keras2_softmax_over_the_batch": {"batch-statistics-at-inference"},
    "keras3_batch_statistics": {"train-mode-at-inference"},
    "keras3_clean": set(),
    "keras3_live_dropout": {"train-mode-at-inference"},
    "keras3_softmax_over_the_batch": {"batch-statistics-at-inference"},
}

TORCH = {
    "centred": {"batch-statistics-at-inference"},
    "centred by sample": set(),
    "conv": set(),
    "conv in train mode": {"train-mode-at-inference"},
    "dropout that ignores the mode": {"train-mode-at-inference"},
    "noise": {"randomness-at-inference"},
    "softmax": set(),
    "softmax over the batch": {"batch-statistics-at-inference"},
}

NOT_IN_ONNX = {
    "conv without running statistics": {"batch-statistics-at-inference"},
    "counted": set(),
    "level": {"state-written-at-inference"},
}
"""Networks that are not exported to ONNX, which has no buffers that a call changes."""

NOT_SEEN_IN_SCRIPTS = {"centred", "softmax over the batch"}
"""TorchScript keeps no shapes, so that nothing says which axis is that of the batch."""


def confirmations(project: Project, *arguments: str) -> list[tuple[str, str, dict[str, Any]]]:
    """The file (or directory) and rule of every finding of a run over all files that has a confirmation, with that."""
    options = ("--confirm", "--pedantic", "--confirm-budget", "500", "--no-cache", "--quiet", "--output-format", "json")
    found = json.loads(project.run("check", *options, *arguments).out)
    assert all(one["confirmation"] is None or one["confirmation"]["source"] in ("", "the saved model") for one in found)
    return [(one["path"], one["rule"], one["confirmation"]) for one in found if one["confirmation"] is not None]


def settled(project: Project, *arguments: str) -> dict[str, dict[str, str]]:
    """The verdicts of a run over all files, by file and rule."""
    verdicts: dict[str, dict[str, str]] = {}
    for path, rule, confirmation in confirmations(project, *arguments):
        verdicts.setdefault(path, {})[rule] = confirmation["verdict"]
    return verdicts


def expected(of: dict[str, set[str]], named: Callable[[str], str]) -> dict[str, dict[str, str]]:
    return {named(name): dict.fromkeys(sorted(rules), "confirmed") for name, rules in of.items() if rules}


def test_findings_of_keras_files_are_confirmed_by_running_them(project: Project) -> None:
    for name in KERAS:
        build = getattr(keras_models, name)
        build(keras).save(f"{name}.keras")
        build(tf_keras).save(f"{name}.h5")
    assert settled(project, ".") == expected(KERAS, "{}.keras".format) | expected(KERAS, "{}.h5".format)


@pytest.mark.filterwarnings("ignore")
def test_findings_of_saved_models_are_confirmed_by_running_their_signatures(project: Project) -> None:
    for name in SAVED:
        saved_models.BUILDERS[name](project.path / name)
    assert settled(project, ".") == expected(SAVED, str)


class Level(torch.nn.Module):
    """Multiplies by a level that falls from call to call."""

    level: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("level", torch.ones(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.level.mul_(0.5)
        return x * self.level


class Counted(Level):
    """Counts its calls, and does not use the number."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.level.add_(1.0)
        return x * 2.0


def network(name: str) -> tuple[Any, torch.Tensor]:
    kept = {"level": (Level, (16,)), "counted": (Counted, (16,))}
    make, shape = kept[name] if name in kept else NETWORKS[name]
    torch.manual_seed(0)
    module = make()
    module.train(name.endswith("in train mode"))
    return module, torch.randn(4, *shape)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("written", ["onnx", "pt2", "pt"])
def test_findings_of_files_that_torch_wrote_are_confirmed_by_running_them(project: Project, written: str) -> None:
    shapes = {}
    networks = TORCH if written == "onnx" else TORCH | NOT_IN_ONNX
    for name in networks:
        module, sample = network(name)
        shape = ",".join(map(str, sample.shape[1:]))
        path = Path(shape, f"{name}.{written}")
        path.parent.mkdir(exist_ok=True)
        shapes[name] = shape
        if written == "onnx":
            training = torch.onnx.TrainingMode.PRESERVE
            torch.onnx.export(
                *(module, (sample,), str(path)),
                dynamo=False,
                training=training,
                do_constant_folding=not module.training,
                input_names=["x"],
                dynamic_axes={"x": {0: "batch"}},
            )
        elif written == "pt2":
            program = torch.export.export(module, (sample,), dynamic_shapes=[{0: torch.export.Dim("batch", min=1)}])
            torch.export.save(program, path)
        else:
            torch.jit.trace(module, sample, check_trace=False).save(str(path))
    seen = {name: rules for name, rules in networks.items() if written != "pt" or name not in NOT_SEEN_IN_SCRIPTS}
    wanted = expected(seen, lambda name: f"{shapes[name]}/{name}.{written}")
    if written == "pt":  # TorchScript does not say what its inputs are
        found = [settled(project, "--input-shape", shape, shape) for shape in set(shapes.values())]
        assert {path: verdicts for each in found for path, verdicts in each.items()} == wanted
    else:
        assert settled(project, ".") == wanted


@pytest.mark.filterwarnings("ignore")
def test_an_exported_program_takes_batches_of_the_size_that_it_was_exported_for(project: Project) -> None:
    module, sample = network("softmax")
    torch.export.save(torch.export.export(module, (sample,)), "fixed.pt2")
    dynamic = torch.export.export(module, (sample,), dynamic_shapes=[{0: torch.export.Dim("batch", min=1)}])
    torch.export.save(dynamic, "any.pt2")
    assert settled(project, ".") == {"fixed.pt2": {"static-batch-size": "confirmed"}}


@pytest.mark.filterwarnings("ignore")
def test_tiny_batches_that_files_fix_are_confirmed(project: Project, repository: Path) -> None:
    fixture = repository / "fixtures/models/torch_tiny_batch.onnx"
    project.write("tiny.onnx", fixture.read_bytes())
    module = torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.BatchNorm1d(4)).train()
    torch.export.save(torch.export.export(module, (torch.randn(2, 5),)), "tiny.pt2")
    for family, name in ((keras, "keras3"), (tf_keras, "keras2")):
        save(tiny_network(family, 2), 2, f"{name}_tiny")
        save(tiny_network(family, 1), 1, f"{name}_single")
        save(tiny_network(family, None, mode=None), 2, f"{name}_declared")
    bound = {"batchnorm-tiny-batch": "confirmed", "static-batch-size": "confirmed"}
    # what loads a SavedModel in Python takes other sizes than its signature has
    declared = {"static-batch-size": "inconclusive"}
    assert settled(project, ".") == {
        "tiny.onnx": bound,
        "tiny.pt2": bound,
        **{f"{name}_tiny": {"batchnorm-tiny-batch": "confirmed", **declared} for name in ("keras2", "keras3")},
        **{f"{name}_single": {"batchnorm-tiny-batch": "confirmed"} for name in ("keras2", "keras3")},
        **{f"{name}_declared": declared for name in ("keras2", "keras3")},
    }


@pytest.mark.filterwarnings("ignore")
def test_the_first_layer_that_differs_is_named_wherever_it_can_be_had(project: Project) -> None:
    inside = tiny_network(keras, None)
    inputs = keras.Input((5,))
    keras.Model(inputs, keras.layers.Dense(1)(inside(keras.layers.Dense(5)(inputs)))).save("nested.keras")
    ids = keras.Input((6,))  # of numbers, as most write it
    embedded = keras.layers.Flatten()(keras.layers.Embedding(50, 4)(ids))
    keras.Model(ids, keras.layers.BatchNormalization(name="after")(embedded, training=True)).save("embedded.keras")
    module, sample = network("conv in train mode")
    program = torch.export.export(module, (sample,), dynamic_shapes=[{0: torch.export.Dim("batch", min=1)}])
    torch.export.save(program, "conv.pt2")
    torch.onnx.export(
        *(module, (sample,), "conv.onnx"),
        dynamo=False,
        training=torch.onnx.TrainingMode.TRAINING,
        do_constant_folding=False,
        input_names=["x"],
        dynamic_axes={"x": {0: "batch"}},
    )
    named = {path: confirmation["layer"] for path, _, confirmation in confirmations(project, ".")}
    assert named == {
        "conv.onnx": "/norm/BatchNormalization",
        "conv.pt2": "norm",
        "embedded.keras": "after",
        "nested.keras": "norm",
    }


class Touching:
    """What touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.path}",)


@pytest.mark.filterwarnings("ignore")
def test_what_a_file_would_run_beside_its_model_is_not_run(project: Project) -> None:
    touched = project.path / "touched"
    for family, name in ((tf_keras, "keras2"), (keras, "keras3")):
        inputs = family.Input((5,))
        command = f"touch {touched}"
        x = family.layers.Lambda(lambda x, command=command: (__import__("os").system(command), x)[1])(inputs)
        family.Model(inputs, family.layers.BatchNormalization()(x, training=True)).save(f"{name}.h5")
    module = torch.nn.BatchNorm1d(3).train()
    program = torch.export.export(module, (torch.zeros(2, 3),), dynamic_shapes=[{0: torch.export.Dim("batch", min=1)}])
    torch.export.save(program, "plain.pt2")
    pickled = io.BytesIO()
    torch.save(({"x": Touching(touched)}, {}), pickled)
    with zipfile.ZipFile("plain.pt2") as plain, zipfile.ZipFile("pickled.pt2", "w") as other:
        for name in plain.namelist():
            data = pickled.getvalue() if "sample_inputs" in name else plain.read(name)
            other.writestr(name.replace("plain/", "pickled/"), data)

    class Writing(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 3], name="x")])
        def serve(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
            tf.io.write_file(str(touched), "")
            return {"y": x - tf.reduce_mean(x, axis=0)}

    writing = Writing()
    tf.saved_model.save(writing, "writing", signatures=writing.serve)
    touched.unlink(missing_ok=True)
    found = {path: (one["verdict"], one["message"]) for path, _, one in confirmations(project, ".")}
    assert not touched.exists()
    assert found.pop("plain.pt2")[0] == "confirmed"
    assert {path: verdict for path, (verdict, _) in found.items()} == dict.fromkeys(
        ("keras2.h5", "keras3.h5", "pickled.pt2", "writing"), "inconclusive"
    )
    assert found["keras2.h5"][1] == "ValueError: the file holds code (a Lambda), which is not run"
    assert "it writes a file (WriteFile" in found["writing"][1]
