"""What arithmetic of TensorFlow does to the axis that counts the samples: elementwise, convolutions, sums, products.

The rules are the documented semantics of the operations (https://www.tensorflow.org/api_docs/python/tf/raw_ops).
"""

from __future__ import annotations

from typing import Final

from modelint.artifacts.tensorflow_constants import constant
from modelint.artifacts.tensorflow_flow import Operation, Value
from modelint.artifacts.tensorflow_operands import (
    EMPTY,
    LOST,
    NO_AXIS,
    UNKNOWN_AXIS,
    Operand,
    Operands,
    Outcome,
    numbers,
)
from modelint.facts import Shape


def without_samples(operation: Operation, operands: Operands, declared: Shape | None) -> Outcome:
    """Weights, shapes and constants."""
    node = operation.node
    if declared is None and operation.kind in ("VarHandleOp", "VariableV2"):
        return Outcome(NO_AXIS, carries=False, shape=node.shape())
    if operation.kind == "ReadVariableOp" and operands:
        return Outcome(NO_AXIS, carries=False, shape=operands[0].shape)
    if operation.kind == "Const":
        tensor = node.tensor()
        return Outcome(NO_AXIS, carries=False, shape=None if tensor is None else tensor.shape)
    return EMPTY


def broadcast(operation: Operation, operands: Operands, declared: Shape | None) -> Outcome:
    """Elementwise over operands that are aligned at their last axes."""
    bearing = [operand for operand in operands if operand.axis != NO_AXIS]
    if operation.kind == "Select":  # its condition may be a vector over the first axis
        bearing = [operand for operand in operands[1:] if operand.axis != NO_AXIS] or bearing
    if any(operand.axis == UNKNOWN_AXIS for operand in bearing):
        return LOST
    if not bearing:
        return Outcome(NO_AXIS, shape=declared or _longest(operands))
    rank = len(declared) if declared is not None else max((operand.rank or 0 for operand in operands), default=0)
    axes = {operand.axis + rank - (rank if operand.rank is None else operand.rank) for operand in bearing}
    return Outcome(axes.pop(), shape=declared or _longest(operands)) if len(axes) == 1 else LOST


def _longest(operands: Operands) -> Shape | None:
    shapes = [operand.shape for operand in operands]
    known = [shape for shape in shapes if shape is not None]
    return max(known, key=len) if known and len(known) == len(shapes) else None


def first(operation: Operation, operands: Operands, declared: Shape | None) -> Outcome:
    """What has the axes of its first operand."""
    return Outcome(operands[0].axis, shape=operands[0].shape) if operands else EMPTY


def batch_first(operation: Operation, operands: Operands, declared: Shape | None) -> Outcome:
    """Images and the like: samples are counted by the first axis, or what is there is not known."""
    if not operands or operands[0].axis in (0, NO_AXIS):
        return Outcome(operands[0].axis if operands else NO_AXIS, shape=_same_rank(operands))
    return LOST


def _same_rank(operands: Operands) -> Shape | None:
    shape = operands[0].shape if operands else None
    return None if not shape else (shape[0], *[None] * (len(shape) - 1))


def transposed_convolution(operation: Operation, operands: Operands, declared: Shape | None) -> Outcome:
    """Convolutions that take their image third."""
    return batch_first(operation, operands[2:3], declared)


def reduction(operation: Operation, operands: Operands, declared: Shape | None) -> Outcome:
    """Sums, means, extremes over axes given by the second operand."""
    if not operands:
        return LOST
    source, rank = operands[0], operands[0].rank
    if operation.kind == "L2Loss":
        return Outcome(NO_AXIS, aggregates=source.axis >= 0)
    if len(operands) < 2:
        return LOST
    written = _axes(operands[1])
    if source.axis == NO_AXIS:
        return Outcome(NO_AXIS)
    if written is None or (rank is None and written != () and any(axis < 0 for axis in written)):
        return LOST
    everything = written == _ALL_AXES or (rank is not None and len(written) == rank)
    axes = tuple(sorted(axis if axis >= 0 else axis + (rank or 0) for axis in written)) if not everything else ()
    if source.axis == UNKNOWN_AXIS:
        return Outcome(UNKNOWN_AXIS, reduced=axes or None)
    if everything or source.axis in axes:
        boolean = operation.kind in ("All", "Any")
        return Outcome(NO_AXIS, carries=not boolean, aggregates=not boolean, reduced=axes or None)
    kept = operation.node.flag("keep_dims", False)
    axis = source.axis if kept else source.axis - sum(other < source.axis for other in axes)
    shape = None if source.shape is None else tuple(size for i, size in enumerate(source.shape) if i not in axes)
    return Outcome(axis, shape=source.shape if kept else shape)


_ALL_AXES: Final = (-(2**31),)
"""Stands for the axes of a reduction over everything whose rank is not known."""


def _axes(operand: Operand) -> tuple[int, ...] | None:
    found = numbers(operand)
    operation = operand.value.operation
    if found is None and operation.kind == "Range" and len(operation.inputs) == 3:
        start, limit, step = operation.inputs
        if limit.operation.kind == "Rank" and _is_number(start, 0) and _is_number(step, 1):
            return _ALL_AXES
    return found


