"""ONNX models: what the reader makes of a file, held to executing it and to onnx's own parser."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from model_in_memory import effects, facts, is_batch_dependent, is_random, kinds, read_bytes
from modelint.artifacts.batch_axis import Tensor
from modelint.artifacts.model_file import EffectKind
from modelint.facts import UNKNOWN, ModelCall, StaticBatch
from torch_networks import NETWORKS

TRAIN = EffectKind.TRAIN_MODE
ROWS = 4

NOT_SEEN = {("attention over the batch", "script")}
"""Where the shapes that the older exporter computes hide the batch axis."""


@cache
def exported(name: str, exporter: str, rows: int | None = None) -> bytes:
    """A network as ONNX; ``rows`` fixes the batch."""
    make, shape = NETWORKS[name]
    torch.manual_seed(0)
    network = make()
    if name != "conv in train mode":
        network.eval()
    sample = torch.randn(rows or ROWS, *shape)
    written = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        try:
            if exporter == "dynamo":
                open_batch = None if rows else ({0: torch.export.Dim.DYNAMIC},)
                program = torch.onnx.export(
                    network, (sample,), dynamo=True, dynamic_shapes=open_batch, external_data=False, verbose=False
                )
                assert program is not None
                return program.model_proto.SerializeToString()
            torch.onnx.export(
                network,
                (sample,),
                written,
                dynamo=False,
                training=torch.onnx.TrainingMode.PRESERVE,
                do_constant_folding=not network.training,
                input_names=["x"],
                dynamic_axes=None if rows else {"x": {0: "batch"}},
            )
        finally:
            logging.disable(logging.NOTSET)
    return written.getvalue()


EXPORTS = [
    (name, exporter)
    for name in NETWORKS
    for exporter in ("dynamo", "script")
    if (name, exporter) != ("conv without running statistics", "script")  # which that exporter refuses
]


def session(content: bytes) -> onnxruntime.InferenceSession:
    """A session that changes nothing of the graph."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def executed(content: bytes, shape: Sequence[int]) -> tuple[bool, bool | None]:
    """Whether two runs differ; whether a row does beside other rows (None: cannot be told)."""
    run = session(content)
    name = run.get_inputs()[0].name
    random = np.random.default_rng(0)
    first = random.normal(size=(ROWS, *shape)).astype(np.float32)
    second = np.concatenate([first[:1], 3 * random.normal(size=(ROWS - 1, *shape)).astype(np.float32)])

    def rows(batch: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
        return [output[:1] for output in run.run(None, {name: batch}) if output.ndim and len(output) == ROWS]

    def differ(one: list[Any], other: list[Any]) -> bool:
        return any(not np.allclose(a, b, rtol=1e-3, atol=1e-4) for a, b in zip(one, other, strict=True))

    draws = any(differ(rows(first), rows(first)) for _ in range(4))
    return draws, None if draws else differ(rows(first), rows(second))


@pytest.mark.parametrize(("name", "exporter"), EXPORTS)
def test_the_verdict_on_an_exported_network_is_what_running_it_shows(name: str, exporter: str) -> None:
    content = exported(name, exporter)
    file = read_bytes(content)
    draws, mixes = executed(content, NETWORKS[name][1])
    assert not file.unexamined
    assert not file.problems
    assert is_random(file) == draws
    if (name, exporter) in NOT_SEEN:
        assert mixes
        assert not is_batch_dependent(file), "seen now: take it off the list"
    elif mixes is not None:
        assert is_batch_dependent(file) == mixes


@pytest.mark.parametrize(("name", "exporter"), EXPORTS)
def test_reading_agrees_with_the_parser_of_onnx(name: str, exporter: str) -> None:
    content = exported(name, exporter)
    model = onnx.load_from_string(content)
    (entry,) = read_bytes(content).entries
    nodes = [node for node in model.graph.node if node.op_type != "Constant"]
    assert [layer.kind for layer in entry.model.layers] == [node.op_type for node in nodes]
    for layer, node in zip(entry.model.layers, nodes, strict=True):
        assert layer.name == node.name
        for attribute in node.attribute:
            value = helper.get_attribute_value(attribute)
            expected = (
                value.decode() if isinstance(value, bytes) else tuple(value) if isinstance(value, list) else value
            )
            assert layer.config[attribute.name] == (UNKNOWN if isinstance(value, TensorProto) else expected)
    for ports, infos in ((entry.model.inputs, model.graph.input), (entry.model.outputs, model.graph.output)):
        assert [port.name for port in ports] == [info.name for info in infos]
        assert [port.shape for port in ports] == [declared(info) for info in infos]
    makers = {output: index for index, node in enumerate(nodes) for output in node.output}
    edges = [(makers[name], at) for at, node in enumerate(nodes) for name in node.input if name in makers]
    assert sorted(entry.model.edges) == sorted(edges)


def setting(value: Any) -> Any:
    match value:
        case bytes():
            return value.decode()
        case list():
            return tuple(value)
        case TensorProto():
            return UNKNOWN
        case _:
            return value


def declared(info: onnx.ValueInfoProto) -> tuple[int | str | None, ...]:
    dims = info.type.tensor_type.shape.dim
    return tuple(dim.dim_value if dim.HasField("dim_value") else dim.dim_param or None for dim in dims)


def test_the_producer_and_the_operator_set_are_told() -> None:
    file = read_bytes(exported("conv", "script"))
    assert file.format == "ONNX model"
    assert file.producer is not None
    assert file.producer.startswith("pytorch ")
    assert file.producer.endswith(", opset 20")


def test_a_node_of_the_dynamo_exporter_leads_to_its_line_of_source() -> None:
    file = read_bytes(exported("conv without running statistics", "dynamo"))
    (mixing,) = effects(file)
    assert mixing.layer.path == ("norm",)
    place = mixing.layer.place.resolve()
    assert place.path == str(Path(__file__).with_name("torch_networks.py"))
    assert place.span is not None
    line = Path(place.path).read_text().splitlines()[place.span.line - 1]
    assert "self.norm(self.conv(x))" in line


def test_a_batch_of_one_is_a_declaration_and_a_larger_one_is_told() -> None:
    (one,) = facts(read_bytes(exported("conv", "script", 1)), StaticBatch)
    (four,) = facts(read_bytes(exported("conv", "script", 4)), StaticBatch)
    assert (one.size, four.size) == (1, 4)
    assert four.enforced
    assert not facts(read_bytes(exported("conv", "script")), StaticBatch)


def test_train_mode_is_seen_in_a_file_for_single_samples() -> None:
    assert (TRAIN, "BatchNormalization") in kinds(read_bytes(exported("conv in train mode", "script", 1)))


def test_several_layers_in_train_mode_are_one_call_in_train_mode() -> None:
    (call,) = facts(read_bytes(exported("conv in train mode", "script")), ModelCall)
    assert [layer.kind for layer in call.affected] == ["BatchNormalization", "Dropout"]


# Hand-made graphs: versions, constants, branches, functions.

X = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3, 4, 4])
Y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 3, 4, 4])
CHANNELS = [numpy_helper.from_array(np.ones(3, np.float32), name) for name in ("scale", "bias", "mean", "var")]
NORM = ["x", "scale", "bias", "mean", "var"]


