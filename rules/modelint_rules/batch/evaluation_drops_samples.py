"""Evaluation leaves the last partial batch out.

`drop_remainder=True` in an evaluation pipeline, `steps = n // batch_size`, a loop over `range(n // batch_size)`, or a
generator whose `__len__` is `n // batch_size`, leaves out up to a batch less one of the samples, always the same ones.
The metric then depends on the batch size: of 1000 test samples 8 are left out at batch size 32, 232 at 256 and 488 at
512, and two results at different batch sizes are about different test sets. In time-series forecasting a whole family
of published comparisons rested on this, the best scores being those of the largest batch.

## How to fix it

Evaluate every sample: `batch(n)` without `drop_remainder`, no `steps`, or `math.ceil(n / batch_size)` of them, in
`__len__` too. Keras weights a smaller last batch correctly in `evaluate`, and in inference mode its predictions are
those of a full one. `len(generator)` is a number of batches already.

## When it is not a bug

Training pipelines may drop, and with BatchNorm they should. Of batches of one sample, of a length that the batch size
divides, of data that is repeated endlessly before it is batched, and where all of it is gone through several times,
nothing is left over. Whoever takes some batches,
or divides the number of steps by what is no batch size, wants a part; so may who runs the model on the rest behind the
loop. A TPU that needs full batches: pad the last one and mask the padding out of the metric. The finding is of medium
confidence where the number of steps is a constant, under a strategy for TPUs, and where the same batches are trained
on.

## Fix safety

The fix writes `drop_remainder=False`, unless the same batches are also trained on. It is unsafe: the metric changes. A
number of steps that is rounded down is left to you.

## References

- [Autoformer, issue 104](https://github.com/thuml/Autoformer/issues/104)
- [TFB: fair benchmarking of forecasting](https://arxiv.org/abs/2403.20150), on "drop last"
"""

from collections.abc import Iterator

from modelint import Confidence, DroppedSamples, Finding, Fix, Program, Rule, Safety, Severity

rule = Rule(__name__, severity=Severity.WARNING, since="0.1")


@rule.on(DroppedSamples)
def check(drop: DroppedSamples, program: Program) -> Iterator[Finding]:
    """An evaluation whose pipeline or number of steps leaves samples out."""
    if drop.dropped == 0:
        return
    number = drop.dropped
    samples = drop.what if number is None else f"{number} samples" if number > 1 else "1 sample"
    yield rule.at(
        drop.place,
        f"leaves {samples} out of the evaluation ({drop.how}); evaluate every sample",
        because=[*drop.because, (drop.used_at, "evaluated here")],
        confidence=Confidence.HIGH if drop.certain else Confidence.MEDIUM,
        fix=_fix(drop),
    )


def _fix(drop: DroppedSamples) -> Fix | None:
    call = drop.place.written()
    if call is None or drop.trained:
        return None
    given = call.argument("drop_remainder", 1 if call.name == "batch" else None)
    edit = given.replaced("False") if given is not None and given.text == "True" else None
    return Fix("pass drop_remainder=False", Safety.UNSAFE, (edit,)) if edit is not None else None
