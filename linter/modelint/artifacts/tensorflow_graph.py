"""Graphs of TensorFlow: the nodes of a GraphDef and of the functions in its library, read when they are asked for.

A large model has thousands of functions of which a signature reaches a handful; of the others only the names are read.
Knows what a reference between nodes means, and no operation.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from modelint.artifacts.limits import MOST_NODES, Budget, MalformedError
from modelint.artifacts.wire import Message
from modelint.facts import Shape

_LARGEST_CONSTANT: Final = 1024
"""Bytes of a constant that are read; axes, shapes and predicates are far smaller, weights larger."""

_CODES: Final = {1: ("f", 4), 2: ("d", 8), 3: ("i", 4), 9: ("q", 8), 10: ("?", 1)}
"""Of the types of which constants are read: the code of ``struct``, and the bytes of one value."""

_FUNCTION_TAG: Final = 10 << 3 | 2
_LIST_TAG: Final = 1 << 3 | 2
"""The byte that an AttrValue begins with, which holds one field: a function, or a list that may be of functions."""

_LISTS_WITHOUT_FUNCTIONS: Final = frozenset({"_output_shapes", "Tin", "Tout", "strides", "_read_only_resource_inputs"})

_LONGEST_SHAPES: Final = 256
"""Bytes of the shapes of a node up to which they are remembered for others."""

Number = int | float | bool
Shapes = tuple[Shape | None, ...]


@dataclass(frozen=True, slots=True)
class Tensor:
    """A small constant: its shape and its values in order."""

    shape: tuple[int, ...]
    values: tuple[Number, ...]


class Node:
    """One node of a graph or function. Attributes are decoded when one is asked for."""

    __slots__ = ("_attributes", "_message", "_shapes", "inputs", "name", "op")

    def __init__(
        self, name: str, op: str, inputs: tuple[str, ...], message: Message | None, shapes: dict[bytes, Shapes]
    ) -> None:
        self.name = name
        self.op = op
        self.inputs = inputs
        self._message = message
        self._shapes = shapes
        self._attributes: dict[str, Message] | None = None

    @classmethod
    def decoded(cls, message: Message, shapes: dict[bytes, Shapes]) -> Node:
        """The node that a NodeDef describes; ``shapes`` are those of other nodes, by their bytes: most are alike."""
        return cls(message.text("name"), message.text("op"), tuple(message.texts("input")), message, shapes)

    @classmethod
    def absent(cls, name: str) -> Node:
        """What stands for a node that is named and not there."""
        return cls(name, "", (), None, {})

    def has(self, name: str) -> bool:
        """Whether the attribute is written; writers leave out what equals the operation's default."""
        return name in self._all()

    def flag(self, name: str, default: bool) -> bool:
        """A truth value."""
        found = self._all().get(name)
        return default if found is None else found.flag("b")

    def integer(self, name: str, default: int = 0) -> int:
        """A number."""
        found = self._all().get(name)
        return default if found is None else found.integer("i")

    def type(self, name: str) -> int:
        """The number of a type."""
        found = self._all().get(name)
        return 0 if found is None else found.integer("type")

    def text(self, name: str) -> str:
        """A string."""
        found = self._all().get(name)
        return "" if found is None else found.content("s").decode("utf-8", "backslashreplace")

    def integers(self, name: str) -> tuple[int, ...]:
        """A list of numbers."""
        found = self._all().get(name)
        return () if found is None else tuple(found.message("list").integers("i"))

    def function(self, name: str) -> str:
        """The name of a function."""
        found = self._all().get(name)
        return "" if found is None else found.message("func").text("name")

    def functions(self) -> dict[str, list[str]]:
        """All functions that the node names, by attribute."""
        found: dict[str, list[str]] = {}
        for name, value in self._all().items():
            tag = value.data[value.start] if value.start < value.end else 0
            if tag == _FUNCTION_TAG and value.has("func"):
                found[name] = [value.message("func").text("name")]
            elif tag == _LIST_TAG and name not in _LISTS_WITHOUT_FUNCTIONS and value.message("list").has("func"):
                found[name] = [function.text("name") for function in value.message("list").messages("func")]
        return found

    def shape(self, name: str = "shape") -> Shape | None:
        """A shape; None if the rank is unknown."""
        found = self._all().get(name)
        return None if found is None or not found.has("shape") else shape_of(found.message("shape"))

    def output_shapes(self) -> Shapes:
        """The shapes of the outputs, where the writer left them (``_output_shapes``)."""
        found = self._all().get("_output_shapes")
        if found is None:
            return ()
        written = found.data[found.start : min(found.end, found.start + _LONGEST_SHAPES)]
        known = self._shapes.get(written)
        if known is None:
            known = tuple(shape_of(shape) for shape in found.message("list").messages("shape"))
            if found.end - found.start < _LONGEST_SHAPES:
                self._shapes[written] = known
        return known

    def tensor(self, name: str = "value") -> Tensor | None:
        """A constant, if it is small and made of numbers."""
        found = self._all().get(name)
        return None if found is None else _tensor(found.message("tensor"))

    def _all(self) -> dict[str, Message]:
        if self._attributes is None:
            entries = self._message.messages("attr") if self._message is not None else ()
            self._attributes = {entry.text("key"): entry.message("value") for entry in entries}
            self._message = None
        return self._attributes


