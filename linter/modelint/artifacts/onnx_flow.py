"""What the operators of ONNX do to the axes of tensors, by their version.

Takes one operator with what is known of its operands, gives what is known of its results. Defaults and meanings are
those of the operator specification (https://onnx.ai/onnx/operators/). An operator that is not in the table gives a
tensor of which only the declared shape is known.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

from modelint.artifacts.batch_axis import (
    Known,
    Tensor,
    elementwise,
    following,
    multiplied,
    normalised,
    permuted,
    reduced,
    resized,
)
from modelint.artifacts.batch_flow import Flow, Handler, Step, chosen, is_integral, never_chosen
from modelint.artifacts.onnx_graph import dtype_of
from modelint.artifacts.onnx_moves import (
    concat,
    expand,
    flatten,
    gather,
    gather_elements,
    like,
    one_hot,
    pad,
    reshape,
    resize,
    shape,
    sized,
    sliced,
    split,
    squeeze,
    tile,
    transpose,
    unsqueeze,
)
from modelint.artifacts.onnx_operation import OnnxOperation, axes_of, is_given, numbers_of
from modelint.facts import Shape

CANCELS: Final = ("ReduceMax", "Sub", ("Exp", "Softmax", "LogSoftmax"))
"""The maximum that is taken off, and what does not see it."""

ONLY_SIZES: Final[Mapping[str, frozenset[int] | None]] = {
    **dict.fromkeys(("Shape", "Size", "RandomNormalLike", "RandomUniformLike", "EyeLike"), None),
    **dict.fromkeys(("Expand", "Reshape", "Tile", "Unsqueeze", "Squeeze"), frozenset({1})),
    "ConstantOfShape": frozenset({0}),
    "Pad": frozenset({1, 3}),
    "Resize": frozenset({1, 2, 3}),
    "Slice": frozenset({1, 2, 3, 4}),
}
"""Operators of which operands only decide sizes, or what is left out."""


def _elementwise(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    result = elementwise([tensor for position, tensor in enumerate(step.inputs) if is_given(operation, position)])
    return [replace(result, known=_calculated(step, operation))]


def _calculated(step: Step, operation: OnnxOperation) -> Known | None:
    """The product or quotient of known sizes."""
    if operation.kind not in ("Mul", "Add", "Sub") or len(step.inputs) != 2:
        return None
    left, right = step.operand(0).known, step.operand(1).known
    if left is None or right is None or len(left) != 1 or len(right) != 1:
        return None
    first, second = left[0], right[0]
    if not isinstance(first, int) or not isinstance(second, int):
        return (first,) if operation.kind == "Mul" and second == 1 else (None,)
    return ({"Mul": first * second, "Add": first + second, "Sub": first - second}[operation.kind],)


def _compared(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    return [replace(elementwise(step.inputs), integral=True)]


def _where(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    return [replace(elementwise(step.inputs), integral=step.operand(1).integral)]


def _same(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    """The first operand, element by element; other operands are scales, limits and the like."""
    given = step.operand(0)
    return [replace(following(step.inputs, given.shape, given.axes), integral=given.integral, known=given.known)]


def _cast(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    kind = dtype_of(operation.number("to", 0))
    integral = is_integral(kind) if operation.kind == "Cast" else step.operand(1).integral
    return [replace(step.operand(0), integral=integral)]


def _dropout(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    given = replace(step.operand(0), known=None)
    return [given, Tensor(given.shape, given.axes, integral=True)]


def _reduce(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    keep = bool(operation.number("keepdims", 1))
    axes = axes_of(step, operation)
    if axes is None and is_given(operation, 1):
        return [following([step.operand(0)])]
    if not axes:
        if operation.number("noop_with_empty_axes", 0):
            return [step.operand(0)]
        axes = None
    return [step.reduce(axes, keep=keep)]


def _index_of_extreme(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    keep = bool(operation.number("keepdims", 1))
    result, _ = reduced(step.operand(0), [operation.number("axis", 0)], keep=keep)
    return [replace(result, integral=True)]


def _softmax(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    rank = step.operand(0).rank
    if operation.opset >= 13:
        return [step.normalise([operation.number("axis", -1)])]
    axis = operation.number("axis", 1)  # before version 13, over this axis and all behind it together
    if rank is None or not -rank <= axis < rank:
        return [following([step.operand(0)])]
    return [step.normalise(range(axis % rank, rank))]


def _layer_norm(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    rank = step.operand(0).rank
    axis = operation.number("axis", -1)
    if rank is None or not -rank <= axis < rank:
        return []
    return [step.normalise(range(axis % rank, rank))]


def _mean_variance_norm(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    return [step.normalise(operation.numbers("axes") or (0, 2, 3))]


def _lp_norm(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    return [step.normalise([operation.number("axis", -1)])]


def _cumulative(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    axes = numbers_of(step.operand(1))
    return [] if axes is None else [step.normalise(axes)]


def _top(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    axis = operation.number("axis", -1)
    _, mixes = normalised(step.operand(0), [axis])
    values = resized(step.operand(0), [axis])
    values = step.mixing(values, [axis]) if mixes else values
    return [values, replace(values, integral=True)]


def _batch_first(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    first = step.batch_first()
    return [first, *[Tensor(varies=True)] * (len(operation.outputs) - 1)]


def _norm(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    first = step.batch_first(step.operand(0).shape)
    return [first, *[Tensor(varies=True)] * (len(operation.outputs) - 1)]


def _recurrent(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    """The first operand is [steps, batch, features]; with ``layout`` 1, [batch, steps, features]."""
    batch_first = bool(operation.number("layout", 0))
    step.steps_along(1 if batch_first else 0)
    along = (0 if batch_first else 1) in step.operand(0).axes
    size = step.operand(0).shape
    rows = size[0 if batch_first else 1] if size and len(size) == 3 else None
    if batch_first:
        every = following(step.inputs, (rows, None, None, None), {0} if along else ())
        last = following(step.inputs, (rows, None, None), {0} if along else ())
    else:
        every = following(step.inputs, (None, None, rows, None), {2} if along else ())
        last = following(step.inputs, (None, rows, None), {1} if along else ())
    return [every, last, last]


def _matmul(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    product, mixes = multiplied(step.operand(0), step.operand(1))
    return [step.mixing(product, _contracted(step.operand(0))) if mixes else product]


def _contracted(left: Tensor) -> tuple[int, ...]:
    return (left.rank - 1,) if left.rank else (0,)


def _gemm(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    left, right = step.operand(0), step.operand(1)
    left = permuted(left, None) if operation.number("transA", 0) else left
    right = permuted(right, None) if operation.number("transB", 0) else right
    product, mixes = multiplied(left, right)
    product = step.mixing(product, _contracted(left)) if mixes else product
    return [elementwise([product, step.operand(2)]) if is_given(operation, 2) else product]


def _einsum(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    equation = operation.attributes.get("equation")
    if not isinstance(equation, str) or equation.count("->") != 1 or "." in equation:
        return []
    given, result = equation.replace(" ", "").split("->")
    terms = given.split(",")
    if len(terms) != len(step.inputs) or any(
        tensor.rank != len(term) for tensor, term in zip(step.inputs, terms, strict=True)
    ):
        return []
    pairs = list(zip(step.inputs, terms, strict=True))
    samples = {term[axis] for tensor, term in pairs for axis in tensor.axes}
    sizes = {letter: size for tensor, term in pairs for letter, size in zip(term, tensor.shape or (), strict=True)}
    shape: Shape = tuple(sizes.get(letter) for letter in result)
    product = following(step.inputs, shape, (axis for axis, letter in enumerate(result) if letter in samples))
    return [step.mixing(product, (0,)) if samples - set(result) else product]


def _quantised_dynamically(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    return [replace(step.operand(0), integral=False), Tensor(()), Tensor(())]  # its scale is meant to follow the data


def _attention(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    query = step.operand(0)
    if not query.shape:
        return []
    return [following(step.inputs, (query.shape[0], *(None,) * (len(query.shape) - 1)), query.axes & {0})]


def _either(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    return chosen(step, step.operand(0))


def _constant(step: Step, operation: OnnxOperation) -> Sequence[Tensor]:
    if "value" in operation.constants:
        return [operation.constants["value"]]
    for name in ("value_int", "value_float"):
        value = operation.attributes.get(name)
        if isinstance(value, int | float):
            whole = int(value) if isinstance(value, int) or value.is_integer() else None
            return [Tensor((), known=(whole,), integral=name == "value_int")]
    values = operation.numbers("value_ints")
    return [Tensor((len(values),), known=values, integral=True)] if values is not None else [Tensor()]


_ELEMENTWISE: Final = """
    Abs Acos Acosh Add And Asin Asinh Atan Atanh BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Ceil Celu Cos Cosh
    Div Elu Erf Exp Floor Gelu HardSigmoid HardSwish IsInf IsNaN LeakyRelu Log Max Mean Min Mish Mod Mul Neg Not Or
    PRelu Pow Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Sub Sum Swish Tan Tanh
    ThresholdedRelu Xor
