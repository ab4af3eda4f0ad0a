"""The parts of a TFLite file: subgraphs, their tensors and operators, signatures; weights stay where they are.

Takes the tables of a FlatBuffer, gives values. It knows the schema (``schema.fbs``) and no meaning of an operator.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from modelint.artifacts import flexbuffer
from modelint.artifacts.batch_axis import Known
from modelint.artifacts.flatbuffer import FlatBuffer, Table
from modelint.artifacts.limits import MOST_NODES, MalformedError
from modelint.artifacts.tflite_operators import CUSTOM, DEFAULTS, ELEMENT_TYPES, OPERATORS, OPTIONS
from modelint.artifacts.wire import Message, schemas_of
from modelint.facts import Constant, Port, Setting, Shape

LARGEST_CONSTANT: Final = 512
"""Bytes of a constant that is looked at: axes, shapes and orders are shorter, weights longer."""

HIGHEST_RANK: Final = 64
"""Axes of a tensor."""

_FLEX: Final = "Flex"
_INTEGERS: Final = {"int32": "i", "int64": "q", "bool": "?", "uint8": "B", "int8": "b", "int16": "h"}
_NODE: Final = schemas_of(
    {
        "NodeDef": {1: "string name", 2: "string op", 5: "AttrEntry attr"},
        "AttrEntry": {1: "string key", 2: "AttrValue value"},
        "AttrValue": {2: "bytes s", 3: "int i", 4: "float f", 5: "bool b", 6: "int type"},
    }
)
"""What is read of a TensorFlow operation (``node_def.proto``, ``attr_value.proto``)."""


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """A tensor: its name, and its shape with None where the size is left open."""

    name: str
    shape: Shape | None
    dtype: str
    buffer: int
    is_variable: bool

    @property
    def port(self) -> Port:
        """As an input or output."""
        return Port(self.shape, self.name, self.dtype)


@dataclass(frozen=True, slots=True)
class OperatorCall:
    """An operator: the name of its kind, the tensors it takes and gives by index (-1: left out), its options."""

    kind: str
    custom: bool
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Setting]


@dataclass(frozen=True, slots=True)
class Subgraph:
    """A graph of the file; the first is the main one."""

    name: str
    tensors: tuple[TensorInfo, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operators: tuple[OperatorCall, ...]


@dataclass(frozen=True, slots=True)
class Signature:
    """A name under which a subgraph is served, with the names of its inputs and outputs by tensor."""

    key: str
    subgraph: int
    inputs: Mapping[int, str]
    outputs: Mapping[int, str]


@dataclass(slots=True)
class TfliteFile:
    """A file, read."""

    version: int
    description: str | None
    subgraphs: tuple[Subgraph, ...]
    signatures: tuple[Signature, ...]
    _flat: FlatBuffer
    _buffers: tuple[int, ...]
    _constants: dict[tuple[int, str], Known | None] = field(default_factory=dict)

    def constant(self, tensor: TensorInfo) -> Known | None:
        """The elements of a small constant of whole numbers; None if it is no such."""
        key = (tensor.buffer, tensor.dtype)
        if key not in self._constants:
            self._constants[key] = self._looked_up(tensor)
        return self._constants[key]

    def _looked_up(self, tensor: TensorInfo) -> Known | None:
        kind = _INTEGERS.get(tensor.dtype)
        if kind is None or tensor.is_variable or not 0 < tensor.buffer < len(self._buffers):
            return None
        found = self._flat.table(self._buffers[tensor.buffer], again=True).range(0)
        size = struct.calcsize(f"<{kind}")
        if found is None or not 0 < found[1] <= LARGEST_CONSTANT or found[1] % size:
            return None
        return tuple(map(int, self._flat.numbers(kind, found[0], found[1] // size)))

    def is_constant(self, tensor: TensorInfo) -> bool:
        """Whether a tensor's values are part of the file."""
        if tensor.is_variable or not 0 < tensor.buffer < len(self._buffers):
            return False
        table = self._flat.table(self._buffers[tensor.buffer], again=True)
        found = table.range(0)
        return (found is not None and found[1] > 0) or table.number(1, "Q") > 1


def read_file(flat: FlatBuffer) -> TfliteFile:
    """Read all graphs of a file.

    Raises:
        MalformedError: it is damaged.
    """
    root = flat.root()
    codes = tuple(map(_operator_name, root.tables(1)))
    subgraphs = tuple(_subgraph(table, codes) for table in root.tables(2))
    if sum(len(graph.operators) for graph in subgraphs) > MOST_NODES:
        raise MalformedError("the file has more operators than any real model")
    signatures = tuple(_signature(table) for table in root.tables(7))
    return TfliteFile(root.number(0, "I"), root.text(3), subgraphs, signatures, flat, root.table_positions(4))


