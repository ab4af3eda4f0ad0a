"""Model files that fix a tiny batch and serve BatchNorm in train mode: one finding, and running them shows why."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
import tf_keras
import torch
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
from torch import nn

from conftest import Project

TINY, TRAIN, STATIC = "batchnorm-tiny-batch", "train-mode-at-inference", "static-batch-size"
FIXTURE = Path(__file__).parent.parent / "fixtures" / "models" / "torch_tiny_batch.onnx"


def rules(project: Project, path: str, *arguments: str) -> list[str]:
    """The rules of the findings of a model file, by name."""
    lines = project.concise(*arguments, path)
    return sorted(line.rpartition("[")[2].rstrip("]") for line in lines)


def network(keras: Any, rows: int | None, *, mode: bool | None = True, image: bool = False) -> Any:
    """A network with a BatchNorm of the mode, for batches of a fixed size."""
    layers = keras.layers
    inputs = keras.Input((6, 6, 3) if image else (5,), batch_size=rows)
    x = layers.Conv2D(4, 3)(inputs) if image else layers.Dense(4)(inputs)
    x = layers.BatchNormalization(name="norm")(x, training=mode)
    return keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x)))


def save(model: Any, rows: int | None, path: str) -> None:
    """Save what Keras 2 or 3 made as a SavedModel whose signature takes so many rows."""
    module = tf.Module()
    module.model = model
    shape = (rows, *model.input_shape[1:])
    served = tf.function(lambda x: {"y": model(x)}, input_signature=[tf.TensorSpec(shape, tf.float32, name="x")])
    tf.saved_model.save(module, path, signatures=served)


def run(path: str, batch: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    (outputs,) = tf.saved_model.load(path).signatures["serving_default"](x=tf.constant(batch)).values()
    return np.asarray(outputs)


def samples(rows: int, seed: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).normal(size=(rows, 5)).astype("float32")


@pytest.mark.parametrize("family", [keras, tf_keras], ids=["Keras 3", "Keras 2"])
def test_a_saved_model_that_normalises_single_samples_gives_a_constant(project: Project, family: Any) -> None:
    save(network(family, 1), 1, "served")
    np.testing.assert_allclose(run("served", samples(1, 0)), run("served", samples(1, 1)), atol=1e-6)
    (line,) = project.concise("served")
    assert "error: normalises with the statistics of single samples, which it turns into a constant" in line
    assert line.endswith(f"[{TINY}]")


@pytest.mark.parametrize("family", [keras, tf_keras], ids=["Keras 3", "Keras 2"])
def test_a_saved_model_that_normalises_pairs_is_one_finding_beside_its_fixed_batch(
    project: Project, family: Any
) -> None:
    save(network(family, 2), 2, "served")
    first, second = samples(2, 0), np.concatenate([samples(2, 0)[:1], samples(1, 1)])
    assert not np.allclose(run("served", first)[0], run("served", second)[0], atol=1e-3)
    assert rules(project, "served") == [TINY, STATIC]
    assert rules(project, "served", "--ignore", TINY) == [STATIC, TRAIN]


def test_positions_of_a_single_image_are_no_constant(project: Project) -> None:
    save(network(keras, 1, image=True), 1, "served")
    first, second = (np.random.default_rng(seed).normal(size=(1, 6, 6, 3)).astype("float32") for seed in (0, 1))
    assert not np.allclose(run("served", first), run("served", second), atol=1e-3)
    (line,) = project.concise("served")
    assert "constant" not in line
    assert line.endswith(f"[{TINY}]")


@pytest.mark.parametrize(
    ("rows", "mode", "expected"),
    [(2, None, [STATIC]), (1, None, []), (8, True, [STATIC, TRAIN]), (None, True, [TRAIN])],
    ids=["inference mode", "single samples in inference mode", "a batch large enough", "an open batch"],
)
def test_other_signatures_serve_no_tiny_batch(
    project: Project, rows: int | None, mode: bool | None, expected: list[str]
) -> None:
    save(network(keras, rows, mode=mode), rows, "served")
    assert rules(project, "served") == expected


def test_the_limit_is_the_setting(project: Project) -> None:
    save(network(keras, 2), 2, "served")
    project.write("modelint.toml", "tiny-batch = 2\n")
    assert rules(project, "served") == [STATIC, TRAIN]


def test_the_fixed_batch_of_a_keras_file_binds_nobody(project: Project) -> None:
    model = network(tf_keras, 2)
    assert model.predict(samples(6, 0), batch_size=6, verbose=0).shape == (6, 2)
    model.save("net.h5")
    assert TINY not in rules(project, "net.h5")


def test_a_frozen_graph_and_its_tflite_file(project: Project) -> None:
    def normalised(x: Any) -> Any:
        ones, nothing = tf.ones((3,)), tf.zeros((0,))
        norm = tf.raw_ops.FusedBatchNormV3(x=x, scale=ones, offset=ones, mean=nothing, variance=nothing)
        return norm.y

    function = tf.function(normalised).get_concrete_function(tf.TensorSpec((2, 4, 4, 3), tf.float32, name="x"))
    graph = convert_variables_to_constants_v2(function).graph.as_graph_def()
    Path("frozen.pb").write_bytes(graph.SerializeToString())
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.SELECT_TF_OPS]
    Path("net.tflite").write_bytes(converter.convert())
    assert rules(project, "frozen.pb") == [TINY, STATIC]
    assert rules(project, "net.tflite") == [TINY, STATIC]


def torch_network() -> nn.Module:
    """In train mode, with a dropout before the BatchNorm."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 4), nn.Dropout(0.5), nn.BatchNorm1d(4), nn.Linear(4, 2)).train()


def exported_program(path: str) -> None:
    torch.export.save(torch.export.export(torch_network(), (torch.randn(2, 5),)), path)


def onnx_model(path: str) -> None:
    Path(path).write_bytes(as_onnx(torch_network(), torch.randn(2, 5)))


def as_onnx(module: nn.Module, sample: torch.Tensor) -> bytes:
    """The ONNX model of a module in the mode that it is in."""
    written = io.BytesIO()
    logging.disable(logging.CRITICAL)
    try:
        training = torch.onnx.TrainingMode.PRESERVE
        torch.onnx.export(
            module, (sample,), written, dynamo=False, training=training, do_constant_folding=False, input_names=["x"]
        )
    finally:
        logging.disable(logging.NOTSET)
    return written.getvalue()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "write"), [("net.pt2", exported_program), ("net.onnx", onnx_model)])
def test_what_torch_exports_in_train_mode_is_told_at_its_batch_norm_with_its_dropout(
    project: Project, name: str, write: Callable[[str], None]
) -> None:
    write(name)
    assert rules(project, name) == [TINY, STATIC]
    assert "Dropout" in project.run("check", "--select", TINY, name).out


def test_the_fixture_shows_it(project: Project) -> None:
    assert rules(project, str(FIXTURE)) == [TINY, STATIC]
    session = onnxruntime.InferenceSession(FIXTURE.read_bytes(), providers=["CPUExecutionProvider"])
    random = np.random.default_rng(0)
    pair = random.normal(size=(2, 3, 8, 8)).astype("float32")
    other = np.concatenate([pair[:1], random.normal(size=(1, 3, 8, 8)).astype("float32")])
    (first,), (second,) = session.run(None, {"x": pair}), session.run(None, {"x": other})
    assert not np.allclose(first[0], second[0], atol=1e-4)
