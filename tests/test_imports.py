"""Where names come from: all names of a package, and folders that are not packages."""

from __future__ import annotations

import pytest

from conftest import Project

RUNS = """
def predict(model, data):
    for x in data:
        print(model(x).numpy())
"""

UNET = """
import tensorflow as tf
from model.layers import Bottleneck

class Unet(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.bottleneck = Bottleneck()

    def call(self, x, training=True):
        return self.bottleneck(x, training)
"""

BOTTLENECK = """
import tensorflow as tf

class Bottleneck(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = tf.keras.layers.Dense(4)
        self.dropout = tf.keras.layers.Dropout(0.5)

    def call(self, x, training):
        return self.dropout(self.dense(x), training=training)
"""

MAIN = """
from model.unet import Unet
from runtime.run import predict

predict(Unet(), data)
"""


def test_a_program_in_a_folder_is_followed_from_the_folders_above_it(project: Project) -> None:
    for name, text in (("main", MAIN), ("model/unet", UNET), ("model/layers", BOTTLENECK), ("runtime/run", RUNS)):
        project.write(f"projects/segmentation/{name}.py", text)
    above = [line.partition("segmentation/")[2] for line in project.concise("--select", "mode", ".")]
    assert [line.rpartition(" ")[2] for line in above] == ["[training-default-true]", "[train-mode-at-inference]"]
    inside = [
        line.partition("segmentation/")[2] for line in project.concise("--select", "mode", "projects/segmentation")
    ]
    assert above == inside


def test_a_folder_that_is_a_package_is_looked_up_in_last(project: Project) -> None:
    project.write("package/__init__.py")
    project.write("package/model/__init__.py")
    project.write("package/model/layers.py", BOTTLENECK)
    project.write("package/tools/__init__.py")
    project.write("package/tools/unet.py", UNET)
    assert [line for line in project.concise("--select", "mode", ".") if "tools" in line]
    project.write("model/layers.py", "Bottleneck = None\n")
    assert not [line for line in project.concise("--select", "mode", ".") if "tools" in line]


def test_a_module_of_python_is_not_looked_up_in_packages(project: Project) -> None:
    project.write("package/__init__.py")
    project.write("package/random.py", BOTTLENECK)
    project.write("package/tools/__init__.py")
    project.write("package/tools/unet.py", UNET.replace("model.layers", "random"))
    assert not [line for line in project.concise("--select", "mode", ".") if "tools" in line]


def test_all_names_of_a_package_come_through_a_module_of_the_program(project: Project) -> None:
    project.write("parts.py", "from tensorflow.keras.layers import *\n")
    project.write(
        "net.py",
        "from parts import *\nimport parts\nfrom tensorflow import keras\n"
        "model = keras.Sequential([BatchNormalization(0.8), parts.BatchNormalization(0.8), unknown(0.8)])\n",
    )
    told = project.concise("--select", "batchnorm-eps-as-momentum", "net.py")
    assert [line.split(":")[1] for line in told] == ["4", "4"]


def test_a_name_that_the_program_defines_is_its_own(project: Project) -> None:
    project.write(
        "net.py",
        "from tensorflow.keras.layers import *\nfrom tensorflow import keras\n"
        "def BatchNormalization(momentum):\n    return keras.layers.BatchNormalization(momentum=momentum)\n"
        "model = keras.Sequential([BatchNormalization(0.8)])\n",
    )
    assert not project.concise("--select", "batchnorm-eps-as-momentum", "net.py")


def test_a_program_of_tf_keras_is_judged_by_keras_2_whatever_is_declared_of_keras(project: Project) -> None:
    project.write("requirements.txt", "keras==3.12.0\n")
    source = """
import numpy as np
import tf_keras as keras

class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.norm = keras.layers.BatchNormalization()

    def call(self, inputs):
        return self.norm(inputs)

model = Net()
model.compile(loss="mse", optimizer="rmsprop")
model.fit(np.ones((128, 50)), np.ones((128, 50)))
"""
    project.write("two.py", source)
    project.write("three.py", source.replace("import tf_keras as keras", "import keras"))
    told = project.concise("--select", "mode-lost-in-call", ".")
    assert [line.split(":")[0] for line in told] == ["three.py"]


def test_an_export_of_what_a_resizing_layer_switches_to_train_mode_is_reported(project: Project) -> None:
    project.write("requirements.txt", "keras==3.12.0\n")
    project.write(
        "export.py",
        "import keras\nfrom keras import layers\n"
        "model = keras.Sequential([layers.Resizing(8, 8), layers.BatchNormalization(), layers.Dense(2)])\n"
        "model.export('served')\n"
        "keras.Sequential([layers.BatchNormalization(), layers.Dense(2)]).export('served')\n",
    )
    [line] = project.concise("--select", "mode", "export.py")
    assert line.startswith("export.py:4:1: error: the exported model runs BatchNormalization in train mode")
    assert "export a function that passes training=False" in line


LOCAL_KERAS = """
import tensorflow as tf

class Net(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.dropout = tf.keras.layers.Dropout(0.5)

    def call(self, x, training=None):
        return self.dropout(x, training=training)
"""

USES_LOCAL_KERAS = """
import numpy as np
from keras import net

model = net.Net()
print(np.argmax(model(np.load("a.npy"), training=True), axis=-1))
"""


def test_a_package_of_the_program_may_have_the_name_of_a_library(project: Project) -> None:
    project.write("keras/net.py", LOCAL_KERAS)
    project.write("main.py", USES_LOCAL_KERAS)
    assert not project.concise("--select", "train-mode-at-inference", "main.py")  # a folder alone shadows nothing
    project.write("keras/__init__.py")
    assert project.concise("--select", "train-mode-at-inference", "main.py")
    project.write("keras/layers/__init__.py")  # the library itself
    assert not project.concise("--select", "train-mode-at-inference", "main.py")


@pytest.mark.parametrize("folder", ["networks", "./networks", "repository/networks"])
@pytest.mark.parametrize("added", ["append({!r})", "insert(0, {!r})"])
def test_a_folder_that_a_program_puts_on_the_path_is_looked_up_in(project: Project, folder: str, added: str) -> None:
    project.write("networks/bottleneck.py", BOTTLENECK)
    program = "import sys\n\nsys.path." + added.format(folder) + "\n" + MAIN.replace("model.unet", "unet")
    project.write("networks/unet.py", UNET.replace("model.layers", "bottleneck"))
    project.write("runtime/run.py", RUNS)
    project.write("main.py", program)
    assert any("train-mode-at-inference" in line for line in project.concise("--select", "mode", "main.py"))


def test_a_module_of_python_is_not_looked_up_in_folders_on_the_path(project: Project) -> None:
    project.write("networks/random.py", "import keras\nseed = keras.layers.Dropout\n")
    project.write("main.py", "import sys\nsys.path.append('networks')\nimport random\nimport keras\nrandom.seed(1)\n")
    assert project.concise("main.py") == []
