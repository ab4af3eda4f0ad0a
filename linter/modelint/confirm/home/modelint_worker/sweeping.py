"""What the size of the batch does to a model: drift of its predictions, throughput, memory."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Sequence
from typing import Any

from .errors import sentence
from .inputs import draw
from .keras_models import KerasRunner, flat_arrays
from .probes import TOLERANCES, Runner, Screening, difference, has_no_number


def sweep(runner: Runner, entry: str, sizes: Sequence[int], seconds: float) -> list[dict[str, Any]]:
    """For each batch size: how far the predictions are from those of the largest batch, and how fast it is.

    All sizes predict the same rows. ``drift`` is the largest difference over the root mean square of the output;
    ``rows_per_second`` counts what the fastest round did; ``memory`` is the peak of the process in bytes so far.
    """
    specs = list(runner.specs())
    most = max(sizes)
    inputs = [draw(spec, most, 10 * index) for index, spec in enumerate(specs)]
    start = runner.state()
    reference = runner.run(inputs, entry)
    found: list[dict[str, Any]] = []
    for size in sizes:
        runner.restore(start)
        try:
            found.append({"size": size, **_measured(runner, entry, inputs, size, reference, seconds)})
        except Exception as error:  # a size that the model or the memory does not take is a result
            found.append({"size": size, "error": sentence(error)})
    runner.restore(start)
    return found


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
    dtype = str(found[0][0].dtype)
    screening = Screening("predict", max(sizes), dtype, TOLERANCES.get(dtype, 1e-3), calls=len(sizes))
    screening.not_a_number = any(map(has_no_number, found))
    screening.sizes = difference(*found)
    return screening


def _measured(
    runner: Runner, entry: str, inputs: Sequence[Any], size: int, reference: Sequence[Any], seconds: float
) -> dict[str, Any]:
    worst_absolute = worst_relative = 0.0
    most = len(inputs[0])
    runner.run([one[:size] for one in inputs], entry)  # what is compiled for a shape is not timed
    best = float("inf")
    began = time.perf_counter()
    for first in range(0, most, size):
        batch = [one[first : first + size] for one in inputs]
        before = time.perf_counter()
        outputs = runner.run(batch, entry)
        if len(batch[0]) == size:
            best = min(best, time.perf_counter() - before)
        apart = difference([one[first : first + size] for one in reference], outputs)
        if apart.error:
            raise ValueError(apart.error)
        worst_absolute, worst_relative = max(worst_absolute, apart.absolute), max(worst_relative, apart.relative)
        if time.perf_counter() - began > seconds:
            break
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {
        "drift_absolute": worst_absolute,
        "drift": worst_relative,
        "rows_per_second": size / best if best < float("inf") else None,
        "memory": peak,
    }
