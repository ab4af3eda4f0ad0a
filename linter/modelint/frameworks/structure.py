"""The inside of models: what a forward pass calls, and with which mode.

A user's ``call`` is executed with tensors of which only the batch axis is known and with a symbolic ``training``; what
it calls is recorded. The result is a tree of calls, from which the mode of every layer is simulated per version.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from modelint.documents import Site
from modelint.documents.trees import FUNCTIONS, named_parameters, positional_parameters
from modelint.facts import Passing
from modelint.frameworks.graph import ForwardContext, Part
from modelint.frameworks.guards import ModeParameter
from modelint.frameworks.keras_modes import Style
from modelint.frameworks.layers import LayerObject
from modelint.frameworks.models import Application, Functional, OpaqueModel, Sequential, tracked_layers
from modelint.frameworks.names import canonical, layer_kind
from modelint.frameworks.tensors import Tensor, tensors_in
from modelint.program.frames import Arguments
from modelint.program.interpreter import Interpreter, root_default
from modelint.program.values import (
    UNKNOWN,
    Const,
    Function,
    Instance,
    Tuple,
    Value,
    alternatives,
)

DEEPEST_MODEL = 12
MOST_PARTS = 2_000


_BATCH = Tensor(batch_first=True, from_batch=True, structured=True)
"""What a forward pass is given: a batch, or several."""


class Operation(Value):
    """An operation of a hand-written layer that acts only in some modes (dropout, noise, batch statistics)."""

    __slots__ = ("kind", "site", "stochastic")

    def __init__(self, kind: str, site: Site, stochastic: bool) -> None:
        self.kind = kind
        self.site = site
        self.stochastic = stochastic


@dataclass(slots=True, eq=False)
class Structure:
    """What a callable model or layer does when it is called. ``parts`` in the order of execution."""

    style: Style
    parts: tuple[Part, ...] = ()
    parameter: str | None = "training"  # the mode parameter of its call, by whatever name
    default: Passing = Passing.NONE
    opaque: bool = False
    method: Function | None = None
    by_hand: bool = False  # it overrides ``__call__``, and so does without what that does
    context: ForwardContext | None = field(default=None)


MODE_NAMES = ("training", "is_training", "train", "is_train", "training_flag", "istraining", "trainable_mode")


def base_name(interpreter: Interpreter, instance: Instance) -> str | None:
    """The canonical name of the library class that an instance derives from."""
    base = interpreter.library_base(instance.cls)
    return canonical(base.dotted) if base is not None else None


def is_model_class(name: str | None) -> bool:
    """Whether a library class is a model rather than a layer."""
    return name in ("keras.Model", "keras.Sequential")


def structure_of(interpreter: Interpreter, value: Value, arguments: Arguments | None = None) -> Structure:
    """The structure of a layer or model, called with the given arguments. Computed once per set of arguments."""
    key = ("structure", id(value), _extra_key(arguments))
    found = interpreter.memory.get(key)
    if isinstance(found, Structure):
        return found
    interpreter.remember(key, Structure(Style.LAYER, opaque=True))  # while it is being computed: recursion
    interpreter.remember(("kept", id(value)), value)  # so that its id is not used again
    made = _compute(interpreter, value, arguments)
    interpreter.remember(key, made)
    return made


def _extra_key(arguments: Arguments | None) -> object:
    """What distinguishes calls of one model: constants passed by position or name."""
    if arguments is None:
        return None
    constants = [
        (name, value.value)
        for name, value in (*enumerate(arguments.positional), *arguments.keywords.items())
        if isinstance(value, Const) and name != "training"
    ]
    return tuple(constants) or "called"


def _compute(interpreter: Interpreter, value: Value, arguments: Arguments | None) -> Structure:
    match value:
        case LayerObject(kind="Lambda"):
            return _lambda(interpreter, value)
        case LayerObject():
            inner = tuple(Part(one, value.site, Passing.FORWARDED) for one in value.inner)
            return Structure(Style.LAYER if inner else Style.LEAF, inner)
        case Sequential():
            return Structure(Style.SEQUENTIAL, _stacked(interpreter, value), default=Passing.NONE)
        case Functional():
            parts = tuple(node.part for node in value.nodes() if node.part is not None)[:MOST_PARTS]
            return Structure(Style.FUNCTIONAL, parts)
        case Application():
            return Structure(Style.FUNCTIONAL, tuple(Part(layer, value.site) for layer in value.known))
        case OpaqueModel():
            return Structure(Style.FUNCTIONAL, opaque=True)
        case Instance():
            return _instance(interpreter, value, arguments)
    return Structure(Style.LAYER, opaque=True)


def _lambda(interpreter: Interpreter, layer: LayerObject) -> Structure:
    """A Lambda layer: its function is executed on a batch, for what it draws and mixes."""
    function = next((one for one in layer.inner if isinstance(one, Function)), None)
    if function is None:
        return Structure(Style.LEAF)
    context = ForwardContext(layer)
    saved = interpreter.contexts, interpreter.guards
    interpreter.contexts, interpreter.guards = [context], []
    try:
        node = function.node
        interpreter.call(function, Arguments((_BATCH,), {}, node, function.frame))
    finally:
        interpreter.contexts, interpreter.guards = saved
    return Structure(Style.LAYER, tuple(context.parts), parameter=None) if context.parts else Structure(Style.LEAF)


def _stacked(interpreter: Interpreter, model: Sequential) -> tuple[Part, ...]:
    items = list(model.layers.items(interpreter))
    rest = model.layers.rest(interpreter)
    if rest is not None:
        items.extend(alternatives(rest))
    parts: list[Part] = []
    for item in items[:MOST_PARTS]:
        layers = (
            one for one in alternatives(item) if not isinstance(one, Tensor)
        )  # keras.Input() may stand in the list
        parts.extend(Part(one, getattr(one, "site", model.site)) for one in layers)
    return tuple(parts)


def _instance(interpreter: Interpreter, instance: Instance, arguments: Arguments | None) -> Structure:
    base = base_name(interpreter, instance)
    own = interpreter.store.get(instance.identity, "#graph")
    method = interpreter.class_attribute(instance.cls, "call")
    if not isinstance(method, Function):
        if own is not None:
            return structure_of(interpreter, own)
        by_hand = interpreter.class_attribute(instance.cls, "__call__")
        if isinstance(by_hand, Function):
            style = Style.MODEL if is_model_class(base) else Style.LAYER
            return replace(run_forward(interpreter, instance, by_hand, style, arguments), by_hand=True)
        kind = layer_kind(base) if base is not None else None
        if kind is not None:
            site = instance.cls.site
            return Structure(Style.LAYER, (Part(LayerObject(kind, {}, site, ()), site, Passing.FORWARDED),))
        return Structure(Style.LAYER, opaque=True)
    style = Style.MODEL if is_model_class(base) else Style.LAYER
    return run_forward(interpreter, instance, method, style, arguments)


def run_forward(
    interpreter: Interpreter, instance: Instance, method: Function, style: Style, arguments: Arguments | None
) -> Structure:
    """Execute a user's ``call`` and record what it calls."""
    context = ForwardContext(instance)
    depth = sum(1 for one in interpreter.contexts if isinstance(one, ForwardContext))
    if depth > DEEPEST_MODEL:
        return Structure(style, opaque=True, method=method)
    saved = interpreter.contexts, interpreter.guards, interpreter.loop_depth, interpreter.rounds
    interpreter.contexts = [*(c for c in interpreter.contexts if isinstance(c, ForwardContext)), context]
    interpreter.guards, interpreter.loop_depth, interpreter.rounds = [], 0, 1
    interpreter.steps_left = max(interpreter.steps_left, 400)
    if not interpreter.stack:
        interpreter.stack.append(method.module.frame)
    try:
        _build_first(interpreter, instance)
        call_with = _forward_arguments(interpreter, instance, method, arguments)
        interpreter.enter(method.bind(instance), call_with)
    finally:
        interpreter.contexts, interpreter.guards, interpreter.loop_depth, interpreter.rounds = saved
    parameter, default = mode_parameter(method)
    parts = tuple(context.parts[:MOST_PARTS])
    return Structure(style, parts, parameter, default, context.opaque, method, context=context)


