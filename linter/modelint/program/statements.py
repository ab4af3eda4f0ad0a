"""Statements: their effect on the store, and how control leaves them."""

from __future__ import annotations

import ast
import enum
from collections.abc import Callable, Sequence
from typing import Any

from modelint.documents.trees import ForNode, FunctionNode, descendants_of
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
        self.repeating = False  # whether a loop under way is in its second round
        self.rounds = 1  # of the unrolled loops that are under way, multiplied
        self._executors: dict[type[ast.AST], Callable[[Any, Frame], Exit]] = {
            ast.Expr: self._expression,
            ast.Assign: self._assign,
            ast.AnnAssign: self._annotated,
            ast.AugAssign: self._augmented,
            ast.Return: self._return,
            ast.Raise: lambda node, frame: Exit.RAISE,
            ast.Break: lambda node, frame: Exit.LOOP,
            ast.Continue: lambda node, frame: Exit.LOOP,
            ast.Global: self._global,
            ast.Nonlocal: self._nonlocal,
            ast.Import: self._import,
            ast.ImportFrom: self._import_from,
            ast.Assert: self._assert,
            ast.FunctionDef: self._function,
            ast.AsyncFunctionDef: self._function,
            ast.ClassDef: self._class,
            ast.If: self._if,
            ast.For: self._for,
            ast.AsyncFor: self._for,
            ast.While: self._while,
            ast.With: self._with,
            ast.AsyncWith: self._with,
            ast.Try: self._try,
            ast.TryStar: self._try,
            ast.Match: self._match,
        }
        self._assigners: dict[type[ast.AST], Callable[[Any, Value, Frame], None]] = {
            ast.Name: self._assign_name,
            ast.Attribute: self._assign_attribute,
            ast.Subscript: self._assign_item,
            ast.Tuple: self._unpack,
            ast.List: self._unpack,
            ast.Starred: self._assign_starred,
        }

    def execute(self, body: Sequence[ast.stmt], frame: Frame) -> Exit:
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

    # simple statements

    def _expression(self, node: ast.Expr, frame: Frame) -> Exit:
        if isinstance(node.value, ast.Constant):  # documentation
            return Exit.NORMAL
        value = self.evaluate(node.value, frame)
        self.library.dropped(self.own, value, node.value, frame)
        return Exit.NORMAL

    def _assign(self, node: ast.Assign, frame: Frame) -> Exit:
        value = self.evaluate(node.value, frame)
        for target in node.targets:
            self.assign(target, value, frame)
        first = node.targets[0]
        if isinstance(first, ast.Name) and first.id in ("_", "__"):
            self.library.dropped(self.own, value, node.value, frame)
        return Exit.NORMAL

    def _annotated(self, node: ast.AnnAssign, frame: Frame) -> Exit:
        if frame.is_class and frame.owner is not None and isinstance(node.target, ast.Name):
            frame.owner.fields.append(node.target.id)
        if node.value is not None:
            self.assign(node.target, self.evaluate(node.value, frame), frame)
        return Exit.NORMAL

    def _augmented(self, node: ast.AugAssign, frame: Frame) -> Exit:
        before = self.evaluate(node.target, frame)
        operand = self.evaluate(node.value, frame)
        name = type(node.op).__name__
        items = operand.iterate(self.own)
        if name == "Add" and isinstance(before, ListObject):
            rest = operand.element(self.own) if items is None else None
            before.changes(self.own)
            before.set(self.own, (*before.items(self.own), *(items or ())), rest)
        else:
            self.assign(node.target, self.operate(name, before, operand, node, frame), frame)
        return Exit.NORMAL

    def assign(self, target: ast.AST, value: Value, frame: Frame) -> None:
        """Bind a target: a name, an attribute, an item, or several of them."""
        assigner = self._assigners.get(type(target))
        if assigner is not None:
            assigner(target, value, frame)

    def _assign_name(self, target: ast.Name, value: Value, frame: Frame) -> None:
        self.bind_name(target.id, value, frame)

    def _assign_attribute(self, target: ast.Attribute, value: Value, frame: Frame) -> None:
        self.evaluate(target.value, frame).set_attribute(self.own, target.attr, value)

    def _assign_item(self, target: ast.Subscript, value: Value, frame: Frame) -> None:
        self.evaluate(target.value, frame).set_item(self.own, self.index(target.slice, frame), value)

    def _assign_starred(self, target: ast.Starred, value: Value, frame: Frame) -> None:
        self.assign(target.value, value, frame)

    def _unpack(self, target: ast.Tuple | ast.List, value: Value, frame: Frame) -> None:
        targets = target.elts
        items = value.iterate(self.own)
        starred = next((i for i, t in enumerate(targets) if isinstance(t, ast.Starred)), None)
        if items is not None and starred is not None and len(items) >= len(targets) - 1:
            after = len(targets) - starred - 1
            middle = items[starred : len(items) - after]
            items = [*items[:starred], self.new_list(tuple(middle)), *items[len(items) - after :]]
        if items is None or len(items) != len(targets):
            items = [value.part(self.own, number) for number in range(len(targets))]
        for one, item in zip(targets, items, strict=True):
            self.assign(one, item, frame)

    def _return(self, node: ast.Return, frame: Frame) -> Exit:
        value = NONE if node.value is None else self.evaluate(node.value, frame)
        frame.returns.append(value)
        self.library.returned(self.own, value, frame)
        return Exit.RETURN

    def _assert(self, node: ast.Assert, frame: Frame) -> Exit:
        self.evaluate(node.test, frame)
        return Exit.NORMAL

    def _global(self, node: ast.Global, frame: Frame) -> Exit:
        frame.global_names |= set(node.names)
        return Exit.NORMAL

    def _nonlocal(self, node: ast.Nonlocal, frame: Frame) -> Exit:
        frame.nonlocal_names |= set(node.names)
        return Exit.NORMAL

    # imports

    def import_module(self, dotted: str, frame: Frame) -> Value:
        raise NotImplementedError  # the interpreter's

    def import_relative(self, dotted: str, level: int, frame: Frame) -> Value:
        raise NotImplementedError  # the interpreter's

    def star_names(self, module: Value, frame: Frame) -> dict[str, Value]:
        raise NotImplementedError  # the interpreter's

    def _import(self, node: ast.Import, frame: Frame) -> Exit:
        for alias in node.names:
            if alias.asname is not None:
                self.bind_name(alias.asname, self.import_module(alias.name, frame), frame)
            else:
                self.import_module(alias.name, frame)
                top = alias.name.partition(".")[0]
                self.bind_name(top, self.import_module(top, frame), frame)
        return Exit.NORMAL

    def _import_from(self, node: ast.ImportFrom, frame: Frame) -> Exit:
        dotted = node.module or ""
        if node.level:
            module = self.import_relative(dotted, node.level, frame)
        else:
            module = self.import_module(dotted, frame)
        for alias in node.names:
            if alias.name == "*":
                for name, value in self.star_names(module, frame).items():
                    self.bind_name(name, value, frame)
                continue
            value = (
                self.attribute(module, alias.name)
                if not isinstance(module, External)
                else module.attribute(self.own, alias.name)
            )
            self.bind_name(alias.asname or alias.name, value, frame)
        return Exit.NORMAL

    # definitions

    def _function(self, node: FunctionNode, frame: Frame) -> Exit:
        assert frame.module is not None
        name = node.name
        function = Function(node, name, frame.module, frame, self.defaults_of(node.args, frame), frame.owner)
        if frame.is_class and name in ("__init_subclass__", "__class_getitem__"):
            function.kind = "classmethod"
        if frame.module.is_root:  # it may be that nothing calls it
            frame.module.definitions.append(function)
            self.own.effects += 1
        value: Value = function
        for decorator in reversed(node.decorator_list):
            value = self.decorate(self.evaluate(decorator, frame), value, function, node, frame)
        self.bind_name(name, value, frame)
        return Exit.NORMAL

    def decorate(
        self, decorator: Value, value: Value, definition: Function | Class, node: ast.AST, frame: Frame
    ) -> Value:
        raise NotImplementedError  # the interpreter's

    def _class(self, node: ast.ClassDef, frame: Frame) -> Exit:
        assert frame.module is not None
        bases = tuple(self.evaluate(base, frame) for base in node.bases if not isinstance(base, ast.Starred))
        for keyword in node.keywords:
            self.evaluate(keyword.value, frame)
        cls = Class(node, node.name, frame.module, bases)
        inside = Frame(cls.identity, frame.module, frame, is_class=True, owner=cls)
        cls.frame = inside
        self.execute(node.body, inside)
        frame.module.definitions.append(cls)
        self.own.effects += 1
        value: Value = cls
        for decorator in reversed(node.decorator_list):
            value = self.decorate(self.evaluate(decorator, frame), value, cls, node, frame)
        self.bind_name(cls.name, value, frame)
        return Exit.NORMAL

    # branches

    def _if(self, node: ast.If, frame: Frame) -> Exit:
        test = self.evaluate(node.test, frame)
        truth = test.truth()
        if truth is not None:
            return self.execute(node.body if truth else node.orelse, frame)
        return self.branch(
            test, node.test, lambda: self.execute(node.body, frame), lambda: self.execute(node.orelse, frame), frame
        )

    def branch(self, test: Value, node: ast.AST, yes: Callable[[], Exit], no: Callable[[], Exit], frame: Frame) -> Exit:
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

    def _match(self, node: ast.Match, frame: Frame) -> Exit:
        subject = self.evaluate(node.subject, frame)
        exits: list[Exit] = []
        for case in node.cases:
            self.store.push()
            for name in pattern_names(case.pattern):
                self.bind_name(name, subject if isinstance(case.pattern, ast.MatchAs) else UNKNOWN, frame)
            left = self.execute(case.body, frame)
            written = self.store.pop()
            if left < Exit.RETURN:
                self.store.keep_perhaps(written)
            exits.append(left)
        return Exit.NORMAL

    def _try(self, node: ast.Try | ast.TryStar, frame: Frame) -> Exit:
        left = self.execute(node.body, frame)
        falls_through = left
        for handler in node.handlers:
            self.store.push()
            if handler.name is not None:
                self.bind_name(handler.name, UNKNOWN, frame)
            handled = self.execute(handler.body, frame)
            written = self.store.pop()
            if handled < Exit.RETURN:
                self._keep_new(written)
                falls_through = min(falls_through, handled)
        if node.orelse and left == Exit.NORMAL:
            falls_through = max(falls_through, self.execute(node.orelse, frame))
        return max(falls_through, self.execute(node.finalbody, frame))

    def _keep_new(self, writes: Writes) -> None:
        """What an exception handler defines and the tried block did not (``except ImportError: x = None``)."""
        self.store.merge({}, writes)

    # loops and contexts

    def for_each(self, target: ast.expr, iterable: Value, frame: Frame, body: Callable[[], bool]) -> bool:
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

    def _unroll(self, target: ast.expr, items: Sequence[Value], frame: Frame, body: Callable[[], bool]) -> int:
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
        """Run a body once, and where it carried something round once more; not the loops in it, this second time."""
        repeating = self.repeating
        try:
            for again in (False, True):
                self.repeating = repeating or again
                self.store.push()
                begin()
                body()
                written = self.store.pop()
                carried = any(_is_carried(self.store.get(*key), value) for key, value in written.items())
                self.store.keep_perhaps(written)
                if self.repeating or not carried or self.loop_depth > 2 or self.steps_left <= 0:
                    return
        finally:
            self.repeating = repeating

    def _for(self, node: ForNode, frame: Frame) -> Exit:
        iterable = self.evaluate(node.iter, frame)
        left = Exit.NORMAL

        def body() -> bool:
            nonlocal left
            left = self.execute(node.body, frame)
            return left == Exit.NORMAL

        self.for_each(node.target, iterable, frame, body)
        self.execute(node.orelse, frame)
        return Exit.NORMAL

    def _while(self, node: ast.While, frame: Frame) -> Exit:
        test = self.evaluate(node.test, frame)
        if test.truth() is False:
            return Exit.NORMAL
        self.loop_depth += 1
        try:
            self._repeat_body(
                lambda: (self.evaluate(node.test, frame), None)[1],
                lambda: self.execute(node.body, frame) == Exit.NORMAL,
            )
        finally:
            self.loop_depth -= 1
        return Exit.NORMAL

    def _with(self, node: ast.With | ast.AsyncWith, frame: Frame) -> Exit:
        entered: list[Value] = []
        try:
            for item in node.items:
                context = self.evaluate(item.context_expr, frame)
                bound = context.enter(self.own)
                entered.append(context)
                if item.optional_vars is not None:
                    self.assign(item.optional_vars, bound, frame)
            return self.execute(node.body, frame)
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


def dotted_name(node: ast.AST) -> str:
    """The text of a name or of a chain of attributes of names."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        parts.append(node.id)
    return ".".join(reversed(parts))


def called_name(call: ast.Call) -> str:
    """The last name of what is called (``mean`` of ``np.mean(x)``)."""
    return dotted_name(call.func).rpartition(".")[2]


def pattern_names(pattern: ast.pattern) -> list[str]:
    """The names that a match pattern binds."""
    names: list[str] = []
    for node in descendants_of(pattern):
        if isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name is not None:
            names.append(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest is not None:
            names.append(node.rest)
    return names
