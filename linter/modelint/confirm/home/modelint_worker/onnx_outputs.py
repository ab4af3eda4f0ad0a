"""An ONNX model that gives out what every node of its graph computes, made from its bytes without the onnx package.

The messages of protocol buffers are pairs of a key (the number of a field, and how its value is written) and a value:
https://protobuf.dev/programming-guides/encoding. What is added at the end of a message is one more value of its field.
"""

from __future__ import annotations

from collections.abc import Iterator

GRAPH, NODE, OUTPUT = 7, 1, 12
"""Fields: of the model, and of its graph."""

NODE_OUTPUT, NODE_NAME, NODE_TYPE = 2, 3, 4
"""Fields of a node."""

DELIMITED = 2
"""How a value is written that has its length before it."""


def with_all_outputs(model: bytes) -> tuple[bytes, dict[str, str]]:
    """The model, and by the name of every value that it then gives out the node that makes it.

    Raises:
        ValueError: the bytes are no model.
    """
    before, graph, after = _split(model)
    made: dict[str, str] = {}
    already: set[str] = set()
    for number, value in _fields(graph):
        if number == NODE:
            fields = list(_fields(value))
            texts = {key: one.decode() for key, one in fields if key in (NODE_NAME, NODE_TYPE)}
            name = texts.get(NODE_NAME) or texts.get(NODE_TYPE, "")
            made |= {one.decode(): name for key, one in fields if key == NODE_OUTPUT and one}
        elif number == OUTPUT:
            already |= {one.decode() for key, one in _fields(value) if key == 1}
    added = b"".join(_delimited(OUTPUT, _delimited(1, name.encode())) for name in made if name not in already)
    return before + _delimited(GRAPH, graph + added) + after, made


def _split(model: bytes) -> tuple[bytes, bytes, bytes]:
    """What stands before the graph, the graph, and what stands after it."""
    for number, start, value, end in _parts(model):
        if number == GRAPH:
            return model[:start], value, model[end:]
    raise ValueError("the file holds no graph")


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """The fields of a message that are written with their length."""
    return ((number, value) for number, _, value, _ in _parts(message))


def _parts(message: bytes) -> Iterator[tuple[int, int, bytes, int]]:
    """The number of every field with a length, where it begins, its value, and where it ends."""
    position = 0
    while position < len(message):
        start = position
        key, position = _varint(message, position)
        match key & 7:
            case 0:  # a number
                _, position = _varint(message, position)
            case 1:
                position += 8
            case 5:
                position += 4
            case 2:  # DELIMITED
                length, position = _varint(message, position)
                yield key >> 3, start, message[position : position + length], position + length
                position += length
            case kind:
                raise ValueError(f"a value is written in a way ({kind}) that ONNX does not use")


def _varint(message: bytes, position: int) -> tuple[int, int]:
    """A number, seven bits a byte, and where it ends."""
    value = shift = 0
    while position < len(message):
        byte = message[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position
    raise ValueError("the file ends within a number")


def _delimited(number: int, value: bytes) -> bytes:
    """A field with its length."""
    return _written(number << 3 | DELIMITED) + _written(len(value)) + value


def _written(value: int) -> bytes:
    result = bytearray()
    while value >= 0x80:
        result.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*result, value])
