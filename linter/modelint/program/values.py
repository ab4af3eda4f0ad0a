"""The abstract values of the interpreter.

A value is an immutable description; what can change (attributes, list contents, local variables) is kept in the
``Store`` under the value's identity. Library modules add their own kinds of value by subclassing ``Value``: the
interpreter asks every value the same questions (call, attribute, item, iterate, truth), and the default answer to
each of them is "unknown".
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from modelint.documents.trees import NodePart

if TYPE_CHECKING:
    import ast

    from modelint.documents import Site
    from modelint.documents.trees import DefinedNode
    from modelint.program.frames import Arguments, Frame, ModuleState
    from modelint.program.interpreter import Interpreter

_identities = itertools.count(1)

MOST_ALTERNATIVES = 6
"""More alternatives than this are given up as unknown."""


def new_identity() -> int:
    """A number no other object has."""
    return next(_identities)


class Value:
    """Something a program computes. The base class answers every question with "unknown"."""

    __slots__ = ()
    JOINS: ClassVar[bool] = False
    """Whether ``joined`` may give one value for two of its kind."""

    def joined(self, other: Value) -> Value | None:
        """One value that stands for itself or another, where nothing is gained by telling them apart."""
        return None

    def call(self, interpreter: Interpreter, arguments: Arguments) -> Value:
        """The result of calling it. Unknown calls carry on what their arguments depend on."""
        return interpreter.library.unknown_call(interpreter, self, arguments)

    def attribute(self, interpreter: Interpreter, name: str) -> Value:
        """The value of ``self.name``."""
        return UNKNOWN

    def set_attribute(self, interpreter: Interpreter, name: str, value: Value) -> None:
        """What ``self.name = value`` does."""

    def item(self, interpreter: Interpreter, index: Value) -> Value:
        """The value of ``self[index]``."""
        return UNKNOWN

    def set_item(self, interpreter: Interpreter, index: Value, value: Value) -> None:
        """What ``self[index] = value`` does."""

    def iterate(self, interpreter: Interpreter) -> Sequence[Value] | None:
        """Its elements if all of them are known, else None."""
        return None

    def part(self, interpreter: Interpreter, number: int) -> Value:
        """One of the values that ``a, b = self`` binds."""
        return self.item(interpreter, Const(number))

    def element(self, interpreter: Interpreter) -> Value:
        """One value that stands for any of its elements."""
        return UNKNOWN

    def truth(self) -> bool | None:
        """Whether it is true in a test; None if that is not known."""
        return None

    def enter(self, interpreter: Interpreter) -> Value:
        """What ``with self as x`` binds."""
        return self

    def leave(self, interpreter: Interpreter) -> None:
        """What the end of the ``with`` block does."""

    def outlives(self, mark: int) -> bool:
        """Whether all that it holds existed when ``mark`` was the newest identity; False where that is not known."""
        return False

    def copied(self, interpreter: Interpreter) -> Value:
        """A copy. The value itself stands for it, where it need not be told apart."""
        return self


class Unknown(Value):
    """Nothing is known, but perhaps where it comes from: ``origins`` are what a library tells such values apart by."""

    __slots__ = ("origins",)

    def __init__(self, origins: frozenset[object] = frozenset()) -> None:
        self.origins = origins

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unknown) and self.origins == other.origins

    def __hash__(self) -> int:
        return hash(self.origins)

    def __repr__(self) -> str:
        return "Unknown"

    def outlives(self, mark: int) -> bool:
        return True


UNKNOWN: Final = Unknown()


class Const(Value):
    """A constant. ``assumed``: it is only a default (of an option, a flag, a switch), so tests on it decide nothing."""

    __slots__ = ("assumed", "value")

    def __init__(self, value: Any, assumed: bool = False) -> None:
        self.value = value
        self.assumed = assumed

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Const)
            and type(self.value) is type(other.value)
            and bool(self.value == other.value)
            and self.assumed == other.assumed
        )

    def __hash__(self) -> int:
        return hash((type(self.value), self.value))

    def __repr__(self) -> str:
        return f"Const({self.value!r})"

    def outlives(self, mark: int) -> bool:
        return True

    def truth(self) -> bool | None:
        return None if self.assumed else bool(self.value)

    def attribute(self, interpreter: Interpreter, name: str) -> Value:
        if isinstance(self.value, str):
            return Builtin(f"str.{name}", lambda i, a: self._spelled(name, a))
        return UNKNOWN

    def _spelled(self, name: str, arguments: Arguments) -> Value:
        """The same name, spelled otherwise (``backend.lower()``)."""
        plain = name in ("lower", "upper", "strip", "casefold", "capitalize") and not arguments.all()
        return Const(getattr(self.value, name)(), self.assumed) if plain else UNKNOWN

    def item(self, interpreter: Interpreter, index: Value) -> Value:
        if isinstance(self.value, (str, bytes)) and isinstance(index, Const) and isinstance(index.value, int):
            try:
                return Const(self.value[index.value])
            except IndexError:
                return UNKNOWN
        return UNKNOWN


NONE: Final = Const(None)
TRUE: Final = Const(True)
FALSE: Final = Const(False)
ELLIPSIS: Final = Const(...)


class Range(Value):
    """An integer between two bounds, both included; None is unbounded."""

    __slots__ = ("high", "low")

    def __init__(self, low: int | None, high: int | None) -> None:
        self.low = low
        self.high = high

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Range) and (self.low, self.high) == (other.low, other.high)

    def __hash__(self) -> int:
        return hash((self.low, self.high))

    def __repr__(self) -> str:
        return f"Range({self.low}, {self.high})"

    def outlives(self, mark: int) -> bool:
        return True

    def truth(self) -> bool | None:
        if self.low is not None and self.low > 0:
            return True
        return None


class Union(Value):
    """One of several values."""

    __slots__ = ("values",)

    def __init__(self, values: tuple[Value, ...]) -> None:
        self.values = values

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Union) and self.values == other.values

    def __hash__(self) -> int:
        return hash(self.values)

    def __repr__(self) -> str:
        return f"Union{self.values!r}"

    def outlives(self, mark: int) -> bool:
        return all(value.outlives(mark) for value in self.values)

    def call(self, interpreter: Interpreter, arguments: Arguments) -> Value:
        return join_all([interpreter.call(value, arguments) for value in self.values if value != NONE])

    def attribute(self, interpreter: Interpreter, name: str) -> Value:
        return join_all([interpreter.attribute(value, name) for value in self.values if value != NONE])

    def set_attribute(self, interpreter: Interpreter, name: str, value: Value) -> None:
        for one in self.values:
            with interpreter.store.maybe():
                one.set_attribute(interpreter, name, value)

    def item(self, interpreter: Interpreter, index: Value) -> Value:
        return join_all([value.item(interpreter, index) for value in self.values])

    def part(self, interpreter: Interpreter, number: int) -> Value:
        return join_all([value.part(interpreter, number) for value in self.values])

    def element(self, interpreter: Interpreter) -> Value:
        return join_all([value.element(interpreter) for value in self.values])

    def truth(self) -> bool | None:
        truths = {value.truth() for value in self.values}
        return truths.pop() if len(truths) == 1 else None

    def enter(self, interpreter: Interpreter) -> Value:
        return join_all([value.enter(interpreter) for value in self.values])

    def leave(self, interpreter: Interpreter) -> None:
        for value in self.values:
            value.leave(interpreter)


class Object(Value):
    """A value with identity, whose attributes are in the store."""

    __slots__ = ("identity",)

    def __init__(self) -> None:
        self.identity = new_identity()

    def outlives(self, mark: int) -> bool:
        return self.identity < mark

    def attribute(self, interpreter: Interpreter, name: str) -> Value:
        return interpreter.store.get(self.identity, name) or UNKNOWN

    def set_attribute(self, interpreter: Interpreter, name: str, value: Value) -> None:
        interpreter.store.set(self.identity, name, value)


class Tuple(Value):
    """A tuple, or any immutable sequence of known elements."""

    __slots__ = ("items",)

    def __init__(self, items: tuple[Value, ...]) -> None:
        self.items = items

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tuple) and self.items == other.items

    def __hash__(self) -> int:
        return hash(self.items)

    def __repr__(self) -> str:
        return f"Tuple{self.items!r}"

    def outlives(self, mark: int) -> bool:
        return all(item.outlives(mark) for item in self.items)

    def item(self, interpreter: Interpreter, index: Value) -> Value:
        if isinstance(index, Window):
            return interpreter.new_list((), join_all(self.items))
        return item_of(self.items, index, Tuple)

    def iterate(self, interpreter: Interpreter) -> Sequence[Value] | None:
        return self.items

    def element(self, interpreter: Interpreter) -> Value:
        return join_all(self.items)

    def truth(self) -> bool | None:
        return bool(self.items)


class Slice(Value):
    """A slice of constant bounds."""

    __slots__ = ("slice",)

    def __init__(self, value: slice) -> None:
        self.slice = value


class Window(Value):
    """A slice whose bounds are not known, but perhaps its length (``x[i : i + 4]``)."""

    __slots__ = ("length",)

    def __init__(self, length: int | None) -> None:
        self.length = length


def item_of(items: Sequence[Value], index: Value, make: Callable[[tuple[Value, ...]], Value]) -> Value:
    """The element (or slice) of known items at an index; any of them where the index is unknown."""
    if isinstance(index, Const) and isinstance(index.value, int):
        try:
            return items[index.value]
        except IndexError:
            return UNKNOWN
    if isinstance(index, Slice):
        return make(tuple(items[index.slice]))
    if isinstance(index, Window):
        return make(tuple(items))
    return join_all(items)


class ListObject(Object):
    """A list or set. Its known elements are in the store under ``items``; ``rest`` stands for any further ones."""

    __slots__ = ()

    def items(self, interpreter: Interpreter) -> tuple[Value, ...]:
        """The elements that are known."""
        items = interpreter.store.get(self.identity, "items")
        if isinstance(items, Union):  # made different on different paths: take the longest
            items = max((v for v in items.values if isinstance(v, Tuple)), key=lambda v: len(v.items), default=None)
        return items.items if isinstance(items, Tuple) else ()

    def rest(self, interpreter: Interpreter) -> Value | None:
        """A value that stands for elements of unknown number, if there may be any."""
        return interpreter.store.get(self.identity, "rest")

    def count(self, interpreter: Interpreter) -> int | None:
        """How many elements it has; None if that is not known: a loop of unknown length is not run to its end."""
        store = interpreter.store
        items = store.get(self.identity, "items")
        if not isinstance(items, Tuple) or self.rest(interpreter) or store.get(self.identity, "uncounted"):
            return None
        return len(items.items)

    def changes(self, interpreter: Interpreter) -> None:
        """Note that elements are added or taken away."""
        if interpreter.loop_depth:
            self.uncount(interpreter)

    def uncount(self, interpreter: Interpreter) -> None:
        """Note that it is not known how many elements there are."""
        interpreter.store.set(self.identity, "uncounted", TRUE)

    def set(self, interpreter: Interpreter, items: tuple[Value, ...], rest: Value | None = None) -> ListObject:
        """Replace the contents."""
        interpreter.store.set(self.identity, "items", Tuple(items))
        if rest is not None:
            interpreter.store.set(self.identity, "rest", join(self.rest(interpreter), rest))
        return self

    def append(self, interpreter: Interpreter, value: Value) -> None:
        """Add an element; in a loop of unknown length it joins the elements of unknown number."""
        self.changes(interpreter)
        if interpreter.loop_depth and len(self.items(interpreter)) >= 64:
            self.set(interpreter, self.items(interpreter), value)
        else:
            self.set(interpreter, (*self.items(interpreter), value))

    def attribute(self, interpreter: Interpreter, name: str) -> Value:
        match name:
            case "append" | "add":
                return Builtin("list.append", self._append)
            case "extend" | "update":
                return Builtin("list.extend", self._extend)
            case "insert":
                return Builtin("list.insert", self._insert)
            case "copy":
                return Builtin("list.copy", lambda i, a: i.new_list(self.items(i), self.rest(i)))
            case "pop" | "remove" | "clear":
                return Builtin(f"list.{name}", self._shrink)
        return UNKNOWN

    def _append(self, interpreter: Interpreter, arguments: Arguments) -> Value:
        self.append(interpreter, arguments.at(0))
        return NONE

    def _shrink(self, interpreter: Interpreter, arguments: Arguments) -> Value:
        self.uncount(interpreter)
        return self.element(interpreter)

    def _extend(self, interpreter: Interpreter, arguments: Arguments) -> Value:
        self.changes(interpreter)
        more = arguments.at(0)
        items = more.iterate(interpreter)
        if items is None:
            self.set(interpreter, self.items(interpreter), more.element(interpreter))
        else:
            self.set(interpreter, (*self.items(interpreter), *items))
        return NONE

    def _insert(self, interpreter: Interpreter, arguments: Arguments) -> Value:
        self.changes(interpreter)
        items = list(self.items(interpreter))
        index = arguments.at(0)
        items.insert(index.value if isinstance(index, Const) and isinstance(index.value, int) else 0, arguments.at(1))
        self.set(interpreter, tuple(items))
        return NONE

    def item(self, interpreter: Interpreter, index: Value) -> Value:
        rest = self.rest(interpreter)
        found = item_of(self.items(interpreter), index, lambda items: interpreter.new_list(items))
        if isinstance(index, Window) and isinstance(found, ListObject):
            interpreter.store.set(found.identity, "uncounted", TRUE)
        return found if rest is None else join(found, rest)

    def set_item(self, interpreter: Interpreter, index: Value, value: Value) -> None:
        items = list(self.items(interpreter))
        if isinstance(index, Const) and isinstance(index.value, int) and -len(items) <= index.value < len(items):
            items[index.value] = value
            self.set(interpreter, tuple(items))
        else:
            self.set(interpreter, self.items(interpreter), value)

    def iterate(self, interpreter: Interpreter) -> Sequence[Value] | None:
        return None if self.rest(interpreter) is not None else self.items(interpreter)

    def element(self, interpreter: Interpreter) -> Value:
        found = join_all(self.items(interpreter))
        rest = self.rest(interpreter)
        return found if rest is None else join(found, rest)


class Generator(ListObject):
    """What calling a generator function gives: elements of unknown number. ``frame``: of that call."""

    __slots__ = ("frame",)

    def __init__(self, frame: Frame) -> None:
        super().__init__()
        self.frame = frame


class DictObject(Object):
    """A dictionary. Entries of constant keys are in the store under the key; ``?`` stands for all others."""

    __slots__ = ()
    OTHERS: Final = "?"

    def key(self, index: Value) -> str:
        """The store's name of an entry."""
        if isinstance(index, Const) and isinstance(index.value, (str, int, float, bool, type(None))):
            return f"={index.value!r}"
        return self.OTHERS

    def entries(self, interpreter: Interpreter) -> dict[Any, Value]:
        """The entries of constant keys, in the order of insertion."""
        keys = interpreter.store.get(self.identity, "keys")
        names = keys.items if isinstance(keys, Tuple) else ()
        return {
            name.value: interpreter.store.get(self.identity, self.key(name)) or UNKNOWN
            for name in names
            if isinstance(name, Const)
        }

    def complete(self, interpreter: Interpreter) -> bool:
        """Whether all entries are known."""
        return interpreter.store.get(self.identity, self.OTHERS) is None

    def set_item(self, interpreter: Interpreter, index: Value, value: Value) -> None:
        key = self.key(index)
        store = interpreter.store
        if key != self.OTHERS and store.get(self.identity, key) is None:
            keys = store.get(self.identity, "keys")
            store.set(self.identity, "keys", Tuple((*(keys.items if isinstance(keys, Tuple) else ()), index)))
        if key == self.OTHERS:
            value = join(store.get(self.identity, key), value)
        store.set(self.identity, key, value)

    def item(self, interpreter: Interpreter, index: Value) -> Value:
        key = self.key(index)
        if key == self.OTHERS:
            return self.element(interpreter)
        found = interpreter.store.get(self.identity, key)
        return found or interpreter.store.get(self.identity, self.OTHERS) or UNKNOWN

    def element(self, interpreter: Interpreter) -> Value:
        others = interpreter.store.get(self.identity, self.OTHERS)
        values = list(self.entries(interpreter).values())
        return join_all(values if others is None else [*values, others])

    def iterate(self, interpreter: Interpreter) -> Sequence[Value] | None:
        return [Const(k) for k in self.entries(interpreter)] if self.complete(interpreter) else None

    def attribute(self, interpreter: Interpreter, name: str) -> Value:
        match name:
            case "get" | "pop" | "setdefault":
                return Builtin("dict.get", self._get)
            case "items":
                return Builtin("dict.items", self._items)
            case "keys":
                return Builtin("dict.keys", lambda i, a: i.new_list(tuple(Const(k) for k in self.entries(i))))
            case "values":
                return Builtin("dict.values", lambda i, a: i.new_list(tuple(self.entries(i).values())))
            case "update":
                return Builtin("dict.update", self._update)
            case "copy":
                return Builtin("dict.copy", lambda i, a: i.copy_dict(self))
        # configurations that offer their entries as attributes (EasyDict, Munch, Box)
        return interpreter.store.get(self.identity, f"={name!r}") or UNKNOWN

    def set_attribute(self, interpreter: Interpreter, name: str, value: Value) -> None:
        self.set_item(interpreter, Const(name), value)

    def _get(self, interpreter: Interpreter, arguments: Arguments) -> Value:
        found = interpreter.store.get(self.identity, self.key(arguments.at(0)))
        if found is not None:
            return found
        default = arguments.at(1) if len(arguments.positional) > 1 else NONE
        return default if self.complete(interpreter) else join(self.element(interpreter), default)

    def _items(self, interpreter: Interpreter, arguments: Arguments) -> Value:
        pairs = tuple(Tuple((Const(k), v)) for k, v in self.entries(interpreter).items())
        others = interpreter.store.get(self.identity, self.OTHERS)
        return interpreter.new_list(pairs, None if others is None else Tuple((UNKNOWN, others)))

    def _update(self, interpreter: Interpreter, arguments: Arguments) -> Value:
        more = arguments.at(0)
        if isinstance(more, DictObject):
            for key, value in more.entries(interpreter).items():
                self.set_item(interpreter, Const(key), value)
        for name, value in arguments.keywords.items():
            self.set_item(interpreter, Const(name), value)
        return NONE


