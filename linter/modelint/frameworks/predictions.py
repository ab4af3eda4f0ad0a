"""Which layers and models a program predicts with, and which it only trains, or feeds its pipelines with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from modelint.documents import Site
from modelint.facts import Purpose
from modelint.frameworks.call_facts import EVALUATION_NAME
from modelint.frameworks.events import CallEvent, EvaluateEvent, Event, FitEvent, ModelEvent, SaveEvent
from modelint.frameworks.structure import base_name, is_model_class
from modelint.frameworks.trees import Trees
from modelint.program.frames import Arguments
from modelint.program.values import UNKNOWN, Function, Instance, Value, alternatives

_HOW = {"validation": "fit validates with it here"}
_PREDICTING = frozenset(("predict", "predict_on_batch", "predict_generator", "predict_classes"))

PurposeOf = Callable[[CallEvent], tuple[Purpose, str, bool]]
"""What a call of a model is for, why this is thought, and whether it is certain."""

Runs = CallEvent | EvaluateEvent | FitEvent | SaveEvent


@dataclass(frozen=True, slots=True)
class Prediction:
    """Where a program predicts with a layer or model, and by what."""

    site: Site
    how: str


class Predictions:
    """What one program predicts with. It is found out when it is asked for first."""

    def __init__(self, trees: Trees, events: Sequence[Event], purpose: PurposeOf) -> None:
        self.trees = trees
        self.events = events
        self.interpreter = trees.interpreter
        self.purpose = purpose
        self._predicted: dict[int, Prediction] = {}
        self._run: set[int] = set()
        self._used: set[int] = set()  # run otherwise than by a training step
        self._is_examined = False

    def of(self, owner: Value) -> Prediction | None:
        """Where the program predicts with the layer or model that a forward pass belongs to."""
        self._examine()
        return self._predicted.get(id(owner))

    def excludes(self, owner: Value) -> bool:
        """Whether a layer or model is run, but plainly not for predictions.

        So it is of a layer that is part of no model (a pipeline runs it), and of anything that only training runs where
        the program predicts with other models.
        """
        self._examine()
        if id(owner) not in self._run or id(owner) in self._predicted:
            return False
        return bool(self._predicted) or not (self._is_model(owner) or id(owner) in self._parts)

    def only_trains(self, owner: Value) -> bool:
        """Whether nothing but training steps run a layer or model, and the program predicts with others."""
        self._examine()
        return bool(self._predicted) and id(owner) in self._run and id(owner) not in self._used

    def _examine(self) -> None:
        if self._is_examined:
            return
        self._is_examined = True
        for event in tuple(self.events):  # forward passes that are run here add to them
            if isinstance(event, Runs):
                self._note(event)

    @cached_property
    def _made(self) -> list[Value]:
        made = (event.model for event in self.events if isinstance(event, ModelEvent))
        return [value for model in made for value in alternatives(model)]

    def _note(self, event: Runs) -> None:
        for model in alternatives(event.model):
            how = self._how(event, model)
            for part in self._held_by(event, model):
                self._run.add(id(part))
                if not isinstance(event, CallEvent) or self.purpose(event)[0] is not Purpose.TRAINING:
                    self._used.add(id(part))
                if how:
                    self._predicted.setdefault(id(part), Prediction(event.site, how))

    def _how(self, event: Runs, model: Value) -> str:
        """In which words an event predicts with a model; empty if it does not."""
        match event:
            case SaveEvent():
                return "it is saved here, to be run elsewhere"
            case EvaluateEvent(through=through):
                replaced = self._has_own(model, "predict_step" if through in _PREDICTING else "test_step")
                return "" if replaced else _HOW.get(through, f"{through} runs it here")
            case CallEvent() if not event.through.startswith("predict"):
                return "it is run here for a prediction" if self._predicts(event, model) else ""
        return ""

    def _predicts(self, event: CallEvent, model: Value) -> bool:
        """Whether a call predicts, or is a step of a function that does."""
        in_evaluation = any(EVALUATION_NAME.search(name) for name in event.functions())
        match self.purpose(event)[0]:
            case Purpose.INFERENCE:  # that a layer's own result is only shown says nothing
                return self._is_model(model) or in_evaluation or bool(event.uses & {"decision", "metric"})
            case Purpose.FORWARD:
                return in_evaluation
        return False

    def _held_by(self, event: Event, model: Value) -> list[Value]:
        """A model and all that its forward pass runs."""
        if isinstance(event, CallEvent):
            arguments = Arguments(event.arguments, event.keywords, event.site.node, event.frame)
        else:
            arguments = Arguments((UNKNOWN,), {}, event.site.node, event.frame)
        return [node.value for node in self.trees.of(model, event.order, arguments).all()]

    def _is_model(self, value: Value) -> bool:
        if isinstance(value, Instance):
            return is_model_class(base_name(self.interpreter, value))
        return any(value is model for model in self._made)

    @cached_property
    def _parts(self) -> frozenset[int]:
        """What is part of a model, or of another layer."""
        latest = max((event.order for event in self.events), default=0) + 1
        instances = [one for one in self.interpreter.instances.values() if base_name(self.interpreter, one) is not None]
        return frozenset(
            id(node.value)
            for whole in (*self._made, *instances)
            for node in self.trees.of(whole, latest).all()
            if node.value is not whole
        )

    def _has_own(self, model: Value, method: str) -> bool:
        return isinstance(model, Instance) and isinstance(self.interpreter.class_attribute(model.cls, method), Function)
