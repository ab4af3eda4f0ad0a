"""Networks that a program is given from outside, and recognises as such only by what it does with them.

A parameter of a function that nothing calls may be anything, and so may the result of a function of which the source is
not there. Where the program reads its trainable variables, or calls it with ``training=``, it is a network of Keras, of
unknown content. That is known only when it has happened, after the network may have been run: the program is executed
again, with networks in the place of such values.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field, replace

from modelint.documents import Site
from modelint.documents.trees import FUNCTIONS, NodePart, named_parameters
from modelint.facts import Passing
from modelint.frameworks import guards
from modelint.frameworks.graph import forward_pass, is_differentiated, passing_of
from modelint.frameworks.models import OpaqueModel, call_model
from modelint.frameworks.names import canonical
from modelint.frameworks.structure import MODE_NAMES
from modelint.program.frames import Arguments
from modelint.program.interpreter import Interpreter
from modelint.program.values import (
    NONE,
    UNKNOWN,
    Builtin,
    Class,
    External,
    Function,
    Instance,
    Unknown,
    Value,
    alternatives,
    join,
)

TRAINABLE = frozenset(("trainable_variables", "trainable_weights"))
DEEPEST_ATTRIBUTE = 3


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value comes from outside: a parameter of a function, what a call gives, or an attribute of these.

    ``node`` is the function or the call, ``method_of`` the class that the function was entered for.
    """

    node: ast.AST
    method_of: ast.AST | None
    name: str
    attributes: tuple[str, ...] = ()
    place: Site | None = field(default=None, compare=False, repr=False)
    parameter: ast.arg | None = field(default=None, compare=False)
    definition: Function | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return ".".join((self.name, *self.attributes))


@dataclass(slots=True, eq=False)
class Given:
    """The origins of networks: those ``known`` when the execution began, and those ``seen`` in its course."""

    known: frozenset[Origin] = frozenset()
    seen: set[Origin] = field(default_factory=set)
    networks: dict[Origin, GivenNetwork] = field(default_factory=dict)

    def value(self, origin: Origin) -> Value:
        """What stands for a value from outside."""
        if origin not in self.known or origin.place is None:
            return Unknown(frozenset({origin}))
        if origin not in self.networks:
            self.networks[origin] = GivenNetwork(str(origin), origin.place)
        return self.networks[origin]


class GivenNetwork(OpaqueModel):
    """A network that the program is given, or a copy of it."""

    __slots__ = ()

    def attribute(self, interpreter: Interpreter, name: str) -> Value:
        if name in ("copy", "clone"):
            return Builtin(f"network.{name}", lambda i, a: self.copied(i))
        return super().attribute(interpreter, name)

    def call(self, interpreter: Interpreter, arguments: Arguments) -> Value:
        return call_model(interpreter, self, arguments, passing=_passing(arguments))


def _passing(arguments: Arguments) -> Passing:
    """How the mode is passed to a network of which it is not known at which position it takes it, by which name."""
    for name in MODE_NAMES:
        if name in arguments.keywords:
            return passing_of(arguments.keywords[name])
    if arguments.extra:
        return Passing.DYNAMIC
    written = arguments.node.args if isinstance(arguments.node, ast.Call) else ()
    for argument, value in list(zip(written, arguments.positional, strict=False))[1:]:
        passing = passing_of(value)
        if passing is not Passing.DYNAMIC or guards.speaks_of_mode(argument):
            return passing
    return Passing.ABSENT


def given_in(interpreter: Interpreter) -> Given | None:
    """What is known of networks from outside, if it was asked for."""
    found = interpreter.memory.get("given")
    return found if isinstance(found, Given) else None


def parameter_value(interpreter: Interpreter, function: Function, instance: Instance | None, name: str) -> Value:
    """What stands for a parameter of a function that nothing calls."""
    given = given_in(interpreter)
    if given is None:
        return UNKNOWN
    parameter = next((one for one in named_parameters(function.node.args) if one.arg == name), None)
    method_of = instance.cls.node if instance is not None else None
    place = function.module.script.site(parameter, part=NodePart.NAME) if parameter is not None else None
    value = given.value(Origin(function.node, method_of, name, (), place, parameter, function))
    return join(value, NONE) if isinstance(value, GivenNetwork) and function.defaults.get(name) == NONE else value


def result_value(interpreter: Interpreter, callee: Value, arguments: Arguments) -> Value:
    """What stands for the result of a function of which the source is not there, where a program is set up."""
    given = given_in(interpreter)
    is_step = is_differentiated(interpreter) or forward_pass(interpreter) is not None
    if given is None or is_step or not isinstance(callee, External):
        return UNKNOWN
    name = f"what {callee.dotted.rpartition('.')[2]}() gives"
    return given.value(Origin(arguments.node, None, name, (), arguments.site))


def attribute_value(interpreter: Interpreter, value: Unknown, name: str) -> Value:
    """An attribute of a value from outside. Who reads its trainable variables takes it for a network."""
    given = given_in(interpreter)
    if given is None or not value.origins:
        return UNKNOWN
    if name in TRAINABLE:
        recognise(interpreter, given, value)
        return UNKNOWN
    parts = [
        given.value(replace(origin, attributes=(*origin.attributes, name)))
        for origin in value.origins
        if isinstance(origin, Origin) and len(origin.attributes) < DEEPEST_ATTRIBUTE
    ]
    found: Value | None = None
    for part in parts:
        found = join(found, part)
    return found or UNKNOWN


def note_call(interpreter: Interpreter, value: Unknown, arguments: Arguments) -> None:
    """Who calls a value from outside with ``training=`` takes it for a network."""
    given = given_in(interpreter)
    if given is not None and passing_of(arguments.keywords.get("training")) is not Passing.ABSENT:
        recognise(interpreter, given, value)


def recognise(interpreter: Interpreter, given: Given, value: Unknown) -> None:
    """Take a value from outside for a network, unless its parameter is annotated as something else."""
    for origin in value.origins:
        if isinstance(origin, Origin) and not is_annotated_otherwise(interpreter, origin):
            given.seen.add(origin)
            interpreter.effects += 1


def is_annotated_otherwise(interpreter: Interpreter, origin: Origin) -> bool:
    """Whether an annotation names a class that takes no ``training``: of another library, or the program's own."""
    annotation = origin.parameter.annotation if origin.parameter is not None else None
    if origin.attributes or annotation is None or origin.definition is None:
        return False
    found = interpreter.evaluate(annotation, origin.definition.frame)
    return any(_takes_no_mode(interpreter, one) for one in alternatives(found))


def _takes_no_mode(interpreter: Interpreter, cls: Value) -> bool:
    if isinstance(cls, External):
        return canonical(cls.dotted).startswith(("tensorflow.Module", "torch.", "sonnet."))
    if not isinstance(cls, Class):
        return False
    method = interpreter.class_attribute(cls, "call") or interpreter.class_attribute(cls, "__call__")
    if not isinstance(method, Function) or not isinstance(method.node, FUNCTIONS):
        return False
    parameters = method.node.args
    return parameters.kwarg is None and all(one.arg != "training" for one in named_parameters(parameters))
