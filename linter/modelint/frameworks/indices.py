"""What stands between brackets: what it takes of an array's axes."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from modelint.program.interpreter import Interpreter
from modelint.program.values import ELLIPSIS, Const, ListObject, Range, Slice, Unknown, Value, Window

Shape = tuple[int | None, ...]


class How(enum.Enum):
    """What an index does to an axis."""

    ONE = enum.auto()  # takes the axis away
    NEW = enum.auto()  # puts an axis of length 1 in
    PART = enum.auto()  # takes a part of the axis, in order
    CHOICE = enum.auto()  # takes some of it by their numbers, or as a mask says
    REST = enum.auto()  # stands for all axes that have no index of their own
    UNKNOWN = enum.auto()


@dataclass(frozen=True, slots=True)
class Index:
    """One index. ``part``: the slice; ``length``: how much it takes of its axis, where that is known without it."""

    how: How
    part: slice | None = None
    length: int | None = None

    @property
    def keeps_all(self) -> bool:
        """Whether the axis is as it was."""
        return self.how is How.REST or (self.how is How.PART and self.part == slice(None))

    def taken(self, size: int | None) -> int | None:
        """How much it takes of an axis of some length."""
        if self.keeps_all:
            return size
        if self.part is None:
            return self.length
        return None if size is None else len(range(size)[self.part])


def index_of(value: Value, interpreter: Interpreter) -> Index:
    """The index that a value is."""
    match value:
        case Const(value=None):
            return Index(How.NEW)
        case Const() if value == ELLIPSIS:
            return Index(How.REST)
        case Const(value=int()) | Range():
            return Index(How.ONE)
        case Slice():
            return Index(How.PART, value.slice)
        case Window():
            return Index(How.PART, None, value.length)
        case ListObject():
            is_mask = any(isinstance(item, Const) and isinstance(item.value, bool) for item in value.items(interpreter))
            return Index(How.CHOICE, None, None if is_mask else value.count(interpreter))
    return Index(How.UNKNOWN)


def selects_part(value: Value, *, of_array: bool) -> bool:
    """Whether an index is one of a tuple or dictionary: of what is an array, only a name can be."""
    if isinstance(value, Const):
        return isinstance(value.value, str) or (isinstance(value.value, int) and not of_array)
    return isinstance(value, Unknown) and not of_array


def indexed_shape(shape: Shape | None, indices: Sequence[Index]) -> Shape | None:
    """The shape of what is taken of an array, as far as known."""
    if shape is None:  # a length that is asked for is known all the same
        length = indices[0].length
        return None if length is None else (length,)
    if any(index.how is How.UNKNOWN for index in indices) or _taken_by(indices) > len(shape):
        return None
    left = list(shape)
    result: list[int | None] = []
    for number, index in enumerate(indices):
        match index.how:
            case How.ONE:
                del left[0]
            case How.NEW:
                result.append(1)
            case How.REST:
                kept = len(left) - _taken_by(indices[number + 1 :])
                result.extend(left[:kept])
                del left[:kept]
            case _:
                result.append(index.taken(left.pop(0)))
    return (*result, *left)


def _taken_by(indices: Sequence[Index]) -> int:
    """How many axes have an index of their own."""
    return sum(index.how not in (How.NEW, How.REST) for index in indices)
