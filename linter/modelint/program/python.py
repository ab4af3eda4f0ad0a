"""Python's own functions and the parts of its standard library that carry values through a program."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from modelint.program.frames import Arguments, Frame
from modelint.program.interpreter import Interpreter
from modelint.program.values import (
    NONE,
    UNKNOWN,
    Builtin,
    Class,
    Const,
    DictObject,
    External,
    Handler,
    ListObject,
    Object,
    Range,
    Slice,
    Tuple,
    Unknown,
    Value,
    alternatives,
    join,
    join_all,
)

LONGEST_RANGE = 256


def _range(interpreter: Interpreter, arguments: Arguments) -> Value:
    bounds = [value.value for value in arguments.positional if isinstance(value, Const) and type(value.value) is int]
    if len(bounds) == len(arguments.positional) and 1 <= len(bounds) <= 3 and (len(bounds) < 3 or bounds[2] != 0):
        numbers = range(*bounds)
        if len(numbers) <= LONGEST_RANGE and not any(v.assumed for v in arguments.positional if isinstance(v, Const)):
            return Tuple(tuple(Const(number) for number in numbers))
        return interpreter.new_list((), Range(numbers[0], numbers[-1]) if len(numbers) else Range(0, None))
    return interpreter.new_list((), Range(0, None))


def _length(interpreter: Interpreter, arguments: Arguments) -> Value:
    value = arguments.at(0)
    if isinstance(value, ListObject):
        count = value.count(interpreter)
        return UNKNOWN if count is None else Const(count)
    items = value.iterate(interpreter)
    if items is not None:
        return Const(len(items))
    if isinstance(value, Const) and isinstance(value.value, (str, bytes)):
        return Const(len(value.value))
    found = interpreter.attribute(value, "__len__")
    return (
        found.call(interpreter, Arguments((), {}, arguments.node, arguments.frame))
        if isinstance(found, Builtin)
        else UNKNOWN
    )


def _enumerate(interpreter: Interpreter, arguments: Arguments) -> Value:
    items = arguments.at(0).iterate(interpreter)
    if items is None:
        return interpreter.new_list((), Tuple((Range(0, None), arguments.at(0).element(interpreter))))
    start = arguments.get(1, "start")
    first = start.value if isinstance(start, Const) and type(start.value) is int else 0
    return Tuple(tuple(Tuple((Const(first + index), item)) for index, item in enumerate(items)))


def _zip(interpreter: Interpreter, arguments: Arguments) -> Value:
    columns = [value.iterate(interpreter) for value in arguments.positional]
    if columns and all(column is not None for column in columns):
        return Tuple(tuple(Tuple(tuple(row)) for row in zip(*(c for c in columns if c is not None), strict=False)))
    return interpreter.new_list((), Tuple(tuple(value.element(interpreter) for value in arguments.positional)))


def _map(interpreter: Interpreter, arguments: Arguments) -> Value:
    function = arguments.at(0)
    items = arguments.at(1).iterate(interpreter)

    def call(item: Value) -> Value:
        return interpreter.call(function, Arguments((item,), {}, arguments.node, arguments.frame))

    if items is None:
        return interpreter.new_list((), call(arguments.at(1).element(interpreter)))
    return interpreter.new_list(tuple(call(item) for item in items[:LONGEST_RANGE]))


def _sequence(interpreter: Interpreter, arguments: Arguments) -> Value:
    if not arguments.positional:
        return interpreter.new_list(())
    value = arguments.positional[0]
    items = value.iterate(interpreter)
    return interpreter.new_list((), value.element(interpreter)) if items is None else interpreter.new_list(tuple(items))


def _tuple(interpreter: Interpreter, arguments: Arguments) -> Value:
    items = arguments.at(0).iterate(interpreter) if arguments.positional else ()
    return _sequence(interpreter, arguments) if items is None else Tuple(tuple(items))


def _reversed(interpreter: Interpreter, arguments: Arguments) -> Value:
    items = arguments.at(0).iterate(interpreter)
    return _sequence(interpreter, arguments) if items is None else Tuple(tuple(reversed(items)))


def _dict(interpreter: Interpreter, arguments: Arguments) -> Value:
    first = arguments.get(0)
    made = interpreter.copy_dict(first) if isinstance(first, DictObject) else DictObject()
    if first is not None and not isinstance(first, DictObject):
        for pair in first.iterate(interpreter) or ():
            made.set_item(interpreter, pair.item(interpreter, Const(0)), pair.item(interpreter, Const(1)))
        if first.iterate(interpreter) is None:
            made.set_item(interpreter, UNKNOWN, UNKNOWN)
    for name, value in arguments.keywords.items():
        made.set_item(interpreter, Const(name), value)
    return made


def _convert(function: Callable[[Any], Any]) -> Handler:
    def convert(interpreter: Interpreter, arguments: Arguments) -> Value:
        value = arguments.at(0)
        if isinstance(value, Const) and isinstance(value.value, (int, float, str)):
            try:
                return Const(function(value.value), value.assumed)
            except (ValueError, OverflowError, TypeError):
                return UNKNOWN
        return UNKNOWN if isinstance(value, (Const, ListObject, DictObject)) else value

    return convert


def _extreme(function: Callable[[Any], Any]) -> Handler:
    def extreme(interpreter: Interpreter, arguments: Arguments) -> Value:
        items = arguments.positional if len(arguments.positional) > 1 else arguments.at(0).iterate(interpreter)
        if items and all(isinstance(item, Const) and isinstance(item.value, (int, float)) for item in items):
            return Const(function(item.value for item in items if isinstance(item, Const)))
        return interpreter.library.unknown_call(interpreter, UNKNOWN, arguments)

    return extreme


def _getattr(interpreter: Interpreter, arguments: Arguments) -> Value:
    name = arguments.at(1)
    if not (isinstance(name, Const) and isinstance(name.value, str)):
        return UNKNOWN
    found = interpreter.attribute(arguments.at(0), name.value)
    default = arguments.get(2)
    return join(found, default) if default is not None and isinstance(found, Unknown) else found


def _setattr(interpreter: Interpreter, arguments: Arguments) -> Value:
    name = arguments.at(1)
    if isinstance(name, Const) and isinstance(name.value, str):
        arguments.at(0).set_attribute(interpreter, name.value, arguments.at(2))
    return NONE


class Super(Value):
    """``super()`` in a method."""

    __slots__ = ("instance", "owner")

    def __init__(self, instance: Value, owner: Class) -> None:
        self.instance = instance
        self.owner = owner

    def attribute(self, interpreter: Interpreter, name: str) -> Value:
        return interpreter.super_attribute(self.instance, self.owner, name)

    def set_attribute(self, interpreter: Interpreter, name: str, value: Value) -> None:
        self.instance.set_attribute(interpreter, name, value)


def _super(interpreter: Interpreter, arguments: Arguments) -> Value:
    frame: Frame | None = arguments.frame
    while frame is not None and (frame.function is None or frame.function.owner is None):
        frame = frame.parent
    if frame is None or frame.function is None:
        return UNKNOWN
    written = arguments.get(0)
    owner = written if isinstance(written, Class) else frame.function.owner
    instance = arguments.get(1) or frame.function.bound
    if instance is None:
        first = next(iter(frame.function.node.args.args), None)
        instance = interpreter.lookup(first.arg, frame) if first is not None else None
    return Super(instance or UNKNOWN, owner) if owner is not None else UNKNOWN


def _partial(interpreter: Interpreter, arguments: Arguments) -> Value:
    function, first = arguments.at(0), arguments.positional[1:]
    keywords = arguments.keywords

    def call(later_interpreter: Interpreter, later: Arguments) -> Value:
        merged = Arguments(
            (*first, *later.positional), {**keywords, **later.keywords}, later.node, later.frame, later.extra
        )
        return later_interpreter.call(function, merged)

    return Builtin("functools.partial", call)


def _identity(interpreter: Interpreter, arguments: Arguments) -> Value:
    return arguments.at(0)


def _decorator_factory(interpreter: Interpreter, arguments: Arguments) -> Value:
    return UNKNOWN


def _namespace(interpreter: Interpreter, arguments: Arguments) -> Value:
    first = arguments.positional[:1]
    return _dict(interpreter, Arguments(first, arguments.keywords, arguments.node, arguments.frame))


class ArgumentParser(Object):
    """An ``argparse.ArgumentParser`` (or group): options with defaults."""

    __slots__ = ("options",)

    def __init__(self, options: DictObject | None = None) -> None:
        super().__init__()
        self.options = options or DictObject()

    def attribute(self, interpreter: Interpreter, name: str) -> Value:
        match name:
            case "add_argument" | "add":
                return Builtin("argparse.add_argument", self._add)
            case "add_argument_group" | "add_mutually_exclusive_group":
                return Builtin("argparse.group", lambda i, a: ArgumentParser(self.options))
            case "parse_args":
                return Builtin("argparse.parse_args", lambda i, a: self.options)
            case "parse_known_args":
                return Builtin("argparse.parse_known_args", lambda i, a: Tuple((self.options, UNKNOWN)))
            case "set_defaults":
                return Builtin("argparse.set_defaults", self._set_defaults)
        return UNKNOWN

    def _add(self, interpreter: Interpreter, arguments: Arguments) -> Value:
        names = [v.value for v in arguments.positional if isinstance(v, Const) and isinstance(v.value, str)]
        long = next((name for name in names if name.startswith("--")), names[0] if names else None)
        destination = arguments.get(None, "dest")
        if isinstance(destination, Const) and isinstance(destination.value, str):
            long = destination.value
        if long is not None:
            default = arguments.get(None, "default")
            self._set(interpreter, long.lstrip("-").replace("-", "_"), default)
        return UNKNOWN

    def _set(self, interpreter: Interpreter, name: str, default: Value | None) -> None:
        if isinstance(default, Const) and not isinstance(default.value, bool) and default.value is not None:
            self.options.set_item(interpreter, Const(name), Const(default.value, assumed=True))
        else:
            self.options.set_item(interpreter, Const(name), UNKNOWN)

    def _set_defaults(self, interpreter: Interpreter, arguments: Arguments) -> Value:
        for name, value in arguments.keywords.items():
            self._set(interpreter, name, value)
        return NONE


class Flags(Object):
    """``absl.flags.FLAGS``: the defaults of the flags defined so far."""

    __slots__ = ()

    def define(self, interpreter: Interpreter, arguments: Arguments) -> Value:
        """``flags.DEFINE_integer(name, default, help)``: its holder has the value as ``.value``."""
        name, default = arguments.at(0, "name"), arguments.at(1, "default")
        known = isinstance(default, Const) and not isinstance(default.value, bool) and default.value is not None
        value = Const(default.value, assumed=True) if known and isinstance(default, Const) else UNKNOWN
        if isinstance(name, Const) and isinstance(name.value, str):
            interpreter.store.set(self.identity, name.value, value)
        holder = Object()
        interpreter.store.set(holder.identity, "value", value)
        return holder


def _named_tuple(interpreter: Interpreter, arguments: Arguments) -> Value:
    fields = arguments.at(1)
    names: list[str] = []
    if isinstance(fields, Const) and isinstance(fields.value, str):
        names = fields.value.replace(",", " ").split()
    else:
        names = [
            v.value for v in fields.iterate(interpreter) or () if isinstance(v, Const) and isinstance(v.value, str)
        ]

    def make(later_interpreter: Interpreter, later: Arguments) -> Value:
        record = DictObject()
        for name, value in later.named(names).items():
            record.set_item(later_interpreter, Const(name), value)
        return record

    return Builtin("namedtuple", make)


def _deepcopy(interpreter: Interpreter, arguments: Arguments) -> Value:
    return join_all([value.copied(interpreter) for value in alternatives(arguments.at(0))])


def _isinstance(interpreter: Interpreter, arguments: Arguments) -> Value:
    return UNKNOWN


def _slice(interpreter: Interpreter, arguments: Arguments) -> Value:
    bounds = [
        v.value for v in arguments.positional if isinstance(v, Const) and (v.value is None or type(v.value) is int)
    ]
    return Slice(slice(*bounds)) if bounds and len(bounds) == len(arguments.positional) else UNKNOWN


def _vars(interpreter: Interpreter, arguments: Arguments) -> Value:
    value = arguments.get(0)
    return value if isinstance(value, DictObject) else UNKNOWN


_BUILTINS: dict[str, Handler] = {
    "range": _range,
    "len": _length,
    "enumerate": _enumerate,
    "zip": _zip,
    "map": _map,
    "list": _sequence,
    "set": _sequence,
    "sorted": _sequence,
    "frozenset": _sequence,
    "tuple": _tuple,
    "reversed": _reversed,
    "dict": _dict,
    "int": _convert(int),
    "float": _convert(float),
    "str": _convert(str),
    "round": _convert(round),
    "abs": _convert(abs),
    "min": _extreme(min),
    "max": _extreme(max),
    "getattr": _getattr,
    "setattr": _setattr,
    "super": _super,
    "isinstance": _isinstance,
    "slice": _slice,
    "vars": _vars,
    "iter": _identity,
    "next": lambda i, a: a.at(0).element(i),
}

_STANDARD: dict[str, Handler] = {
    "functools.partial": _partial,
    "functools.wraps": _decorator_factory,
    "copy.deepcopy": _deepcopy,
    "copy.copy": _deepcopy,
    "argparse.ArgumentParser": lambda i, a: ArgumentParser(),
    "types.SimpleNamespace": _namespace,
    "argparse.Namespace": _namespace,
    "collections.OrderedDict": _dict,
    "collections.defaultdict": lambda i, a: DictObject(),
    "collections.namedtuple": _named_tuple,
    "easydict.EasyDict": _namespace,
    "munch.Munch": _namespace,
    "ml_collections.ConfigDict": _namespace,
    "math.ceil": _convert(math.ceil),
    "math.floor": _convert(math.floor),
    "itertools.chain": lambda i, a: i.new_list((), join_all([v.element(i) for v in a.positional])),
    "typing.cast": lambda i, a: a.at(1),
}


def builtin_names() -> dict[str, Value]:
    """Python's built-in functions, by name."""
    names: dict[str, Value] = {name: Builtin(name, handler) for name, handler in _BUILTINS.items()}
    for name in ("staticmethod", "classmethod", "property"):
        names[name] = Builtin(name, _identity)
    names["print"] = External("builtins.print")
    names["sum"] = External("builtins.sum")
    names["all"] = External("builtins.all")
    names["any"] = External("builtins.any")
    names["True"], names["False"], names["None"] = Const(True), Const(False), NONE
    return names


