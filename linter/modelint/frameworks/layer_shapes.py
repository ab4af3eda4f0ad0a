"""The shape that a layer of Keras gives to what it is called on, the batch axis left out.

Only layers with the channels last, the default, are followed. A shape of which nothing is known is None, and so is what
comes of it; an axis of unknown length is None in a shape. A test holds this to the shapes that Keras gives.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence

from modelint.facts import Setting
from modelint.frameworks import keras_layers as table
from modelint.frameworks.indices import Shape

_SAME = frozenset(("activation", "dropout", "noise", "normalization", "regularization"))
_SAME_KINDS = frozenset(("Identity", "InputLayer", "Masking", "MultiHeadAttention", "Rescaling"))
_SAME_AUGMENTATION = re.compile(r"Random(?!Crop|Height|Width)|CutMix|MixUp|AugMix|Equalization|Solarization")
_DIMENSIONS = re.compile(r"([123])D")
_MULTIPLE_OF_BATCH = frozenset(("Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract"))


def shape_after(kind: str, config: Mapping[str, Setting], shapes: Sequence[Shape | None]) -> Shape | None:
    """The shape of a layer's output."""
    settings = {**table.defaults(kind), **config}
    if settings.get("data_format") not in (None, "channels_last"):
        return None
    if kind in _MULTIPLE_OF_BATCH:
        return next((shape for shape in shapes if shape is not None), None)
    if kind == "Concatenate":
        return _concatenated(settings.get("axis"), shapes)
    shape = shapes[0] if shapes else None
    category = table.category(kind)
    if category in _SAME or kind in _SAME_KINDS or _SAME_AUGMENTATION.match(kind):
        return shape
    maker = _MAKERS.get(kind)
    if maker is not None:
        return maker(settings, shape)
    found = _DIMENSIONS.search(kind)
    if found is None:
        return _recurrent(settings, shape) if category == "recurrent" else None
    dimensions = int(found[1])
    if kind.startswith("Global"):  # whatever it is called on
        return (1,) * dimensions + (_last(shape),) if settings.get("keepdims") is True else (_last(shape),)
    if shape is None or len(shape) != dimensions + 1 + kind.startswith("ConvLSTM"):
        return None
    return _over_positions(kind, category, settings, shape, dimensions)


def _over_positions(
    kind: str, category: str, settings: Mapping[str, Setting], shape: Shape, dimensions: int
) -> Shape | None:
    """The output of a layer that slides over positions, or changes their number."""
    *before, channels = shape
    lengths = before[-dimensions:]
    if category == "pooling":
        return (*_pooled(settings, lengths), channels) if not kind.startswith("Adaptive") else None
    if kind.endswith("Transpose"):
        return (*_transposed(settings, lengths), _number(settings.get("filters")))
    if kind.startswith("UpSampling"):
        return (*_each(settings.get("size"), lengths, lambda length, size: length * size), channels)
    if kind.startswith(("ZeroPadding", "Cropping")):
        sign, amount = (1, "padding") if kind.startswith("Zero") else (-1, "cropping")
        return (*_padded(settings.get(amount), lengths, sign), channels)
    if category == "convolution":
        multiplier = _number(settings.get("depth_multiplier", 1))
        deeper = channels * multiplier if channels is not None and multiplier is not None else None
        return (*_convolved(settings, lengths), _number(settings["filters"]) if "filters" in settings else deeper)
    if kind.startswith("ConvLSTM"):
        steps = before[:1] if settings.get("return_sequences") is True else []
        return (*steps, *_convolved(settings, lengths), _number(settings.get("filters")))
    return None


def positions_of(config: Mapping[str, Setting], shape: Shape | None) -> int | None:
    """Over how many positions of a sample a BatchNorm averages; None if that is not known."""
    axis = config.get("axis", -1)
    if shape is None or type(axis) is not int or not -len(shape) <= axis <= len(shape) or axis == 0:
        return None
    kept = axis % (len(shape) + 1) - 1
    others = [size for index, size in enumerate(shape) if index != kept]
    return None if None in others else math.prod(size for size in others if size is not None)


def _number(setting: Setting) -> int | None:
    return setting if type(setting) is int else None


def _last(shape: Shape | None) -> int | None:
    return shape[-1] if shape else None


def _numbers(setting: Setting, count: int) -> list[int | None]:
    """A setting that is one number for all dimensions, or one for each."""
    if isinstance(setting, tuple):
        return [_number(one) for one in setting] if len(setting) == count else [None] * count
    return [_number(setting)] * count


def _each(setting: Setting, lengths: Sequence[int | None], function: Callable[[int, int], int]) -> list[int | None]:
    numbers = _numbers(setting, len(lengths))
    return [
        None if length is None or number is None else function(length, number)
        for length, number in zip(lengths, numbers, strict=True)
    ]


