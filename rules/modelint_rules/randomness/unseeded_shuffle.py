"""Training data is shuffled in an order that nothing seeds.

The order in which samples are seen, and with it the composition of every batch, is part of the result of training: it
decides BatchNorm's statistics and the last steps' gradients. `dataset.shuffle(n)` without a seed gave a different
order in each of two runs, and the same one under `tf.random.set_seed` or `keras.utils.set_random_seed`. For
`random.shuffle` and `np.random.permutation` it is Python's and NumPy's own seed that counts. Where shuffling divides
training from test data, an unseeded one measures a different test set on each run, and a model that is trained on has
seen parts of it.

## How to fix it

Call `keras.utils.set_random_seed` (since Keras 2.7) at the start: it seeds Python, NumPy and TensorFlow. Or pass
`seed=` (`random_state=` in scikit-learn).

## When it is not a bug

Where runs need not be repeated, an unseeded order is harmless; this is a note. What is only evaluated on, by what is
done with it or by its name, is not reported.

## Fix safety

Where the finding stands in the program's own root file, and that has imported Keras or TensorFlow under some name, the
fix calls `set_random_seed(0)` below the imports, once for the whole program; where Keras is 2, and perhaps older than
2.7, it calls `tf.random.set_seed(0)`, for the orders that TensorFlow draws. It is unsafe: all runs then draw the same.

## References

- [tf.data.Dataset.shuffle](https://www.tensorflow.org/api_docs/python/tf/data/Dataset#shuffle)
"""

from collections.abc import Iterator

from modelint import Finding, Governor, Program, RandomSource, Rule, Seeding, Severity, seeding_function

rule = Rule(__name__, severity=Severity.NOTE, since="0.1")


@rule.on(RandomSource)
def check(source: RandomSource, program: Program) -> Iterator[Finding]:
    """A shuffle in a training program that nothing seeds."""
    if source.kind != "shuffle" or source.seeded_by is not Governor.NOTHING or not program.trains:
        return
    seeds = (one for one in program.all(Seeding) if one.intended or program.settings.pedantic)
    if any(source is draw for seed in seeds for draw in seed.ineffective_for):
        return
    yield rule.at(
        source.place,
        f"nothing seeds this order ({source.what}); "
        f"call {seeding_function(program.settings.versions, source.what)} at the start, or pass a seed",
        because=source.because,
        fix=program.seeder.fix(source.place, source.what) if program.seeder is not None else None,
    )
