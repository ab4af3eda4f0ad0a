"""How samples are put into batches."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from modelint.documents import Site
from modelint.program.values import Const, Range, Union, Unknown, Value

if TYPE_CHECKING:
    from modelint.frameworks.events import DrawEvent

Item = TypeVar("Item")

BY_ARGUMENT = "drop_remainder=True"

_SIZE_NAME = re.compile(r"batch_?(size|sz|dim)|^b_?size$|(^|_)(bs|bsz)$|(^|_)(mini)?batch$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, eq=False)
class Batching:
    """How samples are put into batches.

    ``size`` is the batch size as a number or bounds (None: not batched, or unknown); ``assumed``: it is the default of
    an option. ``drops``: the last partial batch is left out (None: unknown), at ``drop_site``, as ``how`` says.
    ``samples``: how many there are; ``repeated``: endless before batching, so that no partial batch arises (None:
    perhaps). ``role``: "training" or "evaluation", where the pipeline says so. ``certain``: what is put into batches is
    known to be a data set. ``shuffled``: what puts them into another order. ``others``: the ways between which the
    program chooses, which this one stands for.
    """

    size: int | Range | None = None
    assumed: bool = False
    site: Site | None = None
    drops: bool | None = False
    drop_site: Site | None = None
    samples: int | None = None
    repeated: bool | None = False
    role: str | None = None
    how: str = BY_ARGUMENT
    certain: bool = True
    shuffled: frozenset[DrawEvent] = frozenset()
    others: tuple[Batching, ...] = ()

    @property
    def partial(self) -> int | None:
        """The size of the last partial batch: 0 if there is none, None if it is not known."""
        return 0 if self.drops else self.left_over

    @property
    def left_over(self) -> int | None:
        """How many samples do not fill a batch; None if that is not known."""
        if self.repeated or self.size == 1:
            return 0
        if self.samples is None or not isinstance(self.size, int) or self.size < 1:
            return None
        return self.samples % self.size

    def each(self) -> tuple[Batching, ...]:
        """The ways between which the program chooses."""
        return self.others or (self,)

    def changed(self, **changes: Any) -> Batching:
        """With other values in some fields, whichever way is chosen."""
        return replace(self, **changes, others=tuple(one.changed(**changes) for one in self.others))


def either(one: Batching, other: Batching) -> Batching:
    """What stands for two ways of batching between which the program chooses."""
    if one is other:
        return one
    ways = tuple(dict.fromkeys((*one.each(), *other.each())))
    if len(ways) == 1:
        return ways[0]
    sizes = [way.size for way in ways]
    return Batching(
        _bounds(sizes),
        any(way.assumed for way in ways),
        ways[0].site,
        common(way.drops for way in ways),
        ways[0].drop_site,
        common(way.samples for way in ways),
        common(way.repeated for way in ways),
        common(way.role for way in ways),
        ways[0].how,
        all(way.certain for way in ways),
        frozenset().union(*(way.shuffled for way in ways)),
        ways,
    )


def common(items: Iterable[Item]) -> Item | None:
    """What all items are; None if they differ."""
    found = set(items)
    return found.pop() if len(found) == 1 else None


def _bounds(sizes: list[int | Range | None]) -> int | Range | None:
    """The batch sizes between which all of some are; None if one is not known."""
    if len(set(sizes)) == 1:
        return sizes[0]
    ranges = [size if isinstance(size, Range) else Range(size, size) for size in sizes]
    lows, highs = [one.low for one in ranges if one.low is not None], [one.high for one in ranges if one.high]
    if len(highs) < len(ranges):
        return None
    return Range(min(lows) if len(lows) == len(ranges) else None, max(highs))


def size_of(value: Value | None) -> tuple[int | Range | None, bool]:
    """A batch size as number or bounds, and whether it is only assumed."""
    if isinstance(value, Const) and type(value.value) is int and value.value > 0:
        return value.value, value.assumed
    if isinstance(value, Range):
        return value, False
    if isinstance(value, Union):
        known = [v for v in value.values if isinstance(v, Const) and type(v.value) is int]
        sizes = [v.value for v in known]
        if len(sizes) == len(value.values):
            return Range(min(sizes), max(sizes)), any(v.assumed for v in known)
        *overriding, default = value.values
        if default in known and sizes[0] > 0 and all(isinstance(v, Unknown) for v in overriding):
            return sizes[0], True  # a number that what the program is given may replace
    return None, False


def is_size_name(name: str) -> bool:
    """Whether a name is that of a batch size."""
    return _SIZE_NAME.search(name) is not None
