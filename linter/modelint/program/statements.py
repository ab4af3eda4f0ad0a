"""Statements: their effect on the store, and how control leaves them."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import Any

import libcst

from modelint.program.expressions import Expressions
from modelint.program.frames import Frame, Guard
from modelint.program.store import Writes
from modelint.program.values import (
    NONE,
    UNKNOWN,
    Class,
    Const,
    External,
    Function,
    ListObject,
    Object,
    Range,
    Union,
    Unknown,
    Value,
    alternatives,
    join,
)

LONGEST_LOOP = 64
"""Loops of a known length up to this are unrolled."""

MOST_ROUNDS = 256
"""So many rounds of loops within loops are unrolled; further in, one round stands for all."""

LONGEST_IDLE_LOOP = 16
"""The same for loops whose first rounds do nothing but compute."""

FIRST_ROUNDS = 3


class Exit(enum.IntEnum):
    """How control leaves a statement."""

    NORMAL = 0
    LOOP = 1  # break or continue
    RETURN = 2
    RAISE = 3


class Statements(Expressions):
    """Executes statements in a frame. The interpreter inherits from it."""

    steps_left: int
    stop: Callable[[], None] | None

    def __init__(self) -> None:
        super().__init__()
        self.loop_depth = 0
        self.rounds = 1  # of the unrolled loops that are under way, multiplied
        self._executors: dict[type[libcst.CSTNode], Callable[[Any, Frame], Exit]] = {
            libcst.SimpleStatementLine: self._line,
            libcst.Expr: self._expression,
            libcst.Assign: self._assign,
            libcst.AnnAssign: self._annotated,
            libcst.AugAssign: self._augmented,
            libcst.Return: self._return,
            libcst.Raise: lambda node, frame: Exit.RAISE,
            libcst.Break: lambda node, frame: Exit.LOOP,
            libcst.Continue: lambda node, frame: Exit.LOOP,
            libcst.Global: self._global,
            libcst.Nonlocal: self._nonlocal,
            libcst.Import: self._import,
            libcst.ImportFrom: self._import_from,
            libcst.Assert: self._assert,
            libcst.FunctionDef: self._function,
            libcst.ClassDef: self._class,
            libcst.If: self._if,
            libcst.For: self._for,
            libcst.While: self._while,
            libcst.With: self._with,
            libcst.Try: self._try,
            libcst.TryStar: self._try,
            libcst.Match: self._match,
        }
        self._assigners: dict[type[libcst.CSTNode], Callable[[Any, Value, Frame], None]] = {
            libcst.Name: self._assign_name,
            libcst.Attribute: self._assign_attribute,
            libcst.Subscript: self._assign_item,
            libcst.Tuple: self._unpack,
            libcst.List: self._unpack,
            libcst.StarredElement: self._assign_starred,
        }

    def execute(self, body: Sequence[libcst.CSTNode], frame: Frame) -> Exit:
        """Execute statements in order, up to the first that control does not leave normally."""
        guards = len(self.guards)
        try:
            for statement in body:
                executor = self._executors.get(type(statement))
                if executor is None:
                    continue
                self.steps_left -= 1
                frame.statement = statement
                if self.stop is not None:
                    self.stop()
                left = executor(statement, frame)
                if left:
                    return left
            return Exit.NORMAL
        finally:
            del self.guards[guards:]

    def block(self, suite: libcst.BaseSuite, frame: Frame) -> Exit:
        """Execute an indented block or the rest of a line."""
        return self.execute(suite.body, frame)

    def _line(self, node: libcst.SimpleStatementLine, frame: Frame) -> Exit:
        for statement in node.body:
            frame.statement = statement
            executor = self._executors.get(type(statement))
            left = executor(statement, frame) if executor is not None else Exit.NORMAL
            if left:
                return left
        return Exit.NORMAL

    # simple statements

    def _expression(self, node: libcst.Expr, frame: Frame) -> Exit:
        if isinstance(node.value, (libcst.SimpleString, libcst.ConcatenatedString)):  # documentation
            return Exit.NORMAL
        value = self.evaluate(node.value, frame)
        self.library.dropped(self.own, value, node.value, frame)
        return Exit.NORMAL

    def _assign(self, node: libcst.Assign, frame: Frame) -> Exit:
        value = self.evaluate(node.value, frame)
        for target in node.targets:
            self.assign(target.target, value, frame)
        first = node.targets[0].target
        if isinstance(first, libcst.Name) and first.value in ("_", "__"):
            self.library.dropped(self.own, value, node.value, frame)
        return Exit.NORMAL

    def _annotated(self, node: libcst.AnnAssign, frame: Frame) -> Exit:
        if frame.is_class and frame.owner is not None and isinstance(node.target, libcst.Name):
            frame.owner.fields.append(node.target.value)
        if node.value is not None:
            self.assign(node.target, self.evaluate(node.value, frame), frame)
        return Exit.NORMAL

    def _augmented(self, node: libcst.AugAssign, frame: Frame) -> Exit:
        before = self.evaluate(node.target, frame)
        operand = self.evaluate(node.value, frame)
        name = type(node.operator).__name__.removesuffix("Assign")
        items = operand.iterate(self.own)
        if name == "Add" and isinstance(before, ListObject):
            rest = operand.element(self.own) if items is None else None
            before.changes(self.own)
            before.set(self.own, (*before.items(self.own), *(items or ())), rest)
        else:
            self.assign(node.target, self.operate(name, before, operand, node, frame), frame)
        return Exit.NORMAL

    def assign(self, target: libcst.CSTNode, value: Value, frame: Frame) -> None:
        """Bind a target: a name, an attribute, an item, or several of them."""
        assigner = self._assigners.get(type(target))
        if assigner is not None:
            assigner(target, value, frame)

    def _assign_name(self, target: libcst.Name, value: Value, frame: Frame) -> None:
        self.bind_name(target.value, value, frame)

    def _assign_attribute(self, target: libcst.Attribute, value: Value, frame: Frame) -> None:
        self.evaluate(target.value, frame).set_attribute(self.own, target.attr.value, value)

    def _assign_item(self, target: libcst.Subscript, value: Value, frame: Frame) -> None:
        self.evaluate(target.value, frame).set_item(self.own, self.index(target.slice, frame), value)

    def _assign_starred(self, target: libcst.StarredElement, value: Value, frame: Frame) -> None:
        self.assign(target.value, value, frame)

    def _unpack(self, target: libcst.Tuple | libcst.List, value: Value, frame: Frame) -> None:
        targets = target.elements
        items = value.iterate(self.own)
        starred = next((i for i, t in enumerate(targets) if isinstance(t, libcst.StarredElement)), None)
        if items is not None and starred is not None and len(items) >= len(targets) - 1:
            after = len(targets) - starred - 1
            middle = items[starred : len(items) - after]
            items = [*items[:starred], self.new_list(tuple(middle)), *items[len(items) - after :]]
        if items is None or len(items) != len(targets):
            items = [value.part(self.own, number) for number in range(len(targets))]
        for one, item in zip(targets, items, strict=True):
            self.assign(one.value, item, frame)

    def _return(self, node: libcst.Return, frame: Frame) -> Exit:
        value = NONE if node.value is None else self.evaluate(node.value, frame)
        frame.returns.append(value)
        self.library.returned(self.own, value, frame)
        return Exit.RETURN

    def _assert(self, node: libcst.Assert, frame: Frame) -> Exit:
        self.evaluate(node.test, frame)
        return Exit.NORMAL

    def _global(self, node: libcst.Global, frame: Frame) -> Exit:
        frame.global_names.update(item.name.value for item in node.names)
        return Exit.NORMAL

    def _nonlocal(self, node: libcst.Nonlocal, frame: Frame) -> Exit:
        frame.nonlocal_names.update(item.name.value for item in node.names)
        return Exit.NORMAL

    # imports

    def import_module(self, dotted: str, frame: Frame) -> Value:
        raise NotImplementedError  # the interpreter's

    def import_relative(self, dotted: str, level: int, frame: Frame) -> Value:
        raise NotImplementedError  # the interpreter's

    def star_names(self, module: Value, frame: Frame) -> dict[str, Value]:
        raise NotImplementedError  # the interpreter's

    def _import(self, node: libcst.Import, frame: Frame) -> Exit:
        for alias in node.names:
            dotted = dotted_name(alias.name)
            if alias.asname is not None and isinstance(alias.asname.name, libcst.Name):
                self.bind_name(alias.asname.name.value, self.import_module(dotted, frame), frame)
            else:
                self.import_module(dotted, frame)
                top = dotted.partition(".")[0]
                self.bind_name(top, self.import_module(top, frame), frame)
        return Exit.NORMAL

    def _import_from(self, node: libcst.ImportFrom, frame: Frame) -> Exit:
        dotted = dotted_name(node.module) if node.module is not None else ""
        if node.relative:
            module = self.import_relative(dotted, len(node.relative), frame)
        else:
            module = self.import_module(dotted, frame)
        if isinstance(node.names, libcst.ImportStar):
            for name, value in self.star_names(module, frame).items():
                self.bind_name(name, value, frame)
            return Exit.NORMAL
        for alias in node.names:
            name = dotted_name(alias.name)
            bound = alias.asname.name if alias.asname is not None else alias.name
            value = (
                self.attribute(module, name) if not isinstance(module, External) else module.attribute(self.own, name)
            )
            if isinstance(bound, libcst.Name):
                self.bind_name(bound.value, value, frame)
        return Exit.NORMAL

    # definitions

    def _function(self, node: libcst.FunctionDef, frame: Frame) -> Exit:
        assert frame.module is not None
        name = node.name.value
        function = Function(node, name, frame.module, frame, self.defaults_of(node.params, frame), frame.owner)
        if frame.is_class and name in ("__init_subclass__", "__class_getitem__"):
            function.kind = "classmethod"
        if frame.module.is_root:  # it may be that nothing calls it
            frame.module.definitions.append(function)
            self.own.effects += 1
        value: Value = function
        for decorator in reversed(node.decorators):
            value = self.decorate(self.evaluate(decorator.decorator, frame), value, function, node, frame)
        self.bind_name(name, value, frame)
        return Exit.NORMAL

    def decorate(
        self, decorator: Value, value: Value, definition: Function | Class, node: libcst.CSTNode, frame: Frame
    ) -> Value:
        raise NotImplementedError  # the interpreter's

    def _class(self, node: libcst.ClassDef, frame: Frame) -> Exit:
        assert frame.module is not None
        bases = tuple(self.evaluate(base.value, frame) for base in node.bases if base.star == "")
        for keyword in node.keywords:
            self.evaluate(keyword.value, frame)
        cls = Class(node, node.name.value, frame.module, bases)
        inside = Frame(cls.identity, frame.module, frame, is_class=True, owner=cls)
        cls.frame = inside
        self.block(node.body, inside)
        frame.module.definitions.append(cls)
        self.own.effects += 1
        value: Value = cls
        for decorator in reversed(node.decorators):
            value = self.decorate(self.evaluate(decorator.decorator, frame), value, cls, node, frame)
        self.bind_name(cls.name, value, frame)
        return Exit.NORMAL

    # branches

    def _if(self, node: libcst.If, frame: Frame) -> Exit:
        test = self.evaluate(node.test, frame)
        truth = test.truth()
        orelse = node.orelse
        otherwise: Sequence[libcst.CSTNode] = (
            () if orelse is None else (orelse,) if isinstance(orelse, libcst.If) else orelse.body.body
        )
        if truth is not None:
            return self.block(node.body, frame) if truth else self.execute(otherwise, frame)
        return self.branch(
            test, node.test, lambda: self.block(node.body, frame), lambda: self.execute(otherwise, frame), frame
        )

    def branch(
        self, test: Value, node: libcst.CSTNode, yes: Callable[[], Exit], no: Callable[[], Exit], frame: Frame
    ) -> Exit:
        """Execute both sides of an unknown test, each under its guard, and join what they did."""
        exits: list[Exit] = []
        writes: list[Writes] = []
        for truth, side in ((True, yes), (False, no)):
            self.guards.append(Guard(test, truth, node))
            self.store.push()
            try:
                exits.append(side())
            finally:
                writes.append(self.store.pop())
                self.guards.pop()
        goes_on = [left < Exit.RETURN for left in exits]
        if all(goes_on):
            self.store.merge(*writes)
        elif any(goes_on):
            left_by = 1 if goes_on[0] else 0
            self.store.keep(writes[1 - left_by])
            if exits[left_by] is Exit.RETURN:
                self._keep_effects(writes[left_by], frame)
            self.guards.append(Guard(test, left_by == 1, node))  # for the rest of the enclosing block
        elif Exit.RETURN in exits:
            for left, written in zip(exits, writes, strict=True):
                if left is Exit.RETURN:
                    self._keep_effects(written, frame)
        return min(exits)

    def _keep_effects(self, writes: Writes, frame: Frame) -> None:
        """What a branch that returned did to objects outlives the function."""
        outside = {key: value for key, value in writes.items() if key[0] != frame.identity}
        self.store.keep_perhaps(outside)

    def _match(self, node: libcst.Match, frame: Frame) -> Exit:
        subject = self.evaluate(node.subject, frame)
        exits: list[Exit] = []
        for case in node.cases:
            self.store.push()
            for name in pattern_names(case.pattern):
                self.bind_name(name, subject if isinstance(case.pattern, libcst.MatchAs) else UNKNOWN, frame)
            left = self.block(case.body, frame)
            written = self.store.pop()
            if left < Exit.RETURN:
                self.store.keep_perhaps(written)
            exits.append(left)
        return Exit.NORMAL

    def _try(self, node: libcst.Try | libcst.TryStar, frame: Frame) -> Exit:
        left = self.block(node.body, frame)
        falls_through = left
        for handler in node.handlers:
            self.store.push()
            if handler.name is not None and isinstance(handler.name.name, libcst.Name):
                self.bind_name(handler.name.name.value, UNKNOWN, frame)
            handled = self.block(handler.body, frame)
            written = self.store.pop()
            if handled < Exit.RETURN:
                self._keep_new(written)
                falls_through = min(falls_through, handled)
        if node.orelse is not None and left == Exit.NORMAL:
            falls_through = max(falls_through, self.block(node.orelse.body, frame))
        if node.finalbody is not None:
            falls_through = max(falls_through, self.block(node.finalbody.body, frame))
        return falls_through

    def _keep_new(self, writes: Writes) -> None:
        """What an exception handler defines and the tried block did not (``except ImportError: x = None``)."""
        self.store.merge({}, writes)

    # loops and contexts

    def for_each(self, target: libcst.BaseExpression, iterable: Value, frame: Frame, body: Callable[[], bool]) -> bool:
        """Bind ``target`` to the elements of ``iterable`` in turn and run ``body``, until it says False.

        Known elements are taken one by one; of a long loop that only computes, the first ones. Otherwise one element
        stands for all, and the body runs a second time to see what the first one carried round. Returns whether every
        element was taken by itself.
        """
        items = iterable.iterate(self.own)
        if items is not None and len(items) <= self.longest_loop and self.steps_left > 0:
            rounds, self.rounds = self.rounds, self.rounds * max(1, len(items))
            try:
                done = self._unroll(target, items, frame, body)
            finally:
                self.rounds = rounds
            if done == len(items):
                return True
            items = items[done:]
        element = iterable.element(self.own) if items is None or not items else join(items[0], items[-1])
        self.loop_depth += 1
        try:
            self._repeat_body(lambda: self.assign(target, element, frame), body)
        finally:
            self.loop_depth -= 1
        return False

    @property
    def longest_loop(self) -> int:
        """How many rounds a loop may have here to be unrolled."""
        return min(LONGEST_LOOP, MOST_ROUNDS // self.rounds)

    def _unroll(
        self, target: libcst.BaseExpression, items: Sequence[Value], frame: Frame, body: Callable[[], bool]
    ) -> int:
        """Run a loop's body for one element after the other; how many have been, or all if the loop was left."""
        effects = self.own.effects
        for done, item in enumerate(items):
            if done == FIRST_ROUNDS and len(items) > LONGEST_IDLE_LOOP and self.own.effects == effects:
                return done
            self.assign(target, item, frame)
            if not body():
                break
        return len(items)

    def _repeat_body(self, begin: Callable[[], None], body: Callable[[], bool]) -> None:
        for again in (False, True):
            self.store.push()
            begin()
            body()
            written = self.store.pop()
            carried = any(_is_carried(self.store.get(*key), value) for key, value in written.items())
            self.store.keep_perhaps(written)
            if again or not carried or self.loop_depth > 2 or self.steps_left <= 0:
                return

    def _for(self, node: libcst.For, frame: Frame) -> Exit:
        iterable = self.evaluate(node.iter, frame)
        left = Exit.NORMAL

        def body() -> bool:
            nonlocal left
            left = self.block(node.body, frame)
            return left == Exit.NORMAL

        self.for_each(node.target, iterable, frame, body)
        if node.orelse is not None:
            self.block(node.orelse.body, frame)
        return Exit.NORMAL

    def _while(self, node: libcst.While, frame: Frame) -> Exit:
        test = self.evaluate(node.test, frame)
        if test.truth() is False:
            return Exit.NORMAL
        self.loop_depth += 1
        try:
            self._repeat_body(
                lambda: (self.evaluate(node.test, frame), None)[1],
                lambda: self.block(node.body, frame) == Exit.NORMAL,
            )
        finally:
            self.loop_depth -= 1
        return Exit.NORMAL

    def _with(self, node: libcst.With, frame: Frame) -> Exit:
        entered: list[Value] = []
        try:
            for item in node.items:
                context = self.evaluate(item.item, frame)
                bound = context.enter(self.own)
                entered.append(context)
                if item.asname is not None:
                    self.assign(item.asname.name, bound, frame)
            return self.block(node.body, frame)
        finally:
            for context in reversed(entered):
                context.leave(self.own)


