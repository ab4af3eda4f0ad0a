"""What the variables of TorchScript code hold while it is followed: tensors, modules, names, constants."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from modelint.artifacts.pickles import Global, Instance, Reference, Value
from modelint.artifacts.torch_graph import Argument, Tensor
from modelint.artifacts.torchscript_source import ClassCode
from modelint.facts import UNKNOWN

TENSOR_MAKERS: Final = frozenset(
    {
        "torch._utils._rebuild_tensor",
        "torch._utils._rebuild_tensor_v2",
        "torch._utils._rebuild_tensor_v3",
        "torch._utils._rebuild_parameter",
        "torch._utils._rebuild_parameter_with_state",
    }
)
"""The functions by which PyTorch pickles a tensor: storage, offset, size, stride; or a tensor, for a parameter."""


@dataclass(frozen=True, slots=True)
class Name:
    """A dotted name that is not yet resolved: ``torch.nn.functional.relu`` of the archive, ``torch``, ``ops``."""

    dotted: str


@dataclass(slots=True, eq=False, repr=False)
class Module:
    """A module of the program, at one of the places where it is held."""

    instance: Instance
    path: tuple[str, ...]
    class_name: str
    code: ClassCode


@dataclass(slots=True, eq=False)
class Frame:
    """A method of a module while it runs: how often each operator ran in it."""

    module: Module
    counts: dict[str, int] = field(default_factory=dict)


def tensor_in(value: Value) -> tuple[tuple[int, ...] | None, str | None] | None:
    """Shape and type of a pickled tensor; None if the value is none."""
    for _ in range(4):  # a parameter of a tensor
        if not isinstance(value, Instance) or not isinstance(value.of, Global) or not value.arguments:
            return None
        if str(value.of) not in TENSOR_MAKERS:
            return None
        if "parameter" not in value.of.name:
            return _size(value.arguments), _dtype(value.arguments[0])
        value = value.arguments[0]
    return None


def _size(arguments: tuple[Value, ...]) -> tuple[int, ...] | None:
    size = arguments[2] if len(arguments) > 2 else None
    if not isinstance(size, tuple):
        return None
    sizes = tuple(axis for axis in size if isinstance(axis, int))
    return sizes if len(sizes) == len(size) else None


def _dtype(storage: Value) -> str | None:
    """The type of the values in a storage, by the name of its class: ``FloatStorage``."""
    if isinstance(storage, Reference) and isinstance(storage.identity, tuple):
        for part in storage.identity[1:2]:
            if isinstance(part, Global):
                return _DTYPES.get(part.name.removesuffix("Storage"), part.name.removesuffix("Storage").lower())
    return None


_DTYPES: Final = {
    "Float": "float32", "Double": "float64", "Half": "float16", "BFloat16": "bfloat16", "Long": "int64",
    "Int": "int32", "Short": "int16", "Char": "int8", "Byte": "uint8", "Bool": "bool",
}  # fmt: skip


MOST_PARTS: Final = 4096
"""Values in the arguments of one operator; lists may hold one another many times over."""


def argument_of(value: object) -> Argument:
    """A value as the argument of an operator; ``UNKNOWN`` if it has too many parts."""
    parts = [0]
    return _argument(value, parts, 0)


def _argument(value: object, parts: list[int], depth: int) -> Argument:
    parts[0] += 1
    match value:
        case None | bool() | int() | float() | str() | Tensor():
            return value
        case tuple() | list() if depth < 4 and parts[0] + len(value) <= MOST_PARTS:
            return tuple(_argument(part, parts, depth + 1) for part in value)
    return UNKNOWN


def tensors_of(value: object) -> tuple[Tensor, ...]:
    """The tensors in a value, each list that is held several times looked at once."""
    if isinstance(value, Tensor):
        return (value,)
    found: dict[Tensor, None] = {}
    seen: set[int] = set()
    waiting = [value]
    while waiting and len(found) < MOST_PARTS:
        part = waiting.pop()
        if isinstance(part, Tensor):
            found[part] = None
        elif isinstance(part, tuple | list) and id(part) not in seen:
            seen.add(id(part))
            waiting += reversed(part)
    return tuple(found)


_PLAIN: Final = (type(None), bool, int, float, str)


def _same(left: object, right: object) -> object:
    return left == right if isinstance(left, _PLAIN) and isinstance(right, _PLAIN) else UNKNOWN


def _is(left: object, right: object) -> object:
    if left is UNKNOWN or right is UNKNOWN or (left is not None and right is not None):
        return UNKNOWN
    return left is right


def negation(value: object) -> object:
    """What ``not`` makes of a value."""
    return not value if isinstance(value, bool) else UNKNOWN


def _both(left: object, right: object) -> object:
    if left is False or right is False:
        return False
    return True if left is True and right is True else UNKNOWN


def _either(left: object, right: object) -> object:
    return negation(_both(negation(left), negation(right)))


def _ordered(decide: Callable[[float, float], bool]) -> Callable[[object, object], object]:
    def decided(left: object, right: object) -> object:
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        return decide(left, right) if numbers else UNKNOWN  # type: ignore[arg-type]  # both are

    return decided


TESTS: Final[Mapping[str, Callable[[object, object], object]]] = {
    "eq": _same,
    "ne": lambda left, right: negation(_same(left, right)),
    "__is__": _is,
    "__isnot__": lambda left, right: negation(_is(left, right)),
    "lt": _ordered(lambda left, right: left < right),
    "le": _ordered(lambda left, right: left <= right),
    "gt": _ordered(lambda left, right: left > right),
    "ge": _ordered(lambda left, right: left >= right),
    "__and__": _both,
    "__or__": _either,
}
"""Functions of two constants; ``UNKNOWN`` where an argument that matters is."""
