"""The last batch of every epoch is too small for the BatchNorm that it trains.

A data set of 1985 samples in batches of 64 ends with a batch of one. BatchNormalization normalises that sample by
itself, to a constant, and puts a variance of zero into its moving variance, with the same weight as that of a full
batch and right before the validation at the end of the epoch: the moving variance came out at 0.88 of the data's
variance, and at 1.00 with 1984 samples (Keras 3.15, momentum 0.9). How far this moves predictions depends on the
length of the data modulo the batch size, which nobody chooses.

## How to fix it

Drop the last batch: `dataset.batch(64, drop_remainder=True)` behind a `shuffle`, so that other samples are left out
in every epoch; or `repeat()` before `batch()` with `steps_per_epoch`; or choose a batch size that leaves many samples
or none. `fit` on arrays cannot drop, but takes another `batch_size`.

## When it is not a bug

Nothing is reported where the left-over is as large as a batch should be, nor for evaluation and prediction, which
must see every sample. Where the length of the data is not known, the finding is of low confidence.

## Fix safety

Where the data set is batched by a call that serves training only, in the same file, and it is known how many samples
are left over, the fix adds `drop_remainder=True`. It is unsafe: those samples are no longer trained on.

## References

- [tf.data.Dataset.batch](https://www.tensorflow.org/api_docs/python/tf/data/Dataset#batch)
"""

from collections.abc import Iterator

from modelint import Confidence, Finding, Fix, Program, Rule, Safety, Severity, TrainingRun

rule = Rule(__name__, severity=Severity.WARNING, since="0.1")


@rule.on(TrainingRun)
def check(run: TrainingRun, program: Program) -> Iterator[Finding]:
    """A live BatchNorm whose batches are large enough, all but the last one of an epoch."""
    norms, enough = program.batchnorms_trained_by(run), program.settings.tiny_batch
    size, left = run.effective, run.remainder
    if not norms or run.deliberate or size is None or left is None:
        return
    if (size.high is not None and size.high < enough) or (left.low is not None and left.low >= enough):
        return  # a batch that is tiny throughout is another rule's
    if left.exact is not None:
        held = f"holds {left} of {run.samples} samples" if run.samples is not None else f"holds {left} samples"
        problem, confidence = f"{held}, too few for {norms[0]}", Confidence.HIGH if run.certain else Confidence.MEDIUM
    else:
        problem, confidence = f"may hold too few samples for {norms[0]}", Confidence.LOW
    yield rule.at(
        run.place,
        f"the last batch {problem}; drop it, or choose a batch size that leaves none or many",
        because=[*run.because_of_batch, (norms[0].place, "normalises with the statistics of the batch")],
        confidence=confidence,
        fix=_fix(run) if left.exact is not None else None,
    )


def _fix(run: TrainingRun) -> Fix | None:
    """Drop the last batch where the batches are made, unless they are also evaluated on."""
    place = run.batch_place
    call = place.written() if place is not None and place.resolve().path == run.place.resolve().path else None
    if call is None or call.name not in ("batch", "padded_batch") or run.evaluated:
        return None
    given = call.argument("drop_remainder", 1 if call.name == "batch" else 3)
    edit = given.replaced("True") if given is not None else call.adding("drop_remainder=True")
    return Fix("drop the last batch", Safety.UNSAFE, (edit,)) if edit is not None else None
