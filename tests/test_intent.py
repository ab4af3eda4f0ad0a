"""What shows that a use of a mode is meant, or that there is no use at all."""

from __future__ import annotations

from conftest import Project

NETWORK = """
import numpy as np
import tensorflow as tf
from tensorflow import keras

model = keras.Sequential([keras.layers.Dense(4), keras.layers.Dropout(0.5)])
images = np.load("images.npy")
"""

TESTED = (
    NETWORK
    + """
def test(network, x, y):
    predicted = np.argmax(network(x, training=True), axis=-1)
    return np.mean(predicted == y)

print(test(model, images, np.load("labels.npy")))
"""
)


def told(project: Project, name: str, source: str) -> list[str]:
    """The rules of the findings about the mode."""
    project.write(name, source)
    return [line.rpartition("[")[2].rstrip("]") for line in project.concise("--select", "mode", name)]


def test_a_script_that_tests_a_network_evaluates_it(project: Project) -> None:
    assert told(project, "test_network.py", TESTED) == ["train-mode-at-inference"]


def test_a_unit_test_may_run_a_model_in_any_mode(project: Project) -> None:
    methods = TESTED.replace("def test(", "import pytest\n\ndef test_masks(")
    assert told(project, "test_network.py", methods) == []


def test_what_a_unit_test_calls_is_part_of_it(project: Project) -> None:
    source = (
        NETWORK
        + """
class NetworkTest(tf.test.TestCase):
    def evaluate_in_train_mode(self):
        return np.argmax(model(images, training=True), axis=-1)

    def test_masks(self):
        self.assertNotAllClose(self.evaluate_in_train_mode(), self.evaluate_in_train_mode())
"""
    )
    assert told(project, "network_test.py", source) == []


def test_a_call_for_its_shape_evaluates_nothing(project: Project) -> None:
    source = NETWORK + "\ndef test():\n    print(model(images, training=True).shape)\n\ntest()\n"
    assert told(project, "shapes.py", source) == []


def test_what_is_assigned_to_an_underscore_is_not_used(project: Project) -> None:
    source = NETWORK + "\ndef evaluate(x):\n    _ = model(x)\n    return model.predict(x)\n\nevaluate(images)\n"
    assert told(project, "evaluate.py", source) == []
    assert told(project, "evaluate.py", source.replace("_ =", "y =")) == ["missing-training-false"]


def test_a_layer_that_augments_by_its_name_may_be_in_train_mode_by_default(project: Project) -> None:
    source = """
import tensorflow as tf

class {name}(tf.keras.layers.Layer):
    def call(self, images, training=True):
        return images + tf.random.normal(tf.shape(images)) if training else images
"""
    assert told(project, "jitter.py", source.format(name="RandomColorAffine")) == []
    assert told(project, "noise.py", source.format(name="Regularise")) == ["training-default-true"]


LIBRARY = """
import tensorflow as tf

class Net(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.norm = tf.keras.layers.BatchNormalization()

    def call(self, x, training=None):
        return self.norm(x, training=training)

def train(model, data):
    optimizer = tf.keras.optimizers.Adam()
    for x in data:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(model(x, training=True) ** 2)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
"""

USES_LIBRARY = """
import tensorflow as tf
from library import Net, train

train(Net(), tf.data.Dataset.from_tensor_slices(tf.zeros((8, 4))).batch(2))
"""


def test_the_small_batches_of_a_test_are_meant_wherever_they_arrive(project: Project) -> None:
    project.write("library.py", LIBRARY)
    project.write("test_library.py", USES_LIBRARY)
    assert not project.concise("--select", "batchnorm-tiny-batch", ".")
    project.write("run.py", USES_LIBRARY)
    (line,) = project.concise("--select", "batchnorm-tiny-batch", ".")
    assert line.startswith("library.py:16:")


def test_seeds_that_only_a_unit_test_repeats_are_not_the_librarys(project: Project) -> None:
    project.write(
        "masks.py",
        "import tensorflow as tf\n\ndef mask(length, seeds):\n"
        "    kept = tf.random.stateless_uniform([], maxval=length, dtype=tf.int32, seed=seeds[0])\n"
        "    return tf.range(length) < kept\n",
    )
    program = (
        "import tensorflow as tf\nimport masks\n\nclass Masks(tf.test.TestCase):\n    def test_mask(self):\n"
        "        for _ in range(100):\n            self.assertTrue(masks.mask(10, seeds=[(0, 1)])[0])\n"
    )
    project.write("masks_test.py", program)
    assert project.concise("--select", "reused-seed", "masks_test.py") == []
    project.write("train.py", program.replace("tf.test.TestCase", "object").replace("test_mask", "run"))
    assert project.concise("--select", "reused-seed", "train.py") != []
