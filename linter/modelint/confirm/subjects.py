"""Which model a finding is about, as the worker is told: a file, a graph to rebuild, a name to import.

Takes facts, gives descriptions that are plain JSON, or the reason why there is none. Nothing is run here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelint.artifacts.model_file import ModelFile
from modelint.facts import KerasVersion, Layer, Model, Passing, Setting, Unknown

MOST_REBUILT = 400
"""Layers; larger models take longer to build than a confirmation may take."""

BUILT_WITH = 8
"""Rows of the batch that an imported model is built with, unless a finding is about batches of another size."""

TRAINING: Mapping[Passing, Mapping[str, bool | None]] = {
    Passing.ABSENT: {},
    Passing.NONE: {"training": None},
    Passing.TRUE: {"training": True},
    Passing.FALSE: {"training": False},
}
"""The arguments of a call that passes the mode in such a way."""

MERGING = frozenset(
    {"Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply", "Subtract"}
    | {"AdditiveAttention", "Attention", "MultiHeadAttention", "GroupQueryAttention"}
)
"""Layers that take several inputs."""

INPUTS: Mapping[str, tuple[tuple[int | None, ...], str]] = {
    "Conv1D": ((None, 16, 8), "float32"),
    "Conv2D": ((None, 32, 32, 3), "float32"),
    "Conv3D": ((None, 8, 16, 16, 2), "float32"),
    "Dense": ((None, 16), "float32"),
    "Embedding": ((None, 12), "int32"),
    "Flatten": ((None, 8, 8, 3), "float32"),
    "GRU": ((None, 12, 8), "float32"),
    "LSTM": ((None, 12, 8), "float32"),
    "RandomFlip": ((None, 32, 32, 3), "float32"),
    "Rescaling": ((None, 32, 32, 3), "float32"),
}
"""An input that a model takes which begins with such a layer, and does not say what its input is."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A model that the worker can run. ``source`` says to a user where it comes from."""

    description: Mapping[str, Any]
    source: str
    entry: str | None = None  # what is run of a file whose entries are fixed


@dataclass(frozen=True, slots=True)
class NoSubject:
    """Why there is nothing to run: the second half of a sentence that begins "it was not run, for"."""

    reason: str


@dataclass(frozen=True, slots=True)
class Target:
    """What a user allows to be imported and called: ``path.py:name``.

    ``root`` is the directory from which the module is imported; ``inputs`` are shapes and types, where given;
    ``arguments`` and ``keywords`` what it is called with; ``text`` what is imported of a notebook.
    """

    path: str
    name: str
    root: str
    inputs: tuple[tuple[tuple[int | None, ...], str], ...] = ()
    arguments: tuple[Any, ...] = ()
    keywords: tuple[tuple[str, Any], ...] = ()
    text: str | None = None

    def subject(self, generation: str = "3") -> Subject:
        """The model that it makes, in Keras of a generation where TensorFlow is to choose one."""
        description = {
            "kind": "imported",
            "generation": generation,
            "path": self.path,
            "root": self.root,
            "name": self.name,
            "arguments": list(self.arguments),
            "keywords": dict(self.keywords),
            "inputs": [[list(shape), dtype] for shape, dtype in self.inputs],
            "sources": {self.path: self.text} if self.text is not None else {},
            "rows": BUILT_WITH,
        }
        return Subject(description, f"{self.name}, imported")


FILES: Mapping[str, str] = {
    "keras_archive": "keras_file",
    "keras_hdf5": "keras_file",
    "savedmodel": "saved_model",
    "onnx": "onnx",
    "torch_export": "torch_export",
    "torchscript": "torch_script",
}
"""How the worker loads what a reader of this name read."""


def of_file(
    file: ModelFile, reader: str, path: str, names: Sequence[str], shape: Sequence[int | None]
) -> Subject | NoSubject:
    """A model file; ``path`` is absolute, ``names`` are those of the signature that a finding is about."""
    kind = FILES.get(reader)
    if kind is None:
        return NoSubject(f"a {file.format} cannot be run here")
    description: dict[str, Any] = {"kind": kind, "path": path}
    if kind == "keras_file":
        description["generation"] = "2" if file.keras_version is KerasVersion.KERAS_2 else "3"
    if kind == "torch_script":
        if not shape:
            return NoSubject("TorchScript does not say what its inputs are; give --input-shape")
        description["shapes"] = [[None, *shape]]
    if kind == "saved_model":
        if not names:
            return NoSubject("which of its signatures it is part of is not known")
        description["names"] = list(names)
    return Subject(description, "the saved model", None if kind == "keras_file" else "call")


