"""Damaged and hostile SavedModels and graphs: read, or refused with one kind of error, whatever is in them.

The hand-made files are written with the encoder below; the mutations start from files that TensorFlow saved.
"""

from __future__ import annotations

import contextlib
import tracemalloc
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelint.artifacts import graphdef, savedmodel
from modelint.artifacts.files import Data
from modelint.artifacts.limits import MOST_NODES, Budget, MalformedError
from modelint.artifacts.model_file import ModelFile
from modelint.artifacts.tensorflow_flow import MOST_OPERATIONS
from modelint.artifacts.tensorflow_messages import SCHEMAS
from modelint.artifacts.wire import Message

MEMORY = 200 * 2**20
"""Bytes that reading one file may take at most."""


class Bytes:
    """A file or directory in memory, as the readers see it."""

    path = "m"

    def __init__(self, data: bytes, **members: bytes) -> None:
        self.is_directory = bool(members)
        self._members = {name.replace("__", "/") + ".pb": content for name, content in members.items()}
        self._members["saved_model.pb" if members else ""] = data

    def data(self, member: str = "") -> Data | None:
        return self._members.get(member)

    def members(self) -> tuple[str, ...]:
        return tuple(self._members)


def varint(value: int) -> bytes:
    value %= 2**64
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*found, value))


def field(number: int, content: bytes | str | int) -> bytes:
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    content = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(content)) + content


def attr(name: str, value: bytes) -> bytes:
    return field(5, field(1, name) + field(2, value))


def calls(function: str) -> bytes:
    return attr("f", field(10, field(1, function)))


def node(name: str, op: str, inputs: Iterable[str] = (), *attrs: bytes) -> bytes:
    return field(1, name) + field(2, op) + b"".join(field(3, one) for one in inputs) + b"".join(attrs)


def entry(key: str, value: bytes | str) -> bytes:
    return field(1, key) + field(2, value)


def function(name: str, nodes: Iterable[bytes], result: str, effects: Iterable[str] = ()) -> bytes:
    signature = field(1, name) + field(2, field(1, "x")) + field(3, field(1, "y"))
    body = b"".join(field(3, one) for one in nodes) + field(4, entry("y", result))
    return field(1, signature) + body + b"".join(field(6, entry(one, one)) for one in effects)


def graph(nodes: Iterable[bytes], functions: Iterable[bytes] = ()) -> bytes:
    return b"".join(field(1, one) for one in nodes) + field(2, b"".join(field(1, one) for one in functions))


def saved(graph_def: bytes, output: str = "out:0", *, input_name: str = "x:0", objects: bytes = b"") -> bytes:
    shape = field(3, field(2, field(1, -1)) + field(2, field(1, 3)))
    inputs = field(1, entry("x", field(1, input_name) + field(2, 1) + shape))
    signature = field(5, entry("serving_default", inputs + field(2, entry("y", field(1, output) + shape))))
    return field(1, 1) + field(2, field(2, graph_def) + signature + field(7, objects))


PLACEHOLDER = node("x", "Placeholder")


def read(data: bytes, **members: bytes) -> ModelFile | MalformedError:
    """What reading gives; any other exception fails the test."""
    try:
        return savedmodel.read(Bytes(data, **members), Budget())
    except MalformedError as error:
        return error


def refused(data: bytes) -> str:
    found = read(data)
    assert isinstance(found, MalformedError)
    return str(found)


def accepted(data: bytes, **members: bytes) -> ModelFile:
    found = read(data, **members)
    assert isinstance(found, ModelFile), found
    return found


def test_a_graph_of_nothing_but_empty_nodes_is_too_much() -> None:
    assert "more parts than any real model" in refused(saved(b"\x0a\x00" * 5_000_000))
    assert f"more than {MOST_NODES:,} nodes" in refused(saved(b"\x0a\x00" * (MOST_NODES + 1)))


def chain(length: int) -> bytes:
    nodes = [PLACEHOLDER, *(node(f"n{i}", "Relu", [f"n{i - 1}" if i else "x"]) for i in range(length))]
    return saved(graph(nodes), f"n{length - 1}:0")


def test_more_operations_than_any_model_runs_are_too_much() -> None:
    assert "operations run" in refused(chain(MOST_OPERATIONS + 1))


def test_the_largest_graph_that_is_read_takes_bounded_memory() -> None:
    data, length = chain(5000), 5000
    tracemalloc.start()
    found = accepted(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found.entries[0].model.layers) == length
    assert peak * MOST_OPERATIONS / length < MEMORY


