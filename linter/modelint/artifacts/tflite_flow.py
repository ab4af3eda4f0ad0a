"""What the operators of TFLite do to the axes of tensors, and which of them draw or write.

Takes one operator with what is known of its operands, gives what is known of its results. An operator that is not in
the table gives a tensor of which only the declared shape is known.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from modelint.artifacts.batch_axis import (
    Tensor,
    elementwise,
    following,
    joined,
    multiplied,
    permuted,
    reshaped,
    resized,
    taken,
    with_new,
    without,
)
from modelint.artifacts.batch_flow import Flow, Handler, Operation, Step, chosen, never_chosen
from modelint.facts import Setting

CANCELS: Final = ("REDUCE_MAX", "SUB", ("EXP", "SOFTMAX", "LOG_SOFTMAX"))
"""The maximum that is taken off, and what does not see it."""

ONLY_SIZES: Final[Mapping[str, frozenset[int] | None]] = {
    "RANK": None,
    "SHAPE": None,
    "ZEROS_LIKE": None,
    "BROADCAST_TO": frozenset({1}),
    "FILL": frozenset({0}),
    "RANDOM_STANDARD_NORMAL": None,
    "RANDOM_UNIFORM": None,
    "RESHAPE": frozenset({1}),
    "SLICE": frozenset({1, 2}),
    "STRIDED_SLICE": frozenset({1, 2, 3}),
    "TILE": frozenset({1}),
}
"""Operators of which operands only decide sizes, or what is left out."""

DRAWS: Final = re.compile(
    r"^(RANDOM_|MULTINOMIAL$|FlexRandom(?!Dataset)|FlexStatelessRandom(?!Get)|FlexStatelessTruncated|FlexTruncatedNormal"
    r"|FlexParameterizedTruncated|FlexMultinomial$|FlexStatefulStandardNormal|FlexStatefulUniform|FlexStatefulTruncated"
    r"|FlexStatefulRandom|FlexRngReadAndSkip)"
)
STATELESS: Final = re.compile(r"^FlexStateless")
WRITES: Final = re.compile(r"^(ASSIGN_VARIABLE$|Flex(Assign|Resource(Scatter|Apply|SparseApply)))")
BATCH_NORMS: Final = frozenset({"FlexFusedBatchNorm", "FlexFusedBatchNormV2", "FlexFusedBatchNormV3"})


@dataclass(frozen=True, slots=True, eq=False)
class TfliteOperation(Operation):
    """An operator call with its options."""

    options: Mapping[str, Setting]
    custom: bool = False

    def number(self, name: str) -> int:
        """A number among the options; 0 if it is absent."""
        value = self.options.get(name)
        return value if isinstance(value, int) else 0


def trains(operation: TfliteOperation, given: Tensor) -> bool:
    """Whether it is a BatchNorm on the statistics of the batch.

    Absent means true: defaults are stripped when a SavedModel is written. Keras 2 writes LayerNormalization so as well,
    on a tensor that it first reshaped to one sample.
    """
    if operation.kind not in BATCH_NORMS or operation.options.get("is_training") is False:
        return False
    return given.varies and not (given.shape and given.shape[0] == 1 and not given.axes)


def _elementwise(step: Step, operation: TfliteOperation) -> Sequence[Tensor]:
    return [elementwise(step.inputs)]


def _same(step: Step, operation: TfliteOperation) -> Sequence[Tensor]:
    return [step.operand(0)]


def _cast(step: Step, operation: TfliteOperation) -> Sequence[Tensor]:
    return [replace(step.operand(0), integral=False)]  # what it becomes is declared


def _compared(step: Step, operation: TfliteOperation) -> Sequence[Tensor]:
    return [replace(elementwise(step.inputs), integral=True)]


def _select(step: Step, operation: TfliteOperation) -> Sequence[Tensor]:
    chosen = elementwise(step.inputs)
    return [replace(chosen, integral=step.operand(1).integral)]


def _reduce(step: Step, operation: TfliteOperation) -> Sequence[Tensor]:
    axes = _numbers(step.operand(1))
    if axes is None:
        return [following([step.operand(0)])]
    return [step.reduce(axes, keep=bool(operation.options.get("keep_dims")))]


def _along_last(step: Step, operation: TfliteOperation) -> Sequence[Tensor]:
    return [step.normalise([-1])]


def _cumsum(step: Step, operation: TfliteOperation) -> Sequence[Tensor]:
    axes = _numbers(step.operand(1))
    return [] if axes is None else [step.normalise(axes)]


def _batch_first(step: Step, operation: TfliteOperation) -> Sequence[Tensor]:
    return [step.batch_first()]


def _transpose_conv(step: Step, operation: TfliteOperation) -> Sequence[Tensor]:
    data = Step(step.flow, step.index, operation, (step.operand(2), step.operand(1)))  # the first is the shape
    return [data.batch_first()]


def _fully_connected(step: Step, operation: TfliteOperation) -> Sequence[Tensor]:
    data = step.operand(0)
    if data.shape is None:
        return []
    # other than the last axis, all are rows
    axes = data.axes - {len(data.shape) - 1}
    kept = (*data.shape[:-1], None)
    if operation.options.get("keep_num_dims") or len(data.shape) == 2:
        return [following(step.inputs, kept, axes)]
    return [following(step.inputs, (None, None))]


def _batch_matmul(step: Step, operation: TfliteOperation) -> Sequence[Tensor]:
    left, right = step.operand(0), step.operand(1)
    left = _swapped(left) if operation.options.get("adj_x") else left
    right = _swapped(right) if operation.options.get("adj_y") else right
    product, mixes = multiplied(left, right)
    return [step.mixing(product, (0,)) if mixes else product]


def _swapped(tensor: Tensor) -> Tensor:
    rank = tensor.rank
    if rank is None or rank < 2:
        return following([tensor])
    return permuted(tensor, [*range(rank - 2), rank - 1, rank - 2])


def _transpose(step: Step, operation: TfliteOperation) -> Sequence[Tensor]:
    order = _numbers(step.operand(1))
    return [] if order is None else [permuted(step.operand(0), order)]


def _reshape(step: Step, operation: TfliteOperation) -> Sequence[Tensor]:
    target = step.operand(1).known
    if target is None and isinstance(new := operation.options.get("new_shape"), tuple):
        target = tuple(size if isinstance(size, int) else None for size in new) or None
    return [reshaped(step.operand(0), target)]


def _expand_dims(step: Step, operation: TfliteOperation) -> Sequence[Tensor]:
    axes = _numbers(step.operand(1))
    return [] if axes is None else [with_new(step.operand(0), axes)]


def _squeeze(step: Step, operation: TfliteOperation) -> Sequence[Tensor]:
    data, axes = step.operand(0), operation.options.get("squeeze_dims")
    if data.shape is None:
        return []
    rank = len(data.shape)
    if isinstance(axes, tuple) and axes:
        return [without(data, {axis % rank for axis in axes if isinstance(axis, int) and rank})]
    if None in data.shape:
        return []
    return [without(data, {axis for axis, size in enumerate(data.shape) if size == 1})]


def _shape(step: Step, operation: TfliteOperation) -> Sequence[Tensor]:
    shape = step.operand(0).shape
    return [Tensor((len(shape),), integral=True, known=shape)] if shape is not None else [Tensor(integral=True)]


def _pack(step: Step, operation: TfliteOperation) -> Sequence[Tensor]:
    axis = operation.number("axis")
    packed = joined([with_new(part, [axis]) for part in step.inputs], axis)
    known = tuple(part.known[0] if part.known else None for part in step.inputs)
    return [replace(packed, known=known) if all(part.shape == () for part in step.inputs) else packed]


def _concatenation(step: Step, operation: TfliteOperation) -> Sequence[Tensor]:
    together = joined(step.inputs, operation.number("axis"))
    if together.rank == 1 and all(part.known is not None for part in step.inputs):
        return [replace(together, known=tuple(size for part in step.inputs for size in part.known or ()))]
    return [together]


def _strided_slice(step: Step, operation: TfliteOperation) -> Sequence[Tensor]:
    data = step.operand(0)
    begin, end, strides = (_numbers(step.operand(position)) for position in (1, 2, 3))
    if operation.number("ellipsis_mask") or operation.number("new_axis_mask") or data.shape is None:
        return []
    if begin is None or end is None or strides is None or not len(begin) == len(end) == len(strides) <= len(data.shape):
        return []
    begins, ends, shrinks = (operation.number(f"{what}_mask") for what in ("begin", "end", "shrink_axis"))
    if data.known is not None and len(begin) == 1:
        return [_sliced_sizes(data, None if begins else begin[0], None if ends else end[0], strides[0], shrink=shrinks)]
    whole = {
        axis
        for axis in range(len(begin))
        if strides[axis] == 1
        and (begins >> axis & 1 or begin[axis] == 0)
        and ends >> axis & 1
        and not shrinks >> axis & 1
    }
    cut = resized(data, set(range(len(begin))) - whole)
    return [without(cut, {axis for axis in range(len(begin)) if shrinks >> axis & 1})]


def _sliced_sizes(data: Tensor, begin: int | None, end: int | None, stride: int, *, shrink: int) -> Tensor:
    assert data.known is not None
    if shrink:
        index = begin or 0
        found = data.known[index : index + 1 or None]
        return Tensor((), known=found or None, integral=True)
    found = data.known[begin : end : stride or 1]
    return Tensor((len(found),), known=found, integral=True)


def _slice(step: Step, operation: TfliteOperation) -> Sequence[Tensor]:
    data, begin, size = step.operand(0), _numbers(step.operand(1)), _numbers(step.operand(2))
    if begin is None or size is None:
        return []
    whole = {axis for axis, (first, count) in enumerate(zip(begin, size, strict=False)) if first == 0 and count == -1}
    return [resized(data, set(range(len(begin))) - whole)]


def _gather(step: Step, operation: TfliteOperation) -> Sequence[Tensor]:
    if operation.number("batch_dims"):
        return []
    found = taken(step.operand(0), step.operand(1), operation.number("axis"))
    indices, known = _numbers(step.operand(1)), step.operand(0).known
    if indices is not None and known is not None and all(-len(known) <= index < len(known) for index in indices):
        return [replace(found, known=tuple(known[index] for index in indices))]
    return [found]


def _embedding(step: Step, operation: TfliteOperation) -> Sequence[Tensor]:
    return [taken(step.operand(1), step.operand(0), 0)]


def _split(step: Step, operation: TfliteOperation) -> Sequence[Tensor]:
    at = 0 if operation.kind == "SPLIT" else 2
    axes = _numbers(step.operand(at))
    part = resized(step.operand(1 - at if at == 0 else 0), axes)
    return [part] * len(operation.outputs)


def _unpack(step: Step, operation: TfliteOperation) -> Sequence[Tensor]:
    data = step.operand(0)
    axis = operation.number("axis")
    part = without(data, {axis % data.rank}) if data.rank else following([data])
    return [part] * len(operation.outputs)


def _pad(step: Step, operation: TfliteOperation) -> Sequence[Tensor]:
    data, amounts = step.operand(0), _numbers(step.operand(1))
    if amounts is None:
        return []
    changed = {at // 2 for at, amount in enumerate(amounts) if amount}
    return [resized(data, changed if max(changed, default=0) < (data.rank or 0) else None)]


def _tile(step: Step, operation: TfliteOperation) -> Sequence[Tensor]:
    times = _numbers(step.operand(1))
    return [resized(step.operand(0), None if times is None else {at for at, count in enumerate(times) if count != 1})]


def _broadcast_to(step: Step, operation: TfliteOperation) -> Sequence[Tensor]:
    sizes = step.operand(1).known
    return [] if sizes is None else [elementwise([step.operand(0), Tensor(sizes, integral=step.operand(0).integral)])]


def _recurrent(step: Step, operation: TfliteOperation) -> Sequence[Tensor]:
    time_major = bool(operation.options.get("time_major"))
    step.steps_along(0 if time_major else 1)
    data = step.operand(0)
    shape = data.shape and (*data.shape[:-1], None)
    return [following(step.inputs, shape, data.axes & {1 if time_major else 0})] * len(operation.outputs)


def _batch_norm(step: Step, operation: TfliteOperation) -> Sequence[Tensor]:
    return [step.batch_first(step.operand(0).shape), *[Tensor(varies=True)] * (len(operation.outputs) - 1)]


def _either(step: Step, operation: TfliteOperation) -> Sequence[Tensor]:
    return chosen(step, step.operand(0))


def _numbers(tensor: Tensor) -> tuple[int, ...] | None:
    """The elements of a constant, if all are known numbers."""
    known = tensor.known
    if known is None or not all(isinstance(number, int) for number in known):
        return None
    return tuple(number for number in known if isinstance(number, int))


_ELEMENTWISE: Final = """
    ADD ADD_N ATAN2 DIV FLOOR_DIV FLOOR_MOD MAXIMUM MINIMUM MUL POW PRELU SQUARED_DIFFERENCE SUB LOGICAL_AND LOGICAL_OR
    ABS CEIL COS DEQUANTIZE ELU EXP FAKE_QUANT FLOOR GELU HARD_SWISH LEAKY_RELU LOG LOGICAL_NOT LOGISTIC NEG QUANTIZE
    RELU RELU6 RELU_0_TO_1 RELU_N1_TO_1 ROUND RSQRT SIGN SIN SQRT SQUARE TANH
    FlexErf FlexSoftplus FlexSoftsign FlexSelu FlexLog1p FlexExpm1 FlexXdivy FlexXlogy FlexSquaredDifference
    FlexAdd FlexAddV2 FlexDiv FlexIdentity FlexMaximum FlexMinimum FlexMul FlexNeg FlexRealDiv FlexRelu FlexRsqrt
    FlexSigmoid FlexSqrt FlexSquare FlexSub FlexTanh
