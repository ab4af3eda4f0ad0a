"""What data is used for: which batches are trained on, which are evaluated on, and what evaluations leave out."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial

from modelint.documents import Site
from modelint.documents.trees import FOR_LOOPS, ForNode, words_in
from modelint.facts import DroppedSamples, Passing, Purpose
from modelint.frameworks.call_facts import EVALUATION_NAME, TRAINING_NAME, CallFacts
from modelint.frameworks.data.batching import Batching
from modelint.frameworks.data.feeding import counts_batches
from modelint.frameworks.data.rounding import rounding_of
from modelint.frameworks.events import CallEvent, DrawEvent, EvaluateEvent, Event, FitEvent
from modelint.frameworks.intent import loop_around, path_to
from modelint.program.statements import called_name
from modelint.program.values import Const


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
        evaluated = {*_batchings(evaluations), *_batchings(by_hand[Purpose.INFERENCE])}
        self._evaluated_at = _places(evaluated)
        self._only_evaluated = _shuffled(evaluated) - _shuffled(self._trained)
        self._training = by_hand[Purpose.TRAINING]

    def is_evaluated(self, batching: Batching) -> bool:
        """Whether what makes these batches also makes some that are evaluated on."""
        return _batched_at(batching) in self._evaluated_at

    def shuffles_no_training(self, draw: DrawEvent) -> bool:
        """Whether what is put into another order is seen to be evaluated on, and not to be trained on."""
        return draw in self._only_evaluated

    def dropped(self) -> Iterator[DroppedSamples]:
        """Evaluations that leave samples out."""
        for event in self.events:
            if isinstance(event, EvaluateEvent):
                in_training = is_named_training(event) and not self._has_own_loop(event)
                if event.one_batch and (in_training or self._is_trained_on(event.batching)):
                    continue  # a look at what is being trained on
                yield from self._by_pipeline(event.batching, event.site, certain=not _is_partial(event))
                yield from self._by_steps(event)
            elif isinstance(event, CallEvent) and self._evaluates(event):
                yield from self._by_pipeline(event.batching, event.site, certain=True)
                yield from self._by_rounds(event)

    def _evaluates(self, event: CallEvent) -> bool:
        """Whether a call is part of an evaluation of its data."""
        purpose, _, _ = self.calls.purpose(event)
        if is_named_training(event):  # then it may be a look at what is trained on
            is_meant = purpose is Purpose.INFERENCE or (purpose is Purpose.UNKNOWN and event.passing is Passing.FALSE)
            is_other = not event.tapes and not self._is_trained_on(event.batching)
            return is_meant and is_other and self._has_own_loop(event)
        return purpose is Purpose.INFERENCE and self.calls.is_evaluation(event)

    def _has_own_loop(self, event: CallEvent | EvaluateEvent) -> bool:
        """Whether the loop around a call is one in which nothing is trained."""
        loop = loop_around(event.site.script, event.site.node)
        return loop is not None and all(
            loop not in path_to(call.site.script, call.site.node) for call in self._training
        )

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
        drop = DroppedSamples(rounding.place, event.site, how, rounding.dropped, certain=not event.fixed_shapes)
        yield replace(drop, what=what) if what else drop

    def _by_rounds(self, event: CallEvent) -> Iterator[DroppedSamples]:
        """What a loop leaves out that takes a whole batch in each of ``range(samples // batch_size)`` rounds."""
        loop = loop_around(event.site.script, event.site.node)
        if not isinstance(loop, FOR_LOOPS) or not _takes_by_number(loop):
            return
        rounds = _rounds_of(loop)
        if rounds is None or self._is_evaluated_beside(event, loop):
            return
        interpreter = self.calls.trees.interpreter
        size = event.batching.size if event.batching is not None and isinstance(event.batching.size, int) else None
        rounding = rounding_of(rounds, interpreter, event.frame, partial(counts_batches, interpreter), size)
        if rounding is not None and not rounding.again and not rounding.short:
            how = "the number of rounds is rounded down"
            yield DroppedSamples(rounding.place, event.site, how, rounding.dropped)

    def _is_evaluated_beside(self, event: CallEvent, loop: ast.AST) -> bool:
        """Whether the function that a loop is in runs the model on something else, perhaps on the rest."""
        others = (one for one in self.calls.calls if one.frame is event.frame and one.model is event.model)
        return any(loop not in path_to(one.site.script, one.site.node) for one in others)


def _rounds_of(loop: ForNode) -> ast.expr | None:
    """The number of rounds of a loop over ``range(number)``."""
    over = loop.iter
    while isinstance(over, ast.Call) and over.args:
        name = called_name(over)
        if name in ("range", "trange"):
            is_number = len(over.args) + len(over.keywords) == 1 or name == "trange"
            return over.args[0] if is_number else None
        if name not in ("tqdm", "track", "progress_bar"):
            return None
        over = over.args[0]
    return None


def _takes_by_number(loop: ForNode) -> bool:
    """Whether each round takes a part of the data: that of its number, or the next one."""
    number = loop.target.id if isinstance(loop.target, ast.Name) else ""
    return any(name == number or "next" in name for name in words_in(*loop.body))


def _is_partial(event: EvaluateEvent) -> bool:
    """Whether it may be that an evaluation is not meant to run over all of the data, or cannot."""
    chosen = isinstance(event.steps, Const) and event.steps.value is not None
    return chosen or event.fixed_shapes


def is_named_training(event: CallEvent | EvaluateEvent) -> bool:
    """Whether the innermost function whose name says what it is for says that it trains."""
    for name in event.functions():
        if EVALUATION_NAME.search(name):
            return False
        if TRAINING_NAME.search(name):
            return True
    return False


def _batchings(events: Iterable[FitEvent | EvaluateEvent | CallEvent]) -> Iterator[Batching]:
    for event in events:
        if event.batching is not None:
            yield from event.batching.each()


def _shuffled(batchings: Iterable[Batching]) -> set[DrawEvent]:
    """What puts batches into another order."""
    return {draw for one in batchings for draw in one.shuffled}


def _places(batchings: Iterable[Batching]) -> set[ast.AST]:
    """The calls that make batches."""
    return {node for one in batchings if (node := _batched_at(one)) is not None}


def _batched_at(batching: Batching) -> ast.AST | None:
    return batching.site.node if batching.site is not None else None
