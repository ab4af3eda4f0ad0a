"""Protocol buffers without a library: the bytes of a message to its fields, by a table of field numbers.

Takes bytes or a memory map and never copies or touches what nobody asks for: a message is scanned once, when its first
field is asked for, and keeps the ranges of the fields that its table names; all others, weights above all, are stepped
over. It knows the wire format (https://protobuf.dev/programming-guides/encoding/) and no particular message; groups,
which no model format uses, are refused. Of a field that may stand once, the last one counts.
"""

from __future__ import annotations

import enum
import struct
from array import array
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from modelint.artifacts.files import Data
from modelint.artifacts.limits import DEEPEST, Budget, MalformedError

_TEXT_PER_STEP = 64
"""Bytes of text that are read for one step of the budget."""

_SCANNED_PER_STEP = 4096
"""Fields that are scanned before the budget is asked again."""

_TOO_SHORT = "a message ends in the middle of a field"


class Kind(enum.Enum):
    """What the bytes of a field are."""

    INTEGER = "int"  # int32, int64, and enums, signed
    UNSIGNED = "uint"
    FLAG = "bool"
    SINGLE = "float"
    DOUBLE = "double"
    FIXED = "fixed"  # fixed64
    TEXT = "string"
    BYTES = "bytes"
    MESSAGE = "message"

    @property
    def wire_type(self) -> int:
        """How one value is encoded; repeated numbers may also be packed into wire type 2."""
        match self:
            case Kind.INTEGER | Kind.UNSIGNED | Kind.FLAG:
                return 0
            case Kind.DOUBLE | Kind.FIXED:
                return 1
            case Kind.SINGLE:
                return 5
            case Kind.TEXT | Kind.BYTES | Kind.MESSAGE:
                return 2


@dataclass(frozen=True, slots=True)
class Field:
    """A field that a table names: its number, its kind and, of a message, which."""

    name: str
    number: int
    kind: Kind
    wire_type: int
    message: str = ""


class Schema:
    """The fields of one kind of message that are read; other fields are stepped over."""

    __slots__ = ("by_name", "by_number", "name", "schemas")

    def __init__(self, name: str, fields: Mapping[int, str], schemas: Mapping[str, Schema]) -> None:
        self.name = name
        self.schemas = schemas
        self.by_number = {number: _field(number, text) for number, text in fields.items()}
        self.by_name = {field.name: field for field in self.by_number.values()}


def schemas_of(messages: Mapping[str, Mapping[int, str]]) -> dict[str, Schema]:
    """A table of messages: name -> field number -> type and name as in a ``.proto`` file.

    Types are ``int`` (any signed integer or enum), ``uint``, ``bool``, ``float``, ``double``, ``fixed`` (fixed64),
    ``string``, ``bytes`` and the names of messages in the table: ``{"NodeDef": {1: "string name", 5: "Entry attr"}}``.
    Whether a field is repeated is the reader's knowledge. A map is a field of a message with the fields 1 key, 2 value.
    """
    found: dict[str, Schema] = {}
    for name, fields in messages.items():
        found[name] = Schema(name, fields, found)
    return found


def _field(number: int, text: str) -> Field:
    kind_name, name = text.split(" ")
    try:
        kind, message = Kind(kind_name), ""
    except ValueError:
        kind, message = Kind.MESSAGE, kind_name
    return Field(name, number, kind, kind.wire_type, message)


