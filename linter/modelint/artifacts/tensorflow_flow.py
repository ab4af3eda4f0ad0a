"""What running a graph of TensorFlow for some outputs runs: one flat graph over all functions that are called.

Walks backward over data and control inputs. A call is entered at the outputs that are needed and at all nodes that its
function runs for their effects, and each call of a function is its own part of the flat graph, so that what is constant
in one call is constant there. ``If``, ``Case`` and ``While`` become operations that merge what their branches compute;
where the predicate is constant only the branch taken is entered. Everything is bounded: a function that calls itself,
calls nested too deeply and more calls than any model has are kept as single operations and said to be unexamined.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from modelint.artifacts.limits import DEEPEST, MOST_NODES, Budget, MalformedError
from modelint.artifacts.tensorflow_graph import Body, Library, Node, Tensor
from modelint.artifacts.tensorflow_predicates import UNDECIDED, Predicate, decided
from modelint.artifacts.tensorflow_switches import Standing, Switches

MOST_CALLS: Final = 10_000
"""Calls of functions that are entered; a model of five thousand layers as functions of their own has as many."""

MOST_OPERATIONS: Final = 30_000
"""Operations that run for one signature; those of EfficientNetB7 run 7,000."""

_DEEPEST_PREDICATE: Final = 16
"""Predicates that decide about predicates, one after the other, before one is taken for undecided."""

_PLAIN: Final = frozenset({"PartitionedCall", "StatefulPartitionedCall", "TPUPartitionedCall"})
_CONDITIONAL: Final = frozenset({"If", "StatelessIf", "Case", "StatelessCase"})
_LOOP: Final = frozenset({"While", "StatelessWhile"})
_MERGE: Final = frozenset({"Merge", "RefMerge"})

_ARGUMENT: Final = -2
"""The ``output`` of the operation that stands for the arguments of functions that an operation applies as it likes."""

_OUTPUT_NAMES: Final = {
    "batch_mean": 1,
    "batch_variance": 2,
    "reserve_space_1": 3,
    "reserve_space_2": 4,
    "reserve_space_3": 5,
    "output_true": 1,
    "indices": 1,
    "idx": 1,
    "counter": 1,
}
"""Positions of outputs by name, where an operation has several and one beyond the first matters here."""


class Value(NamedTuple):
    """An output of an operation."""

    operation: Operation
    output: int


@dataclass(slots=True, eq=False)
class Operation:
    """A node in one call. ``inputs`` are its data inputs; of what merges branches, the predicate and then the branches.

    ``kind`` is the operation's name, or for what is made here ``"If"``, ``"While"`` (one output each: ``output``) or
    ``"Argument"``. ``folded`` is the constant that it computes, once that was looked for.
    """

    index: int
    kind: str
    node: Node
    call: Call
    output: int = -1
    inputs: tuple[Value, ...] = ()
    folded: Tensor | None = None
    was_folded: bool = False


@dataclass(slots=True, eq=False)
class Call:
    """One call of a function, or the main graph.

    ``sources`` are what its arguments are: references in the calling part, or values. ``guarded``: it only runs if a
    caller of the whole asks for it by an input; ``by_default``: it runs unless a caller asks for something else.
    """

    body: Body
    scope: str = ""
    caller: Call | None = None
    sources: Sequence[tuple[Call, str] | Value] = ()
    depth: int = 0
    guarded: bool = False
    by_default: bool = False
    known: dict[str, Value] = field(default_factory=dict)
    entered: dict[str, tuple[Call, ...]] = field(default_factory=dict)
    operations: dict[tuple[str, int], Operation] = field(default_factory=dict)

    def runs(self, name: str) -> bool:
        """Whether the function, or one that called it, has the name."""
        part: Call | None = self
        while part is not None and part.body.name != name:
            part = part.caller
        return part is not None


class Flow:
    """The flat graph of what is run: ``operations``, in the order in which they were found.

    ``unexamined`` and ``problems`` say what could not be followed.
    """

    def __init__(self, library: Library, budget: Budget) -> None:
        self.library = library
        self.budget = budget
        self.main = Call(library.main())
        self.operations: list[Operation] = []
        self.unexamined: dict[str, None] = {}
        self.problems: dict[str, None] = {}
        self._calls = 0
        self._predicates = 0
        self._pending: deque[Operation] = deque()
        self._effects: deque[tuple[Call, Iterable[str]]] = deque()
        self._switches = Switches(self.main.body, lambda name: self._decides(self.main, name), budget)

    def run(self, outputs: Iterable[str]) -> list[Value]:
        """Walk back from references in the main graph, until everything that runs for them is known."""
        found = [self.value(self.main, output) for output in outputs]
        while self._pending or self._effects:
            while self._effects:
                call, names = self._effects.popleft()
                for name in names:
                    self._demand(call, name)
            if self._pending:
                self._expand(self._pending.popleft())
        return found

    def value(self, call: Call, reference: str) -> Value:
        """What a reference stands for, through calls and their arguments to the operation that computes it."""
        trail: list[tuple[Call, str]] = []
        while True:
            found = call.known.get(reference)
            if found is not None:
                break
            self.budget.spend()
            trail.append((call, reference))
            if len(trail) > MOST_NODES:
                raise MalformedError("values are handed round in a circle of calls")
            step = self._step(call, reference)
            if isinstance(step, Value):
                found = step
                break
            call, reference = step
        for part, name in trail:
            part.known[name] = found
        return found

    def standing(self, operation: Operation) -> Standing:
        """Under which conditions an operation runs."""
        call = operation.call
        found = Standing(guarded=call.guarded, by_default=call.by_default)
        if call is self.main:
            found = found.under(self._switches.standing(operation.node.name))
        return found

    def _step(self, call: Call, reference: str) -> Value | tuple[Call, str]:
        name = reference.partition(":")[0]
        position = call.body.arguments.get(name)
        if position is not None:
            return call.sources[position] if position < len(call.sources) else self._missing(call, name)
        node = call.body.nodes.get(name)
        if node is None:
            return self._missing(call, name)
        callees = self._callees(call, node)
        if not callees:
            return Value(self._operation(call, node), _output(reference))
        output = _output(reference, callees[0].body)
        if self._is_transparent(node, callees):
            results = callees[0].body.results
            return (callees[0], results[output]) if output < len(results) else self._missing(call, name)
        if node.op in _CONDITIONAL or node.op in _LOOP:
            return Value(self._operation(call, node, output), 0)
        return Value(self._operation(call, node), output)

    def _is_transparent(self, node: Node, callees: tuple[Call, ...]) -> bool:
        """Whether the outputs of a node are those of the one function that it enters."""
        return len(callees) == 1 and (node.op in _PLAIN or node.op in _CONDITIONAL or node.op in self.library)

    def _missing(self, call: Call, name: str) -> Value:
        self.problems[f"the graph names a value {name!r} that nothing computes"] = None
        node = call.body.nodes.get(name) or Node.absent(name)
        return Value(self._operation(call, node), 0)

    def _operation(self, call: Call, node: Node, output: int = -1) -> Operation:
        """The operation of a node; of what merges branches, one for each output that is needed."""
        key = (node.name, output)
        found = call.operations.get(key)
        if found is None:
            if len(self.operations) >= MOST_OPERATIONS:
                raise MalformedError(f"more than {MOST_OPERATIONS:,} operations run for one output")
            merged = "While" if node.op in _LOOP else "If"
            kind = node.op if output == -1 else "Argument" if output == _ARGUMENT else merged
            found = Operation(len(self.operations), kind, node, call, output)
            call.operations[key] = found
            self.operations.append(found)
            self._pending.append(found)
        return found

    def _demand(self, call: Call, name: str) -> None:
        """Run a node for its effects."""
        node = call.body.nodes.get(name.partition(":")[0])
        if node is None:
            return
        callees = self._callees(call, node)
        if not self._is_transparent(node, callees):
            merges = bool(callees) and (node.op in _CONDITIONAL or node.op in _LOOP)
            self._operation(call, node, 0 if merges else -1)

    def _expand(self, operation: Operation) -> None:
        node, call = operation.node, operation.call
        self.budget.spend(1 + len(node.inputs))
        data = [name for name in node.inputs if not name.startswith("^")]
        callees = call.entered.get(node.name, ())
        match operation.kind:
            case "If" if callees:
                operation.inputs = (*self._values(call, data[:1]), *self._results(callees, operation.output))
            case "While" if callees:
                operation.inputs = (
                    *self._results(callees[:1], 0),
                    *self._values(call, data[operation.output : operation.output + 1]),
                    *self._results(callees[1:], operation.output),
                )
            case "Argument":
                operation.inputs = tuple(self._values(call, data))
            case kind if kind in _MERGE and call is self.main:
                alive = [name for name in data if not self._switches.standing(name).dead]
                operation.inputs = tuple(self._values(call, alive))
            case _:
                returned = [self.value(callee, result) for callee in callees for result in callee.body.results]
                operation.inputs = (*self._values(call, data), *returned)
        for name in node.inputs:
            if name.startswith("^"):
                self._demand(call, name[1:])

    def _values(self, call: Call, names: Iterable[str]) -> Iterator[Value]:
        return (self.value(call, name) for name in names)

    def _results(self, callees: Iterable[Call], output: int) -> Iterator[Value]:
        for callee in callees:
            if output < len(callee.body.results):
                yield self.value(callee, callee.body.results[output])

    def _callees(self, call: Call, node: Node) -> tuple[Call, ...]:
        """The calls of functions that a node makes."""
        found = call.entered.get(node.name)
        if found is None:
            found = call.entered[node.name] = self._enter(call, node)
            if found:
                self._effects.append((call, [name[1:] for name in node.inputs if name.startswith("^")]))
        return found

    def _enter(self, call: Call, node: Node) -> tuple[Call, ...]:
        named = {"f": [node.op]} if node.op in self.library else node.functions()
        if not named:
            if node.op in _PLAIN or node.op in _CONDITIONAL or node.op in _LOOP:
                self.unexamined[f"the call {node.name!r}: it names no function"] = None
            return ()
        arguments = [(call, name) for name in node.inputs if not name.startswith("^")]
        if node.op in _PLAIN or node.op in self.library:
            return self._made(call, node, named.get("f", []), arguments, UNDECIDED)
        if node.op in _CONDITIONAL:
            branches = named.get("branches") or [*named.get("else_branch", []), *named.get("then_branch", [])]
            predicate = self._decides(call, arguments[0][1]) if arguments else UNDECIDED
            if predicate.value is not None and branches:
                last = len(branches) - 1
                chosen = int(predicate.value) if "branches" in named else min(1, int(bool(predicate.value)))
                branches = branches[chosen : chosen + 1] if 0 <= chosen <= last else branches[last:]
            return self._made(call, node, branches, arguments[1:], predicate)
        if node.op in _LOOP:
            functions = [*named.get("cond", []), *named.get("body", [])]
            variables = [Value(self._operation(call, node, index), 0) for index in range(len(arguments))]
            return self._made(call, node, functions, variables, UNDECIDED)
        functions = [name for names in named.values() for name in names]
        most = max((len(body.arguments) for body in map(self.library.function, functions) if body), default=0)
        inner = Value(self._operation(call, node, _ARGUMENT), 0)
        return self._made(call, node, functions, [inner] * most, UNDECIDED)

    def _made(
        self,
        call: Call,
        node: Node,
        functions: Sequence[str],
        sources: Sequence[tuple[Call, str] | Value],
        predicate: Predicate,
    ) -> tuple[Call, ...]:
        """The calls of some functions; none if one of them cannot be entered."""
        made: list[Call] = []
        for name in functions:
            self._calls += 1
            body = self.library.function(name)
            if body is None or call.depth >= DEEPEST or self._calls > MOST_CALLS or call.runs(name):
                self.unexamined[f"the function {name!r}: {self._reason(call, body)}"] = None
                return ()
            undecided = predicate.value is None
            made.append(
                Call(
                    body,
                    _joined(call.scope, node),
                    call,
                    sources,
                    call.depth + 1,
                    call.guarded or (undecided and predicate.by_caller),
                    call.by_default or (not undecided and predicate.by_default),
                )
            )
        self._effects.extend((callee, callee.body.effects) for callee in made)
        return tuple(made)

    def _reason(self, call: Call, body: Body | None) -> str:
        if body is None:
            return "the file does not hold it"
        if call.runs(body.name):
            return "it calls itself"
        return "there are too many calls" if call.depth < DEEPEST else "its calls are nested too deeply"

    def _decides(self, call: Call, reference: str) -> Predicate:
        if self._predicates >= _DEEPEST_PREDICATE:
            return UNDECIDED
        self._predicates += 1
        try:
            return decided(self, self.value(call, reference))
        finally:
            self._predicates -= 1


def _output(reference: str, body: Body | None = None) -> int:
    """The position of an output: ``name:1`` in the main graph, ``name:output:1`` in a function."""
    parts = reference.split(":")
    number = int(parts[-1]) if len(parts) > 1 and parts[-1].isascii() and parts[-1].isdigit() else 0
    if len(parts) == 3:
        if body is not None and parts[1] in body.result_names:
            return body.result_names.index(parts[1]) + number
        return _OUTPUT_NAMES.get(parts[1], 0) + number
    return number


def _joined(scope: str, node: Node) -> str:
    """The scope of what a node calls: that of the node itself, which is named for the layer that made it."""
    own = node.name.rpartition("/")[0]
    if not own or own == scope or own.startswith(scope + "/"):
        return own or scope
    return f"{scope}/{own}" if scope else own
