"""A pickle to plain values and inert stand-ins for objects. Nothing is imported, called or built.

Python's own ``pickletools`` decodes the opcodes; what they would do to a stack is followed here with values that cannot
do anything. A class or function stays a name (``Global``), an object stays what it would have been made of
(``Instance``), a persistent id stays an id (``Reference``). The keys of mappings become text and sets become lists, for
hashing what a file made up can take forever.
"""

from __future__ import annotations

import pickletools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from modelint.artifacts.files import Data
from modelint.artifacts.limits import Budget, MalformedError

LARGEST_PICKLE: Final = 64 * 2**20
"""Bytes of a pickle that are read; a checkpoint keeps its arrays outside of it."""

_LONGEST_LINE: Final = 2**20
_STEPS_PER_OPCODE: Final = 4
_MOST_MEMO: Final = 2**32

Value = object
"""None, bool, int, float, str, bytes, a tuple, a list, a dict with keys of text, or one of the classes below."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Global:
    """A class or function that a pickle refers to by name."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(slots=True, eq=False, repr=False)
class Instance:
    """An object that a pickle describes: what it calls to make it, and what it puts into it afterwards."""

    of: Value
    arguments: tuple[Value, ...]
    state: Value = None
    entries: dict[str, Value] = field(default_factory=dict)
    items: list[Value] = field(default_factory=list)

    @property
    def class_name(self) -> str:
        """The dotted name of what makes it (``"torch.nn.modules.linear.Linear"``); empty if that is no name."""
        made_by = self.of
        if isinstance(made_by, Global) and str(made_by) in _MAKERS and self.arguments:
            made_by = self.arguments[0]
        if (
            isinstance(made_by, Reference)
            and isinstance(made_by.identity, tuple)
            and made_by.identity[:1] == ("module",)
        ):
            made_by = made_by.identity[1] if len(made_by.identity) > 1 else None  # with the class's source beside it
        return str(made_by) if isinstance(made_by, Global) else ""

    def attribute(self, name: str) -> Value:
        """An attribute, if the state of the object is a mapping that has it; else None."""
        return self.attributes.get(name)

    @property
    def attributes(self) -> dict[str, Value]:
        """Its state, where that is a mapping (or a mapping and one of slots)."""
        parts = self.state if isinstance(self.state, tuple) else (self.state,)
        return {name: value for part in parts if isinstance(part, dict) for name, value in part.items()}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Reference:
    """A persistent id: something that lies outside of the pickle."""

    identity: Value


_MAKERS: Final = frozenset(
    {"copyreg.__newobj__", "copy_reg.__newobj__", "copyreg._reconstructor", "copy_reg._reconstructor"}
)


@dataclass(slots=True)
class PickleStream:
    """Bytes as ``pickletools`` reads them, never further than ``end``."""

    data: Data
    position: int = 0
    end: int = 0

    def __post_init__(self) -> None:
        self.end = min(len(self.data), self.position + LARGEST_PICKLE)

    def read(self, size: int) -> bytes:
        if size > self.end - self.position:
            raise MalformedError("a pickle announces more than there is", offset=self.position)
        start, self.position = self.position, self.position + size
        return self.data[start : self.position]

    def readline(self) -> bytes:
        found = self.data.find(b"\n", self.position, min(self.end, self.position + _LONGEST_LINE))
        if found < 0:
            raise MalformedError("a line of a pickle does not end", offset=self.position)
        return self.read(found + 1 - self.position)

    def tell(self) -> int:
        return self.position


def read_pickle(data: Data, budget: Budget) -> Value:
    """What one pickle describes.

    Raises:
        MalformedError: it is no pickle, or too large.
    """
    return read_next(PickleStream(data), budget)


def read_next(stream: PickleStream, budget: Budget) -> Value:
    """What the next pickle of a stream describes; the stream then stands behind it.

    Raises:
        MalformedError: there is none, or it is too large.
    """
    machine = _Machine()
    for name, argument, offset in _opcodes(stream, budget):
        try:
            if name == "STOP":
                return machine.pop()
            machine.step(name, argument)
        except (IndexError, KeyError, TypeError, ValueError) as error:
            raise MalformedError(f"a pickle does what no pickle does ({name})", offset=offset) from error
    raise MalformedError("a pickle does not end", offset=stream.position)


def _opcodes(stream: PickleStream, budget: Budget) -> Iterator[tuple[str, Value, int]]:
    decoded = pickletools.genops(stream)  # type: ignore[arg-type]  # it needs no more of a file
    while True:
        budget.spend(_STEPS_PER_OPCODE)
        offset = stream.position
        try:
            opcode, argument, _ = next(decoded)
        except StopIteration:
            return
        except (ValueError, OverflowError) as error:
            raise MalformedError("this is no pickle, or a damaged one", offset=offset) from error
        yield opcode.name, argument, offset


