"""Models of every shape, built with Keras 3 or tf_keras, and what Keras itself says of them.

Each builder takes the module (``keras`` or ``tf_keras``) and gives a model. ``calls_in_order`` and ``modes_when`` ask
Keras for the truth that the readers are held to: the order of its calls, and the mode that each layer is run in.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Builder = Callable[[Any], Any]

RANK_3 = (8, 8, 3)


def plain(keras: Any) -> Any:
    inputs = keras.Input((16,), name="x")
    x = keras.layers.Dense(8, activation="relu", name="first")(inputs)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.Dropout(0.25, name="drop")(x)
    return keras.Model(inputs, keras.layers.Dense(2, name="last")(x), name="plain")


def sequential(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [keras.Input((16,)), layers.Dense(8), layers.BatchNormalization(), layers.GaussianNoise(0.1), layers.Dense(2)]
    )


def sequential_without_input(keras: Any) -> Any:
    return keras.Sequential([keras.layers.Dense(8), keras.layers.Dropout(0.5), keras.layers.Dense(2)])


def nested(keras: Any) -> Any:
    inner_inputs = keras.Input((16,))
    inner = keras.layers.BatchNormalization(name="inner_norm")(keras.layers.Dense(8, name="inner_dense")(inner_inputs))
    inner = keras.Model(inner_inputs, keras.layers.Dropout(0.5, name="inner_drop")(inner), name="inner")
    stack = keras.Sequential(
        [keras.Input((8,)), keras.layers.Dense(16), keras.layers.BatchNormalization()], name="stack"
    )
    inputs = keras.Input((16,))
    x = stack(inner(inputs))
    x = keras.layers.Add()([stack(inner(x)), inputs])  # both called twice
    return keras.Model(inputs, keras.layers.Dense(2)(x))


def twice_nested(keras: Any) -> Any:
    inputs = keras.Input((8,))
    core = keras.Model(inputs, keras.layers.BatchNormalization(name="core_norm")(inputs), name="core")
    inputs = keras.Input((8,))
    middle = keras.Model(inputs, core(keras.layers.Dense(8, name="middle_dense")(inputs)), name="middle")
    inputs = keras.Input((8,))
    return keras.Model(inputs, keras.layers.Dense(1)(middle(inputs)))


def shared(keras: Any) -> Any:
    a, b = keras.Input((16,), name="a"), keras.Input((16,), name="b")
    dense, norm = keras.layers.Dense(8, name="shared_dense"), keras.layers.BatchNormalization(name="shared_norm")
    left, right = norm(dense(a)), norm(dense(b))
    again = dense(keras.layers.Dense(16, name="wide")(left))
    merged = keras.layers.Concatenate()([left, right, again])
    return keras.Model([a, b], [keras.layers.Dense(2, name="p")(merged), keras.layers.Dense(1, name="q")(left)])


def named_inputs(keras: Any) -> Any:
    inputs = {"left": keras.Input((4,), name="left"), "right": keras.Input((4,), name="right")}
    x = keras.layers.Concatenate()([inputs["right"], inputs["left"]])
    return keras.Model(inputs, {"sum": keras.layers.Dense(1, name="total")(x), "both": keras.layers.Dense(2)(x)})


def recurrent(keras: Any) -> Any:
    layers = keras.layers
    inputs = keras.Input((6, 4))
    x = layers.Bidirectional(layers.LSTM(4, dropout=0.2, return_sequences=True), name="both_ways")(inputs)
    x = layers.TimeDistributed(layers.Dense(3, name="each_step"), name="steps")(x)
    cells = [layers.LSTMCell(4, name="lower"), layers.GRUCell(4, dropout=0.1, name="upper")]
    x = layers.RNN(cells, return_sequences=True, name="stacked")(x)
    x = layers.MultiHeadAttention(2, 4, dropout=0.1, name="attention")(x, x)
    return keras.Model(inputs, layers.GRU(2, name="summary")(x))


def time_distributed_model(keras: Any) -> Any:
    layers = keras.layers
    each = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.BatchNormalization()], name="each")
    inputs = keras.Input((5, 4))
    return keras.Model(inputs, layers.GlobalAveragePooling1D()(layers.TimeDistributed(each)(inputs)))


def hard_wired(keras: Any) -> Any:
    inputs = keras.Input((16,))
    x = keras.layers.Dropout(0.5, name="always")(inputs, training=True)
    x = keras.layers.Dense(8)(x)
    x = keras.layers.BatchNormalization(name="never")(x, training=False)
    return keras.Model(inputs, keras.layers.Dense(2)(x))


def hard_wired_before_norm(keras: Any) -> Any:
    inputs = keras.Input((16,))
    x = keras.layers.Dropout(0.5, name="always")(inputs, training=True)
    x = keras.layers.BatchNormalization(name="later")(keras.layers.Dense(8)(x))
    return keras.Model(inputs, keras.layers.Dense(2)(x))


def hard_wired_model(keras: Any) -> Any:
    inner = keras.Sequential([keras.Input((16,)), keras.layers.Dense(8), keras.layers.Dropout(0.5)], name="inner")
    inputs = keras.Input((16,))
    x = inner(inputs, training=True)
    return keras.Model(inputs, keras.layers.BatchNormalization(name="later")(x))


def hard_wired_wrapper(keras: Any) -> Any:
    layers = keras.layers
    inputs = keras.Input((6, 4))
    x = layers.Bidirectional(layers.LSTM(3, dropout=0.3), name="both_ways")(inputs, training=True)
    return keras.Model(inputs, layers.Dropout(0.5, name="later")(x))


def augmented(keras: Any) -> Any:
    layers = keras.layers
    inputs = keras.Input(RANK_3)
    x = layers.Conv2D(4, 3, name="conv")(layers.RandomFlip(name="flip")(inputs))
    x = layers.Dropout(0.5, name="drop")(layers.BatchNormalization(name="norm")(x))
    return keras.Model(inputs, layers.BatchNormalization(name="after_drop")(x))


def augmented_alone(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential([keras.Input(RANK_3), layers.RandomFlip(name="flip"), layers.Flatten(), layers.Dense(2)])


def augmented_sequential(keras: Any) -> Any:
    layers = keras.layers
    stack = [layers.RandomFlip(), layers.Conv2D(4, 3), layers.BatchNormalization(), layers.Dropout(0.5)]
    return keras.Sequential([keras.Input(RANK_3), *stack])


def augmented_in_a_branch(keras: Any) -> Any:
    """The other branch is hit too where it runs later: order, not connection, decides."""
    layers = keras.layers
    inputs = keras.Input(RANK_3)
    flipped = layers.Flatten()(layers.RandomFlip(name="flip")(inputs))
    side = layers.BatchNormalization(name="early_norm")(inputs)
    side = layers.Conv2D(2, 3, name="conv")(side)
    side = layers.Flatten(name="flat_side")(layers.BatchNormalization(name="late_norm")(side))
    return keras.Model(inputs, layers.Dense(2)(layers.Concatenate()([flipped, side])))


def resized(keras: Any) -> Any:
    layers = keras.layers
    inputs = keras.Input(RANK_3)
    x = layers.Conv2D(4, 3)(layers.Resizing(6, 6, name="resize")(inputs))
    return keras.Model(inputs, layers.BatchNormalization(name="norm")(x))


def rescaled(keras: Any) -> Any:
    layers = keras.layers
    inputs = keras.Input(RANK_3)
    x = layers.BatchNormalization(name="norm")(layers.Conv2D(4, 3)(layers.Rescaling(1 / 255)(inputs)))
    return keras.Model(inputs, layers.SpatialDropout2D(0.3)(x))


def augmented_then_reset(keras: Any) -> Any:
    """A layer told training=False ends what the augmentation began."""
    layers = keras.layers
    inputs = keras.Input(RANK_3)
    x = layers.Dropout(0.5, name="off")(layers.RandomFlip(name="flip")(inputs), training=False)
    return keras.Model(inputs, layers.BatchNormalization(name="norm")(x))


def cast_input(keras: Any) -> Any:
    """Inputs of another type than the layer's: 3.10 to 3.15 then record no default."""
    layers = keras.layers
    inputs = keras.Input(RANK_3, dtype="uint8")
    x = layers.Conv2D(4, 3)(layers.RandomFlip(name="flip")(inputs))
    return keras.Model(inputs, layers.BatchNormalization(name="norm")(layers.Dropout(0.5)(x)))


