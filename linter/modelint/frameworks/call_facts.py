"""Model calls judged: the mode they end up in, and what their result is for."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from modelint.documents import Site
from modelint.documents.trees import NodePart, same_code
from modelint.facts import Because, Comparison, KerasVersion, Layer, Mode, Model, ModelCall, Passing, Purpose
from modelint.frameworks.data.batching import Batching
from modelint.frameworks.events import CallEvent, CompareEvent, Event, GradientEvent, ModeEvent
from modelint.frameworks.given import GivenNetwork
from modelint.frameworks.graph import passing_of
from modelint.frameworks.handed_on import is_literal, mode_written
from modelint.frameworks.intent import are_side_by_side, first_given, is_named_so, is_sampling, iterated_over, says_so
from modelint.frameworks.keras_modes import ALWAYS, Entry
from modelint.frameworks.layers import LayerObject
from modelint.frameworks.models import OpaqueModel, model_parameters, training_position
from modelint.frameworks.structure import contains, mode_parameter
from modelint.frameworks.tensors import Tensor
from modelint.frameworks.trees import Tree, Trees, mode_of
from modelint.program.frames import Arguments, Frame
from modelint.program.statements import dotted_name
from modelint.program.values import Function, Instance, Union, Unknown, Value, alternatives

EVALUATION_NAME = re.compile(
    r"(^|_)(test|tests|testing|eval|evaluate|evaluation|valid|validate|validation|val|predict|prediction|predictions|infer|inference"
    r"|serve|serving|score|accuracy)(_|$|step|ing)",
    re.IGNORECASE,
)
TRAINING_NAME = re.compile(r"train|grad|optimi[sz]|backward|(^|_)(fit|learn|update|loss)(_|$)", re.IGNORECASE)
GENERATION_NAME = re.compile(
    r"(^|_)(generate|sample|translate|demo|detect|recognize|classify|caption|transcribe)(_|$)", re.IGNORECASE
)
SERVING_NAME = re.compile(
    r"(^|_)(evaluate|valid|validate|validation|predict|infer|inference|serve|serving)(_|$|step)", re.IGNORECASE
)
MOST_STEPS_SHOWN = 6
DECISIVE = frozenset(("decision", "numpy", "metric"))
ENTRIES = {
    "call": Entry.BYPASS,
    "evaluate": Entry.EVALUATE,
    "fit": Entry.FIT,
}


class CallFacts:
    """Judges the calls of one program."""

    def __init__(self, trees: Trees, events: list[Event]) -> None:
        self.trees = trees
        self.calls = [event for event in events if isinstance(event, CallEvent)]
        self.gradients = [event for event in events if isinstance(event, GradientEvent)]
        self.events = events
        self._held: dict[tuple[Value, Value], bool] = {}
        self._purposes: dict[CallEvent, tuple[Purpose, str, bool]] = {}

    def facts(self) -> Iterator[ModelCall]:
        """One fact per call of a model."""
        seen: set[object] = set()
        for event in self.calls:
            for model in alternatives(event.model):
                purpose = self.purpose(event)
                key = (event.site.node, id(model), event.passing, purpose, event.reached, event.learning_phase)
                if key not in seen:
                    seen.add(key)
                    yield self._fact(event, model)

    # purpose

    def purpose(self, event: CallEvent) -> tuple[Purpose, str, bool]:
        """What the result is for, why this is thought, and whether it is certain."""
        if event not in self._purposes:
            self._purposes[event] = self._judge(event)
        return self._purposes[event]

    def _judge(self, event: CallEvent) -> tuple[Purpose, str, bool]:
        if event.through.startswith("predict"):
            return Purpose.INFERENCE, "predict gives predictions", True
        if event.through == "export":
            return Purpose.INFERENCE, "what is exported gives predictions", True
        trained = self._trained(event)
        if trained is not None:
            return trained
        if any(event in gradient.calls for gradient in self.gradients):
            return Purpose.UNKNOWN, "", False
        if event.tapes and not self._is_evaluated_under_tape(event):
            return Purpose.UNKNOWN, "", False
        if "layer" in event.uses:
            return Purpose.FORWARD, "its result is the input of a layer", True
        if event.dropped or self._is_warm_up(event):
            return Purpose.DROPPED, "its result is not used", True
        return self._inference(event)

    def _is_evaluated_under_tape(self, event: CallEvent) -> bool:
        """Whether a call under a tape, of which no gradient is taken, is part of an evaluation by a function's name."""
        used = any(gradient.tape in event.tapes for gradient in self.gradients)
        return not used and any(map(EVALUATION_NAME.search, event.functions()))

    def _is_warm_up(self, event: CallEvent) -> bool:
        """Whether a model is run on made-up numbers, to build it or to look at shapes."""
        if "literal input" not in event.uses or event.uses & {"decision", "metric"}:
            return False
        return not any(SERVING_NAME.search(name) for name in event.functions())

    def _trained(self, event: CallEvent) -> tuple[Purpose, str, bool] | None:
        for gradient in self.gradients:
            reaches = event in gradient.calls
            if gradient.tape is not None and gradient.tape not in event.tapes:
                continue
            if not reaches and (gradient.tape is None or gradient.target_known or "stop_gradient" in event.uses):
                continue
            owned = event.through == "stateless_call" or self._owned(gradient, event.model)
            if owned is True:
                certain = reaches or not isinstance(event.model, OpaqueModel)
                return Purpose.TRAINING, "its result is differentiated with respect to its own weights", certain
            if owned is None and gradient.applied:
                return Purpose.TRAINING, "its result is differentiated, and the gradient applied", False
            if isinstance(event.model, LayerObject) and reaches and gradient.applied:  # it has no weights of its own
                return Purpose.TRAINING, "its result is differentiated, and the gradient applied", True
        return None

    def _owned(self, gradient: GradientEvent, model: Value) -> bool | None:
        """Whether a gradient is taken with respect to a model's own weights; None if that is not known."""
        owners = owners_of(self.trees, gradient.sources)
        if owners is None:
            return None
        return any(self._holds(owner, model) or self._holds(model, owner) for owner in owners)

    def _holds(self, whole: Value, part: Value) -> bool:
        key = (whole, part)
        if key not in self._held:
            self._held[key] = contains(self.trees.interpreter, whole, part)
        return self._held[key]

    def _inference(self, event: CallEvent) -> tuple[Purpose, str, bool]:
        names = event.functions()
        for name in names:  # innermost first
            if EVALUATION_NAME.search(name):
                return Purpose.INFERENCE, f"it is called in {name}", True
            if TRAINING_NAME.search(name):
                data = evaluation_data(event)
                if data is not None:
                    return Purpose.INFERENCE, f"it is called on each batch of {data}", True
                return Purpose.UNKNOWN, "", False
        if event.uses & {"decision", "metric"}:
            return Purpose.INFERENCE, "its result is turned into decisions or metrics", True
        for name in names:
            if GENERATION_NAME.search(name):
                return Purpose.INFERENCE, f"it is called in {name}", True
        if event.uses & DECISIVE or "print" in event.uses:
            return Purpose.INFERENCE, "its result leaves the program", True
        return Purpose.UNKNOWN, "", False

    def is_evaluation(self, event: CallEvent) -> bool:
        if event.uses & {"decision", "metric"}:
            return True
        looked_at = any(how != "shape" for how in event.uses)
        by_name = evaluation_data(event) is not None or any(map(EVALUATION_NAME.search, event.functions()))
        return looked_at and by_name

    # modes

    def _fact(self, event: CallEvent, model: Value) -> ModelCall:
        arguments = Arguments(event.arguments, event.keywords, event.site.node, event.frame)
        tree = self.trees.of(model, event.order, arguments)
        fact = self.trees.model(model, event.order, arguments)
        entry = ENTRIES.get(event.through, Entry.PREDICT if event.through.startswith("predict") else Entry.CALL)
        if tree.by_hand and entry is Entry.CALL:
            entry = Entry.BYPASS
        modes: dict[KerasVersion, Mode] = {}
        affected: dict[int, Layer] = {}
        leaves = [leaf for leaf in tree.leaves() if leaf.layer is not None and leaf.layer.traits.mode_sensitive]
        asked = [leaf for leaf in leaves if not is_literal_mode(leaf, model)]
        resolved = {
            version: self.trees.modes(tree, entry, event.passing, version, event.learning_phase)
            for version in self.trees.versions
        }
        for version, found in resolved.items():
            if not found and any(resolved.values()):
                continue  # the call raises there, so that is not what the program runs under
            by_leaf = [(leaf, mode_of(found.get(leaf.key))) for leaf in asked if leaf.key in found or found]
            modes[version] = summary([mode for _, mode in by_leaf])
            for leaf, mode in by_leaf:
                if mode is modes[version] and leaf.layer is not None:
                    affected.setdefault(leaf.layer.identity, leaf.layer)
        agreed = set(modes.values())
        purpose, reason, certain = self.purpose(event)
        return ModelCall(
            place=event.site,
            model=fact,
            through=event.through,
            training=event.passing,
            modes=modes,
            mode=agreed.pop() if len(agreed) == 1 else Mode.UNKNOWN,
            purpose=purpose,
            affected=tuple(affected.values()),
            mode_reason=self._mode_reason(event, tree),
            purpose_reason=reason,
            deliberate=self._deliberate(event, purpose),
            evaluated=purpose is Purpose.INFERENCE and self.is_evaluation(event),
            certain=certain
            and (not event.presumed or bool(event.uses & DECISIVE))
            and not isinstance(event.model, Union)
            and event.reached == ALWAYS
            and not (affected and all(layer.perhaps_frozen for layer in affected.values())),
            function=event.function,
            training_position=training_position(self.trees.interpreter, model),
            flag=self._flag(event),
            bypass=bypass_of(event.site) if event.through in ("call", "forward") else None,
            from_inside=is_inside(event, model) or self._is_own_endpoint(event, model),
            set_globally=event.learning_phase is not None and event.passing is not Passing.TRUE,
            because=self._because(event, fact, affected),
        )

    def _flag(self, event: CallEvent) -> Passing:
        """How a call passes a model's own parameter for the mode, where Keras does not know it by its name."""
        model = event.model
        method = self.trees.interpreter.class_attribute(model.cls, "call") if isinstance(model, Instance) else None
        if not isinstance(method, Function):
            return Passing.ABSENT
        parameter, _ = mode_parameter(method)
        if parameter in (None, "training"):
            return Passing.ABSENT
        names = model_parameters(self.trees.interpreter, model)
        given = {**dict(zip(names, event.arguments, strict=False)), **event.keywords}
        return passing_of(given.get(parameter or ""))

    def _asks_for_train_mode(self, event: CallEvent) -> bool:
        return Passing.TRUE in (event.passing, self._flag(event))

    def _is_own_endpoint(self, event: CallEvent, model: Value) -> bool:
        """Whether what is called is an attribute in which the model keeps its forward pass under another name."""
        called = event.site.node.func if isinstance(event.site.node, ast.Call) else None
        if not isinstance(called, ast.Attribute) or not isinstance(model, Instance):
            return False
        return self.trees.interpreter.store.get(model.identity, called.attr) is not None

    def _mode_reason(self, event: CallEvent, tree: Tree) -> str:
        if event.passing is Passing.TRUE:
            return "training=True"
        if event.learning_phase is not None:
            return f"set_learning_phase({int(event.learning_phase)})"
        if tree.default is Passing.TRUE:
            return f"{tree.parameter} defaults to True"
        leak = next(
            (leaf.layer for leaf in tree.leaves() if leaf.layer is not None and leaf.layer.traits.leaks_train_mode),
            None,
        )
        return f"{leak} switches the rest of the model to train mode" if leak is not None else ""

    def _because(self, event: CallEvent, model: Model, affected: dict[int, Layer]) -> Because:
        phases = [one for one in self.events if isinstance(one, ModeEvent) and one.order < event.order]
        return (
            (model.origin, f"{model.kind} is {'given' if isinstance(event.model, GivenNetwork) else 'made'} here"),
            *((layer.place, f"it contains {layer}") for layer in list(affected.values())[:3]),
            *((phase.site, "the mode of every call is set here") for phase in phases[-1:]),
            *called_under_a_tape(event),
        )

    def _deliberate(self, event: CallEvent, purpose: Purpose) -> str | None:
        if purpose not in (Purpose.INFERENCE, Purpose.TRAINING):
            return None
        if event.in_unit_test:
            return "a unit test"
        told = says_so(event.site) or is_named_so(event)
        if told is not None:
            return told
        if purpose is Purpose.TRAINING:
            frozen = isinstance(event.model, OpaqueModel) and self.trees.is_frozen((event.model,), event.order)
            return "its weights are frozen" if frozen else None
        asks = self._asks_for_train_mode(event)
        if asks and is_sampling(event):
            return "many stochastic passes"
        if asks and self._shown_in_both_modes(event):
            return "shown in both modes"
        return None

    def _shown_in_both_modes(self, event: CallEvent) -> bool:
        """The same model run with True and with False beside each other: a demonstration, or teacher forcing."""
        return any(
            other is not event
            and other.model is event.model
            and other.frame is event.frame
            and not other.tapes
            and other.passing in (Passing.FALSE, Passing.ABSENT)
            and not self._asks_for_train_mode(other)
            and are_side_by_side(event.site, other.site)
            for other in self.calls
        )


