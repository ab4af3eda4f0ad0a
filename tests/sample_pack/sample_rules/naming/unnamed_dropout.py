"""A dropout has no name.

In this house masks are found by the names of their layers. The rule asks for constructions in programs, and adds the
argument.

## How to fix it

Give the layer a name.

## When it is not a bug

Nobody looks for the masks of the model.

## Fix safety

The fix names the layer `dropout`, which changes the names of its variables; it is unsafe.

## References

- The parameter `name` of every layer.
"""

from collections.abc import Iterator

from modelint import Finding, Fix, LayerMade, Program, Rule, Safety, Severity

rule = Rule(__name__, severity=Severity.NOTE, since="1.0")


@rule.on(LayerMade)
def check(layer: LayerMade, program: Program) -> Iterator[Finding]:
    """A Dropout that is constructed without a name."""
    if layer.qualified != "keras.layers.Dropout" or "name" in layer.config:
        return
    written = layer.place.written()
    edit = written.adding('name="dropout"') if written is not None else None
    fix = Fix("name it", Safety.UNSAFE, (edit,)) if edit is not None else None
    yield rule.at(layer.place, "this Dropout has no name; give it one", fix=fix)