_CONSTANTS: Final[dict[str, Value]] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_LITERALS: Final = frozenset(
    {
        "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING",
        "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES",
        "BINBYTES8", "BYTEARRAY8",
    }
)  # fmt: skip
_NO_EFFECT: Final = frozenset({"PROTO", "FRAME", "READONLY_BUFFER"})
_TUPLES: Final = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class _Machine:
    """The stack, the marks on it and the memo."""

    def __init__(self) -> None:
        self.stack: list[Value] = []
        self.below: list[list[Value]] = []
        self.memo: dict[int, Value] = {}

    def push(self, value: Value) -> None:
        self.stack.append(value)

    def pop(self) -> Value:
        return self.stack.pop()

    def pop_to_mark(self) -> list[Value]:
        items, self.stack = self.stack, self.below.pop()
        return items

    def step(self, name: str, argument: Value) -> None:
        """Follow one opcode."""
        if name in _LITERALS:
            self.push(argument)
        elif name in _CONSTANTS:
            self.push(_CONSTANTS[name])
        elif name in _TUPLES:
            self.stack[-_TUPLES[name] :] = [tuple(self._top(_TUPLES[name]))]
        elif name not in _NO_EFFECT and not self._remember(name, argument) and not self._gather(name):
            self._make(name, argument)

    def _top(self, count: int) -> list[Value]:
        if len(self.stack) < count:
            raise IndexError
        return self.stack[-count:]

    def _remember(self, name: str, argument: Value) -> bool:
        match name:
            case "BINPUT" | "LONG_BINPUT" | "PUT" if isinstance(argument, int) and 0 <= argument < _MOST_MEMO:
                self.memo[argument] = self.stack[-1]
            case "BINGET" | "LONG_BINGET" | "GET" if isinstance(argument, int):
                self.push(self.memo[argument])
            case "MEMOIZE":
                self.memo[len(self.memo)] = self.stack[-1]
            case "MARK":
                self.below.append(self.stack)
                self.stack = []
            case "POP" if self.stack:
                self.pop()
            case "POP" | "POP_MARK":
                self.pop_to_mark()
            case "DUP":
                self.push(self.stack[-1])
            case _:
                return False
        return True

    def _gather(self, name: str) -> bool:
        match name:
            case "EMPTY_LIST" | "EMPTY_SET":
                self.push([])
            case "EMPTY_DICT":
                self.push({})
            case "TUPLE" | "FROZENSET":
                self.push(tuple(self.pop_to_mark()))
            case "LIST":
                self.push(self.pop_to_mark())
            case "DICT":
                made: dict[str, Value] = {}
                _set_items(made, self.pop_to_mark())
                self.push(made)
            case "APPEND":
                value = self.pop()
                _append(self.stack[-1], [value])
            case "APPENDS" | "ADDITEMS":
                items = self.pop_to_mark()
                _append(self.stack[-1], items)
            case "SETITEM":
                value, key = self.pop(), self.pop()
                _set_items(self.stack[-1], [key, value])
            case "SETITEMS":
                items = self.pop_to_mark()
                _set_items(self.stack[-1], items)
            case _:
                return False
        return True

    def _make(self, name: str, argument: Value) -> None:
        match name:
            case "GLOBAL":
                self.push(_named(argument))
            case "STACK_GLOBAL":
                inner, module = self.pop(), self.pop()
                self.push(Global(_text(module), _text(inner)))
            case "REDUCE" | "NEWOBJ":
                arguments, made_by = self.pop(), self.pop()
                self.push(Instance(made_by, _tuple(arguments)))
            case "NEWOBJ_EX":
                named, arguments, made_by = self.pop(), self.pop(), self.pop()
                self.push(Instance(made_by, (*_tuple(arguments), named)))
            case "OBJ":
                made_by, *rest = self.pop_to_mark()
                self.push(Instance(made_by, tuple(rest)))
            case "INST":
                self.push(Instance(_named(argument), tuple(self.pop_to_mark())))
            case "BUILD":
                state = self.pop()
                made = self.stack[-1]
                if isinstance(made, Instance):
                    made.state = state
            case "PERSID":
                self.push(Reference(argument))
            case "BINPERSID":
                self.push(Reference(self.pop()))
            case "EXT1" | "EXT2" | "EXT4":
                self.push(Global("copyreg", f"extension {argument}"))
            case _:  # out-of-band buffers: nothing that is written to a file has them
                raise ValueError


def _named(argument: Value) -> Global:
    module, _, name = _text(argument).partition(" ")
    return Global(module, name)


def _text(value: Value) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _tuple(value: Value) -> tuple[Value, ...]:
    if not isinstance(value, tuple):
        raise TypeError
    return value


def _append(target: Value, items: list[Value]) -> None:
    if isinstance(target, list):
        target.extend(items)
    elif isinstance(target, Instance):
        target.items.extend(items)
    else:
        raise TypeError


def _set_items(target: Value, items: list[Value]) -> None:
    entries = target.entries if isinstance(target, Instance) else target
    if not isinstance(entries, dict) or len(items) % 2:
        raise TypeError
    for key, value in zip(items[::2], items[1::2], strict=True):
        entries[_key(key, len(entries))] = value


def _key(key: Value, position: int) -> str:
    """A key as text: numbers as they are written, anything else by its position."""
    match key:
        case str():
            return key
        case bool() | None:
            return str(key)
        case int() if abs(key) < 2**63:
            return str(key)
    return f"<key {position}>"