def frozen(keras: Any) -> Any:
    model = plain(keras)
    model.trainable = False
    inputs = keras.Input((16,))
    x = keras.layers.Dropout(0.5, name="head_drop")(model(inputs, training=False))
    return keras.Model(inputs, keras.layers.Dense(1)(x))


def static_batch(keras: Any) -> Any:
    inputs = keras.Input((16,), batch_size=4, name="x")
    return keras.Model(inputs, keras.layers.Dense(2)(inputs), name="fixed")


def stateful(keras: Any) -> Any:
    inputs = keras.Input((5, 3), batch_size=4, name="x")
    return keras.Model(inputs, keras.layers.LSTM(4, stateful=True, name="memory")(inputs), name="remembers")


def softmax_over_the_batch(keras: Any) -> Any:
    inputs = keras.Input((16,))
    return keras.Model(inputs, keras.layers.Softmax(axis=0, name="odd")(keras.layers.Dense(4)(inputs)))


def standardised(keras: Any) -> Any:
    """Backend operations over the batch axis, whose result comes back to each sample."""
    import tensorflow as tf

    inputs = keras.Input((16,))
    if keras.__name__ == "keras":
        x = (inputs - keras.ops.mean(inputs, axis=0)) / (keras.ops.std(inputs, axis=0, keepdims=True) + 1e-3)
    else:
        x = inputs - tf.reduce_mean(inputs, axis=0, keepdims=True)
    return keras.Model(inputs, keras.layers.Dense(2)(x))


