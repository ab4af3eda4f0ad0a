"""Two draws that should be independent have the same seed.

In Keras 3 the seed is all that distinguishes two dropout layers: with equal integers their masks are equal, in every
step (correlation 1.00, with different seeds 0.00; in Keras 2 the same holds inside `fit`). Stacked layers of rate 0.5
with seed 7 both keep 50 % of the units instead of 25 %, and those at four times their value, so that the mean is 2.0
instead of 1.0; the sum of two branches has variance 4.0 instead of 2.0. Rates may differ: 0.2 and 0.5 still correlate
at 0.50.

A function such as `keras.random.dropout(x, 0.5, seed=3)` has no state at all: with an integer it returns the same
mask on every call, and a unit that is dropped in row 3 is dropped in row 3 for the whole training. The same holds of
noise with `seed=self.seed` in a training step or in the `__getitem__` of a dataset: it is one picture of noise, learned
by heart. Other stateless functions are `tf.random.stateless_normal` and its like.

## How to fix it

Leave `seed` out of the layers and call `keras.utils.set_random_seed` once before building the model, or give every
layer a number of its own. To a function, pass a `keras.random.SeedGenerator` made in the constructor.

## When it is not a bug

The same seed in two models that are compared with one another is not reported. One layer that is called twice draws
twice. What is drawn once, is evaluated, generated or shown may want the same numbers each time, and a draw that stands
in a loop itself is taken for meant.

## References

- [Keras: randomness](https://keras.io/api/random/)
- [Keras: SeedGenerator](https://keras.io/api/random/seed_generator/)
"""

from collections.abc import Iterator

from modelint import Finding, Layer, Model, Place, Program, RandomSource, Rule, Severity, api

rule = Rule(__name__, severity=Severity.WARNING, since="0.1")


@rule.on(Program)
def check(fact: Program, program: Program) -> Iterator[Finding]:
    """Layers of one model that share a seed."""
    reported: set[Place] = set()  # a nested model shows its layers again in the model that holds it
    for first, second, seed in (pair for model in program.all(Model) for pair in _pairs(model)):
        place = second.place.resolve()
        if place not in reported:
            reported.add(place)
            yield rule.at(
                place,
                f"seed={seed} is also the seed of another {first.kind}, so both draw the same masks; "
                "give each its own, or none and call keras.utils.set_random_seed",
                because=[(first.place, f"the first layer with seed={seed}")],
            )


@rule.on(RandomSource)
def check_stateless(source: RandomSource, program: Program) -> Iterator[Finding]:
    """A stateless draw of training, or of its data, with a constant seed."""
    trained = source.in_forward and (source.kind == "dropout" or source.guarded)
    again = source.drawn_again if source.deliberate is None else ""
    if source.repeats and (trained or again):
        where = again or "on every call"
        keras = source.what.startswith("keras.")
        yield rule.at(
            source.place,
            f"draws the same numbers {where} ({api(source.what)} with seed={source.seed!r}); "
            + ("pass a SeedGenerator" if keras else "give it another seed each time"),
            because=source.because,
        )


def _pairs(model: Model) -> Iterator[tuple[Layer, Layer, int]]:
    """Different layers of one model with one seed, each with the first that has it."""
    first: dict[tuple[str, int], Layer] = {}
    for layer in model.layers:
        seed = layer.config.get("seed")
        if not layer.qualified.startswith("keras.layers."):
            continue  # what a seed means is not known
        if not isinstance(seed, int) or isinstance(seed, bool) or not layer.traits.stochastic_in_training:
            continue
        if "Dropout" in layer.kind or layer.kind == "GaussianNoise":
            earlier = first.setdefault((layer.kind, seed), layer)
            if earlier.identity != layer.identity:
                yield earlier, layer, seed