def called_under_a_tape(event: CallEvent) -> Because:
    """The calls by which a training step comes, from under its tape, to the function that a model is run in."""
    for tape in reversed(event.tapes):
        steps: list[tuple[Site, str]] = []
        scope = event.frame
        while scope is not tape.frame and scope.caller is not None and scope.caller.module is not None:
            if scope.called_from is None or len(steps) > MOST_STEPS_SHOWN:
                break
            who = "the training step" if scope.caller is tape.frame else "which"
            steps.append((scope.caller.module.script.site(scope.called_from), f"{who} calls {scope.name} here"))
            scope = scope.caller
        if scope is tape.frame:
            return tuple(reversed(steps))
    return ()


def evaluation_data(event: CallEvent) -> str | None:
    """The name of the data that the loop around a call goes over, if it says that they are for evaluating."""
    names = iterated_over(event.site)
    if any(TRAINING_NAME.search(name) for name in names):
        return None
    return next((name for name in names if EVALUATION_NAME.search(name)), None)


def summary(modes: list[Mode]) -> Mode:
    """The mode of a call: train if any layer is, unknown if any is not known, else inference."""
    if Mode.TRAIN in modes:
        return Mode.TRAIN
    if Mode.UNKNOWN in modes or not modes:
        return Mode.UNKNOWN
    return Mode.INFERENCE


