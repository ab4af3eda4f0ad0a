"""One way to run a TensorFlow graph: the layers that run, and what running them does.

Takes a graph, its inputs and outputs; gives an ``Entry``. SavedModels and frozen graphs share this.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from modelint.artifacts.keras_metadata import KerasObject
from modelint.artifacts.limits import Budget
from modelint.artifacts.model_file import Effect, EffectKind, Entry
from modelint.artifacts.tensorflow_effects import Effects, Found
from modelint.artifacts.tensorflow_flow import Flow, Operation
from modelint.artifacts.tensorflow_graph import Library
from modelint.artifacts.tensorflow_layers import PLUMBING, Group, grouped, is_recurrent, layer_of, named_by_variables
from modelint.artifacts.tensorflow_operands import NO_AXIS, UNKNOWN_AXIS
from modelint.artifacts.tensorflow_samples import Samples, in_order
from modelint.artifacts.tensorflow_variables import Variables
from modelint.facts import Layer, Model, Port, Shape
from modelint.finding import Place

_TEXT: Final = "string"
_WRAPPER: Final = "__inference_signature_wrapper"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An input or output of a signature: its name there, and its reference in the graph (``"serve_x:0"``)."""

    name: str
    reference: str
    shape: Shape | None
    dtype: str | None

    @property
    def port(self) -> Port:
        """The same without the reference."""
        return Port(self.shape, self.name, self.dtype)


@dataclass(slots=True, eq=False)
class Graph:
    """A graph of a file with what the file says of it beside: its variables, its layers, the lines that made it."""

    file: str
    library: Library
    budget: Budget
    variables: Variables = field(default_factory=Variables)
    tree: KerasObject | None = None
    source: Callable[[Operation], Place | None] = lambda operation: None
    identities: dict[object, int] = field(default_factory=dict)

    def identity(self, group: Group) -> int:
        """A number for a layer, the same for all of its calls as far as these are known to be of one layer."""
        owner = owner_of(self.variables, group)
        named = group.name.startswith(owner.rpartition("/")[2])
        key: object = group.known or (owner if owner and named else group.node)
        return self.identities.setdefault(key, len(self.identities) + 1)


@dataclass(frozen=True, slots=True)
class Served:
    """An entry, what makes two entries the same, and what could not be followed."""

    entry: Entry
    likeness: frozenset[tuple[str, str]]
    unexamined: tuple[str, ...]
    problems: tuple[str, ...]


def what_is_called(library: Library, inputs: Sequence[Endpoint], outputs: Sequence[Endpoint]) -> object:
    """What tells signatures apart without following them: the function behind their wrapper, and what it is given.

    TensorFlow wraps the function of each signature once more; two signatures of one function differ in that alone.
    None if the outputs come from anything else.
    """
    main = library.main()
    given = {end.reference.partition(":")[0]: end.name for end in inputs}
    found: list[object] = [tuple(end.port for end in inputs), tuple(end.port for end in outputs)]
    for end in outputs:
        name, _, number = end.reference.partition(":")
        node = main.nodes.get(name)
        wrapper = library.function(node.function("f")) if node is not None and "PartitionedCall" in node.op else None
        if node is None or wrapper is None or not wrapper.name.startswith(_WRAPPER):
            return None
        calls = [inner for inner in wrapper.nodes.values() if "PartitionedCall" in inner.op]
        if len(calls) != 1 or len(wrapper.nodes) > 2 + len(wrapper.results):
            return None
        arguments = [reference for reference in node.inputs if not reference.startswith("^")]
        passed = [
            arguments[position]
            if (position := wrapper.arguments.get(reference, len(arguments))) < len(arguments)
            else reference
            for reference in calls[0].inputs
        ]
        returned = [inner.inputs for inner in wrapper.nodes.values() if inner.op == "Identity"]
        found.append((calls[0].function("f"), number, tuple(returned), tuple(given.get(one, one) for one in passed)))
    return tuple(found)


