"""Models of Keras: Sequential, functional, ready-made, loaded, and what can be asked of any of them."""

from __future__ import annotations

import copy
from dataclasses import replace

from modelint.documents import Site
from modelint.documents.trees import positional_parameters
from modelint.facts import Passing
from modelint.frameworks.applications import Contents
from modelint.frameworks.data.fitting import RUNNING, Method
from modelint.frameworks.events import CallEvent, ModelEvent, ResetEvent, SaveEvent, record
from modelint.frameworks.graph import GraphNode, Part, passing_of
from modelint.frameworks.guards import reached
from modelint.frameworks.layer_lists import WEIGHTS, SomeLayer, SomeLayers
from modelint.frameworks.layers import LayerObject, Variables, connect, note_trainable
from modelint.frameworks.names import canonical
from modelint.frameworks.tapes import Tape, note_scope
from modelint.frameworks.tensors import Tensor, merged, tensors_in, use
from modelint.program.frames import Arguments
from modelint.program.interpreter import Interpreter
from modelint.program.values import (
    NONE,
    UNKNOWN,
    Builtin,
    Const,
    DictObject,
    Function,
    Instance,
    ListObject,
    Object,
    Tuple,
    Unknown,
    Value,
    alternatives,
    new_identity,
)


class ModelObject(Object):
    """A model that the library builds (not a user's class)."""

    __slots__ = ("kind", "name", "site")

    def __init__(self, kind: str, site: Site, name: str | None = None) -> None:
        super().__init__()
        self.kind = kind
        self.site = site
        self.name = name

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.kind})"

    def attribute(self, interpreter: Interpreter, name: str) -> Value:
        found = interpreter.store.get(self.identity, name)
        return found if found is not None else model_attribute(interpreter, self, name) or UNKNOWN

    def set_attribute(self, interpreter: Interpreter, name: str, value: Value) -> None:
        interpreter.store.set(self.identity, name, value)
        if name == "trainable":
            note_trainable(interpreter, self, value)

    def call(self, interpreter: Interpreter, arguments: Arguments) -> Value:
        return call_model(interpreter, self, arguments)

    def copied(self, interpreter: Interpreter) -> Value:
        """A model of the same layers whose weights are its own."""
        twin = copy.copy(self)
        twin.identity = new_identity()
        return twin


class Sequential(ModelObject):
    """A stack of layers, in a list that ``add`` extends."""

    __slots__ = ("layers",)

    def __init__(self, site: Site, name: str | None = None) -> None:
        super().__init__("Sequential", site, name)
        self.layers = ListObject()


class Functional(ModelObject):
    """A model cut from a graph of symbolic tensors."""

    __slots__ = ("inputs", "outputs")

    def __init__(
        self, site: Site, inputs: tuple[GraphNode, ...], outputs: tuple[GraphNode, ...], name: str | None = None
    ) -> None:
        super().__init__("Functional", site, name)
        self.inputs = inputs
        self.outputs = outputs

    def nodes(self) -> list[GraphNode]:
        """The nodes between inputs and outputs, in an order of execution."""
        nodes: dict[GraphNode, None] = {}
        for output in self.outputs:
            nodes.update(dict.fromkeys(output.ancestors()))
        return list(nodes)


class Application(ModelObject):
    """A network of ``keras.applications``. ``known`` are those of its layers that matter, one for all of a kind."""

    __slots__ = ("known",)

    def __init__(self, kind: str, site: Site, contents: Contents, include_top: bool) -> None:
        super().__init__(kind, site)
        known = []
        if contents.batchnorm:
            known.append(LayerObject("BatchNormalization", {}, site, ()))
        if contents.dropout or (contents.dropout_in_top and include_top):
            known.append(LayerObject("Dropout", {"rate": 0.2}, site, ()))
        self.known = tuple(known)


class OpaqueModel(ModelObject):
    """A model whose content is not known (loaded from a file, from a hub)."""

    __slots__ = ()


