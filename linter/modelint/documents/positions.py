"""Where the nodes of a syntax tree stand in the text: by generating its code again, and counting.

That costs twice the parse for a module. Where Python's own parser has read the text as well, a statement is anchored
at the place it gives, and only the statement's code is generated.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeGuard

import libcst
from libcst._nodes.internal import CodegenState

from modelint.finding import Span

_OFTEN_WANTED = frozenset((libcst.Arg, libcst.Call, libcst.Comparison, libcst.BinaryOperation, libcst.Param))
"""Nodes whose places are computed with those that were asked for, so that one pass mostly is enough."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where a node begins, from 1, in characters; and the indentation of the block that it stands in."""

    line: int
    column: int
    indent: str = ""


class _Positions(CodegenState):
    """Generates code only to learn where the wanted nodes stand; all of them if ``wanted`` is None."""

    __slots__ = ("column", "line", "spans", "starts", "wanted")

    def __init__(self, module: libcst.Module, wanted: set[libcst.CSTNode] | None, begin: Anchor) -> None:
        super().__init__(default_indent=module.default_indent, default_newline=module.default_newline)
        self.line, self.column = begin.line, begin.column
        self.indent_tokens = [begin.indent]
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

    def is_wanted(self, node: libcst.CSTNode) -> bool:
        return self.wanted is None or node in self.wanted or type(node) in _OFTEN_WANTED

    def before_codegen(self, node: libcst.CSTNode) -> None:
        if self.is_wanted(node):
            self.starts.append((self.line, self.column))

    def after_codegen(self, node: libcst.CSTNode) -> None:
        if self.is_wanted(node):
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
        if self.is_wanted(node):
            self.spans[node] = Span(line, column, self.line, self.column)


def spans_of(module: libcst.Module, wanted: set[libcst.CSTNode]) -> dict[libcst.CSTNode, Span]:
    """Where the wanted nodes of a module stand, and those whose places are often wanted, found in one pass."""
    state = _Positions(module, wanted, Anchor(1, 1))
    module._codegen(state)
    return state.spans


def spans_in(
    module: libcst.Module, statement: libcst.CSTNode, anchors: Mapping[libcst.CSTNode, Anchor]
) -> dict[libcst.CSTNode, Span]:
    """Where all nodes of a simple statement stand, or of the head of a compound one, as far as it is anchored."""
    spans: dict[libcst.CSTNode, Span] = {}
    for node in [statement] if isinstance(statement, libcst.BaseSmallStatement) else _heads_of(statement):
        if node in anchors:
            state = _Positions(module, None, anchors[node])
            node._codegen(state)
            spans.update(state.spans)
    return spans


def anchors_of(module: libcst.Module, text: str, lines: Sequence[str]) -> dict[libcst.CSTNode, Anchor]:
    """Where the simple statements of a module begin, and the expressions in the heads of its compound ones.

    Python's own parser says it. Empty where that does not accept the text, or reads it in another way than libcst.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}

    def before(twin: ast.stmt | ast.expr) -> str:
        return lines[twin.lineno - 1].encode()[: twin.col_offset].decode()

    anchors: dict[libcst.CSTNode, Anchor] = {}
    waiting: list[tuple[Sequence[libcst.CSTNode], Sequence[ast.stmt], str]] = [(module.body, tree.body, "")]
    while waiting:
        body, twins, indent = waiting.pop()
        statements = [one for line in body for one in (line.body if _is_line(line) else (line,))]
        if len(statements) != len(twins):
            continue
        for node, twin in zip(statements, twins, strict=True):
            pairs = [(node, twin)] if isinstance(node, libcst.BaseSmallStatement) else _heads(node, twin)
            anchors.update((one, Anchor(other.lineno, len(before(other)) + 1, indent)) for one, other in pairs)
            for block, others in _blocks(node, twin):
                inside = before(others[0]) if isinstance(block, libcst.IndentedBlock) and others else indent
                waiting.append(((block,) if isinstance(block, libcst.If) else block.body, others, inside))
    return anchors


def _is_line(node: libcst.CSTNode) -> TypeGuard[libcst.SimpleStatementLine]:
    return isinstance(node, libcst.SimpleStatementLine)


def _heads(node: libcst.CSTNode, twin: ast.stmt) -> list[tuple[libcst.CSTNode, ast.expr]]:
    """The expressions in the head of a compound statement. Python's place of one leaves its parentheses out."""
    return [(one, other) for one, other in zip(_heads_of(node), _heads_of_twin(twin), strict=True) if not one.lpar]


def _heads_of(node: libcst.CSTNode) -> list[libcst.BaseExpression]:
    """The expressions in the head of a compound statement that are evaluated where it stands, in order."""
    match node:
        case libcst.If() | libcst.While():
            return [node.test]
        case libcst.For():
            return [node.iter]
        case libcst.With():
            return [item.item for item in node.items]
        case libcst.FunctionDef() | libcst.ClassDef():
            return [decorator.decorator for decorator in node.decorators]
    return []


def _heads_of_twin(node: ast.stmt) -> list[ast.expr]:
    """The same of a statement of Python's own tree."""
    match node:
        case ast.If() | ast.While():
            return [node.test]
        case ast.For() | ast.AsyncFor():
            return [node.iter]
        case ast.With() | ast.AsyncWith():
            return [item.context_expr for item in node.items]
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return node.decorator_list
    return []


_TWIN_BLOCKS = (
    ast.If,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.With,
    ast.AsyncWith,
    ast.Try,
    ast.TryStar,
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
)


def _blocks(node: libcst.CSTNode, twin: ast.stmt) -> Iterator[tuple[libcst.BaseSuite | libcst.If, list[ast.stmt]]]:
    """The blocks of a compound statement; an ``elif`` is one that holds a statement."""
    if isinstance(node, libcst.Match) and isinstance(twin, ast.Match):
        yield from ((case.body, other.body) for case, other in zip(node.cases, twin.cases, strict=True))
    elif isinstance(node, libcst.BaseCompoundStatement) and isinstance(twin, _TWIN_BLOCKS):
        yield node.body, twin.body
        if isinstance(node, (libcst.Try, libcst.TryStar)) and isinstance(twin, (ast.Try, ast.TryStar)):
            handlers: Sequence[libcst.ExceptHandler | libcst.ExceptStarHandler] = node.handlers
            yield from ((one.body, other.body) for one, other in zip(handlers, twin.handlers, strict=True))
            if node.finalbody is not None:
                yield node.finalbody.body, twin.finalbody
        otherwise = getattr(node, "orelse", None)
        if otherwise is not None:
            yield otherwise if isinstance(otherwise, libcst.If) else otherwise.body, getattr(twin, "orelse", [])
