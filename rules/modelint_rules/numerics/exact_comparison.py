"""Predictions are compared for exact equality.

The same sample is rounded differently in batches of different size, because matrix kernels sum in another order. In a
dense float32 network with 1024 inputs, 3 % of the predictions of single samples were equal, to the last bit, to those
in a batch of 64. The largest difference was 2.6e-6 of their root mean square. Over dense, convolutional, recurrent
and attention networks rounding came to at most:

| | float64 | float32 | float16 | bfloat16 |
|---|---|---|---|---|
| largest difference / root mean square | 1.8e-14 | 9.1e-6 | 2.3e-3 | 2.0e-2 |

while predictions that really depend on the batch differ by 0.05 to 7. An exact comparison cannot tell the two apart:
it fails on another machine, or passes at the one size that was tried.

## How to fix it

Compare with a tolerance between the two, relative to the scale of the predictions, and before any `argmax` or
threshold: `np.testing.assert_allclose(a, b, rtol=0, atol=1e-3 * np.sqrt(np.mean(b**2)))` in float32 and float64;
1.6e-2 in float16 and 0.125 in bfloat16.

## When it is not a bug

Class numbers, shapes and other integers are exact and are not reported. Two runs over the same batch on the same
machine were bit-identical in every case measured on a CPU, those of a model and of what was loaded from its file among
them, so comparisons at one size, or of one input run in one way, are not reported either. `model.predict(x)` and
`model(x)` are two ways, and differed.

## References

- [numpy.testing.assert_allclose](https://numpy.org/doc/stable/reference/generated/numpy.testing.assert_allclose.html)
- [Defeating nondeterminism in LLM inference](https://thinkingmachines.ai/blog/defeating-nondeterminism-in-llm-inference/)
"""

from collections.abc import Iterator

from modelint import Comparison, Confidence, Finding, Program, Rule, Severity

rule = Rule(__name__, severity=Severity.WARNING, since="0.1")


@rule.on(Comparison)
def check(comparison: Comparison, program: Program) -> Iterator[Finding]:
    """Predictions compared without a tolerance, unless both come from batches of one size."""
    left, right = comparison.sizes
    known = left is not None and right is not None
    if not comparison.exact or comparison.integer or comparison.alike or (known and left == right):
        return
    sizes = f" in batches of {left} and {right}" if known else ""
    yield rule.at(
        comparison.place,
        f"compares predictions{sizes} for exact equality ({comparison.how}); "
        "allow for rounding, 1e-3 of their root mean square in float32",
        because=comparison.because,
        confidence=Confidence.HIGH if known else Confidence.MEDIUM,
    )
