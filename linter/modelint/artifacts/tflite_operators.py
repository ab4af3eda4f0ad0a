"""The built-in operators of TFLite by number, and the options of those whose options decide something.

Source: ``tensorflow/compiler/mlir/lite/schema/schema.fbs`` of TensorFlow 2.21. Numbers are never given anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

OPERATORS: Final[tuple[str, ...]] = tuple(
    """
    ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE EMBEDDING_LOOKUP FLOOR
    FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOGISTIC
    LSH_PROJECTION LSTM MAX_POOL_2D MUL RELU RELU_N1_TO_1 RELU6 RESHAPE RESIZE_BILINEAR RNN SOFTMAX
    SPACE_TO_DEPTH SVDF TANH CONCAT_EMBEDDINGS SKIP_GRAM CALL CUSTOM EMBEDDING_LOOKUP_SPARSE PAD
    UNIDIRECTIONAL_SEQUENCE_RNN GATHER BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV SQUEEZE
    UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE BIDIRECTIONAL_SEQUENCE_RNN EXP TOPK_V2 SPLIT LOG_SOFTMAX DELEGATE
    BIDIRECTIONAL_SEQUENCE_LSTM CAST PRELU MAXIMUM ARG_MAX MINIMUM LESS NEG PADV2 GREATER GREATER_EQUAL
    LESS_EQUAL SELECT SLICE SIN TRANSPOSE_CONV SPARSE_TO_DENSE TILE EXPAND_DIMS EQUAL NOT_EQUAL LOG SUM SQRT
    RSQRT SHAPE POW ARG_MIN FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK LOGICAL_OR ONE_HOT LOGICAL_AND LOGICAL_NOT
    UNPACK REDUCE_MIN FLOOR_DIV REDUCE_ANY SQUARE ZEROS_LIKE FILL FLOOR_MOD RANGE RESIZE_NEAREST_NEIGHBOR
    LEAKY_RELU SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL REVERSE_V2 ADD_N GATHER_ND COS WHERE RANK
    ELU REVERSE_SEQUENCE MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND HARD_SWISH IF WHILE NON_MAX_SUPPRESSION_V4
    NON_MAX_SUPPRESSION_V5 SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM BATCH_MATMUL
    PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE BROADCAST_TO RFFT2D CONV_3D IMAG REAL COMPLEX_ABS
    HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL CONV_3D_TRANSPOSE VAR_HANDLE
    READ_VARIABLE ASSIGN_VARIABLE BROADCAST_ARGS RANDOM_STANDARD_NORMAL BUCKETIZE RANDOM_UNIFORM MULTINOMIAL
    GELU DYNAMIC_UPDATE_SLICE RELU_0_TO_1 UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_SUM ATAN2
    UNSORTED_SEGMENT_MIN SIGN BITCAST BITWISE_XOR RIGHT_SHIFT STABLEHLO_LOGISTIC STABLEHLO_ADD STABLEHLO_DIVIDE
    STABLEHLO_MULTIPLY STABLEHLO_MAXIMUM STABLEHLO_RESHAPE STABLEHLO_CLAMP STABLEHLO_CONCATENATE
    STABLEHLO_BROADCAST_IN_DIM STABLEHLO_CONVOLUTION STABLEHLO_SLICE STABLEHLO_CUSTOM_CALL STABLEHLO_REDUCE
    STABLEHLO_ABS STABLEHLO_AND STABLEHLO_COSINE STABLEHLO_EXPONENTIAL STABLEHLO_FLOOR STABLEHLO_LOG
    STABLEHLO_MINIMUM STABLEHLO_NEGATE STABLEHLO_OR STABLEHLO_POWER STABLEHLO_REMAINDER STABLEHLO_RSQRT
    STABLEHLO_SELECT STABLEHLO_SUBTRACT STABLEHLO_TANH STABLEHLO_SCATTER STABLEHLO_COMPARE STABLEHLO_CONVERT
    STABLEHLO_DYNAMIC_SLICE STABLEHLO_DYNAMIC_UPDATE_SLICE STABLEHLO_PAD STABLEHLO_IOTA STABLEHLO_DOT_GENERAL
    STABLEHLO_REDUCE_WINDOW STABLEHLO_SORT STABLEHLO_WHILE STABLEHLO_GATHER STABLEHLO_TRANSPOSE DILATE
    STABLEHLO_RNG_BIT_GENERATOR REDUCE_WINDOW STABLEHLO_COMPOSITE STABLEHLO_SHIFT_LEFT STABLEHLO_CBRT
    STABLEHLO_CASE
    """.split()
)
"""Position is the number."""

CUSTOM: Final = OPERATORS.index("CUSTOM")

ELEMENT_TYPES: Final[tuple[str, ...]] = tuple(
    """
    float32 float16 int32 uint8 int64 string bool int16 complex64 int8 float64 complex128 uint64 resource variant
    uint32 uint16 int4 bfloat16 int2 uint4
    """.split()
)

Option = tuple[int, str, str]
"""Slot, kind (a letter of ``struct``, ``"text"``, or a letter and ``*`` for a vector), name."""

_POOL: Final[tuple[Option, ...]] = ((1, "i", "stride_w"), (2, "i", "stride_h"), (3, "i", "width"), (4, "i", "height"))
_REDUCER: Final[tuple[Option, ...]] = ((0, "?", "keep_dims"),)
_RANDOM: Final[tuple[Option, ...]] = ((0, "q", "seed"), (1, "q", "seed2"))
_ADJOINT: Final[tuple[Option, ...]] = ((0, "?", "adj_x"), (1, "?", "adj_y"))

OPTIONS: Final[Mapping[str, tuple[Option, ...]]] = {
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"), _POOL),
    **dict.fromkeys(
        ("MEAN", "SUM", "REDUCE_PROD", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_ANY", "REDUCE_ALL"),
        _REDUCER,
    ),
    **dict.fromkeys(("RANDOM_STANDARD_NORMAL", "RANDOM_UNIFORM", "MULTINOMIAL"), _RANDOM),
    "BATCH_MATMUL": _ADJOINT,
    "BIDIRECTIONAL_SEQUENCE_LSTM": ((4, "?", "time_major"),),
    "BIDIRECTIONAL_SEQUENCE_RNN": ((0, "?", "time_major"),),
    "CALL_ONCE": ((0, "i", "init_subgraph_index"),),
    "CONCATENATION": ((0, "i", "axis"),),
    "CONV_2D": ((1, "i", "stride_w"), (2, "i", "stride_h")),
    "CUMSUM": ((0, "?", "exclusive"), (1, "?", "reverse")),
    "DEPTHWISE_CONV_2D": ((1, "i", "stride_w"), (2, "i", "stride_h"), (3, "i", "depth_multiplier")),
    "FULLY_CONNECTED": ((2, "?", "keep_num_dims"),),
    "GATHER": ((0, "i", "axis"), (1, "i", "batch_dims")),
    "IF": ((0, "i", "then_subgraph_index"), (1, "i", "else_subgraph_index")),
    "LEAKY_RELU": ((0, "f", "alpha"),),
    "ONE_HOT": ((0, "i", "axis"),),
    "PACK": ((1, "i", "axis"),),
    "RESHAPE": ((0, "i*", "new_shape"),),
    "SOFTMAX": ((0, "f", "beta"),),
    "SPLIT": ((0, "i", "num_splits"),),
    "SPLIT_V": ((0, "i", "num_splits"),),
    "SQUEEZE": ((0, "i*", "squeeze_dims"),),
    "STRIDED_SLICE": (
        (0, "i", "begin_mask"),
        (1, "i", "end_mask"),
        (2, "i", "ellipsis_mask"),
        (3, "i", "new_axis_mask"),
        (4, "i", "shrink_axis_mask"),
    ),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": ((3, "?", "time_major"),),
    "UNIDIRECTIONAL_SEQUENCE_RNN": ((0, "?", "time_major"),),
    "UNPACK": ((0, "i", "num"), (1, "i", "axis")),
    "VAR_HANDLE": ((0, "text", "container"), (1, "text", "shared_name")),
    "WHILE": ((0, "i", "cond_subgraph_index"), (1, "i", "body_subgraph_index")),
}
"""Defaults are 0; BIDIRECTIONAL_SEQUENCE_LSTM alone defaults to ``time_major`` true, which ``DEFAULTS`` says."""

DEFAULTS: Final[Mapping[tuple[str, str], int]] = {("BIDIRECTIONAL_SEQUENCE_LSTM", "time_major"): 1}
