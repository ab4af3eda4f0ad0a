"""Expressions: their abstract values."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import libcst

from modelint.documents.trees import named_parameters
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

_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "Add": operator.add,
    "Subtract": operator.sub,
    "Multiply": operator.mul,
    "Divide": operator.truediv,
    "FloorDivide": operator.floordiv,
    "Modulo": operator.mod,
    "Power": operator.pow,
}
_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "Equal": operator.eq,
    "NotEqual": operator.ne,
    "LessThan": operator.lt,
    "LessThanEqual": operator.le,
    "GreaterThan": operator.gt,
    "GreaterThanEqual": operator.ge,
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
        self._lengths: dict[libcst.Slice, libcst.BaseExpression | None] = {}
        self._evaluators: dict[type[libcst.CSTNode], Callable[[Any, Frame], Value]] = {
            libcst.Name: self._name,
            libcst.Attribute: self._attribute,
            libcst.Call: self._call,
            libcst.Integer: self._integer,
            libcst.Float: self._float,
            libcst.Ellipsis: lambda node, frame: ELLIPSIS,
            libcst.SimpleString: self._string,
            libcst.ConcatenatedString: self._parts,
            libcst.FormattedString: self._formatted,
            libcst.Tuple: self._tuple,
            libcst.List: self._list,
            libcst.Set: self._list,
            libcst.Dict: self._dict,
            libcst.BinaryOperation: self._binary,
            libcst.BooleanOperation: self._boolean,
            libcst.UnaryOperation: self._unary,
            libcst.Comparison: self._comparison,
            libcst.IfExp: self._conditional,
            libcst.Lambda: self._lambda,
            libcst.Subscript: self._subscript,
            libcst.ListComp: self._comprehension,
            libcst.SetComp: self._comprehension,
            libcst.GeneratorExp: self._comprehension,
            libcst.DictComp: self._dict_comprehension,
            libcst.NamedExpr: self._named,
            libcst.Await: lambda node, frame: self.evaluate(node.expression, frame),
            libcst.Yield: self._yield,
        }

    def evaluate(self, node: libcst.CSTNode, frame: Frame) -> Value:
        """The value of an expression; unknown where it is too deep or of a kind without one."""
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

    def _name(self, node: libcst.Name, frame: Frame) -> Value:
        return self.lookup(node.value, frame) or UNKNOWN

    def _attribute(self, node: libcst.Attribute, frame: Frame) -> Value:
        return self.attribute(self.evaluate(node.value, frame), node.attr.value)

    def _subscript(self, node: libcst.Subscript, frame: Frame) -> Value:
        value = self.evaluate(node.value, frame)
        index = self.index(node.slice, frame)
        return value.item(self.own, index)

    def index(self, elements: Sequence[libcst.SubscriptElement], frame: Frame) -> Value:
        """The value between brackets."""
        indices = [self._one_index(element.slice, frame) for element in elements]
        return indices[0] if len(indices) == 1 else Tuple(tuple(indices))

    def _one_index(self, node: libcst.BaseSlice, frame: Frame) -> Value:
        if isinstance(node, libcst.Index):
            return self.evaluate(node.value, frame)
        if not isinstance(node, libcst.Slice):
            return UNKNOWN
        bounds: list[Any] = []
        for bound in (node.lower, node.upper, node.step):
            value = NONE if bound is None else self.evaluate(bound, frame)
            if not (isinstance(value, Const) and (value.value is None or type(value.value) is int)):
                return self._window(node, frame)
            bounds.append(value.value)
        return UNKNOWN if bounds[2] == 0 else Slice(slice(*bounds))

    def _window(self, node: libcst.Slice, frame: Frame) -> Value:
        """A slice of unknown bounds: ``a : a + k`` and ``i * k : (i + 1) * k`` hold k elements."""
        if node not in self._lengths:
            self._lengths[node] = _length_of(node)
        length = self._lengths[node]
        value = UNKNOWN if length is None else self.evaluate(length, frame)
        known = isinstance(value, Const) and type(value.value) is int
        return Window(value.value if known and isinstance(value, Const) else None)

    # literals

    def _integer(self, node: libcst.Integer, frame: Frame) -> Value:
        return _number(node.value)

    def _float(self, node: libcst.Float, frame: Frame) -> Value:
        return Const(float(node.value.replace("_", "")))

    def _string(self, node: libcst.SimpleString, frame: Frame) -> Value:
        return _literal(node.value)

    def _parts(self, node: libcst.ConcatenatedString, frame: Frame) -> Value:
        left, right = self.evaluate(node.left, frame), self.evaluate(node.right, frame)
        if isinstance(left, Const) and isinstance(right, Const) and type(left.value) is type(right.value):
            return Const(left.value + right.value)
        return UNKNOWN

    def _formatted(self, node: libcst.FormattedString, frame: Frame) -> Value:
        for part in node.parts:
            if isinstance(part, libcst.FormattedStringExpression):
                self.evaluate(part.expression, frame)
        return UNKNOWN

    def elements(self, nodes: Sequence[libcst.BaseElement], frame: Frame) -> tuple[tuple[Value, ...], Value | None]:
        """The known elements of a display, and a value for those of unknown number."""
        items: list[Value] = []
        rest: Value | None = None
        for node in nodes[:LONGEST_LITERAL]:
            value = self.evaluate(node.value, frame)
            if isinstance(node, libcst.StarredElement):
                more = value.iterate(self.own)
                if more is None:
                    rest = join(rest, value.element(self.own))
                else:
                    items.extend(more)
            else:
                items.append(value)
        if len(nodes) > LONGEST_LITERAL:
            rest = UNKNOWN
        return tuple(items), rest

    def _tuple(self, node: libcst.Tuple, frame: Frame) -> Value:
        items, rest = self.elements(node.elements, frame)
        return Tuple(items) if rest is None else self.new_list(items, rest)

    def _list(self, node: libcst.List | libcst.Set, frame: Frame) -> Value:
        return self.new_list(*self.elements(node.elements, frame))

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

    def _dict(self, node: libcst.Dict, frame: Frame) -> Value:
        made = DictObject()
        for element in node.elements[:LONGEST_LITERAL]:
            value = self.evaluate(element.value, frame)
            if isinstance(element, libcst.DictElement):
                made.set_item(self.own, self.evaluate(element.key, frame), value)
            elif isinstance(value, DictObject):
                for key, entry in value.entries(self.own).items():
                    made.set_item(self.own, Const(key), entry)
            else:
                made.set_item(self.own, UNKNOWN, UNKNOWN)
        if len(node.elements) > LONGEST_LITERAL:
            made.set_item(self.own, UNKNOWN, UNKNOWN)
        return made

    # operators

    def _binary(self, node: libcst.BinaryOperation, frame: Frame) -> Value:
        left, right = self.evaluate(node.left, frame), self.evaluate(node.right, frame)
        return self.operate(type(node.operator).__name__, left, right, node, frame)

    def operate(self, name: str, left: Value, right: Value, node: libcst.CSTNode, frame: Frame) -> Value:
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
        if name == "Multiply" and isinstance(left, ListObject) and isinstance(right, Const):
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

    def _unary(self, node: libcst.UnaryOperation, frame: Frame) -> Value:
        operand = self.evaluate(node.expression, frame)
        name = type(node.operator).__name__
        found = self.library.operation(self.own, name, (operand,), node, frame)
        if found is not None:
            return found
        if name == "Not":
            truth = operand.truth()
            return UNKNOWN if truth is None else Const(not truth)
        if name == "Minus" and isinstance(operand, Const) and isinstance(operand.value, (int, float)):
            return Const(-operand.value, operand.assumed)
        return UNKNOWN

    def _boolean(self, node: libcst.BooleanOperation, frame: Frame) -> Value:
        left = self.evaluate(node.left, frame)
        is_and = isinstance(node.operator, libcst.And)
        truth = left.truth()
        if truth is not None and truth is not is_and:
            return left
        self.guards.append(Guard(left, is_and, node.left))
        with self.store.maybe():
            right = self.evaluate(node.right, frame)
        self.guards.pop()
        if truth is is_and:
            return right
        found = self.library.operation(self.own, "And" if is_and else "Or", (left, right), node, frame)
        return found if found is not None else join(left, right)

    def _comparison(self, node: libcst.Comparison, frame: Frame) -> Value:
        left = self.evaluate(node.left, frame)
        result: Value = UNKNOWN
        for target in node.comparisons:
            right = self.evaluate(target.comparator, frame)
            result = self._compare(type(target.operator).__name__, left, right, node, frame)
            left = right
        return result if len(node.comparisons) == 1 else UNKNOWN

    def _compare(self, name: str, left: Value, right: Value, node: libcst.CSTNode, frame: Frame) -> Value:
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

    def _conditional(self, node: libcst.IfExp, frame: Frame) -> Value:
        test = self.evaluate(node.test, frame)
        truth = test.truth()
        if truth is not None:
            return self.evaluate(node.body if truth else node.orelse, frame)
        return self.either(
            test, node.test, lambda: self.evaluate(node.body, frame), lambda: self.evaluate(node.orelse, frame)
        )

    def either(self, test: Value, node: libcst.CSTNode, yes: Callable[[], Value], no: Callable[[], Value]) -> Value:
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

    def _lambda(self, node: libcst.Lambda, frame: Frame) -> Value:
        assert frame.module is not None
        return Function(node, "<lambda>", frame.module, frame, self.defaults_of(node.params, frame))

    def defaults_of(self, parameters: libcst.Parameters, frame: Frame) -> dict[str, Value]:
        """The values of parameter defaults, evaluated where the function is defined."""
        return {
            parameter.name.value: self.evaluate(parameter.default, frame)
            for parameter in named_parameters(parameters)
            if parameter.default is not None
        }

    def _named(self, node: libcst.NamedExpr, frame: Frame) -> Value:
        value = self.evaluate(node.value, frame)
        if isinstance(node.target, libcst.Name):
            self.bind_name(node.target.value, value, frame)
        return value

    def _yield(self, node: libcst.Yield, frame: Frame) -> Value:
        if isinstance(node.value, libcst.From):
            frame.yields.append(self.evaluate(node.value.item, frame).element(self.own))
        elif node.value is not None:
            frame.yields.append(self.evaluate(node.value, frame))
        return UNKNOWN

    def for_each(self, target: libcst.BaseExpression, iterable: Value, frame: Frame, body: Callable[[], bool]) -> bool:
        raise NotImplementedError  # the interpreter's

    def _comprehension(self, node: libcst.BaseSimpleComp, frame: Frame) -> Value:
        items: list[Value] = []
        clause = node.for_in
        iterable = self.evaluate(clause.iter, frame)
        certain = self._each_of(clause, iterable, frame, lambda: items.append(self.evaluate(node.elt, frame)))
        known = iterable.iterate(self.own)
        if not certain and known is not None and items and not clause.ifs and clause.inner_for_in is None:
            items, certain = [join_all(items)] * len(known), True  # a long loop, of which some rounds stand for all
        made = self.new_list(tuple(items)) if certain else self.new_list((), join_all(items))
        if isinstance(iterable, ListObject) and iterable.count(self.own) is None:
            made.uncount(self.own)
        return made

    def _dict_comprehension(self, node: libcst.DictComp, frame: Frame) -> Value:
        made = DictObject()

        def add() -> None:
            key = self.evaluate(node.key, frame)
            made.set_item(self.own, key, self.evaluate(node.value, frame))

        if not self._each_of(node.for_in, self.evaluate(node.for_in.iter, frame), frame, add):
            made.set_item(self.own, UNKNOWN, UNKNOWN)
        return made

    def _each_of(self, clause: libcst.CompFor, iterable: Value, frame: Frame, visit: Callable[[], None]) -> bool:
        """Run ``visit`` for every combination of a comprehension's clauses; whether each of them was met by itself."""
        certain = True

        def body() -> bool:
            nonlocal certain
            tests = [self.evaluate(condition.test, frame) for condition in clause.ifs]
            truths = [test.truth() for test in tests]
            if False in truths:
                return True
            if None in truths:
                certain = False
            if clause.inner_for_in is not None:
                inner = clause.inner_for_in
                certain = self._each_of(inner, self.evaluate(inner.iter, frame), frame, visit) and certain
            else:
                visit()
            return True

        return self.for_each(clause.target, iterable, frame, body) and certain

    def _call(self, node: libcst.Call, frame: Frame) -> Value:
        callee = self.evaluate(node.func, frame)
        return self.call(callee, self.arguments(node, frame))

    def arguments(self, node: libcst.Call, frame: Frame) -> Arguments:
        """The evaluated arguments of a call."""
        positional: list[Value] = []
        keywords: dict[str, Value] = {}
        extra = False
        for argument in node.args:
            value = self.evaluate(argument.value, frame)
            if argument.keyword is not None:
                keywords[argument.keyword.value] = value
            elif argument.star == "*":
                items = value.iterate(self.own)
                if items is None:
                    extra = True
                    positional.append(value.element(self.own))
                else:
                    positional.extend(items)
            elif argument.star == "**":
                if isinstance(value, DictObject):
                    entries = value.entries(self.own)
                    keywords.update({key: entry for key, entry in entries.items() if isinstance(key, str)})
                    extra = extra or not value.complete(self.own)
                else:
                    extra = True
            else:
                positional.append(value)
        return Arguments(tuple(positional), keywords, node, frame, extra)


