"""Where the samples of a batch are: which axes of a tensor they lie along, followed through operations.

Takes shapes and what an operation does to axes, gives for every tensor the axes that are *certain* to be the samples
and the operations that mixed them on the way. It knows no format and no operator by name. An axis that is lost sight of
is no longer the samples' for anybody: what is not certain is not reported.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from modelint.facts import Shape

SAMPLES: Final = "\0samples"
"""The size of the axis along which the samples lie, where the file leaves it open."""

MOST_MIXED: Final = 32
"""Operations that are remembered for one tensor."""

Known = tuple[int | str | None, ...]


@dataclass(frozen=True, slots=True)
class Tensor:
    """What is known of a tensor.

    ``axes`` are axes that are certain to be the samples; ``mixed`` the operations (by index) that mixed samples and
    that its values depend on. ``varies``: it is computed from an input. ``integral``: its elements are no fractions.
    ``known`` are the elements of a small constant, or of a vector of sizes, as far as known; a scalar has one.
    """

    shape: Shape | None = None
    axes: frozenset[int] = frozenset()
    mixed: frozenset[int] = frozenset()
    varies: bool = False
    integral: bool = False
    known: Known | None = None

    @property
    def rank(self) -> int | None:
        """The number of its axes."""
        return None if self.shape is None else len(self.shape)


NOTHING: Final = Tensor()
"""A tensor of which nothing is known."""


def refined(tensor: Tensor, declared: Shape | None) -> Tensor:
    """The same with what the file declares; an axis of the open size of the batch is the samples'."""
    if declared is None or (tensor.shape is not None and len(tensor.shape) != len(declared)):
        return tensor
    inferred = tensor.shape or (None,) * len(declared)
    shape = tuple(own if given is None else given for own, given in zip(inferred, declared, strict=True))
    named = {axis for axis, size in enumerate(shape) if size == SAMPLES} if tensor.varies else set()
    return replace(tensor, shape=shape, axes=tensor.axes | named)


def following(tensors: Iterable[Tensor], shape: Shape | None = None, axes: Iterable[int] = ()) -> Tensor:
    """A tensor computed from others, of a shape and with the samples along some axes of it."""
    parts = tuple(tensors)
    mixed = frozenset[int]().union(*(part.mixed for part in parts))
    if len(mixed) > MOST_MIXED:
        mixed = frozenset(sorted(mixed)[:MOST_MIXED])
    integral = bool(parts) and all(part.integral for part in parts)
    varies = any(part.varies for part in parts)
    return Tensor(shape, frozenset(axes) if shape is not None else frozenset(), mixed, varies, integral)


def elementwise(tensors: Sequence[Tensor]) -> Tensor:
    """Element by element, with shapes broadcast to each other from the last axis."""
    if any(tensor.shape is None for tensor in tensors) or not tensors:
        return following(tensors)
    shapes = [tensor.shape or () for tensor in tensors]
    rank = max(map(len, shapes))
    aligned = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    size_of = {
        axis + rank - len(shape): shape[axis]
        for tensor, shape in zip(tensors, shapes, strict=True)
        for axis in tensor.axes
    }
    shape = tuple(
        size_of[axis] if axis in size_of else _broadcast([sizes[axis] for sizes in aligned]) for axis in range(rank)
    )
    return following(tensors, shape, size_of)


def _broadcast(sizes: Sequence[int | str | None]) -> int | str | None:
    distinct = {size for size in sizes if size != 1}
    if not distinct:
        return 1
    numbers = [size for size in distinct if isinstance(size, int)]
    if numbers:
        return numbers[0]
    return next(iter(distinct)) if len(distinct) == 1 else None


