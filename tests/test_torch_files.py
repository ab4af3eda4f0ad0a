"""Saved PyTorch programs are judged by what they do when they are run."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy
import pytest
import torch
from torch import Tensor, nn

import torch_models
from conftest import Project
from model_bytes import read
from modelint.artifacts.model_file import EffectKind, ModelFile
from modelint.artifacts.torch_operators import PARAMETERS

pytestmark = pytest.mark.filterwarnings("ignore")

MIXING_NEEDS_SHAPES = frozenset({"SoftmaxOverBatch", "Centred", "ScaledByMaximum", "TransposedMixing", "RunningMean"})
"""Models that mix samples by a plain reduction: in TorchScript, which keeps no shapes, it is not known over what."""


@dataclass(frozen=True)
class Behaviour:
    """What a program does: whether calls differ, whether rows depend on one another (None then), what it writes."""

    random: bool
    mixes: bool | None
    writes: frozenset[str]


def exported(model: nn.Module, shape: tuple[int, ...], *, batch: str | None = "batch", lowered: bool = False) -> bytes:
    shapes = {"x": {0: torch.export.Dim(batch)}} if batch else None
    program = torch.export.export(model, (torch.randn(shape),), dynamic_shapes=shapes)
    file = io.BytesIO()
    torch.export.save(program.run_decompositions() if lowered else program, file)
    return file.getvalue()


def traced(model: nn.Module, shape: tuple[int, ...]) -> bytes:
    file = io.BytesIO()
    torch.jit.save(torch.jit.trace(model, torch.randn(shape), check_trace=False), file)
    return file.getvalue()


def scripted(model: nn.Module, shape: tuple[int, ...]) -> bytes:
    file = io.BytesIO()
    torch.jit.save(torch.jit.script(model), file)
    return file.getvalue()


def pickled(value: object, *, archive: bool = True) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=archive)
    return file.getvalue()


def executed(load: Callable[[], nn.Module], shape: tuple[int, ...]) -> Behaviour:
    """Run a saved program: twice with other random numbers, with the same rows beside others, and look at its state."""
    torch.manual_seed(0)
    batch = torch.randn(shape)
    beside_others = torch.cat([batch[:3], torch.randn(shape)[3:] * 3 + 1])

    def predicted(program: nn.Module, rows: Tensor, seed: int) -> Tensor:
        torch.manual_seed(seed)
        with torch.no_grad():
            result = program(rows)
        return result[0] if isinstance(result, tuple) else result

    program = load()
    before = {name: buffer.clone() for name, buffer in program.named_buffers()}
    first = predicted(program, batch, 1)
    written = {name for name, buffer in program.named_buffers() if not torch.equal(before[name], buffer)}
    random = not torch.allclose(first, predicted(load(), batch, 2), atol=1e-5)
    apart = not torch.allclose(first[:3], predicted(load(), beside_others, 1)[:3], atol=1e-5)
    return Behaviour(random, None if random else apart, frozenset(written))


def judged(file: ModelFile) -> Behaviour:
    """What the effects of a file's only entry amount to."""
    (entry,) = file.entries
    train_mode = [effect for effect in entry.effects if effect.kind is EffectKind.TRAIN_MODE]
    normalising = [effect for effect in train_mode if effect.layer.is_batchnorm]
    kinds = {effect.kind for effect in entry.effects if effect.affects_prediction}
    random = len(train_mode) > len(normalising) or EffectKind.DRAWS in kinds
    written = {effect.what for effect in entry.effects if effect.kind is EffectKind.WRITES}
    mixes = bool(normalising) or EffectKind.MIXES in kinds
    return Behaviour(random, None if random else mixes, frozenset(written))


def made(name: str, *, training: bool) -> tuple[nn.Module, tuple[int, ...]]:
    make, shape = torch_models.ZOO[name]
    torch.manual_seed(7)
    return make().train(training), shape


def load_exported(content: bytes) -> nn.Module:
    return torch.export.load(io.BytesIO(content)).module()


@pytest.mark.parametrize("name", torch_models.ZOO)
@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_an_exported_program_is_judged_as_it_runs(name: str, training: bool) -> None:
    model, shape = made(name, training=training)
    content = exported(model, shape)
    file = read(content)
    assert judged(file) == executed(lambda: load_exported(content), shape)
    assert file.entries[0].fixed
    assert not file.unexamined


