"""What is said of an error that a framework or a model raised."""

from __future__ import annotations

import re

_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
_NODE = re.compile(r"^\{\{function_node [^}]*\}\} ")
_RAISED = re.compile(r"\w*(Error|Exception): ")
_CAUSE = re.compile(r"(Error|Exception) encountered: ?")
_WRAPPED = "Exception encountered when calling"
LONGEST = 200


def sentence(error: BaseException) -> str:
    """The class of an error and the line of its message that says what was wrong."""
    lines = [line.strip() for line in _ESCAPE.sub("", str(error)).splitlines() if line.strip()]
    told = _NODE.sub("", _telling(lines))
    named = told if _RAISED.match(told) else f"{type(error).__name__}: {told}" if told else type(error).__name__
    if len(named) <= LONGEST:
        return named
    whole = named[:LONGEST].rpartition(". ")[0]
    return f"{whole}." if whole else f"{named[:LONGEST]}…"


def _telling(lines: list[str]) -> str:
    """The first line, but for what Keras and AutoGraph put around the error of a layer."""
    if "in user code:" in lines:  # a traceback, which ends with the error
        return next((line for line in lines if _RAISED.match(line)), lines[-1])
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        found = _CAUSE.search(line)
        if found is not None:
            return line[found.end() :] or following
    return next((line for line in lines if not line.startswith(_WRAPPED)), lines[0] if lines else "")
