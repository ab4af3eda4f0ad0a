"""Programs that do much before they make their model: what is bounded, and what is known all the same."""

from __future__ import annotations

import pytest

from conftest import Project

PROGRAM = """
import numpy as np
import tensorflow as tf

class Net(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = tf.keras.layers.Dense(4)
        self.dropout = tf.keras.layers.Dropout(0.5)

    def call(self, x, training=None):
        return self.dropout(self.dense(x), training=training)

{before}

net = Net()
print(np.argmax(net(np.load("a.npy"), training=True), axis=-1))
"""

LOOPS = """
anchors = np.zeros((45, 60, 9))
for row in range(45):
    for column in range(60):
        for number in range(9):
            if np.any(anchors > row):
                anchors[row, column, number] = print(column)
"""

LONG = "notes = []\nfor row in range(16):\n    for column in range(16):\n" + "".join(
    f"        notes.append(print(row, column, {number}))\n" for number in range(40)
)


@pytest.mark.parametrize("before", [LOOPS, LONG], ids=["loops within loops", "many statements"])
def test_a_model_is_known_whatever_the_program_does_before(project: Project, before: str) -> None:
    project.write("a.py", PROGRAM.format(before=before))
    (line,) = project.concise("--select", "mode", "a.py")
    assert "this prediction runs Dropout in train mode" in line


def test_the_mean_of_a_list_may_be_taken_by_name(project: Project) -> None:
    project.write(
        "a.py",
        """
import tensorflow as tf

model = tf.keras.Sequential([tf.keras.layers.Dense(4)])
losses = []
for x, y in data:
    losses.append(tf.reduce_mean(model(x, training=False) - y))
print(tf.reduce_mean(input_tensor=losses))
""",
    )
    assert not project.concise("--select", "mean-of-batch-means", "a.py")
