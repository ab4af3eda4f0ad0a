"""What TensorFlow's operations do to the axis that counts the samples: the table of the rules.

An operation that is not here makes the axis unknown, unless it takes no samples.
"""

from __future__ import annotations

from typing import Final

from modelint.artifacts import tensorflow_arithmetic as arithmetic
from modelint.artifacts import tensorflow_rearranging as rearranging
from modelint.artifacts.tensorflow_flow import Operation
from modelint.artifacts.tensorflow_operands import EMPTY, NO_AXIS, UNKNOWN_AXIS, Operands, Outcome, Rule
from modelint.facts import Shape

RECOVERABLE: Final = frozenset(
    {"TensorListStack", "While", "TensorArrayGatherV3", "CudnnRNN", "CudnnRNNV2", "CudnnRNNV3", "If", "Reshape"}
)
"""Behind these the axis may be found again by its open size."""

_UNARY = (
    "Abs Acos Acosh Asin Asinh Atan Atanh BitwiseNot Cast Ceil CheckNumerics Cos Cosh DebugIdentity Digamma Elu Erf "
    "Erfc Exp Expm1 FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars Floor Identity Inv IsFinite IsInf IsNan LeakyRelu "
    "Lgamma Log Log1p LogicalNot Neg OnesLike PreventGradient Reciprocal Relu Relu6 Rint Round Rsqrt Selu Sigmoid Sign "
    "Sin Sinh Snapshot Softplus Softsign Sqrt Square StopGradient Switch RefSwitch Tan Tanh ZerosLike Exit "
    "NextIteration Enter EnsureShape Bucketize AsString StringLower StringStrip StringToNumber"
)
_BROADCASTING = (
    "Add AddN AddV2 Atan2 BitwiseAnd BitwiseOr BitwiseXor ClipByValue Div DivNoNan Equal FloorDiv FloorMod Greater "
    "GreaterEqual Less LessEqual LogicalAnd LogicalOr Maximum Minimum Mod Mul MulNoNan NotEqual Pow RealDiv Select "
    "SelectV2 SquaredDifference Sub TruncateDiv TruncateMod Xdivy Xlogy LookupTableFindV2"
)
_BATCH_FIRST = (
    "AvgPool AvgPool3D BatchToSpaceND Conv2D Conv3D Conv DepthToSpace DepthwiseConv2dNative Dilation2D "
    "FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 LRN MaxPool MaxPool3D MaxPoolV2 ResizeBicubic ResizeBilinear "
    "ResizeNearestNeighbor ResizeArea SpaceToBatchND SpaceToDepth ExtractImagePatches ImageProjectiveTransformV3 "
    "ImageProjectiveTransformV2 AdjustContrastv2"
)
_WITHOUT_SAMPLES = (
    "Const Shape ShapeN Size Rank Range LinSpace Fill VarHandleOp ReadVariableOp VariableV2 Variable NoOp Empty "
    "BroadcastArgs BroadcastGradientArgs StatelessRandomGetKeyCounter StatelessRandomGetAlg RngReadAndSkip "
    "TensorListReserve EmptyTensorList HashTableV2 AssignVariableOp AssignAddVariableOp AssignSubVariableOp Assert "
    "InvertPermutation TensorListElementShape TensorListLength ConcatOffset VarIsInitializedOp"
)
_LIKE_THE_FIRST = (
    "BiasAdd BiasAddV1 Pad PadV2 MirrorPad Tile MatrixBandPart AdjustHue AdjustSaturation RGBToHSV HSVToRGB"
)


_RULES: Final[dict[str, Rule]] = {
    name: rule
    for names, rule in (
        (_UNARY, arithmetic.first),
        (_LIKE_THE_FIRST, arithmetic.first),
        (_BROADCASTING, arithmetic.broadcast),
        (_BATCH_FIRST, arithmetic.batch_first),
        (_WITHOUT_SAMPLES, arithmetic.without_samples),
        ("Conv2DBackpropInput Conv3DBackpropInputV2", arithmetic.transposed_convolution),
        ("Mean Sum Prod Max Min EuclideanNorm All Any L2Loss", arithmetic.reduction),
        ("ArgMax ArgMin", arithmetic.index_of_greatest),
        ("Softmax LogSoftmax", arithmetic.over_the_last),
        ("Cumsum Cumprod ReverseV2 Roll", arithmetic.along),
        ("MatMul BatchMatMul BatchMatMulV2 BatchMatMulV3", arithmetic.product),
        ("Einsum XlaEinsum", arithmetic.einsum),
        ("If Merge RefMerge", arithmetic.branches),
        ("While", arithmetic.loop),
        ("Transpose", rearranging.transpose),
        ("Reshape", rearranging.reshape),
        ("Squeeze", rearranging.squeeze),
        ("ExpandDims", rearranging.expand),
        ("ConcatV2 Concat", rearranging.concatenation),
        ("Pack", rearranging.stack),
        ("Unpack", rearranging.unstack),
        ("Split SplitV", rearranging.split),
        ("StridedSlice", rearranging.slices),
        ("Slice", rearranging.part),
        ("GatherV2 Gather ResourceGather", rearranging.gather),
        ("BroadcastTo", rearranging.broadcast_to),
        ("OneHot", rearranging.one_hot),
    )
    for name in names.split()
}


_SHAPED_NAMES: Final = (
    "ArgMax ArgMin BroadcastTo Cumprod Cumsum DepthToSpace ExpandDims Gather GatherV2 ImageProjectiveTransformV2 "
    "ImageProjectiveTransformV3 Max Mean Min MirrorPad OneHot Pad PadV2 Prod ResizeArea ResizeBicubic ResizeBilinear "
    "ResizeNearestNeighbor Reshape ReverseV2 Roll Slice SplitV Squeeze StridedSlice Sum Tile Transpose Unpack"
)
_SHAPED: Final = frozenset(_SHAPED_NAMES.split())
"""What takes its values from the first operand; the others say where they go."""

_CHOOSING: Final = frozenset({"If", "While", "Select", "SelectV2"})
"""What takes its values from all operands but the first, which chooses."""


def contents(operation: Operation, operands: Operands) -> Operands:
    """The operands whose values are in what an operation computes; not those that only shape or choose it.

    How many steps the longest sample of a batch takes, for one, decides over shapes and loops and changes no sample.
    """
    if operation.kind in _SHAPED:
        return operands[:1]
    return operands[1:] if operation.kind in _CHOOSING else operands


def outcome_of(operation: Operation, operands: Operands, declared: Shape | None) -> Outcome:
    """What an operation does to the axis of the samples.

    ``declared`` is the shape of its first output, where the file says so.
    """
    rule = _RULES.get(operation.kind)
    if rule is not None:
        return rule(operation, operands, declared)
    if operation.kind.startswith(("Random", "StatelessRandom", "Stateful", "StatelessTruncated", "Truncated")):
        return EMPTY  # what is drawn is not a sample; only its shape follows them
    bears = any(operand.axis != NO_AXIS for operand in operands)
    return Outcome(UNKNOWN_AXIS if bears else NO_AXIS)
