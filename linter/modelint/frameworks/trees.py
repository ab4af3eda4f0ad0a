"""Models flattened: a tree of calls with its leaves as layers, and the mode of each leaf by version."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import cast

from modelint.documents import Site
from modelint.facts import InnerModel, KerasVersion, Layer, Mode, Model, Passing, Port, Shape, Traits
from modelint.frameworks import keras_layers
from modelint.frameworks.events import TrainableEvent
from modelint.frameworks.graph import Part
from modelint.frameworks.keras_modes import CallNode, Entry, Style, Training, Unresolved, resolve
from modelint.frameworks.layers import LayerObject, default_training_of, traits_of
from modelint.frameworks.models import Functional, ModelObject, Sequential
from modelint.frameworks.structure import Operation, accepts_keywords, structure_of
from modelint.frameworks.tensors import Tensor
from modelint.frameworks.wiring import wired
from modelint.program.frames import Arguments
from modelint.program.interpreter import Interpreter
from modelint.program.values import Instance, Value, alternatives

MOST_LEAVES = 3_000
DEEPEST_TREE = 14

_HAND_WRITTEN = Traits(mode_sensitive=True, stochastic_in_training=True)


@dataclass(slots=True, eq=False)
class Tree:
    """One call in a forward pass, with what it calls in turn. A leaf has a ``key`` of its own."""

    value: Value
    part: Part | None
    style: Style
    children: list[Tree] = field(default_factory=list)
    key: int = 0
    parameter: str | None = "training"
    default: Passing = Passing.NONE
    keywords: bool = False
    opaque: bool = False
    by_hand: bool = False
    layer: Layer | None = None

    def leaves(self) -> Iterator[Tree]:
        """The leaves, in the order of execution."""
        if not self.children and self.layer is not None:
            yield self
        for child in self.children:
            yield from child.leaves()

    def all(self) -> Iterator[Tree]:
        """All nodes, parents first."""
        yield self
        for child in self.children:
            yield from child.all()


class Trees:
    """Builds trees and models from the values of one execution."""

    def __init__(self, interpreter: Interpreter, versions: tuple[KerasVersion, ...]) -> None:
        self.interpreter = interpreter
        self.versions = versions
        self.trainable: list[TrainableEvent] = []
        self._keys = itertools.count(1)
        self._trees: dict[object, Tree] = {}
        self._models: dict[object, Model] = {}
        self._modes: dict[object, dict[int, Training | Unresolved]] = {}

    # trees

    def of(self, value: Value, order: int, arguments: Arguments | None = None) -> Tree:
        """The tree of a model called at some point of the execution."""
        key = (id(value), id(structure_of(self.interpreter, value, arguments)), self._trainable_before(order))
        found = self._trees.get(key)
        if found is None:
            self._left = MOST_LEAVES
            found = self._tree(value, None, (), order, arguments)
            self._trees[key] = found
        return found

    def _trainable_before(self, order: int) -> int:
        return sum(1 for event in self.trainable if event.order < order)

    def _tree(
        self,
        value: Value,
        part: Part | None,
        above: tuple[Tree, ...],
        order: int,
        arguments: Arguments | None,
    ) -> Tree:
        if isinstance(value, Operation):
            return self._operation(value, part, above)
        structure = structure_of(self.interpreter, value, arguments)
        tree = Tree(
            value, part, structure.style, key=next(self._keys), parameter=structure.parameter, default=structure.default
        )
        tree.keywords = structure.method is not None and accepts_keywords(structure.method)
        tree.opaque, tree.by_hand = structure.opaque, structure.by_hand
        if isinstance(value, LayerObject) and not structure.parts:
            tree.layer = self._layer(value, part, above, order)
            return tree
        if len(above) > DEEPEST_TREE or any(holder.value == value for holder in above):
            tree.opaque = True
            tree.layer = self._whole(tree, above)
            return tree
        for child in structure.parts:
            for callee in alternatives(child.callee):
                self._left -= 1
                if self._left < 0:
                    tree.opaque = True
                    return tree
                tree.children.append(self._tree(callee, child, (*above, tree), order, child.arguments))
        if not tree.children and above:
            tree.layer = self._whole(tree, above)
        return tree

    def _operation(self, value: Operation, part: Part | None, above: tuple[Tree, ...]) -> Tree:
        tree = Tree(value, part, Style.LEAF, key=next(self._keys), default=Passing.ABSENT)
        tree.layer = Layer(
            value.kind,
            value.kind,
            _HAND_WRITTEN,
            {},
            value.site,
            value.site,
            path=_path(above),
            custom=True,
            identity=id(value),
            calls=_calls(above),
        )
        return tree

    def _layer(self, value: LayerObject, part: Part | None, above: tuple[Tree, ...], order: int) -> Layer:
        frozen = self.is_frozen((*(holder.value for holder in above), value), order)
        traits = traits_of(value, self.versions[-1])
        if frozen and traits.writes_state_in_training:
            traits = replace(traits, mode_sensitive=False, writes_state_in_training=False)
        return Layer(
            value.kind,
            value.qualified,
            traits,
            value.config,
            value.site,
            part.site if part is not None else value.site,
            name=value.name,
            path=_path(above),
            training=part.passing if part is not None else Passing.ABSENT,
            frozen=frozen is True,
            perhaps_frozen=frozen is None,
            identity=value.identity,
            calls=_calls(above),
        )

    def _whole(self, tree: Tree, above: tuple[Tree, ...]) -> Layer:
        """The layer that stands for a model or a layer of the program's own of which no parts are known."""
        value = tree.value
        known = isinstance(value, (Instance, ModelObject, LayerObject))
        site = origin_of(value) if known else tree.part.site if tree.part is not None else origin_of(above[-1].value)
        return Layer(
            kind_of(value),
            kind_of(value),
            Traits(),
            {},
            site,
            tree.part.site if tree.part is not None else site,
            name=getattr(value, "name", None),
            path=_path(above),
            custom=isinstance(value, Instance) and not tree.opaque,
            opaque=tree.opaque,
            identity=getattr(value, "identity", id(value)),
            calls=_calls(above),
        )

    def is_frozen(self, chain: tuple[Value, ...], order: int) -> bool | None:
        """Whether the last of a chain of holders is set not trainable, by itself or by one that holds it.

        None if it is not known whether it is among those that are.
        """
        frozen: bool | None = False
        last = chain[-1]
        if isinstance(last, LayerObject) and last.config.get("trainable") is False:
            frozen = True
        for event in self.trainable:
            if event.order < order and any(event.target is one for one in chain):
                frozen = None if event.flag is None else not event.flag
        return frozen

    # models

    def model(self, value: Value, order: int, arguments: Arguments | None = None) -> Model:
        """The ``Model`` fact of a value."""
        tree = self.of(value, order, arguments)
        found = self._models.get(id(tree))
        if found is None:
            found = self._model(value, tree)
            self._models[id(tree)] = found
        return found

    def _model(self, value: Value, tree: Tree) -> Model:
        layers = tuple(leaf.layer for leaf in tree.leaves() if leaf.layer is not None)
        inputs = self._inputs(value)
        wiring = wired(tree)
        return Model(
            kind=kind_of(value),
            framework="keras",
            origin=origin_of(value),
            layers=layers,
            edges=tuple(wiring.edges),
            assumed=frozenset(wiring.assumed),
            opaque=any(node.opaque for node in tree.all()),
            name=getattr(value, "name", None),
            identity=getattr(value, "identity", id(value)),
            inputs=tuple(Port(shape) for shape in inputs),
            inner={
                node.key: InnerModel(
                    kind_of(node.value), node.part.passing, getattr(node.value, "identity", id(node.value))
                )
                for node in tree.all()
                if node.children and node.part is not None
            },
            prepares_data=not any(map(self._is_of_a_network, tree.all())),
        )

    def _is_of_a_network(self, node: Tree) -> bool:
        """Whether one part of a model, by itself, may have weights that training changes, or is there for training."""
        value = node.value
        if isinstance(value, LayerObject):
            if value.declared is not None or value.category in ("dropout", "noise"):
                return True
            return keras_layers.is_learned(value.kind)
        if isinstance(value, Instance):
            held = self.interpreter.store.all(value.identity)
            return node.opaque or any(isinstance(one, Tensor) and one.parameter for _, one in held)
        return node.opaque

    def _inputs(self, value: Value) -> tuple[Shape | None, ...]:
        """The shapes of a model's inputs: of its symbolic tensors, or as its first layer was told."""
        if isinstance(value, Functional):
            return tuple(node.shape for node in value.inputs)
        if not isinstance(value, Sequential):
            return ()
        first = next(iter(value.layers.items(self.interpreter)), None)
        if isinstance(first, Tensor) and first.symbolic is not None:
            return (first.symbolic.shape,)
        if isinstance(first, LayerObject):
            told = first.config.get("batch_input_shape", first.config.get("batch_shape"))
            shape = first.config.get("input_shape")
            told = (None, *shape) if isinstance(shape, tuple) else told
            if isinstance(told, tuple) and all(size is None or type(size) is int for size in told):
                return (cast("Shape", told),)
        return ()

    # modes

    def modes(
        self, tree: Tree, entry: Entry, passing: Passing, version: KerasVersion, learning_phase: Training = None
    ) -> dict[int, Training | Unresolved]:
        """The mode of every leaf, by its key."""
        key = (id(tree), entry, passing, version, learning_phase)
        if key not in self._modes:
            node = self.call_node(tree, version)
            self._modes[key] = resolve(node, entry, passing, version, learning_phase=learning_phase)
        return self._modes[key]

    def call_node(self, tree: Tree, version: KerasVersion) -> CallNode:
        """The tree as the simulation of the call context takes it."""
        part = tree.part
        default, parameter = tree.default, tree.parameter == "training"
        if isinstance(tree.value, LayerObject) and not tree.children:
            default = default_training_of(tree.value, version)
            parameter = default is not Passing.ABSENT
        passing = part.passing if part is not None else Passing.ABSENT
        if not parameter and isinstance(tree.value, LayerObject):
            passing = Passing.ABSENT  # it would raise, so the program sees to it that this does not happen
        return CallNode(
            tree.style,
            tree.key,
            passing,
            parameter,
            default,
            tuple(self.call_node(child, version) for child in tree.children),
            part.reached if part is not None else frozenset({None, True, False}),
            tree.by_hand or (part is not None and part.bypass),
            tree.keywords,
        )


def mode_of(value: Training | Unresolved | None) -> Mode:
    """A simulated ``training`` as a mode."""
    if value is True:
        return Mode.TRAIN
    return Mode.UNKNOWN if isinstance(value, Unresolved) else Mode.INFERENCE


def _path(above: tuple[Tree, ...]) -> tuple[str, ...]:
    return tuple(getattr(holder.value, "name", None) or kind_of(holder.value) for holder in above[1:])


def _calls(above: tuple[Tree, ...]) -> tuple[int, ...]:
    return tuple(holder.key for holder in above[1:])


def kind_of(value: Value) -> str:
    """The kind of a model as a user would call it."""
    if isinstance(value, Instance):
        return value.cls.name
    if isinstance(value, (ModelObject, LayerObject)):
        return value.kind
    return type(value).__name__


def origin_of(value: Value) -> Site:
    """Where a model was made."""
    if isinstance(value, (ModelObject, LayerObject)):
        return value.site
    assert isinstance(value, Instance)
    if value.made is not None:
        return value.made
    return value.cls.site
