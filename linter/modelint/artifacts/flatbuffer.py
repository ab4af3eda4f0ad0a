"""FlatBuffers without a schema compiler: tables, vectors and strings of a file, every offset checked.

Takes the bytes, gives fields by their slot. It knows no schema. No table is entered twice and no more is read than a
file of its length can hold, so that shared parts cannot multiply what a small file costs.

The layout is that of the FlatBuffers internals page: https://flatbuffers.dev/internals
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from modelint.artifacts.files import Data
from modelint.artifacts.limits import Budget, MalformedError

LONGEST_STRING: Final = 64 * 2**10
"""Bytes of a name; longer strings are weights, or an attack."""

LONGEST_VECTOR: Final = 2**20
"""Entries of a vector of tables or numbers that is read."""

_SHARED: Final = 4
"""How many times its own length may be read of a file: writers share strings, and no more."""


@dataclass(slots=True)
class FlatBuffer:
    """One file, with the budget that reading it has."""

    data: Data
    budget: Budget
    _entered: set[int] = field(default_factory=set)
    _bytes_left: int = 0

    def __post_init__(self) -> None:
        self._bytes_left = _SHARED * len(self.data) + 2**16

    def root(self) -> Table:
        """The table that the file starts with.

        Raises:
            MalformedError: there is none.
        """
        return self.table(self.unsigned(0))

    def table(self, position: int, *, again: bool = False) -> Table:
        """The table at a position, which must not have been entered before unless it is looked up ``again``.

        Raises:
            MalformedError: it does not lie inside the file, or was entered before.
        """
        self.budget.spend()
        if position in self._entered and not again:
            raise MalformedError("two parts of the file are one table", offset=position)
        self._entered.add(position)
        (distance,) = self.numbers("i", position, 1)
        vtable = position - distance
        size, length = self.numbers("H", vtable, 2)
        if size < 4 or size % 2 or vtable + size > len(self.data) or position + length > len(self.data):
            raise MalformedError("a table does not lie inside the file", offset=position)
        return Table(self, position, self.numbers("H", vtable + 4, (size - 4) // 2), length)

    def numbers(self, kind: str, position: int, count: int) -> tuple[int, ...]:
        """Numbers that lie side by side; ``kind`` is a letter of ``struct``.

        Raises:
            MalformedError: they do not lie inside the file.
        """
        size = struct.calcsize(f"<{kind}")
        if position < 0 or count < 0 or position + size * count > len(self.data):
            raise MalformedError("an offset leads out of the file", offset=max(position, 0))
        self._bytes_left -= size * count
        if self._bytes_left < 0:
            raise MalformedError("the parts of the file overlap", offset=position)
        return struct.unpack(f"<{count}{kind}", self.data[position : position + size * count])

    def unsigned(self, position: int) -> int:
        """An offset: a number of 32 bits."""
        return self.numbers("I", position, 1)[0]

    def vector(self, position: int, size: int) -> tuple[int, int]:
        """Where the elements of a vector start, and how many it has; ``size`` is that of one element in bytes.

        Raises:
            MalformedError: they do not lie inside the file.
        """
        count = self.unsigned(position)
        if position + 4 + count * size > len(self.data):
            raise MalformedError("a vector is longer than the file", offset=position)
        return position + 4, count


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its fields by slot, the number of the field in the schema counted from 0."""

    buffer: FlatBuffer
    position: int
    offsets: tuple[int, ...]
    length: int

    def at(self, slot: int) -> int | None:
        """Where a field lies; None if it is absent, and so has the schema's default.

        Raises:
            MalformedError: it does not lie inside the table.
        """
        offset = self.offsets[slot] if slot < len(self.offsets) else 0
        if offset >= self.length and offset:
            raise MalformedError("a field does not lie inside its table", offset=self.position)
        return self.position + offset if offset else None

    def number(self, slot: int, kind: str, default: int = 0) -> int:
        """A number; ``kind`` is a letter of ``struct``."""
        at = self.at(slot)
        return default if at is None else self.buffer.numbers(kind, at, 1)[0]

    def table(self, slot: int) -> Table | None:
        """The table that a field refers to."""
        at = self._target(slot)
        return None if at is None else self.buffer.table(at)

    def tables(self, slot: int) -> Iterator[Table]:
        """The tables that a vector refers to."""
        for at in self.table_positions(slot):
            yield self.buffer.table(at)

    def table_positions(self, slot: int) -> tuple[int, ...]:
        """Where the tables of a vector lie, without entering them.

        Raises:
            MalformedError: there are more of them than any model has.
        """
        at = self._target(slot)
        if at is None:
            return ()
        start, count = self.buffer.vector(at, 4)
        self._bound(count, at)
        return tuple(start + 4 * index + offset for index, offset in enumerate(self.buffer.numbers("I", start, count)))

    def numbers(self, slot: int, kind: str) -> tuple[int, ...] | None:
        """The numbers of a vector; None if it is absent.

        Raises:
            MalformedError: there are more of them than any model has.
        """
        at = self._target(slot)
        if at is None:
            return None
        start, count = self.buffer.vector(at, struct.calcsize(f"<{kind}"))
        self._bound(count, at)
        return self.buffer.numbers(kind, start, count)

    def range(self, slot: int) -> tuple[int, int] | None:
        """Start and length of a vector of bytes, which are not read; None if it is absent."""
        at = self._target(slot)
        return None if at is None else self.buffer.vector(at, 1)

    def text(self, slot: int) -> str | None:
        """A string; bytes that are not UTF-8 are shown as escapes.

        Raises:
            MalformedError: it is longer than any name.
        """
        found = self.range(slot)
        if found is None:
            return None
        start, count = found
        if count > LONGEST_STRING:
            raise MalformedError("a name is longer than any model's", offset=start)
        self.buffer.numbers("B", start, count)
        return self.buffer.data[start : start + count].decode("utf-8", "backslashreplace")

    def _target(self, slot: int) -> int | None:
        at = self.at(slot)
        return None if at is None else at + self.buffer.unsigned(at)

    def _bound(self, count: int, at: int) -> None:
        if count > LONGEST_VECTOR:
            raise MalformedError("a vector has more entries than any model's", offset=at)
        self.buffer.budget.spend(count)
