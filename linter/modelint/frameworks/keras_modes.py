"""How the mode of a Keras call resolves, by version: the call context, simulated.

Takes the tree of calls that one call of a model makes, and how it is entered; gives for every leaf the value of
``training`` that reaches it: True, False or None (which every layer of the library but ``TorchModuleWrapper`` takes for
inference). What is passed but not known is followed as the set of values that it can have.

The rules are those of ``Layer.__call__`` and of the replay of functional models, read from the sources of tf_keras
2.21, Keras 3.0.5, 3.3.3, 3.5.0, 3.6.0, 3.8.0, 3.9.2, 3.10.0, 3.15.1 and a snapshot of 3.16, and measured on all of
these and 3.12.0 (``tests/data/keras_mode_resolution.json``). In short:

* Keras 2 keeps a stack: a callee inherits its caller's mode, nothing leaks to its siblings.
* Keras 3 keeps one context for the whole outermost call and never restores it: what one layer is passed reaches all
  that come after it; up to 3.15 so does the default of a layer's own signature.
* Functional and sequential models of Keras 3.0-3.15 record non-None defaults of the signature when they are built, as
  if they had been passed, and hand a mode they are called with to every layer, over what was recorded.
* ``training=None``, written out, means "not passed" up to 3.9 and erases the inherited mode from 3.10 on.

Functional models call their layers by depth, not in the order of their making: ``children`` must be in that order.
Not simulated: recorded defaults are those of a layer with one input of its own dtype (3.10-3.15 record none otherwise).
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from modelint.facts import KerasVersion, Passing

Training = bool | None
ALWAYS: frozenset[Training] = frozenset({None, True, False})


class Unresolved(enum.Enum):
    """The one value for a mode that depends on a value that is not known."""

    UNRESOLVED = "unresolved"


UNRESOLVED: Final = Unresolved.UNRESOLVED


class Style(enum.Enum):
    """How a composite runs its children."""

    LEAF = "leaf"  # a layer of the library: no children
    SEQUENTIAL = "sequential"
    FUNCTIONAL = "functional"  # replays the recorded nodes
    MODEL = "model"  # a subclass of Model with its own call
    LAYER = "layer"  # a subclass of Layer with its own call; wrappers such as TimeDistributed (children FORWARDED)


class Entry(enum.Enum):
    """How a model is entered from outside."""

    CALL = "__call__"
    BYPASS = "call"  # model.call(x)
    PREDICT = "predict"
    EVALUATE = "evaluate"
    FIT = "fit"


@dataclass(frozen=True, slots=True)
class CallNode:
    """One call of a layer or model inside a forward pass.

    ``passing`` is how this call passes ``training`` (FORWARDED: the enclosing call's own parameter, as it is;
    DYNAMIC: unknown). ``parameter``: the callee's ``call`` names a parameter ``training``; ``default`` is that
    parameter's default (ABSENT: it has none and must be passed). ``keywords``: the callee's ``call`` takes
    ``**kwargs``, and a FORWARDED child is passed them. ``reached`` are the values of the enclosing call's own
    ``training`` parameter under which the call is made at all (``if training:`` -> {True}). ``bypass``: called as
    ``part.call(x)``. ``as_recorded``: ``passing`` is what a functional model has saved, and a default that is not there
    was not recorded. ``key`` identifies the leaf to the caller, who gives each call of a leaf its own: leaves under one
    key are taken for one, and are unresolved if they disagree.
    """

    style: Style
    key: int = 0
    passing: Passing = Passing.ABSENT
    parameter: bool = True
    default: Passing = Passing.NONE
    children: tuple[CallNode, ...] = ()
    reached: frozenset[Training] = ALWAYS
    bypass: bool = False
    keywords: bool = False
    as_recorded: bool = False


def resolve(
    root: CallNode, entry: Entry, passing: Passing, version: KerasVersion, *, learning_phase: Training = None
) -> dict[int, Training | Unresolved]:
    """Give, by key, the mode in which each leaf under ``root`` runs when ``root`` is entered that way.

    ``passing`` is how the entering call passes ``training``; fit, evaluate and predict pass their own, and
    ``root.passing`` and ``root.bypass`` play no part. ``learning_phase`` is what ``set_learning_phase`` was last given;
    Keras 3 has none. A leaf that is not run is absent; a call that raises (a mode that must be passed and is not, or is
    not taken) runs nothing, and gives an empty result.
    """
    reached = possible(root, entry, passing, version, learning_phase=learning_phase)
    return {key: next(iter(modes)) if len(modes) == 1 else UNRESOLVED for key, modes in reached.items()}


def possible(
    root: CallNode, entry: Entry, passing: Passing, version: KerasVersion, *, learning_phase: Training = None
) -> dict[int, frozenset[Training]]:
    """Give, as ``resolve`` does, all modes in which each leaf may run."""
    simulation = _Simulation(version, learning_phase)
    try:
        simulation.enter(root, entry, passing)
    except _CallError:
        return {}
    return {key: frozenset(modes) for key, modes in simulation.modes.items()}


class _CallError(Exception):
    """The call being simulated raises a TypeError."""


class _Absent(enum.Enum):
    """What a parameter holds that was not passed, or that does not exist."""

    ABSENT = "absent"


_ABSENT: Final = _Absent.ABSENT
_Passed = frozenset[Training | _Absent]

_PASSED: Final[dict[Passing, _Passed]] = {
    Passing.ABSENT: frozenset({_ABSENT}),
    Passing.TRUE: frozenset({True}),
    Passing.FALSE: frozenset({False}),
    Passing.NONE: frozenset({None}),
    Passing.FORWARDED: ALWAYS,
    Passing.DYNAMIC: ALWAYS,
}
_NOT_PASSED: Final = _PASSED[Passing.ABSENT]
_NOTHING: Final[frozenset[Training]] = frozenset({None})


@dataclass(slots=True)
class _Context:
    """The call context: the mode that callees inherit."""

    mode: frozenset[Training] = _NOTHING


class _Simulation:
    """One simulated call, with what is measured in it: the modes of the leaves, by key."""

    def __init__(self, version: KerasVersion, learning_phase: Training) -> None:
        self.modes: dict[int, set[Training]] = {}
        self.perhaps = 0  # tests around what is run, which may not hold
        self.version = version
        self.learning_phase = learning_phase if version is KerasVersion.KERAS_2 else None
        self.erases = version in (KerasVersion.KERAS_3_10, KerasVersion.KERAS_3_16)
        # The context of Keras 3.16 knows what was passed, not what signatures say; its functional models replay as is.
        self.leaks_defaults = version not in (KerasVersion.KERAS_2, KerasVersion.KERAS_3_16)

    def enter(self, root: CallNode, entry: Entry, passing: Passing) -> None:
        """Run ``root`` as a program does from outside."""
        match entry:
            case Entry.CALL:
                self._call(root, _PASSED[passing], None)
            case Entry.BYPASS:
                self._bypass(root, _PASSED[passing], None)
            case Entry.FIT | Entry.EVALUATE | Entry.PREDICT:
                told = self.version is KerasVersion.KERAS_2 or root.parameter
                self._call(root, frozenset({entry is Entry.FIT}) if told else _NOT_PASSED, None)

    def _call(self, node: CallNode, passed: _Passed, context: _Context | None) -> None:
        """Simulate ``part(x)``; ``context`` is None outside of any call."""
        if self.version is KerasVersion.KERAS_2:
            mode, own = self._inherit_from_stack(node, passed, context)
            inside = _Context(mode)
        else:
            inside = context or _Context()
            own = self._inherit_from_shared(node, passed, inside)
        self._run(node, own, inside)

    def _bypass(self, node: CallNode, passed: _Passed, context: _Context | None) -> None:
        """Simulate ``part.call(x)``: the context is neither read nor written."""
        if not node.parameter and not node.keywords and passed != _NOT_PASSED:
            raise _CallError
        self._run(node, self._or_default(node, passed), context)

    def _run(self, node: CallNode, own: _Passed, context: _Context | None) -> None:
        """Run the body of ``node``, whose own mode parameter holds ``own``."""
        if node.style is Style.LEAF:
            modes = self.modes.setdefault(node.key, set())
            modes.update(None if mode is _ABSENT else mode for mode in own)
            if self.perhaps:  # what is not run does nothing, as in inference mode
                modes.add(None)
            return
        replay = node.style in (Style.FUNCTIONAL, Style.SEQUENTIAL)
        for child in node.children:
            held = own if child.reached == ALWAYS else frozenset(v for v in own if v is _ABSENT or v in child.reached)
            if not held:
                continue
            before = context.mode if context else _NOTHING
            passed = self._replayed(child, own) if replay else self._written(child, held)
            self.perhaps += held != own
            (self._bypass if child.bypass else self._call)(child, passed, context)
            self.perhaps -= held != own
            if held != own and context:  # perhaps not run, so perhaps without effect
                context.mode |= before

    def _written(self, child: CallNode, own: _Passed) -> _Passed:
        """Give what the call of ``child`` passes where its enclosing call's parameter holds ``own``."""
        return own if child.passing is Passing.FORWARDED else _PASSED[child.passing]

    def _replayed(self, child: CallNode, own: _Passed) -> _Passed:
        """Give what a functional or sequential model, called with ``own``, passes to a recorded call."""
        recorded = _NOT_PASSED if child.passing is Passing.FORWARDED else _PASSED[child.passing]
        if self.version is KerasVersion.KERAS_2 and (recorded == _NOTHING or not (child.parameter or child.keywords)):
            return _NOT_PASSED  # neither is recorded
        if not self.leaks_defaults:
            return recorded
        if child.passing is Passing.ABSENT and child.parameter and not child.as_recorded:
            recorded = frozenset(_ABSENT if mode is None else mode for mode in _PASSED[child.default])
        if not child.parameter and not self.erases:
            return recorded
        overriding = own - {None, _ABSENT}
        return overriding if overriding == own else overriding | recorded

    def _inherit_from_stack(
        self, node: CallNode, passed: _Passed, context: _Context | None
    ) -> tuple[frozenset[Training], _Passed]:
        """Keras 2: give the mode inside the call, and what its parameter holds."""
        outer = context.mode if context else _NOTHING
        takes = node.parameter or node.keywords
        if not takes:
            # A mode that the callee does not take becomes its children's, even None.
            return _each(passed, lambda mode: outer if mode is _ABSENT else {mode}), _NOT_PASSED
        default = _known(_PASSED[node.default]) if node.parameter else _NOTHING
        last = frozenset({self.learning_phase}) if self.learning_phase is not None else default or _NOTHING
        inherited = outer - {None} | (last if None in outer else frozenset())
        mode = _each(passed, lambda mode: inherited if mode is _ABSENT or mode is None else {mode})
        return mode, mode

    def _inherit_from_shared(self, node: CallNode, passed: _Passed, context: _Context) -> _Passed:
        """Keras 3: change the context as the call does, and give what the callee's parameter holds."""
        if not node.parameter and not self.erases:
            passed = _NOT_PASSED  # dropped before anything looks at it
        default = _known(_PASSED[node.default]) if node.parameter else _NOTHING
        if not default:  # required: binding the arguments fails before the context is looked at
            passed -= _NOT_PASSED
        if not passed:
            raise _CallError
        outer = context.mode
        inherited = outer - {None}

        def effective(mode: Training | _Absent) -> Iterable[Training]:
            if mode is _ABSENT:
                return inherited | (default if None in outer else frozenset())
            if mode is None and not self.erases:
                return outer
            return {mode}

        mode = _each(passed, effective)
        if self.leaks_defaults:
            context.mode = mode
        else:
            context.mode = _each(passed, lambda mode: outer if mode is _ABSENT else {mode})
        return mode if node.parameter else _NOT_PASSED

    def _or_default(self, node: CallNode, passed: _Passed) -> _Passed:
        """Give what the parameter of ``node`` holds in its body if ``passed`` is all that decides."""
        if not node.parameter or _ABSENT not in passed:
            return passed
        held = _known(passed) | _known(_PASSED[node.default])
        if not held:
            raise _CallError
        return held


def _each(passed: _Passed, effect: Callable[[Training | _Absent], Iterable[Training]]) -> frozenset[Training]:
    """Join the effects of all that may be passed."""
    return frozenset(mode for value in passed for mode in effect(value))


def _known(modes: _Passed) -> frozenset[Training]:
    return frozenset(mode for mode in modes if mode is not _ABSENT)
