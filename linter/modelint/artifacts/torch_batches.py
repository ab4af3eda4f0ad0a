"""Where the samples are: which axis of each tensor is the batch, and which operators mix along it.

PyTorch knows no batch axis. By convention it is the first one of every input; this is believed only where inputs and
outputs agree on its size, or an operator proves it (a BatchNorm normalises over the first axis). A tensor of which it
is not known is not judged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from modelint.artifacts.torch_graph import Operation, OperatorGraph, Tensor, whole
from modelint.artifacts.torch_operators import (
    ALONG,
    BATCH_NORMS,
    DEFAULTS,
    KEEPS_ROWS,
    REDUCTIONS,
    SHAPE_ONLY,
    UNBATCHED_RANK,
)
from modelint.facts import UNKNOWN, Unknown

Size = int | str


def batch_size(graph: OperatorGraph) -> Size | None:
    """The size of the first axis of all inputs and outputs, a number or a symbol, if that is the batch; else None."""
    if not graph.inputs or not graph.outputs:
        return None
    inputs = [tensor.shape for tensor in graph.inputs if tensor.shape != ()]
    outputs = [tensor.shape for tensor in graph.outputs if tensor.shape != ()]
    firsts = {shape[0] if shape else None for shape in (*inputs, *outputs)}
    size = next(iter(firsts), None)
    if len(firsts) != 1 or size is None or not outputs or not any(shape and len(shape) > 1 for shape in inputs):
        return None
    return None if any(_not_a_batch(operation, size) for operation in graph.operations) else size


def _not_a_batch(operation: Operation, size: Size) -> bool:
    """Whether an operator takes the first axis for something else than the batch."""
    first = next(operation.inputs, None)
    if first is None or not first.shape or first.shape[0] != size:
        return operation.name.startswith("scaled_dot_product") and bool(
            first is not None and first.shape and len(first.shape) > 1 and first.shape[-2] == size
        )
    if operation.name in UNBATCHED_RANK:
        return len(first.shape) == UNBATCHED_RANK[operation.name]
    if operation.argument("batch_first") is not None:
        return operation.argument("batch_first") is not True or len(first.shape) != 3
    return False


@dataclass(frozen=True, slots=True)
class Mixing:
    """An operator that mixes samples: its position, and the axes that it works over (None: all)."""

    position: int
    axes: tuple[int, ...] | None


class Batches:
    """Follows the batch axis through a program. ``size`` is what ``batch_size`` found."""

    def __init__(self, graph: OperatorGraph, size: Size | None) -> None:
        self._size = size
        self._vary: set[Tensor] = set(graph.inputs)
        self._rows: set[Tensor] = set(graph.inputs) if size is not None else set()
        self._mixing: list[Mixing] = []
        for position, operation in enumerate(graph.operations):
            self._follow(position, operation)
        self.mixing: tuple[Mixing, ...] = () if size == 1 else tuple(self._mixing)

    def varies(self, tensor: Tensor) -> bool:
        """Whether its values depend on the input."""
        return tensor in self._vary or tensor.memory in self._vary

    def axis(self, tensor: Tensor) -> int | None:
        """Its batch axis; None if it has none or it is not known."""
        if not self.varies(tensor):
            return None
        if isinstance(self._size, str) and tensor.shape is not None:
            return tensor.shape.index(self._size) if tensor.shape.count(self._size) == 1 else None
        return 0 if tensor in self._rows else None

    def normalises_samples(self, operation: Operation) -> bool:
        """Whether the first axis of what a BatchNorm is given holds several samples.

        It does not where an instance norm makes one row of a whole batch, or a weight is normalised.
        """
        first = next(operation.inputs, None)
        if first is None or not self.varies(first):
            return False
        if not first.shape:
            return first.shape is None
        size = first.shape[0]
        if isinstance(self._size, int):
            return self._size > 1 and isinstance(size, int) and size > 1 and size % self._size == 0
        symbol = r"\w" if self._size is None else rf"\b{re.escape(self._size)}\b"
        return isinstance(size, str) and re.search(symbol, size) is not None

    def _follow(self, position: int, operation: Operation) -> None:
        if operation.name not in SHAPE_ONLY and any(self.varies(tensor) for tensor in operation.read):
            self._vary.update(operation.outputs, (output.memory for output in operation.outputs))
        axes = _axes(operation)
        first = next(operation.inputs, None)
        along = self.axis(first) if first is not None else None
        if first is not None and along is not None and not isinstance(axes, Unknown):
            resolved = None if axes is None else _resolved(axes, first.rank)
            if axes is None or (resolved is not None and along in resolved):
                self._mixing.append(Mixing(position, resolved))
        if self._keeps_rows(operation, axes):
            self._rows.update(output for output in operation.outputs if self._fits(output))

    def _keeps_rows(self, operation: Operation, axes: tuple[int, ...] | Unknown | None) -> bool:
        """Whether the first axis of its result is the batch."""
        name = operation.name.removesuffix("_")
        first = next(operation.inputs, None)
        if first is None or not any(self.varies(tensor) for tensor in operation.read):
            return False
        if name in BATCH_NORMS and self.normalises_samples(operation):
            return True
        varying = [tensor for tensor in operation.inputs if tensor in self._rows]
        if not varying:
            return False
        if name in KEEPS_ROWS:
            return True
        if first not in self._rows:
            return False
        if name in ALONG:
            return True
        if name in REDUCTIONS:
            return isinstance(axes, tuple) and 0 not in (_resolved(axes, first.rank) or (0,))
        return _moves_other_axes(operation, first)

    def _fits(self, output: Tensor) -> bool:
        return output.shape is None or bool(output.shape and output.shape[0] == self._size)


def _axes(operation: Operation) -> tuple[int, ...] | Unknown | None:
    """The axes that an operator works over as written; None is all, ``UNKNOWN`` none or unknown ones."""
    name = operation.name.removesuffix("_")
    if name in ("layer_norm", "native_layer_norm"):
        shape, first = operation.argument("normalized_shape"), next(operation.inputs, None)
        if isinstance(shape, tuple) and first is not None and first.rank is not None:
            return None if len(shape) == first.rank else tuple(range(-len(shape), 0))
        return UNKNOWN
    if name not in REDUCTIONS and name not in ALONG:
        return UNKNOWN
    arguments = list(operation.arguments.values())
    if len(arguments) > 1 and isinstance(arguments[1], Tensor):  # the larger of two tensors
        return UNKNOWN
    dim = operation.arguments.get("dim", DEFAULTS.get((name, "dim")))
    if isinstance(dim, tuple):
        axes = tuple(axis for axis in map(whole, dim) if isinstance(axis, int))
        return (axes or None) if len(axes) == len(dim) else Unknown.UNKNOWN
    if isinstance(dim, bool) and name in ("std", "var", "std_mean", "var_mean"):  # that is "unbiased"
        return None
    axis = whole(dim)
    return (axis,) if isinstance(axis, int) else axis


def _resolved(axes: tuple[int, ...], rank: int | None) -> tuple[int, ...] | None:
    """The axes counted from the front; None if that takes a rank that is not known."""
    if rank is None:
        return axes if all(axis >= 0 for axis in axes) else None
    return tuple(axis + rank if axis < 0 else axis for axis in axes)


def _moves_other_axes(operation: Operation, first: Tensor) -> bool:
    """Whether an operator that rearranges axes leaves the first one where it is."""
    named = tuple(_named_axes(operation))
    resolved = _resolved(named, first.rank)
    match operation.name.removesuffix("_"):
        case "select" | "slice" | "squeeze" | "flatten" | "unsqueeze" | "transpose" | "cat" | "stack":
            return bool(resolved) and resolved is not None and 0 not in resolved
        case "permute":
            return bool(resolved) and resolved is not None and resolved[0] == 0
        case "reshape" | "view" | "_unsafe_view" | "unflatten" | "expand":
            return first.shape is not None  # the sizes are compared
    return False


def _named_axes(operation: Operation) -> Iterator[int]:
    name = operation.name.removesuffix("_")
    for parameter in ("dim", "dim0", "dim1", "dims", "start_dim"):
        value = operation.arguments.get(parameter, DEFAULTS.get((name, parameter)))
        for part in value if isinstance(value, tuple) else (value,):
            axis = whole(part)
            if isinstance(axis, int):
                yield axis
