"""TorchScript programs (``torch.jit.save``): code and a pickle in a zip archive, read without PyTorch.

The code is followed from each method that the top module offers, joined with the attributes of the modules in
``data.pkl``. Traced code has its mode written into it. Scripted code asks ``self.training``, and whoever loads it can
still call ``eval()``: it is followed twice, as it was saved and as it is after ``eval()``, and only what remains then
is an effect of the program. The shapes of inputs do not stand in the file.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Final

from modelint.artifacts.archive import Archive
from modelint.artifacts.files import ModelFiles, bytes_of
from modelint.artifacts.limits import Budget, MalformedError
from modelint.artifacts.model_file import Effect, EffectKind, Entry, ModelFile
from modelint.artifacts.pickles import Instance, read_pickle
from modelint.artifacts.torch_effects import effects_of, under_a_condition
from modelint.artifacts.torch_graph import OperatorGraph
from modelint.artifacts.torchscript_run import Runner
from modelint.artifacts.torchscript_source import ClassCode, Sources, plain_name
from modelint.facts import Constant, KerasVersion, Layer, Mode, Model, ModelCall, Passing, Port, Purpose
from modelint.finding import Place
from modelint.wording import enumeration

_DATA: Final = "data.pkl"
_MOST_METHODS: Final = 32


def read(files: ModelFiles, budget: Budget) -> ModelFile:
    """Read a TorchScript archive.

    Raises:
        MalformedError: it is damaged, or not such a file.
    """
    data = bytes_of(files)
    archive = Archive(data, budget)
    root = min((name.removesuffix(_DATA) for name in archive.members if _is_data(name)), key=len, default=None)
    if root is None:
        raise MalformedError("the archive has no data.pkl")
    top = read_pickle(archive.read(f"{root}{_DATA}"), budget)
    sources = Sources(archive, root, budget)
    code = sources.class_of(top.class_name) if isinstance(top, Instance) else None
    if code is None or not isinstance(top, Instance):
        raise MalformedError("the archive has no code for its module")
    program = _Program(files.path, top, code, sources, budget)
    try:
        entries = tuple(program.entries())
    except RecursionError as error:
        raise MalformedError("the code is nested too deeply") from error
    return ModelFile(
        files.path,
        "TorchScript program",
        entries=entries,
        unexamined=tuple(dict.fromkeys(program.unexamined)),
        problems=(*archive.problems, *dict.fromkeys(program.problems)),
        metadata=_metadata(archive, root),
    )


def _is_data(name: str) -> bool:
    return name == _DATA or name.endswith(f"/{_DATA}")


def _metadata(archive: Archive, root: str) -> dict[str, Constant]:
    for name in (f"{root}version", f"{root}.data/version"):
        if name in archive:
            return {"archive version": archive.read(name, most=64).decode("ascii", "replace").strip()}
    return {}


class _Program:
    """The methods of a program, each followed in the modes that matter."""

    def __init__(self, file: str, top: Instance, code: ClassCode, sources: Sources, budget: Budget) -> None:
        self._file = file
        self._top = top
        self._code = code
        self._sources = sources
        self._budget = budget
        self.unexamined: list[str] = []
        self.problems: list[str] = []

    def entries(self) -> Iterator[Entry]:
        """An entry for ``forward``, and for every other method that it does not call itself."""
        called: set[str] = set()
        names = sorted(self._code.methods, key=lambda name: name != "forward")
        for name in names[:_MOST_METHODS]:
            if name not in called and (name == "forward" or not name.startswith("_")):
                runner = self._runner(None)
                yield self._entry(name, runner)
                called |= {method for instance, method in runner.methods if instance == id(self._top)}
        if len(names) > _MOST_METHODS:
            self.unexamined.append(f"{len(names) - _MOST_METHODS} methods: there are too many")

    def _runner(self, training: bool | None) -> Runner:
        return Runner(self._file, self._sources, self._budget, training=training)

    def _entry(self, name: str, runner: Runner) -> Entry:
        graph = runner.run(self._top, name)
        effects = effects_of(graph, None)
        depending: list[Layer] = []
        if runner.asked:
            live = _in_train_mode(graph, effects)
            runner = self._runner(False)
            graph = runner.run(self._top, name)
            effects = effects_of(graph, None)
            remaining = {layer.called_at for layer in _in_train_mode(graph, effects)}
            depending = [layer for layer in live if layer.called_at not in remaining]
        if depending:
            kinds = enumeration(layer.kind for layer in depending)
            self.problems.append(f"it was saved in train mode: {kinds} stay so until whoever loads it calls eval()")
        self.unexamined += runner.unexamined
        self.unexamined += [f"{each.layer}: whether it runs depends on the data" for each in under_a_condition(graph)]
        definition = self._code.methods[name]
        model = Model(
            kind=plain_name(self._top.class_name).rsplit(".", 1)[-1],
            framework="torch",
            origin=Place(self._file),
            layers=tuple(operation.layer for operation in graph.operations),
            edges=graph.edges(),
            opaque=bool(runner.unexamined),
            inputs=tuple(Port(name=argument.arg) for argument in _parameters(definition)),
        )
        facts = (_saved_in_train_mode(model, name, depending),) if depending else ()
        return Entry((name,), model, fixed=True, effects=effects, facts=facts, batch_first=None)


def _in_train_mode(graph: OperatorGraph, effects: Sequence[Effect]) -> list[Layer]:
    """The layers that run in train mode, surely or under a condition."""
    surely = [effect.layer for effect in effects if effect.kind is EffectKind.TRAIN_MODE]
    perhaps = [operation.layer for operation in under_a_condition(graph) if operation.layer.traits.mode_sensitive]
    return surely + perhaps


def _saved_in_train_mode(model: Model, name: str, layers: Sequence[Layer]) -> ModelCall:
    """A prediction by whoever does not call ``eval()``; it is not certain that they do not."""
    affected = tuple({layer.identity: layer for layer in layers}.values())
    return ModelCall(
        place=affected[0].called_at,
        model=model,
        through=f"signature {name!r}",
        training=Passing.ABSENT,
        modes=dict.fromkeys(KerasVersion, Mode.TRAIN),
        mode=Mode.TRAIN,
        purpose=Purpose.INFERENCE,
        affected=affected,
        mode_reason="it was saved so, unless whoever loads it calls eval()",
        certain=False,
        because=tuple((layer.called_at, f"{layer} was saved in train mode") for layer in affected[1:]),
    )


def _parameters(definition: ast.FunctionDef) -> list[ast.arg]:
    return definition.args.args[1:]
