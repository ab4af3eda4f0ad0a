"""A model file as a program: the facts that the rules judge.

What running an entry does becomes the same facts that a script's forward pass has; several names under which the same
is served, and several calls of one layer, are one fact.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from modelint.artifacts.batch_flow import static_batch
from modelint.artifacts.model_file import Effect, EffectKind, Entry, ModelFile
from modelint.facts import (
    BatchReduction,
    Fact,
    Governor,
    HardWiredMode,
    KerasVersion,
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
from modelint.finding import Located, Place


def program_of(file: ModelFile, settings: Settings) -> Program:
    """All facts of a model file. It trains nothing: it is only served. The version that wrote it is the one in play."""
    if file.keras_version is not None:
        settings = replace(settings, versions=(file.keras_version,), versions_known=True)
    facts = tuple(fact for entry in file.entries for fact in _facts(file, entry, settings))
    return Program(file.path, facts, settings)


def _facts(file: ModelFile, entry: Entry, settings: Settings) -> Iterator[Fact]:
    yield entry.model
    for fact in entry.facts:
        yield from _in_play(fact, settings)
    if entry.fixed:
        yield from _train_mode(file, entry, settings)
    caused = any(effect.kind in (EffectKind.TRAIN_MODE, EffectKind.MIXES) for effect in entry.effects)
    moving = [effect for effect in entry.effects if effect.moving]
    for effect in entry.effects:
        if not effect.moving:
            yield from _effect(effect, entry)
    if moving and not caused:  # a BatchNorm in train mode is one cause, and one finding
        yield from _effect(moving[0], entry, also=moving[1:])
    yield from _static_batch(file, entry)


def _in_play(fact: Fact, settings: Settings) -> Iterator[Fact]:
    """A fact that a reader found for all versions that may have written the file, for those that the project names."""
    if not settings.versions_known or not isinstance(fact, (HardWiredMode, ModelCall)):
        yield fact
    elif isinstance(fact, HardWiredMode):
        predicting = _of_versions(fact.modes_in_predict, settings)
        if predicting:
            called = _of_versions(fact.modes_when_called, settings)
            yield replace(fact, modes_in_predict=predicting, modes_when_called=called)
    else:
        modes = _of_versions(fact.modes, settings)
        agreed = set(modes.values())
        if agreed - {Mode.INFERENCE}:
            yield replace(fact, modes=modes, mode=agreed.pop() if len(agreed) == 1 else Mode.UNKNOWN)


def _of_versions(modes: Mapping[KerasVersion, Mode], settings: Settings) -> dict[KerasVersion, Mode]:
    """The modes in the versions in play; all of them if the file cannot be of any of these."""
    return {version: mode for version, mode in modes.items() if version in settings.versions} or dict(modes)


def _train_mode(file: ModelFile, entry: Entry, settings: Settings) -> Iterator[Fact]:
    effects = [effect for effect in entry.effects if effect.kind is EffectKind.TRAIN_MODE]
    effects.sort(key=lambda effect: not effect.layer.is_batchnorm)  # what mixes samples before what only draws
    layers = tuple({effect.layer.identity: effect.layer for effect in effects}.values())
    if layers:
        first = layers[0]
        yield ModelCall(
            place=first.called_at,
            model=entry.model,
            through=f"signature {entry.names[0]!r}",
            training=Passing.ABSENT,
            modes=dict.fromkeys(settings.versions, Mode.TRAIN),
            mode=Mode.TRAIN,
            purpose=Purpose.INFERENCE,
            affected=layers,
            mode_reason="it was saved so" + (", unless a caller says otherwise" if effects[0].by_default else ""),
            evaluated=True,
            because=(
                *_written_at(layers[:1], "written here"),
                *((layer.called_at, f"{layer} runs in train mode") for layer in layers[1:]),
                *((effect.layer.called_at, f"a call overwrites {effect.what}") for effect in _moved(entry, layers)),
            ),
        )


def _moved(entry: Entry, layers: Iterable[Layer]) -> Iterator[Effect]:
    """The moving statistics that layers in train mode overwrite."""
    identities = {layer.identity for layer in layers}
    return (effect for effect in entry.effects if effect.moving and effect.layer.identity in identities)


def _written_at(layers: Iterable[Layer], words: str) -> Iterator[tuple[Located, str]]:
    """Where the source of a layer is, of those whose file knows it."""
    return ((layer.place, words) for layer in layers if layer.place.resolve() != layer.called_at.resolve())


def _effect(effect: Effect, entry: Entry, also: Iterable[Effect] = ()) -> Iterator[Fact]:
    layer = effect.layer
    served = f"served by {' and '.join(map(repr, entry.names))}"
    because = (
        *_written_at([layer], f"written here, {served}"),
        *((one.layer.called_at, f"a call overwrites {one.what}, too") for one in also),
    )
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
    if effect.kind is EffectKind.WRITES and effect.affects_prediction and not effect.random_state:
        yield StateWrite(layer.called_at, effect.what, guarded=False, because=because)


def _static_batch(file: ModelFile, entry: Entry) -> Iterator[Fact]:
    model = entry.model
    agreed = entry.batch_first or static_batch(model.inputs, model.outputs) is not None
    if entry.batch_first is None or not agreed:
        return
    fewest_axes = 1 if entry.batch_first else 2
    for port in model.inputs:
        size = port.shape[0] if port.shape and len(port.shape) >= fewest_axes else None
        if isinstance(size, int):
            how = f"the input {port.name!r} of {entry.names[0]!r}" if port.name else f"an input of {entry.names[0]!r}"
            # Keras itself feeds any batch to a model with a fixed one, unless a layer keeps a state for each row.
            stateful = any(layer.traits.writes_state_at_inference for layer in model.layers)
            enforced = (entry.fixed and not entry.resizable) or stateful
            place = Place(file.path, node=port.name or entry.names[0])
            yield StaticBatch(place, how, size, enforced=enforced, model=model)
            return
