"""IPython's own syntax in a cell: magics, shell lines, questions for help, prompts.

Takes the lines of a cell, gives as many lines of Python: what only IPython understands is replaced, and nothing
moves to another line. ``Line.shift`` says how many columns were cut off in front. Only for cells that are no Python
as they stand: a line of valid Python is never mistaken for a magic, since whoever calls this has tried to parse it.

What IPython accepts, and in which order: ``IPython/core/inputtransformer2.py``. Automagic (``pip install x`` without
``%``) works in cells of one line, ``IPython/core/prefilter.py``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass

RUNS_ITS_CELL = frozenset({"capture", "prun", "time", "timeit"})
"""Cell magics that execute the rest of the cell as Python in the notebook's own namespace."""

_CELL_MAGIC = re.compile(r"\s*%%(\w*)")
_MAGIC = re.compile(r"(\s*)(?:[%!?]|[/,;]\w)")
_TIMED = re.compile(r"(\s*)(%time\s+)(?=\S)")
_ASSIGNED = re.compile(
    r"(\s*[A-Za-z_][\w.]*(?:\[[^\]=]*\])?(?:\s*,\s*[A-Za-z_][\w.]*)*\s*=\s*)(?:!|%(?=[A-Za-z_]))",
)
_HELP = re.compile(r"(\s*)%{0,2}[A-Za-z_*][\w.*]*(?:\[[^\]]*\])?[\w.*]*\?{1,2}\s*;?\s*$")
_PROMPT = re.compile(r"(?:>>>|\.\.\.|In \[\d+\]:|\s*\.{3,}:)(?: |$)")
_AUTOMAGIC = re.compile(r"(?:cat|cd|conda|cp|ll|ls|mamba|mkdir|mv|pip|rm|rmdir|uv)\s+\S")
_QUIET = "pass"
_UNKNOWN = "get_ipython()"
"""What stands for a magic's value: nobody knows it."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of Python that stands for a line of a cell; its column 1 is the cell's column ``1 + shift``."""

    text: str
    shift: int = 0


def python_lines(lines: Sequence[str]) -> tuple[Line, ...]:
    """The lines of a cell, without what Python does not know."""
    first = next((number for number, line in enumerate(lines) if line.strip()), len(lines))
    magic = _CELL_MAGIC.match(lines[first]) if first < len(lines) else None
    if magic and magic[1] in RUNS_ITS_CELL:
        return (*(Line("") for _ in lines[: first + 1]), *python_lines(lines[first + 1 :]))
    if magic or (first < len(lines) and _is_automagic(lines[first:])):
        return tuple(Line("") for _ in lines)
    return tuple(_without_magics(_without_prompts(_dedented(lines, first), first)))


def _is_automagic(lines: Sequence[str]) -> bool:
    return _AUTOMAGIC.match(lines[0]) is not None and not any(line.strip() for line in lines[1:])


def _dedented(lines: Sequence[str], first: int) -> list[Line]:
    """Without the indentation of the first line, wherever it stands: IPython lets a whole cell be indented."""
    start = lines[first] if first < len(lines) else ""
    indent = start[: len(start) - len(start.lstrip())]
    width = len(indent)
    return [Line(line[width:], width) if width and line.startswith(indent) else Line(line) for line in lines]


def _without_prompts(lines: Sequence[Line], first: int) -> list[Line]:
    """Without prompts of a session that was pasted in, if the first line has one."""
    if first >= len(lines) or not _PROMPT.match(lines[first].text):
        return list(lines)
    cut = []
    for line in lines:
        prompt = _PROMPT.match(line.text)
        width = prompt.end() if prompt else 0
        cut.append(Line(line.text[width:], line.shift + width))
    return cut


def _without_magics(lines: Sequence[Line]) -> list[Line]:
    """With something harmless in the place of magics, which are only where a statement can begin."""
    replaced: list[Line] = []
    state = _State()
    in_magic = False
    for line in lines:
        if in_magic:
            replaced.append(Line(""))
            in_magic = line.text.endswith("\\")
            continue
        python = _python(line) if state.begins_statement else None
        if python is None:
            replaced.append(line)
            state = state.after(line.text)
        else:
            replaced.append(python)
            in_magic = line.text.endswith("\\")
    return replaced


def _python(line: Line) -> Line | None:
    """What stands for a line that begins with a magic, assigns one or asks for help; None for any other."""
    timed = _TIMED.match(line.text)
    if timed:
        statement = line.text[timed.end() :]
        if _parses(statement):
            return Line(timed[1] + statement, line.shift + len(timed[2]))
    magic = _MAGIC.match(line.text) or _HELP.match(line.text)
    if magic:
        return Line(magic[1] + _QUIET, line.shift)
    assigned = _ASSIGNED.match(line.text)
    return Line(assigned[1] + _UNKNOWN, line.shift) if assigned else None


def _parses(statement: str) -> bool:
    try:
        ast.parse(statement)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


_TOKEN = re.compile(r"#.*|\"\"\"|'''|\"(?:\\.|[^\"\\])*\"?|'(?:\\.|[^'\\])*'?|[\[({]|[\])}]|\\$")


@dataclass(frozen=True, slots=True)
class _State:
    """What is open at the end of a line: brackets, a string of several lines, a line that goes on."""

    depth: int = 0
    quotes: str = ""
    continued: bool = False

    @property
    def begins_statement(self) -> bool:
        return not (self.depth or self.quotes or self.continued)

    def after(self, text: str) -> _State:
        """The state after one more line."""
        depth, quotes, continued = self.depth, self.quotes, False
        at = 0
        while True:
            if quotes:
                closing = re.compile(rf"(?:\\.|(?!{quotes}).)*{quotes}").match(text, at)
                if not closing:
                    return _State(depth, quotes)
                at, quotes = closing.end(), ""
            token = _TOKEN.search(text, at)
            if not token:
                return _State(depth, "", continued)
            at = token.end()
            match token[0]:
                case '"""' | "'''":
                    quotes = token[0]
                case "[" | "(" | "{":
                    depth += 1
                case "]" | ")" | "}":
                    depth = max(0, depth - 1)
                case "\\":
                    continued = True
