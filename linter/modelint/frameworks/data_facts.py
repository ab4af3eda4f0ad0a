"""What data is used for: which batches are trained on, which are evaluated on, and what evaluations leave out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import libcst

from modelint.documents import Site
from modelint.facts import DroppedSamples, Passing, Purpose
from modelint.frameworks.batching import Batching
from modelint.frameworks.call_facts import CallFacts
from modelint.frameworks.events import CallEvent, EvaluateEvent, Event, FitEvent
from modelint.program.values import NONE

OTHER = frozenset((Purpose.INFERENCE, Purpose.UNKNOWN))


class DataUse:
    """The batches of one program by what is done with them."""

    def __init__(self, events: list[Event], calls: CallFacts) -> None:
        self.events = events
        self.calls = calls
        fits = [event for event in events if isinstance(event, FitEvent)]
        evaluations = [event for event in events if isinstance(event, EvaluateEvent)]
        by_hand = {purpose: [c for c in calls.calls if calls.purpose(c)[0] is purpose] for purpose in Purpose}
        self._trained = {*_batchings(fits), *_batchings(by_hand[Purpose.TRAINING])}
        self._trained_at = _places(self._trained)
        self._evaluated_at = _places({*_batchings(evaluations), *_batchings(by_hand[Purpose.INFERENCE])})
        self._trained_models = {id(call.model) for call in by_hand[Purpose.TRAINING]}

    def is_evaluated(self, batching: Batching) -> bool:
        """Whether what makes these batches also makes some that are evaluated on."""
        return _batched_at(batching) in self._evaluated_at

    def dropped(self) -> Iterator[DroppedSamples]:
        """Evaluations that leave samples out."""
        for event in self.events:
            if isinstance(event, EvaluateEvent):
                if event.one_batch and self._is_trained_on(event.batching):
                    continue  # a look at what is being trained on
                yield from self._by_pipeline(event.batching, event.site, certain=not _is_partial(event))
                yield from self._by_steps(event)
            elif isinstance(event, CallEvent) and self._evaluates(event):
                yield from self._by_pipeline(event.batching, event.site, certain=True)

    def _evaluates(self, event: CallEvent) -> bool:
        """Whether the result of a call is compared with what it should be."""
        purpose, _, _ = self.calls.purpose(event)
        if purpose is Purpose.INFERENCE and self.calls._is_evaluation(event):
            return True
        # beside the training of the same model, on data of its own
        is_validation = purpose in OTHER and event.passing is Passing.FALSE and not event.tapes
        return is_validation and id(event.model) in self._trained_models and not self._is_trained_on(event.batching)

    def _is_trained_on(self, batching: Batching | None) -> bool:
        return batching is not None and not self._trained.isdisjoint(batching.each())

    def _by_pipeline(self, batching: Batching | None, used_at: Site, *, certain: bool) -> Iterator[DroppedSamples]:
        for way in batching.each() if batching is not None else ():
            if way.drops and way.drop_site is not None and way.role != "training":
                trained = _batched_at(way) in self._trained_at
                sure = certain and way not in self._trained and way.repeated is not None
                yield DroppedSamples(way.drop_site, used_at, way.how, way.left_over, trained=trained, certain=sure)

    def _by_steps(self, event: EvaluateEvent) -> Iterator[DroppedSamples]:
        rounding = event.rounding
        if rounding is None:
            return
        steps = "validation_steps" if event.through == "validation" else "steps"
        if rounding.again:
            how, what = f"{steps} divides the number of batches by the batch size once more", "most batches"
        elif rounding.short:
            how = f"{steps} is less than the number of batches"
            what = "the last batch" if rounding.short == 1 else f"the last {rounding.short} batches"
        else:
            how, what = f"{steps} is rounded down", ""
        drop = DroppedSamples(rounding.place, event.site, how, rounding.dropped)
        yield replace(drop, what=what) if what else drop


def _is_partial(event: EvaluateEvent) -> bool:
    """Whether it may be that an evaluation is not meant to run over all of the data, or cannot."""
    chosen = event.steps is not None and event.steps != NONE
    return chosen or event.fixed_shapes


def _batchings(events: Iterable[FitEvent | EvaluateEvent | CallEvent]) -> Iterator[Batching]:
    for event in events:
        if event.batching is not None:
            yield from event.batching.each()


def _places(batchings: Iterable[Batching]) -> set[libcst.CSTNode]:
    """The calls that make batches."""
    return {node for one in batchings if (node := _batched_at(one)) is not None}


def _batched_at(batching: Batching) -> libcst.CSTNode | None:
    return batching.site.node if batching.site is not None else None
