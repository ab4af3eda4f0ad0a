"""Keras models to run: loaded from a file in safe mode, rebuilt from a description, or handed over."""

from __future__ import annotations

import importlib
import os
import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy

from .inputs import Array, InputSpec, draw
from .probes import Runner
from .trust import refuse_code

IMAGE_LAYERS = frozenset({"Rescaling", "Resizing", "CenterCrop"})
"""First layers that say that an input holds pixels; so do those whose name begins with Random."""


def library(generation: str) -> Any:
    """``keras`` for Keras 3, ``tf_keras`` for Keras 2.

    Raises:
        ImportError: it is not installed.
        ValueError: code of the user's has chosen another backend than TensorFlow.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if generation == "2":
        return importlib.import_module("tf_keras")
    keras = importlib.import_module("keras")
    if keras.config.backend() != "tensorflow":
        raise ValueError(f"Keras runs on {keras.config.backend()}, and is run on TensorFlow only")
    return keras


def load(path: str, generation: str) -> Any:
    """A saved model, without running code that is in the file.

    Raises:
        ValueError: the file holds code (a Lambda), or classes that are not Keras's own.
    """
    keras = library(generation)
    refuse_code(path)
    return keras.models.load_model(path, compile=False, safe_mode=True)


def rebuild(description: Mapping[str, Any], seed: int | None = 0) -> Any:
    """A model from its layers: class, configuration, what each is connected to. The weights are new.

    With a seed they are the same on every run; without one, chance goes on as it stands.

    Raises:
        ValueError: the framework refuses the description.
    """
    keras = library(description["generation"])
    if seed is not None:
        keras.utils.set_random_seed(seed)
    given = [keras.Input(batch_shape=tuple(one["shape"]), dtype=one["dtype"]) for one in description["inputs"]]
    outputs = _Rebuilt(keras).outputs(description, given)
    return keras.Model(given if len(given) > 1 else given[0], outputs if len(outputs) > 1 else outputs[0])


class _Rebuilt:
    """Layers and models by what the description calls them, made when they are first called."""

    def __init__(self, keras: Any) -> None:
        self.keras = keras
        self.made: dict[int, Any] = {}
        self.names: Counter[str] = Counter()

    def outputs(self, level: Mapping[str, Any], given: Sequence[Any]) -> list[Any]:
        """What the calls of one model give for its inputs."""
        values: list[Any] = []
        for call in level["layers"]:
            sources = [values[index] if index >= 0 else given[-index - 1] for index in call["inbound"]]
            if call["identity"] not in self.made:
                self.made[call["identity"]] = self._made(call, sources[0])
            layer = self.made[call["identity"]]
            values.append(layer(sources[0] if len(sources) == 1 else sources, **call["arguments"]))
        return [values[index] for index in level["outputs"]]

    def _made(self, call: Mapping[str, Any], source: Any) -> Any:
        if "model" not in call:
            return getattr(self.keras.layers, call["class"])(**_named(call["class"], call["config"], self.names))
        given = self.keras.Input(batch_shape=tuple(source.shape), dtype=getattr(source.dtype, "name", source.dtype))
        held = call["model"]
        outputs = self.outputs(held, [given])
        if call["class"] == "Sequential":
            return self.keras.Sequential([self.made[one["identity"]] for one in held["layers"]])
        return self.keras.Model(given, outputs[0])


def _named(kind: str, config: Mapping[str, Any], names: Counter[str]) -> dict[str, Any]:
    """The configuration with the name that Keras gives in a new process: ``dense``, ``dense_1``."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind).lower()
    names[snake] += 1
    name = snake if names[snake] == 1 else f"{snake}_{names[snake] - 1}"
    return {"name": name, **config}