def test_messages_in_messages_end_at_a_depth() -> None:
    value = b""
    for _ in range(3000):
        value = field(10, field(1, "f") + field(2, entry("a", value)))
    accepted(saved(graph([PLACEHOLDER, node("out", "Relu", ["x"], attr("deep", value))])))
    nested = b""
    for _ in range(100):
        nested = field(5, field(2, nested))
    message = Message.whole(nested, SCHEMAS["TensorInfo"], Budget())
    for _ in range(32):
        message = next(message.message("composite_tensor").messages("components"))
    with pytest.raises(MalformedError, match="nested more than 64 deep"):
        message.message("composite_tensor")


@pytest.mark.parametrize(
    "part",
    [
        b"\x0b\x0c",
        b"\x0e",
        b"\x0f",
        b"\x00",
        b"\x08" + b"\xff" * 11,
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x0a\x05ab",
        b"\x0d\x00",
        b"\x09\x00",
        b"\xff" * 10,
    ],
)
def test_fields_that_no_message_has_are_refused_with_their_offset(part: bytes) -> None:
    assert "at byte" in refused(field(1, 1) + part)
    assert "at byte" in refused(saved(part))


def test_functions_that_call_themselves_are_unexamined() -> None:
    functions = [
        function("f", [node("c", "PartitionedCall", ["x"], calls("g"))], "c:output:0"),
        function("g", [node("c", "PartitionedCall", ["x"], calls("f"))], "c:output:0"),
    ]
    found = accepted(saved(graph([PLACEHOLDER, node("out", "PartitionedCall", ["x"], calls("f"))], functions)))
    assert found.unexamined == ("the function 'f': it calls itself",)


def test_calls_that_double_at_every_level_are_unexamined() -> None:
    functions = [
        function(
            f"f{level}",
            [
                node("a", "PartitionedCall", ["x"], calls(f"f{level + 1}")),
                node("b", "PartitionedCall", ["a:output:0"], calls(f"f{level + 1}")),
                node("c", "AddV2", ["a:output:0", "b:output:0"]),
            ],
            "c:z:0",
        )
        for level in range(24)
    ]
    functions.append(function("f24", [node("r", "Relu", ["x"])], "r:activations:0"))
    found = accepted(saved(graph([PLACEHOLDER, node("out", "PartitionedCall", ["x"], calls("f0"))], functions)))
    assert found.unexamined
    assert all("there are too many calls" in part for part in found.unexamined)


def test_calls_nested_too_deeply_are_unexamined() -> None:
    functions = [
        function(f"f{level}", [node("a", "PartitionedCall", ["x"], calls(f"f{level + 1}"))], "a:output:0")
        for level in range(5000)
    ]
    found = accepted(saved(graph([PLACEHOLDER, node("out", "PartitionedCall", ["x"], calls("f0"))], functions)))
    assert found.unexamined == ("the function 'f64': its calls are nested too deeply",)


def test_a_call_without_its_function_is_unexamined() -> None:
    missing = node("out", "StatefulPartitionedCall", ["x"], calls("nowhere"))
    nameless = node("out", "StatefulPartitionedCall", ["x"])
    assert accepted(saved(graph([PLACEHOLDER, missing]))).unexamined == (
        "the function 'nowhere': the file does not hold it",
    )
    assert accepted(saved(graph([PLACEHOLDER, nameless]))).unexamined == ("the call 'out': it names no function",)


def test_calls_that_hand_a_value_round_in_a_circle_are_refused() -> None:
    same = function("same", [], "x")
    nodes = [node(f"c{i}", "PartitionedCall", [f"c{(i + 1) % 3}"], calls("same")) for i in range(3)]
    assert "circle" in refused(saved(graph(nodes, [same]), "c0:0"))


def test_a_long_chain_of_calls_takes_no_time_squared() -> None:
    step = function("step", [node("r", "Relu", ["x"]), node("w", "NoOp")], "x", ["r"])
    nodes = [
        PLACEHOLDER,
        *(node(f"c{i}", "PartitionedCall", [f"c{i - 1}" if i else "x"], calls("step")) for i in range(9000)),
    ]
    assert not accepted(saved(graph(nodes, [step]), "c8999:0")).unexamined


@pytest.mark.parametrize(
    "op", ["Relu", "Merge", "Switch", "While", "If", "Case", "Identity", "Mystery", "FusedBatchNormV3"]
)
def test_nodes_in_a_circle_or_without_inputs_are_read(op: str) -> None:
    accepted(
        saved(graph([node("out", op, ["out", "other", "^out"]), node("other", op, ["out:1", "out:x", "nowhere"])]))
    )
    accepted(saved(graph([node("out", op)])))
    accepted(saved(graph([node("out", op, ["x"] * 50, calls("out"))], [function("out", [], "nowhere:0:0")])))


