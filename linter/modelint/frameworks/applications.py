"""What the ready-made networks of ``keras.applications`` contain, as far as the mode and the batch are concerned.

And what the layers do that some of them define for themselves.

Read from the models themselves, built with ``weights=None`` (tests/test_applications.py does so again).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from modelint.facts import Passing, Traits


class Contents(NamedTuple):
    """Whether a network has BatchNorm, dropout in its body, dropout in its classification head."""

    batchnorm: bool
    dropout: bool = False
    dropout_in_top: bool = False


_FAMILIES: Final = {
    "DenseNet": Contents(True),
    "EfficientNet": Contents(True, dropout=True, dropout_in_top=True),
    "InceptionResNetV2": Contents(True),
    "InceptionV3": Contents(True),
    "MobileNet": Contents(True, dropout_in_top=True),
    "MobileNetV2": Contents(True),
    "MobileNetV3": Contents(True, dropout_in_top=True),
    "NASNet": Contents(True),
    "RegNet": Contents(True),
    "ResNet": Contents(True),
    "ResNetRS": Contents(True, dropout=True, dropout_in_top=True),
    "VGG": Contents(False),
    "Xception": Contents(True),
    "ConvNeXt": Contents(False),
}


def contents(name: str) -> Contents | None:
    """The contents of an application by its class name; None if it is none."""
    for family in sorted(_FAMILIES, key=len, reverse=True):
        if name.startswith(family):
            return _FAMILIES[family]
    return None


# Layers that the networks define for themselves: convnext.py and inception_resnet_v2.py of Keras 2 and 3, by the
# settings that they have beside those of every layer.
_OWN_LAYERS: Final = {
    "CustomScaleLayer": frozenset(("scale",)),
    "LayerScale": frozenset(("init_values", "projection_dim")),
    "StochasticDepth": frozenset(("drop_path_rate",)),
}
_SETTINGS_OF_ALL: Final = frozenset(("name", "trainable", "dtype"))


def is_own_layer(kind: str, config: Mapping[str, object]) -> bool:
    """Whether a class with this configuration is a layer that an application defines for itself."""
    return kind in _OWN_LAYERS and config.keys() - _SETTINGS_OF_ALL == _OWN_LAYERS[kind]


def own_layer_traits(kind: str, config: Mapping[str, object]) -> Traits:
    """What such a layer does: ``StochasticDepth`` drops whole samples of its branch at random, in train mode."""
    if kind == "StochasticDepth" and config.get("drop_path_rate") != 0:
        return Traits(mode_sensitive=True, stochastic_in_training=True, default_training=Passing.NONE)
    return Traits(default_training=Passing.NONE if kind == "StochasticDepth" else Passing.ABSENT)
