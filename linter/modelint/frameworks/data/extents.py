"""How many positions of a sample a BatchNorm averages over: shapes followed through a model.

Takes a model and the shape of what it is fed, as far as it is known. A Sequential and a functional model are followed
layer by layer, wherever they are nested; behind a forward pass of the program's own nothing is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modelint.frameworks.graph import GraphNode
from modelint.frameworks.indices import Shape
from modelint.frameworks.layer_shapes import positions_of, shape_after
from modelint.frameworks.layers import LayerObject
from modelint.frameworks.models import Functional, Sequential
from modelint.frameworks.shapes import broadcast
from modelint.frameworks.tensors import Tensor
from modelint.program.interpreter import Interpreter
from modelint.program.values import Instance, Value

DEEPEST = 12
BATCHNORMS = frozenset(("BatchNormalization", "SyncBatchNormalization"))


def positions(interpreter: Interpreter, model: Value, fed: Shape | None) -> Mapping[int, int]:
    """The positions by the identity of each BatchNorm layer of which they are known: the fewest it is called on.

    ``fed`` is the shape of a sample where it is known from the data.
    """
    walk = _Walk(interpreter)
    walk.through(model, [fed], 0)
    return {identity: fewest for identity, fewest in walk.found.items() if fewest is not None}


class _Walk:
    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter
        self.found: dict[int, int | None] = {}

    def through(self, value: Value, shapes: Sequence[Shape | None], depth: int) -> Shape | None:
        """The shape of what a layer or model gives, called on something."""
        match value:
            case _ if depth > DEEPEST:
                return None
            case LayerObject():
                return self._layer(value, shapes, depth)
            case Sequential():
                return self._sequential(value, shapes, depth)
            case Functional():
                return self._functional(value, shapes, depth)
            case Instance():
                graph = self.interpreter.store.get(value.identity, "#graph")  # of a subclass that is given its graph
                return self.through(graph, shapes, depth + 1) if graph is not None else None
        return None

    def _layer(self, layer: LayerObject, shapes: Sequence[Shape | None], depth: int) -> Shape | None:
        shape = shapes[0] if shapes else None
        if layer.declared is not None:
            return None
        if layer.kind in BATCHNORMS:
            self._note(layer, positions_of(layer.config, shape))
        if layer.kind == "TimeDistributed":
            return self._distributed(layer, shape, depth)
        if layer.kind == "Bidirectional" and layer.inner:
            inner = self.through(layer.inner[0], shapes, depth + 1)
            return None if inner is None else (*inner[:-1], None)
        return shape_after(layer.kind, layer.config, shapes)

    def _distributed(self, layer: LayerObject, shape: Shape | None, depth: int) -> Shape | None:
        """A layer called on every step: what is inside sees the steps as samples."""
        if not layer.inner:
            return None
        walk = _Walk(self.interpreter)
        inner = walk.through(layer.inner[0], [shape[1:] if shape else None], depth + 1)
        steps = shape[0] if shape else None
        for identity, fewest in walk.found.items():
            self._fewest(identity, None if steps is None or fewest is None else fewest * steps)
        return None if inner is None or not shape else (steps, *inner)

    def _note(self, layer: LayerObject, number: int | None) -> None:
        self._fewest(layer.identity, number)

    def _fewest(self, identity: int, number: int | None) -> None:
        before = self.found.get(identity, number)
        self.found[identity] = None if number is None or before is None else min(number, before)

    def _sequential(self, model: Sequential, shapes: Sequence[Shape | None], depth: int) -> Shape | None:
        items = list(model.layers.items(self.interpreter))
        shape = shapes[0] if shapes else None
        for item in items:
            if isinstance(item, Tensor):
                declared = item.shape[1:] if item.shape else None
                shape = shape if shape is not None else declared
                continue
            if shape is None and isinstance(item, LayerObject):
                shape = declared_shape(item)
            shape = self.through(item, [shape], depth + 1)
        return shape if model.layers.rest(self.interpreter) is None else None

    def _functional(self, model: Functional, shapes: Sequence[Shape | None], depth: int) -> Shape | None:
        made: dict[GraphNode, Shape | None] = {node: node.shape[1:] if node.shape else None for node in model.inputs}
        if len(shapes) == len(model.inputs):
            for node, shape in zip(model.inputs, shapes, strict=True):
                made[node] = shape if shape is not None else made[node]
        for node in model.nodes():
            inputs = [made.get(one) for one in node.inputs]
            if node in made:
                continue
            if node.part is not None:
                made[node] = self.through(node.part.callee, inputs, depth + 1)
            elif node.elementwise and None not in inputs:
                made[node] = broadcast(inputs)
        return made.get(model.outputs[0]) if len(model.outputs) == 1 else None


def declared_shape(layer: LayerObject) -> Shape | None:
    """The shape of a sample that the first layer of a model was told to expect."""
    whole = layer.config.get("batch_input_shape", layer.config.get("batch_shape"))
    given = layer.config.get("input_shape", layer.config.get("shape") if layer.kind == "InputLayer" else None)
    axes = whole[1:] if isinstance(whole, tuple) else given
    if layer.kind == "Dense" and axes is None and type(layer.config.get("input_dim")) is int:
        axes = (layer.config["input_dim"],)
    return tuple(size if type(size) is int else None for size in axes) if isinstance(axes, tuple) else None
