"""Which axis of every value of a TensorFlow graph counts the samples, and where samples are mixed.

Takes a flow and the axes of its inputs. An operation that reduces over the axis of the samples makes an *aggregate*;
where an aggregate is combined with values that still have one entry per sample, samples are mixed. What an operation
does to the axis is known for those in ``tensorflow_axes``; behind any other the axis is unknown, and nothing is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from modelint.artifacts.limits import Budget
from modelint.artifacts.tensorflow_axes import RECOVERABLE, contents, outcome_of
from modelint.artifacts.tensorflow_flow import Flow, Operation, Value
from modelint.artifacts.tensorflow_operands import NO_AXIS, UNKNOWN_AXIS, Operand, Outcome
from modelint.facts import Shape

_ROUNDS: Final = 4
"""How often loops are gone through until what goes round in them is settled."""

_MOST_AGGREGATES: Final = 16
"""Aggregates that are told apart in one value."""


@dataclass(frozen=True, slots=True)
class State:
    """A value: where its samples are, the aggregates in it, and its shape."""

    axis: int = NO_AXIS
    aggregates: frozenset[int] = frozenset()
    shape: Shape | None = None


_NOTHING: Final = State()


@dataclass(frozen=True, slots=True)
class Mixing:
    """An operation over the axis of the samples, and where its result meets single samples."""

    operation: Operation
    joined: Operation
    axes: tuple[int, ...] | None


@dataclass(slots=True, eq=False)
class Samples:
    """What is known of all values of a flow.

    ``only_batch_varies``: no size of an input but that of the batch is open, so that an open size is the batch.
    """

    flow: Flow
    order: list[Operation]
    inputs: Mapping[str, int]
    only_batch_varies: bool
    budget: Budget
    states: dict[int, State] = field(default_factory=dict)
    mixings: list[Mixing] = field(default_factory=list)
    axes: dict[int, tuple[int, ...] | None] = field(default_factory=dict)
    _unsettled: set[int] = field(default_factory=set)

    def settle(self) -> None:
        """Find the states of all values."""
        for _ in range(_ROUNDS):
            self.mixings.clear()
            for operation in self.order:
                self.states[operation.index] = self._judged(operation)
            loops = [operation for operation in self.order if operation.kind == "While"]
            changed = [operation for operation in loops if not self._is_settled(operation)]
            if not changed:
                return
            self._unsettled.update(operation.index for operation in changed)

    def state(self, value: Value) -> State:
        """What is known of a value."""
        operation = value.operation
        found = self.states.get(operation.index, State(UNKNOWN_AXIS))
        if value.output > 0 and operation.kind.startswith("FusedBatchNorm"):
            aggregates = frozenset({operation.index}) if trains(operation) else frozenset()
            return State(NO_AXIS, aggregates, self._declared(value))
        return found if value.output == 0 else State(found.axis, found.aggregates, self._declared(value))

    def _declared(self, value: Value) -> Shape | None:
        node = value.operation.node
        shapes = node.output_shapes()
        output = value.operation.output if value.operation.output >= 0 else value.output
        if output < len(shapes):
            return shapes[output]
        return node.shape() if value.operation.kind in ("Placeholder", "PlaceholderWithDefault") else None

    def _judged(self, operation: Operation) -> State:
        self.budget.spend(1 + len(operation.inputs))
        declared = self._declared(Value(operation, 0))
        if operation.kind.startswith("Placeholder") and operation.node.name in self.inputs:
            return State(self.inputs[operation.node.name], frozenset(), declared)
        operands = [self._operand(value) for value in operation.inputs]
        if operation.kind == "While" and operation.index in self._unsettled:
            return State(self._recovered(operation, UNKNOWN_AXIS, declared), frozenset(), declared)
        outcome = outcome_of(operation, operands, declared)
        self.axes[operation.index] = outcome.reduced
        return self._concluded(operation, operands, outcome, declared)

    def _operand(self, value: Value) -> Operand:
        state = self.state(value)
        return Operand(value, state.axis, bool(state.aggregates), state.shape)

    def _concluded(
        self, operation: Operation, operands: list[Operand], outcome: Outcome, declared: Shape | None
    ) -> State:
        axis = self._recovered(operation, outcome.axis, declared or outcome.shape)
        if outcome.mixes:
            self.mixings.append(Mixing(operation, operation, outcome.reduced))
        inherited = frozenset[int]()
        if outcome.carries:
            parts = [self.state(operand.value).aggregates for operand in contents(operation, operands)]
            inherited = frozenset(sorted(frozenset[int]().union(*parts))[:_MOST_AGGREGATES])
        if outcome.aggregates:
            inherited |= {operation.index}
        if axis >= 0 and inherited:
            by_index = self.flow.operations
            self.mixings.extend(Mixing(by_index[index], operation, self.axes.get(index)) for index in sorted(inherited))
            inherited = frozenset()
        return State(axis, inherited, declared or outcome.shape)

    def _recovered(self, operation: Operation, axis: int, shape: Shape | None) -> int:
        """An axis that was lost in a loop or list, found by its open size."""
        if axis != UNKNOWN_AXIS or operation.kind not in RECOVERABLE or not self.only_batch_varies or shape is None:
            return axis
        opened = [index for index, size in enumerate(shape) if size is None]
        return opened[0] if len(opened) == 1 else axis

    def _is_settled(self, operation: Operation) -> bool:
        if operation.index in self._unsettled or len(operation.inputs) < 3:
            return True
        return self.state(operation.inputs[2]).axis == self.states[operation.index].axis


def trains(operation: Operation) -> bool:
    """Whether a FusedBatchNorm uses the statistics of its batch; it does unless told otherwise.

    The attribute is left out of saved models where it has its default, which is true (core/ops/nn_ops.cc).
    """
    return operation.kind.startswith("FusedBatchNorm") and operation.node.flag("is_training", True)


def in_order(flow: Flow) -> list[Operation]:
    """The operations of a flow, each behind what it takes; where they go round in a circle, some behind."""
    order: list[Operation] = []
    seen: set[int] = set()
    for start in flow.operations:
        stack = [(start, False)]
        while stack:
            operation, done = stack.pop()
            if done:
                order.append(operation)
                continue
            if operation.index in seen:
                continue
            seen.add(operation.index)
            stack.append((operation, True))
            inputs = operation.inputs
            if operation.kind == "While":
                inputs = inputs[1:2]  # what a loop hands back to itself comes later
            stack.extend((value.operation, False) for value in reversed(inputs) if value.operation.index not in seen)
    return order