class KerasRunner:
    """A Keras model, of Keras 2 or 3."""

    def __init__(self, model: Any, generation: str) -> None:
        self.model = model
        self.keras = library(generation)
        self.generation = generation
        self._shake()

    def specs(self) -> Sequence[InputSpec]:
        """From the model's symbolic inputs.

        Raises:
            ValueError: it has none, since it was never built.
        """
        tensors = self.model.inputs
        if not tensors:
            raise ValueError("the model does not know the shape of its input")
        return [
            InputSpec(
                shape=tuple(tensor.shape),
                dtype=str(getattr(tensor.dtype, "name", tensor.dtype)),
                name=getattr(tensor, "name", None),
                ids=self._ids(tensor),
                image=len(tensor.shape) == 4 and tensor.shape[-1] in (1, 3, 4) and self._takes_pixels(),
            )
            for tensor in tensors
        ]

    def run(self, inputs: Sequence[Array], entry: str) -> list[Array]:
        """``call`` passes no mode; ``false`` and ``true`` pass it; ``predict`` is what its name says.

        ``predict_on_batch`` is its inner part, without what makes batches of arrays.
        """
        given = inputs[0] if len(inputs) == 1 else list(inputs)
        match entry:
            case "predict":
                return flat_arrays(self.model.predict(given, batch_size=len(inputs[0]), verbose=0))
            case "predict_on_batch":
                return flat_arrays(self.model.predict_on_batch(given))
            case "call":
                return flat_arrays(self.model(given))
            case "fit":  # Keras 3 hands the mode on only to a call that names it; Keras 2 always
                takes = self.generation == "2" or getattr(self.model, "_call_has_training_arg", True)
                return flat_arrays(self.model(given, training=True) if takes else self.model(given))
            case "true" | "false":
                return flat_arrays(self.model(given, training=entry == "true"))
        raise ValueError(f"a Keras model has no entry {entry!r}")

    def layers(self, inputs: Sequence[Array], entry: str) -> list[tuple[str, Array]]:
        """The outputs of its layers and of those inside them, each when it is done, taken while the model runs."""
        taken: list[tuple[str, Array]] = []
        held = self.model._flatten_layers(include_self=False)
        watched = [layer for layer in held if type(layer).__name__ != "InputLayer"]
        for layer in watched:
            layer.call = _watching(layer.call, layer.name, taken)
        try:
            self.run(inputs, "call" if entry.startswith("predict") else entry)
        finally:
            for layer in watched:
                del layer.call
        return taken

    def state(self) -> dict[str, Array]:
        """All variables, in order; names may repeat in Keras 2, so their number stands before them."""
        return {
            f"{index}:{getattr(variable, 'path', variable.name)}": numpy.array(variable)
            for index, variable in enumerate(self._variables())
        }

    def restore(self, state: Mapping[str, Array]) -> None:
        for variable, value in zip(self._variables(), state.values(), strict=True):
            variable.assign(value)

    def seed(self, number: int) -> None:
        self.keras.utils.set_random_seed(number)

    def chance(self, entry: str) -> object:
        """Of Python, of numpy, of TensorFlow in eager mode, and of the layers that have one of their own.

        What is drawn in a graph cannot be seen.
        """
        from tensorflow.python.eager import context

        if entry.startswith("predict"):
            return None
        generators = [getattr(layer, "_random_generator", None) for layer in self.model._flatten_layers()]
        states = [getattr(getattr(one, "_generator", None), "state", None) for one in generators]  # of Keras 2
        held = [*self._variables(), *(one for one in states if one is not None)]
        own = [numpy.array(one).tobytes() for one in held if "int" in str(one.dtype)]
        eager = getattr(context.context(), "_rng", None)  # it gives each operation that draws a seed
        drawn = numpy.random.get_state(legacy=False)["state"]
        return random.getstate(), drawn["key"].tobytes(), drawn["pos"], eager and eager.getstate(), own

    def precise(self) -> Runner | None:
        """A copy whose layers compute in float64; none of what is not made of Keras's own layers."""
        config = in_float64(self.model.get_config())
        copy = type(self.model).from_config(config)
        runner = KerasRunner(copy, self.generation)
        for variable, value in zip(runner._variables(), self.state().values(), strict=True):
            variable.assign(value.astype(str(variable.dtype)) if hasattr(variable.dtype, "lower") else value)
        return runner

    def _variables(self) -> list[Any]:
        carried = [
            state
            for layer in self.model._flatten_layers()
            if getattr(layer, "stateful", False)
            for state in _flat(getattr(layer, "states", None) or [])  # which are no variables of the model
        ]
        own = [
            value
            for layer in self.model._flatten_layers()
            for value in vars(layer).values()
            if hasattr(value, "assign")  # a tf.Variable, which Keras 3 does not count
        ]
        found = {id(one): one for one in (*self.model.variables, *carried, *own) if hasattr(one, "assign")}
        return [one for one in found.values() if "string" not in str(one.dtype)]

    def _shake(self) -> None:
        """Give weights and statistics that are still as they were made values that let dependence show.

        Fresh moving statistics are 0 and 1 and hide that they are used; zero weights hide everything.
        """
        generator = numpy.random.default_rng(7)
        for variable in self._variables():
            value = numpy.array(variable)
            name = getattr(variable, "path", variable.name)
            if value.dtype.kind != "f" and "bfloat16" not in str(variable.dtype):
                continue
            if "moving_variance" in name and (value == 1).all():
                variable.assign(generator.uniform(0.5, 2.0, value.shape).astype(value.dtype))
            elif "moving_mean" in name and (value == 0).all():
                variable.assign(generator.normal(0.0, 0.5, value.shape).astype(value.dtype))

    def _ids(self, tensor: Any) -> int | None:
        """How many ids the embeddings know that an input is given to; or of any, if it is an input of integers."""
        embeddings = [layer for layer in self.model._flatten_layers() if type(layer).__name__ == "Embedding"]
        given = [layer for layer in embeddings if tensor is _input_of(layer)]
        integers = "int" in str(getattr(tensor.dtype, "name", tensor.dtype))
        return min((layer.input_dim for layer in given or (embeddings if integers else ())), default=None)

    def _takes_pixels(self) -> bool:
        names = {type(layer).__name__ for layer in self.model._flatten_layers()}
        return bool(names & IMAGE_LAYERS) or any(name.startswith("Random") for name in names)


