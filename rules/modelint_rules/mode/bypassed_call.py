"""A model's `call` method is called in place of the model.

`model(x)` runs `Model.__call__`, which builds the layers, casts the input to the model's dtype, settles the run mode
and hands it down to the layers inside, and then runs `call`. `model.call(x)` leaves all this out. Inside, every layer
then falls back on the default of its own signature: in Keras 2 even `model.call(x, training=True)` does not reach them.

## How to fix it

Call the model: `model(x)`, `model(x, training=False)`.

## When it is not a bug

A subclass that calls `super().call(x)`, a wrapper whose own `call` or `__call__` delegates, and building a functional
model from a subclass's `call` on symbolic inputs are not reported. Nor is a method that calls `self.call`, a class that
overrides `__call__` itself, an attribute in which a model keeps its own (`self.run = tf.function(self.call)`), or an
endpoint that a SavedModel was exported with under that name. A call whose result is not used, made to build the weights
of a model in which no layer asks for the mode, does what it should.

## Fix safety

The fix takes out the method's name. It is unsafe: the model is then built, casts its input, and runs in the mode that
its context says.

## References

- [Keras: `Layer.call` and `Layer.__call__`](https://keras.io/api/layers/base_layer/)
"""

from collections.abc import Iterator

from modelint import Confidence, Edit, Finding, Fix, ModelCall, Program, Purpose, Rule, Safety, Severity

rule = Rule(__name__, severity=Severity.WARNING, since="0.1")

FORWARD_PASSES = {"call", "forward"}
"""Methods that hold a forward pass, which ``__call__`` wraps."""

DELEGATES = FORWARD_PASSES | {"__call__"}
"""Functions that are themselves a forward pass and may hand on to another's."""


@rule.on(ModelCall)
def check(call: ModelCall, program: Program) -> Iterator[Finding]:
    """A call of a model's ``call`` or ``forward`` from outside of any forward pass."""
    if call.through not in FORWARD_PASSES or call.function in DELEGATES:
        return
    if call.purpose is Purpose.FORWARD and not call.certain:
        return  # it may be symbolic
    if call.from_inside or (call.purpose is Purpose.DROPPED and not call.affected):
        return
    called = f"{call.through}()" if call.bypass is not None else f"what is called here, {call.model}.{call.through},"
    yield rule.at(
        call.place,
        f"{called} bypasses __call__, which settles the run mode, the dtype and the building of layers; "
        "call the model itself",
        because=call.because,
        confidence=Confidence.HIGH if call.certain else Confidence.MEDIUM,
        fix=_fix(call),
    )


def _fix(call: ModelCall) -> Fix | None:
    span = call.bypass.resolve().span if call.bypass is not None else None
    return Fix("call the model itself", Safety.UNSAFE, (Edit(span, ""),)) if span is not None else None
