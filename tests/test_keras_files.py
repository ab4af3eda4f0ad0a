"""Saved Keras models as the readers see them, held against what Keras itself loads from the same file."""

from __future__ import annotations

import importlib
import json
import math
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import Project
from model_in_memory import read_bytes
from modelint.artifacts.model_file import EffectKind, ModelFile
from modelint.artifacts.reading import read_model
from modelint.facts import UNKNOWN, HardWiredMode, KerasVersion, Layer, Mode, ModelCall, Passing
from modelint.workspace.model_files import OpenedModel
from saved_keras_models import (
    BUILDERS,
    a_random_graph,
    an_input_for,
    augmented,
    calls_in_order,
    is_model,
    is_sequential,
    modes_when,
    nodes_in_order,
    operation_of,
    plain,
    static_batch,
    with_custom_layer,
    with_lambda,
)

FAMILIES = ("keras", "tf_keras")
FORMS = ("keras", "h5", "json")
APPLICATIONS = ("MobileNetV3Small", "EfficientNetB0")
IN_EVERY_FORM = ("plain", "sequential", "nested", "shared", "named_inputs", "recurrent", "hard_wired", "standardised")


class Saved:
    """Models saved once each, on demand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, family: str, name: str, form: str) -> Path:
        path = self.folder / f"{family}-{name}.{form}"
        if not path.exists():
            keras = importlib.import_module(family)
            keras.backend.clear_session()
            save(BUILDERS[name](keras), path)
        return path

    def both(self, family: str, name: str, form: str) -> tuple[ModelFile, Any]:
        """The file as modelint reads it, and as Keras does."""
        path = self.path(family, name, form)
        return read(path), load(importlib.import_module(family), path)


def save(model: Any, path: Path) -> None:
    if path.suffix == ".json":
        path.write_text(model.to_json())
    else:
        model.save(path)


def load(keras: Any, path: Path) -> Any:
    if path.suffix == ".json":
        return keras.models.model_from_json(path.read_text())
    return keras.models.load_model(path, compile=False)


def read(path: Path) -> ModelFile:
    with OpenedModel(str(path)) as opened:
        document = read_model(opened)
    assert isinstance(document, ModelFile), document
    return document


def path_of(layer: Layer) -> str:
    return "/".join((*layer.path, layer.name or layer.kind))


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    return Saved(tmp_path_factory.mktemp("saved"))


def in_forms() -> Iterator[Any]:
    for family in FAMILIES:
        for name in IN_EVERY_FORM:
            for form in FORMS:
                if (family, name, form) != ("keras", "standardised", "h5"):  # Keras 3 itself cannot load it
                    yield pytest.param(family, name, form, id=f"{family}-{name}-{form}")


# The graph


@pytest.mark.parametrize(("family", "name", "form"), list(in_forms()))
def test_every_call_is_read_in_the_order_in_which_keras_runs_it(
    saved: Saved, family: str, name: str, form: str
) -> None:
    document, loaded = saved.both(family, name, form)

    assert document.unexamined == ()
    assert_read_as_loaded(document, loaded)


def assert_read_as_loaded(document: ModelFile, loaded: Any) -> None:
    """The same calls in the same order, of the same classes with the same settings."""
    (entry,) = document.entries
    assert [path_of(layer) for layer in entry.model.layers] == [path for path, _ in calls_in_order(loaded)]
    for layer, (_, truth) in zip(entry.model.layers, calls_in_order(loaded), strict=True):
        if not layer.qualified.startswith(("tf.", "keras.ops.")):
            assert layer.kind == type(truth).__name__
            assert_configured_alike(layer, truth)


def assert_configured_alike(layer: Layer, truth: Any) -> None:
    for name, value in truth.get_config().items():
        if name in layer.config and isinstance(value, (bool, int, float, str, type(None))):
            assert layer.config[name] == value, (layer, name)
        if name in layer.config and isinstance(value, (list, tuple)) and all(isinstance(v, int) for v in value):
            assert layer.config[name] == tuple(value), (layer, name)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", range(12))
def test_any_graph_is_ordered_and_connected_as_keras_connects_it(tmp_path: Path, family: str, seed: int) -> None:
    keras = importlib.import_module(family)
    keras.backend.clear_session()
    path = tmp_path / "model.keras"
    save(a_random_graph(keras, seed), path)
    loaded = load(keras, path)
    model = read(path).entries[0].model

    nodes = nodes_in_order(loaded)
    numbers = {id(node): index for index, node in enumerate(nodes)}
    expected = {
        (numbers[id(parent)], numbers[id(node)])
        for node in nodes
        for parent in node.parent_nodes
        if id(parent) in numbers
    }
    assert [layer.name for layer in model.layers] == [operation_of(node).name for node in nodes]
    assert set(model.edges) == expected
    for layer, node in zip(model.layers, nodes, strict=True):
        outputs = node.outputs if isinstance(node.outputs, (list, tuple)) else [node.outputs]
        assert layer.shape in (None, tuple(outputs[0].shape))
    assert [port.name for port in model.outputs] == [name_of(tensor) for tensor in loaded.outputs]
    assert [port.name for port in model.inputs] == [name_of(tensor) for tensor in loaded.inputs]


def name_of(tensor: Any) -> str:
    history = tensor._keras_history
    return str((history.operation if hasattr(history, "operation") else history.layer).name)


@pytest.mark.parametrize("family", FAMILIES)
def test_calls_of_one_layer_are_calls_of_one_layer(saved: Saved, family: str) -> None:
    model = saved.both(family, "shared", "keras")[0].entries[0].model

    dense = [layer for layer in model.layers if layer.name == "shared_dense"]
    assert len(dense) == 3
    assert len({layer.identity for layer in dense}) == 1
    assert len({layer.identity for layer in model.layers}) == len({layer.name for layer in model.layers})
    assert [(port.name, port.shape, port.dtype) for port in model.inputs] == [
        ("a", (None, 16), "float32"),
        ("b", (None, 16), "float32"),
    ]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_nested_model_called_twice_is_connected_through_both_calls(saved: Saved, family: str) -> None:
    model = saved.both(family, "nested", "keras")[0].entries[0].model
    names = [path_of(layer).rpartition("/")[2] for layer in model.layers]
    edges = {(names[a], names[b]) for a, b in model.edges}

    assert ("inner_dense", "inner_norm") in edges
    assert any(a.startswith(("dense", "batch")) for a, b in edges if b == "inner_dense")
    assert sum(name == "inner_norm" for name in names) == 2
    assert {layer.path for layer in model.layers if layer.name == "inner_norm"} == {("inner",)}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_stack_with_an_input_of_its_own_is_connected_to_what_feeds_it(tmp_path: Path, family: str) -> None:
    keras = importlib.import_module(family)
    given = keras.Input((4,))
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="second")], name="stack")
    model = keras.Model(given, inner(keras.layers.Dense(4, name="first")(given)))
    model.save(tmp_path / "stacked.keras")
    [entry] = read_bytes((tmp_path / "stacked.keras").read_bytes()).entries
    assert [layer.name for layer in entry.model.layers] == ["first", "second"]
    assert entry.model.edges == ((0, 1),)


@pytest.mark.parametrize(("family", "form"), [("keras", "keras"), ("keras", "h5"), ("tf_keras", "keras")])
def test_shapes_are_those_of_keras_or_unknown(saved: Saved, family: str, form: str) -> None:
    document, loaded = saved.both(family, "plain", form)
    model = document.entries[0].model

    known = [layer.shape for layer in model.layers if layer.shape is not None]
    assert known == [(None, 8)] * 3  # what the last one gives is nowhere recorded
    assert model.inputs[0].shape == tuple(loaded.inputs[0].shape)
    assert model.inputs[0].dtype == "float32"


def test_a_model_that_was_never_built_has_calls_and_no_shapes(saved: Saved) -> None:
    document, loaded = saved.both("keras", "sequential_without_input", "keras")

    assert_read_as_loaded(document, loaded)
    model = document.entries[0].model
    assert [port.shape for port in model.inputs] == [None]
    assert {layer.shape for layer in model.layers} == {None}


def test_the_version_that_wrote_a_file_is_read(saved: Saved) -> None:
    keras, tf_keras = (importlib.import_module(family) for family in FAMILIES)
    newest = KerasVersion.KERAS_3_16 if keras.__version__ >= "3.16" else KerasVersion.KERAS_3_10

    assert saved.both("keras", "plain", "keras")[0].keras_version is newest
    assert saved.both("keras", "plain", "h5")[0].keras_version is newest
    assert saved.both("keras", "plain", "json")[0].keras_version is None
    for form in FORMS:
        assert saved.both("tf_keras", "plain", form)[0].keras_version is KerasVersion.KERAS_2
    assert saved.both("tf_keras", "plain", "h5")[0].producer == f"Keras {tf_keras.__version__}"


def test_frozen_layers_are_frozen(saved: Saved) -> None:
    for family in FAMILIES:
        document, loaded = saved.both(family, "frozen", "keras")
        truth = {path: layer.trainable for path, layer in calls_in_order(loaded)}
        assert {path_of(layer): not layer.frozen for layer in document.entries[0].model.layers} == truth
        norm = next(layer for layer in document.entries[0].model.layers if layer.name == "norm")
        assert not norm.traits.mode_sensitive


# What is not known is said


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("form", FORMS)
def test_what_is_saved_by_name_only_is_said_to_be_unexamined(tmp_path: Path, family: str, form: str) -> None:
    keras = importlib.import_module(family)

    class Own(keras.Model):  # type: ignore[misc, name-defined]
        def __init__(self, **more: Any) -> None:
            super().__init__(**more)
            self.dense = keras.layers.Dense(2)

        def call(self, inputs: Any, training: Any = None) -> Any:
            return self.dense(inputs)

        def get_config(self) -> dict[str, Any]:
            return {"name": self.name}

    own = Own(name="own")
    own(np.zeros((2, 4), "float32"))
    unexamined = {}
    for name, model in {"lambda": with_lambda(keras), "layer": with_custom_layer(keras), "model": own}.items():
        path = tmp_path / f"{name}.{form}"
        if name == "model" and family == "tf_keras" and form == "h5":
            continue  # Keras 2 does not save it there
        save(model, path)
        document = read(path)
        unexamined[name] = document.unexamined
        assert any(layer.opaque for layer in document.entries[0].model.layers)

    assert unexamined["lambda"] == ("the function of the Lambda layer 'double'",)
    assert unexamined["layer"] == ("the custom layer 'double' (mine.Doubling)",)
    if "model" in unexamined:
        ((said,)) = unexamined["model"]
        assert said.startswith("the model 'own' of the class ")


def test_weights_alone_are_no_graph(tmp_path: Path) -> None:
    for family in FAMILIES:
        keras = importlib.import_module(family)
        path = tmp_path / f"{family}.weights.h5"
        plain(keras).save_weights(path)
        document = read(path)
        assert document.entries == ()
        assert document.unexamined == ("the model that these weights belong to: the file holds no graph",)


# Modes: what is said of a file, against running what Keras loads from it


def executed() -> Iterator[Any]:
    for family in FAMILIES:
        for name in BUILDERS:
            if name != "sequential_without_input":
                yield pytest.param(family, name, id=f"{family}-{name}")


@pytest.mark.parametrize(("family", "name"), list(executed()))
def test_what_is_said_to_run_in_train_mode_does(saved: Saved, family: str, name: str) -> None:
    document, loaded = saved.both(family, name, "keras")
    (entry,) = document.entries
    assert document.unexamined == ()
    assert_read_as_loaded(document, loaded)
    inputs = an_input_for(loaded)
    called = modes_when(lambda model: model(inputs), loaded)
    loaded.compile(run_eagerly=True)
    predicted = modes_when(lambda model: model.predict(inputs, batch_size=4, verbose=0), loaded)
    sensitive = {path_of(layer) for layer in entry.model.layers if layer.traits.mode_sensitive}

    assert said_to_train(document, sensitive, predicting=False) == trained(called) & sensitive
    assert said_to_train(document, sensitive, predicting=True) == trained(predicted) & sensitive


def trained(seen: dict[str, list[bool | None]]) -> set[str]:
    return {path for path, modes in seen.items() if True in modes}


def said_to_train(document: ModelFile, sensitive: set[str], *, predicting: bool) -> set[str]:
    """The mode-sensitive layers that the facts of a file say to run in train mode, in model(x) or in predict."""
    said: set[str] = set()
    for fact in document.entries[0].facts:
        if isinstance(fact, ModelCall) and (not predicting or fact.any_call == "every prediction"):
            assert fact.mode is Mode.TRAIN
            said |= {path_of(layer) for layer in fact.affected}
        if isinstance(fact, HardWiredMode) and fact.training is Passing.TRUE:
            modes = fact.modes_in_predict if predicting else fact.modes_when_called
            if Mode.TRAIN in modes.values():
                holder = path_of(fact.layer)
                said |= {path for path in sensitive if path == holder or path.startswith(f"{holder}/")}
    return said


@pytest.mark.parametrize(
    "name", ["augmented", "augmented_in_a_branch", "resized", "rescaled", "hard_wired_before_norm"]
)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_norm_said_to_be_hit_uses_the_batch_and_overwrites_its_averages(saved: Saved, family: str, name: str) -> None:
    document, loaded = saved.both(family, name, "keras")
    hit = {path_of(layer) for fact in document.entries[0].facts for layer in getattr(fact, "affected", ())}
    inputs = an_input_for(loaded)
    norms = {path: layer for path, layer in calls_in_order(loaded) if type(layer).__name__ == "BatchNormalization"}
    before = {path: np.array(norm.moving_mean) for path, norm in norms.items()}
    loaded(inputs)

    moved = {path for path, norm in norms.items() if not np.allclose(before[path], norm.moving_mean)}
    assert moved == hit & set(norms)


@pytest.mark.parametrize("family", FAMILIES)
def test_effects_of_prediction_are_those_of_running_it(saved: Saved, family: str) -> None:
    def kinds(name: str) -> set[EffectKind]:
        return {effect.kind for effect in saved.both(family, name, "keras")[0].entries[0].effects}

    assert kinds("stateful") == {EffectKind.WRITES}
    assert kinds("standardised") == {EffectKind.MIXES}
    assert depends_on_its_batch(saved.both(family, "standardised", "keras")[1])
    for name in ("standardised_by_sample", "given_out_total", "plain", "recurrent", "shared"):
        assert kinds(name) == set()
    assert not depends_on_its_batch(saved.both(family, "standardised_by_sample", "keras")[1])


def depends_on_its_batch(model: Any) -> bool:
    inputs = an_input_for(model)
    whole = np.array(model(inputs, training=False))
    return not np.allclose(whole[:1], np.array(model(inputs[:1], training=False)), atol=1e-5)


# By hand: versions that are not installed


def kwargs_of(version: str, **recorded: object) -> dict[str, object]:
    """A RandomFlip, a Dropout and a BatchNormalization in a row, with what a version records of their calls."""

    def layer(kind: str, name: str, source: str, kwargs: object) -> dict[str, object]:
        history = {"class_name": "__keras_tensor__", "config": {"shape": [None, 4], "keras_history": [source, 0, 0]}}
        config = {"name": name, "rate": 0.5} if kind == "Dropout" else {"name": name}
        return {
            "module": "keras.layers",
            "class_name": kind,
            "config": config,
            "name": name,
            "inbound_nodes": [{"args": [history], "kwargs": kwargs}],
        }

    start = {"module": "keras.layers", "class_name": "InputLayer", "name": "x", "inbound_nodes": []}
    return {
        "keras_version": version,
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "config": {
            "name": "m",
            "layers": [
                {**start, "config": {"name": "x", "batch_shape": [None, 4]}},
                layer("RandomFlip", "flip", "x", recorded["flip"]),
                layer("Dropout", "drop", "flip", recorded["drop"]),
                layer("BatchNormalization", "norm", "drop", {}),
            ],
            "input_layers": [["x", 0, 0]],
            "output_layers": [["norm", 0, 0]],
        },
    }


@pytest.mark.parametrize(
    ("version", "hard_wired", "called"),
    [
        # 3.0 to 3.15 record the default of the signature, so that this is what a plain model looks like ...
        ("3.5.0", set(), {"flip"}),
        ("3.15.1", set(), {"flip"}),
        # ... and in 3.16 it is what somebody wrote
        ("3.16.0", {"flip"}, set()),
    ],
)
def test_a_recorded_default_is_evidence_only_where_defaults_are_not_recorded(
    tmp_path: Path, version: str, hard_wired: set[str], called: set[str]
) -> None:
    path = tmp_path / "model.json"
    path.write_text(json.dumps(kwargs_of(version, flip={"training": True}, drop={"training": False})))
    facts = read(path).entries[0].facts

    wired = {fact.layer.name for fact in facts if isinstance(fact, HardWiredMode) and fact.training is Passing.TRUE}
    hit = {layer.name for fact in facts if isinstance(fact, ModelCall) for layer in fact.affected}
    assert (wired, hit) == (hard_wired, called)


def test_a_default_that_was_not_recorded_does_not_end_the_leak(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_text(json.dumps(kwargs_of("3.15.1", flip={"training": True}, drop={})))

    (call,) = (fact for fact in read(path).entries[0].facts if isinstance(fact, ModelCall))
    assert [layer.name for layer in call.affected] == ["drop", "norm", "flip"]
    assert call.modes == {KerasVersion.KERAS_3_10: Mode.TRAIN}


def test_without_a_version_the_outcome_of_each_is_stated(saved: Saved) -> None:
    document, _ = saved.both("keras", "augmented_sequential", "json")

    (call,) = (fact for fact in document.entries[0].facts if isinstance(fact, ModelCall))
    assert call.mode is Mode.UNKNOWN
    assert call.modes[KerasVersion.KERAS_3_0] is call.modes[KerasVersion.KERAS_3_10] is Mode.TRAIN
    assert call.modes[KerasVersion.KERAS_3_16] is Mode.INFERENCE
    assert KerasVersion.KERAS_2 not in call.modes


def test_without_a_version_a_recorded_default_is_no_evidence(saved: Saved) -> None:
    facts = saved.both("keras", "augmented", "json")[0].entries[0].facts
    assert not [fact for fact in facts if isinstance(fact, HardWiredMode)]


def test_a_project_that_names_its_versions_decides_for_a_file_that_does_not(project: Project, saved: Saved) -> None:
    model = str(saved.path("keras", "augmented_sequential", "json"))
    found = {}
    for version in ("3.5", "3.16"):
        project.write("modelint.toml", f'[frameworks]\nkeras = "=={version}.*"\n')
        found[version] = [line.rpartition("[")[2] for line in project.concise("--config", "modelint.toml", model)]

    assert found == {"3.5": ["train-mode-at-inference]"], "3.16": []}


def test_an_old_configuration_is_a_list_of_layers(tmp_path: Path) -> None:
    layers = [
        {"class_name": "Dense", "config": {"name": "a", "units": 3, "batch_input_shape": [None, 4]}},
        {"class_name": "Dropout", "config": {"name": "b", "rate": 0.5}},
    ]
    path = tmp_path / "old.json"
    path.write_text(json.dumps({"class_name": "Sequential", "keras_version": "2.2.4", "config": layers}))

    model = read(path).entries[0].model
    assert [(layer.kind, layer.name) for layer in model.layers] == [("Dense", "a"), ("Dropout", "b")]
    assert model.edges == ((0, 1),)
    assert model.inputs[0].shape == (None, 4)


def test_layers_that_applications_define_are_known_in_hdf5_too(tmp_path: Path) -> None:
    """There, Keras 2 writes no module, and for a registered class its package: "Custom"."""
    layers = [
        {"class_name": "LayerScale", "config": {"name": "a", "init_values": 1e-6, "projection_dim": 4}},
        {"class_name": "Custom>CustomScaleLayer", "config": {"name": "b", "scale": 0.2}},
        {"class_name": "Custom>Mine", "config": {"name": "c", "scale": 0.2}},
    ]
    path = tmp_path / "own.json"
    config = {"name": "m", "layers": layers}
    path.write_text(json.dumps({"class_name": "Sequential", "keras_version": "2.15.0", "config": config}))

    document = read(path)
    assert document.unexamined == ("the custom layer 'c' (Custom.Mine)",)
    assert [layer.kind for layer in document.entries[0].model.layers] == ["LayerScale", "CustomScaleLayer", "Mine"]


def test_settings_are_values_or_the_names_of_what_they_hold(saved: Saved) -> None:
    for family in FAMILIES:
        layers = saved.both(family, "plain", "keras")[0].entries[0].model.layers
        dense = next(layer for layer in layers if layer.name == "first")
        assert dense.config["activation"] == "relu"
        assert dense.config["kernel_initializer"] == "GlorotUniform"
        assert dense.config["dtype"] == "float32"
        assert dense.config["bias_regularizer"] is None
        assert UNKNOWN not in dense.config.values()
        drop = next(layer for layer in layers if layer.name == "drop")
        assert math.isclose(float(str(drop.config["rate"])), 0.25)


# The applications


def assert_an_application_is_clean(family: str, name: str, tmp_path: Path) -> None:
    keras = importlib.import_module(family)
    keras.backend.clear_session()
    model = getattr(keras.applications, name)(weights=None)
    for form in ("keras", "h5"):
        path = tmp_path / f"{name}.{form}"
        model.save(path)
        document = read(path)
        (entry,) = document.entries
        assert document.unexamined == ()
        assert entry.facts == entry.effects == ()
        assert [path_of(layer) for layer in entry.model.layers] == [path for path, _ in calls_in_order(model)]
        path.unlink()


@pytest.mark.parametrize("name", APPLICATIONS)
@pytest.mark.parametrize("family", FAMILIES)
def test_an_application_reads_without_a_finding(family: str, name: str, tmp_path: Path) -> None:
    assert_an_application_is_clean(family, name, tmp_path)


def all_applications(family: str) -> list[str]:
    applications = importlib.import_module(family).applications
    return sorted(name for name in dir(applications) if name[0].isupper() and callable(getattr(applications, name)))


@pytest.mark.nightly
@pytest.mark.parametrize("family", FAMILIES)
def test_all_applications_read_without_a_finding(family: str, tmp_path: Path) -> None:
    for name in all_applications(family):
        assert_an_application_is_clean(family, name, tmp_path)


# From the command line


def test_check_says_what_leaks_and_in_which_calls(project: Project) -> None:
    import keras

    save(augmented(keras), project.path / "model.keras")
    ran = project.run("check", "--output-format", "concise", "model.keras")

    assert ran.code == 1
    (line,) = (line for line in ran.out.splitlines() if "train-mode-at-inference" in line)
    assert "node 'norm'" in line
    assert "model(x) runs BatchNormalization and RandomFlip in train mode because RandomFlip 'flip'" in line
    assert "(so does an exported model, not predict())" in line


def test_check_is_silent_on_a_plain_model_and_notes_a_fixed_batch(project: Project) -> None:
    import tf_keras

    save(plain(tf_keras), project.path / "plain.h5")
    save(static_batch(tf_keras), project.path / "fixed.h5")

    assert project.concise("plain.h5") == []
    (line,) = project.concise("fixed.h5")
    assert "fixes the batch size at 4 (the input 'x' of 'fixed')" in line


def test_check_reports_a_softmax_over_the_batch_and_a_state_carried_on(project: Project, saved: Saved) -> None:
    softmax = project.concise(str(saved.path("keras", "softmax_over_the_batch", "keras")))
    state = project.concise(str(saved.path("tf_keras", "stateful", "h5")))

    assert [line.rpartition("[")[2] for line in softmax] == ["batch-statistics-at-inference]"]
    assert sorted(line.rpartition("[")[2] for line in state) == ["state-written-at-inference]", "static-batch-size]"]


def test_no_framework_is_imported_and_no_weight_is_read(saved: Saved, tmp_path: Path) -> None:
    """An archive whose weights are damaged reads as well as any; the process stays free of frameworks and parsers."""
    import subprocess

    path = tmp_path / "model.keras"
    with zipfile.ZipFile(saved.path("keras", "plain", "keras")) as whole, zipfile.ZipFile(path, "w") as part:
        for name in ("metadata.json", "config.json"):
            part.writestr(name, whole.read(name))
        part.writestr("model.weights.h5", b"no weights")
    script = (
        "import sys; from modelint.cli import main; code = main(['check', '--quiet', sys.argv[1]]);"
        "print(code, sorted({'keras', 'tensorflow', 'numpy', 'h5py', 'libcst'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)

    assert ran.stdout.strip() == "0 []"


def test_the_truth_of_these_tests_knows_models_from_layers() -> None:
    import keras

    model = plain(keras)
    assert is_model(model)
    assert not is_sequential(model)
    assert not is_model(model.layers[1])
