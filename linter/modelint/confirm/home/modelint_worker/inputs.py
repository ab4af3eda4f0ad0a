"""Inputs to probe a model with: drawn from what is known of its input, varied from row to row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy

Array = Any
"""A numpy array; the worker is typed where a stub is at hand on every machine."""

UNKNOWN_SIZE = 8
"""Length of axes that are open, besides the batch: time steps, sequence lengths."""

UNKNOWN_IMAGE_SIZE = 32

UNKNOWN_IDS = 2
"""How many ids there are in an input of integers of which nothing else is known."""


@dataclass(frozen=True)
class InputSpec:
    """One input: its shape with the batch first (None: open), its type, and how many ids it may hold, if it does."""

    shape: tuple[int | None, ...]
    dtype: str = "float32"
    name: str | None = None
    ids: int | None = None  # valid ids are 0 ... ids - 1
    image: bool = False  # values are pixels

    @property
    def batch(self) -> int | None:
        """The fixed size of the batch, if it is fixed."""
        return self.shape[0] if self.shape else None


def draw(spec: InputSpec, rows: int, seed: int) -> Array:
    """An input of that many rows.

    Integers are valid ids; pixels lie between 0 and 255; other numbers are normal, with a scale of their own for each
    row, so that a row that leaks into others shows.

    Raises:
        ValueError: it holds text.
    """
    if spec.dtype in ("string", "object"):
        raise ValueError(f"the input {spec.name!r} holds text, which is not drawn")
    generator = numpy.random.default_rng(seed)
    open_size = UNKNOWN_IMAGE_SIZE if spec.image else UNKNOWN_SIZE
    shape = (rows, *(open_size if size is None else size for size in spec.shape[1:]))
    dtype = "float32" if spec.dtype == "bfloat16" else spec.dtype
    if numpy.dtype(dtype).kind == "b":
        return generator.random(shape) < 0.5
    if spec.ids is not None or numpy.dtype(dtype).kind in "iu":
        return generator.integers(0, spec.ids or UNKNOWN_IDS, shape).astype(dtype)
    if spec.image:
        return (generator.random(shape) * 255).astype(dtype)
    scale = numpy.geomspace(0.5, 2.0, rows).reshape((rows, *(1 for _ in shape[1:])))
    return (generator.standard_normal(shape) * scale).astype(dtype)


def with_other_rows(spec: InputSpec, rows: Array, seed: int) -> Array:
    """The same input with every even row replaced: every id by another, pixels, or numbers of other magnitude.

    Interleaved, for what runs along the batch axis in one direction leaves the first rows alone.
    """
    even = numpy.arange(0, len(rows), 2)
    mixed = rows.copy()
    if rows.dtype.kind == "b":
        mixed[even] = ~rows[even]
        return mixed
    if spec.ids is not None or rows.dtype.kind in "iu":
        ids = spec.ids or UNKNOWN_IDS
        steps = numpy.random.default_rng(seed).integers(1, max(2, ids), mixed[even].shape)
        mixed[even] = ((rows[even].astype("int64") + steps) % ids).astype(rows.dtype)
        return mixed
    other = draw(spec, len(rows), seed + 1)
    if not spec.image:
        factors = numpy.geomspace(1e2, 1e-2, len(even)).reshape((-1, *(1 for _ in rows.shape[1:])))
        other[even] = (other[even] * factors).astype(other.dtype)
    mixed[even] = other[even]
    return mixed
