"""Calls as they are written: from a syntax tree to the values that fixes are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst

from modelint.finding import Span
from modelint.written import WrittenArgument, WrittenCall

if TYPE_CHECKING:
    from modelint.documents.script import Script


def written_call(script: Script, node: libcst.CSTNode) -> WrittenCall | None:
    """How a call is written; None for a node that is no call, and for one whose arguments are a bare generator."""
    if not isinstance(node, libcst.Call) or any(_is_bare_generator(argument) for argument in node.args):
        return None
    function = script.module.code_for_node(node.func)
    start = script.span(node)
    on_one_line = "\n" not in function and not node.lpar
    end = start.column + len(function)
    return WrittenCall(
        function,
        Span(start.line, start.column, start.line, end) if on_one_line else None,
        tuple(_argument(script, argument) for argument in node.args),
    )


def _argument(script: Script, argument: libcst.Arg) -> WrittenArgument:
    keyword = argument.keyword.value if argument.keyword is not None else None
    return WrittenArgument(script.span(argument), script.module.code_for_node(argument.value), keyword, argument.star)


def _is_bare_generator(argument: libcst.Arg) -> bool:
    return isinstance(argument.value, libcst.GeneratorExp) and not argument.value.lpar
