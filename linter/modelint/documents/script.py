"""Python source: decoding, parsing, and places in it.

Takes the bytes of a file, gives a ``Script`` or an ``Unreadable`` that says where and why it cannot be read. Reading
never raises. The tree is Python's own: it is made ten times faster than one that keeps the text's form, which only a
fix needs (``calls``), and then of the call in question alone. A ``Site`` names a node, or a part of one, whose place is
computed when it is asked for.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modelint.documents.encoding import encoding_of
from modelint.documents.trees import NodePart, children_of
from modelint.finding import Place, Span

if TYPE_CHECKING:
    from modelint.written import WrittenCall

LARGEST_SOURCE = 2_500_000
"""Bytes of source that are still parsed."""


LONG_LINE = 1_500
"""Characters; a file with a longer line is measured for nesting as a whole."""

TOO_DEEP = "the file is nested too deeply to be examined"

LONG_STATEMENT = 250
"""Lines; only a simple statement of more is measured."""

DEEPEST = 1_000
"""Levels of syntax tree that are still examined."""

_DEFINES = re.compile(r"(?:async\s+)?(?:def|class)\s+")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that could not be read: where in it, and why."""

    path: str
    message: str
    line: int | None = None
    column: int | None = None

    @property
    def place(self) -> Place:
        """The place of the error; the whole file where it has none."""
        if self.line is None:
            return Place(self.path)
        column = self.column or 1
        return Place(self.path, Span(self.line, column, self.line, column + 1))


@dataclass(slots=True, eq=False, repr=False)
class Script:
    """A parsed Python file. ``faults`` are parts that could not be read, and are blank in the text."""

    path: str
    text: str
    module: ast.Module
    faults: tuple[Unreadable, ...] = ()
    _lines: list[str] = field(default_factory=list)
    _parents: dict[ast.AST, ast.AST] = field(default_factory=dict)

    def site(self, node: ast.AST, stop: ast.AST | None = None, part: NodePart = NodePart.WHOLE) -> Site:
        """The place of ``node``, or of a part of it, to be computed when it is asked for.

        It may reach up to the end of ``stop``.
        """
        return Site(self, node, stop, part)

    def span(self, node: ast.AST, part: NodePart = NodePart.WHOLE) -> Span:
        """Where a node stands, without parentheses around it. What has no place of its own stands at the beginning."""
        if not isinstance(node, (ast.stmt, ast.expr, ast.arg, ast.keyword, ast.alias, ast.pattern, ast.excepthandler)):
            return Span(1, 1, 1, 1)
        end_line = node.end_lineno or node.lineno
        end_column = self._column(end_line, node.end_col_offset or 0)
        whole = Span(node.lineno, self._column(node.lineno, node.col_offset), end_line, end_column)
        if part is NodePart.NAME and isinstance(node, ast.arg):
            return Span(whole.line, whole.column, whole.line, whole.column + len(node.arg))
        if part is NodePart.MEMBER and isinstance(node, ast.Attribute):
            return self._member(whole, node.attr)
        if part is not NodePart.WHOLE and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            name = self._name(whole, node.name)
            return self._head(name) if part is NodePart.HEAD else name
        return whole

    def _column(self, line: int, offset: int) -> int:
        """A column as editors count it; Python counts bytes, from 0."""
        text = self.lines[line - 1] if line <= len(self.lines) else ""
        return 1 + (offset if text.isascii() else len(text.encode()[:offset].decode(errors="replace")))

    def _name(self, whole: Span, name: str) -> Span:
        """The name of what is defined at a place; where it is on another line than its keyword, that."""
        defines = _DEFINES.match(self.lines[whole.line - 1], whole.column - 1)
        if defines is None:
            return Span(whole.line, whole.column, whole.line, len(self.lines[whole.line - 1]) + 1)
        return Span(whole.line, defines.end() + 1, whole.line, defines.end() + 1 + len(name))

    def _head(self, name: Span) -> Span:
        """The name of a function and its parameters, up to the parenthesis that closes them."""
        from modelint.documents.tokens import closing, tokens_of

        rest = [self.lines[name.line - 1][name.end_column - 1 :], *self.lines[name.line :]]
        end = closing(tokens_of("\n".join(rest)))
        if end is None:
            return name
        line, column = end.end
        return Span(name.line, name.column, name.line + line - 1, column + (name.end_column if line == 1 else 1))

    def _member(self, whole: Span, name: str) -> Span:
        """The dot and the name at the end of an attribute."""
        begin = whole.end_column - len(name)
        before = self.lines[whole.end_line - 1][: begin - 1].rstrip()
        dot = len(before) if before.endswith(".") else begin
        return Span(whole.end_line, dot, whole.end_line, whole.end_column)

    def code(self, node: ast.AST) -> str:
        """The text of a node."""
        span = self.span(node)
        lines = self.lines[span.line - 1 : span.end_line]
        lines[-1] = lines[-1][: span.end_column - 1]
        lines[0] = lines[0][span.column - 1 :]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"Script({self.path!r})"

    @property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """The node above each node; computed when it is first asked for."""
        if not self._parents:
            stack: list[ast.AST] = [self.module]
            while stack:
                node = stack.pop()
                for child in children_of(node):
                    self._parents[child] = node
                    stack.append(child)
        return self._parents

    @property
    def lines(self) -> list[str]:
        """The source lines, without their ends, as editors count them (LF, CRLF, CR)."""
        if not self._lines:
            self._lines.extend(re.split(r"\r\n?|\n", self.text))
        return self._lines


