"""Draws without a state of their own, made again and again with one seed: they give the same numbers each time."""

from __future__ import annotations

import ast
import re

from modelint.documents.trees import FUNCTIONS, LOOPS
from modelint.facts import Setting
from modelint.frameworks.call_facts import EVALUATION_NAME, GENERATION_NAME
from modelint.frameworks.events import DrawEvent
from modelint.frameworks.intent import path_to
from modelint.program.frames import Frame

_METHODS = {"train_step": "in every training step", "__getitem__": "for every batch"}
_FIXED_ON_PURPOSE = re.compile(r"plot|show|visual|callback|(^|_)on_|fixed|init|build|split|fold", re.IGNORECASE)
"""Names of functions that may well want the same numbers each time."""


def is_constant(what: str, seed: Setting) -> bool:
    """Whether a function gives the same numbers whenever it is called with this seed."""
    if what.startswith("tensorflow.random.stateless_"):
        return isinstance(seed, tuple) and all(type(one) is int for one in seed)
    return what.startswith("keras.random.") and type(seed) is int


def drawn_again(event: DrawEvent) -> str:
    """Where a draw outside of forward passes is made again and again; empty if it is not, or if that may be meant."""
    if event.forward is not None or event.in_unit_test or event.what.endswith(("shuffle", "split")):
        return ""
    names = event.functions()
    if any(_FIXED_ON_PURPOSE.search(n) or EVALUATION_NAME.search(n) or GENERATION_NAME.search(n) for n in names):
        return ""
    method = event.method()
    if method is not None and method.name in _METHODS:
        return _METHODS[method.name]
    if _is_mapped(event.frame):
        return "for every element of the dataset"
    return "in every round of a loop" if event.repeated and not _is_in_loop(event) else ""


def _is_mapped(frame: Frame) -> bool:
    """Whether a frame is, or is called by, the function of a ``Dataset.map``."""
    scope: Frame | None = frame
    while scope is not None:
        call = scope.called_from
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "map":
            return True
        scope = scope.caller
    return False


def _is_in_loop(event: DrawEvent) -> bool:
    """Whether a loop stands around a draw where it is written, so that its author sees that it is repeated."""
    for node in reversed(path_to(event.site.script, event.site.node)):
        if isinstance(node, (*LOOPS, ast.comprehension)):
            return True
        if isinstance(node, (*FUNCTIONS, ast.Lambda)):
            return False
    return False