def scalar(value: Any, name: str) -> TensorProto:
    return numpy_helper.from_array(np.array(value), name)


def model(
    nodes: Sequence[onnx.NodeProto],
    opset: int,
    constants: Sequence[TensorProto] = (),
    inputs: Sequence[onnx.ValueInfoProto] = (X,),
    outputs: Sequence[onnx.ValueInfoProto] = (Y,),
    **more: Any,
) -> bytes:
    graph = helper.make_graph(list(nodes), "g", list(inputs), list(outputs), list(constants))
    imports = [helper.make_opsetid("", opset), *more.pop("imports", ())]
    return helper.make_model(graph, opset_imports=imports, ir_version=8, **more).SerializeToString()


@pytest.mark.parametrize(
    ("opset", "outputs", "attributes", "trains"),
    [
        (15, ["y"], {}, False),
        (15, ["y", "m", "v"], {"training_mode": 1}, True),
        (15, ["y"], {"training_mode": 0}, False),
        (14, ["y", "m", "v"], {"training_mode": 1}, True),
        (9, ["y"], {}, False),
        (9, ["y", "m", "v", "sm", "sv"], {}, True),
        (9, ["y", "", "", "", ""], {}, False),
        (7, ["y", "m", "v", "sm", "sv"], {}, True),
        (6, ["y"], {}, True),
        (6, ["y"], {"is_test": 1}, False),
    ],
)
def test_where_a_batchnorm_says_that_it_trains_depends_on_the_version(
    opset: int, outputs: list[str], attributes: dict[str, int], trains: bool
) -> None:
    content = model([helper.make_node("BatchNormalization", NORM, outputs, **attributes)], opset, CHANNELS)
    assert kinds(read_bytes(content)) == [(TRAIN, "BatchNormalization")] * trains


