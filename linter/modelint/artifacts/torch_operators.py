"""What the operators of PyTorch do to a batch: tables of names, without a framework.

The names and the order of parameters are those of the schemas that ``torch._C._jit_get_all_schemas`` lists (PyTorch
2.13; a test holds the tables against them). An operator that stands in no table is unknown, and nothing is said of it.
"""

from __future__ import annotations

from typing import Final

_NORM = ("input", "weight", "bias", "running_mean", "running_var", "training", "momentum", "eps")
_NORM_UPDATE = ("input", "weight", "bias", "running_mean", "running_var", "momentum", "eps")
_DROPOUT = ("input", "p", "train")
_IN_PLACE_DROPOUT = ("self", "p", "train")
_RECURRENT = (
    "input", "hx", "params", "has_biases", "num_layers", "dropout", "train", "bidirectional", "batch_first",
)  # fmt: skip
_OVER_DIM = ("self", "dim", "keepdim")

BATCH_NORMS: Final = {
    "batch_norm": (*_NORM, "cudnn_enabled"),
    "native_batch_norm": _NORM,
    "_native_batch_norm_legit": _NORM,
    "_native_batch_norm_legit_functional": _NORM,
    "_native_batch_norm_legit_no_training": _NORM_UPDATE,
    "_batch_norm_with_update": _NORM_UPDATE,
    "_batch_norm_with_update_functional": _NORM_UPDATE,
    "_batch_norm_no_update": _NORM_UPDATE,
    "_batch_norm_impl_index": (*_NORM, "cudnn_enabled"),
    "cudnn_batch_norm": (*_NORM[:6], "exponential_average_factor", "epsilon"),
    "miopen_batch_norm": (*_NORM[:6], "exponential_average_factor", "epsilon"),
}
ALWAYS_TRAINING: Final = frozenset({"_batch_norm_with_update", "_batch_norm_with_update_functional"})

DROPOUTS: Final = {
    "dropout": _DROPOUT,
    "dropout_": _IN_PLACE_DROPOUT,
    "native_dropout": _DROPOUT,
    "feature_dropout": _DROPOUT,
    "feature_dropout_": _IN_PLACE_DROPOUT,
    "alpha_dropout": _DROPOUT,
    "alpha_dropout_": _IN_PLACE_DROPOUT,
    "feature_alpha_dropout": _DROPOUT,
    "feature_alpha_dropout_": _IN_PLACE_DROPOUT,
}
RECURRENT: Final = dict.fromkeys(("lstm", "gru", "rnn_tanh", "rnn_relu"), _RECURRENT)
RANDOM_RELUS: Final = {
    "rrelu": ("self", "lower", "upper", "training", "generator"),
    "rrelu_": ("self", "lower", "upper", "training", "generator"),
    "rrelu_with_noise": ("self", "noise", "lower", "upper", "training", "generator"),
    "rrelu_with_noise_functional": ("self", "noise", "lower", "upper", "training", "generator"),
}
_MASKED = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal")
_BIASED = ("query", "key", "value", "attn_bias", "compute_log_sumexp", "dropout_p", "is_causal")
_UNMASKED = ("query", "key", "value", "dropout_p", "is_causal")
ATTENTIONS: Final = {
    "scaled_dot_product_attention": _MASKED,
    "_scaled_dot_product_attention_math": _MASKED,
    "_scaled_dot_product_flash_attention": _UNMASKED,
    "_scaled_dot_product_flash_attention_for_cpu": _UNMASKED,
    "_scaled_dot_product_efficient_attention": _BIASED,
    "_scaled_dot_product_cudnn_attention": _BIASED,
}

DRAWS: Final = frozenset(
    "rand randn randint randperm rand_like randn_like randint_like bernoulli bernoulli_ normal normal_ "
    "normal_functional uniform uniform_ exponential exponential_ multinomial poisson random random_ cauchy cauchy_ "
    "geometric geometric_ log_normal log_normal_ binomial".split()
)

REDUCTIONS: Final = {
    **dict.fromkeys(
        "mean sum amax amin max min median nanmedian nanmean nansum logsumexp prod argmax argmin all any".split(),
        _OVER_DIM,
    ),
    **dict.fromkeys(("std", "var", "var_mean", "std_mean"), ("self", "dim", "unbiased", "keepdim")),
    "norm": ("self", "p", "dim", "keepdim"),
    "linalg_vector_norm": ("self", "ord", "dim", "keepdim"),
    "aminmax": _OVER_DIM,
}
"""Operators that make one value of all along the axes ``dim``; of the whole tensor where that is absent."""