def _is_carried(before: Value | None, after: Value) -> bool:
    """Whether a second round of a loop would meet another kind of value than the first: an object, not a number."""
    if before is None or before is after or not isinstance(after, (Object, Function, Union)):
        return False
    kinds = {_kind(value) for value in alternatives(before)}
    new = [one for one in alternatives(after) if not isinstance(one, Unknown) and _kind(one) not in kinds]
    return any(isinstance(one, (Object, Function)) or Unknown not in kinds for one in new)


def _kind(value: Value) -> object:
    """What a test in a loop's body may tell from values of another kind: an object, a switch, a tensor from none."""
    if isinstance(value, (Object, Function)):
        return value
    if isinstance(value, Const) and (value.value is None or isinstance(value.value, (bool, str))):
        return value
    return Range if isinstance(value, Const) else type(value)


def dotted_name(node: libcst.CSTNode) -> str:
    """The text of a name or of a chain of attributes of names."""
    parts: list[str] = []
    while isinstance(node, libcst.Attribute):
        parts.append(node.attr.value)
        node = node.value
    if isinstance(node, libcst.Name):
        parts.append(node.value)
    return ".".join(reversed(parts))


def called_name(call: libcst.Call) -> str:
    """The last name of what is called (``mean`` of ``np.mean(x)``)."""
    return dotted_name(call.func).rpartition(".")[2]


def pattern_names(pattern: libcst.CSTNode) -> list[str]:
    """The names that a match pattern binds."""
    names: list[str] = []
    stack: list[libcst.CSTNode] = [pattern]
    while stack:
        node = stack.pop()
        if isinstance(node, (libcst.MatchAs, libcst.MatchStar)) and node.name is not None:
            names.append(node.name.value)
        elif isinstance(node, libcst.MatchMapping) and node.rest is not None:
            names.append(node.rest.value)
        stack.extend(child for child in node.children if not isinstance(child, libcst.BaseExpression))
    return names
