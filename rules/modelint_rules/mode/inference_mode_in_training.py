"""A training step runs the model in inference mode.

A Keras model called without `training` runs in inference mode, inside a `tf.GradientTape` and inside `train_step` too.
The weights are updated all the same, so nothing looks wrong; but Dropout drops nothing, and BatchNormalization
normalises with its moving statistics, which are never updated: they stay at mean 0 and variance 1 for ever. The
network is trained without its normalisation and without its regularisation. (Measured: after the same steps the moving
mean was 0.0 where the data had mean 3.9.)

## How to fix it

Pass `training=True` in the training step: `model(x, training=True)`. In a `train_step` method, `self(x,
training=True)`.

## When it is not a bug

Only a step that updates this model's own weights is reported. Gradients with respect to the input (saliency, Grad-CAM,
adversarial examples, gradient penalties), frozen bases and teachers, perceptual losses, and the other network of a
GAN's step run in inference mode rightly. Fine-tuning with BatchNormalization frozen is better said with
`layer.trainable = False`, which is understood, in a loop over the layers of a ready-made network too; an explicit
`training=False` is reported with medium confidence only. So is a network of which nothing is known but that it is
trained here: one that is loaded, or given as an argument by code outside of the program. Whether it holds such layers,
its user decides. `--pedantic` looks for them.

## Fix safety

The fix adds `training=True`, which changes what is trained; it is unsafe. There is none where the same call also gives
predictions: hand the mode on to it from both places. Nor is there one for a network of which nothing is known: it may
not take the argument.

## References

- [Keras: writing a training loop](https://keras.io/guides/writing_a_custom_training_loop_in_tensorflow/)
- [Keras: transfer learning, and why BatchNormalization is special](https://keras.io/guides/transfer_learning/)
"""

from collections.abc import Iterator

from modelint import (
    Confidence,
    Finding,
    Mode,
    ModelCall,
    Passing,
    Program,
    Purpose,
    Rule,
    Safety,
    Severity,
    kinds,
    version_ranges,
)

rule = Rule(__name__, severity=Severity.ERROR, since="0.1")


@rule.on(ModelCall)
def check(call: ModelCall, program: Program) -> Iterator[Finding]:
    """A call whose result trains the model, and that ends up in inference mode in some version in play."""
    in_inference = [version for version, mode in call.modes.items() if mode is Mode.INFERENCE]
    lost_inside = call.training is Passing.TRUE  # the mode is passed; that it does not arrive is mode-lost-in-call
    if _is_unknown(call):
        yield rule.at(
            call.place,
            f"this training step runs {call.model}, whose content is unknown, in inference mode; "
            "pass training=True if it holds Dropout or BatchNormalization",
            because=call.because,
            severity=Severity.WARNING,
            confidence=Confidence.MEDIUM,
        )
    if call.purpose is not Purpose.TRAINING or not in_inference or not call.affected or call.deliberate or lost_inside:
        return
    where = "" if call.mode is Mode.INFERENCE else f" in {version_ranges(in_inference)}"
    parameter = program.mode_argument(call.model)
    argument = f"{parameter}=True" if parameter else None
    passes_none = call.training is Passing.ABSENT and call.flag is Passing.ABSENT
    addable = passes_none and call.through != "call" and program.has_one_purpose(call)
    advice = _advice(call, argument)
    if Purpose.INFERENCE in program.purposes(call):
        advice = "hand the mode on to it, for it also predicts"
    elif not program.has_one_purpose(call):
        advice = "hand the mode on to it, for it does not run in training only"
    yield rule.at(
        call.place,
        f"this training step runs {kinds(call.affected)} in inference mode{where}{_said(call, program)}; {advice}",
        because=call.because,
        confidence=_confidence(call, program),
        fix=call.with_argument(argument, Safety.UNSAFE) if argument and addable else None,
    )


def _is_unknown(call: ModelCall) -> bool:
    """Whether a call surely trains a model of which nothing is known, and says nothing of the mode."""
    opaque = call.model.opaque and all(layer.opaque for layer in call.model.layers) and not call.set_globally
    trained = call.purpose is Purpose.TRAINING and call.certain and not call.deliberate
    return opaque and trained and call.through == "__call__" and call.training is Passing.ABSENT


def _said(call: ModelCall, program: Program) -> str:
    """Who says so, if somebody does."""
    if call.runner is not None:
        return f" ({call.runner} does)"
    return f" ({program.mode_argument(call.model) or 'training'}=False)" if call.told is Passing.FALSE else ""


def _advice(call: ModelCall, argument: str | None) -> str:
    if call.runner is not None:
        return "run it in train mode instead"
    if call.flag is Passing.TRUE:
        return f"hand its mode on inside {call.model.kind}, where it gets lost"
    if argument and call.through == "call":  # outside of __call__, what the mode reaches is another matter
        return f"call the model itself, with {argument}"
    return f"pass {argument}" if argument else f"give {call.model.kind}.call a training parameter and pass True"


def _confidence(call: ModelCall, program: Program) -> Confidence:
    differs = call.mode is not Mode.INFERENCE and not program.settings.versions_known
    # an explicit False may be meant: fine-tuning on the statistics of the pretrained network
    meant = call.told is Passing.FALSE
    return Confidence.HIGH if call.certain and not differs and not meant else Confidence.MEDIUM
