"""SavedModels: what is said of them is what running them shows, and they are read as TensorFlow reads them."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from tensorflow.core.framework import graph_pb2
from tensorflow.core.protobuf import saved_model_pb2

from modelint.artifacts.limits import Budget
from modelint.artifacts.model_file import Effect, EffectKind, Entry, ModelFile
from modelint.artifacts.reading import read_model
from modelint.artifacts.tensorflow_graph import Library, Node
from modelint.artifacts.tensorflow_messages import SCHEMAS
from modelint.artifacts.wire import Message
from modelint.documents import Unreadable
from modelint.workspace.model_files import OpenedModel
from saved_model_builders import BUILDERS

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks" / "accuracy"))

from model_files import verdicts

SIGNATURES = [
    *((name, "serving_default") for name in BUILDERS),
    ("module_of_two_signatures", "learn"),
]
"""Every served signature of every builder; those that need more than one input by name are below."""

CALLER_DECIDES = {"module_with_the_mode_as_an_input", "session_with_switches_whose_caller_decides"}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory):
    """Gives the folder of a builder's model, made once."""
    root = tmp_path_factory.mktemp("saved")

    @cache
    def save(name: str) -> Path:
        tf.keras.backend.clear_session()
        tf.random.set_seed(1)
        BUILDERS[name](root / name)
        return root / name

    return save


def read(path: Path) -> ModelFile:
    with OpenedModel(str(path)) as model:
        found = read_model(model)
    assert isinstance(found, ModelFile), found
    return found


def entry(path: Path, signature: str = "serving_default") -> Entry:
    return next(entry for entry in read(path).entries if signature in entry.names)


def effects(path: Path, kind: EffectKind, signature: str = "serving_default") -> list[Effect]:
    return [effect for effect in entry(path, signature).effects if effect.kind is kind]


class Executed:
    """A signature that is run: what it gives for the same samples in other company, again, and what it writes."""

    def __init__(self, path: Path, signature: str) -> None:
        self.loaded = tf.saved_model.load(str(path))
        self.run = self.loaded.signatures[signature]
        self.saved = [variable.numpy() for variable in self.run.variables]
        self.inputs = self.run.structured_input_signature[1]

    def outputs(self, x: dict[str, np.ndarray]) -> list[np.ndarray]:
        given = {name: tf.constant(value) for name, value in x.items()}
        return [value.numpy() for value in self.run(**given).values()]

    def reset(self) -> None:
        for variable, value in zip(self.run.variables, self.saved, strict=True):
            variable.assign(value)

    def samples(self, seed: int) -> dict[str, np.ndarray]:
        random = np.random.default_rng(seed)
        return {
            name: random.normal(size=[size or 4 for size in spec.shape]).astype("float32")
            for name, spec in self.inputs.items()
            if spec.dtype == tf.float32
        } | {name: np.array(False) for name, spec in self.inputs.items() if spec.dtype == tf.bool}

    def shown(self) -> dict[str, bool]:
        x, others = self.samples(0), self.samples(1)
        mixed = {name: np.concatenate([x[name][:1], others[name][1:]]) if x[name].ndim else x[name] for name in x}
        first = self.outputs(x)
        writes = any(
            not np.array_equal(variable.numpy(), value)
            for variable, value in zip(self.run.variables, self.saved, strict=True)
        )
        again = self.outputs(x)
        self.reset()
        beside = self.outputs(mixed)
        size = next(value.shape[0] for value in x.values() if value.ndim)
        rows = [(a, b) for a, b in zip(first, beside, strict=True) if a.ndim and a.shape[0] == size]
        return {
            "nondet": not all(np.allclose(a, b, atol=1e-6) for a, b in zip(first, again, strict=True)),
            "batchdep": not all(np.allclose(a[0], b[0], atol=1e-5) for a, b in rows),
            "writes": writes,
        }


@pytest.mark.parametrize(("name", "signature"), SIGNATURES)
def test_what_is_said_of_a_signature_is_what_running_it_shows(saved, name: str, signature: str) -> None:
    said = verdicts(entry(saved(name), signature))
    shown = Executed(saved(name), signature).shown()
    if shown["nondet"]:
        del shown["batchdep"]  # a difference between two runs then says nothing
    assert {verdict: said[verdict] for verdict in shown} == shown


def test_nothing_is_unexamined_and_nothing_is_wrong_with_what_the_libraries_save(saved) -> None:
    assert {name: (read(saved(name)).unexamined, read(saved(name)).problems) for name in BUILDERS} == dict.fromkeys(
        BUILDERS, ((), ())
    )