@pytest.mark.parametrize("opset", [14, 15, 20])
@pytest.mark.parametrize("training", [0, 1])
def test_a_batchnorm_trains_where_executing_it_shows_so(opset: int, training: int) -> None:
    outputs = ["y", "m", "v"] if training else ["y"]
    node = helper.make_node("BatchNormalization", NORM, outputs, training_mode=training)
    content = model([node], opset, CHANNELS)
    assert is_batch_dependent(read_bytes(content)) == executed(content, (3, 4, 4))[1]


def dropout(inputs: list[str], opset: int = 13, **attributes: Any) -> list[onnx.NodeProto]:
    return [helper.make_node("Dropout", inputs, ["y"], **attributes)]


TRUE = scalar(True, "true")
RATE = scalar(np.float32(0.5), "rate")


@pytest.mark.parametrize(
    ("nodes", "constants", "draws"),
    [
        (dropout(["x", "rate", "true"]), [RATE, TRUE], True),
        (dropout(["x", "", "true"]), [TRUE], True),
        (dropout(["x", "rate", "true"]), [RATE, scalar(False, "true")], False),
        (dropout(["x", "rate", "true"]), [scalar(np.float32(0), "rate"), TRUE], False),
        (dropout(["x", "rate"]), [RATE], False),
        (dropout(["x"]), [], False),
        (
            [
                helper.make_node("Constant", [], ["c"], value=TRUE),
                helper.make_node("Identity", ["c"], ["d"]),
                helper.make_node("Identity", ["d"], ["e"]),
                *dropout(["x", "rate", "e"]),
            ],
            [RATE],
            True,
        ),
    ],
)
def test_a_dropout_drops_where_executing_it_shows_so(nodes: Any, constants: Any, draws: bool) -> None:
    content = model(nodes, 13, constants)
    assert is_random(read_bytes(content)) == draws == executed(content, (3, 4, 4))[0]


@pytest.mark.parametrize(
    ("opset", "is_test", "drops"), [(7, None, False), (11, None, False), (6, 0, True), (6, 1, False)]
)
def test_older_dropouts_drop_by_their_version(opset: int, is_test: int | None, drops: bool) -> None:
    attributes = {} if is_test is None else {"is_test": is_test}
    assert is_random(read_bytes(model(dropout(["x"], **attributes), opset))) == drops


def test_a_mode_that_a_caller_gives_is_his() -> None:
    mode = helper.make_tensor_value_info("true", TensorProto.BOOL, [])
    nodes = dropout(["x", "rate", "true"])
    assert not effects(read_bytes(model(nodes, 13, [RATE], [X, mode])))
    (by_default,) = effects(read_bytes(model(nodes, 13, [RATE, TRUE], [X, mode])))
    assert by_default.by_default


