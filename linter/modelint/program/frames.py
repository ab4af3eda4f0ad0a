"""Frames, modules and call arguments of an abstract execution."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field

from modelint.documents import Script, Site
from modelint.program.values import UNKNOWN, Class, Function, Value, new_identity


@dataclass(slots=True, eq=False)
class ModuleState:
    """A module under or after execution."""

    name: str
    path: str
    script: Script
    frame: Frame
    is_root: bool = False
    finished: bool = False
    events: list[object] = field(default_factory=list)  # what its execution at import did, in order
    definitions: list[Function | Class] = field(default_factory=list)
    imports: list[ModuleState] = field(default_factory=list)
    stars: list[str] = field(default_factory=list)  # packages of which it imports all names


@dataclass(slots=True, eq=False)
class Frame:
    """The variables of one execution of a module, class body or function."""

    identity: int
    module: ModuleState | None
    parent: Frame | None = None  # the enclosing scope, lexically
    function: Function | None = None
    caller: Frame | None = None  # the frame that called, dynamically
    called_from: ast.AST | None = None
    is_class: bool = False
    owner: Class | None = None
    statement: ast.stmt | None = None  # the innermost one under way
    global_names: frozenset[str] = frozenset()
    nonlocal_names: frozenset[str] = frozenset()
    returns: list[Value] = field(default_factory=list)
    yields: list[Value] = field(default_factory=list)

    @staticmethod
    def of_module() -> Frame:
        """A frame for a module, which it is then given to."""
        return Frame(new_identity(), None)

    @property
    def name(self) -> str | None:
        """The name of the function it executes."""
        return self.function.name if self.function is not None else None


@dataclass(frozen=True, slots=True, eq=False)
class Guard:
    """A test under which code runs: its value, whether it holds there, and its text."""

    value: Value
    holds: bool
    node: ast.AST


@dataclass(slots=True, eq=False)
class Arguments:
    """The arguments of a call, and where it stands. ``extra``: more may follow through * or **."""

    positional: tuple[Value, ...]
    keywords: dict[str, Value]
    node: ast.AST
    frame: Frame
    extra: bool = False

    def at(self, index: int, name: str | None = None) -> Value:
        """An argument by position or name; unknown if it is not there."""
        found = self.get(index, name)
        return UNKNOWN if found is None else found

    def get(self, index: int | None, name: str | None = None) -> Value | None:
        """An argument by position or name; None if it is not there."""
        if index is not None and index < len(self.positional):
            return self.positional[index]
        return self.keywords.get(name) if name is not None else None

    def named(self, parameters: Sequence[str]) -> dict[str, Value]:
        """All arguments by name, positional ones named by the parameters."""
        return {**dict(zip(parameters, self.positional, strict=False)), **self.keywords}

    @property
    def site(self) -> Site:
        """Where the call stands."""
        module = self.frame.module
        assert module is not None
        return module.script.site(self.node)

    def all(self) -> list[Value]:
        """All argument values."""
        return [*self.positional, *self.keywords.values()]
