"""Small constants that the operations of a TensorFlow graph take: axes, permutations, shapes.

Folds what writers leave in graphs instead of a constant: ranges, sums and concatenations of constants. What is large or
made of much is unknown.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Final

from modelint.artifacts.tensorflow_flow import Operation, Value
from modelint.artifacts.tensorflow_graph import Number, Tensor

_DEEPEST: Final = 16
_LARGEST: Final = 256
"""Values of a folded constant."""

_ARITHMETIC: Final[dict[str, Callable[[Number, Number], Number]]] = {
    "Add": operator.add,
    "AddV2": operator.add,
    "Sub": operator.sub,
    "Mul": operator.mul,
}
_HANDED_ON: Final = frozenset({"Identity", "StopGradient", "Snapshot", "Cast"})


def constant(value: Value, depth: int = 0) -> Tensor | None:
    """The small constant that a value is, once the flow is known."""
    operation = value.operation
    if operation.kind == "Const":
        return operation.node.tensor()
    if value.output or depth > _DEEPEST or not operation.inputs or operation.kind not in _FOLDED:
        return None
    if not operation.was_folded:
        operation.was_folded = True  # before its parts are looked at: a circle is no constant
        parts = [constant(part, depth + 1) for part in operation.inputs]
        known = [part for part in parts if part is not None]
        operation.folded = _folded(operation, known) if len(known) == len(parts) else None
    return operation.folded


def _folded(operation: Operation, parts: Sequence[Tensor]) -> Tensor | None:
    values = [part.values for part in parts]
    match operation.kind:
        case kind if kind in _HANDED_ON:
            return parts[0]
        case kind if kind in _ARITHMETIC and [len(one) for one in values] == [1, 1]:
            return Tensor((), (_ARITHMETIC[kind](values[0][0], values[1][0]),))
        case "Range" if [len(one) for one in values] == [1, 1, 1] and values[2][0]:
            found = range(*(int(one[0]) for one in values))
            return _vector(tuple(found)) if len(found) <= _LARGEST else None
        case "Pack" if all(len(one) == 1 for one in values):
            return _vector(tuple(one[0] for one in values))
        case "ConcatV2" if all(len(part.shape) == 1 for part in parts[:-1]):
            return _vector(tuple(one for part in values[:-1] for one in part))
    return None


def _vector(values: tuple[Number, ...]) -> Tensor | None:
    return Tensor((len(values),), values) if len(values) <= _LARGEST else None


_FOLDED: Final = _HANDED_ON | frozenset(_ARITHMETIC) | {"Range", "Pack", "ConcatV2"}
