"""Where the axis that counts the samples goes when TensorFlow rearranges a tensor: reshape, transpose, slice, gather.

The rules are the documented semantics of the operations (https://www.tensorflow.org/api_docs/python/tf/raw_ops).
"""

from __future__ import annotations

from modelint.artifacts.tensorflow_flow import Operation
from modelint.artifacts.tensorflow_operands import EMPTY, LOST, NO_AXIS, UNKNOWN_AXIS, Operands, Outcome, numbers
from modelint.facts import Shape


def transpose(operation: Operation, operands: Operands, declared: Shape | None) -> Outcome:
    """Axes in the order of the second operand."""
    if len(operands) < 2 or operands[0].axis < 0:
        return Outcome(operands[0].axis) if operands else EMPTY
    source, order = operands[0], numbers(operands[1])
    if order is None or source.axis not in order:
        return LOST
    shape = source.shape
    if shape is not None:
        shape = tuple(shape[axis] for axis in order) if sorted(order) == list(range(len(shape))) else None
    return Outcome(order.index(source.axis), shape=shape)


def reshape(operation: Operation, operands: Operands, declared: Shape | None) -> Outcome:
    """The order of values stays: samples that were outermost stay outermost, folded with the axes behind if need be."""
    if len(operands) < 2 or operands[0].axis < 0:
        return Outcome(operands[0].axis, shape=declared) if operands else EMPTY
    source = operands[0]
    shape = declared if declared is not None else _target(operands)
    if shape is None or not shape or source.shape is None:
        return Outcome(UNKNOWN_AXIS, shape=shape)
    if source.axis == 0:
        if shape[0] == 1 and source.shape[0] != 1 and len(shape) > 1:
            return Outcome(1 if shape[1] is None else UNKNOWN_AXIS, shape=shape)
        before, after = source.shape[0], shape[0]
        fits = before is None or after is None or (isinstance(after, int) and after % before == 0)  # type: ignore[operator]
        fixed = before is None and after is not None
        return Outcome(0 if fits and not fixed else UNKNOWN_AXIS, shape=shape)
    leading = source.shape[: source.axis]
    return Outcome(source.axis if _same(leading, shape[: source.axis]) else UNKNOWN_AXIS, shape=shape)


def _same(before: Shape, after: Shape) -> bool:
    return len(before) == len(after) and all(
        size is not None and size == other for size, other in zip(before, after, strict=True)
    )


def _target(operands: Operands) -> Shape | None:
    written = numbers(operands[1])
    if written is not None:
        return tuple(None if size < 0 else size for size in written)
    operation = operands[1].value.operation
    if operation.kind != "Pack":
        return None
    sizes = [numbers(operands[1]._replace(value=part)) for part in operation.inputs]
    return tuple(size[0] if size and size[0] >= 0 else None for size in sizes)


def squeeze(operation: Operation, operands: Operands, declared: Shape | None) -> Outcome:
    """Axes of size 1 go."""
    source = operands[0] if operands else None
    if source is None or source.axis < 0:
        return Outcome(source.axis) if source else EMPTY
    written = operation.node.integers("squeeze_dims") or operation.node.integers("axis")
    if not written and source.shape is not None:
        if any(size is None for index, size in enumerate(source.shape) if index != source.axis):
            return LOST
        written = tuple(index for index, size in enumerate(source.shape) if size == 1 and index != source.axis)
    if source.rank is None and (not written or min(written) < 0):
        return LOST
    gone = {axis % source.rank if source.rank else axis for axis in written}
    if source.axis in gone:
        return LOST
    shape = None if source.shape is None else tuple(size for i, size in enumerate(source.shape) if i not in gone)
    return Outcome(source.axis - sum(axis < source.axis for axis in gone), shape=shape)


def expand(operation: Operation, operands: Operands, declared: Shape | None) -> Outcome:
    """One axis of size 1 comes."""
    if len(operands) < 2 or operands[0].axis < 0:
        return Outcome(operands[0].axis) if operands else EMPTY
    source, written = operands[0], numbers(operands[1])
    if not written or (source.rank is None and written[0] < 0):
        return LOST
    place = written[0] if written[0] >= 0 else written[0] + (source.rank or 0) + 1
    shape = None if source.shape is None else (*source.shape[:place], 1, *source.shape[place:])
    return Outcome(source.axis + (place <= source.axis), shape=shape)


def concatenation(operation: Operation, operands: Operands, declared: Shape | None) -> Outcome:
    """Tensors one behind the other; of samples behind samples it is not known any more which is whose."""
    if not operands:
        return EMPTY
    *parts, along = operands if operation.kind == "ConcatV2" else [*operands[1:], operands[0]]
    bearing = [part for part in parts if part.axis != NO_AXIS]
    axes = {part.axis for part in bearing}
    if not bearing:
        return Outcome(NO_AXIS)
    written = numbers(along)
    if len(axes) != 1 or UNKNOWN_AXIS in axes or not written:
        return LOST
    axis, rank = axes.pop(), bearing[0].rank
    if written[0] < 0 and rank is None:
        return LOST
    place = written[0] % rank if rank else written[0]
    shape = bearing[0].shape
    known = None if shape is None else tuple(None if index == place else size for index, size in enumerate(shape))
    return Outcome(axis, shape=known) if place != axis else LOST


