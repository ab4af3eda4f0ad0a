"""The configuration of a Keras model, as JSON, to layer objects and the calls that connect them.

Takes what ``get_config`` of Keras 2 or 3 wrote. Gives a ``KerasLayer`` for every layer object; a model is one that
holds a ``Network`` of calls, in the order in which Keras runs them; a wrapper holds what it wraps. No name in a
configuration is ever imported or run.

The formats were read from ``functional_from_config`` and ``serialize_node`` of Keras 3.15 and from
``reconstruct_from_config`` and ``get_network_config`` of tf_keras 2.21. What Keras itself could not load (an input from
a layer that does not exist, layers in a circle) is malformed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from modelint.artifacts.json_text import Json
from modelint.artifacts.keras_nodes import Reference, recorded_call, references, shape_of
from modelint.artifacts.keras_order import execution_order
from modelint.artifacts.limits import Budget, MalformedError
from modelint.facts import UNKNOWN, KerasVersion, Passing, Setting, Shape, Traits
from modelint.frameworks import keras_layers as table
from modelint.frameworks.applications import is_own_layer, own_layer_traits
from modelint.frameworks.keras_modes import Style

STEPS_PER_CALL: Final = 200
"""What a layer call costs of the budget: at most 20,000 are taken. EfficientNetB7 has 816."""

_LIBRARY: Final = ("keras", "tf_keras", "tensorflow.keras", "tensorflow.python.keras")
_OPERATIONS: Final = ("keras.src.ops", "keras.ops", "keras.src.backend.common.keras_tensor")
_OPERATION_LAYERS: Final = frozenset(
    ("TFOpLambda", "SlicingOpLambda", "ClassMethod", "InstanceMethod", "InstanceProperty", "AddLoss", "AddMetric")
)
"""Layers of Keras 2 that stand for one operation of TensorFlow, or for a loss."""
_FUNCTIONAL: Final = frozenset(("Functional", "Model"))


@dataclass(slots=True, eq=False)
class KerasLayer:
    """One layer object. ``built_on`` is the shape (or shapes) of its input, where the file says so.

    ``library``: a class of Keras itself. ``operation``: no layer but one operation of a backend. ``network`` is what a
    model runs, ``wrapped`` what a wrapper runs.
    """

    kind: str
    qualified: str
    name: str
    config: Mapping[str, Json]
    library: bool = True
    operation: bool = False
    trainable: bool = True
    built_on: Shape | None = None
    network: Network | None = None
    wrapped: tuple[KerasLayer, ...] = ()

    @property
    def known(self) -> bool:
        """Whether it is known what the layer does."""
        if self.network is not None:
            return self.library
        return self.operation or (self.library and (table.is_layer(self.kind) or is_own_layer(self.kind, self.config)))

    def default_training(self, version: KerasVersion) -> Passing:
        """The default of the ``training`` parameter of its call; ABSENT if it has none, or it is not known."""
        if self.network is not None:
            return Passing.NONE
        if self.operation or not self.known:
            return Passing.ABSENT
        if not table.is_layer(self.kind):
            return own_layer_traits(self.kind, self.config).default_training
        return table.default_training(self.kind, version)

    def traits(self, version: KerasVersion, *, frozen: bool) -> Traits:
        """What it does, set not trainable or not."""
        if self.operation or not self.known or self.network is not None:
            return Traits()
        if not table.is_layer(self.kind):
            return own_layer_traits(self.kind, self.config)
        settings = {**self.settings, "trainable": False} if frozen else self.settings
        found = table.traits(self.kind, settings, version)
        if frozen and found.writes_state_in_training:
            found = replace(found, mode_sensitive=False, writes_state_in_training=False)
        return found

    @property
    def settings(self) -> dict[str, Setting]:
        """The configuration as settings."""
        return {name: setting(value) for name, value in self.config.items() if name != "name"}


@dataclass(slots=True, eq=False)
class KerasCall:
    """One call of a layer in a network.

    ``inputs`` are the tensors it takes, in order, and ``shapes`` theirs where the file says so. ``passing`` is what is
    recorded of ``training``. ``arguments`` are the other recorded arguments that are no tensors.
    """

    layer: KerasLayer
    node: int
    inputs: tuple[Reference, ...]
    passing: Passing = Passing.ABSENT
    shapes: tuple[Shape | None, ...] = ()
    arguments: Mapping[str, Json] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class KerasInput:
    """An input of a network."""

    name: str
    shape: Shape | None
    dtype: str | None


@dataclass(slots=True, eq=False)
class Network:
    """The calls of a functional or sequential model in the order of their execution."""

    style: Style
    calls: tuple[KerasCall, ...]
    inputs: tuple[KerasInput, ...]
    outputs: tuple[Reference, ...]


def model_from(value: Json, budget: Budget, *, keras_2: bool) -> KerasLayer:
    """Read the configuration of a model.

    Raises:
        MalformedError: it is no configuration of a Keras object, or contradicts itself.
    """
    return _Reading(budget, keras_2).layer(value, "the model")


def setting(value: Json) -> Setting:
    """A JSON value as a setting; a serialised object is the name of its class or function."""
    match value:
        case list():
            return tuple(setting(item) for item in value)
        case {"class_name": "__numpy__" | "__tensor__" | "__tuple__" | "__bytes__" as kind, "config": inner}:
            return setting(inner.get("value")) if kind != "__tuple__" and isinstance(inner, dict) else setting(inner)
        case {"class_name": "function" | "DTypePolicy" | "Policy", "config": str(name) | {"name": str(name)}}:
            return name
        case {"class_name": str(name)}:
            return name
        case dict():
            return UNKNOWN
    return value


@dataclass(slots=True)
class _Reading:
    budget: Budget
    keras_2: bool

    def layer(self, value: Json, what: str) -> KerasLayer:
        """Read a serialised layer or model, with all that it holds."""
        data = _mapping(value, what)
        kind = _text(data.get("class_name"), f"the class of {what}")
        raw = data.get("config")
        config: Mapping[str, Json] = {"layers": raw} if isinstance(raw, list) else _mapping(raw, f"{what} ({kind})")
        name = config.get("name", data.get("name"))
        registered = data.get("registered_name")
        module = data.get("module")
        self.budget.spend(STEPS_PER_CALL // 4)
        operation = _is_operation(kind, module)
        library = _is_library(module, registered, kind, config)
        made = KerasLayer(
            kind=kind.rpartition(">")[2],
            qualified=_qualified(kind, module, registered, library),
            name=name if isinstance(name, str) else kind.rpartition(">")[2].lower(),
            config=config,
            library=library,
            operation=operation,
            trainable=config.get("trainable") is not False,
            built_on=_built_on(data, config),
        )
        if operation:
            self._operation(made)
        elif "layers" in config and ("input_layers" in config or kind in _FUNCTIONAL):
            made.network = self._functional(config, made.name)
        elif kind == "Sequential" and "layers" in config:
            made.network = self._sequential(made)
        elif library and table.is_layer(kind):
            made.wrapped = tuple(self._wrapped(made))
        return made

    def _operation(self, made: KerasLayer) -> None:
        """Name an operation of TensorFlow as a user writes it."""
        function = made.config.get("function") or made.config.get("symbol") or made.config.get("method_name")
        if isinstance(function, str):
            made.qualified = f"tf.{function}"
            made.kind = function.rpartition(".")[2]

    def _wrapped(self, wrapper: KerasLayer) -> Iterator[KerasLayer]:
        parameter = table.wrapped_parameter(wrapper.kind)
        if parameter is None:
            return
        held = wrapper.config.get(parameter)
        for part in held if isinstance(held, list) else [held]:
            if isinstance(part, dict) and "class_name" in part:
                yield self._named(part, wrapper, "forward_")
        if wrapper.kind == "Bidirectional":
            back = wrapper.config.get("backward_layer") or _reversed(held)
            if isinstance(back, dict) and "class_name" in back:
                yield self._named(back, wrapper, "backward_")

    def _named(self, part: Json, wrapper: KerasLayer, prefix: str) -> KerasLayer:
        """Read a wrapped layer. Those of a Bidirectional are renamed; Keras 3 records the names that they then have."""
        made = self.layer(part, f"a layer in {wrapper.name!r}")
        if wrapper.kind == "Bidirectional" and not made.name.startswith(("forward_", "backward_")):
            made.name = prefix + made.name
        return made

    # sequential models

    def _sequential(self, model: KerasLayer) -> Network:
        layers = [self.layer(one, f"a layer of {model.name!r}") for one in _items(model.config["layers"], "layers")]
        given = [one for one in layers if one.kind == "InputLayer"]
        stack = [one for one in layers if one.kind != "InputLayer"]
        if given:
            inputs = (_input(given[0]),)
        else:  # what it was first called with, in a batch of any size
            built = model.built_on or shape_of(model.config.get("build_input_shape"))
            whole = shape_of(stack[0].config.get("batch_input_shape")) if stack else None
            if whole is None and built:
                whole = (None, *built[1:])
            inputs = (KerasInput("", whole, None),)
        calls: list[KerasCall] = []
        feed = Reference("", 0, 0)
        for index, layer in enumerate(stack):
            self.budget.spend(STEPS_PER_CALL)
            shape = layer.built_on if layer.built_on is not None else (inputs[0].shape if index == 0 else None)
            calls.append(
                KerasCall(layer, index, (feed,), shapes=(shape if given or not shape else (None, *shape[1:]),))
            )
            feed = Reference(f"{index}", index, 0)
        return Network(Style.SEQUENTIAL, tuple(calls), inputs, (feed,))

    # functional models

    def _functional(self, config: Mapping[str, Json], name: str) -> Network:
        layers: dict[str, KerasLayer] = {}
        recorded: dict[str, list[Json]] = {}
        for value in _items(config["layers"], f"the layers of {name!r}"):
            layer = self.layer(value, f"a layer of {name!r}")
            data = _mapping(value, "a layer")
            layer.name = own = _text(data.get("name", layer.name), f"the name of a layer of {name!r}")
            if own in layers:
                raise MalformedError(f"two layers are called {own!r}")
            layers[own] = layer
            recorded[own] = _items(data.get("inbound_nodes") or [], f"the calls of {own!r}")
        inputs = tuple(references(config.get("input_layers")))
        outputs = tuple(references(config.get("output_layers")))
        calls: dict[tuple[str, int], KerasCall] = {}
        for own, layer in layers.items():
            for index, node in enumerate(recorded[own]):
                self.budget.spend(STEPS_PER_CALL)
                calls[own, index] = self._call(layer, index, node, layers)
        self._renumber(calls, layers)
        ends = tuple(self._output(one, layers, recorded) for one in outputs)
        order = execution_order(
            {key: call.inputs for key, call in calls.items()},
            frozenset(layers),
            tuple(one.layer for one in inputs),
            ends,
        )
        return Network(
            Style.FUNCTIONAL,
            tuple(calls[key] for key in order),
            tuple(_input(_found(layers, one.layer)) for one in inputs),
            ends,
        )

    def _renumber(self, calls: dict[tuple[str, int], KerasCall], layers: dict[str, KerasLayer]) -> None:
        """Let references count a layer's recorded calls from 0.

        Keras 2 counts those of a nested model from 1, since its own making is the first, unless it is a sequential
        model without an input. Keras 3 counts from 0 here, and from 1 in ``output_layers`` alone.
        """
        if self.keras_2:
            for call in calls.values():
                call.inputs = tuple(_counted_from_0(one, layers.get(one.layer)) for one in call.inputs)

    def _output(self, end: Reference, layers: dict[str, KerasLayer], recorded: dict[str, list[Json]]) -> Reference:
        layer = _found(layers, end.layer)
        functional = layer.network is not None and layer.network.style is Style.FUNCTIONAL
        if self.keras_2 or functional:
            end = _counted_from_0(end, layer)
        if end.node >= max(1, len(recorded[end.layer])):
            raise MalformedError(f"an output is call {end.node} of {end.layer!r}, which does not exist")
        return end

    def _call(self, layer: KerasLayer, index: int, node: Json, layers: dict[str, KerasLayer]) -> KerasCall:
        recorded = recorded_call(node, layers)
        if not recorded.tensors:
            raise MalformedError(f"call {index} of the layer {layer.name!r} takes no tensor")
        shapes = recorded.shapes
        if shapes == (None,) and index == 0:  # Keras 2 records no tensor's shape, but what the first call built
            shapes = (layer.built_on,)
        return KerasCall(layer, index, recorded.tensors, recorded.passing, shapes, recorded.arguments)


def _counted_from_0(one: Reference, layer: KerasLayer | None) -> Reference:
    if layer is None or layer.network is None or one.node == 0:
        return one
    counted_from_1 = layer.network.style is Style.FUNCTIONAL or bool(layer.network.inputs[0].name)
    return Reference(one.layer, one.node - counted_from_1, one.tensor)


def _input(layer: KerasLayer) -> KerasInput:
    shape = layer.config.get("batch_shape", layer.config.get("batch_input_shape"))
    dtype = setting(layer.config.get("dtype"))
    return KerasInput(layer.name, shape_of(shape), dtype if isinstance(dtype, str) else None)


def _built_on(data: Mapping[str, Json], config: Mapping[str, Json]) -> Shape | None:
    built = data.get("build_config")
    if isinstance(built, dict) and "input_shape" in built:
        return shape_of(built["input_shape"])
    return shape_of(config.get("batch_input_shape"))


def _is_operation(kind: str, module: Json) -> bool:
    if isinstance(module, str) and module.startswith(_OPERATIONS):
        return True
    return kind in _OPERATION_LAYERS and (module is None or _from_library(module))


def _is_library(module: Json, registered: Json, kind: str, config: Mapping[str, Json]) -> bool:
    """Whether a class is Keras's own. Files of Keras 2 before 2.12 do not say, and name registered classes ``a>B``."""
    if isinstance(module, str):
        return _from_library(module)
    if is_own_layer(kind.removeprefix("Custom>"), config):  # registered, in Keras 2
        return True
    if registered is not None or ">" in kind:
        return False
    return table.is_layer(kind) or kind in {*_FUNCTIONAL, "Sequential"}


