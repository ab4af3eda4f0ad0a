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


@dataclass(frozen=True)
class InputSpec:
    """One input: its shape with the batch first (None: open), its type, and the ids that an integer input may hold."""

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
    """An input of that many rows, each different from all others.

    Integers are valid ids; pixels lie between 0 and 255; other numbers are normal, with a scale of their own for each
    row, so that a row that leaks into others shows.
    """
    generator = numpy.random.default_rng(seed)
    open_size = UNKNOWN_IMAGE_SIZE if spec.image else UNKNOWN_SIZE
    shape = (rows, *(open_size if size is None else size for size in spec.shape[1:]))
    kind = numpy.dtype(numpy.float32 if spec.dtype in ("bfloat16", "string") else spec.dtype).kind
    if kind == "b":
        return generator.random(shape) < 0.5
    if kind in "iu":
        return generator.integers(0, spec.ids or 2, shape).astype(spec.dtype)
    if spec.image:
        return (generator.random(shape) * 255).astype(spec.dtype)
    scale = numpy.geomspace(0.5, 2.0, rows).reshape((rows, *(1 for _ in shape[1:])))
    return (generator.standard_normal(shape) * scale).astype("float32" if spec.dtype == "bfloat16" else spec.dtype)


def with_other_rows(spec: InputSpec, rows: Array, seed: int) -> Array:
    """The same input with every even row replaced: by other ids, other pixels, or numbers of other magnitude.

    Interleaved, for what runs along the batch axis in one direction leaves the first rows alone.
    """
    other = draw(spec, len(rows), seed + 1)
    mixed = rows.copy()
    even = numpy.arange(0, len(rows), 2)
    if other.dtype.kind == "f" and not spec.image:
        factors = numpy.geomspace(1e2, 1e-2, len(even)).reshape((-1, *(1 for _ in rows.shape[1:])))
        other = other.copy()
        other[even] = (other[even] * factors).astype(other.dtype)
    mixed[even] = other[even]
    return mixed
