"""A Keras model flattened: its layer calls with their edges, and the tree of calls from which modes are resolved.

Takes the layer objects of ``keras_config``, gives a ``Model`` and the ``Step`` tree beside it. Nested models dissolve
into their calls, with ``path``; what a wrapper wraps stands before the wrapper, which gives out what it computed. The
shapes are those that the file names: a layer whose consumer records no shape has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from modelint.artifacts.json_text import Json
from modelint.artifacts.keras_config import STEPS_PER_CALL, KerasCall, KerasLayer, Network, setting
from modelint.artifacts.limits import Budget
from modelint.facts import KerasVersion, Layer, Model, Passing, Port, Shape
from modelint.finding import Place
from modelint.frameworks.keras_modes import CallNode, Style

Producers = tuple[int, ...]
"""The layers, by index, that a tensor comes from; empty for an input."""

STEPS_PER_EDGE: Final = 20
"""What an edge costs of the budget, so that what holds many inputs many times stays small."""


@dataclass(slots=True, eq=False)
class Step:
    """One call in the tree of calls: of a leaf (``index`` into the model's layers) or of what holds others."""

    layer: KerasLayer
    style: Style
    passing: Passing
    replayed: bool  # a call that a functional model recorded
    path: tuple[str, ...]
    index: int | None = None
    arguments: dict[str, Json] = field(default_factory=dict)
    children: list[Step] = field(default_factory=list)

    def leaves(self) -> Iterator[Step]:
        """The leaves in the order of execution."""
        stack = [self]
        while stack:
            step = stack.pop()
            if step.children:
                stack += reversed(step.children)
            elif step.index is not None:
                yield step

    def call_node(self, version: KerasVersion) -> CallNode:
        """The tree as the simulation of the call context takes it."""
        default = self.layer.default_training(version)
        recorded = not self.layer.known and self.passing is not Passing.ABSENT  # so a layer of no known class takes it
        parameter = default is not Passing.ABSENT or recorded
        passing = self.passing if parameter or self.passing is Passing.FORWARDED else Passing.ABSENT
        return CallNode(
            self.style,
            -1 if self.index is None else self.index,
            passing,
            parameter,
            Passing.NONE if recorded else default,
            tuple(child.call_node(version) for child in self.children),
            as_recorded=self.replayed,
        )


@dataclass(slots=True, eq=False)
class Flattened:
    """A model, its tree of calls, the layers that take its inputs, and what of it is not known, in words."""

    model: Model
    root: Step
    fed: frozenset[int]
    unexamined: tuple[str, ...]


def flatten(root: KerasLayer, path: str, version: KerasVersion, budget: Budget) -> Flattened:
    """Flatten a model that was read; ``version`` decides what its layers do.

    Raises:
        MalformedError: it has more layer calls than any real model.
    """
    return _Flattening(path, version, budget).flatten(root)


@dataclass(slots=True)
class _Flattening:
    path: str
    version: KerasVersion
    budget: Budget
    layers: list[Layer] = field(default_factory=list)
    edges: dict[tuple[int, int], None] = field(default_factory=dict)
    identities: dict[int, int] = field(default_factory=dict)
    fed: set[int] = field(default_factory=set)
    unexamined: dict[str, None] = field(default_factory=dict)

    def flatten(self, root: KerasLayer) -> Flattened:
        network = root.network
        sources: list[Producers] = [() for _ in network.inputs] if network else [()]
        step, ends = self._call(root, KerasCall(root, 0, ()), sources, (), root.trainable, at_root=True)
        inputs = tuple(Port(one.shape, one.name or None, one.dtype) for one in network.inputs) if network else ()
        made = [self.layers[end[0]] if end else None for end in ends]
        model = Model(
            kind=root.kind,
            framework="keras",
            origin=Place(self.path),
            layers=tuple(self.layers),
            edges=tuple(self.edges),
            opaque=bool(self.unexamined),
            name=root.name,
            inputs=inputs,
            outputs=tuple(Port(one.shape, one.name) if one else Port() for one in made),
        )
        return Flattened(model, step, frozenset(self.fed), tuple(self.unexamined))

    def _call(
        self,
        layer: KerasLayer,
        call: KerasCall,
        sources: Sequence[Producers],
        path: tuple[str, ...],
        trainable: bool,
        *,
        passing: Passing | None = None,
        replayed: bool = False,
        at_root: bool = False,
    ) -> tuple[Step, list[Producers]]:
        """Flatten one call; gives its step and the producers of each tensor that it gives."""
        self.budget.spend(STEPS_PER_CALL)
        passing = call.passing if passing is None else passing
        inside = path if at_root else (*path, layer.name)
        if not layer.known:
            self._note(layer, path, at_root=at_root)
        if layer.network is not None:
            step = Step(layer, layer.network.style, passing, replayed, path)
            return step, self._network(layer.network, step, sources, inside, trainable and layer.trainable)
        if layer.wrapped:
            step = Step(layer, Style.LAYER, passing, replayed, path)
            return step, [self._wrapper(layer, call, step, sources, inside, trainable and layer.trainable)]
        index = self._leaf(layer, call, passing, sources, path, trainable)
        return Step(layer, Style.LEAF, passing, replayed, path, index, dict(call.arguments)), [(index,)]

    def _network(
        self, network: Network, step: Step, sources: Sequence[Producers], path: tuple[str, ...], trainable: bool
    ) -> list[Producers]:
        everything = _union(sources)
        given = sources if len(sources) == len(network.inputs) else [everything for _ in network.inputs]
        functional = network.style is Style.FUNCTIONAL
        tensors: dict[tuple[str, int], list[Producers]] = {
            (one.name if functional else "", 0): [producers]
            for one, producers in zip(network.inputs, given, strict=True)
        }
        for call in network.calls:
            taken = [_tensor(tensors, one.layer, one.node, one.tensor) for one in call.inputs]
            for one, shape in zip(call.inputs, call.shapes, strict=False):
                self._shape(_tensor(tensors, one.layer, one.node, one.tensor), one.tensor, shape)
            child, ends = self._call(call.layer, call, taken, path, trainable, replayed=functional)
            tensors[(call.layer.name, call.node) if functional else (str(call.node), call.node)] = ends
            step.children.append(child)
        return [_tensor(tensors, one.layer, one.node, one.tensor) for one in network.outputs]

    def _wrapper(
        self,
        layer: KerasLayer,
        call: KerasCall,
        step: Step,
        sources: Sequence[Producers],
        path: tuple[str, ...],
        trainable: bool,
    ) -> Producers:
        inner: list[Producers] = []
        feed = list(sources)
        in_turn = layer.kind in ("StackedRNNCells", "Pipeline")
        for part in layer.wrapped:
            child, ends = self._call(part, KerasCall(part, 0, ()), feed, path, trainable, passing=Passing.FORWARDED)
            step.children.append(child)
            inner = list(ends) if in_turn else [*inner, *ends]
            feed = list(ends) if in_turn else feed
        return (self._leaf(layer, call, call.passing, inner, path[:-1], trainable),)

    def _leaf(
        self,
        layer: KerasLayer,
        call: KerasCall,
        passing: Passing,
        sources: Sequence[Producers],
        path: tuple[str, ...],
        trainable: bool,
    ) -> int:
        index = len(self.layers)
        frozen = not (trainable and layer.trainable)
        place = Place(self.path, node="/".join((*path, layer.name)))
        settings = layer.settings
        if layer.operation:
            settings |= {key: setting(value) for key, value in call.arguments.items() if _is_plain(value)}
        self.layers.append(
            Layer(
                kind=layer.kind,
                qualified=layer.qualified,
                traits=layer.traits(self.version, frozen=frozen),
                config=settings,
                place=place,
                called_at=place,
                name=layer.name,
                path=path,
                training=passing,
                frozen=frozen,
                opaque=not layer.known or layer.kind == "Lambda",
                identity=self.identities.setdefault(id(layer), len(self.identities) + 1),
            )
        )
        if layer.kind == "Lambda" and layer.library:
            self._note(layer, path)
        if any(not source for source in sources):
            self.fed.add(index)
        producers = _union(sources)
        self.budget.spend(STEPS_PER_EDGE * len(producers))
        self.edges.update(dict.fromkeys((producer, index) for producer in producers))
        return index

    def _shape(self, producers: Producers, tensor: int, shape: Shape | None) -> None:
        """Note the shape of a tensor at the layer that it is the first output of."""
        if shape is not None and tensor == 0 and len(producers) == 1:
            layer = self.layers[producers[0]]
            if layer.shape is None:
                self.layers[producers[0]] = replace(layer, shape=shape)

    def _note(self, layer: KerasLayer, path: tuple[str, ...], *, at_root: bool = False) -> None:
        name = "/".join((*path, layer.name))
        if layer.kind == "Lambda":
            what = f"the function of the Lambda layer {name!r}"
        elif layer.network is not None:
            what = f"the methods of {layer.qualified}, the class of {name!r}"
        elif layer.library:
            what = f"the layer {name!r} of the unknown class {layer.qualified}"
        elif at_root:
            what = f"the model {name!r} of the class {layer.qualified}: it is saved by its name only"
        else:
            what = f"the custom layer {name!r} ({layer.qualified})"
        self.unexamined[what] = None


def _tensor(tensors: dict[tuple[str, int], list[Producers]], layer: str, node: int, tensor: int) -> Producers:
    """The producers of a tensor; what gives several tensors and is a leaf gives all of them."""
    made = tensors.get((layer, node)) or tensors.get((layer, 0)) or [()]
    return made[tensor] if tensor < len(made) else made[0]


def _union(sources: Sequence[Producers]) -> Producers:
    return tuple(dict.fromkeys(producer for source in sources for producer in source))


def _is_plain(value: Json) -> bool:
    return (
        value is None
        or isinstance(value, (bool, int, float, str))
        or (isinstance(value, list) and all(isinstance(item, (int, float)) for item in value))
    )