def standardised_by_sample(keras: Any) -> Any:
    import tensorflow as tf

    inputs = keras.Input((16,))
    mean = keras.ops.mean if keras.__name__ == "keras" else tf.reduce_mean
    return keras.Model(inputs, keras.layers.Dense(2)(inputs - mean(inputs, axis=1, keepdims=True)))


def given_out_total(keras: Any) -> Any:
    """A total over the batch that is an output of its own mixes nothing into the predictions."""
    import tensorflow as tf

    inputs = keras.Input((16,))
    mean = keras.ops.mean if keras.__name__ == "keras" else tf.reduce_mean
    return keras.Model(inputs, [keras.layers.Dense(2)(inputs), mean(keras.layers.Dense(1)(inputs))])


def with_lambda(keras: Any) -> Any:
    inputs = keras.Input((16,))
    return keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Lambda(lambda x: x * 2, name="double")(inputs)))


def with_custom_layer(keras: Any) -> Any:
    @keras.saving.register_keras_serializable("mine")
    class Doubling(keras.layers.Layer):  # type: ignore[misc, name-defined]
        def call(self, inputs: Any) -> Any:
            return inputs * 2

    inputs = keras.Input((16,))
    return keras.Model(inputs, keras.layers.Dense(2)(Doubling(name="double")(inputs)))


def a_random_graph(keras: Any, seed: int) -> Any:
    """A functional model of random connections: shared layers, dead ends, long and short ways to several outputs."""
    draw = random.Random(seed)
    inputs = [keras.Input((4,)) for _ in range(draw.randint(1, 3))]
    tensors = list(inputs)
    layers: list[Any] = []
    for _ in range(draw.randint(3, 14)):
        taken = [draw.choice(tensors[-6:]) for _ in range(draw.choice((1, 1, 1, 2, 3)))]
        x = keras.layers.Add()(taken) if len(taken) > 1 else taken[0]
        if layers and draw.random() < 0.3:
            layer = draw.choice(layers)
        else:
            kinds = (
                lambda: keras.layers.Dense(4),
                lambda: keras.layers.BatchNormalization(),
                lambda: keras.layers.ReLU(),
            )
            layer = draw.choice(kinds)()
            layers.append(layer)
        tensors.append(layer(x))
    outputs = draw.sample(tensors[len(inputs) :], k=draw.randint(1, 2))
    return keras.Model(inputs, outputs)


