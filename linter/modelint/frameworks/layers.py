"""Layer objects of Keras, and calling them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from modelint.documents import Site
from modelint.facts import UNKNOWN as UNKNOWN_SETTING
from modelint.facts import DeclaredLayer, KerasVersion, Passing, Setting, Traits
from modelint.frameworks import declared as declarations
from modelint.frameworks import keras_layers as table
from modelint.frameworks.chance.sampling import SPREAD, SPREADING, note_input
from modelint.frameworks.events import CallEvent, LayerEvent, ResetEvent, StaticBatchEvent, TrainableEvent, record
from modelint.frameworks.graph import GraphNode, Part, forward_pass, is_differentiated, passing_of
from modelint.frameworks.guards import reached
from modelint.frameworks.tensors import Tensor, first_tensor, merged, tensors_in, use
from modelint.program.frames import Arguments
from modelint.program.interpreter import Interpreter
from modelint.program.values import (
    NONE,
    UNKNOWN,
    Builtin,
    Const,
    Function,
    ListObject,
    Object,
    Tuple,
    Value,
)

WRAPPERS = frozenset(
    ("TimeDistributed", "Bidirectional", "RNN", "StackedRNNCells", "SpectralNormalization", "Wrapper", "ConvRNN2D")
)


def setting(value: Value, interpreter: Interpreter, depth: int = 3) -> Setting:
    """A value as a configuration setting."""
    if isinstance(value, Const):
        return value.value if isinstance(value.value, (type(None), bool, int, float, str, bytes)) else UNKNOWN_SETTING
    if isinstance(value, (Tuple, ListObject)) and depth:
        items = value.iterate(interpreter)
        if items is not None and len(items) < 64:
            return tuple(setting(item, interpreter, depth - 1) for item in items)
    return UNKNOWN_SETTING


class LayerObject(Object):
    """A layer of the library, or of a declared class, constructed. ``inner`` are the layers it wraps."""

    __slots__ = ("arguments", "config", "declared", "inner", "kind", "name", "site")

    def __init__(
        self,
        kind: str,
        config: Mapping[str, Setting],
        site: Site,
        inner: tuple[Value, ...],
        declared: DeclaredLayer | None = None,
    ) -> None:
        super().__init__()
        self.kind = kind
        self.config = config
        self.site = site
        self.inner = inner
        self.declared = declared
        name = config.get("name")
        self.name = name if isinstance(name, str) else None

    def __repr__(self) -> str:
        return f"LayerObject({self.kind})"

    @property
    def qualified(self) -> str:
        """The canonical dotted name of its class."""
        return self.declared.name if self.declared is not None else f"keras.layers.{self.kind}"

    @property
    def category(self) -> str:
        """What its class is for; see ``keras_layers.category``."""
        return declarations.category(self.declared) if self.declared is not None else table.category(self.kind)

    def attribute(self, interpreter: Interpreter, name: str) -> Value:
        match name:
            case "call":
                return Builtin(f"{self.kind}.call", lambda i, a: call_layer(i, self, a, bypass=True))
            case "build" | "adapt":
                return Builtin(f"{self.kind}.{name}", lambda i, a: NONE)
            case "reset_states" | "reset_state":
                return Builtin(f"{self.kind}.{name}", self._reset)
            case "output":
                return Tensor(symbolic=GraphNode(Part(self, self.site)))
            case "trainable_variables" | "trainable_weights" | "variables" | "weights" | "kernel":
                return Variables((self,))
        return interpreter.store.get(self.identity, name) or UNKNOWN

    def _reset(self, interpreter: Interpreter, arguments: Arguments) -> Value:
        record(interpreter, ResetEvent(arguments.site, arguments.frame, target=self))
        return NONE

    def set_attribute(self, interpreter: Interpreter, name: str, value: Value) -> None:
        interpreter.store.set(self.identity, name, value)
        if name == "trainable":
            note_trainable(interpreter, self, value)

    def call(self, interpreter: Interpreter, arguments: Arguments) -> Value:
        return call_layer(interpreter, self, arguments)


RATES = ("dropout", "recurrent_dropout")
"""Settings of recurrent and attention layers that switch dropout on."""


def traits_of(layer: LayerObject, version: KerasVersion) -> Traits:
    """What a layer does with its configuration. A rate that is passed and not known is taken for a real one."""
    if layer.declared is not None:
        return declarations.traits(layer.declared, layer.config, version)
    if table.category(layer.kind) in ("dropout", "noise"):
        return table.possible_traits(layer.kind, layer.config, version)
    rates = {name: 0.5 for name in RATES if layer.config.get(name) is UNKNOWN_SETTING}
    return table.traits(layer.kind, {**layer.config, **rates} if rates else layer.config, version)


def default_training_of(layer: LayerObject, version: KerasVersion) -> Passing:
    """The default of the ``training`` parameter of a layer's call; ABSENT if it has none."""
    if layer.declared is not None:
        return declarations.default_training(layer.declared, version)
    return table.default_training(layer.kind, version)


