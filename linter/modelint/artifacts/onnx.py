"""ONNX models: the graph to its nodes, and what running it does.

Takes the bytes of a model, gives its one entry. Weights are not read, and data in other files is never opened. What
training has to do with it is decided by the version of the operator set; operators of domains that are not ONNX's own
are kept as opaque nodes, and named as unexamined.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from modelint.artifacts import onnx_flow
from modelint.artifacts.batch_axis import Tensor
from modelint.artifacts.batch_flow import Flow, batch_of, distinct, edges_between, follow, reaching
from modelint.artifacts.files import ModelFiles, bytes_of
from modelint.artifacts.limits import Budget, MalformedError
from modelint.artifacts.model_file import Effect, EffectKind, Entry, ModelFile
from modelint.artifacts.onnx_graph import opsets_of, read_port
from modelint.artifacts.onnx_messages import SCHEMAS
from modelint.artifacts.onnx_operation import OnnxOperation
from modelint.artifacts.onnx_operators import DRAWS, dropout_trains, norm_trains
from modelint.artifacts.onnx_unrolling import Unrolled
from modelint.artifacts.wire import Message
from modelint.facts import Constant, Model, Port
from modelint.finding import Place

FORMAT: Final = "ONNX model"

_RESHAPES: Final = frozenset({"Reshape", "Unsqueeze"})


def read(files: ModelFiles, budget: Budget) -> ModelFile:
    """Read an ONNX model.

    Raises:
        MalformedError: it cannot be read.
    """
    model = Message.whole(bytes_of(files), SCHEMAS["ModelProto"], budget)
    if not model.has("graph"):
        raise MalformedError("the file holds no graph")
    graph, opsets = model.message("graph"), opsets_of(model)
    unrolled = Unrolled(files.path, budget, dict(_functions(model)))
    given, outputs = unrolled.enter(graph, opsets)
    inputs = [unrolled.declared(number) or Port() for number in given]
    results = [read_port(info) for info in graph.messages("output")]
    flow = Flow(batch_of(inputs, results), dict(unrolled.tensors))
    flow.enter(given, inputs)
    follow(flow, unrolled.operations, onnx_flow.handler_of, unrolled.declared, onnx_flow.CANCELS)
    effects = tuple(_Effects(unrolled, flow, outputs).found())
    name = graph.text("name") or "main_graph"
    entry = Entry(
        (name,), _model(files.path, name, unrolled, inputs, results), fixed=True, effects=effects, batch_first=False
    )
    return ModelFile(
        files.path,
        FORMAT,
        producer=_producer(model, opsets),
        entries=(entry,),
        unexamined=tuple(unrolled.unexamined),
        problems=tuple(unrolled.problems),
        metadata=_metadata(model, opsets),
    )


def _functions(model: Message) -> Iterator[tuple[tuple[str, str, str], Message]]:
    for function in model.messages("functions"):
        domain = function.text("domain")
        yield ("" if domain == "ai.onnx" else domain, function.text("name"), function.text("overload")), function


def _producer(model: Message, opsets: Mapping[str, int]) -> str | None:
    who = " ".join(filter(None, (model.text("producer_name"), model.text("producer_version"))))
    return ", ".join(filter(None, (who, f"opset {opsets['']}" if "" in opsets else ""))) or None


def _metadata(model: Message, opsets: Mapping[str, int]) -> dict[str, Constant]:
    found: dict[str, Constant] = {"IR version": model.integer("ir_version")}
    found |= {f"opset of {domain or 'ai.onnx'}": version for domain, version in opsets.items()}
    if model.count("training_info"):
        found["training graphs"] = model.count("training_info")
    return found


def _model(path: str, name: str, unrolled: Unrolled, inputs: Sequence[Port], outputs: Sequence[Port]) -> Model:
    shown = [operation for operation in unrolled.operations if operation.kind != "Constant"]
    layers = tuple(operation.layer for operation in shown)
    return Model(
        kind="graph",
        framework="onnx",
        origin=Place(path),
        layers=layers,
        edges=tuple(edges_between(shown)),
        opaque=any(layer.opaque for layer in layers),
        name=name,
        inputs=tuple(inputs),
        outputs=tuple(outputs),
    )


@dataclass(slots=True)
class _Effects:
    """What running the operations of a model does, as far as an output depends on it."""

    unrolled: Unrolled
    flow: Flow
    outputs: Sequence[int]

    def found(self) -> Iterator[Effect]:
        operations = self.unrolled.operations
        makers = {number: operation for operation in operations for number in operation.outputs}
        for mixing in distinct(self.flow.served(self.outputs), operations):
            yield Effect(EffectKind.MIXES, mixing.operation.layer, mixing.operation.kind, axis=mixing.axes)
        for index in sorted(reaching(operations, self.outputs, lambda one: onnx_flow.ignored(one, self.flow))):
            operation = operations[index]
            if operation.domain:
                continue
            if (
                operation.kind == "BatchNormalization"
                and norm_trains(operation)
                and self._sees_a_batch(operation, makers)
            ):
                yield Effect(EffectKind.TRAIN_MODE, operation.layer, operation.kind)
            if operation.kind == "Dropout" and dropout_trains(
                operation, self._operand(operation, 1), self._operand(operation, 2)
            ):
                by_default = bool(set(operation.inputs[1:]) & self.unrolled.overridable)
                yield Effect(EffectKind.TRAIN_MODE, operation.layer, operation.kind, by_default=by_default)
            if operation.kind in DRAWS:
                seed = operation.attributes.get("seed")
                whole = int(seed) if isinstance(seed, int | float) and seed == seed and abs(seed) < 2**62 else None
                yield Effect(EffectKind.DRAWS, operation.layer, operation.kind, seed=whole)

    def _operand(self, operation: OnnxOperation, position: int) -> Tensor:
        return self.flow.tensor(operation.inputs[position]) if position < len(operation.inputs) else Tensor()

    def _sees_a_batch(self, operation: OnnxOperation, makers: Mapping[int, OnnxOperation]) -> bool:
        """Not so if weights are standardised by it, or single samples that were first reshaped to be one."""
        given = self._operand(operation, 0)
        if not given.varies:
            return False
        maker = makers.get(operation.inputs[0]) if operation.inputs else None
        alone = bool(given.shape) and given.shape is not None and given.shape[0] == 1 and not given.axes
        return not (alone and maker is not None and maker.kind in _RESHAPES)