BUILDERS: dict[str, Builder] = {
    builder.__name__: builder
    for builder in (
        plain,
        sequential,
        sequential_without_input,
        nested,
        twice_nested,
        shared,
        named_inputs,
        recurrent,
        time_distributed_model,
        hard_wired,
        hard_wired_before_norm,
        hard_wired_model,
        hard_wired_wrapper,
        augmented,
        augmented_alone,
        augmented_sequential,
        augmented_in_a_branch,
        resized,
        rescaled,
        augmented_then_reset,
        cast_input,
        frozen,
        static_batch,
        stateful,
        softmax_over_the_batch,
        standardised,
        standardised_by_sample,
        given_out_total,
    )
}
"""Those that Keras can load again without being given a class or trusting a function."""


# What Keras says


def operation_of(node: Any) -> Any:
    """The layer (or operation) that a node calls."""
    return node.operation if hasattr(node, "operation") else node.layer


def nodes_in_order(model: Any) -> list[Any]:
    """The nodes of a functional model, without inputs, as Keras runs them."""
    graph = getattr(model, "_functional", None) or model
    by_depth = graph._nodes_by_depth
    return [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth] if not node.is_input]


def is_sequential(model: Any) -> bool:
    return type(model).__name__ == "Sequential"


def is_model(layer: Any) -> bool:
    return hasattr(layer, "_nodes_by_depth") or is_sequential(layer)


def calls_in_order(model: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """The leaf calls of a model as Keras runs them, with their paths; what a wrapper wraps before the wrapper."""
    if is_sequential(model):
        called = [layer for layer in model.layers if type(layer).__name__ != "InputLayer"]
    else:
        called = [operation_of(node) for node in nodes_in_order(model)]
    for layer in called:
        yield from _leaves(layer, path)


def _leaves(layer: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    if is_model(layer):
        yield from calls_in_order(layer, (*path, layer.name))
        return
    for inner in _wrapped(layer):
        yield from _leaves(inner, (*path, layer.name))
    yield "/".join((*path, layer.name)), layer


def _wrapped(layer: Any) -> list[Any]:
    kind = type(layer).__name__
    if kind == "Bidirectional":
        return [layer.forward_layer, layer.backward_layer]
    if kind == "TimeDistributed":
        return [layer.layer]
    if kind == "RNN":
        return [layer.cell]
    if kind == "StackedRNNCells":
        return list(layer.cells)
    return []


def an_input_for(model: Any) -> Any:
    """Random numbers in the shape of the model's inputs."""
    draw = np.random.default_rng(0)

    def array(tensor: Any) -> Any:
        shape = [size or 4 for size in tensor.shape]
        if "int" in str(tensor.dtype):
            return draw.integers(0, 255, shape).astype("uint8")
        return draw.normal(size=shape).astype("float32")

    given = getattr(model, "_inputs_struct", getattr(model, "_nested_inputs", model.inputs))
    if isinstance(given, dict):
        return {name: array(tensor) for name, tensor in given.items()}
    arrays = [array(tensor) for tensor in model.inputs]
    return arrays[0] if len(arrays) == 1 else arrays


def modes_when(run: Callable[[Any], object], model: Any) -> dict[str, list[bool | None]]:
    """What ``training`` each leaf layer is run with, by its path, while ``run`` runs the model eagerly."""
    seen: dict[str, list[bool | None]] = {}
    leaves = dict(calls_in_order(model))
    originals = {name: layer.call for name, layer in leaves.items() if hasattr(layer, "call")}

    def watch(name: str, original: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            value = kwargs.get("training")
            seen.setdefault(name, []).append(None if value is None else bool(value))
            return original(*args, **kwargs)

        return call

    for name, original in originals.items():
        leaves[name].call = watch(name, original)
    try:
        run(model)
    finally:
        for name, original in originals.items():
            leaves[name].call = original
    return seen
