"""How samples are put into batches."""

from __future__ import annotations

from dataclasses import dataclass

from modelint.documents import Site
from modelint.program.values import Const, Range, Union, Value


@dataclass(frozen=True, slots=True, eq=False)
class Batching:
    """How samples are put into batches.

    ``size`` is the batch size as a number or bounds (None: not batched, or unknown); ``assumed``: it is the default of
    an option. ``drops``: the last partial batch is left out (None: unknown), at ``drop_site``. ``samples``: how many
    there are; ``repeated``: endless before batching, so that no partial batch arises. ``role``: "training" or
    "evaluation", where the pipeline says so.
    """

    size: int | Range | None = None
    assumed: bool = False
    site: Site | None = None
    drops: bool | None = False
    drop_site: Site | None = None
    samples: int | None = None
    repeated: bool = False
    role: str | None = None

    @property
    def partial(self) -> int | None:
        """The size of the last partial batch: 0 if there is none, None if it is not known."""
        if self.drops or self.repeated:
            return 0
        if self.samples is None or not isinstance(self.size, int) or self.size < 1:
            return None
        return self.samples % self.size


def size_of(value: Value | None) -> tuple[int | Range | None, bool]:
    """A batch size as number or bounds, and whether it is only assumed."""
    if isinstance(value, Const) and type(value.value) is int and value.value > 0:
        return value.value, value.assumed
    if isinstance(value, Range):
        return value, False
    if isinstance(value, Union):
        sizes = [v.value for v in value.values if isinstance(v, Const) and type(v.value) is int]
        if len(sizes) == len(value.values):
            return Range(min(sizes), max(sizes)), any(v.assumed for v in value.values if isinstance(v, Const))
    return None, False
