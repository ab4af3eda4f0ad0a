"""What the table says of the networks of ``keras.applications``, held against the networks themselves."""

from __future__ import annotations

import pytest

from modelint.facts import Passing
from modelint.frameworks.applications import contents, is_own_layer, own_layer_traits

SMALLEST_OF_EACH_FAMILY = [
    "ConvNeXtTiny",
    "DenseNet121",
    "EfficientNetB0",
    "EfficientNetV2B0",
    "InceptionResNetV2",
    "InceptionV3",
    "MobileNet",
    "MobileNetV2",
    "MobileNetV3Small",
    "NASNetMobile",
    "ResNet50",
    "ResNet50V2",
    "VGG16",
    "Xception",
]


@pytest.mark.parametrize("top", [False, True], ids=["body", "with top"])
@pytest.mark.parametrize("name", SMALLEST_OF_EACH_FAMILY)
def test_an_application_contains_what_the_table_says(name: str, top: bool) -> None:
    import keras

    model = getattr(keras.applications, name)(weights=None, include_top=top)
    kinds = {type(layer).__name__ for layer in model.layers}
    known = contents(name)
    keras.backend.clear_session()

    assert known is not None
    assert known.batchnorm == ("BatchNormalization" in kinds)
    assert (known.dropout or (top and known.dropout_in_top)) == ("Dropout" in kinds)


def test_what_is_no_application_has_no_contents() -> None:
    assert contents("LeafClassifier") is None


def test_layers_that_an_application_defines_are_known_by_their_settings() -> None:
    import keras
    import numpy as np
    from keras.src.applications.convnext import LayerScale, StochasticDepth
    from keras.src.applications.inception_resnet_v2 import CustomScaleLayer

    for layer in (LayerScale(0.1, 4), StochasticDepth(0.5), CustomScaleLayer(0.2)):
        assert is_own_layer(type(layer).__name__, layer.get_config())
    assert not is_own_layer("LayerScale", {"name": "mine", "init_values": 1.0})
    assert not is_own_layer("Dense", keras.layers.Dense(1).get_config())

    drops, keeps = StochasticDepth(0.5), StochasticDepth(0.0)
    ones = np.ones((64, 2), "float32")
    for layer in (drops, keeps):
        traits = own_layer_traits("StochasticDepth", layer.get_config())
        assert traits.mode_sensitive == (not np.array_equal(layer(ones, training=True), layer(ones)))
        assert traits.default_training is Passing.NONE
    assert own_layer_traits("LayerScale", {}).default_training is Passing.ABSENT