@dataclass(frozen=True, slots=True, repr=False)
class Site:
    """A node of a script, as a place that is computed on demand. Pickles as the resolved place."""

    script: Script
    node: ast.AST
    stop: ast.AST | None = None
    part: NodePart = NodePart.WHOLE

    def resolve(self) -> Place:
        """The place, resolved."""
        span = self.script.span(self.node, self.part)
        if self.stop is not None:
            end = self.script.span(self.stop)
            span = Span(span.line, span.column, end.end_line, end.end_column)
        return Place(self.script.path, span)

    def written(self) -> WrittenCall | None:
        """How the call at the place is written; None if it is no call."""
        from modelint.documents.calls import written_call

        return written_call(self.script, self.node)

    def __repr__(self) -> str:
        return f"Site({self.script.path!r}, {type(self.node).__name__})"

    def __reduce__(self) -> tuple[Any, ...]:
        place = self.resolve()
        return (Place, (place.path, place.span, place.node, place.cell))


def _decode(path: str, data: bytes) -> str | Unreadable:
    """The text of Python source, by its BOM or encoding declaration, as PEP 263 says."""
    try:
        encoding = encoding_of(data)
    except SyntaxError as error:
        return Unreadable(path, f"the file cannot be decoded: {error.args[0] if error.args else error}", 1, 1)
    try:
        return data.decode(encoding)
    except (UnicodeDecodeError, LookupError) as error:
        start = getattr(error, "start", 0)
        before = data[:start]
        line = before.count(b"\n") + 1
        column = start - (before.rfind(b"\n") + 1) + 1
        message = f"the file holds byte 0x{data[start]:02x}, which is not {encoding}"
        return Unreadable(path, f"{message}; declare its encoding or save it as UTF-8", line, column)


