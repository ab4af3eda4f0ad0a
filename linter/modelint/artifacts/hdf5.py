"""The texts among the attributes of an HDF5 file's root, read without trust and without libhdf5.

Keras keeps all but the weights there. Takes the bytes of a file, gives the attributes asked for. It follows the
superblock (versions 0 to 3) to the header of the root group (both layouts), that header's continuations, and the global
heap that holds longer texts; nothing else of the file is read, no link is followed. Not read: attributes in dense
storage (more than eight in a file made with ``libver="latest"``), shared messages, files behind a user block.

Layouts are those of the HDF5 File Format Specification, version 3.0; section numbers are named where they are used.
libhdf5 itself crashes and hangs on damaged files, which is why it is not asked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from modelint.artifacts.files import Data
from modelint.artifacts.limits import Budget, MalformedError

LARGEST_TEXT: Final = 64 * 2**20
"""Bytes of one attribute."""

_CONTINUATION, _ATTRIBUTE, _ATTRIBUTE_INFO = 0x10, 0x0C, 0x15
_STRING, _VARIABLE_LENGTH = 3, 9
_MOST_BLOCKS: Final = 1_000
_STEPS_PER_PART: Final = 8


def root_attributes(data: Data, names: Collection[str], budget: Budget) -> dict[str, bytes]:
    """Give those attributes of the root group that are one text, as its bytes; the others asked for are absent.

    Raises:
        MalformedError: the file is damaged, or keeps its attributes in a way that is not read.
    """
    file = _File(data, budget)
    found: dict[str, bytes] = {}
    for kind, start, size in _messages(file, file.root()):
        if kind == _ATTRIBUTE_INFO:
            _refuse_dense_storage(file, start)
        elif kind == _ATTRIBUTE:
            attribute = _attribute(file, start, start + size)
            if attribute.name in names and attribute.name not in found:
                text = _text(file, attribute)
                if text is not None:
                    found[attribute.name] = text
    return found


@dataclass(slots=True)
class _File:
    """The bytes of the file, with the sizes of its addresses and lengths."""

    data: Data
    budget: Budget
    address_size: int = 8
    length_size: int = 8
    base: int = 0

    def bytes_at(self, at: int, size: int) -> bytes:
        """Some bytes, all of them.

        Raises:
            MalformedError: they are not all in the file.
        """
        if at < 0 or at + size > len(self.data):
            raise MalformedError("the file ends, or points outside of itself", offset=min(at, len(self.data)))
        return self.data[at : at + size]

    def number(self, at: int, size: int) -> int:
        """An unsigned number, least significant byte first."""
        return int.from_bytes(self.bytes_at(at, size), "little")

    def address(self, at: int) -> int:
        """An address as an offset into the file; beyond its end if it is undefined."""
        return self.base + self.number(at, self.address_size)

    def root(self) -> int:
        """Where the header of the root group is (sections II.A and III.C)."""
        version = self.number(8, 1)
        sizes = 13 if version < 2 else 9
        self.address_size, self.length_size = self.number(sizes, 1), self.number(sizes + 1, 1)
        if version > 3 or self.address_size not in (2, 4, 8) or self.length_size not in (2, 4, 8):
            raise MalformedError("the superblock is of an unknown version", offset=8)
        addresses = {0: 24, 1: 28}.get(version, 12)
        self.base = self.number(addresses, self.address_size)
        # After the base: free space or extension, end of file, driver (old) or root; old ones have a symbol table
        # entry there, whose second address is that of the header.
        return self.address(addresses + self.address_size * (5 if version < 2 else 3))


def _messages(file: _File, header: int) -> Iterator[tuple[int, int, int]]:
    """The messages of an object header with its continuations: type, where the content begins, its size."""
    first = file.bytes_at(header, 4)
    if first == b"OHDR":
        yield from _messages_2(file, header)
    elif first[0] == 1:
        yield from _messages_1(file, header)
    else:
        raise MalformedError("the root group has no header", offset=header)


def _messages_1(file: _File, header: int) -> Iterator[tuple[int, int, int]]:
    """Section IV.A.1.a."""
    blocks = [(header + 16, file.number(header + 8, 4))]
    for at, size in blocks:
        end = at + size
        while at + 8 <= end:
            file.budget.spend(_STEPS_PER_PART)
            kind, length, flags = file.number(at, 2), file.number(at + 2, 2), file.number(at + 4, 1)
            if at + 8 + length > end:
                raise MalformedError("a message is longer than its header", offset=at)
            if kind == _CONTINUATION:
                _continue(file, at + 8, blocks)
            elif not flags & 2:  # not shared
                yield kind, at + 8, length
            at += 8 + length


def _messages_2(file: _File, header: int) -> Iterator[tuple[int, int, int]]:
    """Section IV.A.1.b."""
    flags = file.number(header + 5, 1)
    at = header + 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
    width = 1 << (flags & 3)
    blocks = [(at + width, file.number(at, width))]
    head = 6 if flags & 4 else 4
    for index, (start, size) in enumerate(blocks):
        at, end = start, start + size
        if index:  # a continuation has a signature before and a checksum behind its messages
            if file.bytes_at(start, 4) != b"OCHK":
                raise MalformedError("a header is continued where nothing is", offset=start)
            at, end = start + 4, end - 4
        while at + head <= end:
            file.budget.spend(_STEPS_PER_PART)
            kind, length, shared = file.number(at, 1), file.number(at + 1, 2), file.number(at + 3, 1)
            if at + head + length > end:
                raise MalformedError("a message is longer than its header", offset=at)
            if kind == _CONTINUATION:
                _continue(file, at + head, blocks)
            elif not shared & 2:
                yield kind, at + head, length
            at += head + length


def _continue(file: _File, at: int, blocks: list[tuple[int, int]]) -> None:
    """Note where a header goes on (section IV.A.2.q)."""
    block = file.address(at), file.number(at + file.address_size, file.length_size)
    if block in blocks or len(blocks) > _MOST_BLOCKS:
        raise MalformedError("a header goes on and on", offset=at)
    blocks.append(block)


def _refuse_dense_storage(file: _File, at: int) -> None:
    """Section IV.A.2.v."""
    flags = file.number(at + 1, 1)
    heap = file.address(at + 2 + (2 if flags & 1 else 0))
    if heap < len(file.data):
        raise MalformedError("the file keeps its attributes in dense storage, which is not read", offset=at)


@dataclass(frozen=True, slots=True)
class _Attribute:
    """Where the parts of an attribute are. ``scalar``: one value, no array."""

    name: str
    type_at: int
    scalar: bool
    data_at: int
    end: int


def _attribute(file: _File, at: int, end: int) -> _Attribute:
    """Section IV.A.2.m."""
    version = file.number(at, 1)
    if version not in (1, 2, 3):
        raise MalformedError("an attribute is of an unknown version", offset=at)
    name_size, type_size, space_size = (file.number(at + 2 + 2 * index, 2) for index in range(3))
    name_at = at + (9 if version == 3 else 8)
    # Version 1 pads each part to eight bytes.
    type_at, space_at, data_at = (
        name_at + sum(-(-size // 8) * 8 if version == 1 else size for size in sizes)
        for sizes in ((name_size,), (name_size, type_size), (name_size, type_size, space_size))
    )
    if data_at > end:
        raise MalformedError("an attribute is longer than its message", offset=at)
    name = file.bytes_at(name_at, name_size).rstrip(b"\0").decode("utf-8", "backslashreplace")
    shared = version > 1 and file.number(at + 1, 1) & 3
    return _Attribute(name, type_at, not shared and file.number(space_at + 1, 1) == 0, data_at, end)


def _text(file: _File, attribute: _Attribute) -> bytes | None:
    """The value of an attribute that is one text (sections IV.A.2.d, IV.B); None if it is something else."""
    if not attribute.scalar:
        return None
    kind = file.number(attribute.type_at, 1) & 0xF
    variant = file.number(attribute.type_at + 1, 1) & 0xF
    size = file.number(attribute.type_at + 4, 4)
    if kind == _STRING and attribute.data_at + size <= attribute.end:
        return file.bytes_at(attribute.data_at, size).rstrip(b"\0")
    if kind == _VARIABLE_LENGTH and variant == 1:
        at = attribute.data_at
        length = file.number(at, 4)
        return _from_heap(file, file.address(at + 4), file.number(at + 4 + file.address_size, 4), length)
    return None


def _from_heap(file: _File, collection: int, wanted: int, length: int) -> bytes:
    """An object of the global heap (section III.E)."""
    if file.bytes_at(collection, 4) != b"GCOL":
        raise MalformedError("a text is stored where no heap is", offset=collection)
    end = collection + file.number(collection + 8, file.length_size)
    at = collection + 8 + file.length_size
    while at + 8 + file.length_size <= min(end, len(file.data)):
        file.budget.spend(_STEPS_PER_PART)
        index, size = file.number(at, 2), file.number(at + 8, file.length_size)
        content = at + 8 + file.length_size
        if index == wanted:
            if length > size or length > LARGEST_TEXT:
                raise MalformedError("a text is longer than the place that holds it", offset=at)
            return file.bytes_at(content, length).rstrip(b"\0")
        if index == 0:
            break
        at = content + -(-size // 8) * 8
    raise MalformedError("a text is missing from the heap", offset=collection)
