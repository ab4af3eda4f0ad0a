"""Means of the means of batches: sums of metrics over the batches, divided by the number of batches."""

from __future__ import annotations

import libcst

from modelint.frameworks.datasets import BatchCount
from modelint.frameworks.events import MeanEvent, record
from modelint.frameworks.tensors import Tensor
from modelint.program.frames import Frame
from modelint.program.interpreter import Interpreter
from modelint.program.values import Const, Range, Value, alternatives


def note_mean_of_means(
    interpreter: Interpreter, total: Tensor, count: Value, node: libcst.CSTNode, frame: Frame
) -> None:
    """Record that a sum of batch means is divided by the number of batches."""
    counted = all(isinstance(one, (BatchCount, Const, Range)) for one in alternatives(count))
    uneven = [c for c in total.calls if c.batching is None or (not c.batching.drops and c.batching.partial != 0)]
    assert frame.module is not None
    if counted and uneven:
        record(interpreter, MeanEvent(frame.module.script.site(node), frame))