def test_control_flow_with_the_wrong_number_of_anything_is_read() -> None:
    body = function("f", [node("r", "Relu", ["x"])], "r:activations:0")
    for attrs in (
        [attr("cond", field(10, field(1, "f"))), attr("body", field(10, field(1, "f")))],
        [attr("then_branch", field(10, field(1, "f"))), attr("else_branch", field(10, field(1, "g")))],
        [attr("branches", field(1, field(9, field(1, "f")) * 3))],
    ):
        for op in ("While", "If", "Case", "StatelessIf", "PartitionedCall", "MapDefun", "f"):
            for inputs in ([], ["x"], ["x"] * 5):
                for output in ("out:0", "out:7", "out:output:99999999999999999999"):
                    accepted(saved(graph([PLACEHOLDER, node("out", op, inputs, *attrs)], [body]), output))


def test_predicates_that_decide_about_predicates_come_to_an_end() -> None:
    branch = function("same", [], "x")
    attrs = [attr("then_branch", field(10, field(1, "same"))), attr("else_branch", field(10, field(1, "same")))]
    nodes = [PLACEHOLDER, *(node(f"c{i}", "If", [f"c{i - 1}" if i else "x", "x"], *attrs) for i in range(3000))]
    accepted(saved(graph(nodes, [branch]), "c2999:0"))
    tower = [
        node("p0", "Placeholder"),
        *(node(f"p{i}", "LogicalAnd", [f"p{i - 1}", f"p{i - 1}"]) for i in range(1, 200)),
    ]
    accepted(saved(graph([PLACEHOLDER, *tower, node("out", "If", ["p199", "x"], *attrs)], [branch])))


def test_constants_made_of_constants_come_to_an_end() -> None:
    number = field(8, field(1, 3) + field(2, b"") + field(7, 1))
    tower = [node("k0", "Const", [], attr("value", number))]
    tower += [node(f"k{i}", "Pack", [f"k{i - 1}"] * 40) for i in range(1, 60)]
    accepted(saved(graph([PLACEHOLDER, *tower, node("out", "Sum", ["x", "k59"])])))
    wide = field(8, field(1, 3) + field(2, field(2, field(1, 2**62)) * 9) + field(4, b"\x00" * 8))
    accepted(saved(graph([PLACEHOLDER, node("k", "Const", [], attr("value", wide)), node("out", "Sum", ["x", "k"])])))
    endless = [node("a", "Const", [], attr("value", number))]
    endless += [
        node("r", "Range", ["a", "z", "a"]),
        node("z", "Const", [], attr("value", field(8, field(1, 9) + field(10, 2**62)))),
    ]
    accepted(saved(graph([PLACEHOLDER, *endless, node("out", "Sum", ["x", "r"])])))


def test_masks_axes_and_equations_out_of_all_bounds_are_read() -> None:
    def constant(name: str, value: int) -> bytes:
        return node(
            name, "Const", [], attr("value", field(8, field(1, 3) + field(2, field(2, field(1, 2))) + field(7, value)))
        )

    huge = [
        attr(f"{name}_mask", field(3, 2**63 - 1)) for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")
    ]
    odd = [
        attr("axis", field(3, -99)),
        attr("equation", field(2, b"a...b,->->,,...")),
        attr("squeeze_dims", field(1, field(3, -9))),
    ]
    ops = (
        "StridedSlice Slice Transpose Reshape Squeeze ExpandDims ConcatV2 Concat Pack Unpack Split SplitV GatherV2 "
        "Gather BroadcastTo OneHot Einsum MatMul BatchMatMulV2 Mean All ArgMax Softmax Cumsum ReverseV2 Tile Pad "
        "L2Loss Select"
    )
    for op in ops.split():
        for value in (0, 1, -1, 7, -7, 2**31 - 1, -(2**31)):
            for count in range(5):
                nodes = [PLACEHOLDER, constant("k", value), node("out", op, ["x", *["k"] * count], *huge, *odd)]
                accepted(saved(graph(nodes)))
                accepted(
                    saved(graph([PLACEHOLDER, constant("k", value), node("out", op, ["k"] * count + ["x"], *odd)]))
                )


