"""Zip archives, read without trust: the members of a ``.keras``, ``.pt``, ``.pt2`` or ``.npz`` file.

Takes the bytes of the archive, gives the names of its members and the bytes of those asked for. Nothing is extracted,
and what is not asked for is not read. Only stored and deflated members are read, since no framework writes others.

An archive that two programs may read differently is not read: a member that stands in it twice, under another name in
its own header than in the directory, or over the bytes of the directory. Split archives are not read.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from modelint.artifacts.files import Data
from modelint.artifacts.limits import LARGEST_MEMBER, Budget, MalformedError

MOST_MEMBERS: Final = 100_000
"""Members of one archive: a large checkpoint of torch holds one for every array."""

MOST_RATIO: Final = 200
"""To how much of its size a member of more than a mebibyte may unpack. JSON that a framework wrote stays below 50."""

_UNSUSPICIOUS: Final = 2**20

# Layouts and signatures are those of APPNOTE.TXT 6.3.10 (PKWARE), sections 4.3.7, 4.3.12, 4.3.14 to 4.3.16, 4.5.3.
_LOCAL: Final = struct.Struct("<4s22xHH")
_CENTRAL: Final = struct.Struct("<4s4xHH4xIIIHHH8xI")
_END: Final = struct.Struct("<4sHHHHIIH")
_END_64: Final = struct.Struct("<4sQ4xIIQQQQ")
_LOCATOR_64: Final = struct.Struct("<4sIQI")
_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _UTF_8 = 0x1, 0x800
_FULL_32: Final = 0xFFFFFFFF
_FULL: Final = (0xFFFF, _FULL_32, _FULL_32)


@dataclass(frozen=True, slots=True)
class Member:
    """One member as the directory of the archive describes it: sizes in bytes, ``offset`` of its own header."""

    name: str
    raw_name: bytes
    flags: int
    method: int
    checksum: int
    packed: int
    size: int
    offset: int


class Archive:
    """The members of a zip archive. ``problems`` says what is odd about names that are not read."""

    def __init__(self, data: Data, budget: Budget) -> None:
        """Read the directory of the archive.

        Raises:
            MalformedError: it has none, or its parts contradict one another.
        """
        self._data = data
        self._directory, count, end = _directory(data)
        self.members: dict[str, Member] = {}
        self._ambiguous: set[str] = set()
        self.problems: tuple[str, ...] = ()
        budget.spend(count)
        for member in _members(data, self._directory, count, end):
            if member.name in self.members:
                self._ambiguous.add(member.name)
            self.members[member.name] = member
        self.problems = tuple(_odd_names(self.members, self._ambiguous))

    def __contains__(self, name: str) -> bool:
        return name in self.members

    def read(self, name: str, *, most: int = LARGEST_MEMBER) -> bytes:
        """Read all of a member.

        Raises:
            MalformedError: there is no such member, it is larger than ``most`` bytes or cannot be unpacked.
        """
        member = self._unambiguous(name)
        if member.size > most:
            raise MalformedError(f"the member unpacks to more than {most:,} bytes", member=name)
        start = self._start(member)
        packed = self._data[start : start + member.packed]
        if member.method == _STORED:
            content = packed
        elif member.size > max(_UNSUSPICIOUS, MOST_RATIO * member.packed):
            raise MalformedError("the member unpacks to far more than model data do", member=name)
        else:
            content = _inflated(packed, member)
        if len(content) != member.size or zlib.crc32(content) != member.checksum:
            raise MalformedError("the member is not what the archive's directory says of it", member=name)
        return content

    def span(self, name: str) -> tuple[int, int] | None:
        """Where the bytes of a stored member begin and end in the archive; None if it is packed.

        Raises:
            MalformedError: there is no such member, or it cannot be read.
        """
        member = self._unambiguous(name)
        if member.method != _STORED:
            return None
        start = self._start(member)
        return start, start + member.packed

    def _unambiguous(self, name: str) -> Member:
        member = self.members.get(name)
        if member is None:
            raise MalformedError("the archive has no such member", member=name)
        if name in self._ambiguous:
            raise MalformedError("the archive has several members of this name", member=name)
        if member.flags & _ENCRYPTED:
            raise MalformedError("the member is encrypted", member=name)
        if member.method not in (_STORED, _DEFLATED):
            raise MalformedError(f"the member is packed by a method that is not read ({member.method})", member=name)
        if member.method == _STORED and member.packed != member.size:
            raise MalformedError("the member is not what the archive's directory says of it", member=name)
        return member

    def _start(self, member: Member) -> int:
        """Where the content of a member begins."""
        header = self._data[member.offset : member.offset + _LOCAL.size]
        if len(header) < _LOCAL.size:
            raise MalformedError("the archive ends inside a member", member=member.name, offset=member.offset)
        signature, name, extra = _LOCAL.unpack(header)
        begin = member.offset + _LOCAL.size
        if signature != b"PK\x03\x04" or self._data[begin : begin + name] != member.raw_name:
            raise MalformedError("no member begins where the directory says", member=member.name, offset=member.offset)
        start: int = begin + name + extra
        if start + member.packed > self._directory:
            raise MalformedError("the member is longer than the archive", member=member.name, offset=member.offset)
        return start


def _directory(data: Data) -> tuple[int, int, int]:
    """Where the directory begins, how many members it has, where it ends."""
    # A comment of up to 65,535 bytes may follow the end record.
    end = data.rfind(b"PK\x05\x06", max(0, len(data) - _END.size - 0xFFFF))
    if end < 0 or end + _END.size > len(data):
        raise MalformedError("the archive has no directory; it was cut off, or its writing did not end")
    _, disk, first_disk, here, count, size, start, _ = _END.unpack(data[end : end + _END.size])
    stop = end
    locator = data[max(0, end - _LOCATOR_64.size) : end]
    if len(locator) == _LOCATOR_64.size and locator.startswith(b"PK\x06\x07"):  # torch always writes one
        stop = _LOCATOR_64.unpack(locator)[2]
        record = data[stop : stop + _END_64.size]
        if len(record) < _END_64.size or not record.startswith(b"PK\x06\x06"):
            raise MalformedError("the archive's directory has no end", offset=min(stop, len(data)))
        large = _END_64.unpack(record)
        if any(
            small not in (wide, full) for small, wide, full in zip((count, size, start), large[5:], _FULL, strict=True)
        ):
            raise MalformedError("the archive's directory ends in two ways", offset=end)
        _, _, disk, first_disk, here, count, size, start = large
    if disk or first_disk or here != count:
        raise MalformedError("the archive is one part of several")
    if start + size != stop or size < count * _CENTRAL.size:
        raise MalformedError("the archive's directory is not where it is said to be", offset=min(start, len(data)))
    if count > MOST_MEMBERS:
        raise MalformedError(f"the archive has more than {MOST_MEMBERS:,} members")
    return start, count, stop


def _members(data: Data, start: int, count: int, stop: int) -> Iterator[Member]:
    """Read the directory's records."""
    at = start
    for _ in range(count):
        record = data[at : at + _CENTRAL.size]
        if len(record) < _CENTRAL.size or at + _CENTRAL.size > stop or not record.startswith(b"PK\x01\x02"):
            raise MalformedError("the archive's directory is damaged", offset=at)
        _, flags, method, checksum, packed, size, name, extra, comment, offset = _CENTRAL.unpack(record)
        names = at + _CENTRAL.size
        at = names + name + extra + comment
        if at > stop:
            raise MalformedError("the archive's directory is damaged", offset=names)
        raw = data[names : names + name]
        if _FULL_32 in (packed, size, offset):
            size, packed, offset = _large(data[names + name : names + name + extra], size, packed, offset)
        text = raw.decode("utf-8" if flags & _UTF_8 else "cp437", "backslashreplace")
        yield Member(text, raw, flags, method, checksum, packed, size, offset)


