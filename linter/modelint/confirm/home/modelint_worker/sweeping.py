"""What the size of the batch does to a model: drift of its predictions, throughput, memory."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy

from .errors import sentence
from .inputs import Array, draw
from .keras_models import KerasRunner, flat_arrays
from .memory import Memory
from .probes import Difference, Runner, Screening, difference, screening_of

LEAST_ROUNDS = 3
"""Batches that are timed at least, the same ones again where there are fewer."""


def sweep(runner: Runner, entry: str, sizes: Sequence[int], seconds: float, *, gpu: bool) -> dict[str, Any]:
    """For each batch size: how far the predictions are from those of the largest batch, how fast it is, and its memory.

    All sizes predict the same rows, small batches as many of them as there is time for. ``drift`` is the largest
    difference over the root mean square of the output; ``rows_per_second`` counts what the fastest batch did;
    ``memory`` is the most that was held meanwhile, in bytes, of the process or of the GPU. ``at_rest`` is what is held
    between two batches of one row, ``repeat`` how far two predictions of one batch are from each other. Sizes grow, for
    what is once held may never be let go of.
    """
    inputs = [draw(spec, max(sizes), 10 * index) for index, spec in enumerate(runner.specs())]
    start = runner.state()
    memory = Memory(gpu=gpu)
    measured: list[dict[str, Any]] = []
    outputs: dict[int, list[Array]] = {}
    at_rest = memory.held()
    for size in sorted(sizes):
        runner.restore(start)
        try:
            outputs[size], found = _measured(runner, entry, inputs, size, seconds, memory)
            measured.append({"size": size, **found})
        except Exception as error:  # a size that the model or the memory does not take is a result
            measured.append({"size": size, "error": sentence(error)})
        at_rest = at_rest if measured[1:] else memory.held()
    if not outputs:
        raise ValueError(measured[-1]["error"])
    largest = max(outputs)
    for row in measured:
        if "error" not in row:
            apart = _apart(outputs[largest], outputs[row["size"]])
            row |= {"drift": apart.relative, "drift_absolute": apart.absolute}
    runner.restore(start)
    again = runner.run([one[:largest] for one in inputs], entry)
    runner.restore(start)
    return {"sweep": measured, "at_rest": at_rest, "repeat": _apart(outputs[largest], again).relative}


def two_sizes(runner: KerasRunner, sizes: Sequence[int]) -> Screening:
    """The same rows predicted in batches of two sizes."""
    inputs = [draw(spec, max(sizes), 10 * index) for index, spec in enumerate(runner.specs())]
    given = inputs[0] if len(inputs) == 1 else inputs
    start = runner.state()
    found = []
    for size in sizes:
        runner.restore(start)
        runner.seed(0)
        found.append(flat_arrays(runner.model.predict(given, batch_size=size, verbose=0)))
    runner.restore(start)
    screening = screening_of("predict", max(sizes), *found)
    screening.sizes = difference(*found)
    return screening


def _measured(
    runner: Runner, entry: str, inputs: Sequence[Array], size: int, seconds: float, memory: Memory
) -> tuple[list[Array], dict[str, Any]]:
    """The outputs of the rows that there was time for, in batches of a size, and what predicting them took."""
    batches = [[one[first : first + size] for one in inputs] for first in range(0, len(inputs[0]) - size + 1, size)]
    runner.run(batches[0], entry)  # what is compiled for a shape is not timed
    memory.forget_peak()
    taken: list[list[Array]] = []
    best, began = float("inf"), time.perf_counter()
    for batch in batches + batches[:1] * (LEAST_ROUNDS - len(batches)):
        before = time.perf_counter()
        taken.append(runner.run(batch, entry))
        best = min(best, time.perf_counter() - before)
        if time.perf_counter() - began > seconds:
            break
    joined = [numpy.concatenate(parts) for parts in zip(*taken[: len(batches)], strict=True)]
    return joined, {"rows_per_second": size / best, "memory": memory.peak()}


def _apart(reference: Sequence[Array], other: Sequence[Array]) -> Difference:
    """How far predictions of the first rows are from those of a reference; an output without rows is left out."""
    rows = len(reference[0])
    pairs = [(a[: len(b)], b) for a, b in zip(reference, other, strict=True) if len(a) == rows]
    return difference([a for a, _ in pairs], [b for _, b in pairs])