@pytest.mark.parametrize("name", torch_models.ZOO)
def test_a_lowered_program_with_a_static_batch_is_judged_as_it_runs(name: str) -> None:
    model, shape = made(name, training=True)
    content = exported(model, shape, batch=None, lowered=True)
    behaviour = executed(lambda: load_exported(content), shape)
    if name == "TransposedMixing":  # without a symbol the batch cannot be told from the features any more
        behaviour = Behaviour(behaviour.random, False, behaviour.writes)
    assert judged(read(content)) == behaviour


@pytest.mark.parametrize("name", torch_models.ZOO)
@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_a_traced_program_is_judged_as_it_runs(name: str, training: bool) -> None:
    model, shape = made(name, training=training)
    content = traced(model, shape)
    assert judged(read(content)) == without_reductions(
        name, executed(lambda: torch.jit.load(io.BytesIO(content)), shape)
    )


@pytest.mark.parametrize("name", torch_models.ZOO)
@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_a_scripted_program_is_judged_as_it_runs_after_eval(name: str, training: bool) -> None:
    model, shape = made(name, training=training)
    content = scripted(model, shape)
    file = read(content)
    assert judged(file) == without_reductions(name, executed(lambda: torch.jit.load(io.BytesIO(content)).eval(), shape))
    as_saved = executed(lambda: torch.jit.load(io.BytesIO(content)), shape)
    saved_in_train_mode = any("saved in train mode" in problem for problem in file.problems)
    if name not in MIXING_NEEDS_SHAPES and name != "GuardedNoise":  # a draw under "if self.training" is no layer
        assert saved_in_train_mode == (as_saved != judged(file))


def without_reductions(name: str, behaviour: Behaviour) -> Behaviour:
    if name in MIXING_NEEDS_SHAPES:
        return Behaviour(behaviour.random, False, behaviour.writes)
    return behaviour


@pytest.mark.parametrize("name", ["Classifier", "Nested", "Attention", "Recurrent", "Transposed", "RunningMean"])
def test_operators_shapes_and_variables_are_those_that_torch_reads(name: str) -> None:
    model, shape = made(name, training=True)
    content = exported(model, shape)
    program = torch.export.load(io.BytesIO(content))
    (entry,) = read(content).entries
    called = [node for node in program.graph.nodes if node.op == "call_function" and is_tensor(node.meta.get("val"))]
    called = [node for node in called if "getitem" not in str(node.target)]
    assert [layer.qualified for layer in entry.model.layers] == [str(node.target) for node in called]
    for layer, node in zip(entry.model.layers, called, strict=True):
        value = node.meta["val"]
        value = value[0] if isinstance(value, tuple | list) else value
        sizes = tuple(size if isinstance(size, int) else str(size) for size in value.shape)
        assert layer.shape == sizes or any("*" in str(size) for size in sizes)
    (given,) = entry.model.inputs
    assert given.shape is not None
    assert given.shape[1:] == shape[1:]
    assert isinstance(given.shape[0], str)
    assert given.dtype == "float32"


def is_tensor(value: object) -> bool:
    return isinstance(value, Tensor) or (isinstance(value, tuple | list) and all(isinstance(v, Tensor) for v in value))


@pytest.mark.parametrize("name", ["Classifier", "Nested", "Reused", "Recurrent", "PerSample"])
def test_operators_of_a_traced_program_are_those_that_torch_runs(name: str) -> None:
    model, shape = made(name, training=False)
    content = traced(model, shape)
    graph = torch.jit.load(io.BytesIO(content)).inlined_graph
    ran = Counter(
        node.kind().removeprefix("aten::").removesuffix("_")
        for node in graph.nodes()
        if node.kind().startswith("aten::") and any(str(output.type()) == "Tensor" for output in node.outputs())
    )
    (entry,) = read(content).entries
    assert Counter(layer.qualified.rsplit(".", 1)[-1].removesuffix("_") for layer in entry.model.layers) == ran


def test_parameters_of_operators_are_those_of_the_schemas() -> None:
    schemas: dict[str, list[list[str]]] = {}
    for schema in torch._C._jit_get_all_schemas():
        if schema.name.startswith("aten::"):
            names = [argument.name for argument in schema.arguments]
            schemas.setdefault(schema.name.removeprefix("aten::"), []).append(names)
    known = {name: names for name, names in PARAMETERS.items() if name in schemas}
    assert len(known) > 0.9 * len(PARAMETERS)
    for name, names in known.items():
        assert any(list(names) == schema[: len(names)] for schema in schemas[name]), name


