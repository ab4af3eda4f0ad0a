"""The operators of ONNX's own domain, and those of them that draw or behave otherwise in training.

Source: ``onnx.defs`` of onnx 1.23, all versions.
"""

from __future__ import annotations

from typing import Final

from modelint.artifacts.batch_axis import Tensor
from modelint.artifacts.onnx_operation import OnnxOperation

STANDARD: Final = frozenset(
    """
    Abs Acos Acosh Add AffineGrid And ArgMax ArgMin Asin Asinh Atan Atanh Attention AveragePool
    BatchNormalization Bernoulli BitCast BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor BlackmanWindow Cast
    CastLike CausalConvWithState Ceil Celu CenterCropPad Clip Col2Im Compress Concat ConcatFromSequence Constant
    ConstantOfShape Conv ConvInteger ConvTranspose Cos Cosh CumProd CumSum DFT DeformConv DepthToSpace
    DequantizeLinear Det Div Dropout DynamicQuantizeLinear Einsum Elu Equal Erf Exp Expand EyeLike Flatten Floor
    GRU Gather GatherElements GatherND Gelu Gemm GlobalAveragePool GlobalLpPool GlobalMaxPool Greater
    GreaterOrEqual GridSample GroupNormalization HammingWindow HannWindow HardSigmoid HardSwish Hardmax Identity
    If ImageDecoder InstanceNormalization IsInf IsNaN LRN LSTM LayerNormalization LeakyRelu Less LessOrEqual
    LinearAttention Log LogSoftmax Loop LpNormalization LpPool MatMul MatMulInteger Max MaxPool MaxRoiPool
    MaxUnpool Mean MeanVarianceNormalization MelWeightMatrix Min Mish Mod Mul Multinomial Neg
    NegativeLogLikelihoodLoss NonMaxSuppression NonZero Not OneHot Optional OptionalGetElement
    OptionalHasElement Or PRelu Pad Pow QLinearConv QLinearMatMul QuantizeLinear RMSNormalization RNN
    RandomNormal RandomNormalLike RandomUniform RandomUniformLike Range Reciprocal ReduceL1 ReduceL2
    ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare
    RegexFullMatch Relu Reshape Resize ReverseSequence RoiAlign RotaryEmbedding Round STFT Scan Scatter
    ScatterElements ScatterND Selu SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert
    SequenceLength SequenceMap Shape Shrink Sigmoid Sign Sin Sinh Size Slice Softmax SoftmaxCrossEntropyLoss
    Softplus Softsign SpaceToDepth Split SplitToSequence Sqrt Squeeze StringConcat StringNormalizer StringSplit
    Sub Sum SwiGLU Swish Tan Tanh TensorScatter TfIdfVectorizer ThresholdedRelu Tile TopK Transpose Trilu Unique
    Unsqueeze Upsample Where Xor
    """.split()
)
"""Operators of any version. Those of the domain ``ai.onnx.ml`` (trees and the like) know no training either."""

DRAWS: Final = frozenset(
    {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}
)
"""Operators that draw at random on every run."""

INNOCENT_DOMAINS: Final = frozenset({"", "ai.onnx.ml"})


def is_known(operation: OnnxOperation) -> bool:
    """Whether it is specified what an operator does."""
    return operation.kind in STANDARD if operation.domain == "" else operation.domain in INNOCENT_DOMAINS


def norm_trains(operation: OnnxOperation) -> bool:
    """Whether a BatchNormalization uses the statistics of the batch, by version.

    From 14 on an attribute says so, 0 unless written; from 7 to 13 the outputs that only training has; before,
    ``is_test``, 0 unless written.
    """
    if operation.opset >= 14:
        return bool(operation.number("training_mode", 0))
    if operation.opset >= 7:
        return operation.optional_outputs
    return not operation.number("is_test", 0)


def dropout_trains(operation: OnnxOperation, rate: Tensor, mode: Tensor) -> bool:
    """Whether a Dropout drops, by version.

    From 12 on an operand says so, false unless given; from 7 to 11 never; before, ``is_test``, 0 unless written. A rate
    of 0 drops nothing.
    """
    if operation.opset >= 12:
        return mode.known == (1,) and rate.known != (0,)
    if operation.opset >= 7:
        return False
    return not operation.number("is_test", 0) and operation.attributes.get("ratio") != 0.0
