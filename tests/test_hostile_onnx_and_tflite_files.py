"""Damaged and hostile ONNX and TFLite files: one clear answer, within bounds, whatever the bytes."""

from __future__ import annotations

import random
import struct
import tracemalloc
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from model_in_memory import InMemory, read_bytes
from modelint.artifacts import onnx as onnx_reader
from modelint.artifacts import tflite as tflite_reader
from modelint.artifacts.files import ModelFiles
from modelint.artifacts.limits import Budget, MalformedError
from modelint.artifacts.model_file import ModelFile
from modelint.artifacts.reading import read_model
from modelint.artifacts.served import program_of
from modelint.documents import Unreadable
from modelint.facts import Settings

MEMORY = 200 * 2**20
STEPS = 4_000_000

Reader = Callable[[ModelFiles, Budget], ModelFile]


def answered(reader: Reader, content: bytes) -> str | None:
    """What is wrong with a file; None if it could be read, and its facts be made."""
    budget = Budget()
    try:
        file = reader(InMemory(content), budget)
    except MalformedError as error:
        return str(error)
    program_of(file, Settings())
    assert budget.left >= 0
    return None


def traced(reader: Reader, content: bytes) -> tuple[str | None, int]:
    """The same, and the most memory that it took in bytes."""
    tracemalloc.start()
    try:
        return answered(reader, content), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# ONNX


def port(name: str) -> object:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 4])


def onnx_model(nodes: list[object], **more: object) -> bytes:
    graph = helper.make_graph(nodes, "g", [port("x")], [port("y")], more.pop("constants", []))
    imports = [helper.make_opsetid("", 13), helper.make_opsetid("f", 1)]
    return helper.make_model(graph, opset_imports=imports, **more).SerializeToString()


def node(kind: str, inputs: list[str], outputs: list[str], **more: object) -> object:
    return helper.make_node(kind, inputs, outputs, **more)


@pytest.fixture(scope="module")
def network() -> bytes:
    """A small model with most of what a file can hold."""
    branch = helper.make_graph([node("Identity", ["d"], ["b"])], "branch", [], [port("b")])
    function = helper.make_function(
        "f", "Twice", ["a"], ["c"], [node("Add", ["a", "a"], ["c"])], [helper.make_opsetid("", 13)]
    )
    constants = [
        numpy_helper.from_array(np.array(True), "true"),
        numpy_helper.from_array(np.array([0, -1], np.int64), "shape"),
        numpy_helper.from_array(np.ones((4, 4), np.float32), "w"),
    ]
    nodes = [
        node("MatMul", ["x", "w"], ["a"]),
        node("ReduceMean", ["a"], ["m"], axes=[0], keepdims=1),
        node("Sub", ["a", "m"], ["s"]),
        node("Reshape", ["s", "shape"], ["r"]),
        node("Dropout", ["r", "", "true"], ["d"], name="drop"),
        node("If", ["true"], ["i"], then_branch=branch, else_branch=branch),
        node("Twice", ["i"], ["t"], domain="f"),
        node("Softmax", ["t"], ["y"], axis=0),
    ]
    return onnx_model(nodes, constants=constants, functions=[function], ir_version=8)


def test_the_network_is_read(network: bytes) -> None:
    assert len(read_bytes(network).entries[0].effects) >= 3


def varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def nested_ifs(depth: int) -> bytes:
    graph = b""
    for _ in range(depth):
        attribute = field(1, b"then_branch") + field(6, graph) + b"\xa0\x01\x05"
        graph = field(1, field(4, b"If") + field(5, attribute))
    return b"\x08\x08" + field(7, graph)


def calls_of_calls(depth: int) -> bytes:
    """Each function calls the next one twice: two to the power of ``depth`` nodes."""
    functions = []
    for level in range(depth):
        inner = [node(f"F{level + 1}", ["a"], ["b"], domain="f"), node(f"F{level + 1}", ["b"], ["c"], domain="f")]
        functions.append(helper.make_function("f", f"F{level}", ["a"], ["c"], inner, [helper.make_opsetid("", 13)]))
    last = [node("Relu", ["a"], ["c"])]
    functions.append(helper.make_function("f", f"F{depth}", ["a"], ["c"], last, [helper.make_opsetid("", 13)]))
    return onnx_model([node("F0", ["x"], ["y"], domain="f")], functions=functions)