def _operator_name(table: Table) -> tuple[str, bool]:
    """The name of an operator, and whether it is none of TFLite's own."""
    number = max(table.number(0, "b"), table.number(3, "i"))  # the second was added when the first ran full
    custom = table.text(1)
    if number == CUSTOM:
        return custom or "CUSTOM", True
    return (OPERATORS[number], False) if 0 <= number < len(OPERATORS) else (f"OPERATOR_{number}", True)


def _subgraph(table: Table, codes: tuple[tuple[str, bool], ...]) -> Subgraph:
    tensors = tuple(map(_tensor, table.tables(0)))
    operators = tuple(_operator(operator, codes, len(tensors)) for operator in table.tables(3))
    inputs, outputs = table.numbers(1, "i") or (), table.numbers(2, "i") or ()
    for index in (*inputs, *outputs):
        if not 0 <= index < len(tensors):
            raise MalformedError(
                f"a graph takes or gives tensor {index}, which it does not have", offset=table.position
            )
    return Subgraph(table.text(4) or "", tensors, inputs, outputs, operators)


def _tensor(table: Table) -> TensorInfo:
    shape, signature = table.numbers(0, "i"), table.numbers(7, "i")
    sizes = signature if signature else shape  # the shape says 1 where the size is open
    if sizes is not None and len(sizes) > HIGHEST_RANK:
        raise MalformedError("a tensor has more axes than any real one", offset=table.position)
    ranked = bool(sizes) or bool(table.number(8, "?"))  # without sizes: a scalar, or of unknown rank
    number = table.number(1, "b")
    return TensorInfo(
        table.text(3) or "",
        tuple(size if size >= 0 else None for size in sizes or ()) if ranked else None,
        ELEMENT_TYPES[number] if 0 <= number < len(ELEMENT_TYPES) else f"type {number}",
        table.number(2, "I"),
        bool(table.number(5, "?")),
    )


def _operator(table: Table, codes: tuple[tuple[str, bool], ...], tensors: int) -> OperatorCall:
    code = table.number(0, "I")
    if code >= len(codes):
        raise MalformedError(f"an operator is of kind {code}, which the file does not name", offset=table.position)
    kind, custom = codes[code]
    inputs, outputs = table.numbers(1, "i") or (), table.numbers(2, "i") or ()
    for index in (*inputs, *outputs):
        if not -1 <= index < tensors:
            raise MalformedError(
                f"an operator uses tensor {index}, which its graph does not have", offset=table.position
            )
    options = _flex_options(table) if custom and kind.startswith(_FLEX) else _options(table, kind)
    return OperatorCall(kind, custom, inputs, outputs, options)


def _options(table: Table, kind: str) -> Mapping[str, Setting]:
    wanted = OPTIONS.get(kind)
    if wanted is None:
        return {}
    options = table.table(4)
    return {name: _option(options, slot, letter, DEFAULTS.get((kind, name), 0)) for slot, letter, name in wanted}


def _option(options: Table | None, slot: int, letter: str, default: int) -> Setting:
    match letter:
        case "text":
            return options.text(slot) if options is not None else None
        case "i*":
            return options.numbers(slot, "i") if options is not None else None
        case "?":
            return bool(options.number(slot, letter, default)) if options is not None else bool(default)
        case _:
            return options.number(slot, letter, default) if options is not None else default


def _flex_options(table: Table) -> Mapping[str, Setting]:
    """The attributes of a TensorFlow operation, which are in its options as a message."""
    found = table.range(5)
    if found is None:
        return {}
    start, count = found
    if count > LARGEST_CONSTANT * 128:
        return {}
    content = bytes(table.buffer.numbers("B", start, count))
    messages = flexbuffer.strings(content)
    if len(messages) < 2:
        return {}
    node = Message.whole(messages[1], _NODE["NodeDef"], table.buffer.budget)
    options: dict[str, Setting] = {"name": node.text("name")}
    for entry in node.messages("attr"):
        options[entry.text("key")] = _attribute(entry.message("value"))
    return options


def _attribute(value: Message) -> Constant:
    if value.has("b"):
        return value.flag("b")
    if value.has("i"):
        return value.integer("i")
    if value.has("f"):
        return value.real("f")
    return value.content("s") if value.has("s") else None


def _signature(table: Table) -> Signature:
    inputs, outputs = _names(table, 0), _names(table, 1)
    return Signature(table.text(2) or "", table.number(4, "I"), inputs, outputs)


def _names(table: Table, slot: int) -> Mapping[int, str]:
    return {entry.number(1, "I"): entry.text(0) or "" for entry in table.tables(slot)}