def test_what_no_output_depends_on_does_not_count() -> None:
    nodes = [
        helper.make_node("Dropout", ["x", "rate", "true"], ["unused"]),
        helper.make_node("Shape", ["unused"], ["sizes"]),
        helper.make_node("Reshape", ["x", "sizes"], ["y"]),
    ]
    assert not effects(read_bytes(model(nodes, 13, [RATE, TRUE])))


@pytest.mark.parametrize("condition", [True, False, None])
def test_only_the_branch_that_is_taken_counts(condition: bool | None) -> None:
    branch_output = helper.make_tensor_value_info("b", TensorProto.FLOAT, ["batch", 3, 4, 4])
    live = helper.make_node("Dropout", ["x", "rate", "true"], ["b"], name="live")
    then_branch = helper.make_graph([live], "then", [], [branch_output])
    else_branch = helper.make_graph([helper.make_node("Identity", ["x"], ["b"])], "else", [], [branch_output])
    node = helper.make_node("If", ["c"], ["y"], name="if", then_branch=then_branch, else_branch=else_branch)
    inputs = [X] if condition is not None else [X, helper.make_tensor_value_info("c", TensorProto.BOOL, [])]
    constants = [RATE, TRUE, *([scalar(condition, "c")] if condition is not None else [])]
    content = model([node], 13, constants, inputs)
    file = read_bytes(content)
    if condition is not None:
        assert is_random(file) == condition == executed(content, (3, 4, 4))[0]
    assert [effect.layer.path for effect in effects(file)] == [("if", "then")] * (condition is not False)


def test_a_loop_is_entered_and_nothing_is_claimed_of_what_it_carries() -> None:
    carried = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("before", "after")]
    number = helper.make_tensor_value_info("i", TensorProto.INT64, [])
    go, stay = (helper.make_tensor_value_info(name, TensorProto.BOOL, []) for name in ("go", "stay"))
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["stay"]),
            helper.make_node("ReduceMean", ["before"], ["mean"], axes=[0], keepdims=1),
            helper.make_node("Sub", ["before", "mean"], ["centred"]),
            helper.make_node("RandomNormalLike", ["centred"], ["noise"], seed=3.0),
            helper.make_node("Add", ["centred", "noise"], ["after"]),
        ],
        "body",
        [number, go, carried[0]],
        [stay, carried[1]],
    )
    node = helper.make_node("Loop", ["times", "", "x"], ["y"], body=body)
    (draw,) = effects(read_bytes(model([node], 13, [scalar(np.int64(3), "times")])))
    assert (draw.kind, draw.seed) == (EffectKind.DRAWS, 3)


def test_a_local_function_is_entered_with_the_attributes_of_its_call() -> None:
    norm = helper.make_node("BatchNormalization", NORM, ["y", "m", "v"])
    norm.attribute.append(onnx.AttributeProto(name="training_mode", ref_attr_name="mode", type=onnx.AttributeProto.INT))
    function = helper.make_function(
        "mine", "Norm", NORM, ["y"], [norm], [helper.make_opsetid("", 15)], attributes=["mode"]
    )
    for mode in (0, 1):
        call = helper.make_node("Norm", NORM, ["y"], domain="mine", name="outer", mode=mode)
        content = model([call], 15, CHANNELS, functions=[function], imports=[helper.make_opsetid("mine", 1)])
        file = read_bytes(content)
        assert not file.unexamined
        assert is_batch_dependent(file) == bool(mode)
        assert not mode or executed(content, (3, 4, 4))[1]
        assert [effect.layer.path for effect in effects(file)] == [("outer",)] * mode


