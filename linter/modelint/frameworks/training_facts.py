"""Training and evaluation runs judged: which batches they see, what drifts, what is left out."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping

from modelint.documents import Site
from modelint.documents.trees import descendants_of, same_code
from modelint.facts import (
    BatchReduction,
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
from modelint.frameworks.data.batching import Batching, size_of
from modelint.frameworks.data.data_facts import DataUse
from modelint.frameworks.data.extents import positions
from modelint.frameworks.data.feeding import is_one_batch
from modelint.frameworks.events import (
    CallEvent,
    Event,
    FitEvent,
    ModelEvent,
    ReductionEvent,
    ResetEvent,
    StaticBatchEvent,
    WriteEvent,
    is_test,
)
from modelint.frameworks.graph import GraphNode
from modelint.frameworks.intent import path_to, says_so
from modelint.frameworks.keras_modes import Entry
from modelint.frameworks.layers import LayerObject
from modelint.frameworks.models import Functional, Sequential
from modelint.frameworks.predictions import Predictions
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

_LEAVING_ONE = frozenset(
    (
        "Flatten",
        "GlobalAveragePooling1D",
        "GlobalAveragePooling2D",
        "GlobalMaxPooling1D",
        "GlobalMaxPooling2D",
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
        self.data = DataUse(events, calls)

    def runs(self) -> Iterator[TrainingRun]:
        """Fits and hand-written loops."""
        loops: set[object] = set()
        for event in self.events:
            if isinstance(event, FitEvent):
                yield from self._fits(event)
            elif isinstance(event, CallEvent) and event.batching is not None:
                yield from self._loops(event, event.batching, loops)

    def _loops(self, event: CallEvent, batching: Batching, seen: set[object]) -> Iterator[TrainingRun]:
        """The runs of a hand-written loop: of what all pipelines have in common that it may run over, and of each."""
        purpose, _, certain = self.calls.purpose(event)
        key = batching.site.node if batching.site is not None else None
        if purpose is not Purpose.TRAINING or key in seen:
            return
        for way in _ways(batching):
            for model in alternatives(event.model):
                run = self._loop(event, way, model, certain)
                if run.model.batchnorms:
                    seen.add(key)  # one batch size is one cause
                yield run

    def _fits(self, event: FitEvent) -> Iterator[TrainingRun]:
        batching = event.batching or Batching()
        for way in _ways(batching):
            for model in alternatives(event.model):
                yield self._fit(event, way, model)

    def _fit(self, event: FitEvent, batching: Batching, model: Value) -> TrainingRun:
        size, is_assumed = size_of(event.batch_size)
        place: Site | None = event.site if size is not None else batching.site
        if size is None and batching.size is not None:
            size, is_assumed = batching.size, batching.assumed
        elif size is None and event.through == "train_on_batch":
            size, place = batching.samples or _labels_of(event), None
        elif size is None and event.batch_size is None and batching.samples is not None and batching.site is None:
            size, place = DEFAULT_BATCH, None
        samples = _training_samples(event, batching)
        whole = event.through != "train_on_batch" and not is_one_batch(event.keywords["x"], batching)
        return TrainingRun(
            place=event.site,
            model=self.trees.model(model, event.order),
            through=event.through,
            batch_size=_interval(size),
            batch_place=place,
            remainder=_remainder(size, samples, batching) if whole else None,
            samples=samples,
            replicas=_replicas(event.scopes),
            positions=self._positions(event, model, event.keywords["x"]),
            resting=self._resting(event, model),
            certain=batching is (event.batching or batching) and not is_assumed and not isinstance(event.model, Union),
            among=_among(event, batching),
            deliberate=_meant(event.site, place),
            evaluated=self.data.is_evaluated(batching),
        )

    def _loop(self, event: CallEvent, batching: Batching, model: Value, certain: bool) -> TrainingRun:
        is_sure = batching is event.batching and batching.certain and not batching.assumed
        return TrainingRun(
            place=event.site,
            model=self.trees.model(model, event.order),
            through="loop",
            batch_size=_interval(batching.size),
            batch_place=batching.site,
            remainder=_remainder(batching.size, batching.samples, batching),
            samples=batching.samples,
            positions=self._positions(event, model, event.arguments[0] if event.arguments else None),
            certain=certain and is_sure and not isinstance(event.model, Union),
            among=_among(event, batching),
            deliberate=_meant(event.site, batching.site),
            evaluated=self.data.is_evaluated(batching),
        )

    def _resting(self, event: FitEvent, model: Value) -> frozenset[int]:
        """The BatchNorm layers that a fit runs in inference mode in all versions in play."""
        tree = self.trees.of(model, event.order)
        norms = [leaf for leaf in tree.leaves() if leaf.layer is not None and leaf.layer.is_batchnorm]
        awake: set[int] = set()
        for version in self.trees.versions if norms else ():
            found = self.trees.modes(tree, Entry.FIT, Passing.ABSENT, version)
            awake.update(leaf.key for leaf in norms if mode_of(found.get(leaf.key)) is not Mode.INFERENCE)
        kept = {leaf.layer.identity for leaf in norms if leaf.layer is not None and leaf.key in awake}
        return frozenset(leaf.layer.identity for leaf in norms if leaf.layer is not None) - kept

    def _positions(self, event: FitEvent | CallEvent, model: Value, data: Value | None) -> Mapping[int, int]:
        """Over how many positions of a sample each BatchNorm averages, as far as known."""
        if "channels_first" in event.site.script.text:
            return {}
        fed = data.shape[1:] if isinstance(data, Tensor) and data.shape else None
        single = dict.fromkeys(_on_single_positions(self.trees.model(model, event.order)), 1)
        return {**single, **positions(self.trees.interpreter, model, fed)}

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

    def reductions(self, predictions: Predictions) -> Iterator[BatchReduction]:
        """Operations that mix samples in forward passes."""
        for event in self.events:
            if isinstance(event, ReductionEvent):
                in_training = event.forward is not None and predictions.only_trains(event.forward.owner)
                yield BatchReduction(
                    event.site,
                    event.operation,
                    event.axis,
                    guarded=in_training or not event.reached & {None, False},
                    loss=_feeds_loss(event),
                    certain=event.forward is None or not event.forward.single,
                    function=event.function,
                    owner=event.owner,
                    because=event.forward_place(),
                )

    def writes(self) -> Iterator[StateWrite]:
        """Variables written in forward passes."""
        for event in self.events:
            if isinstance(event, WriteEvent):
                guarded = not event.reached & {None, False} or _is_first_time_only(event.site)
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


def _on_single_positions(model: Model) -> Iterator[int]:
    """The BatchNorm layers behind layers that leave one position a sample (Dense after Flatten or pooling).

    Where shapes are not known, for the first layer has none or the program's own forward pass calls them in this order.
    """
    single: bool | None = None
    for layer in model.layers:
        if layer.is_batchnorm and single:
            yield layer.identity
        elif layer.kind in _LEAVING_ONE:
            single = True
        elif layer.kind == "Dense" and single is None:
            single = True if not model.opaque and not any("Conv" in one.kind for one in model.layers) else None
        elif layer.kind not in _SHAPELESS:
            single = False


def _is_first_time_only(site: Site) -> bool:
    """Whether code stands under a test of an attribute that is set there: it runs once, to begin with."""
    for above in path_to(site.script, site.node):
        if isinstance(above, ast.If):
            tested = [one for one in descendants_of(above.test) if isinstance(one, ast.Attribute)]
            assigned = [one for one in descendants_of(*above.body) if isinstance(one, ast.Assign)]
            targets = [target for one in assigned for target in one.targets]
            if any(same_code(one, target) for one in tested for target in targets):
                return True
    return False


_LOSS_NAME = re.compile(
    r"loss|metric|accura|entropy|penalt|regulari|diverg|(^|_)kl(_|$)|(^|_)mse(_|$)|contrast|score", re.IGNORECASE
)


def _feeds_loss(event: ReductionEvent) -> bool:
    """Whether a reduction is part of a loss or metric, by the functions it happens in."""
    return event.loss or any(_LOSS_NAME.search(name) for name in event.functions())


def _meant(site: Site, batch_place: Site | None) -> str | None:
    """Why a batch size is taken for meant."""
    places = [site] if batch_place is None else [site, batch_place]
    if any(is_test(place.script.path) for place in places):
        return "a test"
    return next((told for place in places if (told := says_so(place)) is not None), None)


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


def _labels_of(event: FitEvent) -> int | None:
    """How many labels a batch is given, where they are made for it (``np.ones((batch_size, 1))``)."""
    labels = event.keywords.get("y")
    return labels.shape[0] or None if isinstance(labels, Tensor) and labels.shape else None


def _remainder(size: int | Range | None, samples: int | None, batching: Batching) -> Interval | None:
    if batching.drops is not False or batching.repeated is not False or not isinstance(size, int) or size < 2:
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


def _ways(batching: Batching) -> tuple[Batching, ...]:
    """What several ways of batching have in common, and each of them; one alone is both."""
    return (batching, *batching.others)


def _among(event: FitEvent | CallEvent, batching: Batching) -> Interval | None:
    """The batch sizes of all pipelines that an event may run over, where this is one of several."""
    return _interval(event.batching.size) if event.batching is not None and event.batching is not batching else None
