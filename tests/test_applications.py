"""What the table says of the networks of ``keras.applications``, held against the networks themselves."""

from __future__ import annotations

import pytest

from modelint.frameworks.applications import contents

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