def _build_first(interpreter: Interpreter, instance: Instance) -> None:
    """Layers may be made in ``build``, which the first call runs."""
    if interpreter.memory.get(("built", instance.identity)):
        return
    interpreter.remember(("built", instance.identity), True)
    build = interpreter.class_attribute(instance.cls, "build")
    if isinstance(build, Function):
        contexts, interpreter.contexts = interpreter.contexts, []
        try:
            interpreter.enter_unknown(build, instance)
        finally:
            interpreter.contexts = contexts


def _forward_arguments(
    interpreter: Interpreter, instance: Instance, method: Function, arguments: Arguments | None
) -> Arguments:
    parameters = method.node.args
    names = [parameter.arg for parameter in positional_parameters(parameters)][1:]
    keyword_only = [parameter.arg for parameter in parameters.kwonlyargs]
    given = arguments.named(names) if arguments is not None else {}
    bound: dict[str, Value] = {}
    for index, name in enumerate((*names, *keyword_only)):
        if name == "training":
            bound[name] = ModeParameter()
        elif index == 0:
            bound[name] = _inputs(interpreter, given.get(name, UNKNOWN))
        elif name in given:
            tensors = list(tensors_in((given[name],), interpreter))
            bound[name] = Tensor() if tensors else given[name]
        elif arguments is None:
            bound[name] = root_default(method.defaults.get(name))
        else:
            bound[name] = method.defaults.get(name, UNKNOWN)
    node = arguments.node if arguments is not None else method.node
    frame = arguments.frame if arguments is not None else method.frame
    extra = parameters.kwarg is not None
    return Arguments((), bound, node, frame, extra)


