"""A number passed to BatchNorm by position lands in another parameter than its value says.

The parameters of Keras's `BatchNormalization` are `axis`, `momentum`, `epsilon`, in this order.
`BatchNormalization(0.8)` therefore sets the axis: Keras 3.15 truncates 0.8 to axis 0, the batch, without a word. Each
sample is then normalised over its own features, with a gamma for every position in the batch, and a batch of another
size than the first one fails (Keras 2 raises a TypeError at once). An epsilon in the place of the momentum,
`BatchNormalization(-1, 1e-3)`, makes the moving statistics those of the very last batch. A momentum in the place of
epsilon, `BatchNormalization(-1, 0.99, 0.8)`, adds 0.8 to every variance: unit-variance data comes out with a
deviation of 0.63 to 0.75.

## How to fix it

Name the parameter: `BatchNormalization(momentum=0.8)`.

## When it is not a bug

Arguments passed by name are taken at their word, and positional ones whose value is plausible are not reported.

## Fix safety

The fix names the argument. It is unsafe: the layer then computes something else.

## References

- [Keras: BatchNormalization](https://keras.io/api/layers/normalization_layers/batch_normalization/)
"""

from collections.abc import Iterator

from modelint import Finding, Fix, LayerMade, Program, Rule, Safety, Setting, Severity

rule = Rule(__name__, severity=Severity.WARNING, since="0.1")

PARAMETERS = ("axis", "momentum", "epsilon")
"""In the order in which they are taken by position."""

KINDS = frozenset({"BatchNormalization", "SyncBatchNormalization"})
LEAST_MOMENTUM = 0.01
"""Below it the moving statistics are those of the last batch: the value is meant for epsilon."""

LARGEST_EPSILON = 0.1
"""Above it the value is meant for the momentum."""


@rule.on(LayerMade)
def check(layer: LayerMade, program: Program) -> Iterator[Finding]:
    """A BatchNorm with an implausible value passed by position."""
    if layer.kind not in KINDS or not layer.qualified.startswith("keras.layers."):
        return
    wrong = next((found for found in map(_misplaced, range(3), layer.positional) if found is not None), None)
    if wrong is not None:
        parameter, value, meant = wrong
        message = f"{value} sets {parameter}, not {meant}; write {meant}={value}"
        yield rule.at(layer.place, message, fix=_fix(layer, PARAMETERS.index(parameter), meant))


def _fix(layer: LayerMade, position: int, meant: str) -> Fix | None:
    """Name the argument, unless another one has that parameter's place."""
    written = layer.place.written() if PARAMETERS.index(meant) >= position else None
    edit = written.naming(position, meant) if written is not None else None
    return Fix(f"name the argument {meant}", Safety.UNSAFE, (edit,)) if edit is not None else None


def _misplaced(position: int, value: Setting) -> tuple[str, float, str] | None:
    """The parameter a positional argument sets, its value, and the parameter it is meant for; None if plausible."""
    match position, value:
        case 0, float():
            return "axis", value, "momentum" if value > LARGEST_EPSILON else "epsilon"
        case 1, float() if value < LEAST_MOMENTUM:
            return "momentum", value, "epsilon"
        case 2, float() if value > LARGEST_EPSILON:
            return "epsilon", value, "momentum"
    return None
