"""A model file as a program: the facts that the rules judge.

What running an entry does becomes the same facts that a script's forward pass has; several names under which the same
is served, and several calls of one layer, are one fact.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from modelint.artifacts.model_file import Effect, EffectKind, Entry, ModelFile
from modelint.facts import (
    BatchReduction,
    Fact,
    Governor,
    Layer,
    Mode,
    ModelCall,
    Passing,
    Program,
    Purpose,
    RandomSource,
    Settings,
    StateWrite,
    StaticBatch,
)
from modelint.finding import Place


def program_of(file: ModelFile, settings: Settings) -> Program:
    """All facts of a model file. It trains nothing: it is only served. The version that wrote it is the one in play."""
    if file.keras_version is not None:
        settings = replace(settings, versions=(file.keras_version,), versions_known=True)
    facts = tuple(fact for entry in file.entries for fact in _facts(file, entry, settings))
    return Program(file.path, facts, settings)


def node_place(path: str, layer: Layer) -> Place:
    """The place of a layer in a model file: its path through the nested models."""
    return Place(path, node="/".join((*layer.path, layer.name or layer.kind)))


def _facts(file: ModelFile, entry: Entry, settings: Settings) -> Iterator[Fact]:
    yield entry.model
    yield from entry.facts
    if entry.fixed:
        yield from _train_mode(file, entry, settings)
    for effect in entry.effects:
        yield from _effect(effect, entry)
    yield from _static_batch(file, entry)


def _train_mode(file: ModelFile, entry: Entry, settings: Settings) -> Iterator[Fact]:
    effects = [effect for effect in entry.effects if effect.kind is EffectKind.TRAIN_MODE]
    layers = tuple({effect.layer.identity: effect.layer for effect in effects}.values())
    if layers:
        first = layers[0]
        yield ModelCall(
            place=first.called_at,
            model=entry.model,
            through=entry.names[0],
            training=Passing.ABSENT,
            modes=dict.fromkeys(settings.versions, Mode.TRAIN),
            mode=Mode.TRAIN,
            purpose=Purpose.INFERENCE,
            affected=layers,
            mode_reason="it was saved so" + (", unless a caller says otherwise" if effects[0].by_default else ""),
            evaluated=True,
            because=tuple((layer.called_at, f"{layer} runs in train mode") for layer in layers[1:]),
        )


def _effect(effect: Effect, entry: Entry) -> Iterator[Fact]:
    layer = effect.layer
    served = f"served by {' and '.join(map(repr, entry.names))}"
    because = ((layer.place, served),) if layer.place.resolve() != layer.called_at.resolve() else ()
    if effect.kind is EffectKind.MIXES:
        yield BatchReduction(layer.called_at, effect.what, effect.axis, guarded=False, because=because)
    if effect.kind is EffectKind.DRAWS:
        yield RandomSource(
            place=layer.called_at,
            kind="operation",
            what=effect.what,
            seed=effect.seed,
            seeded_by=Governor.NOTHING if effect.seed is None else Governor.ARGUMENT,
            in_forward=True,
            reaches_prediction=effect.affects_prediction,
            because=because,
        )
    if effect.kind is EffectKind.WRITES and not effect.random_state:
        yield StateWrite(layer.called_at, effect.what, guarded=False, because=because)


def _static_batch(file: ModelFile, entry: Entry) -> Iterator[Fact]:
    for port in entry.model.inputs:
        size = port.shape[0] if port.shape else None
        if isinstance(size, int):
            how = f"the input {port.name!r} of {entry.names[0]!r}" if port.name else f"an input of {entry.names[0]!r}"
            yield StaticBatch(Place(file.path, node=port.name or entry.names[0]), how, size, enforced=entry.fixed)
            return
