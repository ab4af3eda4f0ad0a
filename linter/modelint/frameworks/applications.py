"""What the ready-made networks of ``keras.applications`` contain, as far as the mode and the batch are concerned.

Read from the models themselves, built with ``weights=None`` (tests/test_applications.py does so again).
"""

from __future__ import annotations

from typing import Final, NamedTuple


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
