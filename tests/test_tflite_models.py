"""TFLite files: what the reader makes of them, held to the Interpreter that executes them and to its schema."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from model_in_memory import InMemory, effects, facts, is_batch_dependent, is_random, kinds, read_bytes
from modelint.artifacts.model_file import EffectKind
from modelint.artifacts.tflite_operators import ELEMENT_TYPES, OPERATORS, OPTIONS
from modelint.facts import StaticBatch

ROWS = 4
MIXES, WRITES, TRAIN = EffectKind.MIXES, EffectKind.WRITES, EffectKind.TRAIN_MODE
layers = keras.layers


def norm() -> Any:
    inputs = keras.Input((8,), name="x")
    return keras.Model(inputs, layers.BatchNormalization(name="norm")(inputs))


def image_norm() -> Any:
    inputs = keras.Input((6, 6, 3), name="x")
    x = layers.BatchNormalization()(layers.Conv2D(4, 3)(inputs))
    return keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(x)))


def attention() -> Any:
    inputs = keras.Input((5, 8), name="x")
    x = layers.LayerNormalization()(layers.MultiHeadAttention(2, 4)(inputs, inputs))
    return keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling1D()(x)))


def mobile() -> Any:
    return keras.applications.MobileNetV2((32, 32, 3), weights=None, classes=3, alpha=0.35)


def function(compute: Callable[[Any], Any], shape: Sequence[int | None] = (None, 8)) -> Any:
    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32, name="x")], autograph=False)
        def __call__(self, x: Any) -> Any:
            return compute(x)

    return Module()


def in_train_mode(model: Any) -> Any:
    module = function(lambda x: model(x, training=True), model.input_shape)
    module.model = model
    return module


class Counting(tf.Module):
    def __init__(self) -> None:
        super().__init__()
        self.seen = tf.Variable(0.0, name="seen")

    @tf.function(input_signature=[tf.TensorSpec((None, 8), tf.float32, name="x")])
    def __call__(self, x: Any) -> Any:
        return x + self.seen.assign_add(1.0)


def softmax_by_hand(x: Any) -> Any:
    e = tf.exp(x - tf.reduce_max(x))
    return e / tf.reduce_sum(e, -1, keepdims=True)


def branch(x: Any) -> Any:
    return tf.cond(tf.reduce_sum(x) > 1e9, lambda: x + tf.random.uniform(tf.shape(x)), lambda: x * 2.0)


def flex_norm(*, training: bool) -> Callable[[Any], Any]:
    def compute(x: Any) -> Any:
        ones = tf.ones((3,))
        mean, variance = ((tf.zeros((0,)),) * 2) if training else (ones, ones)
        return tf.raw_ops.FusedBatchNormV3(
            x=x, scale=ones, offset=ones, mean=mean, variance=variance, is_training=training
        ).y

    return compute


IMAGE = (None, 4, 4, 3)
Operators = tuple[Any, ...]
OWN: Operators = (tf.lite.OpsSet.TFLITE_BUILTINS,)
FLEX: Operators = (tf.lite.OpsSet.SELECT_TF_OPS,)
MODELS: dict[str, tuple[Callable[[], Any], Operators]] = {
    "norm": (norm, OWN),
    "norm in train mode": (lambda: in_train_mode(norm()), OWN),
    "image norm": (image_norm, OWN),
    "image norm in train mode": (lambda: in_train_mode(image_norm()), OWN),
    "attention": (attention, OWN),
    "mobile": (mobile, OWN),
    "softmax over the batch": (lambda: function(lambda x: tf.nn.softmax(x, 0)), OWN),
    "softmax": (lambda: function(tf.nn.softmax), OWN),
    "softmax by hand": (lambda: function(softmax_by_hand), OWN),
    "centred": (lambda: function(lambda x: x - tf.reduce_mean(x, 0)), OWN),
    "centred by sample": (lambda: function(lambda x: x - tf.reduce_mean(x, 1, keepdims=True)), OWN),
    "over the largest": (lambda: function(lambda x: x / tf.reduce_max(tf.abs(x))), OWN),
    "gram": (lambda: function(lambda x: x @ (tf.transpose(x) @ x)), OWN),
    "reshaped": (lambda: function(lambda x: tf.reshape(tf.reshape(x, (-1, 2, 4)) * 2.0, (tf.shape(x)[0], 8))), OWN),
    "loss beside": (lambda: function(lambda x: {"y": x * 2.0, "loss": tf.reduce_mean(x)}), OWN),
    "noise": (lambda: function(lambda x: x + tf.random.normal(tf.shape(x))), OWN),
    "dropout": (lambda: function(lambda x: tf.nn.dropout(x, 0.5)), OWN),
    "the same numbers": (lambda: function(lambda x: x + tf.random.stateless_uniform((8,), (1, 2))), FLEX),
    "branch": (lambda: function(branch), OWN),
    "flex centred": (lambda: function(lambda x: x - tf.reduce_mean(x, 0)), FLEX),
    "flex noise": (lambda: function(lambda x: x + tf.random.normal(tf.shape(x))), FLEX),
    "flex norm": (lambda: function(flex_norm(training=False), IMAGE), FLEX),
    "flex norm in train mode": (lambda: function(flex_norm(training=True), IMAGE), FLEX),
}


@cache
def converted(name: str) -> bytes:
    make, operators = MODELS[name]
    keras.utils.set_random_seed(0)
    model = make()
    return convert(model, operators, variables=hasattr(model, "model"))


def convert(model: Any, operators: Operators = OWN, *, variables: bool = False) -> bytes:
    if variables:
        return convert_with_first_values(model)
    if isinstance(model, keras.Model):
        converter = tf.lite.TFLiteConverter.from_keras_model(model)
    else:
        converter = tf.lite.TFLiteConverter.from_concrete_functions([model.__call__.get_concrete_function()], model)
    converter.target_spec.supported_ops = list(operators)
    return bytes(converter.convert())


def convert_with_first_values(module: Any) -> bytes:
    """Convert by way of an archive, for only its graph gives variables their first values."""
    archive = keras.export.ExportArchive()
    archive.track(module)
    archive.add_endpoint("serve", module.__call__)
    with tempfile.TemporaryDirectory() as directory:
        archive.write_out(directory, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(directory)
        converter.experimental_enable_resource_variables = True
        return bytes(converter.convert())


def interpreter(content: bytes) -> Any:
    return tf.lite.Interpreter(model_content=content, num_threads=1)


def executed(content: bytes) -> tuple[bool, bool | None]:
    """Whether two runs differ; whether a row does beside other rows (None: cannot be told)."""
    run = interpreter(content)
    (given,) = run.get_input_details()
    shape = (ROWS, *given["shape"][1:])
    run.resize_tensor_input(given["index"], shape)
    run.allocate_tensors()
    random = np.random.default_rng(0)
    first = random.normal(size=shape).astype(np.float32)
    second = np.concatenate([first[:1], 3 * random.normal(size=(ROWS - 1, *shape[1:])).astype(np.float32)])

    def rows(batch: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
        run.set_tensor(given["index"], batch)
        run.invoke()
        outputs = [run.get_tensor(output["index"]) for output in run.get_output_details()]
        return [output[:1] for output in outputs if output.ndim and len(output) == ROWS]

    def differ(one: list[Any], other: list[Any]) -> bool:
        return any(not np.allclose(a, b, rtol=1e-3, atol=1e-5) for a, b in zip(one, other, strict=True))

    assert all(np.isfinite(output).all() for output in rows(first))
    draws = any(differ(rows(first), rows(first)) for _ in range(4))
    return draws, None if draws else differ(rows(first), rows(second))


NOT_RUN = {"branch", *(name for name, (_, operators) in MODELS.items() if operators is FLEX)}
"""Draws only in the branch that is never taken, or needs TensorFlow's operators, which the Interpreter lacks."""