def test_a_static_batch_is_told_and_an_open_one_is_not() -> None:
    model, shape = made("Classifier", training=False)
    static, dynamic = read(exported(model, shape, batch=None)), read(exported(model, shape))
    assert static.entries[0].model.inputs[0].shape == shape
    assert static.entries[0].batch_first
    assert isinstance(dynamic.entries[0].model.inputs[0].shape[0], str)
    assert any(key.startswith("size ") for key in dynamic.metadata)


class Unbatched(nn.Module):
    """Takes one image without a batch axis."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.softmax(self.convolution(x), dim=0)


class SequenceFirst(nn.Module):
    """Takes sequences whose first axis is time."""

    def __init__(self) -> None:
        super().__init__()
        self.recurrent = nn.GRU(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        return torch.softmax(self.recurrent(x)[0], dim=0)


@pytest.mark.parametrize(("model", "shape"), [(Unbatched(), (3, 8, 8)), (SequenceFirst(), (7, 2, 5))])
def test_a_first_axis_that_is_no_batch_is_not_taken_for_one(model: nn.Module, shape: tuple[int, ...]) -> None:
    (entry,) = read(exported(model.eval(), shape, batch=None)).entries
    assert not entry.batch_first
    assert not entry.effects


def test_a_layer_knows_its_module_and_the_line_that_called_it() -> None:
    model, shape = made("Nested", training=False)
    layers = read(exported(model, shape)).entries[0].model.layers
    norm = next(layer for layer in layers if layer.kind == "BatchNorm2d")
    assert norm.path == ("inner", "features", "1")
    assert norm.called_at.resolve().node == f"inner/features/1/{norm.name}"
    written = norm.place.resolve()
    assert written.path.endswith("torch_models.py")
    assert written.span is not None


def test_calls_of_a_shared_module_are_one_layer() -> None:
    model, shape = made("Nested", training=False)
    for content in (exported(model, shape), traced(model, shape), scripted(model, shape)):
        norms = [layer for layer in read(content).entries[0].model.layers if layer.kind == "BatchNorm1d"]
        assert len(norms) == 2
        assert norms[0].identity == norms[1].identity
        assert norms[0].name != norms[1].name


def test_what_is_written_by_an_out_argument_is_a_write() -> None:
    convolution = nn.utils.parametrizations.spectral_norm(nn.Conv2d(3, 4, 3)).train()
    for content in (exported(convolution, (6, 3, 8, 8), batch=None), traced(convolution, (6, 3, 8, 8))):
        effects = read(content).entries[0].effects
        assert {effect.what.rsplit(".", 1)[-1] for effect in effects} == {"_u", "_v"}
        assert {effect.kind for effect in effects} == {EffectKind.WRITES}


class Conditional(nn.Module):
    """Drops units if the data say so."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cond(x.sum() > 0, lambda x: torch.dropout(x, 0.5, True), lambda x: x + 1, (x,))


