"""The state of an abstract execution: variables and attributes, with branches.

A variable belongs to a frame or an object (its identity) and has a name. A branch writes into the same tables and
keeps a journal of what it overwrote, which undoes it; joining branches keeps both values. So reading costs the same at
any depth of branches, and branching costs what was written, not what exists.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

from modelint.program.values import UNKNOWN, Value, join

Key = tuple[int, str]
Writes = dict[Key, Value]
Journal = dict[Key, Value | None]
"""What stood in a variable before a branch first wrote to it; None if it was not set."""
Access = tuple[Key, Value | None, bool]
"""A variable that was read or (True) set, and its value then."""


class Store:
    """The variables by identity and name, in the order in which they were first set, and the branches under way.

    Where somebody wants to know what is read and set of what is older than ``watched``, it is logged in ``accesses``.
    """

    __slots__ = ("accesses", "journals", "variables", "watched")

    def __init__(self) -> None:
        self.variables: dict[int, dict[str, Value | None]] = {}
        self.journals: list[Journal] = []
        self.watched = 0
        self.accesses: list[Access] = []

    def get(self, identity: int, name: str) -> Value | None:
        """The value of a variable, or None if it was never set."""
        table = self.variables.get(identity)
        found = None if table is None else table.get(name)
        if identity < self.watched:
            self.accesses.append(((identity, name), found, False))
        return found

    def set(self, identity: int, name: str, value: Value) -> None:
        """Set a variable on the current path."""
        variables = self.variables.get(identity)
        if variables is None:
            variables = self.variables[identity] = {}
        if self.journals:
            journal, key = self.journals[-1], (identity, name)
            if key not in journal:
                journal[key] = variables.get(name)
        variables[name] = value
        if identity < self.watched:
            self.accesses.append(((identity, name), value, True))

    def all(self, identity: int) -> Iterator[tuple[str, Value]]:
        """The variables of a frame or object that are set, in the order in which they were first set."""
        if identity < self.watched:  # as of a variable that no longer is what it was, for all of them were read
            self.accesses.append(((identity, ""), UNKNOWN, False))
        for name, value in tuple(self.variables.get(identity, {}).items()):
            if value is not None:
                yield name, value

    def push(self) -> None:
        """Begin a branch."""
        self.journals.append({})

    def pop(self) -> Writes:
        """End the branch; its writes are returned, not kept."""
        writes: Writes = {}
        variables = self.variables
        for key, before in self.journals.pop().items():
            identity, name = key
            written = variables[identity][name]
            assert written is not None
            writes[key] = written
            variables[identity][name] = before
        return writes

    def leave_branches(self) -> None:
        """End all branches under way, wherever an execution was left, and forget what only they had set."""
        self.watched = 0
        self.accesses.clear()
        written: set[int] = set()
        while self.journals:
            for (identity, name), before in self.journals.pop().items():
                written.add(identity)
                if before is None:
                    self.variables[identity].pop(name, None)
                else:
                    self.variables[identity][name] = before
        for identity in written:
            if all(value is None for value in self.variables[identity].values()):
                del self.variables[identity]

    def merge(self, *branches: Writes) -> None:
        """Continue after branches of which exactly one was taken."""
        for key in dict.fromkeys(chain.from_iterable(branches)):
            identity, name = key
            before = self.get(identity, name)
            value: Value | None = None
            for branch in branches:
                there = branch.get(key, before)
                if there is not None:
                    value = there if value is None else join(value, there)
            if value is not None and value is not before:
                self.set(identity, name, value)

    def keep(self, writes: Writes) -> None:
        """Continue after a branch that was certainly taken."""
        for (identity, name), value in writes.items():
            self.set(identity, name, value)

    def keep_perhaps(self, writes: Writes) -> None:
        """Continue after a branch that was taken or not."""
        for (identity, name), value in writes.items():
            before = self.get(identity, name)
            if before is not value:
                self.set(identity, name, value if before is None else join(value, before))

    @contextmanager
    def maybe(self) -> Iterator[None]:
        """A block that may or may not run."""
        self.push()
        try:
            yield
        finally:
            self.keep_perhaps(self.pop())

    @contextmanager
    def base(self) -> Iterator[None]:
        """A block that writes for good, whatever branch is under way (the body of an imported module)."""
        above = [self.pop() for _ in range(len(self.journals))]
        try:
            yield
        finally:
            for writes in reversed(above):
                self.push()
                self.keep(writes)