class Variables(Value):
    """The weights of models or layers: ``model.trainable_variables`` and sums of such."""

    __slots__ = ("owners",)

    def __init__(self, owners: tuple[Value, ...]) -> None:
        self.owners = owners

    def __repr__(self) -> str:
        return f"Variables{self.owners!r}"

    def outlives(self, mark: int) -> bool:
        return all(owner.outlives(mark) for owner in self.owners)

    def item(self, interpreter: Interpreter, index: Value) -> Value:
        return self

    def element(self, interpreter: Interpreter) -> Value:
        return self


def note_trainable(interpreter: Interpreter, target: Value, value: Value) -> None:
    """Record ``target.trainable = value``."""
    frame = interpreter.stack[-1]
    flag = value.value if isinstance(value, Const) and isinstance(value.value, bool) else None
    if isinstance(target, LayerObject):
        site = target.site
    else:
        assert frame.module is not None
        site = frame.module.script.site(frame.module.script.module)
    record(interpreter, TrainableEvent(site, frame, target=target, flag=flag))


def make_layer(interpreter: Interpreter, kind: str, arguments: Arguments) -> LayerObject:
    """Construct a layer of the library."""
    named = arguments.named(table.parameters(kind))
    config = {name: setting(value, interpreter) for name, value in named.items()}
    inner = tuple(value for value in named.values() if is_layer_like(value)) if kind in WRAPPERS else ()
    if kind == "Lambda":
        inner = tuple(value for value in named.values() if isinstance(value, Function))[:1]
    if kind in ("StackedRNNCells", "RNN"):
        cells = named.get("cells") or named.get("cell")
        inner = inner or tuple(
            v for v in (cells.iterate(interpreter) or () if cells is not None else ()) if is_layer_like(v)
        )
    layer = LayerObject(kind, config, arguments.site, inner)
    _note_made(interpreter, layer, arguments)
    return layer


def make_declared(interpreter: Interpreter, declared: DeclaredLayer, arguments: Arguments) -> LayerObject:
    """Construct a layer of a declared class."""
    named = arguments.named(declarations.parameters(declared))
    given = {name: setting(value, interpreter) for name, value in named.items()}
    layer = LayerObject(declared.kind, declarations.settings(declared, given), arguments.site, (), declared)
    _note_made(interpreter, layer, arguments)
    return layer


def _note_made(interpreter: Interpreter, layer: LayerObject, arguments: Arguments) -> None:
    in_forward = forward_pass(interpreter) is not None
    record(
        interpreter,
        LayerEvent(
            arguments.site,
            arguments.frame,
            layer=layer,
            in_forward=in_forward,
            positional=tuple(setting(value, interpreter) for value in arguments.positional),
            named=frozenset(arguments.keywords),
        ),
    )
    _note_static_batch(interpreter, layer, arguments)


def is_layer_like(value: Value) -> bool:
    """Whether a value can be called as a layer."""
    return isinstance(value, LayerObject) or hasattr(value, "cls")


def _note_static_batch(interpreter: Interpreter, layer: LayerObject, arguments: Arguments) -> None:
    for name in ("batch_input_shape", "batch_shape", "batch_size"):
        value = layer.config.get(name)
        size = value[0] if isinstance(value, tuple) and value else value
        if isinstance(size, int) and not isinstance(size, bool):
            written = repr(value).replace(repr(UNKNOWN_SETTING), "...")
            how = f"{name}={written}" + (" with stateful=True" if layer.config.get("stateful") is True else "")
            record(
                interpreter,
                StaticBatchEvent(arguments.site, arguments.frame, how=how, size=size, stateful="stateful" in how),
            )