class ScriptedConditional(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        if bool(x.sum() > 0):
            x = torch.dropout(x, 0.5, True)
        return x


def test_what_runs_under_a_condition_is_no_effect_and_is_said_to_be_unexamined() -> None:
    for content in (exported(Conditional(), (6, 5)), scripted(ScriptedConditional(), (6, 5))):
        file = read(content)
        assert not file.entries[0].effects
        assert any("depends on the data" in part for part in file.unexamined)


class WithoutGradient(nn.Module):
    """Part of the forward pass stands under ``no_grad``, which becomes a graph of its own."""

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            y = torch.dropout(x, 0.5, True)
        return x + y


def test_a_graph_that_always_runs_is_part_of_the_program() -> None:
    file = read(exported(WithoutGradient(), (6, 5)))
    assert [effect.kind for effect in file.entries[0].effects] == [EffectKind.TRAIN_MODE]
    assert not file.unexamined


@pytest.mark.parametrize("archive", [True, False], ids=["archive", "legacy"])
def test_a_checkpoint_is_an_inventory(archive: bool) -> None:
    model = torch_models.Nested()
    optimizer = torch.optim.Adam(model.parameters())
    file = read(pickled({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, archive=archive))
    assert not file.entries
    assert file.unexamined
    held = {weight.name.removeprefix("model."): weight for weight in file.weights}
    for name, tensor in model.state_dict().items():
        assert held[name].shape == tuple(tensor.shape)
        assert held[name].dtype == str(tensor.dtype).removeprefix("torch.")
    assert file.metadata["layers with running statistics"] == 2


@pytest.mark.parametrize("archive", [True, False], ids=["archive", "legacy"])
@pytest.mark.parametrize("training", [True, False])
def test_a_pickled_module_says_in_which_mode_it_was_saved(archive: bool, training: bool) -> None:
    model = torch_models.Nested().train(training)
    file = read(pickled(model, archive=archive))
    assert file.format == "PyTorch module"
    assert {weight.name for weight in file.weights} == set(model.state_dict())
    assert file.metadata["modules in train mode"] == (len(list(model.modules())) if training else 0)
    assert any("saved in train mode: BatchNorm2d, Dropout" in problem for problem in file.problems) == training
    assert "torch_models.Nested" in file.unexamined[0]


def test_arrays_of_other_libraries_are_inventories() -> None:
    file = io.BytesIO()
    numpy.savez(file, kernel=numpy.ones((3, 4), numpy.float32))
    (weight,) = read(file.getvalue()).weights
    assert (weight.name, weight.shape, weight.dtype) == ("kernel", (3, 4), "f4")

    header = json.dumps({"w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, "__metadata__": {"a": "b"}})
    (weight,) = read(struct.pack("<Q", len(header)) + header.encode() + bytes(24)).weights
    assert (weight.name, weight.shape, weight.dtype) == ("w", (2, 3), "f32")

    keys = [{"key": "params", "key_type": 2}, {"key": "kernel", "key_type": 2}]
    value = {"value_type": "jax.Array", "skip_deserialize": False, "write_shape": [3, 4]}
    tree = {"tree_metadata": {"('params', 'kernel')": {"key_metadata": keys, "value_metadata": value}}}
    checkpoint = read({"default/_METADATA": json.dumps(tree).encode(), "_CHECKPOINT_METADATA": b"{}"})
    assert [(weight.name, weight.shape) for weight in checkpoint.weights] == [("default.params.kernel", (3, 4))]
    assert checkpoint.unexamined


def test_an_older_archive_of_an_exported_program_is_read() -> None:
    model, shape = made("Classifier", training=True)
    with zipfile.ZipFile(io.BytesIO(exported(model, shape))) as archive:
        program = next(archive.read(name) for name in archive.namelist() if name.endswith("models/model.json"))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("serialized_exported_program.json", program)
    assert judged(read(file.getvalue())).random


def test_a_model_file_is_checked_like_a_script(project: Project) -> None:
    model, shape = made("Nested", training=True)
    project.write("net.pt2", exported(model, shape, batch=None))
    project.write("weights.pt", pickled(model.state_dict()))
    ran = project.run("check", "net.pt2", "weights.pt")
    assert ran.code == 1
    assert "batchnorm-tiny-batch" in ran.out
    assert all(f"{kind} '" in ran.out for kind in ("BatchNorm2d", "Dropout", "BatchNorm1d"))
    assert "call eval() before saving it" in ran.out
    assert "static-batch-size" in ran.out
    assert "train-mode-at-inference" not in ran.out  # these are the same defect
    assert "state-written-at-inference" not in ran.out
    assert "not examined" in ran.out


def test_a_program_saved_in_inference_mode_has_no_findings(project: Project) -> None:
    model, shape = made("Nested", training=False)
    project.write("exported.pt2", exported(model, shape))
    project.write("traced.pt", traced(model, shape))
    project.write("scripted.pt", scripted(model, shape))
    ran = project.run("check", "--pedantic", "exported.pt2", "traced.pt", "scripted.pt")
    assert ran.code == 0, ran.out


def test_what_is_odd_about_a_file_is_a_note(project: Project) -> None:
    torch.save(torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Dropout(0.5)), project.path / "module.pt")
    ran = project.run("check", "--output-format", "concise", "module.pt")
    assert "note: the file is odd: it was saved in train mode: Dropout stay so until" in ran.out
    assert ran.code == 0