def served(
    graph: Graph, names: Sequence[str], inputs: Sequence[Endpoint], outputs: Sequence[Endpoint], framework: str
) -> Served:
    """What running a graph for some outputs runs.

    Raises:
        MalformedError: the graph is malformed or too large.
    """
    flow = Flow(graph.library, graph.budget)
    values = flow.run(output.reference for output in outputs)
    order = in_order(flow)
    axes = _axes(inputs, outputs)
    samples = Samples(flow, order, axes, _only_batch_varies(inputs), graph.budget)
    samples.settle()
    if {end.shape[0] for end in inputs if end.shape} == {1}:
        samples.mixings.clear()  # there is nothing to mix a single sample with
    found = list(Effects(flow, samples, values, graph.variables).found())
    groups = grouped(order, graph.tree)
    layers = _layers(graph, groups, found, samples, order)
    model = Model(
        kind=graph.tree.kind if graph.tree else "Graph",
        framework=framework,
        origin=Place(graph.file),
        layers=tuple(layers.values()),
        edges=_edges(order, groups, list(layers)),
        opaque=bool(flow.unexamined),
        name=graph.tree.name if graph.tree else None,
        inputs=tuple(end.port for end in inputs),
        outputs=tuple(end.port for end in outputs),
    )
    effects = _effects(flow, found, groups, layers, samples)
    likeness = frozenset(
        (operation.call.body.name, operation.node.name)
        for operation in order
        if not operation.call.body.name.startswith(_WRAPPER)
        and not (operation.call is flow.main and operation.kind == "Placeholder")
    )
    return Served(Entry(tuple(names), model, True, effects), likeness, tuple(flow.unexamined), tuple(flow.problems))


def _axes(inputs: Sequence[Endpoint], outputs: Sequence[Endpoint]) -> dict[str, int]:
    """Which axis of each input counts the samples: the first, unless the input may be a single sample.

    A first axis of 1 counts them only where all are 1. One of another fixed size is the batch if other inputs and an
    output share it or leave it open. What may be one image or one signal of any size is not taken for a batch of rows.
    """
    leading = {end.shape[0] for end in (*inputs, *outputs) if end.shape and end.shape[0] != 1}
    fixed = {size for size in leading if size is not None}
    found: dict[str, int] = {}
    for end in inputs:
        shape, axis = end.shape, UNKNOWN_AXIS
        if shape is not None:
            axis = NO_AXIS if not shape or (shape[0] == 1 and leading) else 0
        if shape and axis == 0:
            one_image = len(shape) == 3 and shape[:2] == (None, None) and shape[2] in (1, 3, 4)
            one_signal = len(shape) == 1 and end.dtype != _TEXT and len(inputs) == 1
            strange = shape[0] is not None and (len(fixed) > 1 or not any(out.shape for out in outputs))
            axis = UNKNOWN_AXIS if one_image or one_signal or strange else 0
        found[end.reference.partition(":")[0]] = axis
    return found


def _only_batch_varies(inputs: Sequence[Endpoint]) -> bool:
    return all(end.shape is not None and None not in end.shape[1:] for end in inputs)


def _layers(
    graph: Graph, groups: Mapping[int, Group], found: Sequence[Found], samples: Samples, order: Sequence[Operation]
) -> dict[int, Layer]:
    """The layers, in the order in which they run, each by what tells its group apart."""
    shown = {id(groups[one.operation.index]): one.kind_of_layer for one in found if one.operation.index in groups}
    shown |= {
        id(groups[one.operation.index]): one.kind_of_layer
        for one in found
        if one.kind_of_layer and one.operation.index in groups
    }
    by_group = {id(group): group for group in (groups.get(operation.index) for operation in order) if group is not None}
    last = _results(order, groups)
    position = {operation.index: place for place, operation in enumerate(order)}
    named_by_variables(by_group.values(), lambda group: owner_of(graph.variables, group))
    return {
        key: layer_of(
            group,
            graph.file,
            last[key],
            identity=graph.identity(group),
            shape=samples.states[last[key].index].shape,
            source=next((place for place in map(graph.source, group.operations) if place), None),
            kind=shown.get(key),
        )
        for key, group in sorted(by_group.items(), key=lambda item: position[last[item[0]].index])
    }


