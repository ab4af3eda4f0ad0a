"""What is said of an error that a framework or a model raised."""

from __future__ import annotations

import re

_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
_WRAPPED = "Exception encountered when calling"
LONGEST = 200


def sentence(error: BaseException) -> str:
    """The class and the first line of its message; of Keras's, the first that says what was wrong."""
    lines = [line.strip() for line in _ESCAPE.sub("", str(error)).splitlines() if line.strip()]
    told = next((line for line in lines if not line.startswith(_WRAPPED)), lines[0] if lines else "")
    return f"{type(error).__name__}: {told[:LONGEST]}" if told else type(error).__name__
