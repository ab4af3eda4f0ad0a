"""Calls inside forward passes: what connects layers to a network."""

from __future__ import annotations

from dataclasses import dataclass, field

from modelint.documents import Site
from modelint.facts import Passing
from modelint.frameworks.guards import is_mode
from modelint.frameworks.keras_modes import ALWAYS, Training
from modelint.program.frames import Arguments
from modelint.program.interpreter import Interpreter
from modelint.program.values import Const, Object, Value, new_identity


@dataclass(slots=True, eq=False)
class Part:
    """One call of a layer or model inside a forward pass, or one operation that depends on the mode."""

    callee: Value
    site: Site
    passing: Passing = Passing.ABSENT
    reached: frozenset[Training] = ALWAYS
    bypass: bool = False
    arguments: Arguments | None = None
    identity: int = field(default_factory=new_identity)


@dataclass(slots=True, eq=False)
class GraphNode:
    """A symbolic tensor: the output of a part of a functional model (None: an input or a plain operation).

    It is ``presumed`` to be one where a layer is called on something unknown, which may as well be an array.
    ``elementwise``: a plain operation that leaves every element where it is.
    """

    part: Part | None
    inputs: tuple[GraphNode, ...] = ()
    shape: tuple[int | None, ...] | None = None
    inlined: bool = False  # the output of a model, not of a call of it
    presumed: bool = False
    elementwise: bool = False
    identity: int = field(default_factory=new_identity)

    def ancestors(self) -> list[GraphNode]:
        """All nodes that this one is computed from and itself, inputs first."""
        order: list[GraphNode] = []
        seen: set[int] = set()
        stack: list[tuple[GraphNode, bool]] = [(self, False)]
        while stack:
            node, expanded = stack.pop()
            if expanded:
                order.append(node)
            elif node.identity not in seen:
                seen.add(node.identity)
                stack.append((node, True))
                stack.extend((one, False) for one in reversed(node.inputs))
        return order


@dataclass(slots=True, eq=False)
class ForwardContext:
    """A user's forward pass under examination: the parts it has called so far.

    ``single``: it makes a batch of its input, which therefore may be a single sample.
    """

    owner: Value
    parts: list[Part] = field(default_factory=list)
    opaque: bool = False
    single: bool = False

    def add(self, interpreter: Interpreter, part: Part) -> None:
        """Note that the forward pass calls a part."""
        self.parts.append(part)
        interpreter.effects += 1


class GradientContext(Object):
    """What is computed in it is going to be differentiated."""

    __slots__ = ()


def is_differentiated(interpreter: Interpreter) -> bool:
    """Whether what is under way is going to be differentiated."""
    return any(isinstance(context, GradientContext) for context in interpreter.contexts)


def forward_pass(interpreter: Interpreter) -> ForwardContext | None:
    """The innermost forward pass under examination."""
    for context in reversed(interpreter.contexts):
        if isinstance(context, ForwardContext):
            return context
    return None


def passing_of(value: Value | None) -> Passing:
    """How a value passes the mode."""
    if value is None:
        return Passing.ABSENT
    if isinstance(value, Const) and not value.assumed:
        if value.value is None:
            return Passing.NONE
        if value.value in (True, False, 0, 1):
            return Passing.TRUE if value.value else Passing.FALSE
    return Passing.FORWARDED if is_mode(value) else Passing.DYNAMIC
