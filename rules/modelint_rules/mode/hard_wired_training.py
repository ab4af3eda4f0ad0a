"""A layer is connected with a constant `training=True`.

`Dropout(0.5)(x, training=True)` inside a model is meant to be active always. What it does depends on the version of
Keras. In Keras 2 and from 3.16 on it is: every prediction is random. In Keras 3.0 to 3.15 a functional model overrides
it with the mode of the outer call: the layer is off in `predict` and `evaluate`, so Monte-Carlo dropout by `predict`
has no variance at all, and on in `model(x)` and in an exported model. Inside the `call` of a subclassed model or layer
the constant holds in every version, and in Keras 3 it also sets the mode of the layers called after it. A
BatchNormalization so connected normalises every prediction with its own batch, and keeps changing its statistics.

The same becomes of a model that another one calls so, `backbone(x, training=True)`, and of all its layers. That is
reported where the outer model is seen to be evaluated or to predict; one that is only trained, such as a generator with
its critic, may hold it.

## How to fix it

Leave the mode to the caller: drop the argument, or hand on `call`'s own `training`. For Monte-Carlo dropout, pass
`training=True` where the model is called: `model(x, training=True)` does it in every version.

## When it is not a bug

Monte-Carlo dropout and generators in the manner of pix2pix are meant to be random: say so in a comment at one call of
the layer, or with `# modelint: ignore[hard-wired-training] reason`. A constant `training=False` on a frozen base is not
reported, nor is a layer of a model that the model around it always calls in inference mode, which overrides the
constant, or one that is called under `if training:` only.

## References

- [keras PR 23364: hard-coded `training` in functional models](https://github.com/keras-team/keras/pull/23364)
- [keras issue 20285: `training=False` of the transfer learning guide overridden by
  `fit`](https://github.com/keras-team/keras/issues/20285)"""

from collections.abc import Iterator

from modelint import Finding, HardWiredMode, Mode, Passing, Program, Rule, Severity, version_ranges

rule = Rule(__name__, severity=Severity.WARNING, since="0.1")


@rule.on(HardWiredMode)
def check(connection: HardWiredMode, program: Program) -> Iterator[Finding]:
    """A layer connected with ``training=True``, unless that is meant."""
    if connection.training is not Passing.TRUE or connection.deliberate or not connection.layer.traits.mode_sensitive:
        return
    if _is_overridden(connection):
        return
    yield rule.at(
        connection.place,
        f"{_subject(connection)} hard-wired to train mode: {_consequence(connection)}; "
        "drop training=True, or pass it where the model is called",
        because=connection.because,
    )


def _subject(connection: HardWiredMode) -> str:
    """What is called with the constant."""
    if not connection.within:
        return f"this {connection.layer.kind} is"
    model = "model" if connection.within == "Functional" else connection.within
    return f"the {connection.layer.kind} of this {model} is"


def _consequence(connection: HardWiredMode) -> str:
    """What it means in the versions in play."""
    modes = connection.modes_in_predict
    always = [version for version, mode in modes.items() if mode is Mode.TRAIN]
    overridden = [version for version, mode in modes.items() if mode is Mode.INFERENCE]
    called = {connection.modes_when_called.get(version) for version in overridden}
    off = {Mode.TRAIN: "off in predict() and on in model(x)", Mode.INFERENCE: "off in every prediction"}.get(
        called.pop() or Mode.UNKNOWN if len(called) == 1 else Mode.UNKNOWN, "off in predict()"
    )
    if len(always) == len(modes):
        return "it stays on in every prediction"
    if len(overridden) == len(modes):
        return f"it is {off}"
    parts = [f"on in every prediction in {version_ranges(always)}"] if always else []
    parts += [f"{off} in {version_ranges(overridden)}"] if overridden else []
    return ", ".join(parts) or "it is on or off by the model that it is part of"


def _is_overridden(connection: HardWiredMode) -> bool:
    """Whether what holds the model calls it in inference mode, in all versions, so that the constant does nothing."""
    modes = [*connection.modes_in_predict.values(), *connection.modes_when_called.values()]
    return bool(modes) and all(mode is Mode.INFERENCE for mode in modes)
