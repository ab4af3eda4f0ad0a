"""SavedModels that the tests write with the real libraries: one function for each, which saves into a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import tensorflow as tf
import tf_keras

Builder = Callable[[Path], None]
BUILDERS: dict[str, Builder] = {}


def builder(build: Builder) -> Builder:
    BUILDERS[build.__name__] = build
    return build


def _keras3(folder: Path, *layers: keras.layers.Layer, shape: tuple[int, ...] = (8, 8, 3)) -> None:
    keras.Sequential([keras.Input(shape), *layers]).export(str(folder), verbose=False)


def _keras2(folder: Path, *layers: tf_keras.layers.Layer, shape: tuple[int, ...] = (8, 8, 3)) -> None:
    tf_keras.Sequential([tf_keras.Input(shape), *layers]).save(str(folder), save_format="tf")


class _Hard(keras.layers.Layer):
    """Runs a layer in train mode whatever the caller says."""

    def __init__(self, inner: keras.layers.Layer) -> None:
        super().__init__()
        self.inner = inner

    def build(self, shape):
        self.inner.build(shape)

    def call(self, x):
        return self.inner(x, training=True)


@builder
def keras3_clean(folder: Path) -> None:
    layers = keras.layers
    named = [layers.Conv2D(4, 3, name="first"), layers.BatchNormalization(name="statistics"), layers.Dropout(0.5)]
    _keras3(folder, *named, layers.Flatten(name="flat"), layers.Dense(2, name="last"))


@builder
def keras3_attention_and_normalization(folder: Path) -> None:
    layers = keras.layers
    inputs = keras.Input((6, 8))
    x = layers.MultiHeadAttention(2, 4)(inputs, inputs)
    x = layers.LayerNormalization()(x + inputs)
    x = layers.GroupNormalization(2)(x)
    x = layers.Softmax()(layers.GlobalAveragePooling1D()(layers.LSTM(4, return_sequences=True)(x)))
    keras.Model(inputs, x).export(str(folder), verbose=False)


@builder
def keras3_batch_statistics(folder: Path) -> None:
    layers = keras.layers
    _keras3(folder, layers.Conv2D(4, 3), _Hard(layers.BatchNormalization()), layers.Flatten(), layers.Dense(2))


@builder
def keras3_batch_statistics_behind_lstm(folder: Path) -> None:
    layers = keras.layers
    _keras3(folder, layers.LSTM(4, return_sequences=True), _Hard(layers.BatchNormalization()), shape=(5, 3))


@builder
def keras3_live_dropout(folder: Path) -> None:
    _keras3(folder, keras.layers.Flatten(), _Hard(keras.layers.Dropout(0.5)), keras.layers.Dense(2))


@builder
def keras3_leaking_augmentation(folder: Path) -> None:
    layers = keras.layers
    _keras3(folder, layers.RandomFlip(), layers.Conv2D(4, 3), layers.BatchNormalization(), layers.Flatten())


@builder
def keras3_softmax_over_the_batch(folder: Path) -> None:
    _keras3(folder, keras.layers.Dense(3), keras.layers.Softmax(axis=0), shape=(4,))


@builder
def keras3_greatest_of_all(folder: Path) -> None:
    inputs = keras.Input((4,))
    keras.Model(inputs, inputs / (1.0 + keras.ops.max(keras.ops.abs(inputs)))).export(str(folder), verbose=False)


@builder
def keras3_minibatch_deviation(folder: Path) -> None:
    inputs = keras.Input((4,))
    spread = keras.ops.mean(keras.ops.std(inputs, axis=0, keepdims=True), axis=1, keepdims=True)
    spread = spread + keras.ops.zeros_like(inputs[:, :1])
    joined = keras.layers.Concatenate()([inputs, spread])
    keras.Model(inputs, joined).export(str(folder), verbose=False)


@builder
def keras3_rotated_samples(folder: Path) -> None:
    inputs = keras.Input((4,))
    keras.Model(inputs, keras.ops.roll(inputs, 1, axis=0)).export(str(folder), verbose=False)


@builder
def keras3_own_axes_only(folder: Path) -> None:
    inputs = keras.Input((4, 5))
    x = keras.ops.transpose(inputs, (1, 0, 2))
    x = x - keras.ops.mean(x, axis=0, keepdims=True)
    x = keras.ops.transpose(x, (1, 0, 2))
    x = keras.ops.roll(keras.ops.flip(keras.ops.cumsum(x, axis=1), axis=2), 1, axis=1)
    x = keras.ops.softmax(keras.ops.reshape(x, (-1, 20)), axis=-1)
    x = keras.ops.einsum("bi,ij->bj", x, keras.ops.ones((20, 3))) + keras.ops.logsumexp(x, axis=1, keepdims=True)
    keras.Model(inputs, x).export(str(folder), verbose=False)


@builder
def keras2_clean(folder: Path) -> None:
    layers = tf_keras.layers
    _keras2(folder, layers.Conv2D(4, 3), layers.BatchNormalization(), layers.Dropout(0.5), layers.Flatten())


@builder
def keras2_layer_normalization(folder: Path) -> None:
    layers = tf_keras.layers
    _keras2(folder, layers.LayerNormalization(), layers.UnitNormalization(), layers.Flatten(), layers.Dense(2))


@builder
def keras2_hard_wired(folder: Path) -> None:
    layers = tf_keras.layers
    inputs = tf_keras.Input((8, 8, 3), name="image")
    x = layers.Conv2D(4, 3, name="first")(inputs)
    x = layers.BatchNormalization(name="statistics")(x, training=True)
    tf_keras.Model(inputs, layers.Flatten(name="flat")(x), name="net").save(str(folder), save_format="tf")


@builder
def keras2_live_dropout(folder: Path) -> None:
    inputs = tf_keras.Input((6,))
    x = tf_keras.layers.Dropout(0.5, name="thinned")(inputs, training=True)
    tf_keras.Model(inputs, x).save(str(folder), save_format="tf")


@builder
def keras2_live_noise(folder: Path) -> None:
    inputs = tf_keras.Input((6,))
    x = tf_keras.layers.GaussianNoise(0.5, name="noise")(inputs, training=True)
    tf_keras.Model(inputs, x).save(str(folder), save_format="tf")


@builder
def keras2_stateful_recurrence(folder: Path) -> None:
    inputs = tf_keras.Input(batch_shape=(4, 5, 3))
    x = tf_keras.layers.LSTM(4, stateful=True, name="memory")(inputs)
    tf_keras.Model(inputs, x).save(str(folder), save_format="tf")


@builder
def keras2_softmax_over_the_batch(folder: Path) -> None:
    _keras2(folder, tf_keras.layers.Dense(3), tf_keras.layers.Softmax(axis=0), shape=(4,))


class _Two(tf.Module):
    """Two signatures of one function whose mode is a tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = tf.Variable(tf.random.stateless_normal((3, 3, 3, 4), (1, 2)))
        self.scale = tf.Variable(tf.ones(4))
        self.offset = tf.Variable(tf.zeros(4))

    @tf.function(input_signature=[tf.TensorSpec((None, 8, 8, 3)), tf.TensorSpec((), tf.bool)])
    def forward(self, x, training):
        x = tf.nn.conv2d(x, self.kernel, 1, "SAME")

        def train():
            y, *_ = tf.compat.v1.nn.fused_batch_norm(x, self.scale, self.offset, is_training=True)
            return y

        def infer():
            zeros, ones = tf.zeros(4), tf.ones(4)
            y, *_ = tf.compat.v1.nn.fused_batch_norm(x, self.scale, self.offset, zeros, ones, is_training=False)
            return y

        return tf.cond(training, train, infer)

    @tf.function(input_signature=[tf.TensorSpec((None, 8, 8, 3))])
    def serve(self, x):
        return {"y": self.forward(x, tf.constant(False))}

    @tf.function(input_signature=[tf.TensorSpec((None, 8, 8, 3))])
    def learn(self, x):
        return {"y": self.forward(x, tf.constant(True))}