@pytest.mark.parametrize("opset", [13, 18])
@pytest.mark.parametrize(("axes", "mixes"), [([0, 2, 3], True), ([2, 3], False), (None, True)])
def test_axes_are_read_from_attribute_and_operand(opset: int, axes: list[int] | None, mixes: bool) -> None:
    constants = []
    attributes = {"axes": axes} if axes and opset < 18 else {}
    inputs = ["x"]
    if axes and opset >= 18:
        constants = [scalar(np.array(axes, np.int64), "axes")]
        inputs = ["x", "axes"]
    nodes = [
        helper.make_node("ReduceMean", inputs, ["mean"], keepdims=1, **attributes),
        helper.make_node("Sub", ["x", "mean"], ["y"]),
    ]
    content = model(nodes, opset, constants)
    assert is_batch_dependent(read_bytes(content)) == mixes == executed(content, (3, 4, 4))[1]


@pytest.mark.parametrize("opset", [11, 13])
@pytest.mark.parametrize("axis", [0, 1, -1, None])
def test_a_softmax_of_an_older_version_covers_all_axes_from_its_own(opset: int, axis: int | None) -> None:
    content = model([helper.make_node("Softmax", ["x"], ["y"], **({} if axis is None else {"axis": axis}))], opset)
    assert is_batch_dependent(read_bytes(content)) == executed(content, (3, 4, 4))[1]


@pytest.mark.parametrize(
    ("equation", "mixes"), [("bchw,bchw->bchw", False), ("bchw,nchw->bchw", True), ("bchw,bcwv->bchv", False)]
)
def test_an_einsum_that_sums_over_samples_mixes_them(equation: str, mixes: bool) -> None:
    content = model([helper.make_node("Einsum", ["x", "x"], ["y"], equation=equation)], 13)
    assert is_batch_dependent(read_bytes(content)) == mixes == executed(content, (3, 4, 4))[1]


def centred(shape: list[Any]) -> bytes:
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[0], keepdims=1),
        helper.make_node("Sub", ["x", "mean"], ["y"]),
    ]
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("x", "y")]
    return model(nodes, 13, (), ports[:1], ports[1:])


@pytest.mark.parametrize("shape", [["batch", 16], ["N", 16], [None, 16], [4, 3, 8, 8], ["unk__7", 16], ["s0", 16]])
def test_an_axis_that_is_the_batch(shape: list[Any]) -> None:
    assert is_batch_dependent(read_bytes(centred(shape)))


@pytest.mark.parametrize(
    "shape",
    [
        ["seq", 16],
        ["time", "batch", 16],
        ["num_points", 3],
        ["s0", "s1", 16],
        ["s0"],
        ["s0", 1, 16],
        [128, 64],
        [1, 16],
        ["sequence_length", 1, 40],
    ],
)
def test_an_axis_that_may_be_something_else_than_the_batch(shape: list[Any]) -> None:
    assert not is_batch_dependent(read_bytes(centred(shape)))


def test_an_axis_along_which_a_recurrent_layer_goes_is_no_batch() -> None:
    weights = [
        numpy_helper.from_array(np.ones((1, 24, 16), np.float32), "w"),
        numpy_helper.from_array(np.ones((1, 24, 6), np.float32), "r"),
    ]
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[0], keepdims=1),
        helper.make_node("Sub", ["x", "mean"], ["centred"]),
        helper.make_node("LSTM", ["centred", "w", "r"], ["y"], hidden_size=6),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["s0", 5, 16])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["s0", 1, 5, 6])
    assert not effects(read_bytes(model(nodes, 13, weights, [x], [y])))


def test_a_state_beside_the_samples_is_no_batch() -> None:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 16])
    state = helper.make_tensor_value_info("state", TensorProto.FLOAT, [2, "batch", 16])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, "batch", 16])
    file = read_bytes(model([helper.make_node("Add", ["x", "state"], ["y"])], 13, (), [x, state], [y]))
    assert not facts(file, StaticBatch)


