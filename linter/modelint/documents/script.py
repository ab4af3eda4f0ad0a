"""Python source: decoding, parsing, and places in it.

Takes the bytes of a file, gives a ``Script`` or an ``Unreadable`` that says where and why it cannot be read. Reading
never raises. Positions are not computed when parsing, for that costs twice the parse: a ``Site`` names a node, and
the first one asked for its place has the positions of all sites of its script computed in one pass. libcst is imported
by what needs a tree, so that a run over model files alone does without.
"""

from __future__ import annotations

import ast
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modelint.documents.encoding import encoding_of
from modelint.finding import Place, Span

if TYPE_CHECKING:
    import libcst

    from modelint.documents.pieces import Pieces
    from modelint.documents.positions import Anchor
    from modelint.written import WrittenCall

LARGEST_SOURCE = 2_500_000
"""Bytes of source that are still parsed; the tree takes about a hundred times as much memory."""


LONG_LINE = 1_500
"""Characters; a file with a longer line is measured for nesting as a whole."""

TOO_DEEP = "the file is nested too deeply to be examined"

LONG_STATEMENT = 250
"""Lines; only a simple statement of more is measured."""

DEEPEST = 1_000
"""Levels of syntax tree that are still examined."""

STACK_BYTES = 256 * 1024 * 1024


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
    module: libcst.Module
    faults: tuple[Unreadable, ...] = ()
    _wanted: set[libcst.CSTNode] = field(default_factory=set)
    _spans: dict[libcst.CSTNode, Span] = field(default_factory=dict)
    _within: dict[libcst.CSTNode, libcst.CSTNode] = field(default_factory=dict)
    _anchors: dict[libcst.CSTNode, Anchor] | None = None
    _lines: list[str] = field(default_factory=list)
    _parents: dict[libcst.CSTNode, libcst.CSTNode] = field(default_factory=dict)

    def site(
        self,
        node: libcst.CSTNode,
        stop: libcst.CSTNode | None = None,
        closing: str = "",
        within: libcst.CSTNode | None = None,
    ) -> Site:
        """The place of ``node``, to be computed when it is asked for.

        It may reach up to the end of ``stop``, and from there over the next ``closing`` character. A place is found
        sooner if the statement is given that the node probably stands ``within``.
        """
        self._wanted.add(node)
        if within is not None:
            self._within[node] = within
        if stop is not None:
            self._wanted.add(stop)
        return Site(self, node, stop, closing)

    def statement_of(self, node: libcst.CSTNode) -> libcst.CSTNode | None:
        """The statement that a node was said to stand in."""
        return self._within.get(node)

    def span(self, node: libcst.CSTNode) -> Span:
        """Where the node stands, without surrounding whitespace, parentheses included."""
        from modelint.documents.positions import anchors_of, spans_in, spans_of

        if node not in self._spans and node in self._within:
            if self._anchors is None:
                self._anchors = anchors_of(self.module, self.text, self.lines)
            self._spans.update(spans_in(self.module, self._within[node], self._anchors))
        if node not in self._spans:
            self._wanted.add(node)
            self._spans.update(spans_of(self.module, self._wanted))
        return self._spans.get(node, Span(1, 1, 1, 1))

    def __repr__(self) -> str:
        return f"Script({self.path!r})"

    def over(self, span: Span, closing: str) -> Span:
        """The span, prolonged over the next occurrence of a character."""
        lines = self.lines
        column = span.end_column
        for number in range(span.end_line, len(lines) + 1):
            found = lines[number - 1].find(closing, column - 1)
            if found >= 0:
                return Span(span.line, span.column, number, found + 2)
            column = 1
        return span

    @property
    def parents(self) -> dict[libcst.CSTNode, libcst.CSTNode]:
        """The node above each node; computed when it is first asked for."""
        from modelint.documents.trees import children_of

        if not self._parents:
            stack: list[libcst.CSTNode] = [self.module]
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
    node: libcst.CSTNode
    stop: libcst.CSTNode | None = None
    closing: str = ""

    def resolve(self) -> Place:
        """The place, resolved."""
        span = self.script.span(self.node)
        if self.stop is not None:
            end = self.script.span(self.stop)
            span = Span(span.line, span.column, end.end_line, end.end_column)
        if self.closing:
            span = self.script.over(span, self.closing)
        return Place(self.script.path, span)

    def near(self, node: libcst.CSTNode, stop: libcst.CSTNode | None = None) -> Site:
        """The place of another node of the same statement, or of all from it up to the end of ``stop``."""
        return self.script.site(node, stop, within=self.script.statement_of(self.node))

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
    """What Python's own parser makes of the text, or why it does not accept it.

    libcst overflows the stack, and takes quadratic time, on nesting that Python refuses at once; Python's messages
    are also the better ones.
    """
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


def _parse(text: str, tree: ast.Module | None = None, pieces: Pieces | None = None) -> libcst.Module | None:
    """Parse on a thread with a stack that holds the deepest tree Python accepts."""
    import libcst

    parsed: list[libcst.Module] = []

    def parse() -> None:
        failures = (libcst.ParserSyntaxError, RecursionError, MemoryError, UnicodeEncodeError)
        if pieces is not None and tree is not None:
            with suppress(*failures, ValueError):
                parsed.append(pieces.parse(text, tree))
                return
        with suppress(*failures):
            parsed.append(libcst.parse_module(text))

    before = threading.stack_size(STACK_BYTES)
    try:
        thread = threading.Thread(target=parse)
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    return parsed[0] if parsed else None


def read_script(path: str, data: bytes, pieces: Pieces | None = None) -> Script | Unreadable:
    """Decode and parse Python source. Never raises; ``path`` is only remembered.

    A file that is edited is parsed sooner with the ``pieces`` of its text before.
    """
    text = _read_text(path, data)
    return text if isinstance(text, Unreadable) else parse_text(path, text, pieces)


def parse_text(path: str, text: str, pieces: Pieces | None = None) -> Script | Unreadable:
    """Parse the text of Python source."""
    tree = _python_tree(path, text)
    if isinstance(tree, ast.Module):
        module = _parse(text, tree, pieces)
    elif _may_be_newer_syntax(tree, text):
        module = _parse(text)
    else:
        return tree
    if module is None:
        return tree if isinstance(tree, Unreadable) else _refused_by_libcst(path, text)
    return Script(path, text, module)


_MIXED_INDENT = re.compile(r"^(?: +\t|\t+ )", re.MULTILINE)


def _refused_by_libcst(path: str, text: str) -> Unreadable:
    """That Python parses a file and libcst does not, which is known of one thing: tabs beside spaces."""
    mixed = _MIXED_INDENT.search(text)
    if mixed is None:
        return Unreadable(path, "the file cannot be parsed", 1, 1)
    line = text.count("\n", 0, mixed.start()) + 1
    return Unreadable(path, "the indentation mixes tabs and spaces in a way that cannot be followed", line, 1)


def check_script(path: str, data: bytes) -> Unreadable | None:
    """Why ``read_script`` would not read the source, or None: without building the tree, at a fifth of the time."""
    text = _read_text(path, data)
    return text if isinstance(text, Unreadable) else check_text(path, text)


def check_text(path: str, text: str) -> Unreadable | None:
    """Why ``parse_text`` would not parse the text, or None."""
    refusal = _python_tree(path, text)
    if isinstance(refusal, ast.Module) or (_may_be_newer_syntax(refusal, text) and _parse(text) is not None):
        return None
    return refusal


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
