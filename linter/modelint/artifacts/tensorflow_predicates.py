"""Constants that decide which branch of a TensorFlow graph runs.

A ``PlaceholderWithDefault`` is a weak constant: it holds unless a caller feeds it. An input without a default is the
caller's own choice.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelint.artifacts.tensorflow_graph import Number

if TYPE_CHECKING:
    from modelint.artifacts.tensorflow_flow import Flow, Value

_LONGEST: Final = 256
"""Operations that hand a constant on, one after the other, before it is taken for unknown."""

_DEEPEST: Final = 12
"""Operations that combine constants, one inside the other, before the result is taken for unknown."""

_HANDED_ON: Final = frozenset(
    {"Identity", "StopGradient", "Snapshot", "Squeeze", "Reshape", "ExpandDims", "Cast", "PreventGradient", "Enter"}
)
_COMBINED: Final = {
    "LogicalAnd": lambda a, b: bool(a) and bool(b),
    "LogicalOr": lambda a, b: bool(a) or bool(b),
    "Equal": operator.eq,
    "NotEqual": operator.ne,
    "Greater": operator.gt,
    "GreaterEqual": operator.ge,
    "Less": operator.lt,
    "LessEqual": operator.le,
}
_INPUTS: Final = frozenset({"Placeholder", "PlaceholderV2"})


@dataclass(frozen=True, slots=True)
class Predicate:
    """What is known of a value that decides: its value (None: unknown), and on what that rests."""

    value: Number | None = None
    by_default: bool = False
    by_caller: bool = False


UNDECIDED: Final = Predicate()


def decided(flow: Flow, value: Value, depth: int = 0) -> Predicate:
    """Whether a scalar is constant."""
    by_default = False
    for _ in range(_LONGEST):
        operation = value.operation
        node = operation.node
        data = [name for name in node.inputs if not name.startswith("^")]
        match operation.kind:
            case "Const":
                tensor = node.tensor()
                known = tensor.values[0] if tensor is not None and len(tensor.values) == 1 else None
                return Predicate(known, by_default)
            case kind if kind in _INPUTS:
                return Predicate(None, by_default, by_caller=True)
            case "PlaceholderWithDefault" if data:
                by_default = True
            case kind if kind in _HANDED_ON and data:
                pass
            case "LogicalNot" if data and depth < _DEEPEST:
                inner = decided(flow, flow.value(operation.call, data[0]), depth + 1)
                negated = None if inner.value is None else not inner.value
                return Predicate(negated, by_default or inner.by_default, inner.by_caller)
            case kind if kind in _COMBINED and len(data) == 2 and depth < _DEEPEST:
                left, right = (decided(flow, flow.value(operation.call, name), depth + 1) for name in data)
                return _combined(kind, left, right, by_default)
            case _:
                return UNDECIDED
        value = flow.value(operation.call, data[0])
    return UNDECIDED


def _combined(kind: str, left: Predicate, right: Predicate, by_default: bool) -> Predicate:
    weak = by_default or left.by_default or right.by_default
    chosen = left.by_caller or right.by_caller
    settling = {"LogicalAnd": False, "LogicalOr": True}.get(kind)
    for side in (left, right):
        if settling is not None and side.value is not None and bool(side.value) is settling:
            return Predicate(settling, by_default or side.by_default)
    if left.value is None or right.value is None:
        return Predicate(None, weak, chosen)
    return Predicate(_COMBINED[kind](left.value, right.value), weak)
