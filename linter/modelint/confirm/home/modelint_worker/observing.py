"""What of a user's code has run: the expressions of its files, by their places.

Only what runs eagerly counts. While a graph is made, both branches of a condition are traced, and AutoGraph runs a
rewritten copy; what the graph then does with its inputs, no observer of Python sees.
"""

from __future__ import annotations

import ast
import linecache
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import CodeType, FrameType
from typing import Any

from .importing import GIVEN

Span = tuple[int, int, int, int]
"""First line (from 1), first column (from 0, in bytes), last line, end column."""


FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
BUILDING = frozenset({"__init__", "build"})
"""Methods that run when a layer is made."""


def eagerly(run: Callable[[], None]) -> None:
    """Run something, with functions that TensorFlow would rewrite and make graphs of run as they are written."""
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is None:
        run()
        return
    before = tensorflow.config.functions_run_eagerly()
    tensorflow.config.run_functions_eagerly(True)
    try:
        tensorflow.autograph.experimental.do_not_convert(run)()
    finally:
        tensorflow.config.run_functions_eagerly(before)


class Observer:
    """Watches the code of some files while it is a context: while a model is made, and again whenever it is run.

    ``from_the_start``: what makes the model is watched as well as what runs it, and not only the import of its module.
    ``seen`` is what ran. While ``building``, only methods that run when a layer is made are watched: the call that
    builds a model is not one that a finding is about.
    """

    def __init__(self, files: Iterable[str], *, from_the_start: bool) -> None:
        self.files = frozenset(files)
        self.from_the_start = from_the_start
        self.seen: dict[str, set[Span]] = {}
        self.building = False
        self._kept: Mapping[str, frozenset[Span]] = {}
        self._spans: dict[CodeType, list[Any]] = {}
        self._before: Any = None

    def __enter__(self) -> Observer:
        self._before = sys.gettrace()
        sys.settrace(self._entered)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)

    def keep(self) -> None:
        """What was seen so far is to be seen of every run: it made the model."""
        self.building = False
        self._kept = {path: frozenset(spans) for path, spans in self.seen.items()}

    def start_over(self) -> None:
        """Forget what was seen of the run before, which may have entered the model otherwise."""
        self.seen = {path: set(spans) for path, spans in self._kept.items()}

    def has_run(self, place: Mapping[str, Any]) -> bool:
        """Whether something of an expression has run, or may have, unwatched; columns count characters, from 1."""
        first, last = (place["line"], place["column"]), (place["end_line"], place["end_column"])
        lines = linecache.getlines(place["path"] + GIVEN) or linecache.getlines(place["path"])
        around = list(_around(lines, place["line"]))
        in_method = len(around) > 1 and isinstance(around[-2], ast.ClassDef) and around[-1].name not in BUILDING
        if not any(isinstance(one, FUNCTIONS) for one in around) or not (self.from_the_start or in_method):
            return True
        start, end = (
            (line, len(lines[line - 1][: column - 1].encode())) if line <= len(lines) else (line, column - 1)
            for line, column in (first, last)
        )
        return any(start <= one[:2] and one[2:] <= end for one in self.seen.get(place["path"], ()))

    def _entered(self, frame: FrameType, event: str, argument: Any) -> Any:
        code = frame.f_code
        if code.co_filename.removesuffix(GIVEN) not in self.files or _in_a_graph():
            return None
        if self.building and code.co_name not in BUILDING:
            return None
        frame.f_trace_opcodes = True
        return self._ran

    def _ran(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "opcode":
            code = frame.f_code
            if code not in self._spans:
                self._spans[code] = [(one[0], one[2], one[1], one[3]) for one in code.co_positions()]
            span = self._spans[code][frame.f_lasti // 2]
            if None not in span:
                self.seen.setdefault(code.co_filename.removesuffix(GIVEN), set()).add(span)
        return self._ran


def _in_a_graph() -> bool:
    """Whether what is run only makes a graph."""
    eager = getattr(sys.modules.get("tensorflow"), "executing_eagerly", None)
    return eager is not None and not eager()


def _around(lines: Sequence[str], line: int) -> Iterator[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    """The classes and functions that a line is in, outermost first."""
    try:
        inside: Sequence[ast.stmt] = ast.parse("".join(lines)).body
    except (SyntaxError, ValueError):
        return
    while inside:
        held = [one for one in inside if one.lineno <= line <= (one.end_lineno or one.lineno)]
        for one in held:
            if isinstance(one, (ast.ClassDef, *FUNCTIONS)):
                yield one
        inside = [each for one in held for each in ast.iter_child_nodes(one) if isinstance(each, ast.stmt)]
