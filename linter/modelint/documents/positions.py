"""Where the nodes of a syntax tree stand in the text: by generating its code again, and counting."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import libcst
from libcst._nodes.internal import CodegenState

from modelint.finding import Span

_OFTEN_WANTED = frozenset((libcst.Arg, libcst.Call, libcst.Comparison, libcst.BinaryOperation, libcst.Param))
"""Nodes whose places are computed with those that were asked for, so that one pass mostly is enough."""


class _Positions(CodegenState):
    """Generates code only to learn where the wanted nodes stand."""

    __slots__ = ("column", "line", "spans", "starts", "wanted")

    def __init__(self, module: libcst.Module, wanted: set[libcst.CSTNode]) -> None:
        super().__init__(default_indent=module.default_indent, default_newline=module.default_newline)
        self.line = 1
        self.column = 1
        self.wanted = wanted
        self.spans: dict[libcst.CSTNode, Span] = {}
        self.starts: list[tuple[int, int]] = []

    def add_indent_tokens(self) -> None:
        for token in self.indent_tokens:
            self.column += len(token)

    def add_token(self, value: str) -> None:
        if "\n" in value or "\r" in value:
            parts = re.split(r"\r\n?|\n", value)
            self.line += len(parts) - 1
            self.column = len(parts[-1]) + 1
        else:
            self.column += len(value)

    def pop_trailing_newline(self) -> None:
        pass

    def before_codegen(self, node: libcst.CSTNode) -> None:
        if node in self.wanted or type(node) in _OFTEN_WANTED:
            self.starts.append((self.line, self.column))

    def after_codegen(self, node: libcst.CSTNode) -> None:
        if node in self.wanted or type(node) in _OFTEN_WANTED:
            line, column = self.starts.pop()
            if node not in self.spans:  # keep the syntactic position, recorded first
                self.spans[node] = Span(line, column, self.line, self.column)

    @contextmanager
    def record_syntactic_position(
        self,
        node: libcst.CSTNode,
        *,
        start_node: libcst.CSTNode | None = None,
        end_node: libcst.CSTNode | None = None,
    ) -> Iterator[None]:
        line, column = self.line, self.column
        yield
        if node in self.wanted or type(node) in _OFTEN_WANTED:
            self.spans[node] = Span(line, column, self.line, self.column)


def spans_of(module: libcst.Module, wanted: set[libcst.CSTNode]) -> dict[libcst.CSTNode, Span]:
    """Where the wanted nodes of a module stand, and those whose places are often wanted, found in one pass."""
    state = _Positions(module, wanted)
    module._codegen(state)
    return state.spans
