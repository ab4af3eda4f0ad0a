"""The operations of a TensorFlow graph, gathered into the layers that made them: a graph that a person can read.

What belongs together is told by the scopes in the operations' names. Keras 2 writes down its layers beside the graph,
so that scopes are matched with them; else a scope is a layer if operations stand directly in it, and one that only
holds other scopes is a model in a model. An operation outside of all scopes is a layer of its own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Final

from modelint.artifacts.keras_metadata import KerasObject
from modelint.artifacts.tensorflow_flow import Operation
from modelint.facts import Layer, Setting, Shape, Traits
from modelint.finding import Place
from modelint.frameworks import keras_layers

PLUMBING: Final = frozenset(
    {"Const", "NoOp", "Identity", "IdentityN", "Placeholder", "PlaceholderWithDefault", "VarHandleOp", "Argument"}
    | {"ReadVariableOp", "VariableV2", "Variable", "StopGradient", "Enter", "Exit", "Switch", "Merge"}
)
"""Operations that compute nothing; one alone is no layer."""

_SCOPE_NAMES: Final = (
    "moments batchnorm dropout stateless_dropout random_uniform stateless_random_uniform "
    "stateless_random_normal random_normal stateless_truncated_normal convolution einsum einsum_1 while cond "
    "loop_body pfor Cast mul add batch_normalization_fused Initializer"
)
_INNER_SCOPES: Final = frozenset(_SCOPE_NAMES.split())
"""Scopes that functions of TensorFlow and Keras open inside of a layer."""

_TELLING_NAMES: Final = (
    "FusedBatchNormV3 FusedBatchNorm Conv2D Conv3D DepthwiseConv2dNative Conv2DBackpropInput Einsum MatMul "
    "BatchMatMulV2 MaxPool AvgPool ResourceGather GatherV2 Softmax ConcatV2 Mean Relu Reshape"
)
_TELLING: Final = tuple(_TELLING_NAMES.split())
"""The operation that tells most about what a scope does, in this order."""

_CONTROL_SCOPES: Final = frozenset({"cond", "while", "loop_body", "pfor", "then_branch", "else_branch"})
"""Scopes of control flow, which are no layers."""

_NUMBERED: Final = re.compile(r"_\d+$")


@dataclass(slots=True, eq=False)
class Group:
    """The operations of one call of a layer."""

    path: tuple[str, ...]
    name: str
    known: KerasObject | None
    operations: list[Operation] = field(default_factory=list)

    @property
    def is_scope(self) -> bool:
        """Whether it is more than one operation that no scope holds."""
        return any(operation.node.name.rpartition("/")[2] != self.name for operation in self.operations)

    @property
    def node(self) -> str:
        """Its place in the file: the scope."""
        return "/".join((*self.path, self.name))


class Scopes:
    """Which scope of a graph is which layer."""

    def __init__(self, names: Iterable[str], tree: KerasObject | None) -> None:
        self._tree = tree
        split = [name.split("/") for name in names]
        self._scopes = {tuple(parts[:end]) for parts in split for end in range(1, len(parts))}
        self._holding = {tuple(parts[:-1]) for parts in split if len(parts) > 1}
        self._holding |= {scope[:-1] for scope in self._scopes if len(scope) > 1 and scope[-1] in _INNER_SCOPES}
        firsts = Counter(parts[0] for parts in split if len(parts) > 1)
        most = firsts.most_common(1)
        scoped = sum(firsts.values())
        inside = {scope[1] for scope in self._scopes if len(scope) > 1 and most and scope[0] == most[0][0]}
        is_root = bool(most) and most[0][1] >= 0.9 * scoped and len(inside - _INNER_SCOPES) > 1
        self._root = most[0][0] if is_root and most else None

    def layer(self, name: str) -> tuple[tuple[str, ...], str, KerasObject | None]:
        """The path, name and description of the layer to which an operation of that name belongs."""
        parts = tuple(name.split("/"))
        if self._tree is not None:
            found = self._matched(parts, self._tree)
            if found is not None:
                return found
        start = 1 if parts[0] == self._root and len(parts) > 1 else 0
        for end in range(start + 1, len(parts)):
            if parts[:end] in self._holding and _NUMBERED.sub("", parts[end - 1]) not in _CONTROL_SCOPES:
                return parts[: end - 1], parts[end - 1], None
        return parts[:-1], parts[-1], None

    def _matched(self, parts: tuple[str, ...], root: KerasObject) -> tuple[tuple[str, ...], str, KerasObject] | None:
        """Walk down the tree of models as far as the scopes name its parts."""
        part, depth = root, 0
        if parts[0] == root.name or _NUMBERED.sub("", parts[0]) == root.name:
            depth = 1
        while part.is_model and depth < len(parts):
            found = part.parts.get(parts[depth]) or part.parts.get(_NUMBERED.sub("", parts[depth]))
            if found is None:
                return None
            part, depth = found, depth + 1
        return None if part.is_model else (parts[: depth - 1], parts[depth - 1], part)


def full_name(operation: Operation) -> str:
    """The name of an operation with the scopes of the calls that lead to it."""
    scope, name = operation.call.scope, operation.node.name
    if not scope or name.startswith(scope + "/") or name.split("/")[0] == scope.split("/")[0]:
        return name
    return f"{scope}/{name}"


def grouped(operations: Iterable[Operation], tree: KerasObject | None) -> dict[int, Group]:
    """The group of each operation, by the operation's index; plumbing that belongs to no layer has none."""
    listed = list(operations)
    names = {operation.index: full_name(operation) for operation in listed}
    scopes = Scopes((names[operation.index] for operation in listed if operation.kind not in PLUMBING), tree)
    groups: dict[tuple[str, ...], Group] = {}
    found: dict[int, Group] = {}
    for operation in listed:
        path, name, known = scopes.layer(names[operation.index])
        group = groups.setdefault((*path, name), Group(path, name, known))
        group.operations.append(operation)
        found[operation.index] = group
    empty = {
        id(group) for group in groups.values() if all(operation.kind in PLUMBING for operation in group.operations)
    }
    return {index: group for index, group in found.items() if id(group) not in empty}


