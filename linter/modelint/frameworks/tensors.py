"""Tensors: what is known of an array's origin, not of its numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

from modelint.frameworks.data.batching import Batching
from modelint.frameworks.events import WriteEvent, record
from modelint.frameworks.graph import GraphNode, forward_pass
from modelint.frameworks.guards import has_opaque_guard, reached
from modelint.frameworks.indices import How, Index, index_of, indexed_shape, selects_part
from modelint.frameworks.names import canonical
from modelint.program.frames import Arguments
from modelint.program.interpreter import Interpreter
from modelint.program.values import (
    UNKNOWN,
    Builtin,
    Const,
    DictObject,
    External,
    ListObject,
    Tuple,
    Union,
    Unknown,
    Value,
)

One = TypeVar("One")

if TYPE_CHECKING:
    import ast

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


@dataclass(slots=True, unsafe_hash=True)
class Tensor(Value):
    """An array, which nothing changes; it is not declared frozen, since most of what is made would take twice as long.

    ``calls`` are the model calls it was computed from, ``gradients`` those it holds.

    ``symbolic``: the node of a functional model that produces it. ``batch_first``: its first axis is known to be the
    samples of a batch in a forward pass. ``batching``: the pipeline it was drawn from. ``shape``: as far as known,
    None for an unknown axis. ``structured``: perhaps it is no array but a tuple or dictionary of arrays.
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
    accumulated: ast.AST | None = None  # where such means are added up, round by round
    literal: bool = False  # made of zeros, ones or random numbers by the program itself
    written: bool = False  # made of a list of numbers that is written down
    parameter: bool = False  # a trainable variable
    statistics: frozenset[ReductionEvent] = frozenset()  # statistics of the batch that it holds
    draws: frozenset[DrawEvent] = frozenset()  # random numbers of a forward pass that it holds
    origin: str = ""  # what function it comes from, where that matters to draws (see ``sampling``)
    structured: bool = False

    JOINS = True

    def joined(self, other: Value) -> Value | None:
        """One for two that differ in their form alone."""
        if not isinstance(other, Tensor) or _matter(self) != _matter(other):
            return None
        shape = self.shape if self.shape == other.shape else None
        structured = self.structured or other.structured
        if (other.shape, other.structured) == (shape, structured):
            return other
        return replace(self, shape=shape, structured=structured)

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
                and not _is_in_metric(interpreter)
            ):
                modes = reached(interpreter)
                record(interpreter, WriteEvent(arguments.site, arguments.frame, how=f"variable.{name}", reached=modes))
            return self
        if name in ELEMENTWISE_METHODS:
            return self
        if name == "backward":
            from modelint.frameworks.tapes import note_backward

            note_backward(interpreter, self, arguments)
        as_function = External(f"numpy.{name}") if name in REDUCING_METHODS else UNKNOWN
        return interpreter.library.unknown_call(
            interpreter,
            as_function,
            Arguments((self, *arguments.positional), arguments.keywords, arguments.node, arguments.frame),
        )

    def item(self, interpreter: Interpreter, index: Value) -> Value:
        if selects_part(index, of_array=not self.structured):
            return replace(self, shape=None, structured=False)
        indices = index.items if isinstance(index, Tuple) and index.items else (index,)
        if _index_of(indices[0], interpreter).how is How.NEW:
            note_single(interpreter, self)
        return self._indexed([_index_of(one, interpreter) for one in indices])

    def part(self, interpreter: Interpreter, number: int) -> Value:
        return replace(self, shape=None, structured=False)  # who takes it apart knows that it is no array of samples

    def element(self, interpreter: Interpreter) -> Value:
        if self.structured and self.calls:  # an output of a model
            return replace(self, shape=None, structured=False)
        return self._indexed([Index(How.ONE)])

    def _indexed(self, indices: list[Index]) -> Tensor:
        first = indices[0]
        symbolic = self.symbolic
        if symbolic is not None and not all(index.keeps_all for index in indices):
            symbolic = GraphNode(None, (symbolic,))
        # a part of what is there for training may well be held out
        role = self.batching.role if self.batching is not None and first.how is not How.PART else None
        return replace(
            self,
            symbolic=symbolic,
            shape=indexed_shape(self.shape, indices),
            batch_first=self.batch_first and first.how in (How.PART, How.REST),
            batching=self.batching if first.keeps_all else Batching(role=role) if role else None,
            structured=False,
        )


