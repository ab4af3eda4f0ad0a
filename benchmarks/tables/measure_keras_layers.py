"""Measure what every public layer of Keras 3 or tf_keras does to a batch, by running it.

    python benchmarks/tables/measure_keras_layers.py keras|tf_keras      prints what was measured, as JSON
    python benchmarks/tables/measure_keras_layers.py --write             measures both, writes keras_layers.json

Every variant of ``keras_variants`` is constructed anew for each look at it, from equal seeds, and called once before,
so that it is built. Looked at are: train against inference mode; the same call again (with variables put back); the odd
rows while the even ones are replaced; the variables written; whether ``seed=`` alone makes two instances draw alike.
Signatures are read with ``inspect``.
"""

import inspect
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from keras_inputs import INPUTS, ROWS, replaced
from keras_variants import HISTORIC, OLDER, OPAQUE, UNMEASURED, VARIANTS, WRAPPED, Part, Variant

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
if sys.argv[1:] == ["tf_keras"]:
    os.environ["TF_USE_LEGACY_KERAS"] = "1"  # SpectralNormalization asks tf.keras for its InputSpec
TABLE = Path(__file__).parents[2] / "linter/modelint/frameworks/keras_layers.json"
CATEGORIES = {
    "activation": "activation",
    "activations": "activation",
    "attention": "attention",
    "convolutional": "convolution",
    "core": "core",
    "locally_connected": "convolution",
    "merging": "merging",
    "normalization": "normalization",
    "pooling": "pooling",
    "image_preprocessing": "augmentation",
    "preprocessing": "preprocessing",
    "regularization": "regularization",
    "reshaping": "reshaping",
    "rnn": "recurrent",
}
CATEGORY_OF = {
    "CenterCrop": "preprocessing",
    "DynamicEmbedding": "core",
    "DynamicLookup": "preprocessing",
    "GaussianNoise": "noise",
    "MaxNumBoundingBoxes": "preprocessing",
    "RandomFourierFeatures": "core",
    "Resizing": "preprocessing",
    "SpectralNormalization": "normalization",
    **dict.fromkeys(("Bidirectional", "Pipeline", "TimeDistributed", "Wrapper"), "wrapper"),
}


def flat(output: Any) -> list[Any]:
    if isinstance(output, dict):
        return [array for part in output.values() for array in flat(part)]
    if isinstance(output, (list, tuple)):
        return [array for part in output for array in flat(part)]
    return [np.asarray(output)]


def differ(first: list[Any], second: list[Any], tolerance: float = 1e-5) -> bool:
    """Whether two outputs differ by more than rounding."""
    for a, b in zip(first, second, strict=True):
        if a.shape != b.shape:
            return True
        if a.dtype.kind != "f":
            if not np.array_equal(a, b):
                return True
        elif not np.allclose(a, b, rtol=tolerance, atol=tolerance * max(1e-9, float(np.abs(a).max(initial=0)))):
            return True
    return False


def odd_rows(output: list[Any]) -> list[Any]:
    return [array[1::2] if array.ndim and array.shape[0] == ROWS else array for array in output]