ALONG: Final = {
    **dict.fromkeys(
        "softmax _softmax log_softmax _log_softmax cumsum cumprod logcumsumexp cummax cummin softmin".split(),
        ("self", "dim"),
    ),
    "sort": ("self", "dim", "descending"),
    "argsort": ("self", "dim", "descending"),
}
"""Operators whose values along the axis ``dim`` depend on one another, and that keep the axis."""

_SHAPED: Final = {
    "layer_norm": ("input", "normalized_shape", "weight", "bias", "eps", "cudnn_enable"),
    "native_layer_norm": ("input", "normalized_shape", "weight", "bias", "eps"),
    "flatten": ("self", "start_dim", "end_dim"),
    "reshape": ("self", "shape"),
    "view": ("self", "size"),
    "select": ("self", "dim", "index"),
    "slice": ("self", "dim", "start", "end", "step"),
    "unsqueeze": ("self", "dim"),
    "squeeze": ("self", "dim"),
    "transpose": ("self", "dim0", "dim1"),
    "permute": ("self", "dims"),
    "cat": ("tensors", "dim"),
    "stack": ("tensors", "dim"),
    "group_norm": ("input", "num_groups", "weight", "bias", "eps", "cudnn_enabled"),
    "native_group_norm": ("input", "weight", "bias", "N", "C", "HxW", "group", "eps"),
}

PARAMETERS: Final[dict[str, tuple[str, ...]]] = {
    **BATCH_NORMS,
    **DROPOUTS,
    **RECURRENT,
    **RANDOM_RELUS,
    **ATTENTIONS,
    **REDUCTIONS,
    **ALONG,
    **_SHAPED,
}
"""The names of the parameters of the operators whose arguments matter, in order."""

DEFAULTS: Final[dict[tuple[str, str], int]] = {
    ("sort", "dim"): -1,
    ("argsort", "dim"): -1,
    ("cat", "dim"): 0,
    ("stack", "dim"): 0,
    ("slice", "dim"): 0,
    ("flatten", "start_dim"): 0,
}
"""What an absent argument stands for, where an axis has a default."""

VIEWS: Final = frozenset(
    "view select slice expand permute transpose t unsqueeze squeeze detach alias unbind split split_with_sizes chunk "
    "diagonal narrow view_as expand_as unflatten numpy_T movedim swapaxes".split()
)
"""Operators whose result is the same memory as their first argument."""

SHAPE_ONLY: Final = frozenset(
    "zeros_like ones_like empty_like full_like rand_like randn_like randint_like new_zeros new_ones new_empty new_full "
    "sym_size sym_numel sym_stride size dim numel len new_empty_strided".split()
)
"""Operators that look at the shape of a tensor and never at its values."""

KEEPS_ROWS: Final = frozenset(
    "add sub rsub mul div true_divide pow neg abs exp expm1 log log1p log2 sqrt rsqrt reciprocal square sign sin cos "
    "tan tanh sigmoid erf floor ceil round clamp clamp_min clamp_max maximum minimum where masked_fill lerp addcmul "
    "addcdiv relu relu6 leaky_relu prelu elu selu celu gelu silu mish hardtanh hardsigmoid hardswish softplus softsign "
    "logsigmoid log_sigmoid threshold rrelu eq ne lt le gt ge logical_and logical_or logical_not isnan nan_to_num "
    "remainder fmod atan2 clone contiguous to _to_copy type_as float half double detach alias lift_fresh copy "
    "conv1d conv2d conv3d convolution _convolution conv_transpose1d conv_transpose2d conv_transpose3d linear addmm mm "
    "max_pool1d max_pool2d max_pool3d max_pool2d_with_indices max_pool3d_with_indices avg_pool1d avg_pool2d avg_pool3d "
    "adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d "
    "adaptive_max_pool1d adaptive_max_pool2d upsample_nearest2d upsample_bilinear2d pad constant_pad_nd dropout "
    "native_dropout feature_dropout alpha_dropout batch_norm native_batch_norm _native_batch_norm_legit "
    "_native_batch_norm_legit_functional _native_batch_norm_legit_no_training instance_norm group_norm "
    "native_group_norm layer_norm native_layer_norm embedding pixel_shuffle".split()
)
"""Operators whose first axis is that of their first argument that has one, sample by sample.

In place or not; the first argument of ``embedding`` and ``where`` that varies with the input.
"""

UNBATCHED_RANK: Final = {
    **{f"{name}{n}d": n + 1 for name in ("conv", "conv_transpose", "max_pool", "avg_pool") for n in (1, 2, 3)},
    **{f"adaptive_{kind}_pool{n}d": n + 1 for kind in ("avg", "max") for n in (1, 2, 3)},
}
"""Operators that also take a single sample without a batch axis, and the rank of that."""

MOVING: Final = frozenset({"running_mean", "running_var", "num_batches_tracked"})
"""The names of the moving statistics of ``torch.nn.modules.batchnorm``."""
