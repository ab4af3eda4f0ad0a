"""A module parsed a top-level statement at a time, so that after an edit only what it changed is parsed again.

libcst takes a tenth of a second for a thousand lines, which is most of what an editor waits for. Takes texts of one
file, one after the other, gives the same tree as libcst does (comments may hang on other nodes than there).
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field

import libcst

Statement = libcst.SimpleStatementLine | libcst.BaseCompoundStatement

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


class InPiecesError(ValueError):
    """A text that has to be parsed as a whole."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """Statements that stand on lines of their own. ``indent``: what libcst left out of its blocks, if it has any."""

    statements: tuple[Statement, ...]
    indent: str | None


@dataclass(slots=True)
class Pieces:
    """The statements of the last text of a file by the lines that they are written in, with the space before them."""

    _known: dict[str, list[_Piece]] = field(default_factory=dict)

    def parse(self, text: str, tree: ast.Module) -> libcst.Module:
        """The module of a text, of which ``tree`` is what Python's parser makes.

        Raises:
            InPiecesError: its statements are indented, or its lines end, in different ways.
            libcst.ParserSyntaxError: libcst does not accept it in pieces.
        """
        newline = _newline(text)
        lines = _LINE.findall(text)
        pieces: dict[str, list[_Piece]] = {}
        found: list[_Piece] = []
        begin = 0
        for end in _ends(tree):
            code = "".join(lines[begin:end])
            known = self._known.get(code)
            piece = known.pop() if known else _parsed(code)
            pieces.setdefault(code, []).append(piece)
            found.append(piece)
            begin = end
        self._known = pieces
        indents = {piece.indent for piece in found if piece.indent is not None}
        if len(indents) > 1:
            raise InPiecesError("blocks are indented in different ways")
        rest = libcst.parse_module("".join(lines[begin:]))
        if not found:
            return rest
        return rest.with_changes(
            body=[statement for piece in found for statement in piece.statements],
            header=[],
            footer=[*rest.header, *rest.footer],
            default_indent=indents.pop() if indents else rest.default_indent,
            default_newline=newline,
            has_trailing_newline=text.endswith("\n"),
        )


def _newline(text: str) -> str:
    """What ends the lines of a text; libcst leaves it out of the tree where it is the same for all."""
    if "\r" not in text:
        return "\n"
    windows = text.count("\r\n")
    if windows == text.count("\n") == text.count("\r"):
        return "\r\n"
    raise InPiecesError("lines end in different ways")


def _ends(tree: ast.Module) -> list[int]:
    """The last lines of the top-level statements, counted from 1; of several on one line, of all together."""
    ends: list[int] = []
    for statement in tree.body:
        first = min([statement.lineno, *(one.lineno for one in getattr(statement, "decorator_list", ()))])
        if ends and first <= ends[-1]:
            ends.pop()
        ends.append(statement.end_lineno or statement.lineno)
    return ends


def _parsed(code: str) -> _Piece:
    """The statements of a piece; the comments before the first are its own, not a module's."""
    module = libcst.parse_module(code)
    first, *others = module.body
    suite = getattr(first, "body", None)
    has_blocks = isinstance(first, libcst.BaseCompoundStatement) and not isinstance(suite, libcst.SimpleStatementSuite)
    leading = [*module.header, *first.leading_lines]
    return _Piece((first.with_changes(leading_lines=leading), *others), module.default_indent if has_blocks else None)
