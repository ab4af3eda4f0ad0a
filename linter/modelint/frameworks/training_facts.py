"""Training and evaluation runs judged: which batches they see, what drifts, what is left out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import libcst

from modelint.documents import Site
from modelint.facts import (
    BatchReduction,
    DroppedSamples,
    FrozenDrift,
    Interval,
    KerasVersion,
    Mode,
    Model,
    Passing,
    Purpose,
    StateWrite,
    StaticBatch,
    TrainingRun,
)
from modelint.frameworks.call_facts import CallFacts
from modelint.frameworks.datasets import Batching, size_of
from modelint.frameworks.events import (
    CallEvent,
    EvaluateEvent,
    Event,
    FitEvent,
    ModelEvent,
    ReductionEvent,
    ResetEvent,
    StaticBatchEvent,
    WriteEvent,
)
from modelint.frameworks.graph import GraphNode
from modelint.frameworks.intent import is_test, says_so
from modelint.frameworks.keras_modes import Entry
from modelint.frameworks.layers import LayerObject
from modelint.frameworks.models import Functional, Sequential
from modelint.frameworks.structure import contains
from modelint.frameworks.tapes import Strategy
from modelint.frameworks.tensors import Tensor
from modelint.frameworks.trees import Trees, mode_of
from modelint.program.values import Const, Range, Union, Value, alternatives

_SHAPELESS = frozenset(
    (
        "Dense",
        "BatchNormalization",
        "Dropout",
        "Activation",
        "ReLU",
        "LeakyReLU",
        "ELU",
        "PReLU",
        "Softmax",
        "InputLayer",
    )
)

DEFAULT_BATCH = 32
"""``fit`` and ``evaluate`` of arrays without ``batch_size``."""


class TrainingFacts:
    """Judges the runs of one program."""

    def __init__(self, trees: Trees, events: list[Event], calls: CallFacts) -> None:
        self.trees = trees
        self.events = events
        self.calls = calls
        runs = [event for event in events if isinstance(event, FitEvent)]
        evaluations = [event for event in events if isinstance(event, EvaluateEvent)]
        by_hand = {purpose: [c for c in calls.calls if calls.purpose(c)[0] is purpose] for purpose in Purpose}
        self._trained = _batched(runs) | _batched(by_hand[Purpose.TRAINING])
        self._evaluated = _batched(evaluations) | _batched(by_hand[Purpose.INFERENCE])

    def runs(self) -> Iterator[TrainingRun]:
        """Fits and hand-written loops."""
        loops: set[object] = set()
        for event in self.events:
            if isinstance(event, FitEvent):
                for model in alternatives(event.model):
                    yield self._fit(event, model)
            elif isinstance(event, CallEvent) and event.batching is not None and event.batching.size is not None:
                purpose, _, certain = self.calls.purpose(event)
                key = event.batching.site.node if event.batching.site is not None else None
                if purpose is Purpose.TRAINING and key not in loops:
                    for model in alternatives(event.model):
                        run = self._loop(event, model, certain)
                        if run.model.batchnorms:
                            loops.add(key)  # one batch size is one cause
                        yield run

    def _fit(self, event: FitEvent, model: Value) -> TrainingRun:
        batching = event.batching or Batching()
        size, is_assumed = size_of(event.batch_size)
        place: Site | None = event.site if size is not None else batching.site
        if size is None and batching.size is not None:
            size, is_assumed = batching.size, batching.assumed
        elif size is None and event.through == "train_on_batch":
            size, place = batching.samples, None
        elif size is None and event.batch_size is None and batching.samples is not None and batching.site is None:
            size, place = DEFAULT_BATCH, None
        samples = _training_samples(event, batching)
        if event.through == "train_on_batch":
            remainder = None
        else:
            remainder = _remainder(size, samples, batching)
        return TrainingRun(
            place=event.site,
            model=self.trees.model(model, event.order),
            through=event.through,
            batch_size=_interval(size),
            batch_place=place,
            remainder=remainder,
            samples=samples,
            replicas=_replicas(event.scopes),
            spatial=self._spatial(self.trees.model(model, event.order)),
            certain=not is_assumed and not isinstance(event.model, Union),
            deliberate=_meant(event.site, place),
            evaluated=_batched_at(batching) in self._evaluated,
        )

    def _loop(self, event: CallEvent, model: Value, certain: bool) -> TrainingRun:
        batching = event.batching or Batching()
        return TrainingRun(
            place=event.site,
            model=self.trees.model(model, event.order),
            through="loop",
            batch_size=_interval(batching.size),
            batch_place=batching.site,
            remainder=_remainder(batching.size, batching.samples, batching),
            samples=batching.samples,
            spatial=self._spatial(self.trees.model(model, event.order)),
            certain=certain and not batching.assumed and not isinstance(event.model, Union),
            deliberate=_meant(event.site, batching.site),
            evaluated=_batched_at(batching) in self._evaluated,
        )

    def _spatial(self, model: Model) -> int | None:
        """1 if some BatchNorm follows layers that leave one position a sample (Dense after Flatten or pooling)."""
        single: bool | None = None
        for layer in model.layers:
            if layer.is_batchnorm and single:
                return 1
            if layer.kind in (
                "Flatten",
                "GlobalAveragePooling1D",
                "GlobalAveragePooling2D",
                "GlobalMaxPooling1D",
                "GlobalMaxPooling2D",
            ):
                single = True
            elif layer.kind == "Dense" and single is None:
                single = True if not model.opaque and not any("Conv" in one.kind for one in model.layers) else None
            elif layer.kind not in _SHAPELESS:
                single = False
        return None

    def drifts(self) -> Iterator[FrozenDrift]:
        """Backbones called with ``training=False`` whose BatchNorm a later fit trains all the same."""
        for event in self.events:
            if isinstance(event, FitEvent):
                for model in alternatives(event.model):
                    yield from self._drifts(event, model)

    def _drifts(self, event: FitEvent, model: Value) -> Iterator[FrozenDrift]:
        tree = self.trees.of(model, event.order)
        for child in tree.children:
            part = child.part
            if part is None or part.passing is not Passing.FALSE or isinstance(child.value, LayerObject):
                continue
            live = [
                leaf
                for leaf in child.leaves()
                if leaf.layer is not None and leaf.layer.is_batchnorm and not leaf.layer.frozen
            ]
            modes: dict[KerasVersion, Mode] = {}
            for version in self.trees.versions:
                found = self.trees.modes(tree, Entry.FIT, Passing.ABSENT, version)
                trained = any(mode_of(found.get(leaf.key)) is Mode.TRAIN for leaf in live)
                modes[version] = Mode.TRAIN if trained else Mode.INFERENCE
            if live and Mode.TRAIN in modes.values():
                layers = tuple(leaf.layer for leaf in live if leaf.layer is not None)
                base = self.trees.model(child.value, event.order)
                yield FrozenDrift(part.site, base, layers, event.site, modes)

    def dropped(self) -> Iterator[DroppedSamples]:
        """Evaluations that leave samples out."""
        for event in self.events:
            if isinstance(event, EvaluateEvent):
                yield from self._dropped(event)
            elif isinstance(event, CallEvent) and event.batching is not None and event.batching.drops:
                purpose, _, _ = self.calls.purpose(event)
                role_is_training = event.batching.role == "training"
                if purpose is Purpose.INFERENCE and not role_is_training and self.calls._is_evaluation(event):
                    yield from self._drop_of(event.batching, event.site)

    def _dropped(self, event: EvaluateEvent) -> Iterator[DroppedSamples]:
        if event.batching is not None and event.batching.drops:
            yield from self._drop_of(event.batching, event.site)
        if event.steps_place is not None:
            keyword = "validation_steps" if event.through == "validation" else "steps"
            yield DroppedSamples(event.steps_place, event.site, f"{keyword} is rounded down", event.steps_dropped)

    def _drop_of(self, batching: Batching, used_at: Site) -> Iterator[DroppedSamples]:
        place = batching.drop_site
        if place is not None and batching.role != "training":
            count = None
            if batching.samples is not None and isinstance(batching.size, int) and batching.size:
                count = batching.samples % batching.size
            trained = _batched_at(batching) in self._trained
            yield DroppedSamples(place, used_at, "drop_remainder=True", count, trained)

    def static_batches(self) -> Iterator[StaticBatch]:
        """Fixed batch dimensions."""
        for event in self.events:
            if isinstance(event, StaticBatchEvent):
                model = self._fed_by(event)
                carries = model is not None and any(layer.config.get("stateful") is True for layer in model.layers)
                enforced = event.how == "a reshape" or event.stateful or carries
                yield StaticBatch(event.site, event.how, event.size, enforced, event.owner, model)

    def _fed_by(self, event: StaticBatchEvent) -> Model | None:
        """The model that an input of fixed size is one of; of several, one with a stateful recurrent layer."""
        fed = [
            self.trees.model(made.model, made.order)
            for made in self.events
            if isinstance(made, ModelEvent) and event.node is not None and event.node in self._inputs_of(made.model)
        ]
        stateful = (model for model in fed if any(layer.config.get("stateful") is True for layer in model.layers))
        return next(stateful, fed[0] if fed else None)

    def _inputs_of(self, model: Value) -> list[GraphNode]:
        if isinstance(model, Functional):
            return list(model.inputs)
        if isinstance(model, Sequential):
            items = model.layers.items(self.trees.interpreter)
            return [item.symbolic for item in items if isinstance(item, Tensor) and item.symbolic is not None]
        return []

    def reductions(self) -> Iterator[BatchReduction]:
        """Operations that mix samples in forward passes."""
        for event in self.events:
            if isinstance(event, ReductionEvent):
                yield BatchReduction(
                    event.site,
                    event.operation,
                    event.axis,
                    not event.reached & {None, False},
                    _feeds_loss(event),
                    event.function,
                    event.owner,
                    because=event.forward_place(),
                )

    def writes(self) -> Iterator[StateWrite]:
        """Variables written in forward passes."""
        for event in self.events:
            if isinstance(event, WriteEvent):
                guarded = not event.reached & {None, False}
                yield StateWrite(event.site, event.how, guarded, event.owner, because=event.forward_place())
        yield from self._carried_states()

    def _carried_states(self) -> Iterator[StateWrite]:
        """Stateful recurrent layers that predict again and again, in a program that never resets them."""
        resets = [event for event in self.events if isinstance(event, ResetEvent)]
        runs: dict[int, list[CallEvent]] = {}
        for call in self.calls.calls:
            if self.calls.purpose(call)[0] is Purpose.INFERENCE:
                runs.setdefault(id(call.model), []).append(call)
        for calls in runs.values():
            if len(calls) < 2 and not calls[0].repeated:
                continue
            if any(contains(self.trees.interpreter, calls[0].model, reset.target) for reset in resets):
                continue
            for model in alternatives(calls[0].model):
                whole = self.trees.model(model, calls[0].order)
                for layer in whole.layers:
                    if layer.config.get("stateful") is True:
                        how = f"the state of {layer} is carried from one prediction to the next"
                        because = ((calls[-1].site, "predicts again here"),)
                        yield StateWrite(layer.place, how, guarded=False, model=whole, because=because)


_LOSS_NAME = re.compile(
    r"loss|metric|accura|entropy|penalt|regulari|diverg|(^|_)kl(_|$)|(^|_)mse(_|$)|contrast|score", re.IGNORECASE
)


def _feeds_loss(event: ReductionEvent) -> bool:
    """Whether a reduction is part of a loss or metric, by the functions it happens in."""
    return event.loss or any(_LOSS_NAME.search(name) for name in event.functions())


def _meant(site: Site, batch_place: Site | None) -> str | None:
    """Why a batch size is taken for meant."""
    if is_test(site.script.path):
        return "a test"
    return says_so(site) or (says_so(batch_place) if batch_place is not None else None)


def _interval(size: int | Range | None) -> Interval | None:
    if size is None:
        return None
    return Interval(size, size) if isinstance(size, int) else Interval(size.low, size.high)


def _training_samples(event: FitEvent, batching: Batching) -> int | None:
    data = event.keywords.get("x")
    samples = batching.samples
    if data is not None and isinstance(data, Value) and samples is None:
        tensor = None if data is None else getattr(data, "shape", None)
        samples = tensor[0] if tensor else None
    split = event.keywords.get("validation_split")
    if samples is None or split is None:
        return samples
    if isinstance(split, Const) and isinstance(split.value, (int, float)):
        return int(samples * (1 - split.value))
    return None


def _remainder(size: int | Range | None, samples: int | None, batching: Batching) -> Interval | None:
    if batching.drops or batching.drops is None or batching.repeated or not isinstance(size, int) or size < 2:
        return None
    if samples is None:
        return Interval(1, size - 1)
    left = samples % size
    return Interval(left, left) if left and samples > size else None


def _replicas(scopes: tuple[object, ...]) -> Interval:
    for scope in scopes:
        if isinstance(scope, Strategy):
            return Interval(scope.replicas.low, scope.replicas.high)
    return Interval(1, 1)


def _batched(events: Iterable[FitEvent | EvaluateEvent | CallEvent]) -> set[libcst.CSTNode]:
    """The calls that make the batches of some events."""
    return {node for event in events if (node := _batched_at(event.batching)) is not None}


def _batched_at(batching: Batching | None) -> libcst.CSTNode | None:
    return batching.site.node if batching is not None and batching.site is not None else None
