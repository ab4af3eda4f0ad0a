"""Which operations of a fixed graph mix the samples of a batch, so that a prediction depends on the others.

Takes operations in the order of their execution and, per format, what each does to its tensors; gives the operations
whose mixing reaches an output that still has a row for each sample. A graph does not say which axis is the batch: that
of an input named so, or the only open one, is taken for it; a doubtful one only if an operation confirms it (a
convolution's first axis is the batch by definition) and none speaks against it (a recurrent layer steps along it).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from modelint.artifacts.batch_axis import NOTHING, SAMPLES, Tensor, following, normalised, only_shifts, reduced, refined
from modelint.facts import Layer, Port, Shape

MOST_OPERATIONS: Final = 30_000
"""Operations of one graph that are followed; so many take less than two seconds. More are refused."""

ABSENT: Final = -1
"""The number of an optional operand that is left out."""

_BATCH: Final = re.compile(r"batch|^(n|b|bs|bsz)$", re.IGNORECASE)
_ANONYMOUS: Final = re.compile(r"^(unk_|\?|s\d+$|dim_?\d*$|.*_dynamic_axes_\d+$)", re.IGNORECASE)
_NO_BATCH: Final = re.compile(
    r"seq|len|time|tok|frame|step|point|node|edge|atom|width|height|row|col|channel|class|box|past|cache|ctx|context"
    r"|pos|patch|chunk|sample|word|char|num|size|dim|total|^[thwlcdm]$",
    re.IGNORECASE,
)
_VARIANCE_STEPS: Final = 3
"""Operations from a mean to the variance that is computed with it: difference, square, mean."""

_IMAGES: Final = 4
"""The rank from which a first axis of a constant size is the batch without being called so."""


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """An operator call: its kind, the numbers of the tensors it takes and gives, and its layer."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    layer: Layer


@dataclass(frozen=True, slots=True)
class Batch:
    """Where the samples lie in the inputs: an axis of each (None: nowhere), and whether that is certain.

    ``symbol`` is the name of their number in the file; ``size`` the number itself where it is constant.
    """

    axes: tuple[int | None, ...]
    sure: bool
    symbol: str | None = None
    size: int | None = None

    def canonical(self, shape: Shape | None) -> Shape | None:
        """A declared shape in which the open number of samples is written ``SAMPLES``."""
        if shape is None or self.symbol is None:
            return shape
        return tuple(SAMPLES if size == self.symbol else size for size in shape)


def batch_of(inputs: Sequence[Port], outputs: Sequence[Port]) -> Batch | None:
    """The batch of a graph with these inputs and outputs; None if it has none, or it cannot be told."""
    symbols = [size for port in inputs for size in port.shape or () if isinstance(size, str)]
    named = next(filter(_BATCH.search, symbols), None)
    if named is not None:
        return Batch(tuple(_index(port.shape or (), named) for port in inputs), True, named)
    if any(port.shape is None for port in inputs):
        return None
    return _open_batch(inputs) or static_batch(inputs, outputs)


def _index(shape: Shape, size: str) -> int | None:
    return shape.index(size) if size in shape else None


def _open_batch(inputs: Sequence[Port]) -> Batch | None:
    shapes = [port.shape or () for port in inputs]
    is_open = [len(shape) > 1 and not isinstance(shape[0], int) for shape in shapes]
    first = [shape[0] for shape, candidate in zip(shapes, is_open, strict=True) if candidate]
    names = {size for size in first if isinstance(size, str) and not size.startswith("unk_")}
    if not first or len(names) > 1:
        return None
    symbol = next(iter(names), None)
    sure = all(
        not any(not isinstance(size, int) for size in shape[1:]) and not (len(shape) == 3 and shape[1] == 1)
        for shape, candidate in zip(shapes, is_open, strict=True)
        if candidate
    )
    if symbol is not None and not _ANONYMOUS.match(symbol):
        sure = sure and not _NO_BATCH.search(symbol)
    return Batch(tuple(0 if candidate else None for candidate in is_open), sure, symbol)


def static_batch(inputs: Sequence[Port], outputs: Sequence[Port]) -> Batch | None:
    """The batch whose size is constant: the first axis of all inputs that have several axes, and of an output."""
    tensors = [port.shape for port in inputs if port.shape is not None and len(port.shape) > 1]
    sizes = {shape[0] for shape in tensors}
    size = sizes.pop() if len(sizes) == 1 else None
    if not isinstance(size, int) or not any(port.shape and port.shape[0] == size for port in outputs):
        return None
    axes = tuple(0 if port.shape is not None and len(port.shape) > 1 else None for port in inputs)
    return Batch(axes, any(len(shape) >= _IMAGES for shape in tensors), size=size)


