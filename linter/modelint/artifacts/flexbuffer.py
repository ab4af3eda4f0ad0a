"""FlexBuffers, as far as TFLite uses them: the strings of the vector in which it keeps a TensorFlow operation.

The layout is that of https://flatbuffers.dev/flexbuffers: the root is at the end, behind it its type and width.
"""

from __future__ import annotations

from typing import Final

from modelint.artifacts.limits import MalformedError

MOST_ELEMENTS: Final = 16
"""Elements of the vector; TFLite writes two."""

_VECTOR: Final = 10
_STRINGS: Final = (4, 5, 25)  # key, string, blob
_WIDTHS: Final = (1, 2, 4, 8)


def strings(content: bytes) -> tuple[bytes, ...]:
    """The strings of the vector at the root; none if the root is something else.

    Raises:
        MalformedError: something lies outside of the content.
    """
    if len(content) < 3:
        return ()
    root_type, root_width = content[-2], content[-1]
    if root_type >> 2 != _VECTOR or root_width not in _WIDTHS:
        return ()
    width = _WIDTHS[root_type & 3]
    start = _followed(content, len(content) - 2 - root_width, root_width)
    count = _number(content, start - width, width)
    if count > MOST_ELEMENTS:
        raise MalformedError("the options of an operator have more parts than any has")
    found = []
    for index in range(count):
        kind = _number(content, start + count * width + index, 1)
        if kind >> 2 in _STRINGS:
            at = _followed(content, start + index * width, width)
            size = _WIDTHS[kind & 3]
            length = len(content) if kind >> 2 == _STRINGS[0] else _number(content, at - size, size)
            found.append(
                content[at : at + length].split(b"\0", 1)[0] if kind >> 2 == _STRINGS[0] else content[at : at + length]
            )
    return tuple(found)


def _followed(content: bytes, at: int, width: int) -> int:
    target = at - _number(content, at, width)
    if target < 0:
        raise MalformedError("the options of an operator lead out of them")
    return target


def _number(content: bytes, at: int, width: int) -> int:
    if at < 0 or at + width > len(content):
        raise MalformedError("the options of an operator lead out of them")
    return int.from_bytes(content[at : at + width], "little")