def call_layer(interpreter: Interpreter, layer: LayerObject, arguments: Arguments, bypass: bool = False) -> Value:
    """Run a library layer, connect it to a graph, or record it in the forward pass under way."""
    declared = layer.declared
    parameters = table.call_parameters(layer.kind) if declared is None else declarations.call_parameters(declared)
    index = parameters.index("training") if "training" in parameters else None
    passing = passing_of(arguments.get(index, "training"))
    if passing is Passing.ABSENT and arguments.extra:
        passing = Passing.DYNAMIC
    output = connect(interpreter, layer, arguments, passing, bypass)
    if output is not None:
        return output
    tensors = list(tensors_in(arguments.all(), interpreter))
    for tensor in tensors:
        use(interpreter, tensor, "layer")
    result = merged(tensors)
    if is_differentiated(interpreter):  # in a training step, not where a model is built
        event = _note_bare_call(interpreter, layer, arguments, passing)
        result = result or Tensor()
        return replace(result, calls=result.calls | {event}, literal=False) if event is not None else result
    if result is not None:
        return result
    return Tensor(symbolic=GraphNode(Part(layer, arguments.site, passing, reached(interpreter)), presumed=True))


def _note_bare_call(
    interpreter: Interpreter, layer: LayerObject, arguments: Arguments, passing: Passing
) -> CallEvent | None:
    """Record that a training step calls a layer that knows of the mode by itself, outside of any model."""
    from modelint.frameworks.tapes import Tape

    tapes = tuple(context for context in interpreter.contexts if isinstance(context, Tape))
    if not tapes or not any(traits_of(layer, version).mode_sensitive for version in KerasVersion):
        return None
    event = CallEvent(
        arguments.site,
        arguments.frame,
        model=layer,
        through="__call__",
        passing=passing,
        tapes=tapes,
        reached=reached(interpreter),
        arguments=arguments.positional,
        keywords=arguments.keywords,
        repeated=interpreter.loop_depth > 0,
        learning_phase=interpreter.memory.get("learning_phase"),
    )
    record(interpreter, event)
    return event


def connect(
    interpreter: Interpreter, callee: Value, arguments: Arguments, passing: Passing, bypass: bool = False
) -> Tensor | None:
    """Record a call in the graph of its symbolic inputs, or in the forward pass under way; None if it is neither."""
    tensors = list(tensors_in(arguments.all(), interpreter))
    nodes = tuple(dict.fromkeys(t.symbolic for t in tensors if t.symbolic is not None))
    part = Part(callee, arguments.site, passing, reached(interpreter), bypass, arguments)
    if nodes:
        node = GraphNode(part, nodes, presumed=all(node.presumed for node in nodes))
        return replace(merged(tensors) or Tensor(), symbolic=node, batch_first=False)
    context = forward_pass(interpreter)
    if context is None:
        return None
    context.add(interpreter, part)
    note_input(interpreter, callee.kind if isinstance(callee, LayerObject) else "", tensors)
    spreads = isinstance(callee, LayerObject) and callee.config.get("activation") in SPREADING
    # of what is no array (an attribute of a graph that is passed) it is not known what its first axis counts
    return merged(tensors, batch_first=True, origin=SPREAD if spreads else "") or Tensor()


def input_tensor(interpreter: Interpreter, arguments: Arguments) -> Value:
    """``keras.Input(shape, batch_size, ...)``."""
    named = arguments.named(("shape", "batch_size", "dtype"))
    shape = setting(named["shape"], interpreter) if "shape" in named else UNKNOWN_SETTING
    whole = named.get("batch_shape") or named.get("batch_input_shape")
    size = named.get("batch_size")
    batch = size.value if isinstance(size, Const) and type(size.value) is int else None
    axes: tuple[int | None, ...] | None = None
    if whole is not None:
        given = setting(whole, interpreter)
        if isinstance(given, tuple):
            axes = tuple(axis if type(axis) is int else None for axis in given)
            batch = axes[0] if axes else None
    elif isinstance(shape, tuple):
        axes = (batch, *(axis if type(axis) is int else None for axis in shape))
    node = GraphNode(None, (), axes)
    if batch is not None:
        record(interpreter, StaticBatchEvent(arguments.site, arguments.frame, how="keras.Input", size=batch, node=node))
    borrowed = named.get("tensor")
    if borrowed is not None and first_tensor(borrowed, interpreter) is not None:
        return borrowed
    return Tensor(symbolic=node, shape=axes)
