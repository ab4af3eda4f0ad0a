"""The operators of ONNX that move elements and leave them as they are: shapes, slices, orders.

Takes one operator with what is known of its operands, gives what is known of its results. Sizes that a graph computes
(``Shape``, ``Gather``, ``Concat``) are followed as well, for they are what a ``Reshape`` is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from modelint.artifacts.batch_axis import (
    Tensor,
    elementwise,
    following,
    joined,
    permuted,
    reshaped,
    resized,
    taken,
    with_new,
    without,
)
from modelint.artifacts.batch_flow import Step
from modelint.artifacts.onnx_operation import OnnxOperation, axes_of, is_given, numbers_of

END: Final = 2**31 - 1
"""The end of a slice that is meant to go to the end is this or more."""


def transpose(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    return [permuted(step.operand(0), operation.numbers("perm"))]


def reshape(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    data = step.operand(0)
    target = operation.numbers("shape") if operation.opset < 5 else step.operand(1).known
    if target is None:
        return []
    if not operation.number("allowzero", 0):
        target = tuple(
            (data.shape[axis] if data.shape is not None and axis < len(data.shape) else None) if size == 0 else size
            for axis, size in enumerate(target)
        )
    result = reshaped(data, target)
    return [replace(result, known=data.known)]


def flatten(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    data = step.operand(0)
    if operation.number("axis", 1) != 1 or not data.shape:
        return [following([data], (None, None))]
    return [following([data], (data.shape[0], None), data.axes & {0})]


def unsqueeze(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    axes = axes_of(step, operation)
    return [] if axes is None else [replace(with_new(step.operand(0), axes), known=step.operand(0).known)]


def squeeze(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    data, axes = step.operand(0), axes_of(step, operation)
    if data.shape is None or (axes is None and is_given(operation, 1)):
        return []
    if axes is None:
        if not all(isinstance(size, int) for size in data.shape):
            return []
        axes = tuple(axis for axis, size in enumerate(data.shape) if size == 1)
    rank = len(data.shape)
    return [replace(without(data, {axis % rank for axis in axes if rank}), known=data.known)]


def shape(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    shape = step.operand(0).shape
    if shape is None:
        return [Tensor(integral=True)]
    end = operation.attributes.get("end")
    part = shape[operation.number("start", 0) : end if isinstance(end, int) else None]
    return [Tensor((len(part),), integral=True, known=part)]


def sized(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    """A tensor of a given shape with nothing of the operands in it."""
    return [Tensor(step.operand(0).known)]


def like(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    return [Tensor(step.operand(0).shape, step.operand(0).axes)]


def concat(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    together = joined(step.inputs, operation.number("axis", 1 if operation.opset < 4 else 0))
    if together.rank == 1 and all(part.rank == 1 for part in step.inputs):
        pieces = [part.known or (None,) * _length(part) for part in step.inputs]
        if all(part.known is not None or _length(part) for part in step.inputs):
            return [replace(together, known=tuple(size for piece in pieces for size in piece))]
    return [together]


def _length(tensor: Tensor) -> int:
    """The length of a short vector; 0 if it is not known, or long."""
    size = tensor.shape[0] if tensor.shape else None
    return size if isinstance(size, int) and size <= 16 else 0


def gather(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    data, indices = step.operand(0), step.operand(1)
    found = taken(data, indices, operation.number("axis", 0))
    chosen = numbers_of(indices)
    if data.known is not None and data.rank == 1 and chosen is not None:
        known = data.known
        if all(-len(known) <= index < len(known) for index in chosen):
            return [replace(found, known=tuple(known[index] for index in chosen))]
    return [found]


def gather_elements(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    data, indices = step.operand(0), step.operand(1)
    if data.rank is None or data.rank != indices.rank:
        return []
    axis = operation.number("axis", 0) % data.rank if data.rank else 0
    return [
        replace(following([data, indices], indices.shape, (data.axes - {axis}) | indices.axes), integral=data.integral)
    ]


def sliced(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    data = step.operand(0)
    if operation.opset < 10:
        starts, ends, axes = (operation.numbers(name) for name in ("starts", "ends", "axes"))
        steps: tuple[int, ...] | None = None
    else:
        starts, ends, axes, steps = (numbers_of(step.operand(position)) for position in (1, 2, 3, 4))
        if axes is None and is_given(operation, 3):
            return [resized(data, None)]
    count = len(starts or ends or axes or ())
    if starts is None or ends is None:
        return [resized(data, axes)]
    axes = tuple(range(count)) if axes is None else axes
    steps = (1,) * count if steps is None and not is_given(operation, 4) else steps
    if steps is None or not len(starts) == len(ends) == len(axes) == len(steps):
        return [resized(data, None)]
    whole = {
        axis
        for axis, start, end, stride in zip(axes, starts, ends, steps, strict=True)
        if (start, stride) == (0, 1) and end >= END
    }
    result = resized(data, [axis for axis in axes if axis not in whole])
    if data.known is not None and data.rank == 1 and axes in ((0,), (-1,)) and steps[0]:
        known = data.known[starts[0] : ends[0] : steps[0]]
        return [replace(result, shape=(len(known),), known=known)]
    return [result]


def split(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    return [resized(step.operand(0), [operation.number("axis", 0)])] * len(operation.outputs)


def pad(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    data = step.operand(0)
    amounts = operation.numbers("pads") if operation.opset < 11 else numbers_of(step.operand(1))
    if amounts is None or len(amounts) % 2 or data.rank is None:
        return [resized(data, None)]
    half = len(amounts) // 2
    axes = numbers_of(step.operand(3)) if is_given(operation, 3) else tuple(range(data.rank))
    if axes is None or len(axes) != half:
        return [resized(data, None)]
    return [resized(data, [axis for at, axis in enumerate(axes) if amounts[at] or amounts[at + half]])]


def tile(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    times = numbers_of(step.operand(1))
    return [resized(step.operand(0), None if times is None else [at for at, count in enumerate(times) if count != 1])]


def expand(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    sizes = step.operand(1).known
    if sizes is None:
        return []
    return [elementwise([step.operand(0), Tensor(sizes, integral=step.operand(0).integral)])]


def resize(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    """Pictures are resized, not batches."""
    data = step.operand(0)
    if not data.shape:
        return []
    return [following([data], (data.shape[0], *(None,) * (len(data.shape) - 1)), data.axes & {0})]


def one_hot(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    return [with_new(step.operand(0), [operation.number("axis", -1)])]
