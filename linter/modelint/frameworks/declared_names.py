"""What calling a declared name does: making a layer, running the model that is passed, giving that model back."""

from __future__ import annotations

from collections.abc import Iterator

from modelint.facts import Declared, DeclaredLayer, Passing
from modelint.frameworks.layers import LayerObject, make_declared
from modelint.frameworks.models import ModelObject, call_model
from modelint.frameworks.names import canonical
from modelint.frameworks.structure import base_name
from modelint.frameworks.tensors import first_tensor
from modelint.program.frames import Arguments
from modelint.program.interpreter import Interpreter
from modelint.program.values import UNKNOWN, Class, External, Handler, Instance, Value, alternatives


def declared_handlers(declared: Declared) -> Iterator[tuple[str, Handler]]:
    """The canonical name of everything declared, with what calling it does."""
    for name in declared.wrappers:
        yield canonical(name), _wrapping(name)
    for name in declared.calls_eval:
        yield canonical(name), _running(name, Passing.FALSE)
    for name in declared.calls_train:
        yield canonical(name), _running(name, Passing.TRUE)
    for layer in declared.layers:
        yield canonical(layer.name), _making(layer)


def _making(layer: DeclaredLayer) -> Handler:
    return lambda interpreter, arguments: make_declared(interpreter, layer, arguments)


def _running(name: str, passing: Passing) -> Handler:
    """A function that runs the one model among its arguments in a mode, on the first tensor among them."""

    def run(interpreter: Interpreter, arguments: Arguments) -> Value:
        models = [value for value in arguments.all() if _is_model(interpreter, value)]
        if len(models) != 1:
            return interpreter.library.unknown_call(interpreter, External(name), arguments)
        tensor = next(filter(None, (first_tensor(value, interpreter) for value in arguments.all())), UNKNOWN)
        given = Arguments((tensor,), {}, arguments.node, arguments.frame)
        return call_model(interpreter, models[0], given, through=f"function {name}", passing=passing)

    return run


def _wrapping(name: str) -> Handler:
    """A function or class of which the result is taken for the one model, or class of models, among its arguments."""

    def wrap(interpreter: Interpreter, arguments: Arguments) -> Value:
        wrapped = [v for v in arguments.all() if isinstance(v, Class) or _is_model(interpreter, v)]
        if len(wrapped) != 1:
            return interpreter.library.unknown_call(interpreter, External(name), arguments)
        return wrapped[0]

    return wrap


def _is_model(interpreter: Interpreter, value: Value) -> bool:
    """Whether a value is, in all that is known of it, a layer or a model."""
    return all(
        isinstance(one, (ModelObject, LayerObject))
        or (isinstance(one, Instance) and base_name(interpreter, one) is not None)
        for one in alternatives(value)
    )