def _python_tree(path: str, text: str) -> ast.Module | Unreadable:
    """What Python's own parser makes of the text, or why it does not accept it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes and the like are not our business
            tree = ast.parse(text)
    except SyntaxError as error:
        reason = error.msg
        if "too many nested parentheses" in reason or "too many levels of indentation" in reason:
            reason = TOO_DEEP
        else:
            reason = f"the file is not valid Python 3: {reason}"
        return Unreadable(path, reason, error.lineno or 1, max(1, error.offset or 1))
    except (RecursionError, MemoryError):
        return Unreadable(path, TOO_DEEP, 1, 1)
    except ValueError as error:  # an integer literal of more digits than int() takes
        return Unreadable(path, f"the file cannot be parsed: {error}", 1, 1)
    long_line = max(map(len, text.splitlines()), default=0) > LONG_LINE
    for suspect in (tree,) if long_line else _long_statements(tree):
        deepest = _too_deep(suspect)
        if deepest is not None:
            return Unreadable(path, TOO_DEEP, deepest, 1)
    return tree


_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


def _long_statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """The simple statements of many lines: without a long line, only in them can an expression be deep."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        blocks = [getattr(node, name) for name in _BLOCKS if getattr(node, name, None)]
        for block in blocks:
            waiting.extend(block if isinstance(block, list) else ())
        if not blocks and isinstance(node, ast.stmt) and (node.end_lineno or 0) - node.lineno > LONG_STATEMENT:
            yield node


def _too_deep(tree: ast.AST) -> int | None:
    """The line of a node nested deeper than ``DEEPEST``, if there is one."""
    stack = [(tree, 0)]
    while stack:
        node, depth = stack.pop()
        if depth > DEEPEST:
            return getattr(node, "lineno", 1)
        stack.extend((child, depth + 1) for child in ast.iter_child_nodes(node))
    return None


def _may_be_newer_syntax(refusal: Unreadable, text: str) -> bool:
    """Whether a text that this Python refuses is harmless enough to be tried with libcst, which knows newer syntax."""
    if refusal.message == TOO_DEEP:
        return False
    depth = deepest = 0
    for character in text:
        if character in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in ")]}":
            depth -= 1
    return deepest < 100 and depth == 0 and max(map(len, text.splitlines()), default=0) <= LONG_LINE


def _parse_newer(refusal: Unreadable, text: str) -> ast.Module | None:
    """The tree of a text in newer syntax than this Python's, as far as it is the same in older."""
    if not _may_be_newer_syntax(refusal, text):
        return None
    from modelint.documents.newer_syntax import in_older_syntax

    trees = (_python_tree(refusal.path, older) for older in in_older_syntax(text))
    return next((tree for tree in trees if isinstance(tree, ast.Module)), None)


def read_script(path: str, data: bytes) -> Script | Unreadable:
    """Decode and parse Python source. Never raises; ``path`` is only remembered."""
    text = _read_text(path, data)
    return text if isinstance(text, Unreadable) else parse_text(path, text)


def parse_text(path: str, text: str) -> Script | Unreadable:
    """Parse the text of Python source."""
    tree = _python_tree(path, text)
    if isinstance(tree, Unreadable):
        newer = _parse_newer(tree, text)
        if newer is None:
            return tree
        tree = newer
    return Script(path, text, tree)


def check_script(path: str, data: bytes) -> Unreadable | None:
    """Why ``read_script`` would not read the source, or None."""
    text = _read_text(path, data)
    return text if isinstance(text, Unreadable) else check_text(path, text)


def check_text(path: str, text: str) -> Unreadable | None:
    """Why ``parse_text`` would not parse the text, or None."""
    script = parse_text(path, text)
    return script if isinstance(script, Unreadable) else None


def too_large(path: str, size: int, limit: int) -> Unreadable:
    """That a file of ``size`` bytes is not examined."""
    return Unreadable(path, f"the file is too large to examine ({size:,} bytes, of {limit:,} at most)")


def _read_text(path: str, data: bytes) -> str | Unreadable:
    """The text of Python source, without a byte order mark."""
    if len(data) > LARGEST_SOURCE:
        return too_large(path, len(data), LARGEST_SOURCE)
    text = _decode(path, data)
    if isinstance(text, Unreadable):
        return text
    text = text.removeprefix("\ufeff")
    if "\0" in text:
        before = text[: text.index("\0")]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        return Unreadable(path, "the file holds a null byte; it is not Python source", line, column)
    return text
