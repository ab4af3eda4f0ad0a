"""Training with Keras 3 on JAX and on PyTorch: their gradients, and what the libraries do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from conftest import Project

NETWORK = """
import keras
from keras import layers

model = keras.Sequential([keras.Input((8,)), layers.Dense(8), layers.BatchNormalization(), layers.Dropout(0.5)])
loss_fn = keras.losses.MeanSquaredError()
"""

STATELESS = (
    NETWORK
    + """
import jax

optimizer = keras.optimizers.Adam()

def loss_and_updates(trainable, non_trainable, x, y):
    predicted, non_trainable = model.stateless_call(trainable, non_trainable, x{mode})
    return loss_fn(y, predicted), non_trainable

gradients_of = jax.value_and_grad(loss_and_updates, has_aux=True)

@jax.jit
def train_step(state, x, y):
    trainable, non_trainable, variables = state
    (loss, non_trainable), gradients = gradients_of(trainable, non_trainable, x, y)
    trainable, variables = optimizer.stateless_apply(variables, gradients, trainable)
    return trainable, non_trainable, variables

def evaluate(trainable, non_trainable, x):
    predicted, _ = model.stateless_call(trainable, non_trainable, x, training=False)
    return predicted.argmax(-1)

state = (model.trainable_variables, model.non_trainable_variables, optimizer.variables)
for x, y in data:
    state = train_step(state, x, y)
"""
)

TORCH_LOOP = (
    NETWORK
    + """
import torch

optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
torch.manual_seed(0)
x, y = torch.randn(64, 8) + 3.0, torch.randn(64, 8)
for _ in range(3):
    loss = loss_fn(y, model(x{mode}))
    model.zero_grad()
    loss.backward()
    optimizer.step()
print(abs(float(keras.ops.sum(model.layers[1].moving_mean))) > 0)
"""
)


def told(project: Project, source: str) -> list[str]:
    project.write("train.py", source)
    return [line for line in project.concise("train.py") if "[inference-mode-in-training]" in line]


def test_a_stateless_call_without_the_mode_is_reported(project: Project) -> None:
    [line] = told(project, STATELESS.replace("{mode}", ""))
    assert "this training step runs BatchNormalization and Dropout in inference mode; pass training=True" in line


def test_a_stateless_call_in_train_mode_is_not(project: Project) -> None:
    assert not told(project, STATELESS.replace("{mode}", ", training=True"))


def test_the_fix_of_a_stateless_call_passes_the_mode(project: Project) -> None:
    path = project.write("train.py", STATELESS.replace("{mode}", ""))
    project.run("check", "--select", "inference-mode-in-training", "--fix", "--unsafe-fixes", "train.py")
    assert path.read_text() == STATELESS.replace("{mode}", ", training=True")


def test_a_loop_of_pytorch_that_says_nothing_of_the_mode_is_reported(project: Project) -> None:
    [line] = told(project, TORCH_LOOP.replace("{mode}", ""))
    assert "this training step runs BatchNormalization and Dropout in inference mode; pass training=True" in line


def test_a_loop_of_pytorch_in_train_mode_is_not(project: Project) -> None:
    assert not told(project, TORCH_LOOP.replace("{mode}", ", training=True"))


def test_a_module_of_pytorch_itself_is_left_to_pytorch(project: Project) -> None:
    source = TORCH_LOOP.replace("{mode}", "").replace("model = keras.Sequential", "model = torch.nn.Sequential")
    assert not told(project, source)


@pytest.mark.parametrize(("mode", "moves"), [("", "False"), (", training=True", "True")])
def test_on_pytorch_the_statistics_move_in_train_mode_only(tmp_path: Path, mode: str, moves: str) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("keras")
    (tmp_path / "train.py").write_text(TORCH_LOOP.replace("{mode}", mode))
    ran = subprocess.run(
        [sys.executable, "train.py"],
        cwd=tmp_path,
        env={"KERAS_BACKEND": "torch", "CUDA_VISIBLE_DEVICES": "-1", "KERAS_HOME": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert ran.stdout.split() == [moves]
