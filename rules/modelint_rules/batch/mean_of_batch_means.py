"""A metric is the mean of the means of batches of unequal size.

`total += loss(batch)` and, after the loop, `total / number_of_batches` counts every batch alike. If the last one is
smaller, its samples weigh more: of 1000 samples in batches of 64, each of the last 40 counts 1.6 times as much as any
other; of 65 samples in batches of 64, the last one counts as much as all the others together, and an accuracy of
64/65 is reported as 50 %. The result depends on the batch size and on the order of the samples.

## How to fix it

Weight each batch by its size (`total += loss * len(x)`, then divide by the number of samples), or use a metric object
such as `keras.metrics.Mean()` with `sample_weight`, or `model.evaluate`, which does.

## When it is not a bug

Where all batches are of one size (`drop_remainder=True`, a length divided by it) the two are equal and nothing is
reported. Neither is a training loss, which is shown as progress and need not be exact, nor the mean of several losses
of one batch.

## References

- [Keras: Mean metric](https://keras.io/api/metrics/reduction_metrics/)
"""

from collections.abc import Iterator

from modelint import Confidence, Finding, MeanOfBatchMeans, Program, Rule, Severity

rule = Rule(__name__, severity=Severity.NOTE, since="0.1")


@rule.on(MeanOfBatchMeans)
def check(mean: MeanOfBatchMeans, program: Program) -> Iterator[Finding]:
    """A metric divided by a number of batches."""
    yield rule.at(
        mean.place,
        "averages over batches that may be of unequal size as if they were equal; weight each by its number of samples",
        because=mean.because,
        confidence=Confidence.HIGH if mean.certain else Confidence.MEDIUM,
    )