def test_whole_numbers_decide_lengths_and_not_values() -> None:
    ids = helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch", "seq"])
    y = helper.make_tensor_value_info("y", TensorProto.INT64, ["batch", "seq"])
    nodes = [
        helper.make_node("ReduceMax", ["ids"], ["longest"], keepdims=0),
        helper.make_node("Sub", ["longest", "ids"], ["y"]),
    ]
    assert not effects(read_bytes(model(nodes, 13, (), [ids], [y])))


def test_operators_of_unknown_domains_are_said_to_be_unexamined() -> None:
    node = helper.make_node("Sparkle", ["x"], ["y"], domain="acme")
    file = read_bytes(model([node], 13, imports=[helper.make_opsetid("acme", 1)]))
    assert file.unexamined == ("the custom operator 'acme.Sparkle'",)
    assert file.entries[0].model.opaque


@pytest.mark.parametrize("location", ["../../etc/passwd", "/etc/passwd", "C:\\weights.bin", "a/../../b"])
def test_external_data_that_leads_out_of_the_directory_is_told(location: str) -> None:
    outside = TensorProto(name="w", dims=[3], data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
    outside.external_data.add(key="location", value=location)
    file = read_bytes(model([helper.make_node("Add", ["x", "w"], ["y"])], 13, [outside]))
    (problem,) = file.problems
    assert repr(location) in problem


def test_external_data_beside_the_model_is_no_problem() -> None:
    beside = TensorProto(name="w", dims=[3], data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
    beside.external_data.add(key="location", value="weights.data")
    assert not read_bytes(model([helper.make_node("Add", ["x", "w"], ["y"])], 13, [beside])).problems


def test_the_names_of_all_operators_are_known() -> None:
    from modelint.artifacts.onnx_operators import DRAWS, STANDARD

    names = {schema.name for schema in onnx.defs.get_all_schemas_with_history() if schema.domain == ""}
    assert names <= STANDARD
    assert names >= DRAWS


def test_every_field_that_is_read_is_in_the_schema_of_onnx() -> None:
    from modelint.artifacts.onnx_messages import ELEMENT_TYPES, SCHEMAS

    for name, schema in SCHEMAS.items():
        descriptor = descriptor_of(name)
        for number, field in schema.by_number.items():
            assert descriptor.fields_by_number[number].name == field.name
    assert set(TensorProto.DataType.values()) == set(range(len(ELEMENT_TYPES)))


def descriptor_of(name: str) -> Any:
    inside = {
        "TensorTypeProto": onnx.TypeProto.Tensor.DESCRIPTOR,
        "Dimension": onnx.TensorShapeProto.Dimension.DESCRIPTOR,
    }
    return inside[name] if name in inside else getattr(onnx, name).DESCRIPTOR


def test_small_constants_are_read_however_they_are_stored() -> None:
    from modelint.artifacts.limits import Budget
    from modelint.artifacts.onnx_graph import read_constant
    from modelint.artifacts.onnx_messages import SCHEMAS
    from modelint.artifacts.wire import Message

    for array, expected in stored():
        for raw in (True, False):
            tensor = helper.make_tensor(
                "t",
                helper.np_dtype_to_tensor_dtype(array.dtype),
                array.shape,
                array.tobytes() if raw else array.flatten().tolist(),
                raw=raw,
            )
            message = Message.whole(tensor.SerializeToString(), SCHEMAS["TensorProto"], Budget())
            found = read_constant(message)
            assert found == Tensor(array.shape, known=expected, integral=array.dtype.kind in "iub")


def stored() -> Iterator[tuple[np.ndarray[Any, Any], tuple[int | None, ...]]]:
    yield np.array([1, -2, 3], np.int64), (1, -2, 3)
    yield np.array([[1], [-2]], np.int32), (1, -2)
    yield np.array(True), (1,)
    yield np.array([0.0, 0.5, 2.0], np.float32), (0, None, 2)
    yield np.array([], np.int64), ()