def test_what_is_served_under_two_names_is_one_entry(saved) -> None:
    assert [entry.names for entry in read(saved("keras3_clean")).entries] == [("serve", "serving_default")]
    assert [entry.names for entry in read(saved("module_of_two_signatures")).entries] == [
        ("serving_default",),
        ("learn",),
    ]


def test_a_live_batch_normalization_is_told_with_its_layer_and_what_it_overwrites(saved) -> None:
    path = saved("keras2_hard_wired")
    (train,) = effects(path, EffectKind.TRAIN_MODE)
    assert (train.layer.kind, train.layer.name) == ("BatchNormalization", "statistics")
    assert train.layer.place.resolve().node == "net/statistics"
    writes = effects(path, EffectKind.WRITES)
    assert {(write.what, write.moving) for write in writes} == {
        ("statistics/moving_mean", True),
        ("statistics/moving_variance", True),
    }


def test_batch_statistics_of_keras_3_are_a_batch_normalization_in_train_mode(saved) -> None:
    for name in ("keras3_batch_statistics", "keras3_leaking_augmentation", "keras3_batch_statistics_behind_lstm"):
        assert [effect for effect in effects(saved(name), EffectKind.TRAIN_MODE) if "Random" not in effect.what], name
        assert not effects(saved(name), EffectKind.MIXES), name


def test_live_dropout_is_a_layer_in_train_mode_and_other_draws_are_draws(saved) -> None:
    for name in ("keras2_live_dropout", "keras2_live_noise", "keras3_live_dropout"):
        assert [effect.affects_prediction for effect in effects(saved(name), EffectKind.TRAIN_MODE)] == [True], name
        assert not effects(saved(name), EffectKind.DRAWS), name
    (draw,) = effects(saved("keras3_leaking_augmentation"), EffectKind.DRAWS)
    assert draw.affects_prediction
    assert draw.seed is None


def test_a_mode_that_has_a_default_holds_by_default(saved) -> None:
    for name in ("session_in_train_mode_by_default", "session_with_switches_in_train_mode_by_default"):
        assert [effect.by_default for effect in effects(saved(name), EffectKind.TRAIN_MODE)] == [True], name
    for name in CALLER_DECIDES:
        assert not entry(saved(name)).effects, name


def test_a_carried_state_is_named_by_its_layer(saved) -> None:
    writes = effects(saved("keras2_stateful_recurrence"), EffectKind.WRITES)
    assert {write.what for write in writes} == {"the state of LSTM 'memory'"}
    assert all(write.affects_prediction for write in writes)


def test_a_variable_without_a_name_is_named_by_its_attribute(saved) -> None:
    assert [write.what for write in effects(saved("module_that_counts"), EffectKind.WRITES)] == ["calls"]


def test_the_state_of_a_random_generator_is_told_from_what_predictions_depend_on(saved) -> None:
    writes = effects(saved("keras3_live_dropout"), EffectKind.WRITES)
    assert [write.random_state for write in writes] == [True]


def test_the_layers_of_a_model_are_its_nodes(saved) -> None:
    model = entry(saved("keras2_hard_wired")).model
    assert [(layer.kind, layer.name) for layer in model.layers] == [
        ("Conv2D", "first"),
        ("BatchNormalization", "statistics"),
        ("Flatten", "flat"),
    ]
    assert model.edges == ((0, 1), (1, 2))
    assert [layer.shape for layer in model.layers] == [(None, 6, 6, 4), (None, 6, 6, 4), (None, 144)]
    assert [(port.name, port.shape, port.dtype) for port in model.inputs] == [("image", (None, 8, 8, 3), "float32")]


def test_the_layers_of_a_keras_3_export_have_the_names_of_the_program(saved) -> None:
    model = entry(saved("keras3_clean")).model
    assert [layer.name for layer in model.layers] == ["first", "statistics", "flat", "last"]
    assert len({layer.identity for layer in model.layers}) == 4
    assert all(layer.place.resolve().node == f"{layer.path[0]}/{layer.name}" for layer in model.layers)


def test_a_fixed_batch_is_in_the_inputs(saved) -> None:
    assert entry(saved("keras2_stateful_recurrence")).model.inputs[0].shape == (4, 5, 3)


def test_the_producer_is_named(saved) -> None:
    assert read(saved("keras2_clean")).producer == f"Keras {tf_keras.__version__}, tensorflow {tf.__version__}"
    assert read(saved("keras3_clean")).producer == f"tensorflow {tf.__version__}"


