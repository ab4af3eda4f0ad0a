"""Programs of PyTorch operators as a graph: what both ``.pt2`` and TorchScript files become before they are judged.

Operators stand in the order in which they run. In-place operators and views are followed: what is written into a
tensor reaches whoever reads that memory afterwards.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Final

from modelint.artifacts.torch_operators import BATCH_NORMS, SHAPE_ONLY, VIEWS
from modelint.facts import UNKNOWN, Layer, Shape, Unknown

Argument = object
"""None, a bool, number or text, a ``Tensor``, a tuple of arguments, or ``UNKNOWN``."""


@dataclass(slots=True, eq=False, repr=False)
class Tensor:
    """A value of a program. ``source`` is "input", "parameter", "buffer" or "constant"; empty where it is computed.

    ``memory`` is the tensor whose memory it shares (itself, unless it is a view).
    """

    name: str = ""
    source: str = ""
    shape: Shape | None = None
    dtype: str | None = None
    memory: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.memory = self

    @property
    def rank(self) -> int | None:
        """The number of its axes, as far as known."""
        return None if self.shape is None else len(self.shape)


@dataclass(slots=True, eq=False, repr=False)
class Operation:
    """One operator as it runs. ``name`` is without namespace and overload (``"batch_norm"``, ``"add_"``).

    ``module`` is the class of the module that calls it ("torch.nn.modules.dropout.Dropout2d"), where known.
    ``certain``: it runs on every call.
    """

    name: str
    arguments: dict[str, Argument]
    outputs: tuple[Tensor, ...]
    layer: Layer
    module: str = ""
    certain: bool = True

    def __post_init__(self) -> None:
        first = next(iter(self.arguments.values()), None)
        shared = first if self.name in VIEWS else self.overwritten
        if isinstance(shared, Tensor):
            for output in self.outputs:
                output.memory = shared.memory

    @property
    def overwritten(self) -> Tensor | None:
        """The argument that it writes its result into: the first one of an in-place operator, or ``out``."""
        in_place = self.name.endswith("_") and not self.name.startswith("__")
        written = next(iter(self.arguments.values()), None) if in_place else self.argument("out")
        return written if isinstance(written, Tensor) else None

    @property
    def inputs(self) -> Iterator[Tensor]:
        """The tensors among its arguments."""
        for argument in self.arguments.values():
            yield from tensors_in(argument)

    @property
    def read(self) -> Iterator[Tensor]:
        """The tensors whose values its outputs depend on: a BatchNorm in train mode reads no moving statistics."""
        if self.name in SHAPE_ONLY:
            return
        unread = ("running_mean", "running_var") if self.argument("training") is True else ()
        for name, argument in self.arguments.items():
            if self.name not in BATCH_NORMS or name not in unread:
                yield from tensors_in(argument)

    def argument(self, name: str) -> Argument:
        """An argument by its name; None if it is absent."""
        return self.arguments.get(name)


MOST_NESTED: Final = 8


def tensors_in(argument: Argument, depth: int = 0) -> Iterator[Tensor]:
    """The tensors in an argument, in order."""
    if isinstance(argument, Tensor):
        yield argument
    elif isinstance(argument, tuple) and depth < MOST_NESTED:
        for part in argument:
            yield from tensors_in(part, depth + 1)


def whole(argument: Argument) -> int | Unknown | None:
    """An argument as a whole number; ``UNKNOWN`` if it is anything else than that or absent."""
    if argument is None or (isinstance(argument, int) and not isinstance(argument, bool)):
        return argument
    return UNKNOWN


@dataclass(slots=True, eq=False, repr=False)
class OperatorGraph:
    """A program: its operators in order, the inputs a caller gives, what it returns.

    ``updated`` are variables that get a new value when the program has run, by name.
    """

    operations: list[Operation] = field(default_factory=list)
    inputs: list[Tensor] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)
    updated: list[tuple[Tensor, Tensor]] = field(default_factory=list)

    def edges(self) -> tuple[tuple[int, int], ...]:
        """Producer and consumer of every tensor that an operator takes from another."""
        made: dict[Tensor, int] = {}
        found: list[tuple[int, int]] = []
        for index, operation in enumerate(self.operations):
            found += [(made[tensor], index) for tensor in operation.inputs if tensor in made]
            made.update(dict.fromkeys(operation.outputs, index))
        return tuple(found)

    def reaching(self, ends: Collection[Tensor]) -> tuple[frozenset[int], frozenset[Tensor]]:
        """The operators on whose values any of the tensors depends, and the given tensors that these read."""
        sources, writers = self._sources()
        reached: set[int] = set()
        given = {end.memory for end in ends if end.memory.source}
        waiting = [writers[end.memory] for end in ends if end.memory in writers]
        while waiting:
            index = waiting.pop()
            if index not in reached:
                reached.add(index)
                operators, tensors = sources[index]
                waiting += operators
                given |= tensors
        return frozenset(reached), frozenset(given)

    def _sources(self) -> tuple[list[tuple[list[int], set[Tensor]]], dict[Tensor, int]]:
        """For each operator, the operators and given tensors whose values it reads; and who wrote each memory last.

        The last writer of a memory stands for those before it: what overwrites a tensor is given that tensor.
        """
        writers: dict[Tensor, int] = {}
        found: list[tuple[list[int], set[Tensor]]] = []
        for index, operation in enumerate(self.operations):
            memories = dict.fromkeys(tensor.memory for tensor in operation.read)
            operators = [writers[memory] for memory in memories if memory in writers]
            found.append((operators, {memory for memory in memories if memory.source}))
            for output in operation.outputs:
                if output.memory is output or operation.overwritten is not None:
                    writers[output.memory] = index
        return found, writers
