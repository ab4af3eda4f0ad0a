"""What running a program of PyTorch operators does that a prediction should not depend on.

Takes the operators of a program in the order in which they run, gives effects. The arguments of the operators decide:
``batch_norm(training=True)`` uses the statistics of the batch, ``dropout(train=True)`` draws. An argument that is not
known says nothing, and so does an operator that runs only under a condition.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelint.artifacts.model_file import Effect, EffectKind
from modelint.artifacts.torch_batches import Batches, Size
from modelint.artifacts.torch_graph import Operation, OperatorGraph, Tensor
from modelint.artifacts.torch_operators import (
    ALWAYS_TRAINING,
    ATTENTIONS,
    BATCH_NORMS,
    DRAWS,
    DROPOUTS,
    MOVING,
    RANDOM_RELUS,
    RECURRENT,
)

_DROPOUT_MODULES: Final = "torch.nn.modules.dropout."
_STATISTICS: Final = ("running_mean", "running_var")


def effects_of(graph: OperatorGraph, size: Size | None) -> tuple[Effect, ...]:
    """All effects of a program, in the order in which it runs; ``size`` is that of the batch axis, where known."""
    batches = Batches(graph, size)
    predicted, read = graph.reaching(graph.outputs)
    found: list[tuple[int, Effect]] = []
    for position, operation in enumerate(graph.operations):
        if operation.certain:
            found += [(position, effect) for effect in _own(operation, position in predicted, batches)]
    found += [*_mixed(graph, batches), *_written(graph, read)]
    found.sort(key=lambda pair: pair[0])
    return tuple(effect for _, effect in found)


def under_a_condition(graph: OperatorGraph) -> tuple[Operation, ...]:
    """The operators that would have an effect, and of which it is not known whether they run."""
    return tuple(
        operation
        for operation in graph.operations
        if not operation.certain and (normalises_with_batch(operation) or drops(operation) or operation.name in DRAWS)
    )


def normalises_with_batch(operation: Operation) -> bool:
    """Whether it is a BatchNorm that uses the statistics of the batch at hand."""
    always = operation.name in ALWAYS_TRAINING
    return always or (operation.name in BATCH_NORMS and operation.argument("training") is True)


def drops(operation: Operation) -> bool:
    """Whether it is a dropout that is on, alone or as part of an attention, a recurrent layer or an activation."""
    name = operation.name
    if name in DROPOUTS:
        return operation.argument("train") is True and _positive(operation.argument("p"))
    if name in ATTENTIONS:
        return _positive(operation.argument("dropout_p"))
    if name in RECURRENT:
        layers = operation.argument("num_layers")
        on = operation.argument("train") is True and _positive(operation.argument("dropout"))
        return on and isinstance(layers, int) and layers > 1  # it stands between the layers
    if name in RANDOM_RELUS:
        return operation.argument("training") is True
    return name in DRAWS and operation.module.startswith(_DROPOUT_MODULES)


def _positive(value: object) -> bool:
    return isinstance(value, int | float) and value > 0


def _own(operation: Operation, predicted: bool, batches: Batches) -> Iterator[Effect]:
    """What an operator does by itself."""
    layer = operation.layer
    if normalises_with_batch(operation):
        if predicted and _moving(operation):
            yield Effect(EffectKind.TRAIN_MODE, layer, layer.kind)
        elif predicted and not _statistics(operation) and batches.normalises_samples(operation):
            yield Effect(EffectKind.MIXES, layer, f"{layer.kind} without running statistics", axis=(0,))
    elif drops(operation):
        if predicted:
            yield Effect(EffectKind.TRAIN_MODE, layer, layer.kind)
    elif operation.name in DRAWS:
        yield Effect(EffectKind.DRAWS, layer, operation.name.removesuffix("_"), affects_prediction=predicted)


def _statistics(operation: Operation) -> tuple[Tensor, ...]:
    """The running statistics that a BatchNorm is given."""
    given = (operation.argument(name) for name in _STATISTICS)
    return tuple(tensor for tensor in given if isinstance(tensor, Tensor))


def _moving(operation: Operation) -> tuple[Tensor, ...]:
    """The variables among them: an instance norm is a BatchNorm that is given copies."""
    return tuple(tensor.memory for tensor in _statistics(operation) if tensor.memory.source)


def _mixed(graph: OperatorGraph, batches: Batches) -> Iterator[tuple[int, Effect]]:
    """Operators over the batch axis whose result is part of what is predicted for a sample."""
    if not batches.mixing:
        return
    reached, _ = graph.reaching([tensor for tensor in graph.outputs if batches.axis(tensor) is not None])
    for mixing in batches.mixing:
        operation = graph.operations[mixing.position]
        if mixing.position in reached and operation.certain:
            what = operation.name.removesuffix("_").removeprefix("_")
            yield mixing.position, Effect(EffectKind.MIXES, operation.layer, what, axis=mixing.axes)


def _written(graph: OperatorGraph, read: frozenset[Tensor]) -> Iterator[tuple[int, Effect]]:
    """Variables that have another value afterwards, each once."""
    made = {tensor: position for position, operation in enumerate(graph.operations) for tensor in operation.outputs}
    writes = [(made[value], variable) for variable, value in graph.updated if value in made]
    for position, operation in enumerate(graph.operations):
        if operation.overwritten is not None:
            writes.append((position, operation.overwritten.memory))
        if normalises_with_batch(operation) and not operation.name.endswith("_functional"):
            writes += [(position, tensor) for tensor in _moving(operation)]
    seen: set[Tensor] = set()
    for position, variable in sorted(writes, key=lambda write: write[0]):
        operation = graph.operations[position]
        if variable.source in ("buffer", "parameter") and operation.certain and variable not in seen:
            seen.add(variable)
            yield (
                position,
                Effect(
                    EffectKind.WRITES,
                    operation.layer,
                    variable.name,
                    moving=variable.name.rsplit(".", 1)[-1] in MOVING,
                    affects_prediction=variable in read,
                ),
            )
