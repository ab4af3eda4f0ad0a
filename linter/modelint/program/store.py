"""The state of an abstract execution: variables and attributes, with branches.

Keys are (identity of a frame or object, name). A branch writes into a layer of its own; joining branches keeps
both values. Layers make branching cost what was written, not what exists.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from modelint.program.values import Value, join

Key = tuple[int, str]
Writes = dict[Key, Value]


class Store:
    """Layers of writes, the oldest first."""

    __slots__ = ("layers", "names")

    def __init__(self) -> None:
        self.layers: list[Writes] = [{}]
        self.names: dict[int, dict[str, None]] = {}  # every name ever set, by identity

    def get(self, identity: int, name: str) -> Value | None:
        """The value of a variable, or None if it was never set."""
        key = (identity, name)
        for layer in reversed(self.layers):
            value = layer.get(key)
            if value is not None:
                return value
        return None

    def set(self, identity: int, name: str, value: Value) -> None:
        """Set a variable on the current path."""
        self.layers[-1][identity, name] = value
        self.names.setdefault(identity, {})[name] = None

    def all(self, identity: int) -> Iterator[tuple[str, Value]]:
        """The variables of a frame or object that are set, in the order in which they were first set."""
        for name in tuple(self.names.get(identity, ())):
            value = self.get(identity, name)
            if value is not None:
                yield name, value

    def push(self) -> None:
        """Begin a branch."""
        self.layers.append({})

    def pop(self) -> Writes:
        """End the branch; its writes are returned, not kept."""
        return self.layers.pop()

    def merge(self, *branches: Writes) -> None:
        """Continue after branches of which exactly one was taken."""
        keys: dict[Key, None] = {}
        for branch in branches:
            keys.update(dict.fromkeys(branch))
        for key in keys:
            before = self.get(*key)
            value: Value | None = None
            for branch in branches:
                value = join(value, branch.get(key, before)) if value is not None else branch.get(key, before)
            if value is not None:
                self.layers[-1][key] = value

    def keep(self, writes: Writes) -> None:
        """Continue after a branch that was certainly taken."""
        self.layers[-1].update(writes)

    @contextmanager
    def maybe(self) -> Iterator[None]:
        """A block that may or may not run."""
        self.push()
        try:
            yield
        finally:
            self.merge(self.pop(), {})

    @contextmanager
    def base(self) -> Iterator[None]:
        """A block that writes for good, whatever branch is under way (the body of an imported module)."""
        above = self.layers[1:]
        del self.layers[1:]
        try:
            yield
        finally:
            self.layers.extend(above)