def symbolic_output(model: Value) -> Value:
    """``model.output``: a symbolic tensor whose graph holds the whole model."""
    if isinstance(model, Functional) and model.outputs:
        tensors = tuple(Tensor(symbolic=node) for node in model.outputs)
        return tensors[0] if len(tensors) == 1 else Tuple(tensors)
    site = model.site if isinstance(model, (ModelObject, LayerObject)) else None
    if site is None:
        return Tensor(symbolic=GraphNode(None))
    return Tensor(symbolic=GraphNode(Part(model, site), (GraphNode(None),), inlined=True))


def make_sequential(interpreter: Interpreter, arguments: Arguments) -> Sequential:
    """``keras.Sequential(layers)``."""
    name = arguments.get(1, "name")
    model = Sequential(arguments.site, name.value if isinstance(name, Const) and isinstance(name.value, str) else None)
    fill_sequential(interpreter, model, arguments)
    record(interpreter, ModelEvent(arguments.site, arguments.frame, model=model))
    note_scope(interpreter, model)
    return model


def fill_sequential(interpreter: Interpreter, model: Sequential, arguments: Arguments) -> None:
    """The constructor's effect on a Sequential (or on a subclass of it)."""
    given = arguments.get(0, "layers")
    items = given.iterate(interpreter) if given is not None else ()
    model.layers.set(
        interpreter, tuple(items or ()), given.element(interpreter) if given is not None and items is None else None
    )


def make_functional(interpreter: Interpreter, arguments: Arguments) -> Value:
    """``keras.Model(inputs, outputs)``."""
    named = arguments.named(("inputs", "outputs", "name"))
    given = named.get("outputs") or named.get("output") or UNKNOWN
    outputs = _nodes(interpreter, given)
    for tensor in tensors_in((given,), interpreter):
        use(interpreter, tensor, "layer")  # models called on the way are layers of this one
    inputs = _nodes(interpreter, named.get("inputs") or named.get("input"))
    name = named.get("name")
    if not outputs:
        return OpaqueModel("Model", arguments.site)
    model = Functional(
        arguments.site, inputs, outputs, name.value if isinstance(name, Const) and isinstance(name.value, str) else None
    )
    record(interpreter, ModelEvent(arguments.site, arguments.frame, model=model))
    note_scope(interpreter, model)
    return model


def _nodes(interpreter: Interpreter, value: Value | None) -> tuple[GraphNode, ...]:
    if value is None:
        return ()
    return tuple(t.symbolic for t in tensors_in((value,), interpreter) if t.symbolic is not None)


def make_application(interpreter: Interpreter, name: str, contents: Contents, arguments: Arguments) -> Value:
    """``keras.applications.ResNet50(...)``."""
    named = arguments.named(("include_top", "weights", "input_tensor", "input_shape"))
    top = named.get("include_top")
    model = Application(name, arguments.site, contents, not (isinstance(top, Const) and top.value is False))
    note_scope(interpreter, model)
    borrowed = named.get("input_tensor")
    if borrowed is not None:
        nodes = _nodes(interpreter, borrowed)
        if nodes:
            part = Part(model, arguments.site)
            return Functional(arguments.site, nodes, (GraphNode(part, nodes, inlined=True),), name)
    return model


def model_parameters(interpreter: Interpreter, model: Value) -> list[str]:
    """The parameter names of a model's call, without self."""
    if isinstance(model, Instance):
        method = interpreter.class_attribute(model.cls, "call") or interpreter.class_attribute(model.cls, "__call__")
        if isinstance(method, Function):
            return [parameter.arg for parameter in positional_parameters(method.node.args)][1:]
    return ["inputs", "training", "mask"]


def training_position(interpreter: Interpreter, model: Value) -> int | None:
    """Where a model's call takes ``training`` by position."""
    names = model_parameters(interpreter, model)
    return names.index("training") if "training" in names else None


def call_passing(interpreter: Interpreter, model: Value, arguments: Arguments) -> Passing:
    """How a call of a model passes ``training``, by name or by position."""
    given = arguments.get(training_position(interpreter, model), "training")
    if given is None and arguments.extra:
        return Passing.DYNAMIC
    return passing_of(given)


