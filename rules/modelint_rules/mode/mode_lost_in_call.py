"""The run mode does not reach a layer that depends on it.

Keras hands `training` down by itself, so forgetting to pass it on is harmless in most places, but not in these:

- A `keras.Model` subclass with `def call(self, x)`: Keras 3 asks the signature whether to set the mode. `fit` then
  trains Dropout and BatchNormalization in inference mode: nothing is dropped, the moving statistics stay at 0 and 1. In
  Keras 3.0 to 3.9 not even `model(x, training=True)` reaches them. In Keras 2 they get the mode.
- A parameter of another name, `def call(self, x, is_training=False)`: `fit` knows only `training`, in every version.
- `self.block(x, training=None)`: from Keras 3.10 on an explicit None erases the mode that would have been inherited.
- `self.block.call(x)`: bypasses `__call__`, which hands the mode down.

## How to fix it

Name the parameter and hand it on: `def call(self, x, training=None)`, with `self.dropout(x, training=training)`.

## When it is not a bug

A layer (not a model) without the parameter inherits the mode from the enclosing call in every version; so does every
layer called without the argument. They are not reported. A model that is always called with its own flag, by a loop
written for it, may name it as it likes; `fit` must then not be used. Where that is seen, and no `fit`, it is shown with
`--pedantic` only.

## Fix safety

The fix gives `call` a parameter `training=None`, which Keras then fills and the layers inside inherit; or passes
`training` where `None` was passed; or takes out `.call`. It is unsafe: training then trains what it did not before.
A parameter of another name is left to you, for its callers would have to change, too.

## References

- [keras-hub issue 1500: subclassed models without `training`](https://github.com/keras-team/keras-hub/issues/1500)
- [Keras: privileged `training` argument in
  `call`](https://keras.io/guides/making_new_layers_and_models_via_subclassing/)"""

from collections.abc import Iterator
from itertools import groupby

from modelint import (
    Confidence,
    Edit,
    Finding,
    Fix,
    ForwardPass,
    LostMode,
    Passing,
    Program,
    Rule,
    Safety,
    Severity,
    enumeration,
    version_ranges,
)

rule = Rule(__name__, severity=Severity.ERROR, since="0.1")


@rule.on(ForwardPass)
def check(forward: ForwardPass, program: Program) -> Iterator[Finding]:
    """The places of a forward pass that lose the mode, with the layers that each keeps it from."""
    for _, group in groupby(sorted(forward.lost, key=_cause), key=_cause):
        lost = list(group)
        first = lost[0]
        where = f" in {version_ranges(first.lost_in)}" if first.arrives_in else ""
        yield rule.at(
            first.place,
            f"the run mode does not reach {enumeration(each.layer.kind for each in lost)}{where}: {first.how}; "
            "name a training parameter in call and hand it on",
            because=(*forward.because, *first.because),
            severity=Severity.WARNING if first.arrives_in else None,
            confidence=_confidence(forward, first, program),
            fix=_fix(first),
        )


def _fix(lost: LostMode) -> Fix | None:
    """Let the mode through where it is lost."""
    if lost.bypass is not None:
        span = lost.bypass.resolve().span
        return Fix("call the layer itself", Safety.UNSAFE, (Edit(span, ""),)) if span is not None else None
    written = lost.place.written()
    if written is None:
        added = lost.signature.adding("training=None")
        return Fix("take training=None as a parameter", Safety.UNSAFE, (added,)) if added is not None else None
    given = written.argument("training")
    passed = given.replaced(lost.signature.mode) if given is not None and lost.signature.mode is not None else None
    return Fix(f"pass {lost.signature.mode}", Safety.UNSAFE, (passed,)) if passed is not None else None


def _cause(lost: LostMode) -> tuple[object, ...]:
    """Equal for what one place loses in one way."""
    versions = tuple(version.value for version in lost.lost_in)
    return (*lost.place.resolve().order, lost.how, versions)


def _confidence(forward: ForwardPass, lost: LostMode, program: Program) -> Confidence:
    differs = bool(lost.arrives_in) and not program.settings.versions_known
    # a model whose call takes no mode, or that the program hands its own flag, harms nobody until fit trains it
    by_flag = any(call.flag is not Passing.ABSENT for call in program.calls_of(forward))
    unused = forward.kind == "Model" and forward.fitted_at is None and (forward.parameter is None or by_flag)
    return Confidence.MEDIUM if differs or unused else Confidence.HIGH