def _from_library(module: Json) -> bool:
    return isinstance(module, str) and any(module == one or module.startswith(f"{one}.") for one in _LIBRARY)


def _reversed(layer: Json) -> Json:
    """The backward layer that a Bidirectional makes itself, of the forward layer."""
    config = layer.get("config") if isinstance(layer, dict) else None
    if not isinstance(layer, dict) or not isinstance(config, dict):
        return None
    return {**layer, "config": {**config, "go_backwards": not config.get("go_backwards")}}


def _qualified(kind: str, module: Json, registered: Json, library: bool) -> str:
    if isinstance(module, str) and module.startswith(_OPERATIONS):
        return "keras.ops." + re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind).lower()
    if library:
        return f"keras.layers.{table.canonical(kind) or kind}" if kind not in _FUNCTIONAL else f"keras.{kind}"
    if isinstance(registered, str) and ">" in registered:
        return registered.replace(">", ".")
    return f"{module}.{kind}" if isinstance(module, str) else kind.replace(">", ".")


def _found(layers: dict[str, KerasLayer], name: str) -> KerasLayer:
    if name not in layers:
        raise MalformedError(f"the layer {name!r} does not exist")
    return layers[name]


def _mapping(value: Json, what: str) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise MalformedError(f"{what} is not described by an object")
    return value


def _items(value: Json, what: str) -> list[Json]:
    if not isinstance(value, list):
        raise MalformedError(f"{what} are not a list")
    return value


def _text(value: Json, what: str) -> str:
    if not isinstance(value, str):
        raise MalformedError(f"{what} is not a text")
    return value
