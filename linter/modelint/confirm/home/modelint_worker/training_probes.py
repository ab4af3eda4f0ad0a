"""What chance and the other rows of a batch do to a sample in training: for small batches, and for unseeded masks."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy

from .inputs import Array, draw
from .keras_models import KerasRunner
from .probes import ROWS, Difference, Runner, Screening, difference, drawn, screening_of, written

DRAWS = 8
"""Batches that a sample is put into."""


def companions(runner: Runner, entry: str, rows: int, seed: int = 0) -> Screening:
    """How much the output of one sample varies with the others of its batch, drawn like itself, under one seed.

    The difference is the standard deviation over several batches, over the root mean square of the output. A batch of
    one row has no others: then it is how much the output differs from input to input, which is nothing if the
    statistics of the batch are the sample's own.
    """
    specs = list(runner.specs())
    inputs = [draw(spec, rows, seed + 10 * index) for index, spec in enumerate(specs)]
    start = runner.state()
    found: list[list[Array]] = []
    try:
        for number in range(DRAWS):
            others = [draw(spec, rows, 1_000 * (number + 1) + index) for index, spec in enumerate(specs)]
            if rows > 1:
                for other, one in zip(others, inputs, strict=True):
                    other[-1] = one[-1]
            runner.restore(start)
            runner.seed(seed)
            found.append([one[-1:] for one in runner.run(others, entry)])
    finally:
        runner.restore(start)
    screening = screening_of(entry, rows, *found)
    screening.companions = _spread(found)
    return screening


def _spread(found: Sequence[Sequence[Array]]) -> Difference:
    """The largest standard deviation of any output over the draws, and their root mean square over that of the output.

    Outputs that are equal in every bit have none, whatever rounding would make of their mean.
    """
    worst = Difference()
    for outputs in zip(*found, strict=True):
        values = numpy.stack(outputs).astype("float64")
        if (values == values[:1]).all():
            continue
        deviation = values.std(axis=0)
        scale = float(numpy.sqrt(numpy.mean(values**2)))
        relative = float(numpy.sqrt(numpy.mean(deviation**2))) / scale if scale else 0.0
        if relative >= worst.relative:
            worst = Difference(float(deviation.max()), relative)
    return worst


def two_runs(
    make: Callable[[int | None], KerasRunner],
    keras: Any,
    seeds: Sequence[tuple[str, int]],
    *,
    seeds_before: bool,
    control: bool,
) -> Screening:
    """Two runs of a program, from the same weights: chance begins anew, the program's seeds are set, a model is made.

    Both call the model in train mode with the same input. The state of random generators is not among the weights.
    ``control``: a third run sets no seeds, to see whether chance shows at all; ``make`` is given how chance begins in
    it after the program is imported, which may set seeds.
    """
    outputs: list[list[Array]] = []
    weights: list[Array] = []
    for entropy, seeded in ((1, True), (2, True), (3, False)) if control else ((1, True), (2, True)):
        keras.utils.set_random_seed(entropy)  # as new processes begin, each with chance of its own
        if seeded and seeds_before:
            _set(keras, seeds)
        runner = make(None if seeded else entropy)
        state = runner.state()
        weights = weights or list(state.values())
        pairs = zip(state.items(), weights, strict=True)
        runner.restore({name: first if first.dtype.kind == "f" else own for (name, own), first in pairs})
        if seeded and not seeds_before:
            _set(keras, seeds)
        inputs, _ = drawn(runner, ROWS)
        outputs.append(runner.run(inputs, "true"))
    screening = screening_of("true", len(inputs[0]), *outputs)
    screening.runs = difference(*outputs[:2])
    screening.unseeded = difference(outputs[0], outputs[-1]) if control else None
    return screening


def same_draws(runner: KerasRunner) -> Screening:
    """Two layers side by side, in train mode on one input, in one graph, as fit runs them: Keras 2 draws otherwise."""
    import tensorflow

    [spec] = runner.specs()
    given = draw(spec, 8, 0)
    together = tensorflow.function(lambda rows: runner.model(rows, training=True))
    one, two = (numpy.asarray(output) for output in together(tensorflow.constant(given)))
    screening = screening_of("true", len(given), [one, two])
    screening.draws = difference([one], [two])
    screening.flat = bool((one == given).all())
    return screening


def one_step(runner: KerasRunner) -> Screening:
    """One step of fit, with a learning rate of zero: what it changes of the statistics that are gathered.

    The model is compiled for it, and not to be used for anything else after.
    """
    model, keras = runner.model, runner.keras
    inputs = [draw(spec, spec.batch or 8, 10 * index) for index, spec in enumerate(runner.specs())]
    given = inputs[0] if len(inputs) == 1 else inputs
    targets = [numpy.zeros_like(one) for one in runner.run(inputs, "false")]
    screening = screening_of("fit", len(inputs[0]), targets)
    before = _statistics(model)
    model.compile(optimizer=keras.optimizers.SGD(0.0), loss="mse")
    model.fit(given, targets if len(targets) > 1 else targets[0], batch_size=len(inputs[0]), epochs=1, verbose=0)
    screening.written = written(before, _statistics(model))
    return screening


def _statistics(model: Any) -> dict[str, Array]:
    """The moving statistics of all layers, by name."""
    return {
        f"{layer.name}/{name}": numpy.array(getattr(layer, name))
        for layer in model._flatten_layers()
        for name in ("moving_mean", "moving_variance")
        if getattr(layer, name, None) is not None
    }


def _set(keras: Any, seeds: Sequence[tuple[str, int]]) -> None:
    """Set global seeds, as a program does."""
    import tensorflow

    functions = {
        "keras.utils.set_random_seed": keras.utils.set_random_seed,
        "numpy.random.seed": numpy.random.seed,
        "random.seed": random.seed,
        "tensorflow.random.set_seed": tensorflow.random.set_seed,
    }
    for name, number in seeds:
        if name in functions:
            functions[name](number)
