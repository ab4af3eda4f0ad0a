"""One canonical name for every spelling under which a library's API is imported."""

from __future__ import annotations

import functools

from modelint.frameworks import keras_layers as table
from modelint.frameworks.applications import contents

_KERAS_ROOTS = (
    "tensorflow.compat.v1.keras",
    "tensorflow.compat.v2.keras",
    "tensorflow.contrib.keras",
    "tensorflow.python.keras.api",
    "tensorflow.python.keras",
    "tensorflow.keras",
    "tensorflow._api.v2.keras",
    "tf_keras.src",
    "tf_keras.api",
    "tf_keras",
    "keras.src",
    "keras.api",
    "keras.legacy",
)

_RENAMED = {
    "keras.models.Model": "keras.Model",
    "keras.training.Model": "keras.Model",
    "keras.Functional": "keras.Model",
    "keras.models.Sequential": "keras.Sequential",
    "keras.layers.Input": "keras.Input",
    "keras.layers.Layer": "keras.Layer",
    "keras.backend.image_data_format": "keras.config.image_data_format",
    "tensorflow.set_random_seed": "tensorflow.random.set_seed",
    "tensorflow.random.set_random_seed": "tensorflow.random.set_seed",
    "tensorflow.math.reduce_mean": "tensorflow.reduce_mean",
    "tensorflow.math.reduce_sum": "tensorflow.reduce_sum",
    "tensorflow.math.reduce_max": "tensorflow.reduce_max",
    "tensorflow.math.reduce_min": "tensorflow.reduce_min",
    "tensorflow.math.argmax": "tensorflow.argmax",
    "tensorflow.math.equal": "tensorflow.equal",
    "tensorflow.keras.random.set_random_seed": "keras.utils.set_random_seed",
    "numpy.random.mtrand.seed": "numpy.random.seed",
}


@functools.lru_cache(maxsize=4096)
def canonical(dotted: str) -> str:
    """The one name of an API, whatever it was imported as."""
    for root in _KERAS_ROOTS:
        if dotted == root or dotted.startswith(root + "."):
            dotted = "keras" + dotted[len(root) :]
            break
    if dotted.startswith(("tensorflow.compat.v2.", "tensorflow._api.v2.")):
        dotted = "tensorflow." + dotted.split(".", 3)[3]
    if dotted.startswith("tensorflow.compat.v1.") and not dotted.startswith("tensorflow.compat.v1.layers"):
        rest = dotted.removeprefix("tensorflow.compat.v1.")
        if rest in ("set_random_seed", "random.set_random_seed"):
            return "tensorflow.random.set_seed"
        if rest.startswith(("random.", "math.", "nn.", "data.", "reduce_")):
            dotted = f"tensorflow.{rest}"
    if dotted.startswith("keras."):
        dotted = _keras(dotted)
    return _RENAMED.get(dotted, dotted)


def _keras(dotted: str) -> str:
    parts = dotted.split(".")
    last = parts[-1]
    if (
        len(parts) > 2
        and parts[1] in ("engine", "models", "training")
        and last in ("Model", "Sequential", "Functional")
    ):
        return f"keras.models.{last}" if last != "Functional" else "keras.Functional"
    if len(parts) > 2 and parts[1] in ("engine", "layers") and last in ("Layer", "Input", "InputLayer"):
        return f"keras.layers.{last}"
    if len(parts) > 2 and parts[1] == "layers" and table.canonical(last) is not None:
        return f"keras.layers.{table.canonical(last)}"
    if len(parts) > 3 and parts[1] == "applications" and contents(last) is not None:
        return f"keras.applications.{last}"
    if len(parts) > 3 and parts[1] in ("optimizers", "losses", "metrics", "callbacks"):
        return f"keras.{parts[1]}.{last}"
    if parts[1] == "preprocessing" and last == "ImageDataGenerator":
        return "keras.preprocessing.image.ImageDataGenerator"
    if last.endswith("_dataset_from_directory") or last == "timeseries_dataset_from_array":
        return f"keras.utils.{last}"
    return dotted


def layer_kind(name: str) -> str | None:
    """The layer class that a canonical name stands for."""
    if name.startswith("keras.layers.") and name.count(".") == 2:
        return table.canonical(name.rpartition(".")[2])
    return None