def _large(extra: bytes, *sizes: int) -> tuple[int, int, int]:
    """Sizes and offset of a member that do not fit 32 bits: those that are full stand in the extra field, in order."""
    at = 0
    while at + 4 <= len(extra):
        tag, length = struct.unpack_from("<HH", extra, at)
        if tag == 1:
            field = extra[at + 4 : at + 4 + length]
            wide = list(struct.unpack(f"<{len(field) // 8}Q", field[: len(field) // 8 * 8]))
            if len(wide) >= sizes.count(_FULL_32):
                size, packed, offset = (wide.pop(0) if value == _FULL_32 else value for value in sizes)
                return size, packed, offset
        at += 4 + length
    raise MalformedError("a member's sizes are missing from the archive's directory")


def _inflated(packed: bytes, member: Member) -> bytes:
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        return stream.decompress(packed, member.size + 1)
    except zlib.error as error:
        raise MalformedError(f"the member cannot be unpacked ({error})", member=member.name) from error


def _odd_names(members: dict[str, Member], ambiguous: set[str]) -> Iterator[str]:
    for name in sorted(ambiguous):
        yield f"the archive has several members {name!r}"
    for name in members:
        parts = name.replace("\\", "/").split("/")
        if name.startswith(("/", "\\")) or ".." in parts or ":" in parts[0] or "\0" in name:
            yield f"the member {name!r} would lie outside of the folder that the archive is unpacked to"