""".split()
_SAME: Final = """
    Bernoulli Clip DequantizeLinear Identity QuantizeLinear ReverseSequence RotaryEmbedding ScatterElements ScatterND
    Scatter TensorScatter Trilu
""".split()
_REDUCTIONS: Final = """
    ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare
""".split()
_BATCH_FIRST: Final = """
    AveragePool Conv ConvInteger ConvTranspose DeformConv DepthToSpace GlobalAveragePool GlobalLpPool GlobalMaxPool
    GridSample LpPool MaxPool MaxUnpool QLinearConv SpaceToDepth
""".split()
_HANDLERS: Final[Mapping[str, Handler[OnnxOperation]]] = {
    **dict.fromkeys(_ELEMENTWISE, _elementwise),
    **dict.fromkeys(_SAME, _same),
    **dict.fromkeys(_REDUCTIONS, _reduce),
    **dict.fromkeys(_BATCH_FIRST, _batch_first),
    **dict.fromkeys(("BatchNormalization", "GroupNormalization", "InstanceNormalization", "LRN"), _norm),
    **dict.fromkeys(("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"), _compared),
    **dict.fromkeys(("Softmax", "LogSoftmax", "Hardmax"), _softmax),
    **dict.fromkeys(("LayerNormalization", "RMSNormalization"), _layer_norm),
    **dict.fromkeys(("ArgMax", "ArgMin"), _index_of_extreme),
    **dict.fromkeys(("CumSum", "CumProd"), _cumulative),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), _recurrent),
    **dict.fromkeys(("RandomNormalLike", "RandomUniformLike", "EyeLike"), like),
    **dict.fromkeys(("Resize", "Upsample"), resize),
    **dict.fromkeys(("Cast", "CastLike"), _cast),
    "Attention": _attention,
    "Concat": concat,
    "Constant": _constant,
    "ConstantOfShape": sized,
    "Dropout": _dropout,
    "DynamicQuantizeLinear": _quantised_dynamically,
    "Einsum": _einsum,
    "Expand": expand,
    "Flatten": flatten,
    "Gather": gather,
    "GatherElements": gather_elements,
    "Gemm": _gemm,
    "If": _either,
    "LpNormalization": _lp_norm,
    "MatMul": _matmul,
    "MeanVarianceNormalization": _mean_variance_norm,
    "OneHot": one_hot,
    "Pad": pad,
    "Reshape": reshape,
    "Shape": shape,
    "Slice": sliced,
    "Split": split,
    "Squeeze": squeeze,
    "Tile": tile,
    "TopK": _top,
    "Transpose": transpose,
    "Unsqueeze": unsqueeze,
    "Where": _where,
}


def handler_of(operation: OnnxOperation) -> Handler[OnnxOperation] | None:
    """What an operator does to axes; None if it is not known."""
    return _HANDLERS.get(operation.kind) if operation.domain == "" else None


def ignored(operation: OnnxOperation, flow: Flow) -> Collection[int]:
    """The operands (by position) that the values of the results do not depend on."""
    if operation.kind == "If" and operation.inputs:
        return never_chosen(operation, flow.tensor(operation.inputs[0]))
    positions = ONLY_SIZES.get(operation.kind, frozenset())
    return range(len(operation.inputs)) if positions is None else positions
