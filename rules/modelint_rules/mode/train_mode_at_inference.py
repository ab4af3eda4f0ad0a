"""A prediction runs the model in train mode.

In train mode BatchNormalization normalises with the statistics of the batch at hand, so that a prediction depends on
the samples beside it, and Dropout and augmentation draw at random, so that it changes from call to call. The call also
overwrites the moving statistics that every later prediction uses. On class-sorted validation data the accuracy of one
model fell from 0.957 to 0.10 for every batch size; on shuffled data in large batches nothing shows.

The mode need not be written at the call. `model(x)` without `training` runs in train mode when the model's own `call`
defaults to `training=True`, when `keras.backend.set_learning_phase(1)` was called (Keras 2), and when the model holds
an augmentation layer, for those default to `training=True`: the augmentation then is alive, and in Keras 3.0 to 3.15
it switches the layers behind it to train mode as well. In Keras 3.6 to 3.15 `Resizing` and `CenterCrop` do the same.
`model.predict(x)` is not affected. A model whose `call` takes the mode as `is_training`, say, is in the mode that the
call passes for that.

In a saved Keras model no call is written. There, what any `model(x)` does is reported at the layer that ends up in
train mode, and whether `predict` and an exported model do so too. Augmentation that is alive by its own default alone
is shown with `--pedantic`, and so is a prediction that passes `training=True` to a model of which nothing is known.

## How to fix it

Pass `training=False` where the result is a prediction: `model(x, training=False)`. It means the same in every version.

## When it is not a bug

Monte-Carlo dropout runs a model many times in train mode and averages; a loop of that form is recognised. Some models
are meant to be random or to use the statistics of the test batch (pix2pix, test-time adaptation): say so in a comment
at the call, in what documents its function (Monte Carlo, teacher forcing, on purpose), or with `# modelint:
ignore[train-mode-at-inference] reason`. Sampling a GAN's generator inside its training step, a warm-up call whose
result is dropped, and metrics over the outputs of the training step are not reported. A model without weights and
without Dropout only prepares data, and is meant to augment them; an evaluation that takes the statistics of the batch
on purpose may say so by the name of its parameter (`use_batch_statistics`).

## Fix safety

The fix passes `training=False`, or writes `False` for a constant `True`. It is unsafe: it changes every such
prediction, which is its purpose. A flag that comes in a variable, a `training=True` whose result is not
plainly an evaluation, and a mode that is hard-wired in the model are left to you.

## References

- [Keras: the `training` argument](https://keras.io/guides/making_new_layers_and_models_via_subclassing/)
- [keras PR 23166: defaults of `training` leak to other layers](https://github.com/keras-team/keras/pull/23166)
"""

from collections.abc import Iterator

from modelint import Confidence, Finding, Mode, ModelCall, Passing, Program, Purpose, Rule, Severity, kinds

rule = Rule(__name__, severity=Severity.ERROR, since="0.1")


TAKE_THE_MODE = {"__call__", "stateless_call"}
"""Ways to run a model that can be passed the mode."""


@rule.on(ModelCall)
def check(call: ModelCall, program: Program) -> Iterator[Finding]:
    """A call that predicts, and that ends up in train mode in every version in play."""
    if call.purpose is not Purpose.INFERENCE or call.deliberate:
        return
    if _is_unknown(call):
        yield rule.at(
            call.place,
            f"this prediction runs {call.model}, whose content is unknown, in train mode (training=True); "
            f"if it holds Dropout or BatchNormalization, {_advice(call, program)}",
            because=call.because,
            severity=Severity.WARNING,
            confidence=Confidence.MEDIUM,
        )
    if call.mode is not Mode.TRAIN:
        return
    if call.model.prepares_data:  # it makes data, which is augmented on purpose
        return
    if not call.affected:  # all of it is hard-wired in the model, and told there by hard-wired-training
        return
    subject = call.any_call or ("the exported model" if call.through == "export" else "this prediction")
    yield rule.at(
        call.place,
        f"{subject} runs {kinds(call.affected)} in train mode{_cause(call, program)}; {_advice(call, program)}",
        because=call.because,
        confidence=_confidence(call),
        fix=call.with_inference_mode() if _is_settled_by_the_call(call, program) else None,
    )


def _is_unknown(call: ModelCall) -> bool:
    """Whether a model of which nothing is known surely predicts, and is told to be in train mode."""
    opaque = call.model.opaque and all(layer.opaque for layer in call.model.layers) and not call.model.prepares_data
    return opaque and call.certain and call.through == "__call__" and call.training is Passing.TRUE


def _cause(call: ModelCall, program: Program) -> str:
    if call.runner is not None:
        return f" ({call.runner} does)"
    if call.training is Passing.FALSE:
        return ", whatever it is passed: the mode is a constant in the model"
    if call.told is Passing.TRUE:
        return f" ({program.mode_argument(call.model) or 'training'}=True)"
    return f" because {call.mode_reason}" if call.mode_reason else ""


def _advice(call: ModelCall, program: Program) -> str:
    if call.model.framework == "torch":
        functional = all(layer.kind.islower() for layer in call.affected)
        return "pass training=self.training to it" if functional else "call eval() before saving it"
    if call.runner is not None:
        return "run it in inference mode instead"
    if call.through == "export":
        return "export a function that passes training=False (keras.export.ExportArchive)"
    if call.through not in TAKE_THE_MODE or call.training is Passing.FALSE:
        return "leave the mode of its layers to the caller"
    if Purpose.TRAINING in program.purposes(call):
        return "hand the mode on to it, for it also trains"
    return f"pass {program.mode_argument(call.model) or 'training'}=False"


def _is_settled_by_the_call(call: ModelCall, program: Program) -> bool:
    """Whether passing the mode where the model is called decides about it, and it is plain that it should."""
    if call.told is Passing.TRUE and not call.evaluated:
        return False  # it may be meant
    if not program.has_one_purpose(call):
        return False  # it is part of a training step, too
    return call.through == "__call__" and program.mode_argument(call.model) == "training"


def _confidence(call: ModelCall) -> Confidence:
    # somebody who writes training=True may mean it, unless the result is plainly an evaluation
    meant = call.told is Passing.TRUE and not call.evaluated
    return Confidence.HIGH if call.certain and not meant else Confidence.MEDIUM