Handler = Callable[["Interpreter", "Arguments"], Value]


class Builtin(Value):
    """A function whose meaning is known: ``handler`` does what it does."""

    __slots__ = ("handler", "name")

    def __init__(self, name: str, handler: Handler) -> None:
        self.name = name
        self.handler = handler

    def __repr__(self) -> str:
        return f"Builtin({self.name})"

    def call(self, interpreter: Interpreter, arguments: Arguments) -> Value:
        return self.handler(interpreter, arguments)


class External(Value):
    """A name of a package that is not followed, by its dotted path."""

    __slots__ = ("dotted",)

    def __init__(self, dotted: str) -> None:
        self.dotted = dotted

    def __eq__(self, other: object) -> bool:
        return isinstance(other, External) and self.dotted == other.dotted

    def __hash__(self) -> int:
        return hash(self.dotted)

    def __repr__(self) -> str:
        return f"External({self.dotted})"

    def outlives(self, mark: int) -> bool:
        return True

    def attribute(self, interpreter: Interpreter, name: str) -> Value:
        return interpreter.library.name(f"{self.dotted}.{name}")

    def call(self, interpreter: Interpreter, arguments: Arguments) -> Value:
        return interpreter.library.unknown_call(interpreter, self, arguments)


class Function(Value):
    """A function or lambda of the program, closed over the frame that defined it."""

    __slots__ = ("bound", "defaults", "frame", "is_generator", "kind", "module", "name", "node", "owner")

    def __init__(
        self,
        node: DefinedNode,
        name: str,
        module: ModuleState,
        frame: Frame,
        defaults: dict[str, Value],
        owner: Class | None = None,
        bound: Value | None = None,
        kind: str = "function",
        is_generator: bool = False,
    ) -> None:
        self.node = node
        self.name = name
        self.module = module
        self.frame = frame
        self.defaults = defaults
        self.owner = owner
        self.bound = bound
        self.kind = kind  # "function", "staticmethod", "classmethod", "property"
        self.is_generator = is_generator

    def __repr__(self) -> str:
        return f"Function({self.name})"

    @property
    def site(self) -> Site:
        """Where its name is written."""
        return self.module.script.site(self.node, part=NodePart.NAME)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Function)
            and self.node is other.node
            and self.frame is other.frame
            and self.bound is other.bound
        )

    def __hash__(self) -> int:
        return hash((id(self.node), id(self.bound)))

    def outlives(self, mark: int) -> bool:
        return self.frame.identity < mark and (self.bound is None or self.bound.outlives(mark))

    def bind(self, instance: Value) -> Function:
        """The method of an instance."""
        return Function(
            self.node,
            self.name,
            self.module,
            self.frame,
            self.defaults,
            self.owner,
            instance,
            self.kind,
            self.is_generator,
        )

    def call(self, interpreter: Interpreter, arguments: Arguments) -> Value:
        return interpreter.enter(self, arguments)


