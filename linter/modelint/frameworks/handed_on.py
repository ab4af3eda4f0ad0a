"""How the mode of a call was written: at the call, or where the functions were called that handed it on.

A helper ``block(x, training)`` that is called with ``training=False`` runs its layers in the mode that somebody wrote,
though at the layers there stands a name.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst

from modelint.documents.trees import named_parameters
from modelint.program.frames import Frame

MOST_FUNCTIONS = 12


def mode_written(call: libcst.CSTNode, frame: Frame | None) -> Iterator[libcst.BaseExpression]:
    """The expressions that a call in a frame may be passed the mode by, then those that its functions were passed.

    The constants True and False by position count for the mode.
    """
    waiting = list(_at(call))
    for expression in waiting:
        yield expression
        yield from _before(expression, frame)


def is_literal(expression: libcst.BaseExpression) -> bool:
    """Whether a mode is written as a constant."""
    if isinstance(expression, libcst.Name):
        return expression.value in ("True", "False")
    return isinstance(expression, libcst.Integer)


def _at(call: libcst.CSTNode) -> Iterator[libcst.BaseExpression]:
    for argument in call.args if isinstance(call, libcst.Call) else ():
        if argument.keyword is not None:
            if argument.keyword.value == "training":
                yield argument.value
        elif isinstance(argument.value, libcst.Name):
            yield argument.value


def _before(expression: libcst.BaseExpression, frame: Frame | None) -> Iterator[libcst.BaseExpression]:
    """What was passed for a parameter that a name stands for in a frame, and so on."""
    for _ in range(MOST_FUNCTIONS):
        if not isinstance(expression, libcst.Name):
            return
        while frame is not None and expression.value not in _parameters(frame):  # of a function around it
            frame = frame.parent
        passed = _passed(expression.value, frame) if frame is not None else None
        if frame is None or passed is None:
            return
        yield passed
        expression, frame = passed, frame.caller


def _parameters(frame: Frame) -> list[str]:
    """The parameters of the function that a frame executes."""
    if frame.function is None:
        return []
    return [parameter.name.value for parameter in named_parameters(frame.function.node.params)]


def _passed(name: str, frame: Frame) -> libcst.BaseExpression | None:
    """The argument that the call of a frame's function is passed for a parameter."""
    call = frame.called_from
    if not isinstance(call, libcst.Call) or frame.function is None:
        return None
    for argument in call.args:
        if argument.keyword is not None and argument.keyword.value == name:
            return argument.value
    index = _parameters(frame).index(name) - (frame.function.bound is not None)
    positional = [argument for argument in call.args if argument.keyword is None]
    if 0 <= index < len(positional) and not any(argument.star for argument in positional[: index + 1]):
        return positional[index].value
    return None
