"""The shapes of arrays that a program makes, as far as they are known."""

from __future__ import annotations

from collections.abc import Sequence

from modelint.frameworks.indices import Shape
from modelint.frameworks.layers import setting
from modelint.frameworks.tensors import Tensor
from modelint.program.frames import Arguments
from modelint.program.interpreter import Interpreter
from modelint.program.values import Const, ListObject, Tuple, Unknown, Value

SIZE_OF_DRAW = {
    "choice": 1,
    "exponential": 1,
    "poisson": 1,
    "beta": 2,
    "binomial": 2,
    "gamma": 2,
    "integers": 2,
    "normal": 2,
    "randint": 2,
    "uniform": 2,
}
"""Where NumPy's random functions take the size by position."""

DRAWS = frozenset((*SIZE_OF_DRAW, "random"))
DEEPEST_LITERAL = 4


def array_shape(interpreter: Interpreter, name: str, arguments: Arguments) -> Shape | None:
    """The shape of an array that a function creates."""
    last = name.rpartition(".")[2]
    first = arguments.get(0, "shape") or arguments.get(None, "size")
    if last in ("rand", "randn"):
        sizes = [v.value if isinstance(v, Const) and type(v.value) is int else None for v in arguments.positional]
        return tuple(sizes) or None
    if last in ("arange", "range") and len(arguments.positional) > 1:
        return None
    if last == "linspace":
        first = arguments.get(2, "num")
    if last in DRAWS:
        at = SIZE_OF_DRAW.get(last) if name.startswith("numpy.random.") else None
        first = arguments.get(at, "size") or arguments.get(None, "shape") or _first_sequence(arguments)
    if first is None:
        return None
    given = setting(first, interpreter)
    if isinstance(given, bool):
        return None
    if isinstance(given, int):
        return (given,)
    if isinstance(given, tuple):
        return tuple(size if type(size) is int else None for size in given)
    return None


def _first_sequence(arguments: Arguments) -> Value | None:
    """The size among positional arguments: the first that is a sequence."""
    return next((v for v in arguments.positional if not isinstance(v, (Const, Unknown))), None)


def literal_shape(value: Value, interpreter: Interpreter, depth: int = DEEPEST_LITERAL) -> Shape | None:
    """The shape of an array made of a list: of lists of one length each, down to numbers or arrays."""
    if isinstance(value, Tensor):
        return value.shape
    if not isinstance(value, (ListObject, Tuple)) or not depth:
        return ()
    items = value.iterate(interpreter)
    counted = value.count(interpreter) if isinstance(value, ListObject) else len(value.items)
    within = {literal_shape(item, interpreter, depth - 1) for item in items[:16]} if items is not None else set()
    inner = within.pop() if len(within) == 1 else None
    return (counted, *(inner or ()))


def broadcast(shapes: Sequence[Shape | None]) -> Shape | None:
    """The shape of what is computed of arrays element by element.

    The first is taken for the largest where nothing is known of another.
    """
    if not shapes or shapes[0] is None:
        return None
    known = [shape for shape in shapes if shape is not None]
    longest = max(known, key=len)
    columns = zip(*((1,) * (len(longest) - len(shape)) + tuple(shape) for shape in known), strict=True)
    return tuple(_common(column) for column in columns)


def _common(sizes: Sequence[int | None]) -> int | None:
    """The length of an axis of which several arrays have the same, or 1."""
    others = {size for size in sizes if size != 1}
    return 1 if not others else others.pop() if len(others) == 1 else None