@builder
def module_of_two_signatures(folder: Path) -> None:
    module = _Two()
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve, "learn": module.learn})


@builder
def module_with_the_mode_as_an_input(folder: Path) -> None:
    module = _Two()
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.forward})


class _Counter(tf.Module):
    """Counts its calls, and adds the count to what it returns."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = tf.Variable(0.0)

    @tf.function(input_signature=[tf.TensorSpec((None, 3))])
    def serve(self, x):
        self.calls.assign_add(1.0)
        return {"y": x + self.calls}


@builder
def module_that_counts(folder: Path) -> None:
    module = _Counter()
    tf.saved_model.save(module, str(folder), signatures=module.serve)


class _Loop(tf.Module):
    """A loop that halves until small, over each sample's own greatest value; draws with constant seeds."""

    @tf.function(input_signature=[tf.TensorSpec((None, 3))])
    def serve(self, x):
        x += tf.random.stateless_normal((3,), (1, 2))
        for _ in tf.range(3):
            x = x / 2.0 + tf.reduce_max(x, axis=1, keepdims=True)
        return {"y": x}


@builder
def module_with_a_loop(folder: Path) -> None:
    module = _Loop()
    tf.saved_model.save(module, str(folder), signatures=module.serve)


class _Longest(tf.Module):
    """Goes as many steps as its longest sample has, and masks with it; no sample sees another."""

    @tf.function(input_signature=[tf.TensorSpec((None, 6))])
    def serve(self, x):
        lengths = tf.reduce_sum(tf.cast(x > 0.0, tf.int32), axis=1)
        longest = tf.reduce_max(lengths)
        total = tf.zeros_like(x[:, 0])
        for step in tf.range(longest):
            total = tf.where(step < lengths, total + x[:, step], total)
        mask = tf.cast(tf.sequence_mask(lengths, longest), tf.float32)
        mask = tf.pad(mask, [[0, 0], [0, 6 - longest]])
        return {"y": tf.reshape(total[:, None] + x * mask, [-1, 6])}


