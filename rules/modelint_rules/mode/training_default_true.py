"""A layer or model trains unless it is told not to.

Keras leaves `training` to the context and takes the signature's default only when nothing else decides. With
`def call(self, x, training=True)` a bare `model(x)`, an export, and a TensorFlow Lite conversion therefore run in train
mode, although `predict`, `evaluate` and `fit` look right. In Keras 3.0 to 3.15 such a default also leaks: the layers
called after this one run in train mode too. (Measured: predictions of a bare call 3.3 standard deviations away from
those of `predict`.)

## How to fix it

Let the context decide: `def call(self, x, training=None)`, and hand `training` on to the layers inside.

## When it is not a bug

A layer in which nothing depends on the mode is not reported, nor is one that says in its docstring that it is used in
training only. Keras's own augmentation layers default to `training=True`.

## Fix safety

The fix writes `None` for the default. It is unsafe: calls that relied on the default then run in inference mode, unless
their context says otherwise. It is offered for `training` only: Keras gives no value to a parameter of another name.

## References

- [Keras: privileged `training` argument in
  `call`](https://keras.io/guides/making_new_layers_and_models_via_subclassing/)
- [keras PR 23166: defaults of `training` leak to other layers](https://github.com/keras-team/keras/pull/23166)"""

from collections.abc import Iterator

from modelint import Edit, Finding, Fix, ForwardPass, Passing, Program, Rule, Safety, Severity

rule = Rule(__name__, severity=Severity.WARNING, since="0.1")


@rule.on(ForwardPass)
def check(forward: ForwardPass, program: Program) -> Iterator[Finding]:
    """A forward pass whose mode parameter defaults to a true value."""
    if forward.default is not Passing.TRUE or forward.training_only or not forward.mode_sensitive:
        return
    yield rule.at(
        forward.parameter_place,
        f"{forward.parameter} defaults to a true value, so {forward.owner} is in train mode wherever "
        f"nobody says otherwise; default to None",
        because=forward.because,
        fix=_fix(forward),
    )


def _fix(forward: ForwardPass) -> Fix | None:
    if forward.default_place is None or forward.parameter != "training":
        return None  # Keras fills no other: what relies on the default would never train again
    span = forward.default_place.resolve().span
    return Fix("default to None", Safety.UNSAFE, (Edit(span, "None"),)) if span is not None else None
