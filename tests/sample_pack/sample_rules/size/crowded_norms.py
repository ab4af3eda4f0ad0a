"""A model normalises its batches too often.

In this house more than one BatchNormalization is too many. The rule asks for models, and so it finds them in programs
and in model files.

## How to fix it

Take out all but one.

## When it is not a bug

Anywhere else.

## References

- The class `keras.layers.BatchNormalization`.
"""

from collections.abc import Iterator

from modelint import Finding, Model, Program, Rule, Severity

rule = Rule(__name__, severity=Severity.ERROR, since="1.0")


@rule.on(Model)
def check(model: Model, program: Program) -> Iterator[Finding]:
    """A model with several live BatchNorm layers."""
    norms = model.batchnorms
    if len(norms) > 1:
        because = [(norm.place, f"here is {norm.kind}") for norm in norms]
        yield rule.at(model.origin, f"{len(norms)} layers normalise the batch; take out all but one", because=because)