class Message:
    """A message: a range of bytes, scanned when a field is first asked for.

    Absent fields have their default: 0, "", no bytes, an empty message. Fields are named as in the table.

    Raises:
        MalformedError: on any access, if the message is malformed, nested too deeply, or the budget is spent.
        KeyError: the table names no such field.
    """

    __slots__ = ("_found", "_packed", "budget", "data", "depth", "end", "schema", "start")

    def __init__(self, data: Data, start: int, end: int, schema: Schema, budget: Budget, depth: int = 0) -> None:
        if depth > DEEPEST:
            raise MalformedError(f"messages are nested more than {DEEPEST} deep", offset=start)
        if not 0 <= start <= end <= len(data):
            raise MalformedError("a message reaches past the end of the file", offset=start)
        self.data = data
        self.start = start
        self.end = end
        self.schema = schema
        self.budget = budget
        self.depth = depth
        self._found: dict[int, array[int]] | None = None  # of numbers the raw values, else starts and ends in turn
        self._packed: dict[int, array[int]] = {}  # starts and ends of packed numbers

    @classmethod
    def whole(cls, data: Data, schema: Schema, budget: Budget) -> Message:
        """The message that fills a file."""
        return cls(data, 0, len(data), schema, budget)

    def has(self, name: str) -> bool:
        """Whether the field is written."""
        number = self.schema.by_name[name].number
        return number in self._fields() or number in self._packed

    def count(self, name: str) -> int:
        """How often a field that is no number stands in the message."""
        return len(self._fields().get(self.schema.by_name[name].number, ())) // 2

    def integer(self, name: str) -> int:
        """A number (signed unless the table says ``uint``)."""
        field = self.schema.by_name[name]
        found = self._fields().get(field.number)
        if not found:
            return next(iter(deque(self.integers(name), 1)), 0) if field.number in self._packed else 0
        return found[-1] - 2**64 if found[-1] >= 2**63 and field.kind is Kind.INTEGER else found[-1]

    def flag(self, name: str) -> bool:
        """A truth value."""
        return bool(self.integer(name))

    def real(self, name: str) -> float:
        """A number with a fraction."""
        last = deque(self.reals(name), 1)
        return last.pop() if last else 0.0

    def text(self, name: str) -> str:
        """A string. What is not UTF-8 is shown as escapes."""
        found = self.range(name)
        return self._text(*found) if found else ""

    def content(self, name: str) -> bytes:
        """A copy of a field's bytes."""
        found = self.range(name)
        return self._copy(*found) if found else b""

    def message(self, name: str) -> Message:
        """A message inside this one; an empty one if it is absent."""
        start, end = self.range(name) or (self.end, self.end)
        return self._inside(name, start, end)

    def integers(self, name: str) -> Iterator[int]:
        """The numbers of a repeated field."""
        field = self.schema.by_name[name]
        raw = self._numbers(field)
        return (value - 2**64 if value >= 2**63 else value for value in raw) if field.kind is Kind.INTEGER else raw

    def reals(self, name: str) -> Iterator[float]:
        """The numbers with a fraction of a repeated field."""
        field = self.schema.by_name[name]
        unpack, size = (struct.Struct("<d").unpack, 8) if field.kind is Kind.DOUBLE else (struct.Struct("<f").unpack, 4)
        return (unpack(value.to_bytes(size, "little"))[0] for value in self._numbers(field))

    def texts(self, name: str) -> Iterator[str]:
        """The strings of a repeated field."""
        return (self._text(start, end) for start, end in self.ranges(name))

    def messages(self, name: str) -> Iterator[Message]:
        """The messages of a repeated field, each made anew on every call."""
        return (self._inside(name, start, end) for start, end in self.ranges(name))

    def range(self, name: str) -> tuple[int, int] | None:
        """Where the bytes of a string, of bytes or of a message are: offsets in ``data``, the end exclusive."""
        found = self._fields().get(self.schema.by_name[name].number)
        return (found[-2], found[-1]) if found else None

    def ranges(self, name: str) -> Iterator[tuple[int, int]]:
        """The same of a repeated field."""
        found = self._fields().get(self.schema.by_name[name].number, array("Q"))
        return zip(found[::2], found[1::2], strict=True)

    def _inside(self, name: str, start: int, end: int) -> Message:
        schema = self.schema.schemas[self.schema.by_name[name].message]
        return Message(self.data, start, end, schema, self.budget, self.depth + 1)

    def _copy(self, start: int, end: int) -> bytes:
        self.budget.spend(1 + (end - start) // _TEXT_PER_STEP)
        return self.data[start:end]

    def _text(self, start: int, end: int) -> str:
        return self._copy(start, end).decode("utf-8", "backslashreplace")

    def _numbers(self, field: Field) -> Iterator[int]:
        yield from self._fields().get(field.number, ())
        packed = self._packed.get(field.number, array("Q"))
        for start, end in zip(packed[::2], packed[1::2], strict=True):
            yield from self._unpacked(field, start, end)

    def _unpacked(self, field: Field, position: int, end: int) -> Iterator[int]:
        size = {1: 8, 5: 4}.get(field.wire_type)
        while position < end:
            self.budget.spend()
            if size is None:
                try:
                    value, position = varint(self.data, position)
                except IndexError:
                    raise MalformedError(_TOO_SHORT, offset=position) from None
            else:
                value, position = int.from_bytes(self.data[position : position + size], "little"), position + size
            if position > end:
                raise MalformedError(_TOO_SHORT, offset=position)
            yield value

    def _fields(self) -> dict[int, array[int]]:
        if self._found is None:
            try:
                self._found = self._scanned()
            except IndexError:
                raise MalformedError(_TOO_SHORT, offset=self.end) from None
        return self._found

    def _scanned(self) -> dict[int, array[int]]:
        data, position, end = self.data, self.start, self.end
        known, budget = self.schema.by_number, self.budget
        found: dict[int, array[int]] = {}
        scanned = 0
        while position < end:
            scanned += 1
            if scanned == _SCANNED_PER_STEP:
                budget.spend(scanned)
                scanned = 0
            field_start = position
            tag = data[position]
            position += 1
            if tag > 0x7F:
                tag, position = varint(data, field_start)
            wire_type = tag & 7
            if wire_type == 2:
                length = data[position]
                position += 1
                if length > 0x7F:
                    length, position = varint(data, position - 1)
                start, value, position = position, position + length, position + length
            elif wire_type == 0:
                start, value = position, data[position]
                position += 1
                if value > 0x7F:
                    value, position = varint(data, start)
            elif wire_type in (1, 5):
                start, position = position, position + (8 if wire_type == 1 else 4)
                value = -1
            else:
                raise MalformedError(f"a field of wire type {wire_type}, which no model has", offset=field_start)
            if position > end:
                raise MalformedError(_TOO_SHORT, offset=field_start)
            number = tag >> 3
            field = known.get(number)
            if field is None:
                if not 0 < number < 2**29:
                    raise MalformedError(f"a field of the impossible number {number}", offset=field_start)
                continue
            if wire_type == field.wire_type:
                into = found.get(number)
                if into is None:
                    into = found[number] = array("Q")
                if wire_type == 2:
                    into.append(start)
                elif value < 0:
                    value = int.from_bytes(data[start:position], "little")
                into.append(value)
            elif wire_type == 2:
                self._packed.setdefault(number, array("Q")).extend((start, position))
        budget.spend(scanned + 1)
        return found


def varint(data: Data, position: int) -> tuple[int, int]:
    """A number of up to ten bytes, of which 64 bits count, and the position behind it."""
    start, value, shift = position, 0, 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, position
        shift += 7
        if shift > 63:
            raise MalformedError("a number of more than ten bytes", offset=start)
