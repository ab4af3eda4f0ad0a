"""Random operations of TensorFlow graphs, and whether they draw anew on every run.

A stateful operation does. A stateless one computes its numbers from a seed, so that it depends on where that comes
from: from a variable that the run itself changes (Keras 3 keeps its seeds so) or from a stateful operation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from modelint.artifacts.tensorflow_flow import Operation
from modelint.artifacts.tensorflow_variables import Variables

_STATEFUL_NAMES: Final = (
    "Multinomial ParameterizedTruncatedNormal RandomGamma RandomGammaV2 RandomNormal RandomPoisson "
    "RandomPoissonV2 RandomShuffle RandomStandardNormal RandomUniform RandomUniformInt RngReadAndSkip RngSkip "
    "SampleDistortedBoundingBox SampleDistortedBoundingBoxV2 StatefulRandomBinomial StatefulStandardNormal "
    "StatefulStandardNormalV2 StatefulTruncatedNormal StatefulUniform StatefulUniformFullInt "
    "StatefulUniformInt TruncatedNormal RandomCrop LogUniformCandidateSampler UniformCandidateSampler "
    "LearnedUnigramCandidateSampler"
)
_STATEFUL: Final = frozenset(_STATEFUL_NAMES.split())
_NO_DRAWS: Final = frozenset(
    {"StatelessRandomGetKeyCounter", "StatelessRandomGetKeyCounterAlg", "StatelessRandomGetAlg"}
)
_ADVANCES_ONLY: Final = frozenset({"RngReadAndSkip", "RngSkip"})


@dataclass(frozen=True, slots=True)
class Draw:
    """A random operation that gives other numbers on every run; ``seed`` as the graph has it (None: none)."""

    operation: Operation
    seed: int | None


def draws_of(operations: Iterable[Operation], written: set[str], variables: Variables) -> Iterator[Draw]:
    """The draws among the operations of a flow, of which ``written`` are the variables that are written."""
    for operation in operations:
        kind = operation.kind
        if kind in _STATEFUL and kind not in _ADVANCES_ONLY:
            seed = operation.node.integer("seed2") or operation.node.integer("seed")
            yield Draw(operation, seed or None)
        elif kind.startswith("Stateless") and kind not in _NO_DRAWS and is_random(kind):
            seeds = [value.operation for value in operation.inputs[1:3]]
            if _changes(seeds, written, variables):
                yield Draw(operation, None)


def is_random(kind: str) -> bool:
    """Whether an operation of the kind gives random numbers."""
    parts = ("Random", "TruncatedNormal", "Multinomial", "Shuffle", "SampleDistorted", "ParameterizedTruncated")
    return kind in _STATEFUL or (kind.startswith("Stateless") and any(part in kind for part in parts))


def _changes(seeds: list[Operation], written: set[str], variables: Variables) -> bool:
    """Whether a seed is another one on every run."""
    seen: set[int] = set()
    stack = list(seeds)
    while stack:
        operation = stack.pop()
        if operation.index in seen:
            continue
        seen.add(operation.index)
        if operation.kind in _STATEFUL or operation.kind == "Timestamp":
            return True
        if variables.of(operation) in written and operation.kind in ("VarHandleOp", "VariableV2", "Variable"):
            return True
        stack.extend(value.operation for value in operation.inputs)
    return False
