"""A prediction leaves the run mode to its context.

`model(x)` without `training` usually runs in inference mode, and then is harmless. But what decides is not visible at
the call: a default in the model's own `call`, an enclosing call, the learning phase (Keras 2), an augmentation layer at
the front of the model, in Keras 3.6 to 3.15 even a `Resizing` layer, all switch it to train mode. A layer added to the
model, or another version of Keras, then changes every prediction of the program without a word.

The finding is a note where the call runs in inference mode in every version of Keras that the project allows, and a
warning where it does not in some of them. Where it runs in train mode in all of them, `train-mode-at-inference` says
so.

## How to fix it

Pass `training=False`: `model(x, training=False)`. It means the same in every version.

## When it is not a bug

`predict` and `evaluate` set the mode themselves; calls inside another layer's `call` inherit it; calls on symbolic
inputs build a model and do not run it; a model without Dropout, BatchNormalization, noise or augmentation has no mode;
a call whose result is dropped predicts nothing. None of them is reported. Models of which nothing is known (loaded from
a file, from an unknown library) are reported only with `--pedantic`.

## Fix safety

The fix adds `training=False`. It is safe where the call runs in inference mode anyway, and unsafe where it may not, or
where part of the model is unknown. Where it is only likely that the result is a prediction, or where the same call is
part of a training step, too, there is none.

## References

- [Keras: what `training` means in `call`](https://keras.io/guides/making_new_layers_and_models_via_subclassing/)
- [keras PR 23166: defaults of `training` leak to other layers](https://github.com/keras-team/keras/pull/23166)
"""

from collections.abc import Iterator

from modelint import (
    Confidence,
    Finding,
    Fix,
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

rule = Rule(__name__, severity=Severity.NOTE, since="0.1")


@rule.on(ModelCall)
def check(call: ModelCall, program: Program) -> Iterator[Finding]:
    """A call that predicts without stating the mode, unless it is in train mode everywhere."""
    states_no_mode = call.through in ("__call__", "export") and call.training is Passing.ABSENT
    if call.purpose is not Purpose.INFERENCE or not states_no_mode or call.mode is Mode.TRAIN or call.deliberate:
        return
    if call.model.prepares_data:  # it makes data
        return
    in_doubt = call.model.opaque and program.settings.pedantic
    if not (call.model.mode_sensitive or in_doubt) or program.mode_argument(call.model) != "training":
        return
    in_train_mode = [version for version, mode in call.modes.items() if mode is Mode.TRAIN]
    is_export = call.through == "export"
    if is_export and not in_train_mode:
        return
    what = "the run mode of this prediction is left to its context"
    if in_train_mode:
        subject = call.any_call or ("the exported model" if is_export else "this prediction")
        what = f"{subject} runs {kinds(call.affected)} in train mode in {version_ranges(in_train_mode)}"
    harmless = call.mode is Mode.INFERENCE and not call.model.opaque
    yield rule.at(
        call.place,
        f"{what}; {'export a function that passes' if is_export else 'pass'} training=False",
        because=call.because,
        severity=Severity.WARNING if in_train_mode else None,
        confidence=Confidence.HIGH if call.certain and call.model.mode_sensitive else Confidence.MEDIUM,
        fix=_fix(call, program, Safety.SAFE if harmless else Safety.UNSAFE),
    )


def _fix(call: ModelCall, program: Program, safety: Safety) -> Fix | None:
    """State the mode, where it is certain that all which the call gives is predictions."""
    statable = call.through == "__call__" and call.certain and program.has_one_purpose(call)
    return call.with_argument("training=False", safety) if statable else None