class Class(Object):
    """A class of the program. Its attributes are in the store."""

    __slots__ = ("_order", "bases", "fields", "frame", "module", "name", "node")

    def __init__(self, node: ast.ClassDef, name: str, module: ModuleState, bases: tuple[Value, ...]) -> None:
        super().__init__()
        self.node = node
        self.name = name
        self.module = module
        self.bases = bases
        self.fields: list[str] = []  # of a dataclass or named tuple, in order
        self.frame: Frame | None = None
        self._order: tuple[Value, ...] = ()

    def __repr__(self) -> str:
        return f"Class({self.name})"

    @property
    def site(self) -> Site:
        """Where its name is written."""
        return self.module.script.site(self.node, part=NodePart.NAME)

    def mro(self) -> tuple[Value, ...]:
        """Itself and its bases, depth first (Python's order for all but diamonds)."""
        if not self._order:
            self._order = tuple(self._in_order())
        return self._order

    def _in_order(self) -> Iterator[Value]:
        seen: set[int] = set()
        stack: list[Value] = [self]
        while stack:
            value = stack.pop(0)
            if isinstance(value, Union):
                stack[:0] = value.values
                continue
            if id(value) in seen:
                continue
            seen.add(id(value))
            yield value
            if isinstance(value, Class):
                stack[:0] = value.bases

    def attribute(self, interpreter: Interpreter, name: str) -> Value:
        found = interpreter.class_attribute(self, name)
        if isinstance(found, Function) and found.kind == "classmethod":
            return found.bind(self)
        return found if found is not None else UNKNOWN

    def call(self, interpreter: Interpreter, arguments: Arguments) -> Value:
        return interpreter.instantiate(self, arguments)


