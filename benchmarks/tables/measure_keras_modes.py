"""Measure which ``training`` reaches the layers inside a Keras model, by running a layer that writes it down.

    python benchmarks/tables/measure_keras_modes.py keras|tf_keras

prints a JSON object: for each case ("model | how it is run") what each probe was last passed, by the probe's name:
T, F or - (None). ``tests/data/keras_mode_resolution.json`` holds such columns for eleven versions; to add one, put that
version before the installed one on ``PYTHONPATH``. The cases of ``EXTRA`` are "more_cases" there.
"""

import json
import os
import sys
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import numpy as np
import tensorflow as tf  # type: ignore[import-untyped]

LIBRARY = sys.argv[1] if len(sys.argv) > 1 else "keras"
keras: Any = __import__(LIBRARY)
Layer: Any = keras.layers.Layer
X = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
Y = np.zeros((8, 4), "float32")
seen: dict[str, str] = {}


def note(name: str, training: Any) -> None:
    if tf.is_tensor(training):
        training = bool(training)
    seen[name] = name + ("-" if training is None else "T" if training else "F")


class Probe(Layer):  # type: ignore[misc]
    def __init__(self, key: str = "p", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.key = key

    def build(self, shape: Any) -> None:
        self.w = self.add_weight(name="w", shape=(1,), initializer="zeros")
        self.built = True

    def call(self, x: Any, training: Any = None) -> Any:
        note(self.key, training)
        return x + self.w


class ProbeTrue(Probe):
    def call(self, x: Any, training: Any = True) -> Any:
        return super().call(x, training)


class ProbeFalse(Probe):
    def call(self, x: Any, training: Any = False) -> Any:
        return super().call(x, training)


def custom(base: Any, call: Callable[..., Any], *parts: Any) -> Any:
    """Make an instance of a subclass of ``base`` with these parts and this ``call``."""

    def init(self: Any) -> None:
        base.__init__(self)
        self.parts = list(parts)
        self.p, self.q = parts[0], parts[-1]

    return type("Custom", (base,), {"__init__": init, "call": call})()


def functional(connect: Callable[[Any], Any], cls: Any = None) -> Any:
    inputs = keras.Input((4,))
    return (cls or keras.Model)(inputs, connect(inputs))


def in_functional(call: Callable[..., Any], probe: type = Probe) -> Callable[[], Any]:
    return lambda: functional(custom(Layer, call, probe()))


def subclass(call: Callable[..., Any], *probes: Callable[[], Any]) -> Callable[[], Any]:
    return lambda: custom(keras.Model, call, *[make() for make in probes or (Probe,)])


def train_step(self: Any, data: Any) -> dict[str, Any]:
    x, y = data
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((self(x) - y) ** 2)
    self.optimizer.apply_gradients(zip(tape.gradient(loss, self.weights), self.weights, strict=True))
    return {"loss": loss}


def second() -> Any:
    return Probe("q")


def with_train_step(base: type, **members: Any) -> type:
    return type("Stepped", (base,), {"train_step": train_step, **members})


def stepped_subclass() -> Any:
    return custom(with_train_step(keras.Model), lambda self, x, training=None: self.p(x, training=training), Probe())


def sequential(*parts: Any, built: bool = True) -> Any:
    return keras.Sequential([keras.Input((4,)), *parts] if built else list(parts))


MODELS: dict[str, Callable[[], Any]] = {
    "Sequential[P]": lambda: sequential(Probe()),
    "Sequential-unbuilt[P]": lambda: sequential(Probe(), built=False),
    "Functional[P]": lambda: functional(Probe()),
    "Sequential[PT default True]": lambda: sequential(ProbeTrue()),
    "Functional[P(x,training=True)]": lambda: functional(lambda x: Probe()(x, training=True)),
    "Functional[P(x,training=False)]": lambda: functional(lambda x: Probe()(x, training=False)),
    "Functional[base=Sequential(P)(x,training=False)]": lambda: functional(
        lambda x: sequential(Probe())(x, training=False)
    ),
    "Functional[base=Functional(P)(x,training=True)]": lambda: functional(
        lambda x: functional(Probe())(x, training=True)
    ),
    "Functional[P('a')(x,training=False)->P('b')]": lambda: functional(
        lambda x: Probe("b")(Probe("a")(x, training=False))
    ),
    "Functional[custom LNo(P)]": in_functional(lambda self, x: self.p(x)),
    "Functional[custom LNotForwarded(P)]": in_functional(lambda self, x, training=None: self.p(x)),
    "Functional[custom LHardFalse(P)]": in_functional(lambda self, x, training=None: self.p(x, training=False)),
    "Functional[custom LHardTrue(P)]": in_functional(lambda self, x, training=None: self.p(x, training=True)),
    "Functional[custom LPassesNone(P)]": in_functional(lambda self, x, training=None: self.p(x, training=None)),
    "Subclass call(x)": subclass(lambda self, x: self.p(x)),
    "Subclass call(x,training=None)->fwd": subclass(lambda self, x, training=None: self.p(x, training=training)),
    "Subclass call(x,training=None) not fwd": subclass(lambda self, x, training=None: self.p(x)),
    "Subclass call(x,training=False)->fwd": subclass(lambda self, x, training=False: self.p(x, training=training)),
    "Subclass call(x,training=False) not fwd": subclass(lambda self, x, training=False: self.p(x)),
    "Subclass call(x,training=True)->fwd": subclass(lambda self, x, training=True: self.p(x, training=training)),
    "Subclass call(x,training=True) not fwd": subclass(lambda self, x, training=True: self.p(x)),
    "Subclass call(x,**kw) not fwd": subclass(lambda self, x, **kw: self.p(x)),
    "Subclass call(x,**kw)->fwd": subclass(lambda self, x, **kw: self.p(x, **kw)),
    "Subclass call(x,training) required": subclass(lambda self, x, training: self.p(x, training=training)),
    "Subclass call(x,is_training=False)": subclass(lambda self, x, is_training=False: self.p(x, training=is_training)),
    "Subclass call: p(x,training=False) hard": subclass(lambda self, x, training=None: self.p(x, training=False)),
    "Subclass call: p(x,training=True) hard": subclass(lambda self, x, training=None: self.p(x, training=True)),
    "Subclass call: p(x,training=False) then q(x)": subclass(
        lambda self, x, training=None: self.q(self.p(x, training=False)), Probe, second
    ),
    "Subclass call: p(x,training=True) then q(x)": subclass(
        lambda self, x, training=None: self.q(self.p(x, training=True)), Probe, second
    ),
    "Subclass call: p(x,training=None) then q(x)": subclass(
        lambda self, x, training=None: self.q(self.p(x, training=None)), Probe, second
    ),
    "Subclass train_step overridden: self(x)": stepped_subclass,
    "Functional-subclass train_step overridden: self(x)": lambda: functional(Probe(), with_train_step(keras.Model)),
}


def branch(self: Any, x: Any, training: Any = None) -> Any:
    return self.p(x) if training else self.q(x)


EXTRA: dict[str, Callable[[], Any]] = {
    "Functional[PT->Q]": lambda: functional(lambda x: second()(ProbeTrue()(x))),
    "Functional[PT->QF]": lambda: functional(lambda x: ProbeFalse("q")(ProbeTrue()(x))),
    "Functional[PT->LNo(Q)]": lambda: functional(
        lambda x: custom(Layer, lambda self, x: self.p(x), second())(ProbeTrue()(x))
    ),
    "Functional[LHardFalse(P)->LNo(Q)]": lambda: functional(
        lambda x: custom(Layer, lambda self, x: self.p(x), second())(
            custom(Layer, lambda self, x: self.p(x, training=False), Probe())(x)
        )
    ),
    "Functional[P(x,training=None)->Q]": lambda: functional(lambda x: second()(Probe()(x, training=None))),
    "Functional[PT->Q(x,training=None)]": lambda: functional(lambda x: second()(ProbeTrue()(x), training=None)),
    "Functional[LForward default True(P)->Q]": lambda: functional(
        lambda x: second()(custom(Layer, lambda self, x, training=True: self.p(x, training=training), Probe())(x))
    ),
    "Functional[LNo(P)(x,training=True)->Q]": lambda: functional(
        lambda x: second()(custom(Layer, lambda self, x: self.p(x), Probe())(x, training=True))
    ),
    "Subclass: pt(x) then q(x)": subclass(lambda self, x, training=None: self.q(self.p(x)), ProbeTrue, second),
    "Subclass: pt(x) then qf(x)": subclass(
        lambda self, x, training=None: self.q(self.p(x)), ProbeTrue, lambda: ProbeFalse("q")
    ),
    "Subclass: p(x,training=True) then q forwarded": subclass(
        lambda self, x, training=None: self.q(self.p(x, training=True), training=training), Probe, second
    ),
    "Subclass: p if training else q": subclass(branch, Probe, second),
    "Subclass: Functional[P] then q": subclass(
        lambda self, x, training=None: self.q(self.p(x)), lambda: functional(Probe()), second
    ),
    "Subclass: LNo(P)(x,training=None) then q": subclass(
        lambda self, x, training=None: self.q(self.p(x, training=None)),
        lambda: custom(Layer, lambda self, x: self.p(x), Probe()),
        second,
    ),
}


def entered(run: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def compiled(model: Any) -> None:
        model.compile("sgd", "mse", run_eagerly=True)
        run(model)

    return compiled


def taped(model: Any) -> None:
    with tf.GradientTape():
        model(tf.constant(X))


TENSOR = tf.constant(X)
ENTRIES: dict[str, Callable[[Any], Any]] = {
    "m(x)": lambda m: m(TENSOR),
    "m(x,training=None)": lambda m: m(TENSOR, training=None),
    "m(x,training=False)": lambda m: m(TENSOR, training=False),
    "m(x,training=True)": lambda m: m(TENSOR, training=True),
    "predict": entered(lambda m: m.predict(X, verbose=0)),
    "predict_on_batch": entered(lambda m: m.predict_on_batch(X)),
    "fit": entered(lambda m: m.fit(X, Y, verbose=0)),
    "train_on_batch": entered(lambda m: m.train_on_batch(X, Y)),
    "evaluate": entered(lambda m: m.evaluate(X, Y, verbose=0)),
    "test_on_batch": entered(lambda m: m.test_on_batch(X, Y)),
    "GradientTape: m(x)": taped,
    "tf.function: m(x)": lambda m: tf.function(lambda x: m(x))(TENSOR),
    "m.call(x)": lambda m: m.call(TENSOR),
    "m.call(x,training=True)": lambda m: m.call(TENSOR, training=True),
}
BYPASSED = ("Sequential[P]", "Functional[P]", "Subclass call(x)", "Subclass call(x,training=None)->fwd", *EXTRA)


def cases() -> dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]]:
    """Give every case: how to make its model, and how to run it."""
    return {
        f"{name} | {how}": (make, run)
        for name, make in {**MODELS, **EXTRA}.items()
        for how, run in ENTRIES.items()
        if (how not in list(ENTRIES)[10:] or name in BYPASSED)
        and not ("train_step" in name and how == "train_on_batch")
    }


def measure(make: Callable[[], Any], run: Callable[[Any], Any]) -> str:
    """Run one case: give what the probes saw, or the name of the exception."""
    model = make()
    seen.clear()
    try:
        run(model)
    except (TypeError, AttributeError) as error:
        return type(error).__name__
    return " ".join(seen[name] for name in sorted(seen))


if __name__ == "__main__":
    print(json.dumps({case: measure(*how) for case, how in cases().items()}, indent=0))