def _inputs(interpreter: Interpreter, given: Value) -> Value:
    items = given.iterate(interpreter) if not isinstance(given, Tensor) else None
    if items is not None and 0 < len(items) <= 16:
        return Tuple(tuple(replace(_BATCH, structured=False) for _ in items))
    return _BATCH


def mode_parameter(method: Function) -> tuple[str | None, Passing]:
    """The mode parameter of a ``call``, by its name, and its default."""
    for parameter in named_parameters(method.node.args):
        name = parameter.arg
        if name in MODE_NAMES:
            default = method.defaults.get(name)
            if default is None:
                return name, Passing.ABSENT
            if isinstance(default, Const):
                if default.value is None:
                    return name, Passing.NONE
                if isinstance(default.value, (bool, int)):
                    return name, Passing.TRUE if default.value else Passing.FALSE
            return name, Passing.DYNAMIC
    return None, Passing.ABSENT


def accepts_keywords(method: Function) -> bool:
    """Whether a ``call`` takes ``**kwargs``."""
    return isinstance(method.node, FUNCTIONS) and method.node.args.kwarg is not None


def contains(interpreter: Interpreter, whole: Value, part: Value, depth: int = 5) -> bool:
    """Whether a model or layer is another one, or is held by it: as attribute, in a list, in its graph."""
    if whole is part:
        return True
    if depth == 0:
        return False
    return any(contains(interpreter, one, part, depth - 1) for one in held_by(interpreter, whole))


def held_by(interpreter: Interpreter, whole: Value) -> list[Value]:
    """The models and layers that a value holds directly."""
    held: list[Value] = []
    if isinstance(whole, (Instance, OpaqueModel)):
        held.extend(tracked_layers(interpreter, whole))
    elif isinstance(whole, (Sequential, Functional)):
        held.extend(part.callee for part in structure_of(interpreter, whole).parts)
    return held