_FORM = frozenset(("shape", "structured"))
_matter = attrgetter(*(one.name for one in fields(Tensor) if one.name not in _FORM))
"""All that a tensor is, but its form."""


def _index_of(value: Value, interpreter: Interpreter) -> Index:
    if isinstance(value, Tensor):  # the numbers of some, or a mask: then it has no length of its own
        return Index(How.CHOICE, None, value.shape[0] if value.shape and len(value.shape) == 1 else None)
    return index_of(value, interpreter)


def note_single(interpreter: Interpreter, tensor: Tensor) -> None:
    """Note that a forward pass gives its input a first axis: then it was a single sample, and no batch."""
    context = forward_pass(interpreter)
    if context is not None and tensor.batch_first and tensor.from_batch and not context.single:
        context.single = True
        interpreter.effects += 1


def _is_in_metric(interpreter: Interpreter) -> bool:
    """Whether a method of a metric is under way: no prediction reads what that keeps."""
    owners = (frame.function.owner for frame in interpreter.stack if frame.function is not None)
    bases = (base for owner in owners if owner is not None for base in owner.mro() if isinstance(base, External))
    return any("metrics." in canonical(base.dotted) for base in bases)


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
            case Const() | Unknown():  # which most are
                pass
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


def merged(tensors: Iterable[Tensor], *, elementwise: bool = False, **changes: Any) -> Tensor | None:
    """A tensor computed from others; None if there are none."""
    found = list(tensors)
    if not found:
        return None
    one = found[0]
    settings: dict[str, Any] = {
        "calls": one.calls,
        "gradients": one.gradients,
        "symbolic": _symbolic(found, elementwise),
        "batching": one.batching,
        "literal": one.literal,
        "written": one.written,
        "from_batch": one.from_batch,
        "statistics": one.statistics,
        "draws": one.draws,
        "origin": one.origin,
    }
    if len(found) > 1:
        settings |= {
            "calls": _together([t.calls for t in found]),
            "gradients": _together([t.gradients for t in found]),
            "batching": next((t.batching for t in found if t.batching is not None), None),
            "literal": all(t.literal or t.written for t in found) and any(t.literal for t in found),
            "written": all(t.written for t in found),
            "from_batch": any(t.from_batch for t in found),
            "statistics": _together([t.statistics for t in found]),
            "draws": _together([t.draws for t in found]),
            "origin": "",
        }
    settings |= changes
    return Tensor(**settings)


def _symbolic(tensors: Sequence[Tensor], elementwise: bool) -> GraphNode | None:
    """The node of a functional model for what is computed from tensors."""
    nodes = tuple(dict.fromkeys(t.symbolic for t in tensors if t.symbolic is not None))
    if not nodes or (elementwise and len(nodes) == 1):
        return nodes[0] if nodes else None
    return GraphNode(None, nodes, presumed=all(node.presumed for node in nodes), elementwise=elementwise)


def _together(sets: Sequence[frozenset[One]]) -> frozenset[One]:
    """What is in any of some sets; mostly they are all empty, or the same."""
    found = sets[0]
    for other in sets[1:]:
        if other and other is not found:
            found = found | other if found else other
    return found


def first_tensor(value: Value, interpreter: Interpreter) -> Tensor | None:
    """The tensor that a value is or holds first."""
    return next(tensors_in((value,), interpreter), None)
