"""What a notebook defines, without what it does: the part of its module that may be imported.

Takes the text of a module, gives it with imports, functions, classes and plain assignments as they stand, each in its
place, and everything else blank. A script guards what it does by ``if __name__ == "__main__"``; in a notebook training
stands beside the class that is trained.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator

_PLAIN = (
    *(ast.Constant, ast.Name, ast.Attribute, ast.Tuple, ast.List, ast.Dict, ast.Set, ast.Lambda),
    *(ast.UnaryOp, ast.BinOp, ast.BoolOp, ast.Compare, ast.IfExp),
)
"""Expressions that call nothing."""


def definitions(text: str) -> str:
    """The definitions of a module's text, on the lines on which they stand.

    What needs a name that is not kept, as a base class or the value of a parameter, is left out as well.
    """
    try:
        statements = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError):
        return ""
    lines = [line.encode() for line in text.split("\n")]
    known = set(dir(builtins))
    left_out = []
    for statement in statements:
        if _is_kept(statement, known):
            known.update(_bound(statement))
        else:
            left_out.append(statement)
    for statement in reversed(left_out):  # the places of those before stay what they are
        _blank(lines, statement)
    return b"\n".join(lines).decode()


def lines_of(name: str, text: str) -> tuple[tuple[int, int], ...]:
    """The lines of a module's statements that bind a name, each as its first and last."""
    try:
        statements = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError):
        return ()
    return tuple((one.lineno, one.end_lineno or one.lineno) for one in statements if name in _bound(one))


def _is_kept(statement: ast.stmt, known: set[str]) -> bool:
    match statement:
        case ast.Import() | ast.ImportFrom():
            return True
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            evaluated = [*statement.decorator_list, *filter(None, (statement.args, statement.returns))]
            return _names(evaluated) <= known
        case ast.ClassDef():
            return _names([*statement.decorator_list, *statement.bases, *statement.keywords]) <= known
        case ast.Assign(targets=targets, value=value):
            return all(map(_is_name, targets)) and _is_plain(value) and _names([value]) <= known
        case ast.AnnAssign(target=ast.Name(), value=ast.expr() as value):
            return _is_plain(value) and _names([value, statement.annotation]) <= known
    return False


def _is_name(target: ast.expr) -> bool:
    """Whether an assignment binds names, and changes nothing that is there."""
    return isinstance(target, ast.Name) or (isinstance(target, ast.Tuple) and all(map(_is_name, target.elts)))


def _is_plain(value: ast.expr) -> bool:
    """Whether an expression calls nothing; the body of a lambda is run by whoever calls that."""
    if isinstance(value, ast.Lambda):
        return True
    inner = [node for node in ast.iter_child_nodes(value) if isinstance(node, ast.expr)]
    return isinstance(value, _PLAIN) and all(map(_is_plain, inner))


def _names(nodes: Iterable[ast.AST]) -> set[str]:
    """The names that are read; those of a lambda's parameters are its own."""
    walked = [node for one in nodes for node in ast.walk(one)]
    own = {node.arg for node in walked if isinstance(node, ast.arg)}
    return {node.id for node in walked if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)} - own


def _bound(statement: ast.stmt) -> Iterator[str]:
    match statement:
        case ast.Import() | ast.ImportFrom():
            yield from ((alias.asname or alias.name).partition(".")[0] for alias in statement.names)
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield statement.name
        case ast.Assign() | ast.AnnAssign():
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            names = (node for target in targets for node in ast.walk(target) if isinstance(node, ast.Name))
            yield from (node.id for node in names if isinstance(node.ctx, ast.Store))


def _blank(lines: list[bytes], statement: ast.stmt) -> None:
    """Put ``0`` in the place of a statement, which may have others beside it on its line."""
    decorators = getattr(statement, "decorator_list", [])
    first, start = (decorators[0].lineno, 0) if decorators else (statement.lineno, statement.col_offset)
    last, end = statement.end_lineno or first, statement.end_col_offset or 0
    for number in range(first, last + 1):
        line = lines[number - 1]
        begin = start if number == first else 0
        stop = end if number == last else len(line)
        width = len(line[begin:stop].decode())
        filled = ("0" if number == first else "").ljust(width).encode()
        lines[number - 1] = line[:begin] + filled + line[stop:]
