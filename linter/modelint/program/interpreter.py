"""The abstract interpreter: names, calls, objects.

Takes a module's tree and runs it once, in order, on abstract values; what libraries do is asked of a ``Library``.
Bounded: calls in depth, loops in length, the whole in steps (counted, not timed, so that the outcome is the same on
every machine). Whatever lies beyond a bound is unknown.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from modelint.documents.trees import parameter_names
from modelint.program.frames import Arguments, Frame, Guard, ModuleState
from modelint.program.statements import Exit, Statements
from modelint.program.store import Store
from modelint.program.summaries import Recorder, Summaries
from modelint.program.values import (
    NONE,
    UNKNOWN,
    Builtin,
    Class,
    Const,
    DictObject,
    External,
    Function,
    Generator,
    Instance,
    Module,
    Object,
    Tuple,
    Union,
    Value,
    alternatives,
    join_all,
    new_identity,
)

if TYPE_CHECKING:
    from modelint.program.imports import Importer
    from modelint.program.library import Library

_NOWHERE = ast.Name("_")
"""What stands for a call that is not written anywhere."""

DEEPEST_CALL = 40
MOST_RECURSION = 2

STEPS_FOR_MODEL = 300
"""So many steps there are at least to make a model or layer of, whatever the program did before."""

MOST_GRANTS = 30
"""So many models and layers of a program are given them."""


class Interpreter(Statements):
    """One abstract execution of a root module and all it reaches."""

    def __init__(self, library: Library, importer: Importer, store: Store, steps: int, summaries: Summaries) -> None:
        super().__init__()
        self.recorder = Recorder(self, summaries, new_identity())
        self.library = library
        self.importer = importer
        self.store = store
        self.steps_left = steps
        self._grants = MOST_GRANTS
        self.stop: Callable[[], None] | None = None  # raises if the result is not wanted any more
        self.guards: list[Guard] = []
        self.stack: list[Frame] = []
        self.active: dict[ast.AST, int] = {}  # the functions under way, and how often each
        self.entered: set[ast.AST] = set()
        self.effects = 0  # grows with all that an execution does beside computing values and setting variables
        self.instances: dict[int, Instance] = {}  # the first instance of each class, by the class's identity
        self.events: list[object] = []
        self.contexts: list[object] = []  # what libraries have under way (tapes, forward passes)
        self._library_bases: dict[Class, External | None] = {}
        self.memory: dict[object, Any] = {}  # what libraries remember during this execution

    # names

    def lookup(self, name: str, frame: Frame) -> Value | None:
        """The value of a name as seen from a frame; None if it is defined nowhere."""
        scope: Frame | None = frame
        tables = self.store.variables
        watched = self.store.watched
        while scope is not None:
            table = tables.get(scope.identity)
            if table is not None and (not scope.is_class or scope is frame):
                found = table.get(name)
                if scope.identity < watched:
                    self.store.accesses.append(((scope.identity, name), found, False))
                if found is not None:
                    if scope.parent is None and name.isupper():
                        return switch(found)
                    return found
            scope = scope.parent
        return self.importer.builtins.get(name) or self._starred(name, frame.module)

    def _starred(self, name: str, module: ModuleState | None) -> Value | None:
        """A name that a module gets from a package of which it imports all names."""
        for package in module.stars if module is not None else ():
            found = self.library.imported_name(package, name)
            if found is not None:
                return found
        return None

    def bind_name(self, name: str, value: Value, frame: Frame) -> None:
        """Assign a local, global or nonlocal name."""
        target = frame
        if name in frame.global_names and frame.module is not None:
            target = frame.module.frame
        elif name in frame.nonlocal_names:
            scope = frame.parent
            while scope is not None and self.store.get(scope.identity, name) is None:
                scope = scope.parent
            target = scope or frame
        self.store.set(target.identity, name, value)

    # imports

    def import_module(self, dotted: str, frame: Frame) -> Value:
        """The module of a dotted name: followed if it is the program's own, else named."""
        return self.importer.module(self, dotted, frame)

    def import_relative(self, dotted: str, level: int, frame: Frame) -> Value:
        """The module of ``from ..dotted import``."""
        return self.importer.relative(self, dotted, level, frame)

    def module_attribute(self, state: ModuleState, name: str) -> Value:
        """A name of a followed module, or a submodule of a followed package."""
        found = self.store.get(state.frame.identity, name)
        if found is not None:
            return switch(found)
        return self.importer.submodule(self, state, name) or self._starred(name, state) or UNKNOWN

    def star_names(self, module: Value, frame: Frame) -> dict[str, Value]:
        """What ``from module import *`` binds at once. The names of packages are asked for when they are used."""
        packages = module.state.stars if isinstance(module, Module) else []
        if isinstance(module, External):
            packages = [module.dotted]
        if frame.module is not None:
            frame.module.stars.extend(packages)
        if isinstance(module, Module):
            return self.importer.public_names(self, module.state)
        return {}

    # calls

    def call(self, callee: Value, arguments: Arguments) -> Value:
        """The result of a call."""
        self.steps_left -= 1
        return callee.call(self, arguments)

    def call_with(self, callee: Value, positional: Sequence[Value], keywords: dict[str, Value] | None = None) -> Value:
        """Call from where the innermost call stands, with values instead of written arguments."""
        frame = self.stack[-1]
        node = frame.called_from or _NOWHERE
        return self.call(callee, Arguments(tuple(positional), keywords or {}, node, frame.caller or frame))

    def enter(self, function: Function, arguments: Arguments) -> Value:
        """Execute a function of the program with its arguments."""
        recorder = self.recorder
        recorder.reaches(len(self.stack))
        if len(self.stack) > DEEPEST_CALL or self.steps_left <= 0:
            self.effects += 1  # elsewhere the call may not be cut short
            return self.library.unknown_call(self, UNKNOWN, arguments)
        if self.active.get(function.node, 0) >= MOST_RECURSION:
            recorder.cuts(function.node)
            return self.library.unknown_call(self, UNKNOWN, arguments)
        key = recorder.key(function, arguments)
        if key is not None:
            found = recorder.find(key)
            if found is not None:
                return recorder.repeat(found)
        self.entered.add(function.node)
        frame = Frame(
            new_identity(), function.module, function.frame, function, arguments.frame, arguments.node, owner=None
        )
        if function.bound is not None:
            arguments = Arguments(
                (function.bound, *arguments.positional),
                arguments.keywords,
                arguments.node,
                arguments.frame,
                arguments.extra,
            )
        given = arguments

        def execute() -> Value:
            self._bind(function, given, frame)
            return self._run(function, frame)

        return execute() if key is None else recorder.record(key, frame.identity, execute)

    def has_room_for(self, calls: int) -> bool:
        """Whether so many calls may be under way beside those that are."""
        return len(self.stack) + calls <= DEEPEST_CALL

    def remember(self, key: object, value: object) -> None:
        """Keep something in ``memory``."""
        self.memory[key] = value
        self.effects += 1

    def _run(self, function: Function, frame: Frame) -> Value:
        guards, self.guards = self.guards, list(self.guards)
        loop_depth, expression_depth, self.expression_depth = self.loop_depth, self.expression_depth, 0
        self.stack.append(frame)
        active = self.active.get(function.node, 0)
        self.active[function.node] = active + 1
        try:
            if isinstance(function.node, ast.Lambda):
                value = self.evaluate(function.node.body, frame)
                self.library.returned(self, value, frame)
                return value
            left = self.execute(function.node.body, frame)
        finally:
            self.stack.pop()
            if active:
                self.active[function.node] = active
            else:
                del self.active[function.node]
            self.guards, self.loop_depth, self.expression_depth = guards, loop_depth, expression_depth
        if frame.yields:
            return Generator(frame).set(self, (), join_all(frame.yields))
        if left is Exit.NORMAL and frame.returns:
            return join_all([value for value in frame.returns if value != NONE] or [NONE])
        return join_all(frame.returns) if frame.returns else NONE

    def _bind(self, function: Function, arguments: Arguments, frame: Frame) -> None:
        parameters = function.node.args
        names, keyword_only = parameter_names(parameters)
        bound: dict[str, Value] = dict(zip(names, arguments.positional, strict=False))
        others: dict[str, Value] = {}
        for name, value in arguments.keywords.items():
            (bound if name in names or name in keyword_only else others)[name] = value
        for name in (*names, *keyword_only):
            if name not in bound:
                default = function.defaults.get(name)
                bound[name] = UNKNOWN if default is None or arguments.extra else default
        for name, value in bound.items():
            self.store.set(frame.identity, name, value)
        if parameters.vararg is not None:
            extra = arguments.positional[len(names) :]
            self.store.set(
                frame.identity,
                parameters.vararg.arg,
                Tuple(extra) if not arguments.extra else self.new_list(extra, UNKNOWN),
            )
        if parameters.kwarg is not None:
            rest = DictObject()
            for name, value in others.items():
                rest.set_item(self, Const(name), value)
            if arguments.extra:
                rest.set_item(self, UNKNOWN, UNKNOWN)
            self.store.set(frame.identity, parameters.kwarg.arg, rest)

    def enter_unknown(self, function: Function, instance: Instance | None) -> Value:
        """Execute a function that nothing in the program calls: its arguments are unknown."""
        parameters = function.node.args
        by_position, by_name = parameter_names(parameters)
        names = (*by_position, *by_name)
        bound = {name: root_default(function.defaults.get(name)) for name in names}
        for name, value in bound.items():
            if value is UNKNOWN:
                bound[name] = self.library.parameter(self, function, instance, name)
        takes_instance = bool(by_position)
        if instance is not None and takes_instance and function.kind not in ("staticmethod", "classmethod"):
            del bound[names[0]]
            function = function.bind(instance)
        arguments = Arguments((), bound, function.node, function.frame, extra=True)
        return self.enter(function, arguments)

    # classes and instances

    def class_attribute(self, cls: Class, name: str) -> Value | None:
        """An attribute of a class or of its first-party bases."""
        for base in cls.mro():
            if isinstance(base, Class):
                found = self.store.get(base.identity, name)
                if found is not None:
                    return found
        return None

    def library_base(self, cls: Class) -> External | None:
        """The first library class among the bases of a class."""
        if cls not in self._library_bases:
            found = (self.library.class_base(base) for base in cls.mro() if not isinstance(base, Class))
            self._library_bases[cls] = next((base for base in found if base is not None), None)
        return self._library_bases[cls]

    def instance_attribute(self, instance: Instance, name: str) -> Value:
        """An attribute of an instance: its own, its class's, its library base's."""
        found = self.store.get(instance.identity, name)
        if found is not None:
            return found
        if name == "__class__":
            return instance.cls
        inherited = self.class_attribute(instance.cls, name)
        if inherited is not None:
            return self.library.method(self, instance, name) or self._bound(inherited, instance)
        base = self.library_base(instance.cls)
        if base is not None:
            return self.library.base_attribute(self, instance, base, name) or UNKNOWN
        return UNKNOWN

    def _bound(self, value: Value, instance: Instance) -> Value:
        if isinstance(value, Union):
            return join_all([self._bound(one, instance) for one in value.values])
        if not isinstance(value, Function):
            return value
        if value.kind == "staticmethod":
            return value
        if value.kind == "classmethod":
            return value.bind(instance.cls)
        if value.kind == "property":
            return (
                self.call_with(value.bind(instance), ())
                if self.stack
                else self.call(value.bind(instance), Arguments((), {}, value.node, value.frame))
            )
        return value.bind(instance)

    def super_attribute(self, instance: Value, owner: Class, name: str) -> Value:
        """``super().name`` in a method of ``owner``."""
        cls = instance.cls if isinstance(instance, Instance) else owner
        order = cls.mro()
        after = order[order.index(owner) + 1 :] if owner in order else owner.mro()[1:]
        for base in after:
            if isinstance(base, Class):
                found = self.store.get(base.identity, name)
                if found is not None:
                    return self._bound(found, instance) if isinstance(instance, Instance) else found
        if isinstance(instance, Instance):
            library = self.library_base(cls)
            if library is not None:
                found = self.library.base_attribute(self, instance, library, name)
                if found is not None:
                    return found
        return Builtin("super", lambda i, a: NONE) if name == "__init__" else UNKNOWN

    def instantiate(self, cls: Class, arguments: Arguments) -> Value:
        """An instance of a class of the program, its ``__init__`` executed."""
        instance = Instance(cls, arguments.site)
        self.instances.setdefault(cls.identity, instance)
        self.recorder.instantiates(cls)
        for base in cls.mro():
            if isinstance(base, Class) and base is not cls:
                self.instances.setdefault(base.identity, instance)
        initializer = self.class_attribute(cls, "__init__")
        if self.steps_left < STEPS_FOR_MODEL and self._grants and self.library_base(cls) is not None:
            self._grants -= 1
            self.steps_left = STEPS_FOR_MODEL
            self.effects += 1
        if isinstance(initializer, Function):
            self.enter(initializer.bind(instance), arguments)
        elif cls.fields:
            for name, value in arguments.named(cls.fields).items():
                instance.set_attribute(self, name, value)
        self.library.instantiated(self, instance, arguments)
        return instance

    def call_instance(self, instance: Instance, arguments: Arguments) -> Value:
        """Calling an instance: as its library base does, or its own ``__call__``."""
        found = self.library.call_instance(self, instance, arguments)
        if found is not None:
            return found
        method = self.class_attribute(instance.cls, "__call__")
        if isinstance(method, Function):
            return self.enter(method.bind(instance), arguments)
        return self.library.unknown_call(self, instance, arguments)

    def decorate(
        self, decorator: Value, value: Value, definition: Function | Class, node: ast.AST, frame: Frame
    ) -> Value:
        """The value of a decorated definition; unknown decorators are taken to keep what they decorate."""
        kinds = ("staticmethod", "classmethod", "property")
        if isinstance(decorator, Builtin) and isinstance(definition, Function) and decorator.name in kinds:
            definition.kind = decorator.name
            self.effects += 1
            return value
        replaced = self.library.decorate(self, decorator, definition)
        if replaced is not None:
            return replaced
        if isinstance(decorator, Function):
            result = self.call(decorator, Arguments((value,), {}, node, frame))
            if any(isinstance(one, (Function, Class, Object)) for one in alternatives(result)):
                return result
        return value


def switch(value: Value) -> Value:
    """A module-wide constant that a user is likely to change: a test on a switch or a choice decides nothing."""
    return assumed(value) if isinstance(value, Const) and isinstance(value.value, (bool, str)) else value


def assumed(value: Value) -> Value:
    """A value that holds unless a user says otherwise: a test on it decides nothing."""
    return Const(value.value, assumed=True) if isinstance(value, Const) else value


def root_default(default: Value | None) -> Value:
    """What stands for a parameter of a function that is entered without a call.

    Callers may pass anything: a switch is unknown, a number or object is the default at least by assumption.
    """
    if default is None or (isinstance(default, Const) and (default.value is None or isinstance(default.value, bool))):
        return UNKNOWN
    return assumed(default)
