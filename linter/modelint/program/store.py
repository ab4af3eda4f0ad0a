"""The state of an abstract execution: variables and attributes, with branches.

A variable belongs to a frame or an object (its identity) and has a name. A branch writes into the same tables and
keeps a journal of what it overwrote, which undoes it; joining branches keeps both values. So reading costs the same at
any depth of branches, and branching costs what was written, not what exists.

What a branch itself has made (frames and objects with an identity newer than the branch) is not in its journal: nothing
outside can reach it but by what the branch wrote. It stays until the outermost branch is left, which is the execution
of a root. What a module made that was imported meanwhile is not the branch's, and lasts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

from modelint.program.values import UNKNOWN, Value, join, new_identity

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

    __slots__ = ("_begins", "_imported", "_made", "_own", "accesses", "journals", "variables", "watched")

    def __init__(self) -> None:
        self.variables: dict[int, dict[str, Value | None]] = {}
        self.journals: list[Journal] = []
        self.watched = 0
        self.accesses: list[Access] = []
        self._begins: list[int] = []  # the newest identity when each branch began
        self._own = 0  # whatever is newer was certainly made in the innermost branch
        self._imported: list[tuple[int, int]] = []  # first and last identities while modules were imported meanwhile
        self._made: list[int] = []  # what has variables and was made in branches

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
            if self.journals and self._is_newer(identity, self._begins[0]):
                self._made.append(identity)
        if identity < self._own and self.journals and not self._is_newer(identity, self._begins[-1]):
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

    def _is_newer(self, identity: int, begin: int) -> bool:
        """Whether something was made in a branch with this beginning, and not by what was imported meanwhile."""
        return identity > begin and not any(first <= identity <= last for first, last in self._imported)

    def push(self) -> None:
        """Begin a branch."""
        self._begin(new_identity())

    def _begin(self, newest: int) -> None:
        self.journals.append({})
        self._begins.append(newest)
        self._find_own()

    def _find_own(self) -> None:
        begin = self._begins[-1] if self._begins else 0
        self._own = max(begin, self._imported[-1][1]) if self._imported else begin

    def pop(self) -> Writes:
        """End the branch; its writes are returned, not kept. What it has made stays."""
        writes: Writes = {}
        self._begins.pop()
        self._find_own()
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
        written = {identity for _ in range(len(self.journals)) for identity, _ in self.pop()}
        for identity in written:
            if all(value is None for value in self.variables[identity].values()):
                del self.variables[identity]
        for identity in self._made:
            self.variables.pop(identity, None)
        self._made.clear()
        self._imported.clear()
        self._own = 0

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
        """A block that makes and writes for good, whatever branch is under way (the body of an imported module)."""
        above = [(self._begins[-1], self.pop()) for _ in range(len(self.journals))]
        made, self._made = self._made, []
        first = new_identity()
        try:
            yield
        finally:
            self._made = made
            if above:
                self._imported.append((first, new_identity()))
            for newest, writes in reversed(above):
                self._begin(newest)
                self.keep(writes)
