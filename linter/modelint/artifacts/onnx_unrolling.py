"""The nodes of an ONNX model in the order of execution: graphs inside nodes and local functions entered in place.

Takes messages, gives operations whose tensors are numbers, so that no name means two things. Every call of a local
function and every branch has its own operations, with the names of what holds them as their path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from modelint.artifacts.batch_axis import Tensor
from modelint.artifacts.batch_flow import ABSENT, MOST_OPERATIONS
from modelint.artifacts.limits import Budget, MalformedError
from modelint.artifacts.onnx_graph import (
    Attributes,
    Node,
    escaping_path,
    opsets_of,
    read_attributes,
    read_constant,
    read_node,
    read_port,
)
from modelint.artifacts.onnx_operation import OnnxOperation
from modelint.artifacts.onnx_operators import is_known
from modelint.artifacts.wire import Message
from modelint.facts import UNKNOWN, Layer, Port, Setting, Traits
from modelint.finding import Place

MOST_PROBLEMS: Final = 20
"""Problems that are told of one file."""

DEEPEST_CALLS: Final = 64
"""Local functions that call each other."""

_BRANCHES: Final = ("then_branch", "else_branch")
_NORM: Final = Traits(couples_batch_in_training=True, writes_state_in_training=True)
_DROPOUT: Final = Traits(stochastic_in_training=True)


@dataclass(slots=True)
class _Scope:
    """The names that a graph sees: its own, and those of the graph around it."""

    path: tuple[str, ...]
    opsets: Mapping[str, int]
    outer: _Scope | None = None
    numbers: dict[str, int] = field(default_factory=dict)
    ports: dict[str, Port] = field(default_factory=dict)
    attributes: Mapping[str, Setting] = field(default_factory=dict)
    constants: Mapping[str, Tensor] = field(default_factory=dict)
    calls: tuple[tuple[str, str, str], ...] = ()

    def number(self, name: str) -> int | None:
        scope: _Scope | None = self
        while scope is not None:
            if name in scope.numbers:
                return scope.numbers[name]
            scope = scope.outer
        return None


@dataclass(frozen=True, slots=True, eq=False)
class _Function:
    """A local function, read once and entered for every call."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    opsets: Mapping[str, int]
    defaults: Attributes
    ports: Mapping[str, Port]


