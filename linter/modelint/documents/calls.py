"""Calls as they are written: from a syntax tree to the values that fixes are made of.

Python's tree knows neither parentheses nor commas, so the text of the call is gone through once more, by tokens.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from tokenize import TokenInfo
from typing import TYPE_CHECKING

from modelint.documents.tokens import holds, opening, separated, tokens_of
from modelint.finding import Span
from modelint.written import WrittenArgument, WrittenCall

if TYPE_CHECKING:
    from modelint.documents.script import Script


def written_call(script: Script, node: ast.AST) -> WrittenCall | None:
    """How a call is written; None for a node that is no call, and for one whose arguments are a bare generator."""
    if not isinstance(node, ast.Call):
        return None
    start = script.span(node)
    text = f"({script.code(node)})"  # in parentheses it may go over several lines
    tokens = list(tokens_of(text))[1:-1]
    first = opening(tokens)
    arguments = list(separated(tokens[first + 1 : -1]))
    if any(holds(argument, "for") for argument in arguments):
        return None

    def column(line: int, offset: int) -> int:
        return start.column + offset - 1 if line == 1 else offset + 1

    def written(argument: Sequence[TokenInfo]) -> WrittenArgument:
        star = argument[0].string if argument[0].string in ("*", "**") else ""
        keyword = argument[0].string if len(argument) > 1 and argument[1].string == "=" else None
        value = argument[1:] if star else argument[2:] if keyword is not None else argument
        (line, offset), (end_line, end_offset) = argument[0].start, argument[-1].end
        first, last = start.line + line - 1, start.line + end_line - 1
        span = Span(first, column(line, offset), last, column(end_line, end_offset))
        return WrittenArgument(span, _between(text, value[0], value[-1]), keyword, star)

    function = _between(text, tokens[0], tokens[first - 1])
    on_one_line = Span(start.line, start.column, start.line, start.column + len(function))
    return WrittenCall(function, on_one_line if "\n" not in function else None, tuple(map(written, arguments)))


def _between(text: str, first: TokenInfo, last: TokenInfo) -> str:
    """The text from the beginning of a token to the end of another."""
    lines = text.split("\n")[first.start[0] - 1 : last.end[0]]
    lines[-1] = lines[-1][: last.end[1]]
    lines[0] = lines[0][first.start[1] :]
    return "\n".join(lines)
