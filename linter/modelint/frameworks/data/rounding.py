"""Numbers that are rounded down to whole batches: of steps, of the batches of a generator.

Takes an expression as it is written, gives the division in it that leaves samples out. A division rounds samples down
to batches only where it divides a number of samples, or by a batch size; anything else may be divided at will.
"""

from __future__ import annotations

import ast
import enum
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from modelint.documents import Script, Site
from modelint.documents.trees import FUNCTIONS, children_of, descendants_of, same_code, words_in
from modelint.frameworks.data.batching import is_size_name
from modelint.program.frames import Frame
from modelint.program.interpreter import Interpreter
from modelint.program.values import UNKNOWN, Const, Unknown, Value

Evaluate = Callable[[ast.expr], Value]
CountsBatches = Callable[[Value], bool]
"""Whether the length of a value is a number of batches."""

_ROUNDING_DOWN = re.compile(r"(int(eger)?\d*|floor)$")
_COUNT_OF_SAMPLES = re.compile(
    r"sampl|exampl|image|img|pict|(^|_)(n|nb|num|number|len|length|size|total|count|cnt)(_|$)", re.IGNORECASE
)
_COUNT_OF_BATCHES = re.compile(r"step|batch|iter|epoch", re.IGNORECASE)


class Counted(enum.Enum):
    """What a number counts."""

    SAMPLES = enum.auto()
    BATCHES = enum.auto()
    UNKNOWN = enum.auto()


@dataclass(frozen=True, slots=True, eq=False)
class Rounding:
    """A number of batches that leaves samples out, and where it is computed.

    ``dropped``: how many samples are left out, where known. ``again``: the number of batches is divided by the batch
    size once more. ``short``: how many whole batches it is less than there are.
    """

    place: Site
    dropped: int | None = None
    again: bool = False
    short: int = 0


def rounding_of(
    expression: ast.expr,
    interpreter: Interpreter,
    frame: Frame,
    counts_batches: CountsBatches,
    size: int | None,
) -> Rounding | None:
    """What a number of steps leaves out of data in batches of a size, if that is known; None if nothing."""
    assert frame.module is not None
    script = frame.module.script
    written = written_as(expression, script)

    def evaluate(node: ast.expr) -> Value:
        is_known = written is expression or is_known_in(written, frame)
        return interpreter.evaluate(node, frame) if is_known else UNKNOWN

    match written:
        case ast.BinOp(op=ast.Sub(), left=left, right=ast.Constant(value=int(less))):
            measured = _measured(left)
            if measured is not None and counts_batches(evaluate(measured)) and less > 0:
                return Rounding(script.site(written), short=less)
    division = rounded_division(written)
    if division is None:
        return None
    if _is_of_training(division.left) or _is_multiple(division.left):
        return None
    counted = _counted(division.left, evaluate, counts_batches)
    divisor = number_of(evaluate(division.right))
    if divisor == 1:
        return None
    by_size = is_size(division.right, divisor, size)
    if counted is Counted.BATCHES:
        measured = _measured(division.left)
        again = by_size and measured is not None
        return Rounding(script.site(division), again=True) if again else None
    if _is_divided(division, script):
        return None
    if not by_size and (counted is Counted.UNKNOWN or None not in (divisor, size)):
        return None
    samples = number_of(evaluate(division.left))
    dropped = None
    if samples is not None and divisor:
        dropped = max(0, samples - samples // divisor * (size or divisor))
    return Rounding(script.site(division), dropped)


def _is_divided(division: ast.BinOp, script: Script) -> bool:
    """Whether the divisor was chosen, or is asserted, to leave no remainder (``length % size == 0``)."""
    asserted = (node.test for node in descendants_of(script.module) if isinstance(node, ast.Assert))
    return any(
        isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and same_code(node.left, division.left)
        for one in (written_as(division.right, script), *asserted)
        for node in descendants_of(one)
    )


def _is_of_training(number: ast.expr) -> bool:
    """Whether a number counts training data, by its names: it says nothing of what an evaluation leaves out."""
    return any("train" in word.lower() for word in words_in(number))


def _is_multiple(number: ast.expr) -> bool:
    """Whether a number is some number several times over: then what is cut off has been seen before."""
    match number:
        case (
            ast.BinOp(op=ast.Mult(), left=ast.Constant(value=times))
            | ast.BinOp(op=ast.Mult(), right=ast.Constant(value=times))
        ):
            return isinstance(times, (int, float)) and times >= 2
    return False


def is_size(divisor: ast.expr, value: int | None, size: int | None) -> bool:
    """Whether what is divided by is a batch size: by its name, or because it is that of the data."""
    return any(map(is_size_name, names_of(divisor))) or (value == size and size is not None and size > 1)


def _measured(call: ast.expr) -> ast.expr | None:
    """What ``len(x)`` is the length of."""
    match call:
        case ast.Call(func=ast.Name(id="len"), args=[measured], keywords=[]):
            return measured
    return None


def _counted(number: ast.expr, evaluate: Evaluate, counts_batches: CountsBatches) -> Counted:
    """What a number counts, as far as what it is made of says."""
    measured = _measured(number)
    if measured is not None:
        value = evaluate(measured)
        if counts_batches(value):
            return Counted.BATCHES
        return Counted.UNKNOWN if isinstance(value, Unknown) else Counted.SAMPLES
    match number:
        case ast.BinOp(op=ast.FloorDiv() | ast.Div()):
            divided_by_size = any(map(is_size_name, names_of(number.right)))
            return Counted.BATCHES if divided_by_size else _counted(number.left, evaluate, counts_batches)
        case ast.BinOp():
            sides = [_counted(side, evaluate, counts_batches) for side in (number.left, number.right)]
            return next((kind for kind in (Counted.BATCHES, Counted.SAMPLES) if kind in sides), Counted.UNKNOWN)
        case ast.Call(args=[inner], keywords=[]) if _ROUNDING_DOWN.search(_called(number)):
            return _counted(inner, evaluate, counts_batches)
        case ast.Subscript(value=ast.Attribute(attr="shape")):
            return Counted.SAMPLES
    names = [_called(number)] if isinstance(number, ast.Call) else list(names_of(number))
    if any(map(_COUNT_OF_BATCHES.search, names)):
        return Counted.BATCHES
    return Counted.SAMPLES if any(map(_COUNT_OF_SAMPLES.search, names)) else Counted.UNKNOWN


def is_known_in(expression: ast.AST, frame: Frame) -> bool:
    """Whether the names in an expression are those that a frame knows: it stands in the same function, or around it."""
    if frame.module is None:
        return False
    functions: list[ast.AST] = []
    scope: Frame | None = frame
    while scope is not None:
        if scope.function is not None:
            functions.append(scope.function.node)
        scope = scope.parent
    parents = frame.module.script.parents
    node = parents.get(expression)
    while node is not None and not isinstance(node, (*FUNCTIONS, ast.Lambda)):
        node = parents.get(node)
    return node is None or node in functions


def written_as(expression: ast.expr, script: Script) -> ast.expr:
    """An expression, or what is assigned to the name that it is, where that is one thing in the whole module."""
    if isinstance(expression, ast.Name):
        return assigned_once(script.module, expression.id) or expression
    if isinstance(expression, ast.Attribute) and isinstance(expression.value, ast.Name):
        return assigned_once(script.module, expression.attr, of=expression.value.id) or expression
    return expression


def assigned_once(within: ast.AST, name: str, of: str | None = None) -> ast.expr | None:
    """The only value that is assigned to a name (or to an attribute ``of`` one) by the statements in a node."""
    found: list[ast.expr] = []
    stack: list[ast.AST] = [within]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Assign):
            found += [node.value for target in node.targets if _is_target(target, name, of)]
        elif isinstance(node, ast.AugAssign):
            if _is_target(node.target, name, of):
                return None
        elif not isinstance(node, ast.expr):
            stack.extend(children_of(node))
    return found[0] if len(found) == 1 else None