@builder
def module_with_as_many_steps_as_the_longest_sample(folder: Path) -> None:
    module = _Longest()
    tf.saved_model.save(module, str(folder), signatures=module.serve)


class _Similar(tf.Module):
    """Centres samples on the mean of their batch inside a loop and a nested function."""

    @tf.function(input_signature=[tf.TensorSpec((None, 3))])
    def serve(self, x):
        return {"y": self.centred(x), "mean": tf.reduce_mean(x)}

    @tf.function
    def centred(self, x):
        return x - tf.reduce_sum(x, axis=[0], keepdims=True) / tf.cast(tf.shape(x)[0], tf.float32)


@builder
def module_that_centres(folder: Path) -> None:
    module = _Similar()
    tf.saved_model.save(module, str(folder), signatures=module.serve)


def _session(folder: Path, training: bool | None, *, switches: bool) -> None:
    """A graph of TensorFlow 1 whose mode is a placeholder, with a default unless it is None."""
    v1 = tf.compat.v1
    (v1.disable_control_flow_v2 if switches else v1.enable_control_flow_v2)()
    graph = tf.Graph()
    with graph.as_default(), v1.Session(graph=graph) as session:
        x = v1.placeholder(tf.float32, (None, 6), name="x")
        if training is None:
            mode = v1.placeholder(tf.bool, (), name="mode")
        else:
            mode = v1.placeholder_with_default(tf.constant(training), (), name="mode")
        weight = v1.get_variable("weight", (6, 4), initializer=v1.ones_initializer())
        y = tf.cond(mode, lambda: v1.nn.dropout(x, rate=0.5), lambda: x) @ weight
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(
            session, str(folder), {"x": x} | ({"mode": mode} if training is None else {}), {"y": y}
        )
    v1.enable_control_flow_v2()


@builder
def session_in_train_mode_by_default(folder: Path) -> None:
    _session(folder, True, switches=False)


@builder
def session_in_inference_mode_by_default(folder: Path) -> None:
    _session(folder, False, switches=False)


@builder
def session_with_switches_in_train_mode_by_default(folder: Path) -> None:
    _session(folder, True, switches=True)


@builder
def session_with_switches_in_inference_mode_by_default(folder: Path) -> None:
    _session(folder, False, switches=True)


@builder
def session_with_switches_whose_caller_decides(folder: Path) -> None:
    _session(folder, None, switches=True)