def test_lines_of_the_program_are_shown_where_they_were_saved(tmp_path: Path) -> None:
    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 3))])
        def serve(self, x):
            return {"y": x - tf.reduce_mean(x, axis=0)}

    module = Module()
    tf.saved_model.save(
        module,
        str(tmp_path / "m"),
        signatures=module.serve,
        options=tf.saved_model.SaveOptions(save_debug_info=True),
    )
    (mixes,) = effects(tmp_path / "m", EffectKind.MIXES)
    place = mixes.layer.place.resolve()
    assert place.path.endswith("test_saved_models.py")
    assert place.span is not None
    assert "reduce_mean" in Path(__file__).read_text().splitlines()[place.span.line - 1]


def test_a_graph_for_training_beside_the_served_one_is_not_examined(saved, tmp_path: Path) -> None:
    message = saved_model_pb2.SavedModel.FromString((saved("keras2_hard_wired") / "saved_model.pb").read_bytes())
    message.meta_graphs[0].meta_info_def.tags[:] = ["train", "serve"]
    served = saved_model_pb2.SavedModel.FromString((saved("keras2_clean") / "saved_model.pb").read_bytes())
    message.meta_graphs.append(served.meta_graphs[0])
    (tmp_path / "saved_model.pb").write_bytes(message.SerializeToString())
    found = read(tmp_path)
    assert [entry.effects for entry in found.entries] == [()]
    assert found.metadata["tags"] == "serve, train; serve"


def test_a_saved_model_that_serves_nothing_is_unexamined(tmp_path: Path) -> None:
    tf.saved_model.save(tf.Module(), str(tmp_path / "m"))
    assert read(tmp_path / "m").unexamined == ("what the objects in it compute: none of it is served by a signature",)


def test_a_module_with_nothing_but_a_call_is_examined_where_it_is_served(tmp_path: Path) -> None:
    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 3))])
        def __call__(self, x):
            return x - tf.reduce_mean(x, axis=0)

    tf.saved_model.save(Module(), str(tmp_path / "m"))  # which serves it unasked
    assert [effect.kind for effect in effects(tmp_path / "m", EffectKind.MIXES)] == [EffectKind.MIXES]


def test_a_module_whose_call_takes_the_mode_is_unexamined_unless_it_is_served(tmp_path: Path) -> None:
    class Module(tf.Module):
        @tf.function(autograph=False)
        def __call__(self, x, training=False):
            return x - tf.reduce_mean(x, axis=0) if training else x

    module = Module()
    for mode in (True, False):
        module(tf.ones((2, 3)), training=mode)
    tf.saved_model.save(module, str(tmp_path / "m"))
    assert not tf.saved_model.load(str(tmp_path / "m")).signatures
    assert read(tmp_path / "m").unexamined == ("what the objects in it compute: none of it is served by a signature",)


@pytest.mark.parametrize("served", ["inference", "training"])
def test_a_module_of_the_first_tensorflow_hub_is_examined_without_its_graph_for_training(
    served: str, tmp_path: Path
) -> None:
    v1 = tf.compat.v1
    builder = v1.saved_model.builder.SavedModelBuilder(str(tmp_path / "m"))
    for number, tags in enumerate(([], ["train"])):
        with v1.Graph().as_default(), v1.Session() as session:
            x = v1.placeholder(tf.float32, (None, 4))
            y = x * v1.get_variable("scale", initializer=tf.ones((4,)))
            y = y - tf.reduce_mean(y, 0) if tags or served == "training" else y
            session.run(v1.global_variables_initializer())
            signature = v1.saved_model.signature_def_utils.build_signature_def(
                *({"default": v1.saved_model.utils.build_tensor_info(end)} for end in (x, y)),
                "tensorflow_hub/module",
            )
            if number:
                builder.add_meta_graph(tags, signature_def_map={"default": signature})
            else:
                builder.add_meta_graph_and_variables(session, tags, signature_def_map={"default": signature})
    builder.save()
    (tmp_path / "m" / "tfhub_module.pb").write_bytes(b"\x08\x03")  # format: FORMAT_V3
    found = read(tmp_path / "m")
    assert [entry.names for entry in found.entries] == [("default",)]
    assert bool(effects(tmp_path / "m", EffectKind.MIXES, "default")) == (served == "training")
    assert found.unexamined == ()


