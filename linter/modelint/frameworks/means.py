"""Metrics of batches, added up over a loop and divided by the number of batches."""

from __future__ import annotations

import libcst

from modelint.documents import Script
from modelint.documents.trees import descendants_of
from modelint.frameworks.datasets import BatchCount
from modelint.frameworks.events import MeanEvent, record
from modelint.frameworks.tensors import Tensor
from modelint.program.frames import Frame
from modelint.program.interpreter import Interpreter
from modelint.program.values import Const, Range, Value, alternatives

COUNTING = frozenset(("range", "trange", "count", "arange"))


def is_adding_up(interpreter: Interpreter, operands: tuple[Value, ...], node: libcst.CSTNode, frame: Frame) -> bool:
    """Whether a sum adds the metric of another batch to those of the batches before it, in a loop over batches."""
    if not interpreter.loop_depth or not any(any(map(_is_sum, alternatives(operand))) for operand in operands):
        return False
    return frame.module is not None and _is_over_batches(frame.module.script, node)


def _is_sum(value: Value) -> bool:
    """Whether it is a sum, begun with nothing."""
    return value.accumulated if isinstance(value, Tensor) else isinstance(value, Const) and value.value == 0


def _is_over_batches(script: Script, node: libcst.CSTNode) -> bool:
    """Whether the innermost loop around a node takes a batch each time: it goes through them, or asks for the next."""
    parents = script.parents
    above = parents.get(node)
    while above is not None and not isinstance(above, (libcst.For, libcst.While, libcst.FunctionDef)):
        above = parents.get(above)
    match above:
        case libcst.For() if not _is_counting(above.iter):
            return True
        case libcst.For() | libcst.While():
            calls = (one for one in descendants_of(above.body) if isinstance(one, libcst.Call))
            return any("next" in _called(call) for call in calls)
    return False


def _is_counting(iterable: libcst.BaseExpression) -> bool:
    """Whether what a loop goes through are numbers."""
    while isinstance(iterable, libcst.Call):
        if _called(iterable) in COUNTING:
            return True
        if not iterable.args:
            return False
        iterable = iterable.args[0].value
    return False


def _called(call: libcst.Call) -> str:
    name = call.func.attr if isinstance(call.func, libcst.Attribute) else call.func
    return name.value if isinstance(name, libcst.Name) else ""


def note_mean_of_means(
    interpreter: Interpreter, total: Tensor, count: Value, node: libcst.CSTNode, frame: Frame
) -> None:
    """Record that a sum of batch means is divided by the number of batches."""
    counted = all(isinstance(one, (BatchCount, Const, Range)) for one in alternatives(count))
    uneven = [c for c in total.calls if c.batching is None or (not c.batching.drops and c.batching.partial != 0)]
    assert frame.module is not None
    if counted and uneven:
        record(interpreter, MeanEvent(frame.module.script.site(node), frame, calls=total.calls))
