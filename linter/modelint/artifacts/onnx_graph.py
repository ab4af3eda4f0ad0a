"""The parts of an ONNX file: nodes with their attributes, constants, declared shapes, local functions.

Takes protocol buffers, gives values. It knows the messages and no meaning of an operator. Graphs inside attributes stay
messages until somebody enters them; the bytes of weights are never asked for, and external data is never opened.
"""

from __future__ import annotations

import ast
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from modelint.artifacts.batch_axis import Known, Tensor
from modelint.artifacts.batch_flow import is_integral
from modelint.artifacts.onnx_messages import ELEMENT_TYPES
from modelint.artifacts.wire import Message
from modelint.facts import UNKNOWN, Port, Setting, Shape
from modelint.finding import Place, Span

MOST_ELEMENTS: Final = 64
"""Elements of a constant that are looked at: axes, shapes, orders."""

HIGHEST_RANK: Final = 64
"""Axes of a tensor; a shape with more counts as unknown."""

MOST_IN_ATTRIBUTE: Final = 1024
"""Numbers of an attribute that are kept."""

_TEXT: Final = 1024
"""Bytes of a text attribute that are kept."""

_INTEGERS: Final = {"int64": "q", "int32": "i", "int16": "h", "int8": "b", "uint8": "B", "bool": "?"}
_FRACTIONS: Final = {"float32": "f", "float64": "d", "float16": "e"}
_LIBRARY: Final = re.compile(
    r"[/\\](site|dist)-packages[/\\]|[/\\]lib[/\\]python3|^<|[/\\]torch[/\\](nn|_|fx|export|onnx)"
)
_FRAME: Final = re.compile(r'File "([^"\n]{1,1000}\.py)", line (\d{1,9})')


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One node: an operator call. ``graphs`` are those inside its attributes, still unread."""

    op_type: str
    domain: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    overload: str = ""
    attributes: Mapping[str, Setting] = field(default_factory=dict)
    constants: Mapping[str, Tensor] = field(default_factory=dict)
    graphs: Mapping[str, Message] = field(default_factory=dict)
    references: Mapping[str, str] = field(default_factory=dict)  # to attributes of the function around it
    scope: tuple[str, ...] = ()
    written_at: Place | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """What a local function is found by."""
        return self.domain, self.op_type, self.overload


@dataclass(frozen=True, slots=True, eq=False)
class Attributes:
    """Attributes of one node, or the defaults of a function's."""

    values: Mapping[str, Setting]
    constants: Mapping[str, Tensor]
    graphs: Mapping[str, Message]
    references: Mapping[str, str]


def read_attributes(messages: Iterator[Message]) -> Attributes:
    """Attributes by kind: values, tensors, graphs, and references to the attributes of a function's call."""
    values: dict[str, Setting] = {}
    constants: dict[str, Tensor] = {}
    graphs: dict[str, Message] = {}
    references: dict[str, str] = {}
    for attribute in messages:
        name = attribute.text("name")
        if attribute.text("ref_attr_name"):
            references[name] = attribute.text("ref_attr_name")
        elif attribute.has("g"):
            graphs[name] = attribute.message("g")
        elif attribute.has("t"):
            constants[name] = read_constant(attribute.message("t"))
            values[name] = UNKNOWN
        else:
            values[name] = _attribute(attribute)
    return Attributes(values, constants, graphs, references)


def read_node(message: Message) -> Node:
    """A node with its attributes.

    Raises:
        MalformedError: it is damaged.
    """
    attributes = read_attributes(message.messages("attribute"))
    properties = {entry.text("key"): entry.text("value") for entry in message.messages("metadata_props")}
    domain = message.text("domain")
    return Node(
        op_type=message.text("op_type"),
        domain="" if domain == "ai.onnx" else domain,
        name=message.text("name"),
        inputs=tuple(message.texts("input")),
        outputs=tuple(message.texts("output")),
        overload=message.text("overload"),
        attributes=attributes.values,
        constants=attributes.constants,
        graphs=attributes.graphs,
        references=attributes.references,
        scope=_scope(properties.get("pkg.torch.onnx.name_scopes", "")),
        written_at=_written_at(properties.get("pkg.torch.onnx.stack_trace", "")),
    )


def _attribute(attribute: Message) -> Setting:
    """The value of an attribute; ``type`` says which field holds it (absent before IR version 2)."""
    match attribute.integer("type"):
        case 1:
            return attribute.real("f")
        case 2:
            return attribute.integer("i")
        case 3:
            return _string(attribute.content("s"))
        case 6:
            return _first(attribute.reals("floats"))
        case 7:
            return _first(attribute.integers("ints"))
        case 8:
            return _strings(attribute)
        case 0:
            return _untyped(attribute)
        case _:
            return UNKNOWN


def _untyped(attribute: Message) -> Setting:
    if attribute.has("i"):
        return attribute.integer("i")
    if attribute.has("f"):
        return attribute.real("f")
    if attribute.has("s"):
        return _string(attribute.content("s"))
    if attribute.has("ints"):
        return _first(attribute.integers("ints"))
    if attribute.has("floats"):
        return _first(attribute.reals("floats"))
    return _strings(attribute) if attribute.has("strings") else UNKNOWN