def test_the_text_form_is_refused(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pbtxt").write_text("saved_model_schema_version: 1")
    with OpenedModel(str(tmp_path)) as model:
        found = read_model(model)
    assert isinstance(found, Unreadable)
    assert "text form" in found.message


def test_a_frozen_graph_is_read(saved, tmp_path: Path) -> None:
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    run = tf.saved_model.load(str(saved("module_that_centres"))).signatures["serving_default"]
    (tmp_path / "frozen.pb").write_bytes(
        convert_variables_to_constants_v2(run).graph.as_graph_def().SerializeToString()
    )
    found = read(tmp_path / "frozen.pb")
    assert found.format == "frozen TensorFlow graph"
    assert [effect.kind for entry in found.entries for effect in entry.effects] == [EffectKind.MIXES]


def nodes_of(library: Library) -> Iterator[tuple[str, Node]]:
    for body in (library.main(), *map(library.function, library)):
        assert body is not None
        yield from ((body.name, node) for node in body.nodes.values())


@pytest.mark.parametrize("name", BUILDERS)
def test_graphs_are_decoded_as_tensorflow_decodes_them(saved, name: str) -> None:
    data = (saved(name) / "saved_model.pb").read_bytes()
    theirs = saved_model_pb2.SavedModel.FromString(data).meta_graphs[0]
    (meta,) = Message.whole(data, SCHEMAS["SavedModel"], Budget()).messages("meta_graphs")
    assert set(theirs.meta_info_def.tags) == set(meta.message("meta_info_def").texts("tags"))
    library = Library(meta.message("graph_def"), Budget())
    mine = {(body, node.name): node for body, node in nodes_of(library)}
    expected = {
        (body, node.name): node
        for body, nodes in (
            ("", theirs.graph_def.node),
            *((function.signature.name, function.node_def) for function in theirs.graph_def.library.function),
        )
        for node in nodes
    }
    assert set(mine) == set(expected)
    for key, node in mine.items():
        assert (node.op, node.inputs) == (expected[key].op, tuple(expected[key].input))
        _compare_attributes(node, expected[key])
    for function in theirs.graph_def.library.function:
        body = library.function(function.signature.name)
        assert body is not None
        assert list(body.arguments) == [argument.name for argument in function.signature.input_arg]
        assert list(body.results) == [function.ret[output.name] for output in function.signature.output_arg]
        assert sorted(body.effects) == sorted(function.control_ret.values())
    signatures = {one.text("key"): one.message("value") for one in meta.messages("signature_def")}
    assert set(signatures) == set(theirs.signature_def)
    for signature, decoded in signatures.items():
        for part in ("inputs", "outputs"):
            named = {one.text("key"): one.message("value").text("name") for one in decoded.messages(part)}
            assert named == {key: info.name for key, info in getattr(theirs.signature_def[signature], part).items()}


def _compare_attributes(node: Node, expected: graph_pb2.NodeDef) -> None:
    for name, value in expected.attr.items():
        match value.WhichOneof("value"):
            case "b":
                assert node.flag(name, not value.b) == value.b
            case "i":
                assert node.integer(name, value.i + 1) == value.i
            case "s":
                assert node.text(name) == value.s.decode("utf-8", "backslashreplace")
            case "type":
                assert node.type(name) == value.type
            case "func":
                assert node.function(name) == value.func.name
            case "shape":
                assert node.shape(name) == _shape(value.shape)
            case "list" if value.list.shape:
                assert node.output_shapes() == tuple(map(_shape, value.list.shape)) or name != "_output_shapes"
            case "list" if value.list.i:
                assert node.integers(name) == tuple(value.list.i)
            case "tensor":
                tensor = node.tensor(name)
                if tensor is not None:
                    theirs = tf.make_ndarray(value.tensor)
                    assert tensor.shape == theirs.shape
                    np.testing.assert_array_equal(np.array(tensor.values, theirs.dtype), theirs.ravel())


def _shape(message) -> tuple[int | None, ...] | None:
    return None if message.unknown_rank else tuple(None if dim.size < 0 else dim.size for dim in message.dim)


def exported(family: str, name: str, path: Path) -> Path:
    """An application of Keras without trained weights, as a SavedModel."""
    keras = importlib.import_module(family)
    keras.backend.clear_session()
    network = getattr(keras.applications, name)(weights=None)
    if family == "keras":
        network.export(path, verbose=False)
    else:
        network.save(path, save_format="tf")
    return path


def assert_clean(path: Path) -> None:
    """Nothing happens at inference that should not, and nothing is left unexamined."""
    file = read(path)
    assert file.entries
    assert [effect for entry in file.entries for effect in entry.effects] == []
    assert (file.unexamined, file.problems) == ((), ())


@pytest.mark.parametrize("family", ["keras", "tf_keras"])
def test_a_served_application_reads_without_a_finding(family: str, tmp_path: Path) -> None:
    assert_clean(exported(family, "MobileNetV3Small", tmp_path / "served"))


@pytest.mark.nightly
@pytest.mark.parametrize("family", ["keras", "tf_keras"])
def test_all_served_applications_read_without_a_finding(family: str, tmp_path: Path) -> None:
    applications = importlib.import_module(family).applications
    for name in sorted(name for name in dir(applications) if name[0].isupper()):
        path = exported(family, name, tmp_path / "served")
        assert_clean(path)
        shutil.rmtree(path)