def is_literal_mode(leaf: Tree, inside: Value | None = None) -> bool:
    """Whether a leaf's mode is written as a constant where it is called, or where what calls it is handed the mode.

    What the calls of the model that it is ``inside`` of are passed does not count.
    """
    part = leaf.part
    if part is None or part.passing not in (Passing.TRUE, Passing.FALSE) or part.arguments is None:
        return False
    return any(map(is_literal, mode_written(part.arguments.node, part.arguments.frame, inside)))


def owners_of(trees: Trees, sources: Value) -> list[Value] | None:
    """The models whose weights the sources of a gradient are; None if that is not known, empty for inputs."""
    from modelint.frameworks.tapes import variables_in

    owners = variables_in([sources], trees.interpreter)
    if owners:
        return owners
    return None if any(isinstance(one, Unknown) for one in alternatives(sources)) else []


def is_inside(event: CallEvent, model: Value) -> bool:
    """Whether a call of a model stands in a method that is run on the model itself."""
    scope: Frame | None = event.frame
    while scope is not None:
        if scope.function is not None and scope.function.bound is model:
            return True
        scope = scope.parent
    return False


def bypass_of(site: Site) -> Site | None:
    """The dot and the name of the method that a call is written with (``.call``), if it can do without it."""
    called = site.node.func if isinstance(site.node, ast.Call) else None
    if isinstance(called, ast.Attribute) and called.attr in ("call", "forward"):
        if isinstance(called.value, ast.Call) and dotted_name(called.value.func) == "super":
            return None
        return site.script.site(called, part=NodePart.MEMBER)
    return None