def call_model(
    interpreter: Interpreter,
    model: Value,
    arguments: Arguments,
    through: str = "__call__",
    passing: Passing | None = None,
) -> Value:
    """Run a model: as a node of a graph, as part of a forward pass, or for its result."""
    if passing is None:
        passing = call_passing(interpreter, model, arguments)
    if not arguments.positional and not arguments.keywords:
        return UNKNOWN
    output = connect(interpreter, model, arguments, passing, bypass=through == "call")
    if output is not None:
        node = output.symbolic
        if node is None or not node.presumed or is_layer_class(interpreter, model):
            return output
        presumed = run_event(interpreter, model, arguments, through, passing)
        presumed.presumed = True
        return replace(output, calls=output.calls | {presumed})
    event = run_event(interpreter, model, arguments, through, passing)
    tensors = list(tensors_in(arguments.all(), interpreter))
    result = merged(tensors) or Tensor()
    return replace(
        result, calls=result.calls | {event}, literal=False, shape=None, batching=event.batching, structured=True
    )


def is_layer_class(interpreter: Interpreter, model: Value) -> bool:
    """Whether what is called is of a class of layers, not of models."""
    base = interpreter.library_base(model.cls) if isinstance(model, Instance) else None
    return base is not None and canonical(base.dotted) not in ("keras.Model", "keras.Sequential")


def run_event(
    interpreter: Interpreter, model: Value, arguments: Arguments, through: str, passing: Passing
) -> CallEvent:
    """Record that a model is run for its result."""
    tensors = list(tensors_in(arguments.all(), interpreter))
    batching = next((t.batching for t in tensors if t.batching is not None), None)
    event = CallEvent(
        arguments.site,
        arguments.frame,
        model=model,
        through=through,
        passing=passing,
        tapes=tuple(context for context in interpreter.contexts if isinstance(context, Tape)),
        reached=reached(interpreter),
        batching=batching,
        arguments=arguments.positional,
        keywords=arguments.keywords,
        repeated=interpreter.loop_depth > 0,
        learning_phase=interpreter.memory.get("learning_phase"),
    )
    made_up = [t.literal for t in tensors if not t.written]
    if made_up and all(made_up) and not any(isinstance(value, Unknown) for value in arguments.all()):
        event.uses.add("literal input")
    record(interpreter, event)
    return event


def tracked_layers(interpreter: Interpreter, instance: Object) -> list[Value]:
    """The layers and models that an object holds as attributes, in lists and dictionaries too."""
    found: list[Value] = []
    for name, value in interpreter.store.all(instance.identity):
        if not name.startswith("#"):
            found.extend(_layers_in(interpreter, value))
    return list(dict.fromkeys(found))


def _layers_in(interpreter: Interpreter, value: Value, depth: int = 2) -> list[Value]:
    found: list[Value] = []
    for one in alternatives(value):
        if isinstance(one, (LayerObject, ModelObject, Instance)):
            found.append(one)
        elif depth and isinstance(one, (Tuple, ListObject, DictObject)):
            items = list(one.entries(interpreter).values()) if isinstance(one, DictObject) else one.iterate(interpreter)
            for item in items if items is not None else (one.element(interpreter),):
                found.extend(_layers_in(interpreter, item, depth - 1))
    return found


def _layers(interpreter: Interpreter, model: Value) -> Value:
    if isinstance(model, Sequential):
        return model.layers
    if isinstance(model, Instance):
        return interpreter.new_list(tuple(tracked_layers(interpreter, model)))
    if isinstance(model, Functional):
        parts = [node.part for node in model.nodes() if node.part is not None]
        if not any(node.inlined for node in model.nodes()):
            return interpreter.new_list(tuple(dict.fromkeys(part.callee for part in parts)))
    return _some_layers(model)


def _some_layers(model: Value) -> SomeLayers:
    """The layers of a model that are not all known, and how many they are."""
    known: list[LayerObject] = []
    if isinstance(model, Application):
        known.extend(model.known)
    for node in model.nodes() if isinstance(model, Functional) else ():
        callee = node.part.callee if node.part is not None else None
        if isinstance(callee, LayerObject):
            known.append(callee)
        elif isinstance(callee, Application) and node.inlined:
            known.extend(callee.known)
    return SomeLayers(model, tuple(dict.fromkeys(known)), lambda: symbolic_output(model))


