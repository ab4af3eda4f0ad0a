"""An operator call of ONNX, and the ways in which it is told numbers: by attributes, and by constant operands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from modelint.artifacts.batch_axis import Tensor
from modelint.artifacts.batch_flow import Operation, Step
from modelint.facts import Setting


@dataclass(frozen=True, slots=True, eq=False)
class OnnxOperation(Operation):
    """An operator call with its attributes, and the version of its operator set."""

    attributes: Mapping[str, Setting]
    constants: Mapping[str, Tensor]
    domain: str = ""
    opset: int = 1
    optional_outputs: bool = False  # more than the first output is used or named

    def number(self, name: str, default: int) -> int:
        """An attribute that is a number."""
        value = self.attributes.get(name, default)
        return value if isinstance(value, int) else default

    def numbers(self, name: str) -> tuple[int, ...] | None:
        """An attribute that is a list of numbers; None if it is absent."""
        value = self.attributes.get(name)
        if not isinstance(value, tuple):
            return None
        return tuple(number for number in value if isinstance(number, int))


def numbers_of(tensor: Tensor) -> tuple[int, ...] | None:
    """The elements of a constant, if all are known numbers."""
    known = tensor.known
    if known is None or not all(isinstance(number, int) for number in known):
        return None
    return tuple(number for number in known if isinstance(number, int))


def axes_of(step: Step, operation: OnnxOperation, position: int = 1) -> tuple[int, ...] | None:
    """Axes, which moved from an attribute to an operand."""
    written = operation.numbers("axes")
    return written if written is not None else numbers_of(step.operand(position))


def is_given(operation: OnnxOperation, position: int) -> bool:
    return position < len(operation.inputs) and operation.inputs[position] >= 0
