"""Variables of TensorFlow graphs: which operation reads or writes which, and under what name a person knows it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from modelint.artifacts.tensorflow_flow import Operation, Value

_HOLDERS: Final = frozenset(
    {"VarHandleOp", "VariableV2", "Variable", "HashTableV2", "MutableHashTableV2", "Placeholder"}
)
_PASSED_ON: Final = frozenset(
    {"Identity", "Switch", "RefSwitch", "Enter", "RefEnter", "Merge", "While", "If", "Argument"}
)
_WRITING: Final = re.compile(
    r"Assign(Add|Sub)?(VariableOp)?$|Assign(Add|Sub)?VariableXlaConcatND$|(Resource)?(Sparse)?Apply\w+$"
    r"|(Resource)?Scatter(Nd)?(Add|Sub|Mul|Div|Min|Max|Update)$|ResourceStridedSliceAssign$|CountUpTo$"
    r"|ResourceCountUpTo$|LookupTableInsertV2$|LookupTableRemoveV2$|RngReadAndSkip$|RngSkip$"
    r"|Stateful(StandardNormal(V2)?|TruncatedNormal|Uniform(Int|FullInt)?|RandomBinomial)$"
)
_READING: Final = frozenset({"ReadVariableOp", "ResourceGather", "ResourceGatherNd", "LookupTableFindV2"})
_MOVING: Final = re.compile(r"(^|[/_.])(moving|running)_?(mean|var|variance|avg|average|std|stddev)")
_RANDOM_STATE: Final = re.compile(r"seed_generator_state|(^|[/_.])StateVar$|rng_state")


@dataclass(frozen=True, slots=True)
class Write:
    """A variable that is written, and what is written into it."""

    operation: Operation
    variable: str
    name: str
    values: tuple[Value, ...]
    moving: bool
    random_state: bool


class Variables:
    """The variables of a file. ``names`` gives the names of the saved objects by the nodes that hold them; it is asked
    when a name is to be shown, which in most files is never.
    """

    def __init__(self, names: Callable[[], Mapping[str, str]] = dict) -> None:
        self._names = names
        self._known: Mapping[str, str] | None = None

    def of(self, operation: Operation) -> str:
        """The variable that a handle leads to: the name of the node that holds it; empty if that is not known."""
        for _ in range(64):
            if operation.kind in _HOLDERS:
                return operation.node.text("shared_name") or operation.node.name
            if operation.kind not in _PASSED_ON or not operation.inputs:
                return ""
            first = 1 if operation.kind in ("While", "If") and len(operation.inputs) > 1 else 0
            operation = operation.inputs[first].operation
        return ""

    def name(self, variable: str) -> str:
        """A variable's name for a person."""
        if self._known is None:
            self._known = self._names()
        return self._known.get(variable, variable)

    def behind(self, operation: Operation) -> list[str]:
        """The variables whose values an operation takes."""
        found = []
        for value in operation.inputs:
            if value.operation.kind in _READING or value.operation.kind == "Identity":
                inner = value.operation.inputs[0].operation if value.operation.inputs else value.operation
                found.append(self.of(inner))
        return [name for name in found if name]

    def reads(self, variable: str, operations: Iterable[Operation]) -> list[Operation]:
        """The operations that read a variable."""
        found = []
        for operation in operations:
            if operation.kind in _READING and operation.inputs:
                holder = operation.inputs[0].operation
            else:
                holder = operation
            if holder is not operation or operation.kind in ("VariableV2", "Variable"):
                found += [operation] * (self.of(holder) == variable)
        return found


def writes_of(operations: Iterable[Operation], variables: Variables) -> Iterator[Write]:
    """The writes among the operations of a flow."""
    for operation in operations:
        if not operation.inputs or not _WRITING.match(operation.kind):
            continue
        variable = variables.of(operation.inputs[0].operation)
        name = variables.name(variable) if variable else "a variable"
        random = operation.kind.startswith(("Rng", "Stateful"))
        yield Write(
            operation,
            variable,
            name,
            operation.inputs[1:],
            moving=bool(_MOVING.search(name)),
            random_state=random or bool(_RANDOM_STATE.search(name)),
        )
