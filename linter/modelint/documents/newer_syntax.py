"""Text in newer syntax than this Python's, rewritten in older: what is done with models stays, and stays where it was.

libcst reads what Python's own parser does not know yet. Type parameters, ``type`` statements, ``except A, B`` and
f-strings are replaced by something as long that an older Python reads: blanks, ``pass``, ``except A| B``, and
a tuple of the f-string's expressions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import libcst
from libcst.metadata import MetadataWrapper, PositionProvider

_LINE_END = re.compile(r"\r\n?|\n")


def in_older_syntax(text: str) -> Iterator[str]:
    """The same program as an older Python may read it: with f-strings as they are, and without. Nothing, where libcst
    refuses it too.
    """
    try:
        wrapper = MetadataWrapper(libcst.parse_module(text), unsafe_skip_copy=True)
        positions = wrapper.resolve(PositionProvider)
    except (libcst.ParserSyntaxError, RecursionError, MemoryError, UnicodeEncodeError):
        return
    for strings in (False, True):
        older = _Older(text, positions, strings)
        wrapper.module.visit(older)
        yield "".join(older.characters)


class _Older(libcst.CSTVisitor):
    """Replaces what is newer among the characters of a text."""

    def __init__(self, text: str, positions: Mapping[libcst.CSTNode, Any], strings: bool) -> None:
        super().__init__()
        self.characters = list(text)
        self.positions = positions
        self.strings = strings
        self.replaced: set[libcst.CSTNode] = set()
        self.lines = [0, *(end.end() for end in _LINE_END.finditer(text))]

    def visit_TypeAlias(self, node: libcst.TypeAlias) -> bool:  # noqa: N802 - libcst's name
        begin, end = self._range(node)
        self._blank(begin, end)
        self.characters[begin : begin + 4] = "pass"
        return False

    def visit_TypeParameters(self, node: libcst.TypeParameters) -> bool:  # noqa: N802 - libcst's name
        begin, end = self._range(node)
        self._blank(begin, end)
        for index in range(begin + 1, end):  # the line goes on
            if self.characters[index] in "\r\n" and self.characters[index - 1] == " ":
                self.characters[index - 1] = "\\"
        return False

    def visit_ConcatenatedString(self, node: libcst.ConcatenatedString) -> None:  # noqa: N802 - libcst's name
        strings = [one for one in _concatenated(node) if isinstance(one, libcst.FormattedString)]
        if strings and not self.replaced.issuperset(strings):
            self._replace(node, strings)

    def visit_FormattedString(self, node: libcst.FormattedString) -> None:  # noqa: N802 - libcst's name
        if node not in self.replaced:
            self._replace(node, [node])

    def _replace(self, written: libcst.CSTNode, strings: Sequence[libcst.FormattedString]) -> None:
        """Put the expressions of f-strings in the place of what these are written in."""
        if not self.strings:
            return
        self.replaced.update(strings)
        begin, end = self._range(written)
        after = begin
        for expression in (one for string in strings for one in _expressions(string.parts)):
            first, last = self._range(expression)
            self._blank(after, first)
            self.characters[last] = ","
            after = last + 1
        self._blank(after, end)
        self.characters[begin], self.characters[end - 1] = "()"

    def visit_ExceptHandler(self, node: libcst.ExceptHandler) -> None:  # noqa: N802 - libcst's name
        if isinstance(node.type, libcst.Tuple) and not node.type.lpar:
            places = [self._range(element.value) for element in node.type.elements]
            for (_, end), (begin, _) in pairwise(places):
                comma = self.characters.index(",", end, begin)
                self.characters[comma] = "|"

    def _range(self, node: libcst.CSTNode) -> tuple[int, int]:
        """Where a node begins and ends among the characters."""
        at = self.positions[node]
        begin, end = (self.lines[point.line - 1] + point.column for point in (at.start, at.end))
        return begin, end

    def _blank(self, begin: int, end: int) -> None:
        for index in range(begin, end):
            if self.characters[index] not in "\r\n":
                self.characters[index] = " "


def _concatenated(node: libcst.BaseString) -> Iterator[libcst.BaseString]:
    """The strings that are written beside each other."""
    if isinstance(node, libcst.ConcatenatedString):
        yield node.left
        yield from _concatenated(node.right)
    else:
        yield node


def _expressions(parts: Sequence[libcst.BaseFormattedStringContent]) -> Iterator[libcst.BaseExpression]:
    """The expressions in an f-string, and in the formats of these, in the order of the text."""
    for part in parts:
        if isinstance(part, libcst.FormattedStringExpression):
            yield part.expression
            yield from _expressions(part.format_spec or ())
