"""Programs in all ways of writing them: what all fixes together make of them parses, and is left alone then."""

from __future__ import annotations

import ast
import codecs

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import Project
from modelint.documents import source_text
from modelint.rule import discover
from modelint.selection import Catalogue
from modelint.workspace.fixing import Fixing, Outcome
from modelint.workspace.lookup import Overrides
from modelint.workspace.run import Request

HEAD = """\
import keras
import numpy as np
import tensorflow as tf
from keras import layers


class Block(layers.Layer):
    def call(self, x{parameter}):
        return tf.nn.dropout({dropped})


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.norm = layers.BatchNormalization({norm})
        self.dropout = layers.Dropout(0.5)
        self.block = Block()

    def call(self, x{mode}):
        return self.block(self.dropout(self.norm(x)))


model = Net()
model.compile("sgd", "mse")
data = tf.data.Dataset.from_tensor_slices((np.zeros((33, 4)), np.zeros((33, 4))))
model.fit(data.shuffle(33).batch({batch}), validation_data=data.batch(5, drop_remainder=True){fit})


def evaluate(x, y):
    return np.mean(np.argmax(model{call}, axis=-1) == y), "{text}"


def train(x, y):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((model{call} - y) ** 2)
    return tape.gradient(loss, model.trainable_variables)
"""

WAYS = {
    "parameter": ["", ", training=None", ", training=True", ", *, training: bool = True", ", **kwargs", ", *rest"],
    "mode": ["", ", training=None", ", training=True", ", is_training=True", ", training : bool=1  # a word\n", ","],
    "dropped": ["x, 0.5", "x, rate=0.5,", "tf.nn.relu(x),\n            0.1 + 0.2", "x, 0.5 if True else 0.1"],
    "norm": ["", "0.8", "0.8,", "-1, 0.99, 0.8", "-1, 1e-3, epsilon=0.1", "axis=-1"],
    "batch": ["16", "batch_size=16", "16, False", "16,\n    drop_remainder=False", "*[16]", "(16)"],
    "fit": ["", ",", ", verbose=0"],
    "call": [
        "(x)",
        "( x ,)",
        "((x))",
        "(\n        x  # an input\n    )",
        "(inputs := x)",
        "(x, training=True)",
        "(x, training = (True))",
        "(x, True)",
        "(x, training=x is None)",
        "(*[x])",
        "(x, **{})",
        ".call(x)",
        " . call(x)",
        ".predict(x)",
        "(each for each in x)",
    ],
    "text": ["", "é", "😀\\t", "日本"],
}


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue(discover())


def fixed(catalogue: Catalogue, data: bytes) -> Outcome:
    overrides = Overrides(pedantic=True, fix=True, unsafe_fixes=True)
    return Fixing(Request(("a.py",), overrides, isolated=True, overlay={"a.py": data}), catalogue).outcome()


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.fixed_dictionaries({name: st.sampled_from(ways) for name, ways in WAYS.items()}),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.booleans(),
)
def test_all_fixes_together_lead_to_a_program_that_parses_and_is_left_alone(
    catalogue: Catalogue, project: Project, ways: dict[str, str], end: str, mark: bool
) -> None:
    text = HEAD.format(**ways)
    data = (codecs.BOM_UTF8 if mark else b"") + text.replace("\n", end).encode()
    try:
        ast.parse(text)
    except SyntaxError:
        return  # not every way goes with every other
    outcome = fixed(catalogue, data)
    assert (outcome.refused, outcome.settled) == ((), True)
    (rewritten,) = outcome.rewritten or [None]
    if rewritten is None:
        return
    after = source_text(rewritten.after)
    assert after is not None
    ast.parse(after)
    assert rewritten.after.startswith(codecs.BOM_UTF8) is mark
    assert after.replace(end, "").count("\n") + after.replace(end, "").count("\r") == 0
    again = fixed(catalogue, rewritten.after)
    assert (again.fixed, again.refused) == ((), ())


OWN = """\
import numpy as np


class own:
    Sequential = Sequential
    layers = layers
"""

NETWORK = """
model = {layers}.Sequential([{layers}.layers.Dense(1), {layers}.layers.Dropout(0.5)])
model.compile("sgd", "mse")
model.fit(np.zeros((4, 3)), np.zeros((4, 1)))
"""


@pytest.mark.parametrize(
    ("imports", "layers", "seeded"),
    [
        ("import numpy as np\nimport keras", "keras", "keras.utils.set_random_seed(0)"),
        ("import numpy as np\nimport tensorflow as tf", "tf.keras", "tf.keras.utils.set_random_seed(0)"),
        ("import numpy as np\nimport tensorflow.keras as K", "K", "K.utils.set_random_seed(0)"),
        ("import numpy as np\nimport tensorflow.keras", "tensorflow.keras",
         "tensorflow.keras.utils.set_random_seed(0)"),
        ("import tensorflow as tf\nfrom tensorflow import (\n    keras,\n)\nimport numpy as np  # arrays", "keras",
         "keras.utils.set_random_seed(0)"),
        ("import keras\nfrom keras.utils import set_random_seed\nimport numpy as np", "keras",
         "keras.utils.set_random_seed(0)"),
        (f"from keras import Sequential, layers\nfrom keras.utils import set_random_seed as seeded\n{OWN}", "own",
         "seeded(0)"),
        (f"from tensorflow.keras import Sequential, layers\n{OWN}", "own", None),
        ("import numpy as np\ntry:\n    import keras\nexcept ImportError:\n    raise", "keras", None),
        ("import numpy as np\nimport tensorflow as tf\nfrom tensorflow.examples import tutorials", "tf.keras", None),
        ("import numpy as np\nimport tensorflow as tf\nfrom tensorflow.keras.utils.np_utils import to_categorical",
         "tf.keras", "tf.random.set_seed(0)"),
        ("import numpy as np\nimport keras\nfrom keras.layers.core import Dense", "keras", None),
    ],
)  # fmt: skip
def test_a_program_is_seeded_by_a_name_that_it_has_imported_or_not_at_all(
    project: Project, imports: str, layers: str, seeded: str | None
) -> None:
    project.write("a.py", f"{imports}\n{NETWORK.format(layers=layers)}")
    report = project.run("check", "--fix", "--unsafe-fixes", "--select", "unseeded-dropout", "a.py")
    after = (project.path / "a.py").read_text()
    if seeded is None:
        assert "unseeded-dropout" in report.out
        assert "set_random_seed(" not in after
    else:
        block = imports.split("\n\n")[0]
        assert after.startswith(f"{block}\n\n{seeded}\n")
        assert "All clear" in report.out