class Bench:
    """One library, and the looks at one variant in it."""

    def __init__(self, library: str) -> None:
        import tensorflow as tf  # type: ignore[import-untyped]

        self.tf = tf
        self.library = library
        self.keras: Any = __import__(library)
        self.learns = False  # whether a layer that was looked at has weights that training changes

    def construct(self, value: Any) -> Any:
        match value:
            case Part(kind="function"):
                return lambda x: x * 2
            case Part(kind, config):
                return self.classes()[kind](**config)
            case list():
                return [self.construct(item) for item in value]
            case _:
                return value

    def classes(self) -> dict[str, Any]:
        """Give the public layer classes by every name they have, experimental ones included."""
        spaces = [self.keras.layers]
        experimental = getattr(self.keras.layers, "experimental", None)
        if experimental is not None:
            spaces += [experimental, experimental.preprocessing]
        found: dict[str, Any] = {}
        for space in spaces:
            for name in dir(space):
                if isinstance(getattr(space, name), type):
                    found.setdefault(name, getattr(space, name))
        return found

    def fresh(self, cls: Any, variant: Variant, inputs: tuple[Any, ...], seed: int = 0) -> Any:
        """Give a new, built instance; equal seeds give equal weights and draws."""
        self.keras.utils.set_random_seed(seed)
        layer = cls(**{name: self.construct(value) for name, value in variant.config.items()})
        self.call(layer, inputs, False)
        self.keras.utils.set_random_seed(seed + 100)
        return layer

    def call(self, layer: Any, inputs: tuple[Any, ...], training: bool) -> list[Any]:
        for part in layer._flatten_layers():  # cells keep the mask they drew
            for reset in ("reset_dropout_mask", "reset_recurrent_dropout_mask"):
                if hasattr(part, reset):
                    getattr(part, reset)()
        tensors = self.tf.nest.map_structure(
            lambda x: x if x.dtype == object and self.library == "keras" else self.tf.constant(x), inputs
        )
        mode = {"training": training} if "training" in inspect.signature(layer.call).parameters else {}
        return flat(layer(*tensors, **mode))

    def state(self, layer: Any) -> list[tuple[Any, Any]]:
        """Give the variables that are not of a random generator, with their values."""
        variables = {id(v): v for v in layer.variables}
        for part in layer._flatten_layers():
            for state in self.tf.nest.flatten(getattr(part, "states", None)):
                if hasattr(state, "assign"):
                    variables.setdefault(id(state), state)
        kept = [v for v in variables.values() if "int" not in str(v.dtype)]
        return [(v, np.array(v)) for v in kept]

    def look(self, cls: Any, variant: Variant) -> set[str]:
        """Measure one variant: give the names of the traits that hold."""
        rng = np.random.default_rng(0)
        inputs = tuple(draw(rng, False) for draw in INPUTS[variant.input])
        others = tuple(draw(rng, True) for draw in INPUTS[variant.input])
        mixed = tuple(replaced(a, b) for a, b in zip(inputs, others, strict=True))
        traits = set()
        outputs = []
        for training, when in ((True, "in_training"), (False, "at_inference")):
            layer = self.fresh(cls, variant, inputs)
            before = self.state(layer)
            first = self.call(layer, inputs, training)
            if any(differ([value], [np.array(v)], 0) for v, value in before):
                traits.add(f"writes_state_{when}")
            for v, value in before:
                v.assign(value)
            if differ(first, self.call(layer, inputs, training), 0):
                traits.add(f"stochastic_{when}")
            other = self.call(self.fresh(cls, variant, inputs), mixed, training)
            if differ(odd_rows(first), odd_rows(other), 1e-6):
                traits.add(f"couples_batch_{when}")
            outputs.append(first)
            self.learns |= bool(layer.trainable_weights)
        if differ(outputs[0], outputs[1]):
            traits.add("mode_sensitive")
        return traits

    def seed_governs(self, cls: Any, variant: Variant) -> bool:
        """Whether two instances with one ``seed`` draw alike although the program is seeded differently, or not."""
        rng = np.random.default_rng(0)
        inputs = tuple(draw(rng, False) for draw in INPUTS[variant.input])
        outputs = []
        weights: list[Any] = []
        for other in (1, 2):
            self.tf.random.set_seed(None)
            random.seed(other)
            np.random.seed(other)
            layer = cls(**{name: self.construct(value) for name, value in variant.config.items()}, seed=7)
            self.call(layer, inputs, False)
            weights = weights or [value for _, value in self.state(layer)]
            for (variable, _), value in zip(self.state(layer), weights, strict=True):
                variable.assign(value)
            outputs.append(self.call(layer, inputs, True))
        return not differ(outputs[0], outputs[1])


def signature(function: Any) -> tuple[list[str], dict[str, Any], bool]:
    """Give the parameters after ``self``, those with defaults, and whether it takes ``**kwargs``."""
    names, defaults, keywords = [], {}, False
    for parameter in list(inspect.signature(function).parameters.values())[1:]:
        if parameter.kind is parameter.VAR_KEYWORD:
            keywords = True
        elif parameter.kind is not parameter.VAR_POSITIONAL:
            names.append(parameter.name)
            if parameter.default is not parameter.empty:
                plain = isinstance(parameter.default, (bool, int, float, str, tuple, type(None)))
                defaults[parameter.name] = parameter.default if plain else None
    return names, defaults, keywords


def constructor(cls: Any, root: Any) -> dict[str, Any]:
    """Give what a class is constructed with: positional names, names that only bases take, defaults but None."""
    names, defaults, keywords = signature(cls.__init__)
    more: list[str] = []
    for base in cls.__mro__[1:]:
        if not keywords or base in root.__mro__:
            break
        if "__init__" in vars(base):
            inherited, values, keywords = signature(base.__init__)
            new = [name for name in inherited if name in values and name not in names + more and name != "rank"]
            more += new
            defaults |= {name: values[name] for name in new}
    required = [name for name in names if name not in defaults]
    given = {name: value for name, value in defaults.items() if value is not None}
    return {"init": names, "more": more, "required": required, "defaults": given}


def describe(bench: Bench, name: str, cls: Any) -> dict[str, Any]:
    """Give the table's entry for one class in one library."""
    entry = constructor(cls, bench.keras.layers.Layer)
    if hasattr(cls, "call"):
        names, defaults, _ = signature(cls.call)
        if "training" not in names:
            training = "absent"
        else:
            training = str(defaults.get("training")).lower()
        entry |= {"call": names, "training": training}
    if name in UNMEASURED:
        return entry | {"effects": [], "unmeasured": UNMEASURED[name]}
    effects: list[tuple[dict[str, str], set[str]]] = []
    variants = []
    bench.learns = False
    for index, variant in enumerate(VARIANTS[name]):
        if variant.library not in (None, bench.library) or not accepts(entry, variant):
            continue
        traits = bench.look(cls, variant)
        variants.append((variant, traits))
        if variant.when is not None:
            effects.append((variant.when, traits))
        elif index == 0:
            effects.append(({}, traits))
    entry["learned"] = bench.learns
    entry["effects"] = [[when, sorted(traits)] for when, traits in effects if traits]
    entry["variants"] = [[plain(variant.config), sorted(traits)] for variant, traits in variants]
    if "seed" in entry["init"] + entry["more"] or name.startswith("SpatialDropout"):
        entry["seed"] = bench.seed_governs(cls, variants[0][0])
    return entry