@dataclass(frozen=True, slots=True)
class Mixing:
    """An operation that mixes samples: over which axes (None: all of them)."""

    operation: Operation
    axes: tuple[int, ...] | None


@dataclass(slots=True)
class Flow:
    """The tensors of one graph while its operations are followed, and what was learnt on the way."""

    batch: Batch | None
    tensors: dict[int, Tensor] = field(default_factory=dict)
    mixings: dict[int, Mixing] = field(default_factory=dict)
    confirmed: bool = False
    refuted: bool = False

    def tensor(self, number: int) -> Tensor:
        """What is known of a tensor."""
        return self.tensors.get(number, NOTHING)

    def enter(self, numbers: Sequence[int], ports: Sequence[Port]) -> None:
        """Give the graph its inputs."""
        for position, (number, port) in enumerate(zip(numbers, ports, strict=True)):
            axis = self.batch.axes[position] if self.batch is not None else None
            shape = self.batch.canonical(port.shape) if self.batch is not None else port.shape
            found = Tensor(shape, varies=True, integral=is_integral(port.dtype))
            if axis is not None and shape is not None and shape[axis] != 1:
                open_size = SAMPLES if shape[axis] is None else shape[axis]
                shape = (*shape[:axis], open_size, *shape[axis + 1 :])
                found = replace(found, shape=shape, axes=frozenset({axis}))
            self.tensors[number] = found

    def leave(self, operation: Operation, results: Sequence[Tensor], declared: Callable[[int], Port | None]) -> None:
        """Take over what an operation gives, with what the file declares of it."""
        for position, number in enumerate(operation.outputs):
            result = results[position] if position < len(results) else NOTHING
            port = declared(number)
            if port is not None:
                shape = self.batch.canonical(port.shape) if self.batch is not None else port.shape
                result = refined(result, shape)
                if port.dtype is not None:
                    result = replace(result, integral=is_integral(port.dtype))
            self.tensors[number] = result

    def served(self, outputs: Iterable[int]) -> tuple[Mixing, ...]:
        """The operations whose mixing reaches outputs that have a row for each sample."""
        if self.batch is None or self.refuted or not (self.batch.sure or self.confirmed):
            return ()
        reached: set[int] = set()
        for number in outputs:
            tensor = self.tensor(number)
            if tensor.axes:
                reached |= tensor.mixed
        return tuple(self.mixings[index] for index in sorted(reached) if index in self.mixings)


@dataclass(frozen=True, slots=True)
class Step:
    """One operation in the flow: its operands, and what it tells of the batch."""

    flow: Flow
    index: int
    operation: Operation
    inputs: tuple[Tensor, ...]

    def operand(self, position: int) -> Tensor:
        """An operand; one of which nothing is known where it is left out."""
        return self.inputs[position] if position < len(self.inputs) else NOTHING

    def mixing(self, result: Tensor, axes: Sequence[int] | None) -> Tensor:
        """Note that the operation mixes samples."""
        if self.operand(0).integral:  # counts, positions and masks: they decide shapes rather than values
            return result
        self.flow.mixings[self.index] = Mixing(self.operation, None if axes is None else tuple(axes))
        return replace(result, mixed=result.mixed | {self.index})

    def reduce(self, axes: Sequence[int] | None, *, keep: bool) -> Tensor:
        """The first operand reduced over axes (None: all of them)."""
        result, mixes = reduced(self.operand(0), axes, keep=keep)
        return self.mixing(result, axes) if mixes else result

    def normalise(self, axes: Sequence[int]) -> Tensor:
        """The first operand normalised along axes."""
        result, mixes = normalised(self.operand(0), axes)
        return self.mixing(result, axes) if mixes else result

    def batch_first(self, shape: Shape | None = None) -> Tensor:
        """What an operation gives whose first operand has the samples along the first axis by definition."""
        tensor = self.operand(0)
        if 0 in tensor.axes:
            self.flow.confirmed = True
        elif tensor.axes:
            self.flow.refuted = True
        if shape is None and tensor.shape is not None:
            shape = (tensor.shape[0], *(None,) * (len(tensor.shape) - 1)) if tensor.shape else ()
        elif shape is not None and tensor.shape:
            shape = (tensor.shape[0], *shape[1:])
        return following(self.inputs, shape, {0} & tensor.axes)

    def steps_along(self, axis: int) -> None:
        """Note that the operation goes through an axis of its first operand step by step: it is no batch."""
        if axis in self.operand(0).axes:
            self.flow.refuted = True


OperationT = TypeVar("OperationT", bound=Operation)
Handler = Callable[[Step, OperationT], Sequence[Tensor]]
"""What an operation gives; nothing where nothing is known of it."""


