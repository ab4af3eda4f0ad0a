"""Dropout draws its masks unseeded, so that no training run can be repeated.

In Keras 3 every dropout or noise layer without a seed takes one from Python's `random` when it is constructed. Two
runs of the same script then train with different masks, and a difference between them says nothing about the change
that was to be judged. Only a seed that reaches these layers helps (Keras 3.15, two processes each):

| set before the model is built | dropout masks | initial weights | `tf.data` shuffle |
|---|---|---|---|
| nothing | differ | differ | differs |
| `tf.random.set_seed(1)` | differ | differ | the same |
| `np.random.seed(1)` | differ | differ | differs |
| `random.seed(1)` | the same | the same | differs |
| `keras.utils.set_random_seed(1)` | the same | the same | the same |
| `keras.utils.set_random_seed(1)` after building the model | differ | differ | the same |

Inference is not affected: a prediction does not draw. There is one finding per program: on the first such layer in the
file that is run, or on its training where all stand in modules that it imports.

## How to fix it

Call `keras.utils.set_random_seed(1)` once, before the first layer is constructed. Keras has it since 2.7; in every
Keras 2, `tf.random.set_seed(1)` reaches the masks too. Do not give every layer the same `seed=`: their masks are then
equal, which is worse (see `reused-seed`).

## When it is not a bug

Modules that build models but do not train them are not reported: the seed is the training script's business. If runs
are meant to differ, for an ensemble say, draw the seed and log it.

## Fix safety

Where the finding stands in the program's own root file, and that has imported Keras or TensorFlow under some name, the
fix calls `set_random_seed(0)` below the imports, once for the whole program; `tf.random.set_seed(0)` where Keras is 2,
and perhaps older than 2.7. It is unsafe: all runs then draw the same.

## References

- [keras.utils.set_random_seed](https://keras.io/api/utils/python_utils/)
- [Keras: reproducibility](https://keras.io/examples/keras_recipes/reproducibility_recipes/)
"""

from collections.abc import Iterator

from modelint import Finding, Governor, Program, RandomSource, Rule, Seeding, Severity, api, seeding_function

rule = Rule(__name__, severity=Severity.WARNING, since="0.1")


@rule.on(Program)
def check(fact: Program, program: Program) -> Iterator[Finding]:
    """The dropout and noise layers of a training program that nothing seeds, as one finding."""
    if not program.trains:
        return
    excused = {
        id(source)
        for seed in program.all(Seeding)
        if seed.intended or program.settings.pedantic
        for source in seed.ineffective_for
    }
    unseeded = [source for source in program.all(RandomSource) if _draws_unseeded(source)]
    # what nothing calls is judged only where nothing else draws: it may be called in a way that is not seen
    drawn = [source for source in unseeded if source.runs] or unseeded
    places = {source.place.resolve(): source for source in drawn if id(source) not in excused}
    if not places:
        return
    (first, source), *others = sorted(places.items(), key=lambda item: item[0].path != program.path)
    count = f" and {len(others)} more {'layer' if len(others) == 1 else 'layers'}" if others else ""
    elsewhere = [] if first.path == program.path or program.trained_at is None else [(first, "drawn unseeded")]
    place = program.trained_at.resolve() if elsewhere and program.trained_at is not None else first
    yield rule.at(
        place,
        f"nothing seeds the training masks of {_name(source)}{count} (inference is not affected); "
        f"call {seeding_function(program.settings.versions, source.what)} before the model is built",
        because=[*source.because, *elsewhere, *((place, "drawn unseeded, too") for place, _ in others)],
        fix=program.seeder.fix(place, source.what) if program.seeder is not None else None,
    )


def _draws_unseeded(source: RandomSource) -> bool:
    """Whether it is a dropout or noise that nothing seeds; functions blind to the mode are ``mode-blind-dropout``'s."""
    return (
        source.is_training_noise and source.seeded_by is Governor.NOTHING and not source.mode_blind and source.rate != 0
    )


def _name(source: RandomSource) -> str:
    """The layer that draws."""
    return source.owner if source.kind == "operation" and source.owner is not None else api(source.what)
