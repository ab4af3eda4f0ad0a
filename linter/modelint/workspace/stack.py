"""Room for deep recursion: the nesting of a program is the nesting of the calls that examine it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

STACK_BYTES = 512 * 1024 * 1024
"""Address space for the stack; only what deep nesting needs of it is ever used."""

SMALLEST_STACK = 16 * 1024 * 1024

DEEPEST_RECURSION = 40_000
"""Python frames; the deepest tree that ``documents`` lets through takes a quarter of it."""


def on_a_deep_stack(work: Callable[[], Result]) -> Result:
    """Call ``work`` on a thread with a large stack; its result or its exception. Can be interrupted."""
    results: list[Result] = []
    errors: list[BaseException] = []

    def call() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001  handed on to the caller
            errors.append(error)

    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, DEEPEST_RECURSION))
    try:
        thread = _started(call)
        while thread.is_alive():
            thread.join(0.5)  # with a time, for on some systems nothing interrupts a wait without end
    finally:
        sys.setrecursionlimit(limit)
    if errors:
        raise errors[0]
    return results[0]


def _started(call: Callable[[], None]) -> threading.Thread:
    """The thread, with as large a stack as can be had."""
    size = STACK_BYTES
    while True:
        before = threading.stack_size(size)
        try:
            thread = threading.Thread(target=call, name="modelint", daemon=True)
            thread.start()
        except RuntimeError:  # not so much address space
            size //= 2
            if size < SMALLEST_STACK:
                raise
        else:
            return thread
        finally:
            threading.stack_size(before)