def follow(
    flow: Flow,
    operations: Sequence[OperationT],
    handler_of: Callable[[OperationT], Handler[OperationT] | None],
    declared: Callable[[int], Port | None],
    cancels: tuple[str, str, Collection[str]],
) -> None:
    """Give every tensor of the flow what is known of it.

    ``cancels`` names a format's maximum, subtraction and exponentials: what they shift is nothing to a softmax.
    """
    parts = [(operation.kind, operation.inputs, operation.outputs) for operation in operations]
    is_shift = only_shifts(parts, *cancels)
    for index, operation in enumerate(operations):
        handler = handler_of(operation)
        inputs = tuple(NOTHING if number == ABSENT else flow.tensor(number) for number in operation.inputs)
        results = handler(Step(flow, index, operation, inputs), operation) if handler is not None else ()
        if not results:
            results = [Tensor(varies=any(tensor.varies for tensor in inputs))] * len(operation.outputs)
        if index in flow.mixings and is_shift(index):
            del flow.mixings[index]
        flow.leave(operation, results, declared)


def distinct(mixings: Iterable[Mixing], operations: Sequence[Operation]) -> Iterator[Mixing]:
    """Without those that belong to another one: a variance to the mean that it is about, what one layer does twice."""
    makers = {number: operation for operation in operations for number in operation.outputs}
    told = set[tuple[str, str]]()
    kept: dict[Operation, Mixing] = {}
    for mixing in mixings:
        layer = mixing.operation.layer
        scope = "/".join((*layer.path, layer.name or ""))
        scope = scope.rpartition("/")[0] or scope
        mean = next((one for one in _behind(mixing.operation, makers) if one in kept), None)
        if (scope, mixing.operation.kind) in told or (mean is not None and kept[mean].axes == mixing.axes):
            continue
        told.add((scope, mixing.operation.kind))
        kept[mixing.operation] = mixing
        yield mixing


def _behind(operation: Operation, makers: Mapping[int, Operation]) -> Iterator[Operation]:
    """The operations that made what this one is about, as far back as the square of a difference takes."""
    edge = [operation]
    for _ in range(_VARIANCE_STEPS):
        edge = [makers[number] for one in edge for number in one.inputs[:2] if number in makers]
        yield from edge


def is_integral(dtype: str | None) -> bool:
    """Whether a type of elements has no fractions."""
    return dtype is not None and dtype.startswith(("int", "uint", "bool"))


def edges_between(operations: Sequence[Operation]) -> Iterator[tuple[int, int]]:
    """Which operation takes what another gives, once for each operand: indices of producer and consumer."""
    makers = {number: index for index, operation in enumerate(operations) for number in operation.outputs}
    for index, operation in enumerate(operations):
        for number in operation.inputs:
            if number in makers and makers[number] != index:
                yield makers[number], index


def reaching(
    operations: Sequence[OperationT], outputs: Iterable[int], ignored: Callable[[OperationT], Collection[int]]
) -> frozenset[int]:
    """The operations (by index) that something which outputs are computed from depends on.

    ``ignored`` gives the operands (by position) that do not matter: they only lend their size, or are never chosen.
    """
    makers = {number: index for index, operation in enumerate(operations) for number in operation.outputs}
    reached: set[int] = set()
    waiting = [makers[number] for number in outputs if number in makers]
    while waiting:
        index = waiting.pop()
        if index in reached:
            continue
        reached.add(index)
        unimportant = ignored(operations[index])
        for position, number in enumerate(operations[index].inputs):
            if position not in unimportant and number in makers:
                waiting.append(makers[number])
    return frozenset(reached)


def never_chosen(operation: Operation, condition: Tensor) -> range:
    """The results of the branch that an operation with two of them does not take, if its condition is a constant.

    They follow its operands, those of the first branch before.
    """
    count, end = len(operation.outputs), len(operation.inputs)
    if condition.known is None or condition.known[0] is None or end < 2 * count:
        return range(0)
    return range(end - count, end) if condition.known[0] else range(end - 2 * count, end - count)


def chosen(step: Step, condition: Tensor) -> Sequence[Tensor]:
    """What an operation with two branches gives: the results of the one it takes, or what is common to both."""
    count, end = len(step.operation.outputs), len(step.inputs)
    if not count or end < 2 * count:
        return ()
    skipped = never_chosen(step.operation, condition)
    first, second = step.inputs[-2 * count : -count], step.inputs[-count:]
    if skipped:
        return second if skipped.start < end - count else first
    return [
        replace(
            following([one, other], one.shape if one.shape == other.shape else None, one.axes & other.axes),
            integral=one.integral,
        )
        for one, other in zip(first, second, strict=True)
    ]
