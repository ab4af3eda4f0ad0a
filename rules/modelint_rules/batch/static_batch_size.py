"""The batch size is part of the model.

A stateful recurrent layer keeps one state for each row of its batch: declared for 4 samples, it raises on the last 2
of 10 in `predict`, and on a single one in production. A reshape to a constant number of rows is worse. `tf.reshape(x,
(4, -1))` deals 8 samples out to 4 rows without a word, so that what belongs to a sample lands in another's row. An
input with a fixed batch (`Input(batch_size=4)`, `Input(batch_shape=(4, 3))`) is not enforced by Keras when called (2
and 3.15 both predict 10 samples with it), but is written into the SavedModel signature and into a converted TFLite
model, and every layer that reads `x.shape[0]` takes it for a constant; this alone is a note.

## How to fix it

Leave the batch axis open: `Input(shape=(3,))`, `tf.reshape(x, (-1, 12))` or `tf.reshape(x, (tf.shape(x)[0], -1))`,
`Reshape`, which never touches the batch. Use a stateful layer only to continue a sequence, and give the serving model
one that is not.

## When it is not a bug

A fixed batch of 1 is a declaration that the model takes single samples and is not reported. TPU training and some
mobile runtimes want static shapes: fix the batch when converting, not in the model.

## References

- [tf.reshape](https://www.tensorflow.org/api_docs/python/tf/reshape)
- [Keras: statefulness of RNNs](https://keras.io/guides/working_with_rnns/)
"""

from collections.abc import Iterator

from modelint import Finding, Program, Rule, Severity, StaticBatch

rule = Rule(__name__, severity=Severity.WARNING, since="0.1")


@rule.on(StaticBatch)
def check(batch: StaticBatch, program: Program) -> Iterator[Finding]:
    """A batch axis fixed at more than one sample."""
    if batch.size > 1:
        yield rule.at(
            batch.place,
            f"fixes the batch size at {batch.size} ({batch.how}); leave the batch axis open",
            because=batch.because,
            severity=Severity.WARNING if batch.enforced else Severity.NOTE,
        )
