"""Expressions: their abstract values."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

from modelint.documents.trees import defaults_of, same_code
from modelint.program.frames import Arguments, Frame, Guard
from modelint.program.values import (
    ELLIPSIS,
    NONE,
    UNKNOWN,
    Const,
    DictObject,
    Function,
    ListObject,
    Range,
    Slice,
    Tuple,
    Union,
    Unknown,
    Value,
    Window,
    alternatives,
    join,
    join_all,
)

if TYPE_CHECKING:
    from modelint.program.interpreter import Interpreter
    from modelint.program.library import Library
    from modelint.program.store import Store

DEEPEST_EXPRESSION = 250
LONGEST_LITERAL = 2_000
LARGEST_NUMBER = 10**15
LARGEST_LITERAL = 1 << 128

_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "Add": operator.add,
    "Sub": operator.sub,
    "Mult": operator.mul,
    "Div": operator.truediv,
    "FloorDiv": operator.floordiv,
    "Mod": operator.mod,
    "Pow": operator.pow,
}
_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "Eq": operator.eq,
    "NotEq": operator.ne,
    "Lt": operator.lt,
    "LtE": operator.le,
    "Gt": operator.gt,
    "GtE": operator.ge,
}


class Expressions:
    """Evaluates expressions in a frame. The interpreter inherits from it."""

    library: Library
    store: Store
    loop_depth: int
    guards: list[Guard]

    def __init__(self) -> None:
        self.own = cast("Interpreter", self)
        self.expression_depth = 0
        self._lengths: dict[ast.Slice, ast.expr | None] = {}
        self._constants: dict[ast.Constant, Value] = {}
        self._evaluators: dict[type[ast.AST], Callable[[Any, Frame], Value]] = {
            ast.Attribute: self._attribute,
            ast.Call: self._call,
            ast.JoinedStr: self._formatted,
            ast.Tuple: self._tuple,
            ast.List: self._list,
            ast.Set: self._list,
            ast.Dict: self._dict,
            ast.BinOp: self._binary,
            ast.BoolOp: self._boolean,
            ast.UnaryOp: self._unary,
            ast.Compare: self._comparison,
            ast.IfExp: self._conditional,
            ast.Lambda: self._lambda,
            ast.Subscript: self._subscript,
            ast.ListComp: self._comprehension,
            ast.SetComp: self._comprehension,
            ast.GeneratorExp: self._comprehension,
            ast.DictComp: self._dict_comprehension,
            ast.NamedExpr: self._named,
            ast.Await: lambda node, frame: self.evaluate(node.value, frame),
            ast.Yield: self._yield,
            ast.YieldFrom: self._yield_from,
        }

    def evaluate(self, node: ast.AST, frame: Frame) -> Value:
        """The value of an expression; unknown where it is too deep or of a kind without one."""
        if isinstance(node, ast.Name):  # these two are most of all
            return self.lookup(node.id, frame) or UNKNOWN
        if isinstance(node, ast.Constant):
            return self._constant(node)
        evaluator = self._evaluators.get(type(node))
        if evaluator is None or self.expression_depth > DEEPEST_EXPRESSION:
            return UNKNOWN
        self.expression_depth += 1
        try:
            return evaluator(node, frame)
        finally:
            self.expression_depth -= 1

    # names, attributes, items

    def lookup(self, name: str, frame: Frame) -> Value | None:
        raise NotImplementedError  # the interpreter's

    def call(self, callee: Value, arguments: Arguments) -> Value:
        raise NotImplementedError  # the interpreter's

    def attribute(self, value: Value, name: str) -> Value:
        """``value.name``, by the value itself or by the libraries."""
        found = value.attribute(self.own, name)
        return self.library.unknown_attribute(self.own, value, name) if found is UNKNOWN else found

    def bind_name(self, name: str, value: Value, frame: Frame) -> None:
        raise NotImplementedError  # the interpreter's

    def _attribute(self, node: ast.Attribute, frame: Frame) -> Value:
        return self.attribute(self.evaluate(node.value, frame), node.attr)

    def _subscript(self, node: ast.Subscript, frame: Frame) -> Value:
        value = self.evaluate(node.value, frame)
        index = self.index(node.slice, frame)
        return value.item(self.own, index)

    def index(self, node: ast.expr, frame: Frame) -> Value:
        """The value between brackets."""
        if isinstance(node, ast.Tuple):
            return Tuple(tuple(self.index(element, frame) for element in node.elts))
        return self._slice(node, frame) if isinstance(node, ast.Slice) else self.evaluate(node, frame)

    def _slice(self, node: ast.Slice, frame: Frame) -> Value:
        bounds: list[Any] = []
        for bound in (node.lower, node.upper, node.step):
            value = NONE if bound is None else self.evaluate(bound, frame)
            if not (isinstance(value, Const) and (value.value is None or type(value.value) is int)):
                return self._window(node, frame)
            bounds.append(value.value)
        return UNKNOWN if bounds[2] == 0 else Slice(slice(*bounds))

    def _window(self, node: ast.Slice, frame: Frame) -> Value:
        """A slice of unknown bounds: ``a : a + k`` and ``i * k : (i + 1) * k`` hold k elements."""
        if node not in self._lengths:
            self._lengths[node] = _length_of(node)
        length = self._lengths[node]
        value = UNKNOWN if length is None else self.evaluate(length, frame)
        known = isinstance(value, Const) and type(value.value) is int
        return Window(value.value if known and isinstance(value, Const) else None)

    # literals

    def _constant(self, node: ast.Constant) -> Value:
        found = self._constants.get(node)
        if found is None:
            found = self._constants[node] = _literal(node.value)
        return found

    def _formatted(self, node: ast.JoinedStr, frame: Frame) -> Value:
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                self.evaluate(part.value, frame)
        return UNKNOWN

    def elements(self, nodes: Sequence[ast.expr], frame: Frame) -> tuple[tuple[Value, ...], Value | None]:
        """The known elements of a display, and a value for those of unknown number."""
        items: list[Value] = []
        rest: Value | None = None
        for node in nodes[:LONGEST_LITERAL]:
            if isinstance(node, ast.Starred):
                value = self.evaluate(node.value, frame)
                more = value.iterate(self.own)
                if more is None:
                    rest = join(rest, value.element(self.own))
                else:
                    items.extend(more)
            else:
                items.append(self.evaluate(node, frame))
        if len(nodes) > LONGEST_LITERAL:
            rest = UNKNOWN
        return tuple(items), rest

    def _tuple(self, node: ast.Tuple, frame: Frame) -> Value:
        items, rest = self.elements(node.elts, frame)
        return Tuple(items) if rest is None else self.new_list(items, rest)

    def _list(self, node: ast.List | ast.Set, frame: Frame) -> Value:
        return self.new_list(*self.elements(node.elts, frame))

    def new_list(self, items: tuple[Value, ...], rest: Value | None = None) -> ListObject:
        """A fresh list."""
        return ListObject().set(self.own, items, rest)

    def copy_dict(self, original: DictObject) -> DictObject:
        """A shallow copy."""
        copy = DictObject()
        for key, value in original.entries(self.own).items():
            copy.set_item(self.own, Const(key), value)
        if not original.complete(self.own):
            copy.set_item(self.own, UNKNOWN, original.element(self.own))
        return copy

    def _dict(self, node: ast.Dict, frame: Frame) -> Value:
        made = DictObject()
        for key, written in zip(node.keys[:LONGEST_LITERAL], node.values, strict=False):
            value = self.evaluate(written, frame)
            if key is not None:
                made.set_item(self.own, self.evaluate(key, frame), value)
            elif isinstance(value, DictObject):
                for name, entry in value.entries(self.own).items():
                    made.set_item(self.own, Const(name), entry)
            else:
                made.set_item(self.own, UNKNOWN, UNKNOWN)
        if len(node.keys) > LONGEST_LITERAL:
            made.set_item(self.own, UNKNOWN, UNKNOWN)
        return made

    # operators

    def _binary(self, node: ast.BinOp, frame: Frame) -> Value:
        left, right = self.evaluate(node.left, frame), self.evaluate(node.right, frame)
        return self.operate(type(node.op).__name__, left, right, node, frame)

    def operate(self, name: str, left: Value, right: Value, node: ast.AST, frame: Frame) -> Value:
        """A binary operator applied."""
        found = self.library.operation(self.own, name, (left, right), node, frame)
        if found is not None:
            return found
        if name == "Add":
            joined = self._concatenate(left, right)
            if joined is not None:
                return joined
        if isinstance(left, Union) or isinstance(right, Union):
            pairs = [(a, b) for a in alternatives(left) for b in alternatives(right)]
            return join_all([_arithmetic(name, a, b) for a, b in pairs])
        if name == "Mult" and isinstance(left, ListObject) and isinstance(right, Const):
            return self._repeat(left, right)
        return _arithmetic(name, left, right)

    def _repeat(self, value: ListObject, times: Const) -> Value:
        items = value.items(self.own)
        if type(times.value) is int and 0 <= len(items) * times.value <= LONGEST_LITERAL:
            return self.new_list(items * times.value)
        return self.new_list((), join_all(items))

    def _concatenate(self, left: Value, right: Value) -> Value | None:
        if not isinstance(left, (ListObject, Tuple)) and not isinstance(right, (ListObject, Tuple)):
            return None
        first, second = left.iterate(self.own), right.iterate(self.own)
        if first is None or second is None:
            return self.new_list((), join(left.element(self.own), right.element(self.own)))
        items = (*first, *second)
        return Tuple(items) if isinstance(left, Tuple) else self.new_list(items)

    def _unary(self, node: ast.UnaryOp, frame: Frame) -> Value:
        operand = self.evaluate(node.operand, frame)
        name = type(node.op).__name__
        found = self.library.operation(self.own, name, (operand,), node, frame)
        if found is not None:
            return found
        if name == "Not":
            truth = operand.truth()
            return UNKNOWN if truth is None else Const(not truth)
        if name == "USub" and isinstance(operand, Const) and isinstance(operand.value, (int, float)):
            return Const(-operand.value, operand.assumed)
        return UNKNOWN

    def _boolean(self, node: ast.BoolOp, frame: Frame) -> Value:
        is_and = isinstance(node.op, ast.And)
        left = self.evaluate(node.values[0], frame)
        for before, operand in pairwise(node.values):
            left = self._either_of(is_and, left, before, operand, node, frame)
        return left

    def _either_of(
        self, is_and: bool, left: Value, before: ast.expr, operand: ast.expr, node: ast.BoolOp, frame: Frame
    ) -> Value:
        """The value of ``left and operand``, or of ``left or operand``; ``before`` is where the left one stands."""
        truth = left.truth()
        if truth is not None and truth is not is_and:
            return left
        self.guards.append(Guard(left, is_and, before))
        with self.store.maybe():
            right = self.evaluate(operand, frame)
        self.guards.pop()
        if truth is is_and:
            return right
        found = self.library.operation(self.own, "And" if is_and else "Or", (left, right), node, frame)
        return found if found is not None else join(left, right)

    def _comparison(self, node: ast.Compare, frame: Frame) -> Value:
        left = self.evaluate(node.left, frame)
        result: Value = UNKNOWN
        for operation, comparator in zip(node.ops, node.comparators, strict=True):
            right = self.evaluate(comparator, frame)
            result = self._compare(type(operation).__name__, left, right, node, frame)
            left = right
        return result if len(node.ops) == 1 else UNKNOWN

    def _compare(self, name: str, left: Value, right: Value, node: ast.AST, frame: Frame) -> Value:
        found = self.library.operation(self.own, name, (left, right), node, frame)
        if found is not None:
            return found
        if not (isinstance(left, Const) and isinstance(right, Const)):
            if name in ("Is", "IsNot") and isinstance(right, Const) and right.value is None:
                known = not isinstance(left, Union) and not isinstance(left, (Unknown, Const))
                return Const(name == "IsNot") if known else UNKNOWN
            return UNKNOWN
        if left.assumed or right.assumed:
            return UNKNOWN
        if name in ("Is", "IsNot"):
            same = type(left.value) is type(right.value) and left.value == right.value
            return Const(same if name == "Is" else not same)
        try:
            if name in ("In", "NotIn"):
                return Const((left.value in right.value) == (name == "In"))
            return Const(bool(_COMPARISONS[name](left.value, right.value)))
        except (TypeError, KeyError):
            return UNKNOWN

    def _conditional(self, node: ast.IfExp, frame: Frame) -> Value:
        test = self.evaluate(node.test, frame)
        truth = test.truth()
        if truth is not None:
            return self.evaluate(node.body if truth else node.orelse, frame)
        return self.either(
            test, node.test, lambda: self.evaluate(node.body, frame), lambda: self.evaluate(node.orelse, frame)
        )

    def either(self, test: Value, node: ast.AST, yes: Callable[[], Value], no: Callable[[], Value]) -> Value:
        """The value of a choice by an unknown test, both sides evaluated under its guard."""
        values = []
        writes = []
        for truth, side in ((True, yes), (False, no)):
            self.guards.append(Guard(test, truth, node))
            self.store.push()
            try:
                values.append(side())
            finally:
                writes.append(self.store.pop())
                self.guards.pop()
        self.store.merge(*writes)
        return join_all(values)

    # functions, comprehensions, calls

    def _lambda(self, node: ast.Lambda, frame: Frame) -> Value:
        assert frame.module is not None
        return Function(node, "<lambda>", frame.module, frame, self.defaults_of(node.args, frame))

    def defaults_of(self, parameters: ast.arguments, frame: Frame) -> dict[str, Value]:
        """The values of parameter defaults, evaluated where the function is defined."""
        return {parameter.arg: self.evaluate(default, frame) for parameter, default in defaults_of(parameters)}

    def _named(self, node: ast.NamedExpr, frame: Frame) -> Value:
        value = self.evaluate(node.value, frame)
        self.bind_name(node.target.id, value, frame)
        return value

    def _yield(self, node: ast.Yield, frame: Frame) -> Value:
        if node.value is not None:
            frame.yields.append(self.evaluate(node.value, frame))
        return UNKNOWN

    def _yield_from(self, node: ast.YieldFrom, frame: Frame) -> Value:
        frame.yields.append(self.evaluate(node.value, frame).element(self.own))
        return UNKNOWN

    def for_each(self, target: ast.expr, iterable: Value, frame: Frame, body: Callable[[], bool]) -> bool:
        raise NotImplementedError  # the interpreter's

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp, frame: Frame) -> Value:
        items: list[Value] = []
        clause, *inner = node.generators
        iterable = self.evaluate(clause.iter, frame)
        certain = self._each_of(clause, inner, iterable, frame, lambda: items.append(self.evaluate(node.elt, frame)))
        known = iterable.iterate(self.own)
        if not certain and known is not None and items and not clause.ifs and not inner:
            items, certain = [join_all(items)] * len(known), True  # a long loop, of which some rounds stand for all
        made = self.new_list(tuple(items)) if certain else self.new_list((), join_all(items))
        if isinstance(iterable, ListObject) and iterable.count(self.own) is None:
            made.uncount(self.own)
        return made

    def _dict_comprehension(self, node: ast.DictComp, frame: Frame) -> Value:
        made = DictObject()

        def add() -> None:
            key = self.evaluate(node.key, frame)
            made.set_item(self.own, key, self.evaluate(node.value, frame))

        clause, *inner = node.generators
        if not self._each_of(clause, inner, self.evaluate(clause.iter, frame), frame, add):
            made.set_item(self.own, UNKNOWN, UNKNOWN)
        return made

    def _each_of(
        self,
        clause: ast.comprehension,
        inner: Sequence[ast.comprehension],
        iterable: Value,
        frame: Frame,
        visit: Callable[[], None],
    ) -> bool:
        """Run ``visit`` for every combination of a comprehension's clauses; whether each of them was met by itself."""
        certain = True

        def body() -> bool:
            nonlocal certain
            tests = [self.evaluate(condition, frame) for condition in clause.ifs]
            truths = [test.truth() for test in tests]
            if False in truths:
                return True
            if None in truths:
                certain = False
            if inner:
                further = self.evaluate(inner[0].iter, frame)
                certain = self._each_of(inner[0], inner[1:], further, frame, visit) and certain
            else:
                visit()
            return True

        return self.for_each(clause.target, iterable, frame, body) and certain

    def _call(self, node: ast.Call, frame: Frame) -> Value:
        callee = self.evaluate(node.func, frame)
        return self.call(callee, self.arguments(node, frame))

    def arguments(self, node: ast.Call, frame: Frame) -> Arguments:
        """The evaluated arguments of a call."""
        positional: list[Value] = []
        keywords: dict[str, Value] = {}
        extra = False
        for argument in node.args:
            if not isinstance(argument, ast.Starred):
                positional.append(self.evaluate(argument, frame))
                continue
            value = self.evaluate(argument.value, frame)
            items = value.iterate(self.own)
            if items is None:
                extra = True
                positional.append(value.element(self.own))
            else:
                positional.extend(items)
        for keyword in node.keywords:
            value = self.evaluate(keyword.value, frame)
            if keyword.arg is not None:
                keywords[keyword.arg] = value
            elif isinstance(value, DictObject):
                entries = value.entries(self.own)
                keywords.update({key: entry for key, entry in entries.items() if isinstance(key, str)})
                extra = extra or not value.complete(self.own)
            else:
                extra = True
        return Arguments(tuple(positional), keywords, node, frame, extra)


