"""A forward pass mixes the samples of a batch, at inference too.

A mean over axis 0, a maximum over the whole tensor, a softmax over the batch: what comes out for one sample then
depends on which others were in the batch, how many there were, and whether it was the short last one. No error is
raised and evaluation looks fine, since it uses batches like those of training. With a layer in the middle of a small
network, predictions of the same samples alone and in a batch of 256 differed by (in standard deviations of the
output):

| in `call` | alone / in a batch of 256 | the last 56 of 256, in batches of 100 |
|---|---|---|
| `x / tf.reduce_max(x)` | 1.1 | 0.22 |
| `x - tf.reduce_mean(x, axis=0)` | 1.0 | 0.08 |
| `tf.nn.moments(x, axes=[0])` and `tf.nn.batch_normalization` | 1.0 | 0.12 |

## How to fix it

Reduce over the sample's own axes (`axis=-1`, or `axis=tuple(range(1, x.ndim))`). Where statistics over samples are
wanted, keep running ones and use these at inference, as `BatchNormalization` does, or compute them once from the
training data, as `Normalization.adapt` does.

## When it is not a bug

Losses, metrics and contrastive terms compare samples by design, and so may anything under `if training:`; neither is
reported, and neither is a maximum that only says how much is padded. Of a forward pass that takes a single sample, and
makes a batch of it, the finding is of medium confidence. Meta-learning and test-time adaptation normalise with the test
batch on purpose: say so with an ignore comment.

## References

- [tf.nn.moments](https://www.tensorflow.org/api_docs/python/tf/nn/moments)
- [Keras: Normalization](https://keras.io/api/layers/preprocessing_layers/numerical/normalization/)
"""

from collections.abc import Iterator

from modelint import BatchReduction, Confidence, Finding, Model, Program, Rule, Severity

rule = Rule(__name__, severity=Severity.ERROR, since="0.1")

OVER_AN_AXIS = frozenset({"LayerNormalization", "Softmax", "UnitNormalization"})
"""Layers that mix samples only when told to, by their axis."""


@rule.on(BatchReduction)
def check(reduction: BatchReduction, program: Program) -> Iterator[Finding]:
    """An operation over the batch axis, neither guarded by the mode nor part of a loss."""
    if reduction.guarded or reduction.loss:
        return
    over = "all axes" if reduction.axis is None else "the batch axis"
    yield rule.at(
        reduction.place,
        f"mixes the samples of a batch at inference too ({reduction.operation} over {over}); "
        "work on each sample alone, or keep running statistics",
        because=reduction.because,
        confidence=Confidence.HIGH if reduction.certain else Confidence.MEDIUM,
    )


@rule.on(Model)
def check_layers(model: Model, program: Program) -> Iterator[Finding]:
    """A layer that was told to normalise over the batch axis."""
    for layer in {layer.identity: layer for layer in model.layers}.values():
        traits = layer.traits
        if layer.kind in OVER_AN_AXIS and traits.couples_batch_at_inference:
            yield rule.at(
                layer.place,
                f"mixes the samples of a batch at inference too ({layer} over the batch axis); "
                "normalise over the sample's own axes",
                because=[(layer.called_at, "called here")],
            )
