"""TFLite files: each signature to its operators, and what running it does.

Takes the bytes of a ``.tflite`` file, gives its entries. Weights are not read; of constants only those that can be
axes, orders and shapes. Operators of TensorFlow in it ("Flex") are examined, custom ones are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from modelint.artifacts import tflite_flow
from modelint.artifacts.batch_axis import Tensor
from modelint.artifacts.batch_flow import (
    ABSENT,
    MOST_OPERATIONS,
    Flow,
    batch_of,
    distinct,
    edges_between,
    follow,
    is_integral,
    reaching,
)
from modelint.artifacts.files import ModelFiles, bytes_of
from modelint.artifacts.flatbuffer import FlatBuffer
from modelint.artifacts.limits import DEEPEST, Budget, MalformedError
from modelint.artifacts.model_file import Effect, EffectKind, Entry, ModelFile
from modelint.artifacts.tflite_flow import TfliteOperation
from modelint.artifacts.tflite_graph import OperatorCall, Signature, Subgraph, TfliteFile, read_file
from modelint.facts import Layer, Model, Port, Traits
from modelint.finding import Place

FORMAT: Final = "TFLite model"

_NORM: Final = Traits(couples_batch_in_training=True, writes_state_in_training=True)
_STATES: Final[Mapping[str, tuple[int, ...]]] = {
    "BIDIRECTIONAL_SEQUENCE_LSTM": (35, 36, 37, 38),
    "BIDIRECTIONAL_SEQUENCE_RNN": (4, 8),
    "LSTM": (18, 19),
    "RNN": (4,),
    "SVDF": (4,),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": (18, 19),
    "UNIDIRECTIONAL_SEQUENCE_RNN": (4,),
}
"""Operands that an operator updates where they are variables (``tensorflow/lite/kernels``)."""

_OPAQUE: Final = re.compile(
    r"^(DELEGATE|STABLEHLO_CUSTOM_CALL|STABLEHLO_COMPOSITE|OPERATOR_\d+"
    r"|Flex(StatefulPartitionedCall|PartitionedCall|(Stateless)?(If|While|Case)|E?a?ger?Py.*|PyFunc.*))$"
)
_MOVING: Final = re.compile(r"moving_|running_")
_RANDOM_STATE: Final = re.compile(r"seed_generator|StateVar|generator_state", re.IGNORECASE)


def read(files: ModelFiles, budget: Budget) -> ModelFile:
    """Read a TFLite file.

    Raises:
        MalformedError: it cannot be read.
    """
    file = read_file(FlatBuffer(bytes_of(files), budget))
    if not file.subgraphs:
        raise MalformedError("the file holds no graph")
    reading = _Reading(files.path, file, budget)
    entries = tuple(reading.entry(names, signature) for names, signature in _served(file))
    return ModelFile(
        files.path,
        FORMAT,
        producer=file.description or None,
        entries=entries,
        unexamined=tuple(dict.fromkeys(reading.unexamined)),
        metadata={"schema version": file.version},
    )


def _served(file: TfliteFile) -> Iterator[tuple[tuple[str, ...], Signature]]:
    """The signatures with all their names; the main graph if it is in none."""
    by_graph: dict[tuple[int, tuple[int, ...]], list[Signature]] = {}
    for signature in file.signatures:
        if signature.subgraph >= len(file.subgraphs):
            raise MalformedError(f"the signature {signature.key!r} serves a graph that the file does not have")
        by_graph.setdefault((signature.subgraph, tuple(signature.outputs)), []).append(signature)
    if not any(graph == 0 for graph, _ in by_graph):
        yield (file.subgraphs[0].name or "main",), Signature("", 0, {}, {})
    for signatures in by_graph.values():
        yield tuple(signature.key for signature in signatures), signatures[0]


@dataclass(slots=True)
class _Reading:
    """What is gathered while the entries of one file are read."""

    path: str
    file: TfliteFile
    budget: Budget
    unexamined: list[str] = field(default_factory=list)

    def entry(self, names: tuple[str, ...], signature: Signature) -> Entry:
        graph = self.file.subgraphs[signature.subgraph]
        unrolled = _Unrolled(self, names[0])
        numbers = unrolled.place(graph, {})
        unrolled.enter(graph, numbers, ((signature.subgraph, ""),))
        inputs = tuple(_port(graph, index, signature.inputs) for index in graph.inputs)
        outputs = tuple(_port(graph, index, signature.outputs) for index in graph.outputs)
        flow = Flow(batch_of(inputs, outputs), unrolled.constants)
        flow.enter([numbers[index] for index in graph.inputs], inputs)
        follow(flow, unrolled.operations, tflite_flow.handler_of, unrolled.declared, tflite_flow.CANCELS)
        given = [numbers[index] for index in graph.outputs]
        effects = _Effects(unrolled, flow, given).found()
        layers = tuple(operation.layer for operation in unrolled.operations)
        model = Model(
            kind=graph.name or "graph",
            framework="tflite",
            origin=Place(self.path),
            layers=layers,
            edges=tuple(edges_between(unrolled.operations)),
            opaque=any(layer.opaque for layer in layers),
            name=names[0],
            inputs=inputs,
            outputs=outputs,
        )
        return Entry(names, model, fixed=True, effects=tuple(effects), batch_first=False, resizable=True)


def _port(graph: Subgraph, index: int, names: Mapping[int, str]) -> Port:
    port = graph.tensors[index].port
    return replace(port, name=names.get(index, port.name))


@dataclass(slots=True)
class _Unrolled:
    """The operators of a graph and of those that it calls, in the order of execution, with tensors numbered anew."""

    reading: _Reading
    entry: str
    operations: list[TfliteOperation] = field(default_factory=list)
    constants: dict[int, Tensor] = field(default_factory=dict)
    ports: list[Port] = field(default_factory=list)
    variables: set[int] = field(default_factory=set)

    def declared(self, number: int) -> Port | None:
        """What the file says of a tensor."""
        return self.ports[number] if 0 <= number < len(self.ports) else None

    def place(self, graph: Subgraph, given: Mapping[int, int]) -> Sequence[int]:
        """Give the tensors of a graph numbers; those in ``given`` have one from the graph that calls it."""
        self.reading.budget.spend(len(graph.tensors))
        numbers = []
        for index, tensor in enumerate(graph.tensors):
            number = given.get(index, ABSENT)
            if number == ABSENT:
                number = len(self.ports)
                self.ports.append(tensor.port)
                if tensor.is_variable:
                    self.variables.add(number)
                elif self.reading.file.is_constant(tensor):
                    known = self.reading.file.constant(tensor)
                    self.constants[number] = Tensor(tensor.shape, known=known, integral=is_integral(tensor.dtype))
            numbers.append(number)
        return numbers

    def enter(self, graph: Subgraph, numbers: Sequence[int], path: tuple[tuple[int, str], ...]) -> None:
        """Add the operators of a graph; ``path`` holds it and the graphs that called it, and from where."""
        if len(path) > DEEPEST:
            raise MalformedError("graphs call each other too deeply")
        for call in graph.operators:
            self.reading.budget.spend()
            if len(self.operations) >= MOST_OPERATIONS:
                raise MalformedError(f"the graph has more than {MOST_OPERATIONS:,} operators")
            inputs = tuple(numbers[index] if index >= 0 else ABSENT for index in call.inputs)
            outputs = tuple(numbers[index] for index in call.outputs if index >= 0)
            layer = self._layer(graph, call, tuple(name for _, name in path[1:]))
            inputs += self._called(call, layer, inputs, path)
            self.operations.append(TfliteOperation(call.kind, inputs, outputs, layer, call.options, call.custom))

    def _layer(self, graph: Subgraph, call: OperatorCall, path: tuple[str, ...]) -> Layer:
        opaque = bool(_OPAQUE.match(call.kind)) or (call.custom and not call.kind.startswith("Flex"))
        if opaque:
            self.reading.unexamined.append(f"the custom operator {call.kind!r}")
        first = graph.tensors[call.outputs[0]] if call.outputs and call.outputs[0] >= 0 else None
        name = first.name if first is not None and first.name else f"{call.kind}:{len(self.operations)}"
        place = Place(self.reading.path, node="/".join((*path, name)))
        return Layer(
            kind=call.kind,
            qualified=f"tflite.{call.kind}",
            traits=_NORM if call.kind in tflite_flow.BATCH_NORMS else Traits(),
            config=call.options,
            place=place,
            called_at=place,
            name=name,
            path=path,
            opaque=opaque,
            identity=len(self.operations) + 1,
            shape=first.shape if first is not None else None,
        )

    def _called(
        self, call: OperatorCall, layer: Layer, inputs: tuple[int, ...], path: tuple[tuple[int, str], ...]
    ) -> tuple[int, ...]:
        """Enter the graphs that an operator calls; the tensors that they give."""
        match call.kind:
            case "IF":
                wanted, given = ("then_subgraph_index", "else_subgraph_index"), inputs[1:]
            case "WHILE":
                wanted, given = ("cond_subgraph_index", "body_subgraph_index"), ()
            case _:
                return ()  # CALL_ONCE only gives variables their first values
        results: list[int] = []
        for option in wanted:
            index = call.options.get(option)
            graphs = self.reading.file.subgraphs
            if not isinstance(index, int) or not 0 <= index < len(graphs):
                raise MalformedError(f"an operator {call.kind} calls a graph that the file does not have")
            if any(index == caller for caller, _ in path):
                raise MalformedError(f"the graph {graphs[index].name or index!r} calls itself")
            numbers = self.place(graphs[index], dict(zip(graphs[index].inputs, given, strict=False)))
            self.enter(graphs[index], numbers, (*path, (index, layer.name or layer.kind)))
            results += [numbers[output] for output in graphs[index].outputs]
        if call.kind == "IF" and len(results) != 2 * len(call.outputs):
            raise MalformedError("the branches of an operator IF give something else than it does")
        return tuple(results)


@dataclass(slots=True)
class _Effects:
    """What running the operators of an entry does."""

    unrolled: _Unrolled
    flow: Flow
    outputs: Sequence[int]

    def found(self) -> Iterator[Effect]:
        operations = self.unrolled.operations
        reached = reaching(operations, self.outputs, lambda one: tflite_flow.ignored(one, self.flow))
        for mixing in distinct(self.flow.served(self.outputs), operations):
            yield Effect(EffectKind.MIXES, mixing.operation.layer, mixing.operation.kind, axis=mixing.axes)
        variables = set[str]()
        for index, operation in enumerate(operations):
            given = self.flow.tensor(operation.inputs[0]) if operation.inputs else Tensor()
            if index in reached and tflite_flow.trains(operation, given):
                yield Effect(EffectKind.TRAIN_MODE, operation.layer, operation.kind)
            if tflite_flow.DRAWS.match(operation.kind) and not self._repeats(operation):
                seed = operation.number("seed") or operation.number("seed2") or None
                draw = Effect(EffectKind.DRAWS, operation.layer, operation.kind, seed=seed)
                yield replace(draw, affects_prediction=index in reached)
            for what in self._written(operation):
                if what in variables:
                    continue
                variables.add(what)
                moving, state = bool(_MOVING.search(what)), bool(_RANDOM_STATE.search(what))
                yield Effect(EffectKind.WRITES, operation.layer, what, moving=moving, random_state=state)

    def _repeats(self, operation: TfliteOperation) -> bool:
        """Whether a draw without a state of its own is given the same seed each time."""
        if not tflite_flow.STATELESS.match(operation.kind):
            return False
        return all(number in self.unrolled.constants for number in operation.inputs[1:2])

    def _written(self, operation: TfliteOperation) -> Iterator[str]:
        if tflite_flow.WRITES.match(operation.kind) and operation.inputs:
            yield self._variable(operation.inputs[0])
        for position in _STATES.get(operation.kind, ()):
            if position < len(operation.inputs) and operation.inputs[position] in self.unrolled.variables:
                yield f"the state of {operation.layer}"
                return

    def _variable(self, handle: int) -> str:
        """The name of the variable that a handle stands for."""
        for operation in self.unrolled.operations:
            if handle in operation.outputs and operation.kind in ("VAR_HANDLE", "FlexVarHandleOp"):
                name = operation.options.get("shared_name")
                text = name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else name
                return text if isinstance(text, str) and text else operation.layer.name or "a variable"
        port = self.unrolled.declared(handle)
        return (port.name if port is not None else None) or "a variable"
