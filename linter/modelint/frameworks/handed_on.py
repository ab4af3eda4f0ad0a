"""How the mode of a call was written: at the call, or where the functions were called that handed it on.

A helper ``block(x, training)`` that is called with ``training=False`` runs its layers in the mode that somebody wrote,
though at the layers there stands a name.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from modelint.documents.trees import parameter_names
from modelint.program.frames import Frame
from modelint.program.values import Value

MOST_FUNCTIONS = 12


def mode_written(call: ast.AST, frame: Frame | None, inside: Value | None = None) -> Iterator[ast.expr]:
    """The expressions that a call in a frame may be passed the mode by, then those that its functions were passed.

    The constants True and False by position count for the mode. What the methods were passed of the model that the call
    is ``inside`` of is left out.
    """
    waiting = list(_at(call))
    for expression in waiting:
        yield expression
        yield from _before(expression, frame, inside)


def is_literal(expression: ast.expr) -> bool:
    """Whether a mode is written as a constant."""
    return isinstance(expression, ast.Constant) and isinstance(expression.value, int)  # True and False are numbers


def _at(call: ast.AST) -> Iterator[ast.expr]:
    if not isinstance(call, ast.Call):
        return
    for argument in call.args:
        match argument:
            case ast.Name() | ast.Constant(value=True | False):
                yield argument
            case ast.Starred(value=ast.Name() as several):
                yield several
    for keyword in call.keywords:
        if keyword.arg == "training" or (keyword.arg is None and isinstance(keyword.value, ast.Name)):
            yield keyword.value


def _before(expression: ast.expr, frame: Frame | None, inside: Value | None) -> Iterator[ast.expr]:
    """What was passed for a parameter that a name stands for in a frame, and so on."""
    for _ in range(MOST_FUNCTIONS):
        if not isinstance(expression, ast.Name):
            return
        while frame is not None and expression.id not in _parameters(frame):  # of a function around it
            frame = frame.parent
        if frame is None or frame.function is None or (inside is not None and frame.function.bound is inside):
            return
        passed = _passed(expression.id, frame)
        if passed is None:
            return
        yield passed
        expression, frame = passed, frame.caller


def _parameters(frame: Frame) -> tuple[str, ...]:
    """The parameters of the function that a frame executes."""
    if frame.function is None:
        return ()
    by_position, by_name = parameter_names(frame.function.node.args)
    return (*by_position, *by_name)


def _passed(name: str, frame: Frame) -> ast.expr | None:
    """The argument that the call of a frame's function is passed for a parameter."""
    call = frame.called_from
    if not isinstance(call, ast.Call) or frame.function is None:
        return None
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    index = _parameters(frame).index(name) - (frame.function.bound is not None)
    if 0 <= index < len(call.args) and not any(isinstance(one, ast.Starred) for one in call.args[: index + 1]):
        return call.args[index]
    return None