@pytest.mark.parametrize("name", MODELS)
def test_the_verdict_on_a_converted_model_is_what_running_it_shows(name: str) -> None:
    content = converted(name)
    file = read_bytes(content)
    assert not file.unexamined
    assert not file.problems
    assert not [effect for effect in effects(file) if effect.kind is WRITES and not effect.moving]
    if name in NOT_RUN:
        return  # its verdict has a test of its own
    draws, mixes = executed(content)
    assert is_random(file) == draws
    if mixes is not None:
        assert is_batch_dependent(file) == mixes


@pytest.mark.parametrize("name", MODELS)
def test_reading_agrees_with_the_interpreter(name: str) -> None:
    content = converted(name)
    (entry,) = read_bytes(content).entries
    run = interpreter(content)
    details = [detail["op_name"] for detail in run._get_ops_details() if detail["op_name"] != "DELEGATE"]
    own = [layer.kind for layer in entry.model.layers if not layer.path]
    assert own == [name for name in details if name != "TfLiteFlexDelegate"]
    for ports, expected in (
        (entry.model.inputs, run.get_input_details()),
        (entry.model.outputs, run.get_output_details()),
    ):
        shapes = [tuple(size if size >= 0 else None for size in detail["shape_signature"]) for detail in expected]
        assert [port.shape for port in ports] == shapes
        assert [port.dtype for port in ports] == [np.dtype(detail["dtype"]).name for detail in expected]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("flex norm", []),
        ("flex norm in train mode", [(TRAIN, "FlexFusedBatchNormV3")]),
        ("flex centred", [(MIXES, "FlexMean")]),
        ("flex noise", [(EffectKind.DRAWS, "FlexRandomStandardNormal")]),
        ("the same numbers", []),
    ],
)
def test_operators_of_tensorflow_are_examined(name: str, expected: list[Any]) -> None:
    assert kinds(read_bytes(converted(name))) == expected


