"""Keras models in HDF5 (``.h5``): what ``model.save("model.h5")`` of Keras 2 and 3 writes.

The configuration and the version are attributes of the root; the weights are not looked at. A file of weights alone
has no configuration, and nothing in it can be examined.
"""

from __future__ import annotations

from modelint.artifacts.files import ModelFiles, bytes_of
from modelint.artifacts.hdf5 import root_attributes
from modelint.artifacts.json_text import parse
from modelint.artifacts.keras_model import keras_model
from modelint.artifacts.limits import Budget, MalformedError
from modelint.artifacts.model_file import ModelFile


def read(files: ModelFiles, budget: Budget) -> ModelFile:
    """Read an HDF5 file.

    Raises:
        MalformedError: it cannot be read.
    """
    found = root_attributes(bytes_of(files), ("model_config", "keras_version"), budget)
    version = found.get("keras_version", b"").decode("utf-8", "backslashreplace") or None
    if "model_config" not in found:
        return ModelFile(
            files.path,
            format="Keras weights" if version else "HDF5 file",
            producer=f"Keras {version}" if version else None,
            unexamined=("the model that these weights belong to: the file holds no graph",),
        )
    try:
        config = parse(found["model_config"], budget, member="model_config")
        return keras_model(files.path, config, version, budget, form="HDF5 file")
    except MalformedError as error:
        error.member = error.member or "model_config"
        raise
