"""Layers are said to give the shapes that Keras gives, and a BatchNorm to average over as many positions."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import pytest

from modelint.facts import Setting
from modelint.frameworks.indices import Shape
from modelint.frameworks.layer_shapes import positions_of, shape_after

FEATURES, SERIES, IMAGE, VIDEO = (6,), (12, 3), (13, 10, 4), (5, 12, 9, 3)
ANY = (FEATURES, SERIES, IMAGE, VIDEO)

Choose = Callable[[random.Random], Mapping[str, Setting]]


def sliding(dimensions: int, *, window: str = "kernel_size", more: Mapping[str, Setting] | None = None) -> Choose:
    """Settings of a layer that slides a window over positions, given as one number or as one for each dimension."""

    def choose(chance: random.Random) -> Mapping[str, Setting]:
        sizes = tuple(chance.randint(1, 3) for _ in range(dimensions))
        strides = tuple(chance.randint(1, 3) for _ in range(dimensions))
        settings: dict[str, Setting] = {**(more or {}), "padding": chance.choice(("valid", "same", "VALID"))}
        settings[window] = chance.choice((sizes, chance.randint(1, 3)))
        if chance.random() < 0.7:
            settings["strides"] = chance.choice((strides, chance.randint(1, 3)))
        return settings

    return choose


def dilated(dimensions: int, **more: Setting) -> Choose:
    """Settings of a convolution with gaps in its kernel."""
    return lambda chance: {**more, "kernel_size": chance.randint(1, 3), "dilation_rate": chance.randint(1, 3)}


def fixed(**settings: Setting) -> Choose:
    """One configuration."""
    return lambda chance: settings


LAYERS: list[tuple[str, Choose, tuple[Shape, ...]]] = [
    ("Conv1D", sliding(1, more={"filters": 2}), (SERIES,)),
    ("Conv2D", sliding(2, more={"filters": 2}), (IMAGE,)),
    ("Conv3D", sliding(3, more={"filters": 2}), (VIDEO,)),
    ("Conv1D", dilated(1, filters=2), (SERIES,)),
    ("Conv1D", fixed(filters=2, kernel_size=3, padding="causal"), (SERIES,)),
    ("Conv2D", dilated(2, filters=2), (IMAGE,)),
    ("SeparableConv1D", sliding(1, more={"filters": 2}), (SERIES,)),
    ("SeparableConv2D", fixed(filters=2, kernel_size=(3, 2), strides=(2, 2)), (IMAGE,)),
    ("DepthwiseConv2D", fixed(kernel_size=3, strides=(2, 2), padding="same"), (IMAGE,)),
    ("Conv1DTranspose", sliding(1, more={"filters": 2}), (SERIES,)),
    ("Conv2DTranspose", sliding(2, more={"filters": 2}), (IMAGE,)),
    ("Conv3DTranspose", sliding(3, more={"filters": 2}), (VIDEO,)),
    ("MaxPooling1D", sliding(1, window="pool_size"), (SERIES,)),
    ("MaxPooling2D", sliding(2, window="pool_size"), (IMAGE,)),
    ("AveragePooling2D", sliding(2, window="pool_size"), (IMAGE,)),
    ("AveragePooling3D", sliding(3, window="pool_size"), (VIDEO,)),
    ("MaxPooling2D", fixed(), (IMAGE,)),
    ("GlobalAveragePooling1D", fixed(), (SERIES,)),
    ("GlobalMaxPooling2D", fixed(keepdims=True), (IMAGE,)),
    ("GlobalAveragePooling3D", fixed(), (VIDEO,)),
    ("UpSampling1D", fixed(size=3), (SERIES,)),
    ("UpSampling2D", fixed(), (IMAGE,)),
    ("UpSampling2D", fixed(size=(3, 1)), (IMAGE,)),
    ("ZeroPadding1D", fixed(padding=(1, 2)), (SERIES,)),
    ("ZeroPadding1D", fixed(), (SERIES,)),
    ("ZeroPadding2D", fixed(), (IMAGE,)),
    ("ZeroPadding2D", fixed(padding=2), (IMAGE,)),
    ("ZeroPadding2D", fixed(padding=(1, 3)), (IMAGE,)),
    ("ZeroPadding2D", fixed(padding=((1, 0), (2, 3))), (IMAGE,)),
    ("ZeroPadding3D", fixed(padding=(1, 2, 0)), (VIDEO,)),
    ("Cropping1D", fixed(cropping=(1, 2)), (SERIES,)),
    ("Cropping2D", fixed(cropping=((1, 0), (2, 3))), (IMAGE,)),
    ("Cropping2D", fixed(cropping=2), (IMAGE,)),
    ("ConvLSTM2D", sliding(2, more={"filters": 2, "return_sequences": True}), (VIDEO,)),
    ("ConvLSTM2D", fixed(filters=2, kernel_size=3), (VIDEO,)),
    ("LSTM", fixed(units=2, return_sequences=True), (SERIES,)),
    ("GRU", fixed(units=2), (SERIES,)),
    ("Dense", fixed(units=2), ANY),
    ("Embedding", fixed(input_dim=5, output_dim=2), (FEATURES,)),
    ("Flatten", fixed(), ANY),
    ("Reshape", fixed(target_shape=(-1, 4)), (IMAGE, SERIES)),
    ("Reshape", fixed(target_shape=(4, 9)), (SERIES,)),
    ("Permute", fixed(dims=(2, 1)), (SERIES,)),
    ("Permute", fixed(dims=(3, 1, 2)), (IMAGE,)),
    ("RepeatVector", fixed(n=3), (FEATURES,)),
    ("Resizing", fixed(height=4, width=5), (IMAGE,)),
    ("CenterCrop", fixed(height=4, width=5), (IMAGE,)),
    ("RandomCrop", fixed(height=4, width=5), (IMAGE,)),
    ("RandomFlip", fixed(), (IMAGE,)),
    ("Rescaling", fixed(scale=2.0), ANY),
    ("Activation", fixed(activation="relu"), ANY),
    ("BatchNormalization", fixed(), ANY),
    ("LayerNormalization", fixed(), ANY),
    ("Dropout", fixed(rate=0.5), ANY),
    ("SpatialDropout2D", fixed(rate=0.5), (IMAGE,)),
    ("PReLU", fixed(), ANY),
]


@cache
def made(kind: str, settings: tuple[tuple[str, Any], ...]) -> Any:
    """A layer of Keras."""
    keras = pytest.importorskip("keras")
    return getattr(keras.layers, kind)(**dict(settings))


@pytest.mark.parametrize(
    ("kind", "choose", "shapes"), LAYERS, ids=[f"{kind}-{i}" for i, (kind, _, _) in enumerate(LAYERS)]
)
def test_a_layer_gives_the_shape_that_keras_gives(kind: str, choose: Choose, shapes: tuple[Shape, ...]) -> None:
    keras = pytest.importorskip("keras")
    chance = random.Random(kind)
    for shape in shapes:
        for _ in range(8):
            settings = choose(chance)
            try:
                given = made(kind, tuple(settings.items()))(keras.Input(shape))
            except ValueError:
                continue  # Keras takes no strides with some kernels
            assert shape_after(kind, settings, [shape]) == tuple(given.shape[1:]), settings


@pytest.mark.parametrize("kind", ["Add", "Multiply", "Average", "Maximum", "Subtract"])
def test_what_is_merged_has_one_shape(kind: str) -> None:
    assert shape_after(kind, {}, [IMAGE, IMAGE]) == shape_after(kind, {}, [None, IMAGE]) == IMAGE
    assert shape_after(kind, {}, [None, None]) is None


@pytest.mark.parametrize("axis", [1, 2, 3, -1, -2])
def test_what_is_joined_is_as_long_as_its_parts(axis: int) -> None:
    keras = pytest.importorskip("keras")
    joined = keras.layers.Concatenate(axis=axis)([keras.Input(IMAGE), keras.Input(IMAGE)])
    assert shape_after("Concatenate", {"axis": axis}, [IMAGE, IMAGE]) == tuple(joined.shape[1:])
    unknown = shape_after("Concatenate", {"axis": axis}, [IMAGE, None])
    assert unknown is not None
    assert unknown.count(None) == 1


@pytest.mark.parametrize(
    ("shape", "axis", "positions"),
    [
        (FEATURES, -1, 1),
        (FEATURES, 1, 1),
        (IMAGE, -1, 130),
        (IMAGE, 3, 130),
        (IMAGE, 1, 40),
        (VIDEO, -1, 540),
        ((None, 10, 4), -1, None),
        ((13, 10, None), -1, 130),
        (None, -1, None),
        (IMAGE, 0, None),
        (IMAGE, 7, None),
    ],
)
def test_a_batchnorm_averages_over_all_axes_but_its_own(shape: Shape | None, axis: int, positions: int | None) -> None:
    assert positions_of({"axis": axis}, shape) == positions


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("Conv2D", {"filters": 2, "kernel_size": 3, "data_format": "channels_first"}),
        ("Conv2D", {"filters": 2}),
        ("Lambda", {}),
        ("Reshape", {}),
        ("LSTM", {"units": 2, "return_state": True}),
    ],
)
def test_what_is_not_known_stays_unknown(kind: str, config: Mapping[str, Setting]) -> None:
    found = shape_after(kind, config, [IMAGE])
    assert found is None or None in found