def test_the_draw_of_a_branch_is_found_in_the_branch() -> None:
    (draw,) = effects(read_bytes(converted("branch")))
    assert draw.kind is EffectKind.DRAWS
    assert len(draw.layer.path) == 1


def test_the_attributes_of_tensorflow_operators_are_read_back() -> None:
    configs = [layer.config for layer in read_bytes(converted("flex norm in train mode")).entries[0].model.layers]
    assert any(config.get("is_training") is True for config in configs)


def test_mean_and_variance_of_one_layer_are_one_effect() -> None:
    assert [kind for kind, _ in kinds(read_bytes(converted("image norm in train mode")))].count(MIXES) == 1


def test_a_variable_that_is_written_is_named_as_state() -> None:
    content = convert(Counting(), variables=True)
    file = read_bytes(content)
    assert [(effect.kind, effect.what) for effect in effects(file)] == [(WRITES, "seen")]
    assert remembers(content)


def test_a_recurrent_layer_keeps_its_state_between_runs_where_it_is_a_variable() -> None:
    import tf_keras

    inputs = tf_keras.Input((6, 5), batch_size=1)
    model = tf_keras.Model(inputs, tf_keras.layers.Dense(2)(tf_keras.layers.LSTM(4)(inputs)))
    module = function(lambda x: model(x, training=False), (1, 6, 5))
    module.model = model
    file = read_bytes(convert(module))
    assert "UNIDIRECTIONAL_SEQUENCE_LSTM" in [layer.kind for layer in file.entries[0].model.layers]
    written = [effect for effect in effects(file) if effect.kind is WRITES]
    assert bool(written) == remembers(convert(module))


def remembers(content: bytes) -> bool:
    """Whether the same input gives another answer the second time."""
    run = interpreter(content)
    run.allocate_tensors()
    (given,), (result,) = run.get_input_details(), run.get_output_details()
    answers = []
    for _ in range(2):
        run.set_tensor(given["index"], np.ones(given["shape"], np.float32))
        run.invoke()
        answers.append(run.get_tensor(result["index"]))
    return not np.allclose(*answers)


