"""Calls as they are written: from a syntax tree to the values that fixes are made of.

Python's tree knows neither parentheses nor commas, so the text of the call is parsed again, with libcst.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import libcst
from libcst.metadata import MetadataWrapper, PositionProvider

from modelint.finding import Span
from modelint.written import WrittenArgument, WrittenCall

if TYPE_CHECKING:
    from modelint.documents.script import Script


def written_call(script: Script, node: ast.AST) -> WrittenCall | None:
    """How a call is written; None for a node that is no call, and for one whose arguments are a bare generator."""
    if not isinstance(node, ast.Call):
        return None
    start = script.span(node)
    try:
        module = libcst.parse_module(f"({script.code(node)})")  # in parentheses it may go over several lines
    except libcst.ParserSyntaxError:
        return None
    wrapper = MetadataWrapper(module, unsafe_skip_copy=True)
    statement = module.body[0]
    expression = statement.body[0] if isinstance(statement, libcst.SimpleStatementLine) else None
    call = expression.value if isinstance(expression, libcst.Expr) else None
    if not isinstance(call, libcst.Call) or any(_is_bare_generator(argument) for argument in call.args):
        return None
    positions: Mapping[libcst.CSTNode, Any] = wrapper.resolve(PositionProvider)

    def place(node: libcst.CSTNode) -> Span:
        """Where a node of the call stands in the script; on its first line behind what is before it there."""
        at = positions[node]
        first, last = (start.column - 1 if point.line == 1 else 1 for point in (at.start, at.end))
        return Span(
            start.line + at.start.line - 1,
            at.start.column + first,
            start.line + at.end.line - 1,
            at.end.column + last,
        )

    function = module.code_for_node(call.func)
    return WrittenCall(
        function,
        Span(start.line, start.column, start.line, start.column + len(function)) if "\n" not in function else None,
        tuple(
            WrittenArgument(
                place(argument),
                module.code_for_node(argument.value),
                argument.keyword.value if argument.keyword is not None else None,
                argument.star,
            )
            for argument in call.args
        ),
    )


def _is_bare_generator(argument: libcst.Arg) -> bool:
    return isinstance(argument.value, libcst.GeneratorExp) and not argument.value.lpar