def accepts(entry: dict[str, Any], variant: Variant) -> bool:
    known = [*entry["init"], *entry["more"], "trainable"]
    return all(name in known for name in variant.config)


def plain(config: dict[str, Any]) -> dict[str, Any]:
    """Give a configuration with ``{}`` for what is not a constant."""
    return {name: {} if isinstance(value, (Part, list, dict)) else value for name, value in config.items()}


def canonical(classes: dict[str, Any]) -> dict[str, str]:
    """Give, for each public name, the one under which its class is described."""
    names: dict[Any, list[str]] = {}
    for name, cls in classes.items():
        names.setdefault(cls, []).append(name)
    chosen = {cls: cls.__name__ if cls.__name__ in known else known[0] for cls, known in names.items()}
    aliases = {name: chosen[cls] for name, cls in classes.items()}
    return aliases | {cls.__name__: name for cls, name in chosen.items()}


def hidden(library: str) -> dict[str, Any]:
    """Give classes of Keras 2 that only its compatibility namespace shows."""
    if library == "keras":
        return {}
    from tf_keras.src.layers.rnn.cudnn_gru import CuDNNGRU  # type: ignore[import-untyped]
    from tf_keras.src.layers.rnn.cudnn_lstm import CuDNNLSTM  # type: ignore[import-untyped]

    return {"CuDNNGRU": CuDNNGRU, "CuDNNLSTM": CuDNNLSTM}


def category(cls: Any, name: str) -> str:
    if "Dropout" in name:
        return "dropout"
    if name in CATEGORY_OF:
        return CATEGORY_OF[name]
    packages = [part for part in reversed(cls.__module__.split(".")) if part in CATEGORIES]
    return CATEGORIES[packages[0]] if packages else "core"


def survey(library: str) -> dict[str, Any]:
    """Measure one library: its version, names and layers."""
    bench = Bench(library)
    classes = bench.classes() | hidden(library)
    aliases = canonical(classes)
    layers: dict[str, Any] = {}
    errors = {}
    for name in sorted(set(aliases.values())):
        try:
            layers[name] = describe(bench, name, classes[name]) | {"category": category(classes[name], name)}
        except Exception as error:  # noqa: BLE001 - every class that fails is to be named
            errors[name] = f"{type(error).__name__}: {error}"[:500]
    functions = {
        name: name.capitalize()
        for name in dir(bench.keras.layers)
        if not isinstance(getattr(bench.keras.layers, name), type) and name.capitalize() in layers
    }
    return {
        "version": f"{library} {bench.keras.__version__}",
        "aliases": {name: kind for name, kind in sorted(aliases.items()) if name != kind},
        "functions": functions,
        "layers": layers,
        "errors": errors,
    }


def surveyed(libraries: tuple[str, ...] = ("tf_keras", "keras")) -> Iterator[dict[str, Any]]:
    """Measure the libraries, each in a process of its own, side by side."""
    running = [
        subprocess.Popen([sys.executable, __file__, library], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for library in libraries
    ]
    for process in running:
        output, errors = process.communicate()
        if process.returncode:
            raise RuntimeError(errors[-3000:])
        yield json.loads(output)


def table(two: dict[str, Any], three: dict[str, Any]) -> dict[str, Any]:
    """Put the surveys of both libraries into one table."""
    layers = {}
    for name in sorted(two["layers"].keys() | three["layers"].keys()):
        families = {key: dict(s["layers"][name]) for key, s in (("2", two), ("3", three)) if name in s["layers"]}
        entry: dict[str, Any] = {"category": [family.pop("category") for family in families.values()][-1]}
        for family in families.values():
            family.pop("variants", None)
            family.pop("learned", None)  # keras_layers.is_learned says so by category
        if name in WRAPPED:
            entry["wraps"] = WRAPPED[name]
        if name in OPAQUE:
            entry["opaque"] = True
        if name in OLDER:
            entry["older"] = OLDER[name]
        layers[name] = entry | families
    return {
        "measured": [two["version"], three["version"]],
        "aliases": dict(sorted({**HISTORIC, **two["aliases"], **three["aliases"]}.items())),
        "functions": {**two["functions"], **three["functions"]},
        "layers": layers,
    }


def write(two: dict[str, Any], three: dict[str, Any]) -> None:
    for found in (two, three):
        if found["errors"]:
            raise RuntimeError(json.dumps(found["errors"], indent=1))
    whole = table(two, three)
    layers = ",\n".join(f"  {json.dumps(name)}: {json.dumps(entry)}" for name, entry in whole.pop("layers").items())
    head = json.dumps(whole, indent=1)[:-2]
    TABLE.write_text(f'{head},\n "layers": {{\n{layers}\n }}\n}}\n')


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write(*surveyed())
    else:
        print(json.dumps(survey(sys.argv[1])))
