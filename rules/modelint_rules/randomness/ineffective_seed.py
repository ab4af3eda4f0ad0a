"""A seed is set that does not govern what the program draws.

Keras 3 draws its masks and initial weights from seeds of its own, taken from Python's `random` when a layer is
constructed. `tf.random.set_seed` and `np.random.seed` do not reach them, and `keras.utils.set_random_seed` does not
either once the model is built: two processes gave different dropout masks and different initial weights in all three
cases (Keras 3.15). In Keras 2, `tf.random.set_seed` governs dropout but not the initial weights. The script looks
reproducible, and is not, which is worse than no seed at all.

## How to fix it

Replace it by `keras.utils.set_random_seed(seed)`, before the first layer is constructed. It seeds Python, NumPy,
TensorFlow and Keras alike.

## When it is not a bug

`tf.random.set_seed` does govern `tf.random`, `tf.nn.dropout` and `tf.data` shuffling, and `np.random.seed` what NumPy
draws; a program that has nothing else to seed is not reported, nor is one in which another seed governs the rest.

## Fix safety

The fix calls `set_random_seed` with the same number in its place, where Keras or TensorFlow has been imported by then
and no layer been made. It is unsafe: what is drawn changes.

## References

- [keras.utils.set_random_seed](https://keras.io/api/utils/python_utils/)
- [tf.random.set_seed](https://www.tensorflow.org/api_docs/python/tf/random/set_seed)
"""

from collections.abc import Iterator

from modelint import Confidence, Finding, Program, Rule, Seeding, Severity, enumeration, version_ranges

rule = Rule(__name__, severity=Severity.WARNING, since="0.1")


@rule.on(Seeding)
def check(seeding: Seeding, program: Program) -> Iterator[Finding]:
    """A global seed that does not reach draws it could be thought to govern."""
    draws = seeding.ineffective_for
    if not draws or not program.trains:
        return
    named = enumeration(draw.what.rsplit(".", 1)[-1] for draw in draws)
    everywhere = not seeding.versions or set(seeding.versions) >= set(program.settings.versions)
    where = "" if everywhere else f" in {version_ranges(seeding.versions)}"
    why = f" ({seeding.reason})" if seeding.reason else ""
    yield rule.at(
        seeding.place,
        f"{seeding.function.rsplit('.', 1)[-1]} does not seed {named}{where}{why}; "
        "call keras.utils.set_random_seed before the model is built",
        because=[*seeding.because, *((draw.place, "draws unseeded") for draw in draws)],
        confidence=Confidence.HIGH if everywhere else Confidence.MEDIUM,
        fix=program.seeder.instead_of(seeding) if program.seeder is not None else None,
    )