def _is_target(target: ast.expr, name: str, of: str | None) -> bool:
    match target:
        case ast.Name():
            return of is None and target.id == name
        case ast.Attribute(value=ast.Name(id=owner)):
            return owner == of and target.attr == name
    return False


def rounded_division(expression: ast.expr) -> ast.BinOp | None:
    """The division of a number that is rounded down: ``a // b``, ``int(a / b)``, ``max(1, a // b)`` and so on."""
    match expression:
        case ast.BinOp(op=ast.FloorDiv()):
            return None if _is_rounding_up(expression) else expression
        case ast.Call(func=ast.Attribute(value=ast.Call() as inner, attr="astype" | "item")):
            return rounded_division(inner)
        case ast.Call():
            name = _called(expression)
            values = [*expression.args, *(keyword.value for keyword in expression.keywords)]
            if _ROUNDING_DOWN.search(name) and len(values) == 1:
                (value,) = values
                if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Div):
                    return value
                return rounded_division(value)
            others = [value for value in values if not _is_one(value)]
            if name in ("max", "maximum") and len(values) == 2 and len(others) == 1:
                return rounded_division(others[0])
    return None


def _is_one(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int and node.value == 1


def _is_rounding_up(division: ast.BinOp) -> bool:
    """Whether what is divided was made larger by the divisor: ``(n + b - 1) // b``, or a multiple of it."""
    left = division.left
    return isinstance(left, ast.BinOp) and any(same_code(node, division.right) for node in descendants_of(left))


def _called(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def names_of(expression: ast.AST) -> Iterator[str]:
    """What an expression is called: its name, the last of its attributes, its key; of a product those of both sides."""
    match expression:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            yield name
        case ast.Subscript(slice=ast.Constant(value=str(key))):
            yield key
        case ast.BinOp(op=ast.Mult()):
            yield from names_of(expression.left)
            yield from names_of(expression.right)
        case ast.Call(args=[inner], keywords=[], func=ast.Name(id="int" | "float")):
            yield from names_of(inner)


def number_of(value: Value) -> int | None:
    """A value as a number of things."""
    return value.value if isinstance(value, Const) and type(value.value) is int else None
