"""The arrays and modules in a pickle of PyTorch: a checkpoint, or a whole module with its class left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from modelint.artifacts.limits import DEEPEST, Budget
from modelint.artifacts.model_file import Weight
from modelint.artifacts.pickles import Instance, Value
from modelint.artifacts.torchscript_values import tensor_in

_CHILDREN: Final = ("_parameters", "_buffers", "_modules")
"""Where a pickled module holds its parts; their names are no part of the names of the parts."""

_MODE_SENSITIVE: Final = ("BatchNorm", "Dropout", "SyncBatchNorm")


@dataclass(slots=True, eq=False)
class Contents:
    """What a pickle holds. ``modules`` are the classes of its modules, ``training`` of those saved in train mode."""

    weights: list[Weight] = field(default_factory=list)
    modules: list[str] = field(default_factory=list)
    training: list[str] = field(default_factory=list)

    @property
    def live(self) -> tuple[str, ...]:
        """The kinds of modules that train mode changes, among those saved in it."""
        kinds = dict.fromkeys(name.rsplit(".", 1)[-1] for name in self.training)
        return tuple(kind for kind in kinds if any(sensitive in kind for sensitive in _MODE_SENSITIVE))


def contents_of(value: Value, budget: Budget) -> Contents:
    """Find the arrays and modules in what a pickle describes; what is shared is found once.

    Raises:
        MalformedError: there are too many.
    """
    found = Contents()
    seen: set[int] = set()
    waiting: list[tuple[str, int, Value]] = [("", 0, value)]
    while waiting:
        name, depth, part = waiting.pop()
        if not isinstance(part, Instance | dict | list | tuple) or id(part) in seen or depth > DEEPEST:
            continue
        seen.add(id(part))
        array = _array(part)
        if array is not None:
            found.weights.append(Weight(name or "array", *array))
            continue
        if isinstance(part, Instance) and _is_module(part):
            found.modules.append(part.class_name)
            if part.attribute("training") is True:
                found.training.append(part.class_name)
        inside = [(_joined(name, key), depth + 1, each) for key, each in _parts(part)]
        budget.spend(len(inside))
        waiting += reversed(inside)
    return found


def _parts(value: Value) -> Iterator[tuple[str, Value]]:
    """What a value holds, with names."""
    match value:
        case dict():
            yield from value.items()
        case list() | tuple():
            yield from ((str(position), part) for position, part in enumerate(value))
        case Instance() if _is_module(value):
            for name, part in value.attributes.items():
                yield ("" if name in _CHILDREN else name), part
        case Instance():
            yield from value.entries.items()
            yield from ((str(position), part) for position, part in enumerate(value.items))
            yield from value.attributes.items()


def _is_module(value: Instance) -> bool:
    """Whether it is a ``torch.nn.Module``, by what its state holds."""
    attributes = value.attributes
    return "training" in attributes and all(name in attributes for name in _CHILDREN)


def _array(value: Value) -> tuple[tuple[int, ...] | None, str | None] | None:
    """Shape and type of a tensor or a numpy array; None if the value is none."""
    if isinstance(value, Instance) and value.class_name.endswith("multiarray._reconstruct"):
        shape = value.state[1] if isinstance(value.state, tuple) and len(value.state) > 1 else None
        sizes = tuple(axis for axis in shape if isinstance(axis, int)) if isinstance(shape, tuple) else None
        return sizes, None
    return tensor_in(value)


def _joined(name: str, key: str) -> str:
    return f"{name}.{key[:200]}" if name and key else name or key[:200]