""".split()
_BATCH_FIRST: Final = """
    AVERAGE_POOL_2D BATCH_TO_SPACE_ND CONV_2D CONV_3D DEPTHWISE_CONV_2D DEPTH_TO_SPACE L2_POOL_2D
    LOCAL_RESPONSE_NORMALIZATION MAX_POOL_2D RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR SPACE_TO_BATCH_ND
    SPACE_TO_DEPTH
""".split()
_HANDLERS: Final[Mapping[str, Handler[TfliteOperation]]] = {
    **dict.fromkeys(_ELEMENTWISE, _elementwise),
    **dict.fromkeys(_BATCH_FIRST, _batch_first),
    **dict.fromkeys(("EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL"), _compared),
    **dict.fromkeys(("MEAN", "SUM", "FlexMean", "FlexSum"), _reduce),
    **dict.fromkeys(("REDUCE_PROD", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_ANY", "REDUCE_ALL"), _reduce),
    **dict.fromkeys(("SOFTMAX", "LOG_SOFTMAX", "L2_NORMALIZATION", "FlexSoftmax"), _along_last),
    **dict.fromkeys(("SELECT", "SELECT_V2"), _select),
    **dict.fromkeys(("PAD", "PADV2", "MIRROR_PAD"), _pad),
    **dict.fromkeys(("SPLIT", "SPLIT_V"), _split),
    **dict.fromkeys(
        (
            "UNIDIRECTIONAL_SEQUENCE_LSTM",
            "UNIDIRECTIONAL_SEQUENCE_RNN",
            "BIDIRECTIONAL_SEQUENCE_LSTM",
            "BIDIRECTIONAL_SEQUENCE_RNN",
        ),
        _recurrent,
    ),
    **dict.fromkeys(BATCH_NORMS, _batch_norm),
    "BATCH_MATMUL": _batch_matmul,
    "BROADCAST_TO": _broadcast_to,
    "CAST": _cast,
    "CONCATENATION": _concatenation,
    "CONV_3D_TRANSPOSE": _transpose_conv,
    "CUMSUM": _cumsum,
    "EMBEDDING_LOOKUP": _embedding,
    "EXPAND_DIMS": _expand_dims,
    "FULLY_CONNECTED": _fully_connected,
    "GATHER": _gather,
    "IF": _either,
    "PACK": _pack,
    "RESHAPE": _reshape,
    "REVERSE_V2": _same,
    "SHAPE": _shape,
    "SLICE": _slice,
    "SQUEEZE": _squeeze,
    "STRIDED_SLICE": _strided_slice,
    "TILE": _tile,
    "TRANSPOSE": _transpose,
    "TRANSPOSE_CONV": _transpose_conv,
    "UNPACK": _unpack,
}


def handler_of(operation: TfliteOperation) -> Handler[TfliteOperation] | None:
    """What an operator does to axes; None if it is not known."""
    return _HANDLERS.get(operation.kind)


def ignored(operation: TfliteOperation, flow: Flow) -> Collection[int]:
    """The operands (by position) that the values of the results do not depend on."""
    if operation.kind == "IF" and operation.inputs:
        return never_chosen(operation, flow.tensor(operation.inputs[0]))
    positions = ONLY_SIZES.get(operation.kind, frozenset())
    return range(len(operation.inputs)) if positions is None else positions