def calls_itself() -> bytes:
    inner = [node("F", ["a"], ["c"], domain="f")]
    function = helper.make_function("f", "F", ["a"], ["c"], inner, [helper.make_opsetid("", 13)])
    return onnx_model([node("F", ["x"], ["y"], domain="f")], functions=[function])


def many_mixings(count: int) -> bytes:
    nodes = []
    for index in range(count):
        before = f"t{index}" if index else "x"
        nodes.append(node("ReduceMean", [before], [f"m{index}"], axes=[0], keepdims=1))
        nodes.append(node("Add", [before, f"m{index}"], [f"t{index + 1}"]))
    return onnx_model([*nodes, node("Identity", [f"t{count}"], ["y"])])


HOSTILE_ONNX = {
    "empty messages": b"\x08\x08" + field(7, b"\x0a\x00" * 2_000_000),
    "no graph": b"\x08\x08",
    "an If in an If, 2000 deep": nested_ifs(2000),
    "an If in an If, 15 deep": nested_ifs(15),
    "a length past the end": b"\x08\x08\x3a\xff\xff\xff\xff\x0f",
    "a number without an end": b"\x08\x08\x3a" + b"\xff" * 20,
    "a group": b"\x08\x08" + field(7, b"\x0b\x0c"),
    "ghosts": onnx_model([node("Add", ["nowhere", "x"], ["y"]), node("Add", ["y", "later"], ["z"])]),
    "a node that takes what it gives": onnx_model([node("Add", ["y", "x"], ["y"])]),
    "the same name twice": onnx_model([node("Relu", ["x"], ["y"]), node("Exp", ["y"], ["y"])]),
    "two nodes in a circle": onnx_model(
        [node("Relu", ["b"], ["a"]), node("Relu", ["a"], ["b"]), node("Add", ["a", "x"], ["y"])]
    ),
    "a function that calls itself": calls_itself(),
    "functions that multiply": calls_of_calls(30),
    "functions that call each other": calls_of_calls(8),
    "an If without a branch": onnx_model([node("If", ["x"], ["y"])]),
    "a batch norm without operands": onnx_model([node("BatchNormalization", [], ["y"])]),
    "names of nothing": onnx_model([node("", [""], ["y"], name="")]),
    "hostile names": onnx_model([node("Relu\x1b[31m", ["x"], ["y"], name="::error::\n\x00\u202e")]),
    "an absurd rank": onnx_model(
        [node("Reshape", ["x", "s"], ["y"])],
        constants=[TensorProto(name="s", data_type=7, dims=[1] * 100_000, raw_data=b"\0" * 8)],
    ),
    "a lying constant": onnx_model(
        [node("Reshape", ["x", "s"], ["y"])], constants=[TensorProto(name="s", data_type=7, dims=[3], raw_data=b"\0")]
    ),
    "a negative size": onnx_model(
        [node("Reshape", ["x", "s"], ["y"])], constants=[TensorProto(name="s", data_type=7, dims=[-3], raw_data=b"\0")]
    ),
    "axes out of range": onnx_model(
        [
            node("ReduceMean", ["x"], ["a"], axes=[77, -99]),
            node("Transpose", ["a"], ["b"], perm=[5, 5]),
            node("Concat", ["b", "x"], ["c"], axis=-40),
            node("Gather", ["c", "x"], ["d"], axis=9),
            node("Split", ["d"], ["e"], axis=1000),
            node("Unsqueeze", ["e"], ["f"], axes=[3, 3, 3]),
            node("Squeeze", ["x"], ["g"], axes=[-9, 12]),
            node("Softmax", ["x"], ["y"], axis=-1000),
        ]
    ),
    "attributes of wrong kinds": onnx_model(
        [
            node("ReduceMean", ["x"], ["a"], axes="0", keepdims=[1.5]),
            node("Gemm", ["a"], ["b"], transA="yes"),
            node("Einsum", ["x", "b"], ["c"], equation="->->"),
            node("BatchNormalization", ["c"], ["d"], training_mode="1"),
            node("RandomNormalLike", ["d"], ["y"], seed="x"),
        ]
    ),
    "a seed without a number": onnx_model([node("RandomNormalLike", ["x"], ["y"], seed=float("nan"))]),
    "many mixings": many_mixings(2000),
}

