"""The operators that followed TorchScript code runs, written down as they run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from modelint.artifacts.limits import MOST_NODES, Budget, MalformedError
from modelint.artifacts.torch_graph import Argument, Operation, OperatorGraph, Tensor, tensors_in
from modelint.artifacts.torch_layers import layer_of
from modelint.artifacts.torch_operators import DRAWS, PARAMETERS
from modelint.artifacts.torchscript_values import Frame, argument_of
from modelint.facts import UNKNOWN

_MAKES_TENSORS: Final = DRAWS | frozenset(
    {"zeros", "ones", "full", "empty", "tensor", "arange", "linspace", "eye", "logspace", "scalar_tensor", "as_tensor"}
)
"""Operators that give a tensor without being given one."""

_GIVES_NO_TENSOR: Final = {
    "__contains__", "__getitem__", "__range_length", "device", "dim", "dtype", "format", "get_device",
    "item", "layout", "len",
    "numel", "save", "requires_grad", "size", "storage_offset", "stride", "warn", "Bool", "Float", "Int",
    "IntImplicit", "FloatImplicit", "ScalarImplicit", "NumToTensor", "shape", "type", "print",
    "equal", "allclose",
}  # fmt: skip

_STEPS_PER_OPERATOR: Final = 64
_SAME_VALUE: Final = frozenset({"data", "unchecked_unwrap_optional", "annotate", "list"})
_PLAIN_LIBRARIES: Final = frozenset({"torch", "ops.aten", "ops.prim", "ops.quantized"})


class OperatorRecorder:
    """Collects operators. ``frames`` are the methods that run, ``certain`` whether what comes now surely runs."""

    def __init__(self, file: str, budget: Budget) -> None:
        self.graph = OperatorGraph()
        self.frames: list[Frame] = []
        self.certain = True
        self.unexamined: list[str] = []
        self._file = file
        self._budget = budget
        self._identities: dict[tuple[int, str, int], int] = {}
        self._names: dict[tuple[tuple[str, ...], str], int] = {}

    def call(self, dotted: str, values: Sequence[object], named: dict[str, object]) -> object:
        """An operator by its dotted name in the code (``torch.relu``, ``ops.prim.data``): its result."""
        library, _, name = dotted.rpartition(".")
        if name in ("append", "extend", "insert") and values and isinstance(values[0], list):
            values[0].extend(values[-1] if name == "extend" and isinstance(values[-1], list) else [values[-1]])
            return values[0]
        if name in _SAME_VALUE and values:
            return values[0]
        parameters = PARAMETERS.get(name, PARAMETERS.get(name.removesuffix("_"), ()))
        arguments = {
            parameters[position] if position < len(parameters) else str(position): argument_of(value)
            for position, value in enumerate(values)
        }
        arguments |= {each: argument_of(value) for each, value in named.items()}
        given = any(True for argument in arguments.values() for _ in tensors_in(argument))
        if name in _GIVES_NO_TENSOR or name.startswith("is_") or not (given or name in _MAKES_TENSORS):
            return UNKNOWN
        opaque = library not in _PLAIN_LIBRARIES
        if opaque:
            self.unexamined.append(f"the operator {dotted.removeprefix('ops.')}")
        return self._record(name, f"{library.rsplit('.', 1)[-1]}.{name}", arguments, opaque=opaque)

    def either(self, tensors: tuple[Tensor, ...]) -> Tensor:
        """One of several tensors: which of them depends on the data."""
        return self._record("either", "prim.If", {"values": tensors})

    def opaque(self, what: str, tensors: tuple[Tensor, ...]) -> Tensor:
        """The result of something that is not known."""
        return self._record("call", what, {"values": tensors}, opaque=True)

    def update(self, variable: Tensor, value: object) -> None:
        """A module keeps a value."""
        kept = argument_of(value)
        made = next(tensors_in(kept), None)
        if made is None or made.source:
            made = self._record("set", "prim.SetAttr", {"value": kept})
        self.graph.updated.append((variable, made))

    def confirm(self, start: int, end: int, certain: bool) -> None:
        """Operators that were doubted run after all, for the other way ends in an exception."""
        for operation in self.graph.operations[start:end]:
            operation.certain = certain

    def _record(self, name: str, qualified: str, arguments: dict[str, Argument], *, opaque: bool = False) -> Tensor:
        if len(self.graph.operations) >= MOST_NODES:
            raise MalformedError(f"the program runs more than {MOST_NODES:,} operators")
        self._budget.spend(
            _STEPS_PER_OPERATOR + sum(len(value) for value in arguments.values() if isinstance(value, tuple))
        )
        frame = self.frames[-1]
        module = frame.module
        count = frame.counts[name] = frame.counts.get(name, 0) + 1
        key = (id(module.instance), name, count)
        plain = name.removesuffix("_") or name
        repeated = self._names[module.path, plain] = self._names.get((module.path, plain), -1) + 1
        label = f"{plain}_{repeated}" if repeated else plain
        output = Tensor("/".join((*module.path, label)))
        layer = layer_of(
            name,
            arguments,
            file=self._file,
            path=module.path,
            node=label,
            qualified=qualified,
            module=module.class_name,
            identity=self._identities.setdefault(key, len(self._identities) + 1),
            opaque=opaque,
        )
        self.graph.operations.append(
            Operation(name, arguments, (output,), layer, module.class_name, certain=self.certain)
        )
        return output