def stack(operation: Operation, operands: Operands, declared: Shape | None) -> Outcome:
    """Tensors along a new axis."""
    axes = {operand.axis for operand in operands if operand.axis != NO_AXIS}
    if not axes:
        return Outcome(NO_AXIS)
    rank = next((operand.rank for operand in operands if operand.rank is not None), None)
    place = operation.node.integer("axis")
    if len(axes) != 1 or UNKNOWN_AXIS in axes or (place < 0 and rank is None):
        return LOST
    axis = axes.pop()
    place = place if place >= 0 else place + (rank or 0) + 1
    return Outcome(axis + (place <= axis))


def unstack(operation: Operation, operands: Operands, declared: Shape | None) -> Outcome:
    """The parts of a tensor along an axis, which goes."""
    source = operands[0] if operands else None
    if source is None or source.axis < 0:
        return Outcome(source.axis) if source else EMPTY
    place = operation.node.integer("axis")
    if place < 0 and source.rank is None:
        return LOST
    place = place % source.rank if source.rank else place
    return LOST if place == source.axis else Outcome(source.axis - (place < source.axis))


def split(operation: Operation, operands: Operands, declared: Shape | None) -> Outcome:
    """Parts of a tensor along an axis, which stays."""
    if len(operands) < 2:
        return LOST
    along, source = operands[:2] if operation.kind == "Split" else (operands[-1], operands[0])
    written = numbers(along)
    if source.axis < 0:
        return Outcome(source.axis)
    if not written or (written[0] < 0 and source.rank is None):
        return LOST
    place = written[0] % source.rank if source.rank else written[0]
    return LOST if place == source.axis else Outcome(source.axis)


def slices(operation: Operation, operands: Operands, declared: Shape | None) -> Outcome:
    """``x[...]``: the axis of the samples is followed where all of it is taken."""
    if len(operands) < 4 or operands[0].axis < 0:
        return Outcome(operands[0].axis) if operands else EMPTY
    source, node = operands[0], operation.node
    count = operands[1].shape[0] if operands[1].shape else None
    starts, steps = numbers(operands[1]), numbers(operands[3])
    if not isinstance(count, int) or count > 32 or steps is None or len(steps) != count:
        return LOST
    masks = {name: node.integer(f"{name}_mask") for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")}
    taken = place = 0
    for index in range(count):
        bit = 1 << index
        if masks["ellipsis"] & bit:
            named = sum(not masks["new_axis"] >> later & 1 for later in range(index + 1, count))
            if source.rank is None or source.rank - named > source.axis:
                return Outcome(place + source.axis - taken) if source.rank is not None else LOST
            place, taken = place + source.rank - named - taken, source.rank - named
        elif masks["new_axis"] & bit:
            place += 1
        elif taken == source.axis:
            from_start = bool(masks["begin"] & bit) or (starts is not None and starts[index : index + 1] == (0,))
            whole = from_start and masks["end"] & bit and steps[index] == 1 and not masks["shrink_axis"] & bit
            return Outcome(place) if whole else LOST
        else:
            place, taken = place + (not masks["shrink_axis"] & bit), taken + 1
    return Outcome(place + source.axis - taken)


def part(operation: Operation, operands: Operands, declared: Shape | None) -> Outcome:
    """``tf.slice``: all samples, or they are lost."""
    if len(operands) < 3 or operands[0].axis < 0:
        return Outcome(operands[0].axis) if operands else EMPTY
    axis, starts, sizes = operands[0].axis, numbers(operands[1]), numbers(operands[2])
    if starts is None or sizes is None or not axis < len(starts) == len(sizes):
        return LOST
    return Outcome(axis) if starts[axis] == 0 and sizes[axis] == -1 else LOST


def gather(operation: Operation, operands: Operands, declared: Shape | None) -> Outcome:
    """Rows of the first operand at the indices in the second: an embedding, or a choice."""
    if len(operands) < 2:
        return LOST
    source, indices = operands[:2]
    place = numbers(operands[2]) if len(operands) > 2 else (0,)
    if source.axis == NO_AXIS:
        known = place is not None and (place[0] == 0 or indices.axis < 0)
        return Outcome(indices.axis + place[0] if known and place and indices.axis >= 0 else indices.axis)
    if not place or place[0] < 0 or source.axis == UNKNOWN_AXIS or indices.axis != NO_AXIS:
        same = operation.node.integer("batch_dims") > 0 and source.axis == indices.axis == 0
        return Outcome(0) if same else LOST
    if place[0] == source.axis or (place[0] < source.axis and indices.rank is None):
        return LOST
    return Outcome(source.axis if place[0] > source.axis else source.axis - 1 + (indices.rank or 0))


def broadcast_to(operation: Operation, operands: Operands, declared: Shape | None) -> Outcome:
    """A tensor repeated along new leading axes."""
    if len(operands) < 2 or operands[0].axis < 0:
        return Outcome(operands[0].axis) if operands else EMPTY
    target = operands[1].shape[0] if operands[1].shape else None
    rank = operands[0].rank
    if rank is None or not isinstance(target, int):
        return LOST
    return Outcome(operands[0].axis + target - rank)


def one_hot(operation: Operation, operands: Operands, declared: Shape | None) -> Outcome:
    """Indices to vectors along a new axis, the last one unless told otherwise."""
    if not operands or operands[0].axis < 0:
        return Outcome(operands[0].axis) if operands else EMPTY
    place = operation.node.integer("axis", -1)
    return Outcome(operands[0].axis + (0 <= place <= operands[0].axis))
