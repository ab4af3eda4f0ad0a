"""What calls of functions came to, so that the same call need not be executed again.

A call is remembered if all that it did was to compute a value and to set variables: no event, no object that outlives
it. Its summary holds what was read from outside of the function; where all of that is as it was, and the arguments and
what surrounds the call are the same, executing it again would do the same. So the outcome of an analysis does not
depend on what is remembered, only its time does.

An object made before a function was entered has a smaller identity than the function's frame. That is how what a call
reads and sets outside of itself is told from its own.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from modelint.program.store import Access, Key

if TYPE_CHECKING:
    import ast

    from modelint.program.frames import Arguments
    from modelint.program.interpreter import Interpreter
    from modelint.program.values import Class, Function, Value

MOST_OF_A_CALL = 4
"""Summaries kept of calls that differ only in what they read."""

MOST_ACCESSES = 200
"""Variables outside of a function that a call may read or set and still be remembered."""

MOST_FAILURES = 3
"""Calls of a function that cannot be remembered, after which it is no longer tried."""

Variables = tuple[tuple[Key, "Value | None"], ...]


class Call(NamedTuple):
    """What a call is known by: the function, its arguments, and what surrounds it."""

    node: ast.AST
    frame: int
    bound: Value | None
    positional: tuple[Value, ...]
    keywords: tuple[tuple[str, Value], ...]
    extra: bool
    loops: int
    repeating: bool
    longest_loop: int  # that is unrolled
    surroundings: Hashable


@dataclass(frozen=True, slots=True, eq=False)
class Summary:
    """A call: what it read and set outside of itself, its result, and what it took."""

    reads: Variables
    sets: Variables
    result: Value
    steps: int
    depth: int  # how many further calls were under way at once
    entered: frozenset[ast.AST]
    instantiated: frozenset[int]  # the identities of classes


@dataclass(slots=True, eq=False)
class Summaries:
    """Summaries by call. Those of calls that involve nothing of a root outlive its execution."""

    calls: dict[Call, list[Summary]] = field(default_factory=dict)
    failures: dict[ast.AST, int] = field(default_factory=dict)
    of_root: list[Call] = field(default_factory=list)

    def keep(self, key: Call, summary: Summary, *, of_root: bool) -> None:
        """Remember a call."""
        found = self.calls.setdefault(key, [])
        if len(found) >= MOST_OF_A_CALL:
            del found[0]
        found.append(summary)
        if of_root:
            self.of_root.append(key)

    def leave_root(self) -> None:
        """Forget what involves something of the root that was executed."""
        for key in self.of_root:
            self.calls.pop(key, None)
        self.of_root.clear()


@dataclass(slots=True, eq=False)
class Trace:
    """What is seen of a call under way."""

    effects: int  # of the execution when it began
    deepest: int
    entered: set[ast.AST]
    instantiated: set[int] = field(default_factory=set)
    cut: set[ast.AST] = field(default_factory=set)  # functions of which a further call was not executed


class Recorder:
    """Records and repeats the calls of one execution. What is older than ``root`` outlives it."""

    def __init__(self, interpreter: Interpreter, summaries: Summaries, root: int) -> None:
        self.interpreter = interpreter
        self.summaries = summaries
        self.root = root
        self._trace: Trace | None = None

    def reaches(self, depth: int) -> None:
        """Note how many calls are under way."""
        if self._trace is not None and depth > self._trace.deepest:
            self._trace.deepest = depth

    def cuts(self, node: ast.AST) -> None:
        """Note that a recursion ends because the function is under way."""
        if self._trace is not None:
            self._trace.cut.add(node)

    def instantiates(self, cls: Class) -> None:
        """Note that a class is instantiated."""
        if self._trace is not None:
            self._trace.instantiated.add(cls.identity)

    def key(self, function: Function, arguments: Arguments) -> Call | None:
        """What a call is known by. None if it is not tried."""
        interpreter = self.interpreter
        if self.summaries.failures.get(function.node, 0) >= MOST_FAILURES:
            return None
        key = Call(
            function.node,
            function.frame.identity,
            function.bound,
            arguments.positional,
            tuple(arguments.keywords.items()),
            arguments.extra,
            min(interpreter.loop_depth, 3),
            interpreter.repeating,
            interpreter.longest_loop,
            interpreter.library.surroundings(interpreter),
        )
        try:
            hash(key)
        except TypeError:  # a constant that is not hashable
            return None
        return key

    def find(self, key: Call) -> Summary | None:
        """The summary of a call that would do now what it did."""
        return next((one for one in self.summaries.calls.get(key, ()) if self._holds(one)), None)

    def _holds(self, summary: Summary) -> bool:
        interpreter = self.interpreter
        if interpreter.steps_left <= summary.steps or not interpreter.has_room_for(summary.depth):
            return False
        if not summary.entered.isdisjoint(interpreter.active):
            return False  # a recursion ends sooner now
        if not all(identity in interpreter.instances for identity in summary.instantiated):
            return False  # the first instance of a class stands for it
        variables = interpreter.store.variables
        for (identity, name), before in summary.reads:
            table = variables.get(identity)
            now = None if table is None else table.get(name)
            if now is not before and (now is None or before is None or now != before):
                return False
        return True

    def repeat(self, summary: Summary) -> Value:
        """Do what a call did."""
        interpreter, store, trace = self.interpreter, self.interpreter.store, self._trace
        interpreter.steps_left -= summary.steps
        interpreter.entered |= summary.entered
        if trace is not None:
            trace.entered |= summary.entered
            trace.instantiated |= summary.instantiated
            self.reaches(len(interpreter.stack) + summary.depth)
            store.accesses.extend((key, value, False) for key, value in summary.reads if key[0] < store.watched)
        for (identity, name), value in summary.sets:
            assert value is not None
            store.set(identity, name, value)
        return summary.result

    def record(self, key: Call, identity: int, execute: Callable[[], Value]) -> Value:
        """The result of a call of a function, whose frame has the identity. It is remembered if it can be."""
        interpreter, store = self.interpreter, self.interpreter.store
        steps, calls = interpreter.steps_left, len(interpreter.stack)
        trace = Trace(interpreter.effects, calls, {key.node})
        outer, self._trace = self._trace, trace
        watched, store.watched = store.watched, identity
        accesses, store.accesses = store.accesses, []
        result = execute()
        seen, store.accesses = store.accesses, accesses
        trace.cut.intersection_update(interpreter.active)  # those alone hang on what was under way before
        summary = None
        if interpreter.effects == trace.effects and not trace.cut and result.outlives(identity):
            summary = self._summary(seen, identity, result, steps - interpreter.steps_left, calls)
        if summary is not None:
            self.summaries.keep(key, summary, of_root=self._is_of_root(key, summary))
        else:
            failures = self.summaries.failures
            failures[key.node] = failures.get(key.node, 0) + 1
        if outer is not None and outer.effects == interpreter.effects:
            store.watched = watched
            accesses.extend(access for access in seen if access[0][0] < watched)
            outer.entered |= trace.entered
            outer.instantiated |= trace.instantiated
            outer.cut |= trace.cut
            outer.deepest = max(outer.deepest, trace.deepest)
        else:  # what has effects is not remembered
            store.watched = 0
        self._trace = outer
        return result

    def _summary(
        self, accesses: Sequence[Access], identity: int, result: Value, steps: int, calls: int
    ) -> Summary | None:
        """The summary of a call without effects; None if it cannot be repeated."""
        trace = self._trace
        assert trace is not None
        read: dict[Key, Value | None] = {}
        written: dict[Key, list[Value | None]] = {}
        for key, value, is_set in accesses:
            if key[0] >= identity:
                continue
            if is_set:
                written.setdefault(key, []).append(value)
            elif any(value is own for own in written.get(key, ())):
                continue
            elif read.setdefault(key, value) != value:
                return None  # undone meanwhile
        if len(read) + len(written) > MOST_ACCESSES:
            return None
        variables = self.interpreter.store.variables
        sets = tuple((key, variables[key[0]][key[1]]) for key in written)
        if any(value is None or not value.outlives(identity) for _, value in sets):
            return None
        entered, instantiated = frozenset(trace.entered), frozenset(trace.instantiated)
        return Summary(tuple(read.items()), sets, result, steps, trace.deepest - calls, entered, instantiated)

    def _is_of_root(self, key: Call, summary: Summary) -> bool:
        """Whether a call involves something that the execution of the root has made."""
        values = [key.bound, *key.positional, *(value for _, value in key.keywords), summary.result]
        variables = (*summary.reads, *summary.sets)
        values.extend(value for _, value in variables)
        return (
            key.frame >= self.root
            or any(identity >= self.root for (identity, _), _ in variables)
            or any(value is not None and not value.outlives(self.root) for value in values)
        )
