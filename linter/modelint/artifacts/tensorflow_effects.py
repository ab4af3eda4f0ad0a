"""What running a TensorFlow graph does besides computing: batch statistics, random draws, writes.

Takes a flow with what is known of its samples, gives effects at its operations. An effect that reaches no output
is told apart from one that does. What only runs because a caller asks for it by an input is no effect of the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from modelint.artifacts.model_file import EffectKind
from modelint.artifacts.tensorflow_constants import constant
from modelint.artifacts.tensorflow_draws import Draw, draws_of
from modelint.artifacts.tensorflow_flow import Flow, Operation, Value
from modelint.artifacts.tensorflow_samples import Mixing, Samples, trains
from modelint.artifacts.tensorflow_variables import Variables, Write, writes_of

_MOMENTS: Final = frozenset({"SquaredDifference", "Square", "Rsqrt", "Sqrt"})


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """An effect at an operation; ``kind_of_layer`` is what the operation shows its layer to be."""

    kind: EffectKind
    operation: Operation
    what: str
    axis: tuple[int, ...] | None = None
    moving: bool = False
    random_state: bool = False
    seed: int | None = None
    affects_prediction: bool = True
    kind_of_layer: str | None = None


@dataclass(slots=True, eq=False)
class Effects:
    """Finds the effects of a flow for its outputs."""

    flow: Flow
    samples: Samples
    outputs: list[Value]
    variables: Variables
    consumers: dict[int, list[Operation]] = field(init=False)
    serving: set[int] = field(init=False)

    def __post_init__(self) -> None:
        self.consumers = {}
        for operation in self.flow.operations:
            for value in operation.inputs:
                self.consumers.setdefault(value.operation.index, []).append(operation)
        self.serving = _behind(self.outputs)

    def found(self) -> Iterator[Found]:
        """All effects, in the order in which the graph runs; several may be at one layer."""
        writes = [write for write in writes_of(self.samples.order, self.variables) if self._counts(write.operation)]
        normalising = self._normalising(writes)
        every: list[Found] = [*self._batch_statistics(normalising), *self._mixed(normalising)]
        every += self._drawn(writes)
        every += self._written(writes, normalising)
        place = {operation.index: number for number, operation in enumerate(self.samples.order)}
        yield from sorted(every, key=lambda found: place[found.operation.index])

    def _counts(self, operation: Operation) -> bool:
        return not self.flow.standing(operation).guarded

    def _normalising(self, writes: Iterable[Write]) -> set[int]:
        """The operations that compute the batch statistics of a BatchNormalization in train mode.

        Fused operations say so themselves. Else a variance is computed from a mean, both over the samples, and both are
        used to update a variable.
        """
        found = {operation.index for operation in self.samples.order if self._is_fused_training(operation)}
        for write in writes:
            aggregates = {index for value in write.values for index in self._aggregates_behind(value)}
            found |= {index for index in aggregates if self._is_moment(self.flow.operations[index])}
        return found

    def _aggregates_behind(self, value: Value) -> frozenset[int]:
        return self.samples.state(value).aggregates

    def _is_fused_training(self, operation: Operation) -> bool:
        if not trains(operation) or not operation.inputs:
            return False
        source = self.samples.state(operation.inputs[0])
        if source.axis > 0 or _is_layer_normalization(operation):
            return False
        first = source.shape[0] if source.shape else None
        return first != 1 or bool(self.variables.behind(operation))

    def _is_moment(self, operation: Operation) -> bool:
        """Whether a mean is one of a pair of moments: it feeds or is fed by squared differences."""
        if operation.kind not in ("Mean", "Sum"):
            return False
        near = [*self.consumers.get(operation.index, ()), *(value.operation for value in operation.inputs)]
        further = [*near]
        for other in near:
            if other.kind in ("StopGradient", "Squeeze", "Identity", "Cast", "Reshape", "RealDiv", "Mul"):
                further += self.consumers.get(other.index, ())
        return any(other.kind in _MOMENTS for other in further)

    def _batch_statistics(self, normalising: set[int]) -> Iterator[Found]:
        behind = normalising & self.serving
        for operation in self.samples.order:
            if operation.index in behind and self._counts(operation):
                yield Found(
                    EffectKind.TRAIN_MODE,
                    operation,
                    operation.kind,
                    axis=self.samples.axes.get(operation.index),
                    kind_of_layer="BatchNormalization",
                )

    def _mixed(self, normalising: set[int]) -> Iterator[Found]:
        """Mixing where it reaches an output; once for each operation that mixes."""
        told: set[int] = set(normalising)
        for mixing in self.samples.mixings:
            index = mixing.operation.index
            if index in told or mixing.joined.index not in self.serving or self._is_harmless(mixing):
                continue
            if self._counts(mixing.operation) and self._counts(mixing.joined):
                told.add(index)
                yield Found(EffectKind.MIXES, mixing.operation, mixing.operation.kind, axis=mixing.axes)

    def _is_harmless(self, mixing: Mixing) -> bool:
        """A greatest value that is only subtracted before exponentials changes nothing in what they are divided by."""
        if mixing.operation.kind != "Max" or mixing.joined.kind != "Sub":
            return False
        behind = self.consumers.get(mixing.joined.index, [])
        return bool(behind) and all(operation.kind == "Exp" for operation in behind)

    def _drawn(self, writes: Iterable[Write]) -> Iterator[Found]:
        written = {write.variable for write in writes}
        for draw in draws_of(self.samples.order, written, self.variables):
            if not self._counts(draw.operation):
                continue
            dropout = draw.operation.index in self.serving and self._is_dropout(draw)
            yield Found(
                EffectKind.TRAIN_MODE if dropout else EffectKind.DRAWS,
                draw.operation,
                draw.operation.kind,
                seed=draw.seed,
                affects_prediction=draw.operation.index in self.serving,
                kind_of_layer="Dropout" if dropout else None,
            )

    def _is_dropout(self, draw: Draw) -> bool:
        """A uniform draw that is compared with a rate, and the outcome zeroes values: multiplied in, or selects 0."""
        reached = [draw.operation]
        compared: list[Operation] = []
        for operation in reached:
            for consumer in self.consumers.get(operation.index, ()):
                if consumer.kind in ("GreaterEqual", "Greater", "Less", "LessEqual"):
                    compared.append(consumer)
                elif consumer.kind in ("Mul", "Add", "AddV2", "Sub", "Cast", "Reshape") and len(reached) < 16:
                    reached.append(consumer)
                elif consumer.kind == "Floor":  # floor(keep_prob + uniform), TensorFlow before 1.13
                    compared.append(consumer)
        masks = list(compared)
        for mask in masks:
            for consumer in self.consumers.get(mask.index, ()):
                if consumer.kind in ("Cast", "Reshape", "BroadcastTo", "Identity") and len(masks) < 16:
                    masks.append(consumer)
                if consumer.kind in ("Mul", "RealDiv") and self._scales_samples(consumer, mask):
                    return True
                if consumer.kind in ("Select", "SelectV2") and _selects_zero(consumer, mask):
                    return True
        return False

    def _scales_samples(self, product: Operation, mask: Operation) -> bool:
        others = [value for value in product.inputs if value.operation is not mask]
        return any(constant(value) is None for value in others)

    def _written(self, writes: Iterable[Write], normalising: set[int]) -> Iterator[Found]:
        for write in writes:
            behind = {index for value in write.values for index in self._aggregates_behind(value)}
            reads = self.variables.reads(write.variable, self.samples.order)
            yield Found(
                EffectKind.WRITES,
                write.operation,
                write.name,
                moving=write.moving or bool(behind & normalising),
                random_state=write.random_state,
                affects_prediction=any(operation.index in self.serving for operation in reads),
            )


def _behind(outputs: Iterable[Value]) -> set[int]:
    """The operations whose values reach an output."""
    found: set[int] = set()
    stack = [value.operation for value in outputs]
    while stack:
        operation = stack.pop()
        if operation.index not in found:
            found.add(operation.index)
            # what a BatchNormalization in train mode does to its moving statistics is no part of its first output
            inputs = operation.inputs[:3] if trains(operation) else operation.inputs
            stack.extend(value.operation for value in inputs)
    return found


def _selects_zero(select: Operation, mask: Operation) -> bool:
    if len(select.inputs) != 3 or select.inputs[0].operation is not mask:
        return False
    for value in select.inputs[1:]:
        operation = value.operation
        if operation.kind == "ZerosLike":
            return True
        if operation.kind == "Fill" and len(operation.inputs) == 2:
            value = operation.inputs[1]
        elif operation.kind == "BroadcastTo" and operation.inputs:
            value = operation.inputs[0]
        tensor = constant(value)
        if tensor is not None and tensor.values and not any(tensor.values):
            return True
    return False


def _is_layer_normalization(operation: Operation) -> bool:
    """Keras 2 normalises layers by a fused BatchNormalization: of one image, whose channels are the samples.

    See tensorflow-onnx issue 1175 and ``LayerNormalization.call`` of Keras 2.
    """
    source = operation.inputs[0].operation
    scale = operation.inputs[1].operation.kind if len(operation.inputs) > 1 else ""
    if source.kind != "Reshape" or len(source.inputs) < 2:
        return False
    target = source.inputs[1].operation
    first = target.inputs[0] if target.kind == "Pack" and target.inputs else None
    one = constant(first) if first is not None else constant(source.inputs[1])
    leads_with_one = one is not None and bool(one.values) and one.values[0] == 1
    return leads_with_one or scale in ("Fill", "Const", "OnesLike")