def of_model(model: Model, generation: str) -> Subject | NoSubject:
    """A model of a script, rebuilt from its graph with new weights, in Keras of a generation (``"2"`` or ``"3"``)."""
    if model.framework != "keras" or model.kind not in ("Sequential", "Functional"):
        return NoSubject(importable(model.kind, model.origin.resolve().path))
    layers = [index for index, layer in enumerate(model.layers) if layer.kind != "InputLayer"]
    if model.opaque or not layers:
        return NoSubject(f"part of {model} is not known")
    if len(layers) > MOST_REBUILT:
        return NoSubject(f"{model} has {len(layers)} layers, too many to rebuild")
    described = _inputs(model)
    if isinstance(described, NoSubject):
        return described
    if len(described) > 1:
        return NoSubject(f"{model} has several inputs, and which layer takes which is not known")
    problem = next(filter(None, (_problem(model.layers[index]) for index in layers)), None)
    if problem:
        return NoSubject(problem)
    try:
        level = _Rebuilding(model).level(layers, 0)
    except _NotKnownError as error:
        return NoSubject(str(error))
    description = {"kind": "rebuilt", "generation": generation, "inputs": described, **level}
    return Subject(description, f"rebuilt from its {len(layers)} layers, with new weights")


def of_pair(first: Layer, second: Layer, generation: str) -> Subject | NoSubject:
    """Two layers of one class side by side, each given the input of the model; with the rate of the first.

    How much a layer draws from its seed does not depend on its rate, but what that shows in its output does.
    """
    problem = _problem(first) or _problem(second)
    if problem:
        return NoSubject(problem)
    if first.config.get("noise_shape") or second.config.get("noise_shape"):
        return NoSubject(f"the shape of the noise of {first} is given, which fits one shape of input only")
    axes = next((number for number in (1, 2, 3) if first.kind == f"SpatialDropout{number}D"), 0)
    configs: list[dict[str, Any]] = [
        {name: _plain(value) for name, value in one.config.items() if name not in SHAPES} for one in (first, second)
    ]
    rate = {name: configs[0][name] for name in ("rate", "stddev") if name in configs[0]}
    calls: list[dict[str, Any]] = [
        {
            "class": first.kind,
            "config": {**config, **rate},
            "identity": number,
            "inbound": [-1],
            "arguments": TRAINING[Passing.ABSENT],
        }
        for number, config in enumerate(configs)
    ]
    description = {
        "kind": "rebuilt",
        "generation": generation,
        "inputs": [{"shape": [None, *([4] * axes), 64], "dtype": "float32"}],
        "layers": calls,
        "outputs": [0, 1],
    }
    return Subject(description, "the two layers, rebuilt")


class _NotKnownError(Exception):
    """A part of a model is not known well enough to be rebuilt; the message says which."""


