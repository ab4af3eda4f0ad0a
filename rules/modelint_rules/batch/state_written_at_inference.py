"""A forward pass writes variables at inference too.

A model that remembers gives another answer to the same question. `self.mean.assign(...)` in a `call` without a test
of `training` runs in `predict` as it does in `fit`: with a running mean kept that way, three predictions of the same
batch gave 2.80, 2.51 and 2.25 for the same sample. A stateful recurrent layer carries its state from one request into
the next, of another user. Under several threads or replicas even the order of requests is left to chance.

## How to fix it

Write only in training: `if training: self.mean.assign(...)`, with `training=None` as a parameter of `call`. Reset a
stateful layer before each unrelated sequence (`layer.reset_state()`), or serve a copy of the model with
`stateful=False`.

## When it is not a bug

Streaming inference feeds one sequence piece by piece through a stateful layer, on purpose. A variable that is set with
the first batch, under a test of an attribute that says whether it is the first, is not reported. Counters and caches
that do not enter the output are harmless; say so with an ignore comment.

## References

- [Keras: making layers with `training` in `call`](https://keras.io/guides/making_new_layers_and_models_via_subclassing/)
- [Keras: statefulness of RNNs](https://keras.io/guides/working_with_rnns/)
"""

from collections.abc import Iterator

from modelint import Finding, Program, Rule, Severity, StateWrite

rule = Rule(__name__, severity=Severity.ERROR, since="0.1")


@rule.on(StateWrite)
def check(write: StateWrite, program: Program) -> Iterator[Finding]:
    """A variable that a forward pass writes without a test of the mode."""
    if not write.guarded:
        yield rule.at(
            write.place,
            f"writes state at inference too ({write.how}), so a prediction depends on earlier ones; "
            "write in training only, or reset between requests",
            because=write.because,
        )