def _slid(length: int | None, window: int | None, stride: int | None, padding: Setting) -> int | None:
    """How often a window fits into a length."""
    if length is None or not stride:
        return None
    if padding in ("same", "causal"):
        return -(-length // stride)
    return None if window is None or padding != "valid" else max(0, (length - window) // stride + 1)


def _lowered(setting: Setting) -> Setting:
    return setting.lower() if isinstance(setting, str) else setting


def _convolved(settings: Mapping[str, Setting], lengths: Sequence[int | None]) -> list[int | None]:
    count = len(lengths)
    kernels, strides = _numbers(settings.get("kernel_size"), count), _numbers(settings.get("strides"), count)
    rates = _numbers(settings.get("dilation_rate", 1), count)
    windows = [None if k is None or r is None else (k - 1) * r + 1 for k, r in zip(kernels, rates, strict=True)]
    padding = _lowered(settings.get("padding"))
    return [_slid(*one, padding) for one in zip(lengths, windows, strides, strict=True)]


def _pooled(settings: Mapping[str, Setting], lengths: Sequence[int | None]) -> list[int | None]:
    windows = _numbers(settings.get("pool_size", 2), len(lengths))
    given = settings.get("strides")
    strides = windows if given is None else _numbers(given, len(lengths))
    padding = _lowered(settings.get("padding"))
    return [_slid(*one, padding) for one in zip(lengths, windows, strides, strict=True)]


def _transposed(settings: Mapping[str, Setting], lengths: Sequence[int | None]) -> list[int | None]:
    count = len(lengths)
    if settings.get("output_padding") is not None:
        return [None] * count
    padding = _lowered(settings.get("padding"))
    scaled = _each(settings.get("strides"), lengths, lambda length, stride: length * stride)
    if padding == "same":
        return scaled
    kernels, strides = _numbers(settings.get("kernel_size"), count), _numbers(settings.get("strides"), count)
    if padding != "valid" or None in kernels or None in strides:
        return [None] * count
    more = [max(k - s, 0) for k, s in zip(kernels, strides, strict=True) if k is not None and s is not None]
    return [None if length is None else length + extra for length, extra in zip(scaled, more, strict=True)]


def _padded(setting: Setting, lengths: Sequence[int | None], sign: int) -> list[int | None]:
    """Lengths with something put around them, or taken off: a number for all, one or two for each dimension."""
    if len(lengths) == 1 and isinstance(setting, tuple) and len(setting) == 2:
        setting = (setting,)
    sides = setting if isinstance(setting, tuple) and len(setting) == len(lengths) else (setting,) * len(lengths)
    result: list[int | None] = []
    for length, side in zip(lengths, sides, strict=True):
        both = _numbers(side, 2)
        amount = None if None in both else sum(one for one in both if one is not None)
        result.append(None if length is None or amount is None else max(0, length + sign * amount))
    return result


def _flattened(settings: Mapping[str, Setting], shape: Shape | None) -> Shape | None:
    known = [size for size in shape or () if size is not None]
    return (math.prod(known) if shape is not None and len(known) == len(shape) else None,)


def _dense(settings: Mapping[str, Setting], shape: Shape | None) -> Shape | None:
    return None if not shape else (*shape[:-1], _number(settings.get("units")))


def _embedded(settings: Mapping[str, Setting], shape: Shape | None) -> Shape | None:
    return None if shape is None else (*shape, _number(settings.get("output_dim")))


def _reshaped(settings: Mapping[str, Setting], shape: Shape | None) -> Shape | None:
    target = settings.get("target_shape")
    if not isinstance(target, tuple):
        return None
    sizes = [_number(size) for size in target]
    whole = _flattened(settings, shape)
    (total,) = whole if whole is not None else (None,)
    if -1 in sizes:
        rest = [size for size in sizes if size not in (-1, None)]
        filled = total // math.prod(size or 1 for size in rest) if total is not None and None not in sizes else None
        sizes = [filled if size == -1 else size for size in sizes]
    return tuple(sizes)


def _permuted(settings: Mapping[str, Setting], shape: Shape | None) -> Shape | None:
    dims = settings.get("dims")
    if (
        shape is None
        or not isinstance(dims, tuple)
        or sorted(map(str, dims)) != sorted(map(str, range(1, len(shape) + 1)))
    ):
        return None
    return tuple(shape[dim - 1] for dim in dims if isinstance(dim, int))


def _resized(settings: Mapping[str, Setting], shape: Shape | None) -> Shape | None:
    if shape is None or len(shape) < 3:
        return None
    return (*shape[:-3], _number(settings.get("height")), _number(settings.get("width")), shape[-1])


def _repeated(settings: Mapping[str, Setting], shape: Shape | None) -> Shape | None:
    return None if shape is None else (_number(settings.get("n")), *shape)


def _recurrent(settings: Mapping[str, Setting], shape: Shape | None) -> Shape | None:
    if "units" not in settings or settings.get("return_state") is True:
        return None
    units = _number(settings.get("units"))
    match settings.get("return_sequences"):
        case False:
            return (units,)
        case True:
            return None if shape is None or len(shape) != 2 else (shape[0], units)
    return None


def _concatenated(axis: Setting, shapes: Sequence[Shape | None]) -> Shape | None:
    known = [shape for shape in shapes if shape is not None]
    if not known or type(axis) is not int or axis == 0 or len({len(shape) for shape in known}) > 1:
        return None
    index = axis - 1 if axis > 0 else axis + len(known[0])
    if not 0 <= index < len(known[0]):
        return None
    sizes = [shape[index] for shape in known]
    all_known = len(known) == len(shapes) and None not in sizes
    joined = list(known[0])
    joined[index] = sum(size for size in sizes if size is not None) if all_known else None
    return tuple(joined)


_MAKERS: dict[str, Callable[[Mapping[str, Setting], Shape | None], Shape | None]] = {
    "CenterCrop": _resized,
    "Dense": _dense,
    "Embedding": _embedded,
    "Flatten": _flattened,
    "Permute": _permuted,
    "RandomCrop": _resized,
    "RepeatVector": _repeated,
    "Reshape": _reshaped,
    "Resizing": _resized,
}
