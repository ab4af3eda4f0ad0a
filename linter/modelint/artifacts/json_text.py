"""JSON, read without trust: the configurations and graphs that frameworks save as text.

Takes bytes, gives Python values. As Python's own reader it takes NaN and Infinity, which Keras writes. What it does not
take: text that is not UTF-8, a key that stands twice in one object (readers differ in which counts), numbers of
thousands of digits, nesting deeper than ``DEEPEST``.
"""

from __future__ import annotations

import json
import re
from itertools import accumulate
from typing import Final

from modelint.artifacts.limits import Budget, MalformedError

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

DEEPEST: Final = 200
"""Lists and objects inside one another. A Keras model nested in a model takes six of them."""

LARGEST_TEXT: Final = 32 * 2**20
"""Bytes of one text; EfficientNetB7 takes one million."""

_STEPS_PER_VALUE: Final = 2
_STRING: Final = re.compile(rb'"[^"]*"')
_STEPS: Final = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1, ord(","): 0, ord('"'): 0}
_OTHERS: Final = bytes(byte for byte in range(256) if byte not in _STEPS)
# An escape: a pair of surrogates that stands for one character, half of one (the group), or any other.
_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)


class _RepeatedKeyError(Exception):
    """A key stands twice in one object."""


def parse(text: bytes, budget: Budget, *, member: str | None = None) -> Json:
    """Read a JSON text; ``member`` is where it stands, for messages.

    Half of a surrogate pair, which no encoding can hold, becomes its escape as text (``\\ud800``).

    Raises:
        MalformedError: it is no JSON that can be relied on, or too large or deep.
    """
    if len(text) > LARGEST_TEXT:
        raise MalformedError(f"the text is larger than {LARGEST_TEXT:,} bytes", member=member)
    text = text.removeprefix(b"\xef\xbb\xbf")
    _measure(text, budget, member)
    if re.search(rb"\\u[dD][89a-fA-F]", text):
        text = _ESCAPE.sub(lambda escape: b"\\" * bool(escape[1]) + escape[0], text)
    try:
        value: Json = json.loads(text.decode("utf-8"), object_pairs_hook=_object)
    except UnicodeDecodeError as error:
        raise MalformedError("the text is not UTF-8", member=member, offset=error.start) from error
    except json.JSONDecodeError as error:
        raise MalformedError(f"this is no JSON: {error.msg}", member=member, offset=error.pos) from error
    except _RepeatedKeyError as error:
        raise MalformedError(f"the key {str(error)!r} stands twice in one object", member=member) from error
    except ValueError as error:
        raise MalformedError("a number has thousands of digits", member=member) from error
    return value


def _measure(text: bytes, budget: Budget, member: str | None) -> None:
    """Pay for the values of a text, and refuse one that is nested too deeply, before anything is made of it."""
    unescaped = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    marks = _STRING.sub(b"", unescaped.translate(None, _OTHERS))
    brackets = marks.translate(None, b',"')
    budget.spend(_STEPS_PER_VALUE * len(marks))
    if max(accumulate(map(_STEPS.__getitem__, brackets)), default=0) > DEEPEST:
        raise MalformedError(f"lists and objects are nested more than {DEEPEST} deep", member=member)


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _RepeatedKeyError(key)
            seen.add(key)
    return made