def _length_of(node: ast.Slice) -> ast.expr | None:
    """How many elements a slice holds, where that is written."""
    match node.lower, node.upper:
        case ast.expr() as lower, ast.BinOp(op=ast.Add()) as upper:
            return upper.right if same_code(upper.left, lower) else None
        case ast.BinOp(op=ast.Mult()) as lower, ast.BinOp(op=ast.Mult()) as upper:
            return lower.right if same_code(upper.right, lower.right) else None
    return None


def _literal(value: object) -> Value:
    """The value of a literal; unknown for numbers that nothing is counted in."""
    if value is ...:
        return ELLIPSIS
    if isinstance(value, complex) or (type(value) is int and value > LARGEST_LITERAL):
        return UNKNOWN
    return Const(value)


def _arithmetic(name: str, left: Value, right: Value) -> Value:
    if isinstance(left, Const) and isinstance(right, Const):
        return _constant(name, left, right)
    if isinstance(left, Range) or isinstance(right, Range):
        return _interval(name, left, right)
    return UNKNOWN


def _constant(name: str, left: Const, right: Const) -> Value:
    function = _ARITHMETIC.get(name)
    a, b = left.value, right.value
    if function is None:
        return UNKNOWN
    numbers = isinstance(a, (int, float)) and isinstance(b, (int, float))
    strings = isinstance(a, str) and isinstance(b, str) and name == "Add" and len(a) + len(b) < LONGEST_LITERAL
    if not numbers and not strings:
        return UNKNOWN
    if numbers and (abs(a) > LARGEST_NUMBER or abs(b) > LARGEST_NUMBER or (name == "Pow" and abs(b) > 64)):
        return UNKNOWN
    try:
        result = function(a, b)
    except (ArithmeticError, ValueError, TypeError):
        return UNKNOWN
    return UNKNOWN if isinstance(result, complex) else Const(result, left.assumed or right.assumed)


def _bounds(value: Value) -> tuple[int | None, int | None] | None:
    if isinstance(value, Range):
        return value.low, value.high
    if isinstance(value, Const) and type(value.value) is int:
        return value.value, value.value
    return None


def _interval(name: str, left: Value, right: Value) -> Value:
    a, b = _bounds(left), _bounds(right)
    if a is None or b is None:
        return UNKNOWN
    if name == "Add":
        return Range(
            None if a[0] is None or b[0] is None else a[0] + b[0], None if a[1] is None or b[1] is None else a[1] + b[1]
        )
    positive = a[0] is not None and a[0] >= 0 and b[0] is not None and b[0] >= 1
    if not positive or name not in ("Mult", "FloorDiv"):
        return UNKNOWN
    assert a[0] is not None
    assert b[0] is not None
    if name == "Mult":
        return Range(a[0] * b[0], None if a[1] is None or b[1] is None else a[1] * b[1])
    return Range(0 if b[1] is None else a[0] // b[1], None if a[1] is None else a[1] // b[0])