class ImportedRunner(KerasRunner):
    """A model that the user's own code made, perhaps subclassed and not yet built; ``rows`` rows build it."""

    def __init__(self, model: Any, generation: str, specs: Sequence[InputSpec], rows: int) -> None:
        self._specs = list(specs)
        if not getattr(model, "inputs", None) and specs:
            # not the inputs of the probes: what these would write is to be written by them
            given = [draw(spec, spec.batch or rows, 1_000 + index) for index, spec in enumerate(specs)]
            if not hasattr(model, "predict"):  # a layer
                keras = library(generation)
                model = keras.Sequential([keras.Input(batch_shape=specs[0].shape, dtype=specs[0].dtype), model])
            model(given[0] if len(given) == 1 else given)
        super().__init__(model, generation)

    def specs(self) -> Sequence[InputSpec]:
        if self._specs:
            return self._specs
        return super().specs()


def in_float64(config: Any) -> Any:
    """A configuration with float64 wherever it says float32."""
    match config:
        case {"class_name": "DTypePolicy", **_rest}:
            return "float64"
        case dict():
            return {key: in_float64(value) for key, value in config.items()}
        case list() | tuple():
            return type(config)(map(in_float64, config))
        case "float32":
            return "float64"
    return config


def _input_of(layer: Any) -> Any:
    """The tensor that a layer is called on, if that is once and symbolic."""
    try:
        return layer.input
    except (AttributeError, ValueError):
        return None


def _watching(call: Any, name: str, taken: list[tuple[str, Array]]) -> Any:
    def watched(*arguments: Any, **keywords: Any) -> Any:
        result = call(*arguments, **keywords)
        taken.extend((name, numpy.asarray(one)) for one in _flat(result) if hasattr(one, "numpy"))
        return result

    return watched


def flat_arrays(value: Any) -> list[Array]:
    """The outputs of a model, whatever they are nested in, in order."""
    return [_array(one) for one in _flat(value)]


def _array(value: Any) -> Array:
    array = numpy.asarray(value)
    return array.astype("float32") if str(array.dtype) == "bfloat16" else array


def _flat(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return [leaf for key in sorted(value) for leaf in _flat(value[key])]
    if isinstance(value, (list, tuple)):
        return [leaf for one in value for leaf in _flat(one)]
    return [value]