def _results(order: Sequence[Operation], groups: Mapping[int, Group]) -> dict[int, Operation]:
    """The operation of each group that gives its result: the last one that another group takes, or the last."""
    found: dict[int, Operation] = {}
    taken: set[int] = set()
    for operation in reversed(order):
        group = groups.get(operation.index)
        handed_on = operation.kind in PLUMBING and operation.index in taken
        for value in operation.inputs:
            if handed_on or groups.get(value.operation.index) is not group:
                taken.add(value.operation.index)
    for operation in order:
        group = groups.get(operation.index)
        if group is not None and operation.kind not in PLUMBING:
            earlier = found.get(id(group))
            if earlier is None or operation.index in taken or earlier.index not in taken:
                found[id(group)] = operation
    return found


def owner_of(variables: Variables, group: Group) -> str:
    """The scope of the variables that a group reads; empty if they have none in common."""
    scopes = {
        variables.of(operation.inputs[0].operation).rpartition("/")[0]
        for operation in group.operations
        if operation.kind == "ReadVariableOp" and operation.inputs
    }
    return scopes.pop() if len(scopes) == 1 else ""


def _edges(order: Sequence[Operation], groups: Mapping[int, Group], keys: list[int]) -> tuple[tuple[int, int], ...]:
    """Which layers feed which, through the plumbing between them."""
    position = {key: index for index, key in enumerate(keys)}
    behind: dict[int, frozenset[int]] = {}
    edges: dict[tuple[int, int], None] = {}
    for operation in order:
        sources = frozenset[int]().union(
            *(behind.get(value.operation.index, frozenset()) for value in operation.inputs)
        )
        group = groups.get(operation.index)
        if group is None:
            behind[operation.index] = sources if len(sources) <= 64 else frozenset()
            continue
        own = position[id(group)]
        edges.update(((source, own), None) for source in sorted(sources) if source != own)
        behind[operation.index] = frozenset({own}) if sources or operation.kind not in PLUMBING else frozenset()
    return tuple(edges)


def _effects(
    flow: Flow,
    found: Sequence[Found],
    groups: Mapping[int, Group],
    layers: Mapping[int, Layer],
    samples: Samples,
) -> tuple[Effect, ...]:
    """The effects at their layers; of one kind one for each layer and name, and no mixing where a layer trains."""
    training = {id(groups.get(one.operation.index)) for one in found if one.kind is EffectKind.TRAIN_MODE}
    told: dict[tuple[object, ...], Effect] = {}
    for one in found:
        group = groups.get(one.operation.index)
        layer = layers.get(id(group)) if group is not None else None
        if layer is None or (one.kind is EffectKind.MIXES and id(group) in training):
            continue
        kind = one.kind
        if (
            kind is EffectKind.DRAWS
            and layer.traits.stochastic_in_training
            and not layer.traits.stochastic_at_inference
        ):
            kind = EffectKind.TRAIN_MODE
        what = one.what
        if kind is EffectKind.WRITES and not one.moving and not one.random_state and is_recurrent(layer):
            what = f"the state of {layer}"
        name = what if kind is EffectKind.WRITES else one.kind_of_layer
        told.setdefault(
            (kind, layer.called_at, name),
            Effect(
                kind,
                layer,
                what,
                axis=one.axis,
                moving=one.moving,
                random_state=one.random_state,
                seed=one.seed,
                by_default=flow.standing(one.operation).by_default,
                affects_prediction=one.affects_prediction,
            ),
        )
    return tuple(told.values())
