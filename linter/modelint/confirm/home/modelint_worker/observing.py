"""What of a user's code has run: the expressions of its files, by their places."""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Mapping
from types import CodeType, FrameType
from typing import Any

Span = tuple[int, int, int, int]
"""First line (from 1), first column (from 0, in bytes), last line, end column."""


class Observer:
    """Watches the code below a directory while it is a context. Code that AutoGraph has rewritten is not seen."""

    def __init__(self, root: str) -> None:
        self.below = os.path.join(root, "")
        self.seen: dict[str, set[Span]] = {}
        self._spans: dict[CodeType, list[Any]] = {}
        self._before: Any = None

    def __enter__(self) -> Observer:
        self._before = sys.gettrace()
        sys.settrace(self._entered)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)

    def has_run(self, place: Mapping[str, Any]) -> bool:
        """Whether something of an expression has run; columns count characters, from 1."""
        first, last = (place["line"], place["column"]), (place["end_line"], place["end_column"])
        lines = linecache.getlines(place["path"])
        start, end = (
            (line, len(lines[line - 1][: column - 1].encode())) if line <= len(lines) else (line, column - 1)
            for line, column in (first, last)
        )
        return any(start <= one[:2] and one[2:] <= end for one in self.seen.get(place["path"], ()))

    def _entered(self, frame: FrameType, event: str, argument: Any) -> Any:
        name = frame.f_code.co_filename
        if not name.startswith(self.below) or "site-packages" in name:
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
                self.seen.setdefault(code.co_filename, set()).add(span)
        return self._ran
