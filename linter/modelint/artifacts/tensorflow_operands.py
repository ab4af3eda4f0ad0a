"""What is known of an operand of an operation of TensorFlow, and what the operation makes of it.

The vocabulary of the rules in ``tensorflow_arithmetic`` and ``tensorflow_rearranging``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from modelint.artifacts.tensorflow_constants import constant
from modelint.artifacts.tensorflow_flow import Operation, Value
from modelint.facts import Shape

NO_AXIS: Final = -1
"""No samples: weights, shapes, aggregates."""

UNKNOWN_AXIS: Final = -2


class Operand(NamedTuple):
    """What is known of an operand."""

    value: Value
    axis: int
    is_aggregate: bool
    shape: Shape | None

    @property
    def rank(self) -> int | None:
        """The number of axes."""
        return None if self.shape is None else len(self.shape)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an operation computes.

    ``carries``: the aggregates in its operands are in its result; ``aggregates``: its result is one itself;
    ``mixes``: it mixes samples itself. ``reduced`` are the axes that it works over (None: all, or none).
    """

    axis: int
    carries: bool = True
    aggregates: bool = False
    mixes: bool = False
    reduced: tuple[int, ...] | None = None
    shape: Shape | None = None


LOST: Final = Outcome(UNKNOWN_AXIS)
EMPTY: Final = Outcome(NO_AXIS, carries=False)


Operands = Sequence[Operand]
Rule = Callable[[Operation, Operands, Shape | None], Outcome]
"""Takes an operation, its operands, and the shape of its first output where the file says so."""


def numbers(operand: Operand) -> tuple[int, ...] | None:
    """The whole numbers that an operand is."""
    tensor = constant(operand.value)
    if tensor is None or any(isinstance(value, float) for value in tensor.values):
        return None
    return tuple(int(value) for value in tensor.values)