def _string(content: bytes) -> Setting:
    return content.decode("utf-8", "backslashreplace") if len(content) <= _TEXT else UNKNOWN


def _strings(attribute: Message) -> Setting:
    if attribute.count("strings") > MOST_IN_ATTRIBUTE:
        return UNKNOWN
    return tuple(_string(attribute.data[start:end]) for start, end in attribute.ranges("strings"))


def _first(numbers: Iterator[int] | Iterator[float]) -> Setting:
    """All numbers; unknown if there are more than an attribute that decides something has."""
    found: list[int | float] = []
    for number in numbers:
        if len(found) == MOST_IN_ATTRIBUTE:
            return UNKNOWN
        found.append(number)
    return tuple(found)


def _scope(written: str) -> tuple[str, ...]:
    """The modules around a node, from torch's list of scopes, the last of which is the node itself."""
    try:
        scopes = ast.literal_eval(written) if len(written) <= _TEXT and written.startswith("[") else []
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return ()
    names = [name for name in scopes if isinstance(name, str)] if isinstance(scopes, list) else []
    inside = [name for name in names[:-1] if name]
    return tuple(inside[-1].split(".")) if inside else ()


def _written_at(trace: str) -> Place | None:
    """The innermost place of a stack trace that is no library's."""
    frames = [frame for frame in _FRAME.findall(trace) if not _LIBRARY.search(frame[0])]
    if not frames:
        return None
    path, line = frames[-1]
    return Place(path.replace("\\", "/"), Span(int(line), 1, int(line), 1))


def dtype_of(number: int) -> str | None:
    """The name of a type of elements; None if it is not known."""
    return ELEMENT_TYPES[number] if 0 < number < len(ELEMENT_TYPES) else None


def read_constant(tensor: Message) -> Tensor:
    """A constant with its shape, and its elements if they are few.

    A fraction counts as known where it is a whole number, such as the rate 0.
    """
    shape = read_dims(tensor)
    dtype = dtype_of(tensor.integer("data_type"))
    return Tensor(shape, known=_elements(tensor, dtype, shape), integral=is_integral(dtype))


def read_dims(tensor: Message) -> Shape | None:
    """The shape of a constant; None if it has too many axes."""
    dims: list[int] = []
    for size in tensor.integers("dims"):
        if len(dims) == HIGHEST_RANK or size < 0:
            return None
        dims.append(size)
    return tuple(dims)


def _elements(tensor: Message, dtype: str | None, shape: Shape | None) -> Known | None:
    if shape is None or dtype is None or tensor.integer("data_location") == 1:
        return None
    count = 1
    for size in shape:
        count *= size if isinstance(size, int) else 0
        if count > MOST_ELEMENTS:
            return None
    letter = _INTEGERS.get(dtype) or _FRACTIONS.get(dtype)
    raw = tensor.range("raw_data")
    if raw is not None and letter is not None:
        if raw[1] - raw[0] != count * struct.calcsize(f"<{letter}"):
            return None
        numbers = struct.unpack(f"<{count}{letter}", tensor.content("raw_data"))
    else:
        stored = {"int64": "int64_data", "float32": "float_data"}.get(dtype, "int32_data" if dtype in _INTEGERS else "")
        if not stored:
            return None
        reals = tensor.reals(stored) if stored == "float_data" else tensor.integers(stored)
        numbers = tuple(number for number, _ in zip(reals, range(count + 1), strict=False))
        if len(numbers) != count:
            return None
    return tuple(_whole(number) for number in numbers)


def _whole(number: int | float) -> int | None:
    return int(number) if isinstance(number, int) or number.is_integer() else None


def read_port(info: Message) -> Port:
    """A declared value: name, type and shape."""
    name = info.text("name")
    kind = info.message("type")
    if not kind.has("tensor_type"):
        return Port(None, name)
    tensor = kind.message("tensor_type")
    dtype = dtype_of(tensor.integer("elem_type"))
    if not tensor.has("shape"):
        return Port(None, name, dtype)
    shape = tensor.message("shape")
    if shape.count("dim") > HIGHEST_RANK:
        return Port(None, name, dtype)
    return Port(tuple(map(_size, shape.messages("dim"))), name, dtype)


def _size(dim: Message) -> int | str | None:
    if dim.has("dim_value"):
        size = dim.integer("dim_value")
        return size if size >= 0 else None
    return dim.text("dim_param") or None


def escaping_path(tensor: Message) -> str | None:
    """Where a tensor's external data is said to be, if that is outside of the model's directory."""
    for entry in tensor.messages("external_data"):
        if entry.text("key") == "location":
            path = entry.text("value")
            parts = path.replace("\\", "/").split("/")
            if parts[0] == "" or ".." in parts or re.match(r"^[A-Za-z]:", path):
                return path
    return None


def opsets_of(message: Message) -> Mapping[str, int]:
    """The version of each operator set that a model or function uses."""
    imports = {entry.text("domain"): entry.integer("version") for entry in message.messages("opset_import")}
    if "ai.onnx" in imports:
        imports.setdefault("", imports["ai.onnx"])
    return imports