def reduced(tensor: Tensor, axes: Sequence[int] | None, *, keep: bool) -> tuple[Tensor, bool]:
    """One value from all along some axes (None: all of them), and whether samples were mixed."""
    if tensor.shape is None:
        return following([tensor]), False
    rank = len(tensor.shape)
    gone = set(range(rank)) if axes is None else {axis % rank for axis in axes if -rank <= axis < rank}
    mixes = bool(gone & tensor.axes)
    if keep:
        shape: Shape = tuple(1 if axis in gone else size for axis, size in enumerate(tensor.shape))
        return following([tensor], shape, tensor.axes - gone), mixes
    return without(tensor, gone), mixes


def normalised(tensor: Tensor, axes: Iterable[int]) -> tuple[Tensor, bool]:
    """Each value by all others along some axes, and whether samples were mixed."""
    rank = tensor.rank
    mixes = rank is not None and any(axis % rank in tensor.axes for axis in axes if -rank <= axis < rank)
    return following([tensor], tensor.shape, tensor.axes), mixes


def without(tensor: Tensor, gone: Iterable[int]) -> Tensor:
    """The tensor without some axes."""
    if tensor.shape is None:
        return following([tensor])
    left = [axis for axis in range(len(tensor.shape)) if axis not in set(gone)]
    shape = tuple(tensor.shape[axis] for axis in left)
    return following([tensor], shape, (left.index(axis) for axis in tensor.axes if axis in left))


def with_new(tensor: Tensor, new: Sequence[int]) -> Tensor:
    """The tensor with axes of size 1 put in, at positions of the result."""
    if tensor.shape is None:
        return following([tensor])
    rank = len(tensor.shape) + len(new)
    at = {axis % rank for axis in new if -rank <= axis < rank}
    if len(at) != len(new):
        return following([tensor])
    old = [axis for axis in range(rank) if axis not in at]
    sizes = dict(zip(old, tensor.shape, strict=True))
    return following([tensor], tuple(sizes.get(axis, 1) for axis in range(rank)), (old[axis] for axis in tensor.axes))


def permuted(tensor: Tensor, order: Sequence[int] | None) -> Tensor:
    """The tensor with its axes in another order (None: reversed)."""
    if tensor.shape is None:
        return following([tensor])
    rank = len(tensor.shape)
    order = range(rank)[::-1] if order is None else [axis % rank if rank else axis for axis in order]
    if sorted(order) != list(range(rank)):
        return following([tensor])
    shape = tuple(tensor.shape[axis] for axis in order)
    return following([tensor], shape, (new for new, old in enumerate(order) if old in tensor.axes))


def resized(tensor: Tensor, changed: Iterable[int] | None) -> Tensor:
    """The tensor with other sizes along some axes, none of them the samples' for sure (None: it is not known which)."""
    if tensor.shape is None or changed is None:
        return following([tensor], tensor.shape and (None,) * len(tensor.shape))
    lost = {axis % len(tensor.shape) for axis in changed} if tensor.shape else set()
    shape = tuple(None if axis in lost else size for axis, size in enumerate(tensor.shape))
    return following([tensor], shape, tensor.axes - lost)


def reshaped(tensor: Tensor, target: Shape | None) -> Tensor:
    """The same elements in another shape, in which one size may be -1: what is left."""
    if target is None:
        return following([tensor])
    shape = tuple(None if size == -1 else size for size in target)
    if tensor.shape is None:
        return following([tensor], shape)
    axes, sizes = set(), list(shape)
    for axis in tensor.axes:
        new = _found_again(tensor.shape, axis, target)
        if new is not None:
            axes.add(new)
            sizes[new] = tensor.shape[axis]
    return following([tensor], tuple(sizes), axes)


def _found_again(shape: Shape, axis: int, target: Shape) -> int | None:
    """Where an axis is after a reshape: behind as many elements, of the same size. None: not certain."""
    before, behind = _product(shape[:axis]), _product(shape[axis + 1 :])
    for new, size in enumerate(target):
        if before is None or _product(target[:new]) != before:
            continue
        if (size is not None and size == shape[axis]) or (
            size == -1 and behind is not None and _product(target[new + 1 :]) == behind
        ):
            return new
    return None