def _length_of(node: libcst.Slice) -> libcst.BaseExpression | None:
    """How many elements a slice holds, where that is written."""
    match node.lower, node.upper:
        case libcst.BaseExpression() as lower, libcst.BinaryOperation(operator=libcst.Add()) as upper:
            return upper.right if upper.left.deep_equals(lower) else None
        case (
            libcst.BinaryOperation(operator=libcst.Multiply()) as lower,
            libcst.BinaryOperation(operator=libcst.Multiply()) as upper,
        ):
            return lower.right if upper.right.deep_equals(lower.right) else None
    return None


@lru_cache(maxsize=8192)
def _literal(text: str) -> Value:
    """The value of a string or bytes literal."""
    if text[0] in "'\"" and "\\" not in text and "\r" not in text:
        quotes = 3 if text.startswith(('"""', "'''")) else 1
        return Const(text[quotes:-quotes])
    return Const(ast.literal_eval(text)) if len(text) <= LONGEST_LITERAL else UNKNOWN


@lru_cache(maxsize=8192)
def _number(text: str) -> Value:
    """The value of an integer literal."""
    return Const(int(text.replace("_", ""), 0)) if len(text) < 40 else UNKNOWN


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
    if numbers and (abs(a) > LARGEST_NUMBER or abs(b) > LARGEST_NUMBER or (name == "Power" and abs(b) > 64)):
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
    if not positive or name not in ("Multiply", "FloorDivide"):
        return UNKNOWN
    assert a[0] is not None
    assert b[0] is not None
    if name == "Multiply":
        return Range(a[0] * b[0], None if a[1] is None or b[1] is None else a[1] * b[1])
    return Range(0 if b[1] is None else a[0] // b[1], None if a[1] is None else a[1] // b[0])