READ = {
    "an If in an If, 15 deep",
    "a batch norm without operands",
    "a function that calls itself",
    "a lying constant",
    "a negative size",
    "a node that takes what it gives",
    "a seed without a number",
    "an If without a branch",
    "an absurd rank",
    "attributes of wrong kinds",
    "axes out of range",
    "functions that call each other",
    "ghosts",
    "hostile names",
    "many mixings",
    "names of nothing",
    "the same name twice",
    "two nodes in a circle",
}
"""Those that are odd but can be read."""


@pytest.mark.parametrize("name", HOSTILE_ONNX)
def test_a_hostile_onnx_file_has_one_answer(name: str) -> None:
    answer = answered(onnx_reader.read, HOSTILE_ONNX[name])
    assert (answer is None) == (name in READ), answer


@pytest.mark.parametrize("name", ["empty messages", "functions that multiply", "an absurd rank", "many mixings"])
def test_a_hostile_onnx_file_takes_little_memory(name: str) -> None:
    assert traced(onnx_reader.read, HOSTILE_ONNX[name][:1_000_000])[1] < MEMORY


def test_what_nothing_gives_is_told_as_a_problem() -> None:
    problems = read_bytes(HOSTILE_ONNX["ghosts"]).problems
    assert len(problems) == 2
    assert all("which nothing gives" in problem for problem in problems)
    assert read_bytes(HOSTILE_ONNX["a function that calls itself"]).problems == ("the function 'F' calls itself",)


# TFLite, by hand: a builder of FlatBuffers that puts down what it is told.


class Flat:
    """Bytes with tables and vectors; offsets are filled in when their target is known."""

    def __init__(self) -> None:
        self.content = bytearray(b"\0\0\0\0TFL3")

    def vector(self, numbers: list[int], letter: str = "i") -> int:
        at = len(self.content)
        self.content += struct.pack(f"<I{len(numbers)}{letter}", len(numbers), *numbers)
        self.content += b"\0" * (-len(self.content) % 4)
        return at

    def vector_of(self, tables: list[int]) -> int:
        at = len(self.content)
        self.content += struct.pack("<I", len(tables))
        for table in tables:
            self.content += struct.pack("<I", (table - len(self.content)) & 0xFFFFFFFF)
        return at

    def table(self, fields: dict[int, tuple[str, int]]) -> int:
        """A table: by slot ``("I", number)``, or ``("@", position)`` of something written before."""
        size = 4 + 8 * len(fields)
        slots = max(fields, default=-1) + 1
        vtable = len(self.content)
        order = {slot: 4 + 8 * position for position, slot in enumerate(fields)}
        self.content += struct.pack(f"<HH{slots}H", 4 + 2 * slots, size, *(order.get(slot, 0) for slot in range(slots)))
        self.content += b"\0" * (-len(self.content) % 4)
        at = len(self.content)
        self.content += struct.pack("<i", at - vtable)
        for kind, value in fields.values():
            here = len(self.content)
            packed = struct.pack("<I", (value - here) & 0xFFFFFFFF) if kind == "@" else struct.pack(f"<{kind}", value)
            self.content += packed + b"\0" * (8 - len(packed))
        return at

    def done(self, root: int) -> bytes:
        self.content[:4] = struct.pack("<I", root)
        return bytes(self.content)


def amplified(count: int) -> bytes:
    """Offsets only lead forwards, so what is shared is put behind: here, one table in all places of a vector."""
    flat = Flat()
    root = len(flat.content)
    flat.content += struct.pack("<HHHHHH", 10, 8, 0, 0, 4, 0)  # a vtable with slot 2: subgraphs
    root = len(flat.content)
    flat.content += struct.pack("<iI", root - (root - 12), 4)
    vector = len(flat.content)
    shared = vector + 4 + 4 * count
    flat.content += struct.pack("<I", count)
    for index in range(count):
        flat.content += struct.pack("<I", shared - (vector + 4 + 4 * index))
    flat.content += struct.pack("<HHi", 4, 4, 4)
    shared += 4
    for index in range(count):
        struct.pack_into("<I", flat.content, vector + 4 + 4 * index, shared - (vector + 4 + 4 * index))
    return flat.done(root)


def tflite_header(rest: bytes) -> bytes:
    return b"\x1c\0\0\0TFL3" + rest