class Instance(Object):
    """An object of a class of the program."""

    __slots__ = ("cls", "made")

    def __init__(self, cls: Class, made: Site | None = None) -> None:
        super().__init__()
        self.cls = cls
        self.made = made  # where the program makes it

    def __repr__(self) -> str:
        return f"Instance({self.cls.name})"

    def attribute(self, interpreter: Interpreter, name: str) -> Value:
        return interpreter.instance_attribute(self, name)

    def set_attribute(self, interpreter: Interpreter, name: str, value: Value) -> None:
        interpreter.store.set(self.identity, name, value)
        interpreter.library.attribute_set(interpreter, self, name, value)

    def call(self, interpreter: Interpreter, arguments: Arguments) -> Value:
        return interpreter.call_instance(self, arguments)

    def copied(self, interpreter: Interpreter) -> Value:
        twin = Instance(self.cls, self.made)
        for name, value in interpreter.store.all(self.identity):
            interpreter.store.set(twin.identity, name, value)
        return twin

    def item(self, interpreter: Interpreter, index: Value) -> Value:
        method = interpreter.class_attribute(self.cls, "__getitem__")
        if isinstance(method, Function):
            return interpreter.call_with(method.bind(self), (index,))
        return UNKNOWN

    def enter(self, interpreter: Interpreter) -> Value:
        method = interpreter.class_attribute(self.cls, "__enter__")
        if isinstance(method, Function):
            return interpreter.call_with(method.bind(self), ())
        return self


