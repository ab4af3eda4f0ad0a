"""Tensors: what is known of an array's origin, not of its numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from modelint.frameworks.events import WriteEvent, record
from modelint.frameworks.graph import GraphNode, forward_pass
from modelint.frameworks.guards import has_opaque_guard, reached
from modelint.program.frames import Arguments
from modelint.program.interpreter import Interpreter
from modelint.program.values import (
    UNKNOWN,
    Builtin,
    Const,
    DictObject,
    External,
    ListObject,
    Slice,
    Tuple,
    Union,
    Value,
    Window,
)

if TYPE_CHECKING:
    import libcst

    from modelint.frameworks.datasets import Batching
    from modelint.frameworks.events import CallEvent, DrawEvent, GradientEvent, ReductionEvent

SHAPE_METHODS = frozenset(("shape", "get_shape", "ndim", "dtype", "size", "rank"))
ELEMENTWISE_METHODS = frozenset(
    (
        "numpy",
        "astype",
        "copy",
        "detach",
        "cpu",
        "item",
        "tolist",
        "to",
        "float",
        "flatten",
        "squeeze",
        "ravel",
        "round",
        "clip",
    )
)
REDUCING_METHODS = frozenset(("mean", "sum", "std", "var", "max", "min", "argmax", "argmin", "any", "all", "prod"))


@dataclass(frozen=True, slots=True)
class Tensor(Value):
    """An array. ``calls`` are the model calls it was computed from, ``gradients`` those it holds.

    ``symbolic``: the node of a functional model that produces it. ``batch_first``: its first axis is known to be the
    samples of a batch in a forward pass. ``batching``: the pipeline it was drawn from. ``shape``: as far as known,
    None for an unknown axis.
    """

    calls: frozenset[CallEvent] = frozenset()
    gradients: frozenset[GradientEvent] = frozenset()
    symbolic: GraphNode | None = None
    batch_first: bool = False
    batching: Batching | None = None
    shape: tuple[int | None, ...] | None = None
    integer: bool = False
    row_mean: bool = False  # the mean over a batch (of losses, of hits): a metric of one batch
    from_batch: bool = False  # computed from the input of the forward pass under examination
    accumulated: libcst.CSTNode | None = None  # where such means are added up, round by round
    literal: bool = False  # made of constants or random numbers by the program itself
    parameter: bool = False  # a trainable variable
    statistics: frozenset[ReductionEvent] = frozenset()  # statistics of the batch that it holds
    draws: frozenset[DrawEvent] = frozenset()  # random numbers of a forward pass that it holds
    form: str = ""  # what function it comes from, where that matters to draws (see ``sampling``)

    def outlives(self, mark: int) -> bool:
        node = self.symbolic
        held = (self.calls, self.gradients, self.statistics, self.draws)
        return (node is None or node.identity < mark) and all(event.order < mark for one in held for event in one)

    def call(self, interpreter: Interpreter, arguments: Arguments) -> Value:
        return UNKNOWN

    def attribute(self, interpreter: Interpreter, name: str) -> Value:
        if name in SHAPE_METHODS:
            use(interpreter, self, "shape")
            return self._shape(interpreter) if name == "shape" else UNKNOWN
        if name == "__len__":
            length = self.shape[0] if self.shape else None
            return Builtin("tensor.__len__", lambda i, a: UNKNOWN if length is None else Const(length))
        if name in ("T", "values", "data", "flat"):
            return replace(self, shape=None, batch_first=False)
        return Builtin(f"tensor.{name}", lambda i, a: self.method(i, name, a))

    def _shape(self, interpreter: Interpreter) -> Value:
        if self.shape is None:
            return UNKNOWN
        return Tuple(tuple(UNKNOWN if size is None else Const(size) for size in self.shape))

    def method(self, interpreter: Interpreter, name: str, arguments: Arguments) -> Value:
        """The result of ``tensor.name(...)``."""
        if name == "numpy":
            use(interpreter, self, "numpy")
        if name in ("assign", "assign_add", "assign_sub"):
            written = any(tensor.from_batch for tensor in tensors_in(arguments.all(), interpreter))
            if (
                self.parameter
                and written
                and forward_pass(interpreter) is not None
                and not has_opaque_guard(interpreter)
            ):
                modes = reached(interpreter)
                record(interpreter, WriteEvent(arguments.site, arguments.frame, how=f"variable.{name}", reached=modes))
            return self
        if name in ELEMENTWISE_METHODS:
            return self
        as_function = External(f"numpy.{name}") if name in REDUCING_METHODS else UNKNOWN
        return interpreter.library.unknown_call(
            interpreter,
            as_function,
            Arguments((self, *arguments.positional), arguments.keywords, arguments.node, arguments.frame),
        )

    def item(self, interpreter: Interpreter, index: Value) -> Value:
        first = index.items[0] if isinstance(index, Tuple) and index.items else index
        if isinstance(first, Window):
            return replace(self, shape=(first.length, *(self.shape or ())[1:]))
        if isinstance(first, Slice):
            length = None
            if self.shape and self.shape[0] is not None:
                length = len(range(self.shape[0])[first.slice])
            return replace(self, shape=(length, *self.shape[1:]) if self.shape else None)
        return replace(self, shape=self.shape[1:] if self.shape else None, batch_first=False)

    def element(self, interpreter: Interpreter) -> Value:
        return replace(self, shape=self.shape[1:] if self.shape else None, batch_first=False)


def use(interpreter: Interpreter, tensor: Tensor, how: str) -> None:
    """Note what the results of the model calls behind a tensor are used for."""
    for call in tensor.calls:
        if how not in call.uses:
            call.uses.add(how)
            interpreter.effects += 1


def tensors_in(values: Iterable[Value], interpreter: Interpreter | None = None, depth: int = 3) -> Iterator[Tensor]:
    """The tensors among values and inside their containers."""
    for value in values:
        match value:
            case Tensor():
                yield value
            case Union():
                yield from tensors_in(value.values, interpreter, depth)
            case Tuple() if depth:
                yield from tensors_in(value.items[:64], interpreter, depth - 1)
            case ListObject() if depth and interpreter is not None:
                rest = value.rest(interpreter)
                items = value.items(interpreter)[:64]
                yield from tensors_in((*items, rest) if rest is not None else items, interpreter, depth - 1)
            case DictObject() if depth and interpreter is not None:
                yield from tensors_in(list(value.entries(interpreter).values())[:64], interpreter, depth - 1)
                if not value.complete(interpreter):
                    yield from tensors_in([value.element(interpreter)], interpreter, depth - 1)


def merged(tensors: Iterable[Tensor], **changes: object) -> Tensor | None:
    """A tensor computed from others; None if there are none."""
    found = list(tensors)
    if not found:
        return None
    calls: frozenset[CallEvent] = frozenset().union(*(t.calls for t in found))
    gradients: frozenset[GradientEvent] = frozenset().union(*(t.gradients for t in found))
    nodes = tuple(dict.fromkeys(t.symbolic for t in found if t.symbolic is not None))
    symbolic = nodes[0] if len(nodes) == 1 else GraphNode(None, nodes) if nodes else None
    batching = next((t.batching for t in found if t.batching is not None), None)
    settings: dict[str, Any] = {
        "calls": calls,
        "gradients": gradients,
        "symbolic": symbolic,
        "batching": batching,
        "literal": all(t.literal for t in found),
        "from_batch": any(t.from_batch for t in found),
        "statistics": frozenset().union(*(t.statistics for t in found)),
        "draws": frozenset().union(*(t.draws for t in found)),
        "form": found[0].form if len(found) == 1 else "",
    }
    return Tensor(**{**settings, **changes})


def first_tensor(value: Value, interpreter: Interpreter) -> Tensor | None:
    """The tensor that a value is or holds first."""
    return next(tensors_in((value,), interpreter), None)