def _add(interpreter: Interpreter, model: Value, arguments: Arguments) -> Value:
    if isinstance(model, Sequential):
        model.layers.append(interpreter, arguments.at(0, "layer"))
    return NONE


def _get_layer(interpreter: Interpreter, model: Value, arguments: Arguments) -> Value:
    name, index = arguments.get(0, "name"), arguments.get(1, "index")
    layers = _layers(interpreter, model)
    items = layers.iterate(interpreter)
    if items is not None:
        if isinstance(index, Const) and type(index.value) is int and -len(items) <= index.value < len(items):
            return items[index.value]
        if isinstance(name, Const):
            for item in items:
                if getattr(item, "name", None) == name.value:
                    return item
    return SomeLayer(_some_layers(model).some())


def _call_directly(interpreter: Interpreter, model: Value, arguments: Arguments) -> Value:
    is_endpoint = isinstance(model, OpaqueModel) and model.kind == "saved_model.load"  # a function that was exported
    return call_model(interpreter, model, arguments, through="__call__" if is_endpoint else "call")


def _call_stateless(interpreter: Interpreter, model: Value, arguments: Arguments) -> Value:
    """``model.stateless_call(trainable, non_trainable, *inputs)``: the outputs, and the variables that it updated."""
    inputs = Arguments(arguments.positional[2:], arguments.keywords, arguments.node, arguments.frame, arguments.extra)
    return Tuple((call_model(interpreter, model, inputs, through="stateless_call"), UNKNOWN))


def _export(interpreter: Interpreter, model: Value, arguments: Arguments) -> Value:
    """``model.export(path)`` traces a call of the model that says nothing of the mode."""
    record(interpreter, SaveEvent(arguments.site, arguments.frame, model=model))
    run_event(interpreter, model, arguments, "export", Passing.ABSENT)
    return NONE


def _reset(interpreter: Interpreter, model: Value, arguments: Arguments) -> Value:
    record(interpreter, ResetEvent(arguments.site, arguments.frame, target=model))
    return NONE


def _save(interpreter: Interpreter, model: Value, arguments: Arguments) -> Value:
    record(interpreter, SaveEvent(arguments.site, arguments.frame, model=model))
    return NONE


def save_model(interpreter: Interpreter, arguments: Arguments) -> Value:
    """``keras.models.save_model(model, path)``, ``tf.saved_model.save(model, path)`` and their like."""
    model = arguments.at(0, "model")
    record(interpreter, SaveEvent(arguments.site, arguments.frame, model=model))
    return UNKNOWN


def _same(interpreter: Interpreter, model: Value, arguments: Arguments) -> Value:
    return UNKNOWN


def _first_of(interpreter: Interpreter, model: Value, arguments: Arguments) -> Value:
    return NONE


_METHODS: dict[str, Method] = {
    **RUNNING,
    "add": _add,
    "get_layer": _get_layer,
    "call": _call_directly,
    "stateless_call": _call_stateless,
    "export": _export,
    "__call__": lambda interpreter, model, arguments: call_model(interpreter, model, arguments),
    "save": _save,
    **dict.fromkeys(("build", "summary", "save_weights", "load_weights", "pop", "set_weights"), _first_of),
    **dict.fromkeys(("to_json", "get_config", "count_params", "get_weights"), _same),
    **dict.fromkeys(("reset_states", "reset_state"), _reset),
}


def model_attribute(interpreter: Interpreter, model: Value, name: str) -> Value | None:
    """An attribute that every model has; None for others."""
    if name in _METHODS:
        method = _METHODS[name]
        return Builtin(f"model.{name}", lambda i, a: method(i, model, a))
    if name in WEIGHTS:
        return Variables((model,))
    if name == "layers":
        return _layers(interpreter, model)
    if name in ("output", "outputs"):
        return symbolic_output(model)
    if name in ("input", "inputs"):
        nodes = model.inputs if isinstance(model, Functional) else (GraphNode(None),)
        tensors = tuple(Tensor(symbolic=node, shape=node.shape) for node in nodes)
        return tensors[0] if len(tensors) == 1 else Tuple(tensors)
    return None