def _is_number(value: Value, number: int) -> bool:
    tensor = constant(value)
    return tensor is not None and tensor.values == (number,)


def index_of_greatest(operation: Operation, operands: Operands, declared: Shape | None) -> Outcome:
    """The position of an extreme, which drops the axis."""
    outcome = reduction(operation, operands, declared)
    return Outcome(outcome.axis, reduced=outcome.reduced, aggregates=outcome.aggregates)


def over_the_last(operation: Operation, operands: Operands, declared: Shape | None) -> Outcome:
    """Softmax and the like, over the last axis."""
    source = operands[0] if operands else None
    if source is None or source.axis < 0 or source.rank is None:
        return first(operation, operands, declared)
    return Outcome(source.axis, mixes=source.axis == source.rank - 1, reduced=(source.axis,), shape=source.shape)


def along(operation: Operation, operands: Operands, declared: Shape | None) -> Outcome:
    """Operations along one axis or some, which the last operand names: cumulated sums, reversal, rotation."""
    if len(operands) < 2 or operands[0].axis < 0:
        return first(operation, operands, declared)
    source, axes = operands[0], numbers(operands[-1])
    if axes is None or (source.rank is None and any(axis < 0 for axis in axes)):
        return LOST
    over = tuple(axis % source.rank if source.rank else axis for axis in axes)
    return Outcome(source.axis, mixes=source.axis in over, reduced=over, shape=source.shape)


def product(operation: Operation, operands: Operands, declared: Shape | None) -> Outcome:
    """Products of (stacks of) matrices."""
    if len(operands) < 2:
        return LOST
    left, right = operands[:2]
    node = operation.node
    turned_left = node.flag("transpose_a", False) or node.flag("adj_x", False)
    turned_right = node.flag("transpose_b", False) or node.flag("adj_y", False)
    plain = 2 if operation.kind == "MatMul" else None
    left_rank, right_rank = left.rank or plain, right.rank or plain
    if left_rank is None or right_rank is None or UNKNOWN_AXIS in (left.axis, right.axis):
        return LOST if (left.axis, right.axis) != (NO_AXIS, NO_AXIS) else Outcome(NO_AXIS)
    rank = max(left_rank, right_rank)
    places = [
        _place_in_product(left.axis, left_rank, rank, turned_left, is_left=True),
        _place_in_product(right.axis, right_rank, rank, turned_right, is_left=False),
    ]
    shape: Shape | None = declared or (None,) * rank
    match [place for place in places if place is not None]:
        case []:
            return Outcome(NO_AXIS, shape=shape)
        case [-3] | [-3, -3]:
            return Outcome(NO_AXIS, aggregates=True, shape=shape, reduced=(max(left.axis, right.axis),))
        case [place] if place >= 0:
            return Outcome(place, shape=shape)
        case [first, second] if first == second and 0 <= first < rank - 2:
            return Outcome(first, shape=shape)
        case _:
            return LOST


def _place_in_product(axis: int, own_rank: int, rank: int, turned: bool, *, is_left: bool) -> int | None:
    """Where the samples of a factor are in a product of matrices: None without samples, -3 if they are summed over."""
    if axis == NO_AXIS:
        return None
    if axis < own_rank - 2:
        return axis + rank - own_rank
    is_row = (axis == own_rank - 2) != turned
    if is_left:
        return rank - 2 if is_row else -3
    return -3 if is_row else rank - 1


def einsum(operation: Operation, operands: Operands, declared: Shape | None) -> Outcome:
    """Sums of products by an equation."""
    terms, _, result = operation.node.text("equation").replace(" ", "").partition("->")
    names = terms.split(",")
    if len(names) != len(operands):
        return LOST
    labels: set[str] = set()
    for term, operand in zip(names, operands, strict=True):
        if operand.axis == NO_AXIS:
            continue
        if operand.axis == UNKNOWN_AXIS:
            return LOST
        if "..." in term:
            leading = operand.rank is not None and operand.rank > len(term) - 3 and term.startswith("...")
            if operand.axis != 0 or not leading or not result.startswith("..."):
                return LOST
            labels.add("...")
        elif operand.axis < len(term):
            labels.add(term[operand.axis])
    if len(labels) != 1:
        return LOST if labels else Outcome(NO_AXIS)
    label = labels.pop()
    if label == "...":
        return Outcome(0)
    if "..." in result or "..." in terms:
        return Outcome(result.index(label)) if label in result.partition("...")[0] else LOST
    return Outcome(result.index(label)) if label in result else Outcome(NO_AXIS, aggregates=True)


def branches(operation: Operation, operands: Operands, declared: Shape | None) -> Outcome:
    """What merges branches."""
    merged = operands[1:] if operation.kind == "If" else operands
    axes = {operand.axis for operand in merged}
    shape = merged[0].shape if merged else None
    return Outcome(axes.pop(), shape=shape) if len(axes) == 1 else LOST


def loop(operation: Operation, operands: Operands, declared: Shape | None) -> Outcome:
    """A variable of a loop: as it goes in, which is checked against what comes round."""
    return Outcome(operands[1].axis) if len(operands) > 1 else LOST