class Module(Value):
    """A first-party module that was followed."""

    __slots__ = ("state",)

    def __init__(self, state: ModuleState) -> None:
        self.state = state

    def outlives(self, mark: int) -> bool:
        return self.state.frame.identity < mark

    def attribute(self, interpreter: Interpreter, name: str) -> Value:
        return interpreter.module_attribute(self.state, name)


def join(left: Value | None, right: Value | None) -> Value:
    """Either of two values; an absent one adds nothing."""
    if left is None:
        return right if right is not None else UNKNOWN
    if right is None or left is right or left == right:
        return left
    return join_all((left, right))


def join_all(values: Sequence[Value]) -> Value:
    """Any of the values. Alternatives without identity that are unknown make the whole partly unknown."""
    flat: list[Value] = []
    for value in values:
        for one in value.values if isinstance(value, Union) else (value,):
            if one not in flat and not (one.JOINS and _is_joined(one, flat)):
                flat.append(one)
    if not flat:
        return UNKNOWN
    unknown = [one for one in flat if isinstance(one, Unknown)]
    if len(unknown) > 1:
        origins: frozenset[object] = frozenset().union(*(one.origins for one in unknown))
        flat[flat.index(unknown[0])] = Unknown(origins)
        flat = [one for one in flat if one not in unknown]
    if len(flat) == 1:
        return flat[0]
    if len(flat) > MOST_ALTERNATIVES:
        return _give_up(flat)
    return Union(tuple(flat))


def _is_joined(value: Value, values: list[Value]) -> bool:
    """Whether a value can be, and now is, made one with another among several."""
    for index, other in enumerate(values):
        joined = value.joined(other)
        if joined is not None:
            values[index] = joined
            return True
    return False


def _give_up(values: list[Value]) -> Value:
    numbers = [v.value for v in values if isinstance(v, Const) and type(v.value) is int]
    if len(numbers) == len(values):
        return Range(min(numbers), max(numbers))
    objects = [v for v in values if isinstance(v, Object)]
    if len(objects) == len(values):  # e.g. the elements of a long list of layers: keep some of them
        return Union(tuple(objects[: MOST_ALTERNATIVES * 2]))
    return UNKNOWN


def alternatives(value: Value) -> tuple[Value, ...]:
    """The values that a value may be."""
    return value.values if isinstance(value, Union) else (value,)