def comparisons(events: list[Event]) -> Iterator[Comparison]:
    """The exact comparisons of predictions."""
    for event in events:
        if isinstance(event, CompareEvent):
            sides = [value for value in (event.left, event.right) if isinstance(value, Tensor)]
            if any(all(isinstance(call.model, GivenNetwork) for call in side.calls) for side in sides):
                continue  # what such a network gives may be whole numbers
            steps = tuple(
                (call.site, "a prediction is made here")
                for side in sides
                for call in sorted(side.calls, key=lambda c: c.order)[:1]
            )
            yield Comparison(
                event.site,
                event.how,
                exact=True,
                sizes=(_size(sides[0].batching), _size(sides[1].batching)),
                integer=any(side.integer for side in sides),
                alike=_are_alike(sides[0].calls, sides[1].calls),
                because=steps,
            )


def _are_alike(one: frozenset[CallEvent], other: frozenset[CallEvent]) -> bool:
    """Whether two predictions are each of one call, in one way, of what is written the same in one function."""
    if len(one) != 1 or len(other) != 1:
        return False
    (first,), (second,) = one, other
    calls = first.site.node, second.site.node
    if first.frame is not second.frame or first.through != second.through:
        return False
    match calls:
        case ast.Call() as call, ast.Call() as again:
            given, also = first_given(call), first_given(again)
            rest, more = [*call.args, *call.keywords][1:], [*again.args, *again.keywords][1:]
            alike = len(rest) == len(more) and all(map(same_code, rest, more))
            return alike and given is not None and also is not None and same_code(given, also)
    return False


def _size(batching: Batching | None) -> int | None:
    return batching.size if batching is not None and isinstance(batching.size, int) else None
