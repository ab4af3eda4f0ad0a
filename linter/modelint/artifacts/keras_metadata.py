"""What Keras 2 says about its layers beside a SavedModel: ``keras_metadata.pb``, a JSON text for each.

Takes its bytes, gives the tree of models and layers by the names that scopes in the graph have. A class or setting in
it is only a name and a value; nothing is imported or built by it. Of optimizers and metrics nothing is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from modelint.artifacts.files import Data
from modelint.artifacts.json_text import Json, parse
from modelint.artifacts.limits import Budget
from modelint.artifacts.tensorflow_messages import SCHEMAS
from modelint.artifacts.wire import Message
from modelint.facts import Setting

MODELS: Final = frozenset({"_tf_keras_network", "_tf_keras_sequential", "_tf_keras_model"})
_LAYERS: Final = frozenset({"_tf_keras_layer", "_tf_keras_rnn_layer", "_tf_keras_input_layer"})
_DEEPEST_SETTING: Final = 4
_MOST_ITEMS: Final = 64


@dataclass(slots=True, eq=False)
class KerasObject:
    """A model or layer: its class, its settings, and what is inside it, by name."""

    name: str
    kind: str
    is_model: bool
    config: Mapping[str, Setting]
    identity: int
    frozen: bool = False
    stateful: bool = False
    parts: dict[str, KerasObject] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KerasTree:
    """The root of the tree, and the version of Keras that wrote it."""

    root: KerasObject
    version: str | None


def read_metadata(data: Data, budget: Budget) -> KerasTree | None:
    """The layers that a ``keras_metadata.pb`` describes; None if it describes no model.

    Raises:
        MalformedError: it cannot be read.
    """
    by_path: dict[str, KerasObject] = {}
    version = None
    for node in Message.whole(data, SCHEMAS["KerasMetadata"], budget).messages("nodes"):
        identifier = node.text("identifier")
        if identifier not in MODELS and identifier not in _LAYERS:
            continue
        described = parse(node.content("metadata"), budget, member="keras_metadata.pb")
        if not isinstance(described, dict):
            continue
        path = node.text("node_path")
        found = _object(described, identifier, node.integer("node_id"))
        by_path[path] = found
        if path == "root" and isinstance(described.get("keras_version"), str):
            version = str(described["keras_version"])
    root = by_path.get("root")
    if root is None:
        return None
    for path, part in by_path.items():
        owner = by_path.get(path.rpartition(".")[0])
        if owner is not None and part.name:
            owner.parts.setdefault(part.name, part)
    return KerasTree(root, version)


def _object(described: dict[str, Json], identifier: str, identity: int) -> KerasObject:
    config = described.get("config")
    settings = {key: setting(value) for key, value in config.items()} if isinstance(config, dict) else {}
    name, kind = described.get("name"), described.get("class_name")
    return KerasObject(
        name=name if isinstance(name, str) else "",
        kind=kind if isinstance(kind, str) else "Layer",
        is_model=identifier in MODELS,
        config={} if identifier in MODELS else settings,
        identity=identity,
        frozen=described.get("trainable") is False,
        stateful=described.get("stateful") is True,
    )


def setting(value: Json, depth: int = 0) -> Setting:
    """A JSON value as a setting; what is large or deep is left out, objects are shown by their class."""
    match value:
        case list() if depth < _DEEPEST_SETTING and len(value) <= _MOST_ITEMS:
            return tuple(setting(item, depth + 1) for item in value)
        case {"class_name": "__tuple__", "items": list(items)}:
            return setting(items, depth)
        case {"class_name": str(name)}:
            return name
        case list() | dict():
            return "..."
        case _:
            return value
