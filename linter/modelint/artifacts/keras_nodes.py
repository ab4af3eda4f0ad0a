"""Calls as Keras records them in a configuration: the tensors a layer takes, and its other arguments.

Takes the JSON of one entry of ``inbound_nodes``, or of ``input_layers``. Keras 3 writes ``{"args": .., "kwargs": ..}``
with tensors as objects that name their layer and shape; Keras 2 a list of ``[layer, node, tensor, {arguments}]``, in
which further tensors stand as bare triples. Read from ``serialize_node`` of Keras 3.15 and ``Node.serialize`` of
tf_keras 2.21.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from modelint.artifacts.json_text import Json
from modelint.artifacts.limits import MalformedError
from modelint.facts import Passing, Shape

_CONSTANT: Final = "_CONSTANT_VALUE"
_NO_ARGUMENTS: Final = ("training", "mask", "name")


class Reference(NamedTuple):
    """A tensor: the name of the layer, which of its calls made it, and its position among what that call gave."""

    layer: str
    node: int
    tensor: int


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """One call: its tensors in the order in which Keras flattens them, with their shapes where they are recorded.

    ``passing`` is what is recorded of ``training``; ``arguments`` are the others, but for mask and name.
    """

    tensors: tuple[Reference, ...]
    shapes: tuple[Shape | None, ...]
    passing: Passing
    arguments: Mapping[str, Json]


def recorded_call(node: Json, layers: Collection[str]) -> RecordedCall:
    """Read one call; ``layers`` are the names that a tensor of Keras 2 can have.

    Raises:
        MalformedError: it is no recorded call.
    """
    found: list[tuple[Reference, Shape | None]] = []
    arguments: Mapping[str, Json] = {}
    if isinstance(node, dict):
        arguments = _arguments(node.get("kwargs") or {})
        _tensors_3(node.get("args"), found)
        _tensors_3(dict(arguments), found)
    else:
        for entry in _entries_2(node):
            arguments = _arguments(entry[3]) if len(entry) > 3 else arguments
            if entry[0] != _CONSTANT:
                found.append((_reference(entry), None))
        found += [(one, None) for one in _tensors_2(dict(arguments), layers)]
    return RecordedCall(
        tuple(one for one, _ in found),
        tuple(shape for _, shape in found),
        _passing(arguments),
        {key: value for key, value in arguments.items() if key not in _NO_ARGUMENTS},
    )


def _arguments(value: Json) -> Mapping[str, Json]:
    if not isinstance(value, dict):
        raise MalformedError("the arguments of a call are no object")
    return value


def _tensors_3(value: Json, found: list[tuple[Reference, Shape | None]]) -> None:
    """Collect the tensors in an argument that Keras 3 wrote, in the order in which Keras flattens them."""
    match value:
        case {"class_name": "__keras_tensor__", "config": {"keras_history": list(history), "shape": shape}}:
            found.append((_reference(history), shape_of(shape)))
        case dict():
            for key in sorted(value):
                _tensors_3(value[key], found)
        case list():
            for item in value:
                _tensors_3(item, found)


def _entries_2(node: Json) -> Iterator[list[Json]]:
    """The tensors of a call that Keras 2 wrote: ``[layer, node, tensor, {arguments}]``, perhaps in lists or objects."""
    if isinstance(node, dict):
        for key in sorted(node):
            yield from _entries_2(node[key])
    elif isinstance(node, list):
        if node and isinstance(node[0], str) and len(node) in (3, 4):
            yield node
        else:
            for item in node:
                yield from _entries_2(item)


def _tensors_2(value: Json, layers: Collection[str]) -> Iterator[Reference]:
    match value:
        case [str(layer), int(), int()] if layer in layers:
            yield _reference(value)
        case list():
            for item in value:
                yield from _tensors_2(item, layers)
        case dict():
            for key in sorted(value):
                yield from _tensors_2(value[key], layers)


def references(value: Json) -> Iterator[Reference]:
    """Inputs or outputs of a model, in their three spellings: one triple, a list, an object by name."""
    match value:
        case [str(), int(), int()]:
            yield _reference(value)
        case list():
            for item in value:
                yield from references(item)
        case dict():
            for key in sorted(value):
                yield from references(value[key])


def _reference(value: list[Json]) -> Reference:
    match value:
        case [str(layer), int(node), int(tensor), *_] if node >= 0 and tensor >= 0:
            return Reference(layer, node, tensor)
    raise MalformedError("a tensor is not named by its layer, call and position")


def _passing(arguments: Mapping[str, Json]) -> Passing:
    if "training" not in arguments:
        return Passing.ABSENT
    match arguments["training"]:
        case None:
            return Passing.NONE
        case bool() | 0 | 1 as value:
            return Passing.TRUE if value else Passing.FALSE
    return Passing.DYNAMIC


def shape_of(value: Json) -> Shape | None:
    """A shape as JSON has it; None if it is none."""
    if not isinstance(value, list) or len(value) > 64:
        return None
    if not all(size is None or (isinstance(size, int) and not isinstance(size, bool)) for size in value):
        return None
    return tuple(size if isinstance(size, int) and size >= 0 else None for size in value)
