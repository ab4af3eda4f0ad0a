"""The table of Keras layers against the installed libraries, and what it says of configurations."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from modelint.facts import UNKNOWN, KerasVersion, Passing, Setting, Traits
from modelint.frameworks import keras_layers
from modelint.frameworks.keras_layers import traits

ROOT = Path(__file__).parents[1]
TABLE = json.loads((ROOT / "linter/modelint/frameworks/keras_layers.json").read_text())
LIBRARIES = {"tf_keras": KerasVersion.KERAS_2, "keras": KerasVersion.KERAS_3_10}
EFFECTS = {field.name for field in fields(Traits) if field.name not in ("leaks_train_mode", "default_training")}


@pytest.fixture(scope="module")
def surveys() -> dict[str, Any]:
    """What both installed libraries do, measured now, side by side."""
    script = ROOT / "benchmarks/tables/measure_keras_layers.py"
    running = {
        library: subprocess.Popen(
            [sys.executable, script, library], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for library in LIBRARIES
    }
    found = {}
    for library, process in running.items():
        output, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors[-2000:]
        found[library] = json.loads(output)
    return found


def setting(value: Any) -> Setting:
    """Read a setting as the survey writes it: ``{}`` is not a constant."""
    if value == {}:
        return UNKNOWN
    return tuple(setting(item) for item in value) if isinstance(value, list) else value


def effects(found: Traits) -> set[str]:
    return {name for name in EFFECTS if getattr(found, name)}


def measured(survey: dict[str, Any]) -> Iterator[tuple[str, dict[str, Setting], set[str]]]:
    for kind, entry in survey["layers"].items():
        for config, names in entry.get("variants", ()):
            yield kind, {name: setting(value) for name, value in config.items()}, set(names)


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_class_of_the_installed_library_is_in_the_table(library: str, surveys: dict[str, Any]) -> None:
    survey = surveys[library]
    assert survey["errors"] == {}
    family = "2" if library == "tf_keras" else "3"
    missing = [kind for kind in survey["layers"] if family not in TABLE["layers"].get(kind, {})]
    missing += [name for name, kind in survey["aliases"].items() if keras_layers.canonical(name) != kind]
    assert not missing, "measure these: python benchmarks/tables/measure_keras_layers.py --write"


@pytest.mark.parametrize(("library", "version"), LIBRARIES.items())
def test_every_variant_does_what_the_table_says(library: str, version: KerasVersion, surveys: dict[str, Any]) -> None:
    wrong, exact = {}, 0
    for kind, config, seen in measured(surveys[library]):
        says = effects(traits(kind, config, version))
        may = effects(keras_layers.possible_traits(kind, config, version))
        if UNKNOWN in config.values():  # another layer, say: then the table need not know everything
            right = says <= seen and (seen <= may or keras_layers.uncertain(kind, config, version))
        else:
            right, exact = says == seen == may, exact + 1
        if not right:
            wrong[kind, str(config)] = (says, seen)
    assert not wrong
    assert exact > 120


@pytest.mark.parametrize(("library", "version"), LIBRARIES.items())
def test_signatures_are_those_of_the_installed_library(
    library: str, version: KerasVersion, surveys: dict[str, Any]
) -> None:
    wrong = {}
    for kind, entry in surveys[library]["layers"].items():
        says = (
            list(keras_layers.parameters(kind, version)),
            list(keras_layers.keyword_parameters(kind, version)),
            {name: value for name, value in keras_layers.defaults(kind, version).items() if value is not None},
            list(keras_layers.call_parameters(kind, version)),
            keras_layers.default_training(kind, version).value,
            keras_layers.seed_governs(kind, version),
        )
        seen = (
            entry["init"],
            entry["more"],
            {name: setting(value) for name, value in entry["defaults"].items()},
            entry.get("call", []),
            entry.get("training", "absent"),
            entry.get("seed", False),
        )
        if says != seen:
            wrong[kind] = (says, seen)
    assert not wrong


def test_the_table_names_only_traits_there_are() -> None:
    named = {
        name
        for entry in TABLE["layers"].values()
        for family in ("2", "3")
        for _, names in entry.get(family, {}).get("effects", ())
        for name in names
    }
    assert named == EFFECTS - {"stochastic_at_inference"}  # no layer of the library itself


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Dropout", "Dropout"),
        ("Convolution2D", "Conv2D"),
        ("GlobalAvgPool2D", "GlobalAveragePooling2D"),
        ("experimental.preprocessing.RandomFlip", "RandomFlip"),
        ("experimental.SyncBatchNormalization", "SyncBatchNormalization"),
        ("BatchNormalizationV2", "BatchNormalization"),
        ("GroupedQueryAttention", "GroupQueryAttention"),
        ("CuDNNLSTM", "CuDNNLSTM"),
        ("ThresholdedReLU", "ThresholdedReLU"),
        ("Model", None),
        ("concatenate", None),
    ],
)
def test_other_names_lead_to_the_class(name: str, kind: str | None) -> None:
    assert keras_layers.canonical(name) == kind
    assert keras_layers.is_layer(name) is (kind is not None)


def test_an_unknown_class_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="Model"):
        traits("Model")


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "SimpleRNN", "ConvLSTM2D", "MultiHeadAttention", "Attention"])
def test_without_dropout_these_are_the_same_in_both_modes(kind: str) -> None:
    for version in KerasVersion:
        assert not traits(kind, {}, version).mode_sensitive
        assert traits(kind, {"dropout": 0.1}, version).mode_sensitive
        assert traits(kind, {"dropout": 0.1}, version).stochastic_in_training
        assert not keras_layers.uncertain(kind, {}, version)


def test_an_unknown_rate_leaves_dropout_uncertain() -> None:
    config: dict[str, Setting] = {"rate": UNKNOWN}
    assert not traits("Dropout", config).mode_sensitive
    assert keras_layers.possible_traits("Dropout", config).mode_sensitive
    assert keras_layers.uncertain("Dropout", config)
    assert not keras_layers.uncertain("Dropout", {"rate": 0.0})


def test_a_frozen_batchnorm_has_no_effects() -> None:
    for version in KerasVersion:
        assert traits("BatchNormalization", {}, version).couples_batch_in_training
        assert not effects(traits("BatchNormalization", {"trainable": False}, version))


def test_an_axis_that_holds_the_batch_couples_samples_at_inference() -> None:
    for axis, couples in ((0, True), (-1, False), ((0, 2), True), ((1, 2), False)):
        assert traits("Softmax", {"axis": axis}).couples_batch_at_inference is couples
    assert keras_layers.uncertain("LayerNormalization", {"axis": (1, UNKNOWN)})


@pytest.mark.parametrize("kind", ["Resizing", "CenterCrop"])
def test_deterministic_image_layers_leak_train_mode_from_3_6_to_3_15(kind: str) -> None:
    leaking = [version for version in KerasVersion if traits(kind, {}, version).leaks_train_mode]
    assert leaking == [KerasVersion.KERAS_3_6, KerasVersion.KERAS_3_10]
    assert keras_layers.default_training(kind, KerasVersion.KERAS_3_0) is Passing.ABSENT
    assert keras_layers.default_training(kind, KerasVersion.KERAS_3_16) is Passing.TRUE


def test_an_augmentation_that_does_nothing_still_leaks_train_mode() -> None:
    found = traits("RandomRotation", {"factor": 0.0}, KerasVersion.KERAS_3_10)
    assert found == Traits(leaks_train_mode=True, default_training=Passing.TRUE)
    assert traits("RandomRotation", {"factor": (-0.1, 0.1)}, KerasVersion.KERAS_2).stochastic_in_training
    assert not traits("RandomRotation", {"factor": 0.1}, KerasVersion.KERAS_2).leaks_train_mode


def test_a_stateful_recurrent_layer_writes_state_at_inference() -> None:
    assert traits("LSTM", {"stateful": True}).writes_state_at_inference
    assert not traits("LSTM").writes_state_at_inference


def test_what_a_class_wraps_is_uncertain() -> None:
    for kind, parameter in (("TimeDistributed", "layer"), ("Bidirectional", "layer"), ("RNN", "cell")):
        assert keras_layers.wrapped_parameter(kind) == parameter
        assert parameter in keras_layers.parameters(kind)
        assert keras_layers.uncertain(kind)
    assert keras_layers.uncertain("Lambda")
    assert keras_layers.wrapped_parameter("Dense") is None


def test_positional_arguments_have_the_names_of_the_version() -> None:
    assert keras_layers.parameters("RandomContrast", KerasVersion.KERAS_3_0) == ("factor", "seed")
    assert keras_layers.parameters("RandomContrast", KerasVersion.KERAS_3_10)[1] == "value_range"
    assert keras_layers.parameters("BatchNormalization")[0] == "axis"
    assert keras_layers.call_parameters("Dropout") == ("inputs", "training")


def test_seeds_are_told_apart_from_seeds_that_do_not_govern() -> None:
    assert keras_layers.seed_parameter("Dropout") == "seed"
    assert keras_layers.seed_governs("Dropout")
    assert keras_layers.seed_parameter("AugMix") == "seed"
    assert not keras_layers.seed_governs("AugMix")
    assert keras_layers.seed_parameter("Dense") is None
    assert keras_layers.is_stochastic("LSTM")
    assert not keras_layers.is_stochastic("BatchNormalization")


def test_defaults_are_those_of_optional_parameters() -> None:
    assert keras_layers.defaults("Dropout", KerasVersion.KERAS_2) == {
        "noise_shape": None,
        "seed": None,
        "force_generator": False,
        "rng_type": None,
    }
    assert keras_layers.defaults("Conv2D")["strides"] == (1, 1)


def test_functions_that_merge_lead_to_their_layers() -> None:
    assert keras_layers.merge_function("concatenate") == "Concatenate"
    assert keras_layers.merge_function("Input") is None


@pytest.mark.parametrize("library", LIBRARIES)
def test_whatever_has_weights_that_training_changes_is_said_to_be_learned(
    library: str, surveys: dict[str, Any]
) -> None:
    layers = surveys[library]["layers"]
    learned = {kind for kind, entry in layers.items() if entry.get("learned")}
    assert {"Dense", "Conv2D", "BatchNormalization", "PReLU", "LSTM"} <= learned
    assert not {kind for kind in learned if not keras_layers.is_learned(kind)}
    assert not {kind for kind in ("RandomFlip", "Rescaling", "Resizing", "Flatten", "Dropout") if kind in learned}


@pytest.mark.parametrize("kind", ["RandomFlip", "RandomRotation", "Rescaling", "Resizing", "CenterCrop", "Flatten"])
def test_what_only_prepares_data_is_not_learned(kind: str) -> None:
    assert not keras_layers.is_learned(kind)
