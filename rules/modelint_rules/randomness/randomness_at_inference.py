"""A prediction contains a random draw.

A layer that adds `tf.random.normal(tf.shape(x))` in `call` without a test of `training` does so in `predict`, in
`evaluate` and in the exported model. The same sample then gets another prediction on every request: two predictions
with such noise (standard deviation 0.5) in the middle of a small network differed by 1.0 standard deviation of the
output. Augmentation applied to the data that is predicted on has the same effect.

## How to fix it

Draw only in training: take `training=None` as a parameter of `call` and return `x` unchanged where it is false; or
use a layer that does so (`GaussianNoise`, `Dropout`, `RandomFlip`). Leave augmentation out of test pipelines.

## When it is not a bug

Samplers are random by contract: the reparameterisation of a variational autoencoder, the latent vectors of a GAN, the
decoding of text, a policy's choice; they are not reported. Neither is Monte-Carlo dropout, where many predictions are
averaged, nor a layer or model that the program runs for other things only: on the data of its training pipeline, or in
training, where other models predict. Where nothing is seen to predict with it (in a module of layers, say), and where
noise may be meant (its strength is learned, it is a feature of its own, it selects), confidence is lower.
Test-time augmentation that is averaged deserves an ignore comment.

## References

- [Keras: the `training` argument of `call`](https://keras.io/guides/making_new_layers_and_models_via_subclassing/)
- [tf.random](https://www.tensorflow.org/guide/random_numbers)
"""

from collections.abc import Iterator

from modelint import Confidence, Finding, Program, RandomSource, Rule, Severity

rule = Rule(__name__, severity=Severity.ERROR, since="0.1")


@rule.on(RandomSource)
def check(source: RandomSource, program: Program) -> Iterator[Finding]:
    """A draw that ends up in a prediction, in inference mode."""
    if not source.reaches_prediction or source.guarded or source.generative or source.deliberate:
        return
    if source.repeats or source.kind == "dropout" or source.predicted is False:
        return  # the same numbers each time; dropout that ignores the mode has a rule of its own
    yield rule.at(
        source.place,
        f"draws anew for every prediction ({source.what}); draw in training only",
        because=source.because,
        confidence=Confidence.HIGH if source.predicted else Confidence.MEDIUM,
    )