def test_a_fixed_batch_is_a_note_because_a_runtime_can_resize_it() -> None:
    doubled = convert(function(lambda x: x * 2.0, (4, 8)))
    (batch,) = facts(read_bytes(doubled), StaticBatch)
    assert (batch.size, batch.enforced) == (4, False)
    assert not facts(read_bytes(converted("centred")), StaticBatch)


def test_a_graph_with_several_names_is_read_once_and_has_them_all(tmp_path: Path) -> None:
    module = function(lambda x: x - tf.reduce_mean(x, 0))
    tf.saved_model.save(module, str(tmp_path), signatures={"predict": module.__call__, "score": module.__call__})
    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path), signature_keys=["predict", "score"])
    file = read_bytes(bytes(converter.convert()))
    assert {name for entry in file.entries for name in entry.names} == {"predict", "score"}
    assert all(entry.model.inputs[0].name == "x" for entry in file.entries)


@cache
def schema() -> Any:
    """The schema's own reader, generated by the FlatBuffers compiler."""
    path = Path(tf.__file__).parent / "lite" / "python" / "schema_py_generated.py"
    spec = importlib.util.spec_from_file_location("schema_py_generated", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", MODELS)
def test_tensors_and_operators_agree_with_the_generated_reader(name: str) -> None:
    from modelint.artifacts.flatbuffer import FlatBuffer
    from modelint.artifacts.limits import Budget
    from modelint.artifacts.tflite_graph import read_file

    content = converted(name)
    file = read_file(FlatBuffer(content, Budget()))
    model = schema().ModelT.InitFromObj(schema().Model.GetRootAs(content, 0))
    assert len(file.subgraphs) == len(model.subgraphs)
    for graph, expected in zip(file.subgraphs, model.subgraphs, strict=True):
        assert graph.inputs == tuple(expected.inputs)
        assert graph.outputs == tuple(expected.outputs)
        for tensor, other in zip(graph.tensors, expected.tensors, strict=True):
            assert tensor.name.encode() == other.name
            assert tensor.dtype == ELEMENT_TYPES[other.type]
            assert tensor.buffer == other.buffer
            assert tensor.is_variable == bool(other.isVariable)
        for operator, other in zip(graph.operators, expected.operators, strict=True):
            code = model.operatorCodes[other.opcodeIndex]
            assert operator.kind == (code.customCode.decode() if code.customCode else OPERATORS[code.builtinCode])
            assert operator.inputs == tuple(other.inputs)
            assert operator.outputs == tuple(other.outputs)
            if other.builtinOptions is not None and operator.kind in OPTIONS:
                assert_options(operator.options, other.builtinOptions)


def assert_options(options: Any, expected: Any) -> None:
    for name, value in options.items():
        attribute = {"stride_w": "strideW", "stride_h": "strideH", "width": "filterWidth", "height": "filterHeight"}
        words = name.split("_")
        camel = attribute.get(name, words[0] + "".join(word.capitalize() for word in words[1:]))
        other = getattr(expected, camel)
        if isinstance(value, tuple):
            assert value == tuple(other)
        elif isinstance(value, str):
            assert value.encode() == other
        else:
            assert value == other or (value is None and other is None)


def test_the_tables_agree_with_the_schema() -> None:
    numbers = {number: name for name, number in vars(schema().BuiltinOperator).items() if isinstance(number, int)}
    assert [numbers[number] for number in range(len(numbers))] == list(OPERATORS)[: len(numbers)]
    types = {number: name.lower() for name, number in vars(schema().TensorType).items() if isinstance(number, int)}
    assert [types[number] for number in range(len(types))] == list(ELEMENT_TYPES)[: len(types)]


def test_a_file_is_found_by_its_content() -> None:
    from modelint.artifacts.sniffing import format_of

    assert format_of(InMemory(converted("norm"))) == "tflite"
