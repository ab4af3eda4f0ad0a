"""The layers of Keras as cases, with what the linter's own table says of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import numpy as np
from cases import Case
from modelint_worker.inputs import InputSpec


class LayerRunner:
    """A layer by itself, run as ``measure_keras_layers`` runs it."""

    def __init__(self, bench: Any, layer: Any) -> None:
        self.bench, self.layer = bench, layer

    def specs(self) -> Sequence[InputSpec]:
        raise NotImplementedError("the inputs are given")

    def run(self, inputs: Sequence[Any], entry: str) -> list[Any]:
        tree = self.tree(inputs)
        return [one for one in self.bench.call(self.layer, tree, entry == "true") if one.dtype != object]

    def tree(self, inputs: Sequence[Any]) -> Any:
        import tensorflow as tf

        return tf.nest.pack_sequence_as(self.structure, list(inputs))

    structure: Any = None

    def layers(self, inputs: Sequence[Any], entry: str) -> list[tuple[str, Any]]:
        return []

    def _variables(self) -> list[Any]:
        found = {id(one): one for one in self.layer.variables}
        for variable, _ in self.bench.state(self.layer):
            found.setdefault(id(variable), variable)
        return [one for one in found.values() if "string" not in str(one.dtype)]

    def state(self) -> dict[str, Any]:
        return {
            f"{number}:{getattr(one, 'path', one.name)}": np.array(one) for number, one in enumerate(self._variables())
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        for variable, value in zip(self._variables(), state.values(), strict=True):
            variable.assign(value)

    def seed(self, number: int) -> None:
        self.bench.keras.utils.set_random_seed(number)

    def chance(self, entry: str) -> None:
        return None

    def precise(self) -> None:
        return None


def keras_cases(library: str) -> Iterator[Case]:
    """Every variant of every layer that ``measure_keras_layers`` measures, with what the linter's table says of it."""
    if library == "tf_keras":
        os.environ["TF_USE_LEGACY_KERAS"] = "1"
    import measure_keras_layers as measuring
    import tensorflow as tf
    from keras_inputs import INPUTS, replaced
    from keras_variants import VARIANTS

    from modelint.facts import KerasVersion
    from modelint.frameworks.layers import LayerObject, traits_of

    version = KerasVersion.KERAS_2 if library == "tf_keras" else KerasVersion.KERAS_3_10
    bench = measuring.Bench(library)
    classes = bench.classes() | measuring.hidden(library)
    for name, variants in sorted(VARIANTS.items()):
        for variant in variants:
            if name not in classes or variant.library not in (None, library):
                continue

            def make(cls: Any = classes[name], variant: Any = variant) -> tuple[Any, list[Any], list[Any]]:
                rng = np.random.default_rng(0)
                inputs = tuple(draw(rng, False) for draw in INPUTS[variant.input])
                others = tuple(draw(rng, True) for draw in INPUTS[variant.input])
                mixed = tuple(replaced(a, b) for a, b in zip(inputs, others, strict=True))
                runner = LayerRunner(bench, bench.fresh(cls, variant, inputs))
                runner.structure = inputs
                return runner, tf.nest.flatten(inputs), tf.nest.flatten(mixed)

            label = _label(name, variant)
            yield Case(name, label, make, _table_says(name, variant, version, LayerObject, traits_of))


COMMON = {
    *(("Bidirectional", "LSTM"), ("Pipeline", "RandomFlip"), ("RNN", "LSTMCell"), ("SpectralNormalization", "Dense")),
    *(("StackedRNNCells", "LSTMCell"), ("TimeDistributed", "Dense")),
}
"""What wrappers hold in the first rows of tables of another measurement."""


def _label(name: str, variant: Any) -> str:
    """What distinguishes a variant, as the tables of another measurement have it; empty for what is common."""
    config = variant.config
    marks = [f"{key}=.5" for key in ("dropout", "recurrent_dropout") if config.get(key) == 0.5]
    marks += [f"{key}=True" for key in ("renorm", "stateful", "synchronized") if config.get(key)]
    marks += [f"{key}=False" for key in ("power_to_db", "trainable") if config.get(key) is False]
    marks += [f"{key}={config[key]}" for key in ("groups", "output_sequence_length") if config.get(key) in (-1, 4)]
    marks += [f"{key}=0" for key, value in config.items() if value == 0.0 and key != "dropout" and value is not False]
    marks += [f"axis={config['axis']}"] if config.get("axis") == 1 and name == "BatchNormalization" else []
    marks += [f"output_mode={config['output_mode']}"] if "output_mode" in config else []
    if name in ("RandomColorJitter", "RandomShear") and not config:
        marks.append("no factor")
    held = config.get("layer") or config.get("cell") or (config.get("layers") or [None])[0]
    if held is not None and held.config.get("dropout"):
        marks.append(f"{held.kind}(dropout=.5)")
    elif held is not None and (name, held.kind) not in COMMON:
        marks.append(held.kind)
    text = ",".join(marks) + (" clipped" if "renorm_clipping" in config else "")
    return f"{text} 4D".strip() if name == "BatchNormalization" and variant.input == "image" else text


def _table_says(name: str, variant: Any, version: Any, layer_object: Any, traits_of: Any) -> dict[str, frozenset[str]]:
    """The traits of a variant by mode: its own, and those of the layers that it wraps."""
    from keras_variants import Part

    found: dict[str, set[str]] = {"false": set(), "true": set()}

    def add(kind: str, config: Mapping[str, Any]) -> None:
        traits = traits_of(layer_object(kind, {key: setting(one) for key, one in config.items()}, None, ()), version)
        for mode, when in (("false", "at_inference"), ("true", "in_training")):
            names = {"draws": "stochastic", "mixes": "couples_batch", "writes": "writes_state"}
            found[mode] |= {trait for trait, column in names.items() if getattr(traits, f"{column}_{when}")}

    def setting(value: Any) -> Any:
        match value:
            case Part("function"):
                return None
            case Part(kind, config):
                add(kind, config)
                return None
            case list() | tuple():
                return tuple(map(setting, value))
        return value

    add(name, variant.config)
    return {mode: frozenset(traits) for mode, traits in found.items()}
