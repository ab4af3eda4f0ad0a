"""Networks of which the source is not there: what is said of them, where less than certain is asked for."""

from __future__ import annotations

import pytest

from conftest import Project

TRAINS = """
import tensorflow as tf
from elsewhere import build

{setup}
optimizer = tf.keras.optimizers.Adam()

def train_step(x, y):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square({call} - y))
    gradients = tape.gradient(loss, net.trainable_variables)
    optimizer.apply_gradients(zip(gradients, net.trainable_variables))
"""

HOLDS = """
class Net(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.backbone = build("resnet")

    def call(self, x, training=None):
        return self.backbone(x, training=training)

net = Net()
"""


@pytest.mark.parametrize(
    ("setup", "named"),
    [
        ('net = build("resnet")', "what build() gives, whose content is unknown"),
        (HOLDS, "Net, whose content is unknown"),
    ],
)
def test_a_training_step_that_does_not_state_the_mode_is_told_in_doubt(
    project: Project, setup: str, named: str
) -> None:
    project.write("a.py", TRAINS.format(setup=setup, call="net(x)"))
    (line,) = project.concise("--pedantic", "--select", "mode", "a.py")
    assert f"this training step runs {named}, in inference mode" in line
    assert not project.concise("--select", "mode", "a.py")
    project.write("a.py", TRAINS.format(setup=setup, call="net(x, training=True)"))
    assert not project.concise("--pedantic", "--select", "mode", "a.py")


def test_what_is_not_used_as_a_network_is_none(project: Project) -> None:
    project.write("a.py", TRAINS.format(setup="settings = build()\nnet = tf.keras.Sequential()", call="settings(x)"))
    assert not project.concise("--pedantic", "--select", "mode", "a.py")


EVALUATES = """
import tensorflow as tf

class Base(tf.keras.Model):
    def test_step(self, data):
        x, y = data
        return {{"loss": self.compute_loss(x, y, self(x, training={mode}))}}

def evaluate(model, data, metric):
    for x, y in data:
        metric.update_state(y, model(x, training={mode}))
    return metric.result()
"""


def test_an_evaluation_in_train_mode_is_told_in_doubt(project: Project) -> None:
    project.write("a.py", EVALUATES.format(mode=True))
    lines = project.concise("--pedantic", "--select", "train-mode-at-inference", "a.py")
    assert [line.partition("runs ")[2].partition(",")[0] for line in lines] == ["Base", "model"]
    assert all("; if it holds Dropout or BatchNormalization, pass training=False " in line for line in lines)
    assert not project.concise("--select", "train-mode-at-inference", "a.py")
    project.write("a.py", EVALUATES.format(mode=False))
    assert not project.concise("--pedantic", "--select", "train-mode-at-inference", "a.py")


SHARED = """
import tensorflow as tf

class Net(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.dense, self.dropout = tf.keras.layers.Dense(8), tf.keras.layers.Dropout(0.5)

    def call(self, x, training=False):
        return self.dropout(self.dense(x), training=training)

    def forward(self, x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(y - self(x, training=True)))
        return loss, tape

    def train_on(self, x, y):
        loss, tape = self.forward(x, y)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))

    def validate(self, x, y):
        loss, _ = self.forward(x, y)
        return loss
"""


def test_a_tape_of_which_no_gradient_is_taken_trains_nothing(project: Project) -> None:
    project.write("a.py", SHARED)
    (line,) = project.concise("--pedantic", "--select", "train-mode-at-inference", "a.py")
    assert "a.py:14:49: error: this prediction runs Dropout in train mode (training=True)" in line
    project.write("a.py", SHARED.replace("def validate", "def adapt"))
    assert not project.concise("--pedantic", "--select", "train-mode-at-inference", "a.py")