def _product(sizes: Shape) -> tuple[int, tuple[str, ...]] | None:
    """The product of sizes and the symbols in it; None if it is not known."""
    if any(size is None or size == -1 for size in sizes):
        return None
    symbols = tuple(sorted(size for size in sizes if isinstance(size, str)))
    return math.prod(size for size in sizes if isinstance(size, int)), symbols


def multiplied(left: Tensor, right: Tensor) -> tuple[Tensor, bool]:
    """The matrix product, with the axes before the last two broadcast; and whether it sums over samples."""
    if left.shape is None or right.shape is None or not left.shape or not right.shape:
        return following([left, right]), False
    first = with_new(left, [0]) if len(left.shape) == 1 else left
    second = with_new(right, [1]) if len(right.shape) == 1 else right
    sizes_first, sizes_second = first.shape or (), second.shape or ()
    rank_first, rank_second = len(sizes_first), len(sizes_second)
    mixes = rank_first - 1 in first.axes or rank_second - 2 in second.axes
    outer = elementwise([without(first, {rank_first - 1, rank_first - 2}), without(second, _last_two(rank_second))])
    shape = (*(outer.shape or ()), sizes_first[-2], sizes_second[-1])
    axes = set(outer.axes)
    if rank_first - 2 in first.axes:
        axes.add(len(shape) - 2)
    if rank_second - 1 in second.axes:
        axes.add(len(shape) - 1)
    product = following([left, right], shape, axes)
    gone = {len(shape) - 2} if len(left.shape) == 1 else set()
    gone |= {len(shape) - 1} if len(right.shape) == 1 else set()
    return without(product, gone) if gone else product, mixes


def _last_two(rank: int) -> set[int]:
    return {rank - 2, rank - 1}


def joined(tensors: Sequence[Tensor], axis: int) -> Tensor:
    """Tensors put one behind the other along an axis; samples put behind each other are lost sight of."""
    if not tensors or any(
        tensor.shape is None or len(tensor.shape) != len(tensors[0].shape or ()) for tensor in tensors
    ):
        return following(tensors)
    first = tensors[0].shape or ()
    axis = axis % len(first) if first else 0
    axes = frozenset[int]().union(*(tensor.axes for tensor in tensors)) - {axis}
    shape = tuple(
        None if at == axis else _broadcast([tensor.shape[at] for tensor in tensors if tensor.shape is not None])
        for at in range(len(first))
    )
    return following(tensors, shape, axes)


def taken(data: Tensor, indices: Tensor, axis: int) -> Tensor:
    """Slices of ``data`` along an axis, by indices whose own axes take the place of that axis."""
    if data.shape is None or indices.shape is None or not data.shape:
        return following([data, indices])
    rank, inner = len(data.shape), len(indices.shape)
    axis %= rank
    moved = {old if old < axis else old + inner - 1 for old in data.axes if old != axis}
    moved |= {axis + own for own in indices.axes}
    found = following([data, indices], (*data.shape[:axis], *indices.shape, *data.shape[axis + 1 :]), moved)
    return replace(found, integral=data.integral)


def only_shifts(
    operations: Sequence[tuple[str, Sequence[int], Sequence[int]]],
    maximum: str,
    minus: str,
    exponentials: Collection[str],
) -> Callable[[int], bool]:
    """Whether an operation is a maximum that is only taken off before an exponential: a softmax does not see it.

    Operations are a kind with the tensors it takes and gives, by number.
    """
    users: dict[int, list[int]] = {}
    for index, (_, inputs, _) in enumerate(operations):
        for tensor in inputs:
            users.setdefault(tensor, []).append(index)

    def all_users(index: int) -> list[int]:
        return [user for tensor in operations[index][2] for user in users.get(tensor, ())]

    def is_shift(index: int) -> bool:
        if operations[index][0] != maximum:
            return False
        differences = all_users(index)
        return bool(differences) and all(
            operations[user][0] == minus
            and operations[user][1][0] not in operations[index][2]
            and all(operations[then][0] in exponentials for then in all_users(user))
            for user in differences
        )

    return is_shift