HOSTILE_TFLITE = {
    "nothing behind the header": tflite_header(b""),
    "a root outside": struct.pack("<I", 2**32 - 1) + b"TFL3" + b"\0" * 64,
    "zeros": tflite_header(b"\0" * 4096),
    "ones": tflite_header(b"\xff" * 4096),
    "a table in all places": amplified(100_000),
    "few tables in one": amplified(2),
}


@pytest.mark.parametrize("name", HOSTILE_TFLITE)
def test_a_hostile_tflite_file_is_refused(name: str) -> None:
    answer, memory = traced(tflite_reader.read, HOSTILE_TFLITE[name])
    assert answer is not None
    assert memory < MEMORY


def test_shared_tables_are_what_is_wrong_with_an_amplified_file() -> None:
    assert answered(tflite_reader.read, amplified(2)) is not None
    assert "one table" in str(answered(tflite_reader.read, amplified(100)))


@pytest.fixture(scope="module")
def tflite_file() -> bytes:
    """A small file with a branch, a draw, constants and a signature."""
    import tensorflow as tf

    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32, name="x")], autograph=False)
        def __call__(self, x: object) -> object:
            noisy = tf.cond(tf.reduce_sum(x) > 0.0, lambda: x + tf.random.uniform(tf.shape(x)), lambda: x)
            return tf.reshape(noisy - tf.reduce_mean(noisy, 0), (-1, 2, 2))

    module = Module()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.__call__.get_concrete_function()], module)
    return bytes(converter.convert())


def test_the_tflite_file_is_read(tflite_file: bytes) -> None:
    assert read_bytes(tflite_file).entries[0].effects


def test_a_graph_that_calls_itself_is_refused(tflite_file: bytes) -> None:
    """Small numbers are put in place of every other: some of these are the indices of graphs."""
    answers = set()
    for at in range(0, len(tflite_file) - 4, 4):
        answers.add(answered(tflite_reader.read, tflite_file[:at] + bytes(4) + tflite_file[at + 4 :]))
    assert any("calls itself" in (answer or "") for answer in answers)


# Mutations


def mutated(content: bytes, seed: int) -> bytes:
    """A file with some bytes turned, cut out, doubled or cut off; which ones depends on the seed."""
    chance = random.Random(seed)
    found = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        at = chance.randrange(8, len(found) + 1) if len(found) > 8 else 0
        match chance.randrange(6):
            case 0 if at < len(found):
                found[at] ^= 1 << chance.randrange(8)
            case 1 if at < len(found):
                found[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF))
            case 2:
                del found[at : at + chance.randrange(1, 9)]
            case 3:
                found[at:at] = found[at : at + chance.randrange(1, 33)]
            case 4:
                other = chance.randrange(len(found)) if found else 0
                size = chance.randrange(1, 17)
                found[at : at + size] = found[other : other + size]
            case 5 if chance.random() < 0.1:
                del found[at:]
    return bytes(found)


MUTATIONS = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
PER_EXAMPLE = 25


def seeds(start: int) -> Iterator[int]:
    return iter(range(start * PER_EXAMPLE, (start + 1) * PER_EXAMPLE))


@MUTATIONS
@given(start=st.integers(0, 10**9))
def test_a_mutated_onnx_file_raises_nothing_else(network: bytes, start: int) -> None:
    for seed in seeds(start):
        answered(onnx_reader.read, mutated(network, seed))


@MUTATIONS
@given(start=st.integers(0, 10**9))
def test_a_mutated_tflite_file_raises_nothing_else(tflite_file: bytes, start: int) -> None:
    for seed in seeds(start):
        answered(tflite_reader.read, mutated(tflite_file, seed))


@MUTATIONS
@given(content=st.binary(max_size=200))
def test_any_bytes_behind_a_header_are_answered(content: bytes) -> None:
    answered(onnx_reader.read, b"\x08\x08" + content)
    answered(onnx_reader.read, b"\x08\x08" + field(7, content))
    answered(tflite_reader.read, tflite_header(content))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_file_that_is_cut_off_is_refused_or_read_as_far_as_it_goes(
    network: bytes, tflite_file: bytes, share: float
) -> None:
    assert answered(onnx_reader.read, network[: int(len(network) * share)]) is not None
    answered(tflite_reader.read, tflite_file[: int(len(tflite_file) * share)])


def test_the_answer_to_a_refused_file_is_unreadable_with_its_place() -> None:
    found = read_model(InMemory(HOSTILE_TFLITE["a root outside"]))
    assert isinstance(found, Unreadable)
    assert "at byte" in found.message
