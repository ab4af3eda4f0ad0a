"""A backbone frozen by `training=False` has its BatchNorm trained all the same.

The fine-tuning recipe calls the backbone as `base(inputs, training=False)`, so that its moving statistics survive
when `base.trainable = True` is set for the second stage. In Keras 2 and 3.16 they do. In Keras 3.0 to 3.15 a
functional model passes on the mode of `fit` to every layer and the flag written into the graph is overridden.
Measured with Keras 3.15: after two epochs of `fit` with a learning rate of zero, the moving mean of a base that was
unfrozen had gone from 0 to 0.51 and the moving variance from 1 to 2.17; with the base still frozen they had not moved
at all. So what was learned in the backbone's pre-training is replaced by the statistics of the small new data set,
and each prediction in training depends on its batch.

## How to fix it

Freeze the layers themselves, which every version honours, after unfreezing the base and before `compile`:

    base.trainable = True
    for layer in base.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False

## When it is not a bug

The statistics may be meant to adapt to new data: then write `base(inputs)` without the flag. Nothing is reported
while the base, or each BatchNorm in it, is not trainable.

## References

- [Keras: transfer learning and fine-tuning](https://keras.io/guides/transfer_learning/)
- [keras #20285](https://github.com/keras-team/keras/issues/20285), [keras #23364](https://github.com/keras-team/keras/pull/23364)
"""

from collections.abc import Iterator

from modelint import Confidence, Finding, FrozenDrift, Mode, Program, Rule, Severity, version_ranges

rule = Rule(__name__, severity=Severity.WARNING, since="0.1")


@rule.on(FrozenDrift)
def check(drift: FrozenDrift, program: Program) -> Iterator[Finding]:
    """A base called with ``training=False`` whose BatchNorm runs in train mode under ``fit``."""
    drifting = [version for version in program.settings.versions if drift.modes.get(version) is Mode.TRAIN]
    if not drifting:
        return
    everywhere = len(drifting) == len(program.settings.versions)
    yield rule.at(
        drift.place,
        f"training=False is overridden by fit in {version_ranges(drifting)}, which trains "
        f"{_layers(drift)}; set trainable = False on each BatchNorm after unfreezing",
        because=[*drift.because, (drift.fit_place, "fitted here, with the base trainable")],
        confidence=Confidence.HIGH if everywhere else Confidence.MEDIUM,
    )


def _layers(drift: FrozenDrift) -> str:
    """What drifts, in words."""
    count = len(drift.layers)
    return f"{count} BatchNorm layers of {drift.base}" if count > 1 else f"the BatchNorm of {drift.base}"