class _Rebuilding:
    """Layer calls that are flattened, put back into the models that hold them.

    How a model inside another is called decides the mode of its layers, so that it is to be rebuilt as a model.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        objects = [*(inner.identity for inner in model.inner.values()), *(one.identity for one in model.layers)]
        self.objects = {identity: number for number, identity in enumerate(dict.fromkeys(objects))}

    def level(self, indices: Sequence[int], depth: int) -> dict[str, Any]:
        """The calls that one model makes, ``depth`` models inside, and which of them make its outputs.

        ``indices`` are those of the layers in it. ``inbound`` counts in the calls of the level; -1 is what it is given.

        Raises:
            _NotKnownError: the order or the ends of a part are not known.
        """
        calls = self._calls(indices, depth)
        position = {index: number for number, (_, held) in enumerate(calls) for index in held}
        described = []
        for number, (key, held) in enumerate(calls):
            inside = set(held)
            sources = [p for p, consumer in self.model.edges if consumer in inside and p not in inside]
            inbound = list(dict.fromkeys(position.get(source, -1) for source in sources)) or [-1]
            layer = self.model.layers[held[0]]
            if key is None:
                one = self._layer(layer, inbound)
            else:
                if len(inbound) > 1:
                    raise _NotKnownError(f"the model {layer.path[depth]!r} takes several inputs")
                one = self._inner(key, held, layer.path[depth], depth)
            if max(inbound) >= number:
                raise _NotKnownError(f"the order in which {self.model} runs its layers is not known")
            described.append({**one, "inbound": inbound})
        inside = set(indices)
        consumed = {producer for producer, consumer in self.model.edges if producer in inside and consumer in inside}
        outward = {producer for producer, consumer in self.model.edges if producer in inside and consumer not in inside}
        exits = outward or inside - consumed
        return {"layers": described, "outputs": sorted({position[index] for index in exits})}

    def _calls(self, indices: Sequence[int], depth: int) -> list[tuple[int | None, list[int]]]:
        """The calls of a level in their order: of a layer (without a number), or of a model that holds several."""
        calls: list[tuple[int | None, list[int]]] = []
        for index in indices:
            layer = self.model.layers[index]
            key = layer.calls[depth] if len(layer.calls) > depth else None
            if len(layer.path) > depth and key is None:
                raise _NotKnownError(f"how the model {layer.path[depth]!r} is called is not known")
            if key is not None and calls and calls[-1][0] == key:
                calls[-1][1].append(index)
            else:
                calls.append((key, [index]))
        return calls

    def _layer(self, layer: Layer, inbound: Sequence[int]) -> dict[str, Any]:
        if layer.kind in MERGING and len(inbound) < 2:
            raise _NotKnownError(f"not all that {layer} merges is known")
        config = {name: _plain(value) for name, value in layer.config.items() if name not in SHAPES}
        return {
            "class": layer.kind,
            "config": {**config, "trainable": False} if layer.frozen else config,
            "identity": self.objects[layer.identity],
            "arguments": TRAINING[layer.training],
        }

    def _inner(self, key: int, held: Sequence[int], name: str, depth: int) -> dict[str, Any]:
        inner = self.model.inner.get(key)
        if inner is None or inner.training not in TRAINING:
            raise _NotKnownError(f"the mode that the model {name!r} is called in is not known")
        if inner.kind not in ("Sequential", "Functional"):
            raise _NotKnownError(f"{self.model} holds a {inner.kind}, of which only its layers are known")
        level = self.level(held, depth + 1)
        if len(level["outputs"]) != 1:
            raise _NotKnownError(f"the model {name!r} has several outputs")
        return {
            "class": inner.kind,
            "model": level,
            "identity": self.objects[inner.identity],
            "arguments": TRAINING[inner.training],
        }


def importable(name: str, path: str) -> str:
    """Why a class of the program is not run, and how to allow it."""
    return f"{name} is code of the program, which is imported only with --allow-import {path}:{name}"


SHAPES = frozenset({"input_shape", "batch_input_shape", "batch_shape"})
"""Arguments of a layer that say what the model's input is; the rebuilt model has an input of its own."""


def _inputs(model: Model) -> list[dict[str, Any]] | NoSubject:
    first = next((layer for layer in model.layers if layer.kind != "InputLayer"), None)
    ports = [port.shape for port in model.inputs if port.shape is not None]
    if not ports and first is not None and first.kind in INPUTS:
        ports = [INPUTS[first.kind][0]]
    if not ports:
        return NoSubject(f"the shape of the input of {model} is not known")
    dtype = INPUTS[first.kind][1] if first is not None and first.kind in INPUTS else "float32"
    return [{"shape": [size if isinstance(size, int) else None for size in shape], "dtype": dtype} for shape in ports]


def _problem(layer: Layer) -> str | None:
    """Why a layer cannot be rebuilt, or None."""
    if layer.custom or layer.opaque or not layer.qualified.startswith("keras.layers."):
        return importable(layer.kind, layer.place.resolve().path) if layer.custom else f"{layer} is no layer of Keras"
    if layer.training not in TRAINING:
        return f"the mode that {layer} is called in is not known"
    unknown = [name for name, value in layer.config.items() if not _is_known(value)]
    return f"the {unknown[0]} of {layer} is not known" if unknown else None


def _is_known(value: Setting) -> bool:
    if isinstance(value, tuple):
        return all(_is_known(one) for one in value)
    return not isinstance(value, (Unknown, bytes))


def _plain(value: Setting) -> Any:
    return [_plain(one) for one in value] if isinstance(value, tuple) else value
