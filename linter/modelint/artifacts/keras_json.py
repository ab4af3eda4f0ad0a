"""Keras configurations as JSON: what ``model.to_json()`` writes, and ``config.json`` out of an archive."""

from __future__ import annotations

from modelint.artifacts.files import ModelFiles, bytes_of
from modelint.artifacts.json_text import LARGEST_TEXT, parse
from modelint.artifacts.keras_model import keras_model
from modelint.artifacts.limits import Budget, MalformedError
from modelint.artifacts.model_file import ModelFile


def read(files: ModelFiles, budget: Budget) -> ModelFile:
    """Read a configuration. Keras 2 writes its version into it; Keras 3 does not.

    Raises:
        MalformedError: it cannot be read, or is no model of Keras.
    """
    data = bytes_of(files)
    if len(data) > LARGEST_TEXT:
        raise MalformedError(f"the text is larger than {LARGEST_TEXT:,} bytes")
    config = parse(data[:], budget)
    if not isinstance(config, dict) or "class_name" not in config or "config" not in config:
        raise MalformedError("this is JSON, but not the configuration of a Keras model")
    return keras_model(files.path, config, config.get("keras_version"), budget, form="configuration")