class StandardModule(Value):
    """A module of the standard library (or a small one like it) some of whose names are known."""

    __slots__ = ("dotted",)

    def __init__(self, dotted: str) -> None:
        self.dotted = dotted

    def attribute(self, interpreter: Interpreter, name: str) -> Value:
        dotted = f"{self.dotted}.{name}"
        if dotted in _STANDARD:
            return Builtin(dotted, _STANDARD[dotted])
        if dotted == "absl.flags":
            return FlagsModule(interpreter)
        return interpreter.library.name(dotted)


class FlagsModule(Value):
    """``absl.flags``."""

    __slots__ = ("flags",)

    def __init__(self, interpreter: Interpreter) -> None:
        self.flags = flags_of(interpreter)

    def attribute(self, interpreter: Interpreter, name: str) -> Value:
        if name == "FLAGS":
            return self.flags
        if name.startswith("DEFINE_"):
            return Builtin(f"absl.flags.{name}", self.flags.define)
        return UNKNOWN


_FLAGS_NAME = "__absl_flags__"


def flags_of(interpreter: Interpreter) -> Flags:
    """The one flags object of a run."""
    found = interpreter.store.get(0, _FLAGS_NAME)
    if isinstance(found, Flags):
        return found
    with interpreter.store.base():
        made = Flags()
        interpreter.store.set(0, _FLAGS_NAME, made)
    return made


_MODULES = frozenset(
    (
        "functools",
        "copy",
        "argparse",
        "types",
        "collections",
        "math",
        "itertools",
        "typing",
        "absl",
        "easydict",
        "munch",
        "ml_collections",
    )
)


def standard_module(dotted: str) -> Value | None:
    """A module of which some names are known."""
    if dotted == "absl.flags":
        return StandardModuleFlags()
    return StandardModule(dotted) if dotted in _MODULES else None


class StandardModuleFlags(Value):
    """``import absl.flags`` or ``from absl.flags import ...``, before an interpreter asks."""

    __slots__ = ()

    def attribute(self, interpreter: Interpreter, name: str) -> Value:
        return FlagsModule(interpreter).attribute(interpreter, name)