def test_objects_and_layers_in_circles_are_read() -> None:
    child = (
        field(1, field(1, 1) + field(2, "a"))
        + field(1, field(1, 0) + field(2, "b"))
        + field(1, field(1, -5) + field(2, "c"))
    )
    objects = field(1, child) + field(1, child + field(7, field(6, "Variable")))
    objects += field(2, entry("f", field(2, 1) + field(2, -1) + field(2, 2**40)))
    write = function("f", [node("w", "AssignVariableOp", ["x", "x"])], "x", ["w"])
    nodes = [node("v", "VarHandleOp"), node("out", "StatefulPartitionedCall", ["v", "v", "v", "v"], calls("f"))]
    accepted(saved(graph(nodes, [write]), objects=objects))
    for text in (
        b"[" * 100_000,
        b"{}",
        b"null",
        b'{"class_name": 3, "name": [], "config": 7}',
        b"\xff",
        b'{"a":' * 300,
    ):
        layer = field(2, 0) + field(3, "root") + field(4, "_tf_keras_network") + field(5, text)
        found = accepted(saved(graph([PLACEHOLDER, node("out", "Relu", ["x"])])), keras_metadata=field(1, layer))
        assert found.entries


def test_thousands_of_signatures_are_refused() -> None:
    signature = entry("y", field(1, "out:0"))
    data = field(1, 1) + field(2, b"".join(field(5, entry(f"s{i}", field(2, signature))) for i in range(5000)))
    assert "signatures" in refused(data)


def test_names_are_kept_as_they_are_and_text_that_is_none_is_shown_as_escapes() -> None:
    name = "\x1b[31m\n::error::red"
    found = accepted(saved(graph([PLACEHOLDER, node(name, "Relu", ["x"])]), f"{name}"))
    assert found.entries
    accepted(saved(graph([PLACEHOLDER, field(1, b"\xff\xfeout") + field(2, b"Re\xfflu") + field(3, "x")]), "out"))


def test_a_file_that_is_no_graph_is_refused() -> None:
    for data in (b"\x0a\x00", b"\x0a\x03abc", b"\x12\x02\x0a\x00", b"\x22\x00", b"\x0a" + b"\xff" * 30):
        with pytest.raises(MalformedError):
            graphdef.read(Bytes(data), Budget())


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    from saved_model_builders import BUILDERS

    root = tmp_path_factory.mktemp("samples")
    names = (
        "module_that_centres",
        "module_of_two_signatures",
        "session_with_switches_in_train_mode_by_default",
        "module_with_a_loop",
    )
    for name in names:
        BUILDERS[name](Path(root / name))
    return [(root / name / "saved_model.pb").read_bytes() for name in names]


changes = st.lists(
    st.tuples(
        st.sampled_from(["flip", "cut", "repeat", "insert", "swap"]),
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 255),
        st.integers(1, 64),
    ),
    min_size=1,
    max_size=6,
)


def changed(data: bytes, steps: list[tuple[str, float, int, int]]) -> bytes:
    found = bytearray(data)
    for kind, where, byte, length in steps:
        at = int(where * len(found)) if found else 0
        match kind:
            case "flip" if found:
                found[at] ^= byte or 1
            case "cut":
                del found[at : at + length]
            case "repeat":
                found[at:at] = found[at : at + length]
            case "insert":
                found[at:at] = bytes([byte]) * length
            case "swap":
                found[at : at + 2 * length] = found[at + length : at + 2 * length] + found[at : at + length]
    return bytes(found)


@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(which=st.integers(0, 3), steps=changes)
def test_whatever_is_changed_in_a_saved_model_it_is_read_or_refused(samples, which: int, steps) -> None:
    with contextlib.suppress(MalformedError):
        savedmodel.read(Bytes(changed(samples[which], steps)), Budget())


@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(which=st.integers(0, 3), steps=changes)
def test_whatever_is_changed_inside_of_the_nodes_it_is_read_or_refused(samples, which: int, steps) -> None:
    meta = next(Message.whole(samples[which], SCHEMAS["SavedModel"], Budget()).messages("meta_graphs"))
    nodes = list(meta.message("graph_def").ranges("node"))
    for inner in meta.message("graph_def").message("library").messages("function"):
        nodes += inner.ranges("node_def")
    data = bytearray(samples[which])
    for _, where, byte, length in steps:  # bytes for bytes, so that the lengths around stay right
        start, end = nodes[int(where * len(nodes))]
        data[start + (byte * length) % (end - start)] = byte
    with contextlib.suppress(MalformedError):
        savedmodel.read(Bytes(bytes(data)), Budget())


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for reader in (savedmodel, graphdef):
        with contextlib.suppress(MalformedError):
            reader.read(Bytes(data), Budget())
