"""The layers of a network that is not built layer by layer in the program, gone through to freeze some of them.

``for layer in base.layers: layer.trainable = False`` freezes what it says; under a test on the layer, or over a part of
the list, it freezes some, and of a layer that stands for many it is then not known whether it is among them.
"""

from __future__ import annotations

import ast
from collections.abc import Callable

from modelint.documents.trees import LOOPS, descendants_of, words_in
from modelint.frameworks.intent import path_to
from modelint.frameworks.layers import LayerObject, Variables, note_trainable
from modelint.program.frames import Frame
from modelint.program.interpreter import Interpreter
from modelint.program.values import UNKNOWN, Slice, Value

WEIGHTS = frozenset(
    (
        "trainable_variables",
        "trainable_weights",
        "variables",
        "weights",
        "non_trainable_variables",
        "non_trainable_weights",
    )
)


class SomeLayers(Value):
    """The layers of a network, or (``partial``) some of them: ``known`` stand for all of their kinds."""

    __slots__ = ("known", "output", "partial", "whole")

    def __init__(
        self, whole: Value, known: tuple[LayerObject, ...], output: Callable[[], Value], partial: bool = False
    ) -> None:
        self.whole = whole
        self.known = known
        self.output = output
        self.partial = partial

    def item(self, interpreter: Interpreter, index: Value) -> Value:
        if not isinstance(index, Slice):
            return SomeLayer(self.some())
        every = index.slice.start is None and index.slice.stop is None and index.slice.step in (None, 1, -1)
        return self if every else self.some()

    def element(self, interpreter: Interpreter) -> Value:
        return SomeLayer(self)

    def some(self) -> SomeLayers:
        """A part of them."""
        return SomeLayers(self.whole, self.known, self.output, partial=True)


class SomeLayer(Value):
    """One of the layers of a network, or each of them in turn."""

    __slots__ = ("layers",)

    def __init__(self, layers: SomeLayers) -> None:
        self.layers = layers

    def attribute(self, interpreter: Interpreter, name: str) -> Value:
        if name in ("output", "input"):
            return self.layers.output()
        if name in WEIGHTS:
            return Variables((self.layers.whole,))
        return UNKNOWN

    def set_attribute(self, interpreter: Interpreter, name: str, value: Value) -> None:
        if name != "trainable":
            return
        frame = interpreter.stack[-1]
        for layer in self.layers.known or (self.layers.whole,):
            is_batchnorm = layer.kind == "BatchNormalization" if isinstance(layer, LayerObject) else None
            reached = None if self.layers.partial else _is_reached(frame, is_batchnorm)
            if reached is not False:
                note_trainable(interpreter, layer, value if reached else UNKNOWN)


def _is_reached(frame: Frame, is_batchnorm: bool | None) -> bool | None:
    """Whether the loop under way reaches its statement for a layer that is, or is not, a BatchNormalization."""
    assert frame.module is not None
    inner: ast.AST | None = frame.statement
    answers: list[bool | None] = []
    for outer in reversed(path_to(frame.module.script, inner) if inner is not None else []):
        if isinstance(outer, ast.If):
            holds = _holds(outer.test, is_batchnorm)
            answers.append(None if holds is None else holds is (inner in outer.body))
        elif isinstance(outer, LOOPS):
            left = any(isinstance(node, (ast.Continue, ast.Break)) for node in descendants_of(*outer.body))
            return False if False in answers else None if left or None in answers else True
        inner = outer
    return None if None in answers else all(answers)


def _holds(test: ast.expr, is_batchnorm: bool | None) -> bool | None:
    """Whether a test on a layer holds; None if that is not known, or if it is on something else."""
    match test:
        case ast.UnaryOp(op=ast.Not()):
            inverse = _holds(test.operand, is_batchnorm)
            return None if inverse is None else not inverse
        case ast.Call(func=ast.Name(id="isinstance"), args=[*_, classes]):
            if any("BatchNorm" in name for name in words_in(classes)):
                return is_batchnorm
            return False if is_batchnorm else None
    return None
