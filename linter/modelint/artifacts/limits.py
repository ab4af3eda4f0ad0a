"""What a file may cost, and the one exception of the readers."""

from __future__ import annotations

from dataclasses import dataclass

MOST_STEPS = 4_000_000
"""Messages, members, nodes and values read from one file; the largest real files take a seventh of it."""

DEEPEST = 64
"""Messages, JSON values, tables inside one another; readers of deeper formats say so themselves."""

MOST_NODES = 200_000
"""Nodes of a graph that are kept."""

LARGEST_MEMBER = 256 * 2**20
"""Bytes that one member of an archive may unpack to."""


class MalformedError(Exception):
    """A file that cannot be read on: why, and where (a member of an archive or directory, an offset in bytes).

    The message is lower case without a full stop and does not name the place.
    """

    def __init__(self, message: str, *, member: str | None = None, offset: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.member = member
        self.offset = offset

    def __str__(self) -> str:
        where = " of ".join(
            part
            for part in (
                f"at byte {self.offset:,}" if self.offset is not None else "",
                f"member {self.member!r}" if self.member else "",
            )
            if part
        )
        return f"{self.message} ({where})" if where else self.message


@dataclass(slots=True)
class Budget:
    """Counts what reading one file costs, so that no file takes more time or memory than the largest real ones."""

    left: int = MOST_STEPS

    def spend(self, steps: int = 1) -> None:
        """Pay for some steps.

        Raises:
            MalformedError: there are none left.
        """
        self.left -= steps
        if self.left < 0:
            raise MalformedError("the file takes too much to read: more parts than any real model has")
