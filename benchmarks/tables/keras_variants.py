"""The configurations of Keras layers that are measured, and on which setting each of their effects depends.

``measure_keras_layers`` constructs every variant and runs it. A variant with ``when`` says: what is measured of it
holds whenever those settings hold; the variants without one check that the effects so found explain them too. A class
whose first variant has no ``when`` has that variant's effects in every configuration.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Part:
    """A layer to be constructed as an argument of another."""

    kind: str
    config: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Variant:
    """One configuration of a class: its input (see ``keras_inputs.INPUTS``), arguments, and what they decide."""

    input: str
    config: dict[str, Any]
    when: dict[str, str] | None = None
    library: str | None = None  # only there


def v(input: str, when: dict[str, str] | None = None, library: str | None = None, **config: Any) -> Variant:  # noqa: A002
    return Variant(input, config, when, library)


def gated(input: str, parameter: str, **config: Any) -> list[Variant]:  # noqa: A002
    """Variants of a layer that does nothing if ``parameter`` is zero."""
    return [v(input, {parameter: "nonzero"}, **config), v(input, **{**config, parameter: 0.0})]


def recurrent(input: str, *, cell: bool = False, **config: Any) -> list[Variant]:  # noqa: A002
    """Variants of a recurrent layer, whose effects are those of its dropouts and of carried state."""
    variants = [
        v(input, {"dropout": "nonzero"}, **config, dropout=0.5),
        v(input, {"recurrent_dropout": "nonzero"}, **config, recurrent_dropout=0.5),
        v(input, **config),
    ]
    return variants if cell else [*variants, v(input, {"stateful": "true"}, **config, stateful=True)]


def normalization(input: str, **config: Any) -> list[Variant]:  # noqa: A002
    """Variants of a layer that normalises over an axis, which may be that of the batch."""
    return [v(input, **config), v(input, {"axis": "batch"}, **config, axis=0)]


def on(input: str, *kinds: str, **config: Any) -> dict[str, list[Variant]]:  # noqa: A002
    return {kind: [v(input, **config)] for kind in kinds}


LIVE = {"trainable": "true"}
BATCHNORM = [
    v("vector", {**LIVE, "renorm": "false"}),
    v("vector", {**LIVE, "renorm": "true"}, renorm=True),
    v(
        "vector",
        {**LIVE, "renorm": "true", "renorm_clipping": "given"},
        renorm=True,
        renorm_clipping={"rmax": 1.2, "rmin": 0.8, "dmax": 0.2},
    ),
    v("vector", trainable=False),
    v("image"),
    v("vector", synchronized=True),
    v("image", axis=1),
]
LSTM_DROPOUT = Part("LSTM", {"units": 3, "dropout": 0.5})
TEXT = ["some", "words", "of", "a", "text"]

VARIANTS: dict[str, list[Variant]] = {
    **on("vector", "ActivityRegularization", "Identity", "LeakyReLU", "PReLU", "ReLU", "ELU", "ThresholdedReLU"),
    "Rescaling": [v("vector", scale=0.1)],
    "Masking": [v("sequence")],
    "Flatten": [v("image")],
    "Activation": [v("vector", activation="relu")],
    **on("pair", "Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract"),
    "Dot": [v("pair", axes=1)],
    "Dense": [v("vector", units=3)],
    "EinsumDense": [v("vector", equation="ab,bc->ac", output_shape=3)],
    "Embedding": [v("ids", input_dim=10, output_dim=3)],
    "ReversibleEmbedding": [v("ids", input_dim=10, output_dim=3)],
    "Lambda": [v("vector", function=Part("function"))],
    **on("sequence", "Conv1D", "Conv1DTranspose", "SeparableConv1D", filters=3, kernel_size=2),
    **on("image", "Conv2D", "Conv2DTranspose", "SeparableConv2D", filters=3, kernel_size=2),
    **on("volume", "Conv3D", "Conv3DTranspose", filters=3, kernel_size=2),
    **on("sequence", "LocallyConnected1D", filters=3, kernel_size=2),
    **on("image", "LocallyConnected2D", filters=3, kernel_size=2),
    "DepthwiseConv1D": [v("sequence", kernel_size=2)],
    "DepthwiseConv2D": [v("image", kernel_size=2)],
    **on("sequence", "AveragePooling1D", "MaxPooling1D", pool_size=2),
    **on("image", "AveragePooling2D", "MaxPooling2D", pool_size=2),
    **on("volume", "AveragePooling3D", "MaxPooling3D", pool_size=2),
    **on("sequence", "AdaptiveAveragePooling1D", "AdaptiveMaxPooling1D", output_size=2),
    **on("image", "AdaptiveAveragePooling2D", "AdaptiveMaxPooling2D", output_size=2),
    **on("volume", "AdaptiveAveragePooling3D", "AdaptiveMaxPooling3D", output_size=2),
    **on("sequence", "GlobalAveragePooling1D", "GlobalMaxPooling1D", "Cropping1D", "UpSampling1D", "ZeroPadding1D"),
    **on("image", "GlobalAveragePooling2D", "GlobalMaxPooling2D", "Cropping2D", "UpSampling2D", "ZeroPadding2D"),
    **on("volume", "GlobalAveragePooling3D", "GlobalMaxPooling3D", "Cropping3D", "UpSampling3D", "ZeroPadding3D"),
    "Permute": [v("sequence", dims=(2, 1))],
    "RepeatVector": [v("vector", n=2)],
    "Reshape": [v("vector", target_shape=(2, 3))],
    "GroupNormalization": [v("image", groups=1), v("image", groups=-1)],
    "LayerNormalization": normalization("vector"),
    "RMSNormalization": [v("vector")],
    "UnitNormalization": normalization("vector"),
    "Softmax": normalization("vector"),
    "Normalization": [v("vector", mean=0.5, variance=2.0)],
    "BatchNormalization": BATCHNORM,
    "SyncBatchNormalization": [v("vector", LIVE), v("vector", trainable=False)],
    "SpectralNormalization": [v("vector", layer=Part("Dense", {"units": 3}))],
    "Dropout": gated("vector", "rate", rate=0.5),
    "AlphaDropout": gated("vector", "rate", rate=0.5),
    "GaussianDropout": gated("vector", "rate", rate=0.5),
    "GaussianNoise": gated("vector", "stddev", stddev=0.5),
    "SpatialDropout1D": gated("sequence", "rate", rate=0.5),
    "SpatialDropout2D": gated("image", "rate", rate=0.5),
    "SpatialDropout3D": gated("volume", "rate", rate=0.5),
    "Attention": gated("attention", "dropout", dropout=0.5),
    "AdditiveAttention": gated("attention", "dropout", dropout=0.5),
    "MultiHeadAttention": gated("query_value", "dropout", num_heads=2, key_dim=3, dropout=0.5),
    "GroupQueryAttention": gated(
        "query_value", "dropout", head_dim=3, num_query_heads=2, num_key_value_heads=1, dropout=0.5
    ),
    "SimpleRNN": recurrent("sequence", units=3),
    "GRU": recurrent("sequence", units=3),
    "LSTM": recurrent("sequence", units=3),
    "SimpleRNNCell": recurrent("cell", cell=True, units=3),
    "GRUCell": recurrent("cell", cell=True, units=3),
    "LSTMCell": recurrent("cell2", cell=True, units=3),
    "ConvLSTM1D": recurrent("sequence1", filters=2, kernel_size=2),
    "ConvLSTM2D": recurrent("sequence2", filters=2, kernel_size=2),
    "ConvLSTM3D": recurrent("sequence3", filters=2, kernel_size=2),
    "RNN": [
        v("sequence", cell=Part("LSTMCell", {"units": 3})),
        v("sequence", {"stateful": "true"}, cell=Part("LSTMCell", {"units": 3}), stateful=True),
        v("sequence", cell=Part("LSTMCell", {"units": 3, "dropout": 0.5})),
    ],
    "StackedRNNCells": [v("stacked", cells=[Part("LSTMCell", {"units": 3}), Part("LSTMCell", {"units": 3})])],
    "Bidirectional": [v("sequence", layer=Part("LSTM", {"units": 3})), v("sequence", layer=LSTM_DROPOUT)],
    "TimeDistributed": [
        v("sequence", layer=Part("Dense", {"units": 3})),
        v("sequence", layer=Part("Dropout", {"rate": 0.5})),
        v("sequence", layer=Part("BatchNormalization")),
    ],
    "CategoryEncoding": [v("ids", num_tokens=10)],
    "Discretization": [v("vector", bin_boundaries=[0.0, 1.0])],
    "HashedCrossing": [v("two_ids", num_bins=5)],
    "Hashing": [v("ids", num_bins=3)],
    "IntegerLookup": [v("ids", vocabulary=[1, 2, 3])],
    "StringLookup": [v("words", vocabulary=TEXT)],
    "TextVectorization": [
        v("text", vocabulary=TEXT, output_mode="multi_hot"),
        v("text", {"output_mode": "=int", "output_sequence_length": "none", "ragged": "false"}, vocabulary=TEXT),
        v("text", vocabulary=TEXT, output_sequence_length=4),
    ],
    "MelSpectrogram": [
        v("audio", {"power_to_db": "true"}, fft_length=256, num_mel_bins=8),
        v("audio", fft_length=256, num_mel_bins=8, power_to_db=False),
    ],
    "STFTSpectrogram": [v("signal")],
    "RandomFourierFeatures": [v("vector", output_dim=3)],
    "AutoContrast": [v("image")],
    "ContrastLimitedAdaptiveHistogramEqualization": [v("image")],
    "Equalization": [v("image")],
    "CenterCrop": [v("image", height=6, width=6)],
    "Resizing": [v("image", height=6, width=6)],
    "Pipeline": [v("image", layers=[Part("Rescaling", {"scale": 0.5})]), v("image", layers=[Part("RandomFlip")])],
    "AugMix": [v("image")],
    "RandAugment": [v("image"), v("image", factor=0.0)],
    "CutMix": [v("labelled"), v("labelled", factor=0.0)],
    "MixUp": [v("labelled")],
    "RandomBrightness": gated("image", "factor", factor=0.5),
    "RandomColorDegeneration": gated("image", "factor", factor=0.5),
    "RandomColorJitter": [
        v("image", {"brightness_factor": "nonzero"}, brightness_factor=0.5),
        v("image", {"contrast_factor": "nonzero"}, contrast_factor=0.5),
        v("image", {"saturation_factor": "given"}, saturation_factor=0.3),
        v("image", {"hue_factor": "nonzero"}, hue_factor=0.3),
        v("image"),
        v("image", brightness_factor=0.0, contrast_factor=0.0),
    ],
    "RandomContrast": [v("image", {"factor": "nonzero"}, factor=0.5), v("image", library="keras", factor=0.0)],
    "RandomCrop": [v("image", height=6, width=6)],
    "RandomElasticTransform": gated("image", "factor", factor=1.0),
    "RandomErasing": gated("image", "factor", factor=1.0),
    "RandomFlip": [v("image")],
    "RandomGaussianBlur": gated("image", "factor", factor=1.0),
    "RandomGrayscale": gated("image", "factor", factor=0.5),
    "RandomHeight": [v("image", factor=0.5)],
    "RandomWidth": [v("image", factor=0.5)],
    "RandomHue": gated("image", "factor", factor=0.5),
    "RandomInvert": gated("image", "factor", factor=0.5),
    "RandomPerspective": gated("image", "factor", factor=1.0),
    "RandomPosterization": [v("image", factor=3)],
    "RandomRotation": gated("image", "factor", factor=0.5),
    "RandomSaturation": [v("image", factor=0.2)],
    "RandomSharpness": [v("image", factor=0.3)],
    "RandomShear": [
        v("image", {"x_factor": "nonzero"}, x_factor=0.5),
        v("image", {"y_factor": "nonzero"}, y_factor=0.5),
        v("image"),
    ],
    "RandomTranslation": [
        v("image", {"height_factor": "nonzero"}, height_factor=0.5, width_factor=0.0),
        v("image", {"width_factor": "nonzero"}, height_factor=0.0, width_factor=0.5),
        v("image", height_factor=0.0, width_factor=0.0),
    ],
    "RandomZoom": [
        v("image", {"height_factor": "nonzero"}, height_factor=0.5),
        v("image", {"width_factor": "nonzero"}, height_factor=0.0, width_factor=0.5),
        v("image", height_factor=0.0),
    ],
    "Solarization": [v("image", addition_factor=0.3, threshold_factor=0.3)],
}

# Classes that cannot be run here, or of which nothing holds without knowing what they are given.
UNMEASURED = {
    "AbstractRNNCell": "abstract",
    "CuDNNGRU": "runs on a GPU only; its source has no dropout",
    "CuDNNLSTM": "runs on a GPU only; its source has no dropout",
    "DenseFeatures": "needs feature columns",
    "DynamicEmbedding": "learns its vocabulary while it trains",
    "DynamicLookup": "learns its vocabulary while it trains",
    "FlaxLayer": "wraps a module of flax; runs on JAX only",
    "InputLayer": "holds an input",
    "InputSpec": "describes an input; not a layer",
    "JaxLayer": "wraps a function of JAX; runs on JAX only",
    "Layer": "abstract",
    "MaxNumBoundingBoxes": "takes bounding boxes, not images; its source pads and cuts per sample",
    "PreprocessingLayer": "abstract",
    "STFTSpectrogram": "needs scipy; its source works per sample",
    "TFSMLayer": "needs a SavedModel",
    "TorchModuleWrapper": "wraps a module of torch, and puts it in train mode unless training is False",
    "Wrapper": "abstract",
}
# What such classes contain decides what they do.
OPAQUE = [
    "AbstractRNNCell",
    "DenseFeatures",
    "DynamicEmbedding",
    "DynamicLookup",
    "FlaxLayer",
    "JaxLayer",
    "Lambda",
    "Layer",
    "PreprocessingLayer",
    "TFSMLayer",
    "TorchModuleWrapper",
    "Wrapper",
]
WRAPPED = {
    "Bidirectional": "layer",
    "Pipeline": "layers",
    "RNN": "cell",
    "SpectralNormalization": "layer",
    "StackedRNNCells": "cells",
    "TimeDistributed": "layer",
    "Wrapper": "layer",
}
# Names of old releases and of saved files that no installed namespace has.
HISTORIC = {
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "Deconvolution2D": "Conv2DTranspose",
    "Deconvolution3D": "Conv3DTranspose",
    "TimeDistributedDense": "Dense",
    "UnifiedGRU": "GRU",
    "UnifiedLSTM": "LSTM",
}
# What older versions of Keras 3 had instead, read from the sources of 3.0.5, 3.3.3, 3.5.0, 3.6.0, 3.8.0, 3.9.2, 3.10.0.
OLDER: dict[str, dict[str, dict[str, Any]]] = {
    "CenterCrop": {"KERAS_3_0": {"call": ["inputs"], "training": "absent"}},
    "Resizing": {"KERAS_3_0": {"call": ["inputs"], "training": "absent"}},
    "RandomContrast": {"KERAS_3_0": {"init": ["factor", "seed"]}},
}