@dataclass(slots=True)
class Unrolled:
    """The operations of a model, and what was noticed.

    ``tensors`` is what is known from the start, by number: constants, and the inputs of loop bodies. ``overridable``
    are constants that a caller may replace.
    """

    path: str
    budget: Budget
    functions: Mapping[tuple[str, str, str], Message]
    operations: list[OnnxOperation] = field(default_factory=list)
    tensors: dict[int, Tensor] = field(default_factory=dict)
    overridable: set[int] = field(default_factory=set)
    ports: list[Port | None] = field(default_factory=list)
    unexamined: dict[str, None] = field(default_factory=dict)
    problems: dict[str, None] = field(default_factory=dict)
    _visited: int = 0
    _read: dict[tuple[str, str, str], _Function] = field(default_factory=dict)

    def declared(self, number: int) -> Port | None:
        """What the file says of a tensor."""
        return self.ports[number] if 0 <= number < len(self.ports) else None

    def enter(self, graph: Message, opsets: Mapping[str, int]) -> tuple[Sequence[int], Sequence[int]]:
        """Add the operations of the main graph; the numbers of its inputs (without constants) and outputs."""
        return self._graph(graph, _Scope((), opsets), None)

    def _graph(self, graph: Message, scope: _Scope, given: Sequence[int | None] | None) -> tuple[list[int], list[int]]:
        """Add the operations of a graph whose inputs are tensors of its caller, where ``given`` names them."""
        scope.ports |= {port.name: port for port in map(read_port, graph.messages("value_info")) if port.name}
        outputs = [read_port(info) for info in graph.messages("output")]
        scope.ports |= {port.name: port for port in outputs if port.name}
        self._initializers(graph, scope)
        entered = []
        for position, port in enumerate(map(read_port, graph.messages("input"))):
            name = port.name or ""
            if name in scope.numbers:  # a constant that a caller may replace
                self.overridable.add(scope.numbers[name])
                continue
            from_caller = given[position] if given is not None and position < len(given) else None
            scope.numbers[name] = self._new(port) if from_caller is None else from_caller
            entered.append(scope.numbers[name])
            if given is not None and from_caller is None:
                self.tensors[scope.numbers[name]] = Tensor(port.shape, varies=True)
        for message in graph.messages("node"):
            self._node(read_node(message), scope)
        return entered, [self._used(port.name or "", scope, "the graph") for port in outputs]

    def _initializers(self, graph: Message, scope: _Scope) -> None:
        tensors = [
            *graph.messages("initializer"),
            *(one.message("values") for one in graph.messages("sparse_initializer")),
        ]
        for tensor in tensors:
            number = self._new(None)
            scope.numbers[tensor.text("name")] = number
            self.tensors[number] = read_constant(tensor)
            outside = escaping_path(tensor)
            if outside is not None:
                self._problem(f"the data of {tensor.text('name')!r} is said to be outside of the model: {outside!r}")

    def _new(self, port: Port | None) -> int:
        self.ports.append(port)
        return len(self.ports) - 1

    def _problem(self, text: str) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems[text] = None

    def _used(self, name: str, scope: _Scope, user: str) -> int:
        if not name:
            return ABSENT
        number = scope.number(name)
        if number is None:
            self._problem(f"{user} takes {name!r}, which nothing gives")
            return ABSENT
        return number

    def _node(self, node: Node, scope: _Scope) -> None:
        self.budget.spend()
        self._visited += 1  # calls of functions count as well: each has a name and a path of its own
        if self._visited > MOST_OPERATIONS:
            raise MalformedError(f"the graph has more than {MOST_OPERATIONS:,} operators")
        name = node.name or f"{node.op_type}:{len(self.operations)}"
        if node.references:
            node = self._resolved(node, scope)
        inputs = tuple(self._used(used, scope, f"the node {name!r}") for used in node.inputs)
        called = self._called(node, name, scope, inputs)
        if called is not None:
            scope.numbers |= {own: number for own, number in zip(node.outputs, called, strict=False) if own}
            return
        inputs += self._inside(node, name, scope, inputs)
        outputs = []
        for output in node.outputs:
            number = self._new(scope.ports.get(output))
            if output:
                scope.numbers[output] = number
            outputs.append(number)
        layer = self._layer(node, name, scope)
        operation = OnnxOperation(
            node.op_type,
            inputs,
            tuple(outputs),
            layer,
            node.attributes,
            node.constants,
            node.domain,
            scope.opsets.get(node.domain, 1),
            any(node.outputs[1:]),
        )
        if not is_known(operation):
            operation = replace(operation, layer=replace(layer, opaque=True))
            full = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
            self.unexamined[f"the custom operator {full!r}"] = None
        self.operations.append(operation)

    def _resolved(self, node: Node, scope: _Scope) -> Node:
        """The node of a function's body with the attributes of the function's call."""
        found = {
            own: scope.attributes.get(outer, UNKNOWN)
            for own, outer in node.references.items()
            if outer in scope.attributes
        }
        tensors = {own: scope.constants[outer] for own, outer in node.references.items() if outer in scope.constants}
        return replace(node, attributes={**node.attributes, **found}, constants={**node.constants, **tensors})

    def _layer(self, node: Node, name: str, scope: _Scope) -> Layer:
        path = (*scope.path, *node.scope)
        here = Place(self.path, node="/".join((*path, name)))
        first = scope.ports.get(node.outputs[0]) if node.outputs else None
        return Layer(
            kind=node.op_type,
            qualified=f"{node.domain or 'ai.onnx'}.{node.op_type}",
            traits={"BatchNormalization": _NORM, "Dropout": _DROPOUT}.get(node.op_type, Traits()),
            config=node.attributes,
            place=node.written_at or here,
            called_at=here,
            name=name,
            path=path,
            identity=len(self.operations) + 1,
            shape=first.shape if first is not None else None,
        )

    def _called(self, node: Node, name: str, scope: _Scope, inputs: Sequence[int]) -> list[int] | None:
        """What a call of a local function gives; None if the node is no such call."""
        if node.key not in self.functions:
            return None
        if node.key in scope.calls:
            self._problem(f"the function {node.op_type!r} calls itself")
            return None
        if len(scope.calls) >= DEEPEST_CALLS:
            raise MalformedError("functions call each other too deeply")
        if node.key not in self._read:
            self._read[node.key] = _read_function(self.functions[node.key])
        function = self._read[node.key]
        inner = _Scope(
            (*scope.path, name),
            function.opsets,
            ports=dict(function.ports),
            attributes={**function.defaults.values, **node.attributes},
            constants={**function.defaults.constants, **node.constants},
            calls=(*scope.calls, node.key),
        )
        inner.numbers = {own: number for own, number in zip(function.inputs, inputs, strict=False) if number != ABSENT}
        absent = set(function.inputs) - set(inner.numbers)
        for own in absent:  # an optional operand that the call leaves out
            inner.numbers[own] = ABSENT
        for one in function.nodes:
            self._node(one, inner)
        return [self._used(output, inner, f"the function {node.op_type!r}") for output in function.outputs]

    def _inside(self, node: Node, name: str, scope: _Scope, inputs: Sequence[int]) -> tuple[int, ...]:
        """Enter the graphs in a node's attributes; the tensors that they give."""
        results: list[int] = []
        graphs = [(key, node.graphs[key]) for key in (*_BRANCHES, *node.graphs) if key in node.graphs]
        for key, graph in dict(graphs).items():
            inner = _Scope(
                (*scope.path, name, key.removesuffix("_branch")) if key in _BRANCHES else (*scope.path, name),
                scope.opsets,
                scope,
                attributes=scope.attributes,
                constants=scope.constants,
                calls=scope.calls,
            )
            results += self._graph(graph, inner, [])[1]
        return tuple(results)


def _read_function(message: Message) -> _Function:
    ports = {port.name: port for port in map(read_port, message.messages("value_info")) if port.name}
    defaults = read_attributes(message.messages("attribute_proto"))
    nodes = tuple(map(read_node, message.messages("node")))
    opsets = opsets_of(message)
    return _Function(tuple(message.texts("input")), tuple(message.texts("output")), nodes, opsets, defaults, ports)
