"""A seed is set that does not govern what the program draws.

Keras 3 draws its masks and initial weights from seeds of its own, taken from Python's `random` when a layer is
constructed. `tf.random.set_seed` and `np.random.seed` do not reach them, and `keras.utils.set_random_seed` does not
either once the model is built: two processes gave different dropout masks and different initial weights in all three
cases (Keras 3.15). In Keras 2, `tf.random.set_seed` governs dropout but not the initial weights. The script looks
reproducible, and is not, which is worse than no seed at all.

There is one finding per program, on the seed that could most be thought to govern the draws that it names.
`np.random.seed = 42` seeds nothing at all: it puts a number in the place of the function.

## How to fix it

Replace it by `keras.utils.set_random_seed(seed)`, before the first layer is constructed. It seeds Python, NumPy,
TensorFlow and Keras alike. Where Keras may be older than 2.7, which does not have it, set the seeds of all generators.

## When it is not a bug

A seed that is set for what its own generator draws right after it is not meant for more: `random.seed(s)` before
`random.shuffle(x)`, `np.random.seed(s)` in a function that samples. It is not reported, and neither is one that is set
after training, or taken back by `seed(None)`, or set in a function that nothing calls. Where a program draws from the
seeded generator elsewhere, and neither a comment nor another seed beside it says that all was meant, confidence falls.
Up to 2.3, Keras by itself (not `tf.keras`) took the seeds of its dropouts from NumPy; programs that may be of that time
are not reported for `np.random.seed`.

## Fix safety

The fix calls `set_random_seed` with the same number in its place, where Keras or TensorFlow has been imported by then
and no layer been made. It is unsafe: what is drawn changes.

## References

- [keras.utils.set_random_seed](https://keras.io/api/utils/python_utils/)
- [tf.random.set_seed](https://www.tensorflow.org/api_docs/python/tf/random/set_seed)
"""

from collections.abc import Iterator

from modelint import (
    Assigned,
    Confidence,
    Finding,
    Fix,
    Program,
    Rule,
    Safety,
    Seeding,
    Severity,
    api,
    enumeration,
    seeding_function,
    version_ranges,
)

rule = Rule(__name__, severity=Severity.WARNING, since="0.1")


@rule.on(Seeding)
def check(seeding: Seeding, program: Program) -> Iterator[Finding]:
    """A global seed that does not reach draws it could be thought to govern."""
    draws = seeding.ineffective_for
    drawn = [(draw.place, "draws unseeded") for draw in draws]
    if seeding.assigned is not None:
        yield rule.at(
            seeding.place,
            f"puts a value in the place of {api(seeding.function)} and seeds nothing; call it",
            because=drawn,
            fix=_called(seeding.assigned, seeding, program),
        )
        return
    if not draws or not program.trains:
        return
    named = enumeration(api(draw.what) for draw in draws)
    everywhere = not seeding.versions or set(seeding.versions) >= set(program.settings.versions)
    where = "" if everywhere else f" in {version_ranges(seeding.versions)}"
    yield rule.at(
        seeding.place,
        f"{api(seeding.function)} does not seed {named}{where} ({seeding.reason}); "
        f"call {seeding_function(program.settings.versions, *(draw.what for draw in draws))} before the model is built",
        because=[*drawn, *seeding.because],
        confidence=Confidence.HIGH if everywhere and seeding.intended else Confidence.MEDIUM,
        fix=program.seeder.instead_of(seeding) if program.seeder is not None else None,
    )


def _called(assigned: Assigned, seeding: Seeding, program: Program) -> Fix | None:
    """Call the function instead, or one that seeds all that the program draws."""
    seeder = program.seeder if seeding.ineffective_for else None
    whole = seeder.instead_of(seeding) if seeder is not None else None
    return whole or Fix(f"call {assigned.function}", Safety.UNSAFE, assigned.as_call(assigned.function))