def shape_of(message: Message) -> Shape | None:
    """A TensorShapeProto as a shape; sizes that are not known are None."""
    if message.flag("unknown_rank"):
        return None
    return tuple(None if size < 0 else size for size in (dim.integer("size") for dim in message.messages("dim")))


def _tensor(message: Message) -> Tensor | None:
    code, size = _CODES.get(message.integer("dtype"), ("", 0))
    shape = shape_of(message.message("tensor_shape"))
    if not code or shape is None or None in shape:
        return None
    sizes = tuple(size for size in shape if isinstance(size, int))
    count = 1
    for length in sizes:
        count *= length
    if count * size > _LARGEST_CONSTANT:
        return None
    start, end = message.range("tensor_content") or (0, 0)
    if end - start == count * size and count:
        return Tensor(sizes, struct.unpack(f"<{count}{code}", message.content("tensor_content")))
    values = tuple(itertools.islice(_written(message, code), count))
    # the last value is repeated, and zeros need not be written at all (core/framework/tensor.proto)
    return Tensor(sizes, values + (values[-1:] or (0,)) * (count - len(values)))


def _written(message: Message, code: str) -> Iterator[Number]:
    match code:
        case "f":
            return message.reals("float_val")
        case "d":
            return message.reals("double_val")
        case "i":
            return message.integers("int_val")
        case "q":
            return message.integers("int64_val")
        case _:
            return (bool(value) for value in message.integers("bool_val"))


@dataclass(slots=True, eq=False)
class Body:
    """The nodes of a graph or of one function, by name.

    ``arguments`` maps the names of a function's arguments to their positions, ``results`` are references to what it
    returns, ``effects`` the names of the nodes that run even where nobody needs what they compute.
    """

    name: str
    nodes: dict[str, Node]
    arguments: dict[str, int] = field(default_factory=dict)
    results: tuple[str, ...] = ()
    result_names: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()


class Library:
    """A GraphDef: its main graph, and its functions by name, each decoded when it is first asked for."""

    def __init__(self, graph: Message, budget: Budget) -> None:
        self.budget = budget
        self._decoded = 0
        self._shapes: dict[bytes, Shapes] = {}
        self._bodies: dict[str, Body] = {}
        self._functions: dict[str, Message] = {}
        for function in graph.message("library").messages("function"):
            name = function.message("signature").text("name")
            self._functions[name] = Message(
                function.data, function.start, function.end, function.schema, budget, function.depth
            )
        self._graph = graph

    def __contains__(self, name: str) -> bool:
        return name in self._functions

    def __iter__(self) -> Iterator[str]:
        return iter(self._functions)

    def main(self) -> Body:
        """The graph outside of all functions."""
        if "" not in self._bodies:
            self._bodies[""] = Body("", self._nodes(self._graph, "node"))
        return self._bodies[""]

    def function(self, name: str) -> Body | None:
        """A function; None if there is none of that name."""
        message = self._functions.get(name)
        if message is None:
            return None
        if name not in self._bodies:
            signature = message.message("signature")
            returned = {entry.text("key"): entry.text("value") for entry in message.messages("ret")}
            outputs = tuple(argument.text("name") for argument in signature.messages("output_arg"))
            self._bodies[name] = Body(
                name,
                self._nodes(message, "node_def"),
                {argument.text("name"): index for index, argument in enumerate(signature.messages("input_arg"))},
                tuple(returned.get(output, "") for output in outputs),
                outputs,
                tuple(entry.text("value") for entry in message.messages("control_ret")),
            )
        return self._bodies[name]

    def _nodes(self, message: Message, field_name: str) -> dict[str, Node]:
        self._decoded += message.count(field_name)
        if self._decoded > MOST_NODES:
            raise MalformedError(f"the graph has more than {MOST_NODES:,} nodes", offset=message.start)
        nodes = (Node.decoded(inner, self._shapes) for inner in message.messages(field_name))
        return {node.name: node for node in nodes}
