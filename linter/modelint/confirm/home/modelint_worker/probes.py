"""The smallest set of forward calls that settles what a prediction depends on.

Content is compared without tolerance: at a fixed batch shape the result of a row was bit-identical whatever the other
rows held, in 704 of 704 measured cases in TensorFlow and PyTorch on CPUs. Size and position need the tolerance of the
arithmetic: other shapes are computed by other kernels, with differences up to 1e-5 of the output's root mean square in
float32 (``TOLERANCES``; defects were 0.05 to 7).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy

from .errors import sentence
from .inputs import Array, InputSpec, draw, with_other_rows

ROWS = 8
"""Fewer miss a random flip: with one row and two calls half of the time."""

TOLERANCES: Mapping[str, float] = {"float64": 1e-3, "float32": 1e-3, "float16": 1.6e-2, "bfloat16": 1.25e-1}
"""Difference over root mean square above which size or position matters."""


MORE_REPEATS: Mapping[bool | None, int] = {False: 0, True: 30, None: 8}
"""More calls where one more gives the same, by whether random numbers are drawn (None: it cannot be seen).

An augmentation may be alive and leave eight pictures as they are; a recurrent layer may draw masks and not use them.
"""

NEAR = (1e-5, 1e-1)
"""Differences in float32 that may be either: rounding was at most 1e-5, defects at least 0.05."""


class Runner(Protocol):
    """A model that can be run, whatever framework it is of."""

    def specs(self) -> Sequence[InputSpec]:
        """What its inputs are."""
        ...

    def run(self, inputs: Sequence[Array], entry: str) -> list[Array]:
        """The outputs for a batch, in a way of running it: ``call``, ``false``, ``true``, ``predict``, a signature."""
        ...

    def layers(self, inputs: Sequence[Array], entry: str) -> list[tuple[str, Array]]:
        """The outputs of its layers in the order of execution; empty if they cannot be had."""
        ...

    def state(self) -> dict[str, Array]:
        """A copy of all its variables and buffers by name."""
        ...

    def restore(self, state: Mapping[str, Array]) -> None:
        """Put the variables back."""
        ...

    def seed(self, number: int) -> None:
        """Seed all generators that it draws from."""
        ...

    def chance(self, entry: str) -> object:
        """The states of all generators that it may draw from, to be compared; None if they cannot be seen."""
        ...

    def precise(self) -> Runner | None:
        """The same model in float64; None if it cannot be had."""
        ...


@dataclass
class Difference:
    """How two results differ: the largest absolute difference, and that over the root mean square of the first."""

    absolute: float = 0.0
    relative: float = 0.0
    layer: str | None = None
    error: str | None = None

    @property
    def any(self) -> bool:
        """Whether they differ at all."""
        return self.absolute > 0.0 or self.error is not None


@dataclass
class Screening:
    """What the probes measured in one way of running a model.

    ``content``: rows whose input stayed, beside other rows. ``repeat``: the same input again, after another one.
    ``redrawn``: from the same state, with chance going on, where that differed, for what is carried from call to call
    is no chance. ``reseeded``: the same again from the same state and seed. ``size``: the last row alone, or twice
    where it is alone already. ``precise``: the same in float64, where it is near the tolerance. ``mode``: against the
    other way of running it. ``written``: variables that a call changed, with how much. ``flat``: every row got the
    same output, or no output has rows. ``declared``: the model says that it takes batches of this size.
    ``companions``, ``runs``, ``unseeded`` and ``draws`` are those of ``training_probes``, ``sizes`` that of
    ``sweeping``. ``unseen`` are those of the ``watched`` places of which nothing ran; ``unwatched`` says why they could
    not be watched, if they could not.
    """

    entry: str
    rows: int
    dtype: str
    tolerance: float
    content: Difference = field(default_factory=Difference)
    repeat: Difference = field(default_factory=Difference)
    redrawn: Difference = field(default_factory=Difference)
    reseeded: Difference = field(default_factory=Difference)
    size: Difference = field(default_factory=Difference)
    mode: Difference | None = None
    written: dict[str, float] = field(default_factory=dict)
    precise: Difference | None = None
    flat: bool = False
    declared: bool = False
    not_a_number: bool = False
    companions: Difference | None = None
    runs: Difference | None = None
    unseeded: Difference | None = None
    draws: Difference | None = None
    sizes: Difference | None = None
    watched: int = 0
    unseen: list[Mapping[str, Any]] = field(default_factory=list)
    unwatched: str | None = None

    def as_json(self) -> dict[str, Any]:
        """As the answer has it."""
        return asdict(self)


def screening_of(entry: str, rows: int, *runs: Sequence[Array]) -> Screening:
    """A screening with what is known of the outputs of some runs, before they are compared."""
    dtype = str(runs[0][0].dtype) if runs[0] else "float32"
    found = Screening(entry, rows, dtype, TOLERANCES.get(dtype, 1e-3))
    found.not_a_number = any(map(has_no_number, runs))
    return found


def screen(runner: Runner, entry: str, other: str | None = None, rows: int = ROWS, seed: int = 0) -> Screening:
    """Run the probes; the model is left as it was."""
    inputs, mixed = drawn(runner, rows, seed)
    found = Screen(runner, entry, inputs, mixed, seed).screen(other)
    found.declared = any(spec.batch for spec in runner.specs())
    return found


def drawn(runner: Runner, rows: int, seed: int = 0) -> tuple[list[Array], list[Array]]:
    """Inputs, of the size that the model takes if that is fixed, and the same with every other row replaced."""
    specs = list(runner.specs())
    rows = next((spec.batch for spec in specs if spec.batch), rows)
    inputs = [draw(spec, rows, seed + 10 * index) for index, spec in enumerate(specs)]
    mixed = [
        with_other_rows(spec, one, seed + 10 * index + 5)
        for index, (spec, one) in enumerate(zip(specs, inputs, strict=True))
    ]
    return inputs, mixed


def exercise(runner: Runner, entry: str, rows: int = ROWS) -> None:
    """Run the model on the inputs of a screening and on no more, for what is seen of that; it is left as it was."""
    start = runner.state()
    try:
        for inputs in drawn(runner, rows):
            runner.run(inputs, entry)
    finally:
        runner.restore(start)


class Screen:
    """One screening, with the state that every call starts from."""

    def __init__(self, runner: Runner, entry: str, inputs: list[Array], mixed: list[Array], seed: int = 0) -> None:
        self.runner, self.entry, self.inputs, self.mixed = runner, entry, inputs, mixed
        self.rows, self.seed = len(inputs[0]), seed

    def screen(self, other: str | None) -> Screening:
        runner = self.runner
        start = runner.state()
        try:
            runner.restore(start)
            runner.seed(self.seed)
            chance = runner.chance(self.entry)
            first = self._run(self.inputs)
            after = runner.state()
            found = screening_of(self.entry, self.rows, first)
            found.written = written(start, after)
            drawn = None if chance is None else chance != runner.chance(self.entry)
            found.flat = all(bool((one == one[:1]).all()) for one in first if self._has_rows(one))
            # what is carried from call to call shows only after another input
            runner.restore(start)
            runner.seed(self.seed)
            self._run(self.inputs)
            self._run(self.mixed)
            found.written = written(start, runner.state()) | found.written
            found.repeat = difference(first, self._run(self.inputs))
            for _ in range(MORE_REPEATS[drawn]):
                if found.repeat.any:
                    break
                found.repeat = difference(first, self._run(self.inputs))
            if found.repeat.any:
                found.redrawn = self._redrawn(first, start)
            found.reseeded = difference(first, self._run(self.inputs, fresh=start))
            found.content = self._content(first, start, found)
            found.size = self._size(first, start)
            if found.dtype == "float32" and NEAR[0] < found.size.relative < NEAR[1]:
                found.precise = self._precise()
            if other is not None:
                found.mode = self._mode(first, other, start)
            return found
        finally:
            runner.restore(start)

    def _run(self, inputs: Sequence[Array], *, fresh: Mapping[str, Array] | None = None) -> list[Array]:
        """The outputs; from the given state and a fixed seed, if one is given."""
        if fresh is not None:
            self.runner.restore(fresh)
            self.runner.seed(self.seed)
        return self.runner.run(inputs, self.entry)

    def _redrawn(self, first: list[Array], start: Mapping[str, Array]) -> Difference:
        """The same from the same state, but for that of random generators, which are integers."""
        now = self.runner.state()
        self.runner.restore({name: value if value.dtype.kind == "f" else now[name] for name, value in start.items()})
        return difference(first, self._run(self.inputs))

    def _content(self, first: list[Array], start: Mapping[str, Array], found: Screening) -> Difference:
        """Odd rows, with even rows replaced, under the same seed. Noise of a repeat under one seed is no dependence."""
        beside = self._run(self.mixed, fresh=start)
        pairs = [(a, b) for a, b in zip(first, beside, strict=True) if self._has_rows(a)]
        result = difference([a[1::2] for a, _ in pairs], [b[1::2] for _, b in pairs])
        if result.error is None and result.absolute <= 4 * found.reseeded.absolute:
            return Difference()
        if result.absolute and found.reseeded.absolute == 0.0:
            result.layer = self._first_layer(self.mixed, start, slice(1, None, 2))
        return result

    def _size(self, first: list[Array], start: Mapping[str, Array]) -> Difference:
        """A batch of another size, where the model takes one."""
        try:
            outputs = self._run(self._resized(self.inputs), fresh=start)
        except Exception as error:  # whatever a framework raises for a batch that it does not take
            return Difference(error=sentence(error))
        return self._last(first, outputs)

    def _resized(self, inputs: Sequence[Array]) -> list[Array]:
        """The last row alone, or twice if it is alone already."""
        return [one[-1:] if self.rows > 1 else numpy.concatenate([one, one]) for one in inputs]

    def _has_rows(self, output: Array) -> bool:
        """Whether an output has a row for each of the batch; a state of an RNN has its layers there."""
        return bool(output.shape[:1] == (self.rows,))

    def _last(self, whole: Sequence[Array], other: Sequence[Array]) -> Difference:
        """The last row of the outputs that have rows, against that of a batch of another size."""
        pairs = [(a[-1:], b[-1:]) for a, b in zip(whole, other, strict=True) if self._has_rows(a)]
        return difference([a for a, _ in pairs], [b for _, b in pairs])

    def _precise(self) -> Difference | None:
        """The same as ``_size`` in float64, where rounding is a billion times smaller."""
        try:
            runner = self.runner.precise()
        except Exception:  # layers of the user's own that cannot be made from a configuration
            return None
        if runner is None:
            return None
        inputs = [one.astype("float64") if one.dtype.kind == "f" else one for one in self.inputs]
        whole, other = runner.run(inputs, self.entry), runner.run(self._resized(inputs), self.entry)
        return self._last(whole, other)

    def _mode(self, first: list[Array], other: str, start: Mapping[str, Array]) -> Difference:
        self.runner.restore(start)
        self.runner.seed(self.seed)
        return difference(first, self.runner.run(self.inputs, other))

    def _first_layer(self, other: Sequence[Array], start: Mapping[str, Array], rows: slice) -> str | None:
        """The first layer whose rows differ though their input did not."""
        taken: list[list[tuple[str, Array]]] = []
        for inputs in (self.inputs, other):
            self.runner.restore(start)
            self.runner.seed(self.seed)
            try:
                taken.append(self.runner.layers(inputs, self.entry))
            except Exception:  # the name is an extra, and what it takes to get it may not be possible
                return None
        for (name, before), (_, after) in zip(*taken, strict=False):
            if before.shape[:1] == (self.rows,) and difference([before[rows]], [after[rows]]).any:
                return str(name)
        return None


def difference(before: Sequence[Array], after: Sequence[Array]) -> Difference:
    """How two sets of outputs differ. Equal means equal in every bit, but for the sign of zero; nan equals nan."""
    worst = Difference()
    for one, two in zip(before, after, strict=False):
        if one.shape != two.shape:
            return Difference(error=f"the shape changes from {one.shape} to {two.shape}")
        if one.dtype.kind not in "fiub" or numpy.array_equal(one, two, equal_nan=one.dtype.kind == "f"):
            continue
        a, b = one.astype("float64"), two.astype("float64")
        apart = numpy.abs(a - b)
        absolute = float(numpy.nanmax(numpy.where(numpy.isfinite(apart), apart, numpy.inf)))
        finite = a[numpy.isfinite(a)]
        scale = float(numpy.sqrt(numpy.mean(finite**2))) if finite.size else 0.0
        relative = absolute / scale if scale else float("inf") if absolute else 0.0
        if absolute > worst.absolute:
            worst = Difference(absolute, relative)
    return worst


def has_no_number(outputs: Sequence[Array]) -> bool:
    """Whether an output holds NaN or infinity."""
    return any(one.dtype.kind == "f" and not numpy.isfinite(one).all() for one in outputs)


def written(before: Mapping[str, Array], after: Mapping[str, Array]) -> dict[str, float]:
    """The variables that changed, with the largest change of each."""
    changed = {name: difference([value], [after[name]]) for name, value in before.items() if name in after}
    return {name: one.absolute for name, one in changed.items() if one.any}
