"""Gradient tapes, optimizers, distribution strategies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from modelint.frameworks.events import CallEvent, GradientEvent, record
from modelint.frameworks.graph import GradientContext
from modelint.frameworks.layers import Variables
from modelint.frameworks.tensors import Tensor, tensors_in
from modelint.program.frames import Arguments, Frame
from modelint.program.interpreter import Interpreter
from modelint.program.values import (
    NONE,
    UNKNOWN,
    Builtin,
    Const,
    DictObject,
    Function,
    Handler,
    ListObject,
    Object,
    Range,
    Tuple,
    Union,
    Unknown,
    Value,
)

TRAINING = frozenset(("gradient", "apply_gradients", "minimize", "compute_gradients"))
"""The methods of tapes and optimizers that a training step calls."""


class Tape(GradientContext):
    """A ``tf.GradientTape``, and where the program makes it, if it does."""

    __slots__ = ("frame",)

    def __init__(self, frame: Frame | None = None) -> None:
        super().__init__()
        self.frame = frame

    def enter(self, interpreter: Interpreter) -> Value:
        interpreter.contexts.append(self)
        return self

    def leave(self, interpreter: Interpreter) -> None:
        if self in interpreter.contexts:
            interpreter.contexts.remove(self)

    def attribute(self, interpreter: Interpreter, name: str) -> Value:
        if name in ("gradient", "jacobian", "batch_jacobian"):
            return Builtin(f"tape.{name}", self._gradient)
        return Builtin(f"tape.{name}", lambda i, a: NONE)

    def _gradient(self, interpreter: Interpreter, arguments: Arguments) -> Value:
        target, sources = arguments.at(0, "target"), arguments.at(1, "sources")
        event = note_gradient(interpreter, self, target, sources, arguments)
        gradient = Tensor(gradients=frozenset({event}))
        items = sources.iterate(interpreter)
        if items is not None and all(isinstance(item, (Variables, Tuple, ListObject, Tensor)) for item in items):
            return interpreter.new_list(tuple(gradient for _ in items))
        return gradient


def note_gradient(
    interpreter: Interpreter, tape: Tape | None, target: Value, sources: Value, arguments: Arguments
) -> GradientEvent:
    """Record that a target is differentiated."""
    calls: frozenset[CallEvent] = frozenset().union(*(t.calls for t in tensors_in((target,), interpreter)))
    event = GradientEvent(
        arguments.site, arguments.frame, tape=tape, calls=calls, target_known=bool(calls), sources=sources
    )
    record(interpreter, event)
    return event


class Optimizer(Object):
    """A Keras optimizer."""

    __slots__ = ()

    def attribute(self, interpreter: Interpreter, name: str) -> Value:
        match name:
            case "apply_gradients" | "apply" | "assign" | "stateless_apply":
                return Builtin(f"optimizer.{name}", apply_gradients)
            case "minimize":
                return Builtin("optimizer.minimize", minimize)
            case "get_gradients" | "compute_gradients":
                return Builtin(f"optimizer.{name}", graph_gradients)
            case "get_scaled_loss" | "scale_loss" | "get_unscaled_gradients":
                return Builtin(f"optimizer.{name}", lambda i, a: a.at(0))
        return interpreter.store.get(self.identity, name) or UNKNOWN


def apply_gradients(interpreter: Interpreter, arguments: Arguments) -> Value:
    """``optimizer.apply_gradients(zip(gradients, variables))``."""
    for tensor in tensors_in(arguments.all(), interpreter):
        for gradient in tensor.gradients:
            gradient.applied = True
            interpreter.effects += 1
            if isinstance(gradient.sources, Unknown):
                owners = variables_in(arguments.all(), interpreter)
                if owners:
                    gradient.sources = Variables(tuple(owners))
    return NONE


def gradient_function(with_value: bool) -> Handler:
    """``jax.grad(f)`` and ``jax.value_and_grad(f)``: a function that runs f and differentiates what it gives first."""

    def make(interpreter: Interpreter, arguments: Arguments) -> Value:
        function = arguments.at(0, "fun")
        return Builtin("gradient function", lambda i, a: _differentiated(i, function, a, with_value))

    return make


def _differentiated(interpreter: Interpreter, function: Value, arguments: Arguments, with_value: bool) -> Value:
    tape = Tape()
    tape.enter(interpreter)
    value = interpreter.call(function, arguments)
    tape.leave(interpreter)
    items = value.iterate(interpreter)
    target = items[0] if items else value
    gradient = Tensor(gradients=frozenset({note_gradient(interpreter, tape, target, arguments.at(0), arguments)}))
    return Tuple((value, gradient)) if with_value else gradient


def note_backward(interpreter: Interpreter, loss: Tensor, arguments: Arguments) -> None:
    """Record ``loss.backward()``: the gradient by the weights of all models behind a loss, which is then applied."""
    if loss.calls:
        models = tuple(dict.fromkeys(call.model for call in sorted(loss.calls, key=lambda call: call.order)))
        note_gradient(interpreter, None, loss, Variables(models), arguments).applied = True


def graph_gradients(interpreter: Interpreter, arguments: Arguments) -> Value:
    """``tf.gradients(target, sources)`` and ``optimizer.get_gradients(loss, variables)``."""
    sources = arguments.get(1, "var_list") or UNKNOWN
    event = note_gradient(interpreter, None, arguments.at(0), sources, arguments)
    return Tensor(gradients=frozenset({event}))


def variables_in(values: list[Value], interpreter: Interpreter, depth: int = 4) -> list[Value]:
    """The owners of the weights among values and in their containers."""
    owners: list[Value] = []
    for value in values:
        match value:
            case Variables():
                owners.extend(value.owners)
            case Union():
                owners.extend(variables_in(list(value.values), interpreter, depth))
            case Tuple() if depth:
                owners.extend(variables_in(list(value.items), interpreter, depth - 1))
            case ListObject() if depth:
                rest = value.rest(interpreter)
                items = list(value.items(interpreter))
                owners.extend(variables_in([*items, rest] if rest is not None else items, interpreter, depth - 1))
            case DictObject() if depth:
                owners.extend(variables_in(list(value.entries(interpreter).values()), interpreter, depth - 1))
    return list(dict.fromkeys(owners))


def minimize(interpreter: Interpreter, arguments: Arguments) -> Value:
    """``optimizer.minimize(loss, var_list, tape=...)``: a callable loss is run under a tape of its own."""
    loss, sources = arguments.at(0, "loss"), arguments.at(1, "var_list")
    given = arguments.get(None, "tape")
    tape = given if isinstance(given, Tape) else Tape()
    if isinstance(loss, Function):
        tape.enter(interpreter)
        loss = interpreter.call(loss, Arguments((), {}, arguments.node, arguments.frame))
        tape.leave(interpreter)
    if isinstance(sources, Function):
        sources = interpreter.call(sources, Arguments((), {}, arguments.node, arguments.frame))
    note_gradient(interpreter, tape, loss, sources, arguments).applied = True
    return NONE


@dataclass(frozen=True, slots=True)
class Strategy(Value):
    """A distribution strategy. ``replicas``: how many, as far as known; ``fixed_shapes``: all batches are of one size.

    Which one it is makes no other difference, so one stands for all that a program chooses between: what it runs is
    executed once.
    """

    JOINS = True
    replicas: Range
    fixed_shapes: bool = False

    def joined(self, other: Value) -> Value | None:
        if not isinstance(other, Strategy):
            return None
        lowest = min(self.replicas.low or 1, other.replicas.low or 1)
        highest = (self.replicas.high, other.replicas.high)
        replicas = Range(lowest, None if None in highest else max(filter(None, highest)))
        return Strategy(replicas, self.fixed_shapes or other.fixed_shapes)

    def attribute(self, interpreter: Interpreter, name: str) -> Value:
        match name:
            case "scope":
                return Builtin("strategy.scope", lambda i, a: StrategyScope(self))
            case "run" | "experimental_run_v2" | "experimental_run":
                return Builtin("strategy.run", self._run)
            case "num_replicas_in_sync":
                return Const(self.replicas.low) if self.replicas.low == self.replicas.high else self.replicas
            case "reduce" | "experimental_local_results":
                return Builtin(f"strategy.{name}", lambda i, a: i.library.unknown_call(i, UNKNOWN, a))
            case "experimental_distribute_dataset" | "distribute_datasets_from_function":
                return Builtin(f"strategy.{name}", lambda i, a: a.at(0))
            case "extended":
                return self
        return UNKNOWN

    def _run(self, interpreter: Interpreter, arguments: Arguments) -> Value:
        function = arguments.at(0, "fn")
        positional = arguments.get(1, "args")
        keywords = arguments.get(2, "kwargs")
        items = positional.iterate(interpreter) if positional is not None else ()
        names: dict[str, Value] = {}
        if isinstance(keywords, DictObject):
            names = {k: v for k, v in keywords.entries(interpreter).items() if isinstance(k, str)}
        interpreter.contexts.append(self)
        try:
            call = Arguments(tuple(items or ()), names, arguments.node, arguments.frame, extra=items is None)
            return interpreter.call(function, call)
        finally:
            interpreter.contexts.remove(self)


class StrategyScope(Value):
    """``strategy.scope()``."""

    __slots__ = ("strategy",)

    def __init__(self, strategy: Strategy) -> None:
        self.strategy = strategy

    def enter(self, interpreter: Interpreter) -> Value:
        interpreter.contexts.append(self)
        return self

    def leave(self, interpreter: Interpreter) -> None:
        if self in interpreter.contexts:
            interpreter.contexts.remove(self)


def note_scope(interpreter: Interpreter, model: Value) -> None:
    """Remember under which strategy a model is made or compiled."""
    for context in interpreter.contexts:
        if isinstance(context, StrategyScope):
            interpreter.remember(("scope", id(model)), context.strategy)


def strategy_scopes(interpreter: Interpreter, model: Value) -> tuple[Any, ...]:
    """The strategies that divide a fit of this model."""
    found: list[Strategy] = [c.strategy for c in interpreter.contexts if isinstance(c, StrategyScope)]
    found += [c for c in interpreter.contexts if isinstance(c, Strategy)]
    remembered = interpreter.memory.get(("scope", id(model)))
    if isinstance(remembered, Strategy):
        found.append(remembered)
    return tuple(found)