def named_by_variables(groups: Iterable[Group], owners: Callable[[Group], str]) -> None:
    """Give layers the names they have in the program, where scopes have a ``_1`` more than that.

    Keras 3 exports a second trace, whose scopes are numbered. Variables have the names of their layers: if these say of
    every layer that it is so, the number goes. ``owners`` is the scope of a group's variables, empty if not known.
    """
    listed = list(groups)
    told = [(group, owners(group)) for group in listed]
    telling = [(group, owner) for group, owner in told if owner and group.name.startswith(owner.rpartition("/")[2])]
    if not telling or not all(_agrees(group, owner) for group, owner in telling):
        return
    if not any(group.name.endswith("_1") for group, _ in telling):
        return
    for group in listed:
        group.path = tuple(part.removesuffix("_1") for part in group.path)
    taken = {group.node for group in listed}
    for group in listed:
        shorter = group.name.removesuffix("_1")
        if group.is_scope and "/".join((*group.path, shorter)) not in taken:
            group.name = shorter
            taken.add(group.node)


def _agrees(group: Group, owner: str) -> bool:
    name = owner.rpartition("/")[2]
    again = _NUMBERED.sub("", group.name) == name and group.name != name + "_1"  # one more call of the layer
    return group.name.removesuffix("_1") == name != group.name or again


def layer_of(
    group: Group,
    file: str,
    last: Operation,
    *,
    identity: int,
    shape: Shape | None,
    source: Place | None,
    kind: str | None,
) -> Layer:
    """The layer that a group is.

    ``last`` is the operation that gives its result, ``source`` the line of the program that made it, ``kind`` what its
    operations show it to be, where they do.
    """
    known = group.known
    place = Place(file, node=group.node)
    counts = Counter(operation.kind for operation in group.operations if operation.kind not in PLUMBING)
    inside: tuple[Setting, ...] = tuple(
        f"{name} ({count})" if count > 1 else name for name, count in sorted(counts.items())
    )
    named = (known.kind if known else None) or _kind_by_name(group.name) or kind or _telling(counts, last)
    is_keras = known is not None and keras_layers.is_layer(known.kind)
    traits = Traits()
    if known is not None and is_keras:
        traits = keras_layers.traits(known.kind, known.config)
    elif kind is not None:
        traits = keras_layers.traits(kind, {})
    return Layer(
        kind=named,
        qualified=f"keras.layers.{named}" if is_keras else named,
        # what it does to the samples of a batch is said by effects, for this graph and not for the class
        traits=replace(traits, couples_batch_at_inference=False, leaks_train_mode=False),
        config={**(known.config if known else {}), "operations": inside},
        place=source or place,
        called_at=place,
        name=group.name,
        path=group.path,
        frozen=known.frozen if known else False,
        identity=identity,
        shape=shape,
    )


def is_recurrent(layer: Layer) -> bool:
    """Whether a layer is one that carries a state through a sequence."""
    return keras_layers.is_layer(layer.kind) and keras_layers.category(layer.kind) == "recurrent"


def _telling(counts: Counter[str], last: Operation) -> str:
    return next((name for name in _TELLING if name in counts), None) or last.kind


def _kind_by_name(name: str) -> str | None:
    """The class whose instances Keras names so (``batch_normalization_1``), for showing."""
    return _own_names().get(_NUMBERED.sub("", name)) or _own_names().get(name)


@cache
def _own_names() -> dict[str, str]:
    """How Keras names the instances of each class: in snake case (keras/src/utils/naming.py)."""
    kinds = keras_layers.kinds()
    steps = (("(.)([A-Z][a-z0-9]+)", r"\1_\2"), ("([a-z])([A-Z])", r"\1_\2"))
    names = {}
    for kind in kinds:
        name = kind
        for pattern, by in steps:
            name = re.sub(pattern, by, name)
        names[name.lower()] = kind
    return names
