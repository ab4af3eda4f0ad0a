"""Tests on the run mode, and what they say about the code under them."""

from __future__ import annotations

import ast
import re

from modelint.documents.trees import FUNCTIONS, children_of, words_in
from modelint.frameworks.keras_modes import ALWAYS, Training
from modelint.program.interpreter import Interpreter
from modelint.program.values import Builtin, Const, Function, Union, Value


class ModeParameter(Value):
    """The ``training`` parameter of a forward pass under examination: None, True or False."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ModeParameter)

    def __hash__(self) -> int:
        return hash(ModeParameter)

    def outlives(self, mark: int) -> bool:
        return True

    def __repr__(self) -> str:
        return "ModeParameter"


class LearningPhase(Value):
    """``keras.backend.learning_phase()``: the mode of the surrounding call."""

    __slots__ = ()


class ModeTest(Value):
    """A test that holds for some values of the mode. ``exact``: it holds for all of them, whatever else is."""

    __slots__ = ("allowed", "exact")

    def __init__(self, allowed: frozenset[Training], exact: bool = True) -> None:
        self.allowed = allowed
        self.exact = exact

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ModeTest) and (self.allowed, self.exact) == (other.allowed, other.exact)

    def __hash__(self) -> int:
        return hash((self.allowed, self.exact))

    def outlives(self, mark: int) -> bool:
        return True

    def __repr__(self) -> str:
        return f"ModeTest({set(self.allowed)})"

    def under(self, holds: bool) -> frozenset[Training]:
        """The modes in which the code runs that stands under this test (or under its opposite)."""
        if holds:
            return self.allowed
        return ALWAYS - self.allowed if self.exact else ALWAYS


TRUE_ONLY: frozenset[Training] = frozenset({True})


def as_test(value: Value) -> ModeTest | None:
    """A value read as a test on the mode."""
    if isinstance(value, ModeTest):
        return value
    if isinstance(value, (ModeParameter, LearningPhase)):
        return ModeTest(TRUE_ONLY)
    if isinstance(value, Union):
        tests = [test for one in value.values if (test := as_test(one)) is not None]
        if tests:
            return ModeTest(frozenset().union(*(t.allowed for t in tests)), exact=len(tests) == len(value.values))
    return None


def is_mode(value: Value) -> bool:
    """Whether a value is the mode parameter, perhaps after a default was put in its place."""
    if isinstance(value, Union):
        return any(is_mode(one) for one in value.values)
    return isinstance(value, (ModeParameter, LearningPhase))


def operation(operator: str, operands: tuple[Value, ...]) -> Value | None:
    """Operators on the mode: ``not training``, ``training is not False``, ``a and training``."""
    if operator == "Not":
        test = as_test(operands[0])
        return None if test is None else ModeTest(ALWAYS - test.allowed if test.exact else ALWAYS, test.exact)
    if len(operands) != 2:
        return None
    left, right = operands
    if operator in ("And", "Or"):
        return _combine(operator, as_test(left), as_test(right))
    if isinstance(left, Const) and is_mode(right):
        left, right = right, left
    if not is_mode(left) or not isinstance(right, Const) or right.value not in (None, True, False, 0, 1):
        return None
    if operator in ("Is", "Eq"):
        return ModeTest(frozenset({v for v in ALWAYS if v == right.value and (v is None) == (right.value is None)}))
    if operator in ("IsNot", "NotEq"):
        return ModeTest(frozenset({v for v in ALWAYS if v != right.value or (v is None) != (right.value is None)}))
    return None


def _combine(operator: str, left: ModeTest | None, right: ModeTest | None) -> Value | None:
    if left is None and right is None:
        return None
    a = left.allowed if left is not None else ALWAYS
    b = right.allowed if right is not None else ALWAYS
    exact = left is not None and right is not None and left.exact and right.exact
    if operator == "And":
        return ModeTest(a & b, exact)
    return ModeTest(a | b, exact) if left is not None and right is not None else ModeTest(ALWAYS, False)


def reached(interpreter: Interpreter) -> frozenset[Training]:
    """The modes in which the code under way runs, by the tests around it."""
    modes: frozenset[Training] = ALWAYS
    for guard in interpreter.guards:
        test = as_test(guard.value)
        if test is not None:
            modes &= test.under(guard.holds)
    return modes


def has_opaque_guard(interpreter: Interpreter) -> bool:
    """Whether the code under way stands under a test that says nothing of the mode."""
    return any(as_test(guard.value) is None for guard in interpreter.guards)


MODE_PARAMETERS = frozenset(("training", "is_training", "train", "is_train"))
_MODE_WORD = re.compile(
    r"train|phase|determin|(^|_)mode|infer|(^|_)eval|(^|_)test|dropout|augment|noise|sampl|stochastic", re.IGNORECASE
)


def is_named_mode(interpreter: Interpreter) -> bool:
    """Whether the code under way stands under a test that is about the mode by its names (``if self.is_train:``)."""
    return any(as_test(guard.value) is None and speaks_of_mode(guard.node) for guard in interpreter.guards)


def gates_by_mode(function: Function | None) -> bool:
    """Whether a function uses its mode parameter for more than handing it on, so that it may gate anything by it."""
    if function is None or not isinstance(function.node, FUNCTIONS):
        return False
    names = {parameter.arg for parameter in function.node.args.args} & MODE_PARAMETERS
    if not names:
        return False
    stack: list[ast.AST] = [*function.node.body]
    while stack:
        node = stack.pop()
        match node:
            case ast.Name(id=name) | ast.arg(arg=name) if name in names:
                return True
            case ast.keyword(arg=str(), value=ast.Name()):
                pass  # handed on
            case _:
                stack.extend(children_of(node))
    return False


def speaks_of_mode(node: ast.AST) -> bool:
    """Whether an expression is about the mode by its names."""
    return any(map(_MODE_WORD.search, words_in(node)))


LEARNING_PHASE = LearningPhase()
learning_phase = Builtin("keras.backend.learning_phase", lambda interpreter, arguments: LEARNING_PHASE)
