"""The configuration and the version of a saved Keras model to what modelint makes of it, whatever file it was in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from modelint.artifacts.json_text import Json
from modelint.artifacts.keras_config import model_from
from modelint.artifacts.keras_facts import effects_of, facts_of
from modelint.artifacts.keras_graph import flatten
from modelint.artifacts.limits import Budget
from modelint.artifacts.model_file import Entry, ModelFile
from modelint.facts import Constant, KerasVersion

_KERAS_3: Final = tuple(version for version in KerasVersion if version is not KerasVersion.KERAS_2)
_NOTHING: Final[Mapping[str, Constant]] = {}


def keras_model(
    path: str,
    config: Json,
    written_by: Json,
    budget: Budget,
    *,
    form: str,
    problems: tuple[str, ...] = (),
    metadata: Mapping[str, Constant] = _NOTHING,
) -> ModelFile:
    """Read a configuration that Keras ``written_by`` wrote; ``form`` is what kind of file it was in.

    Raises:
        MalformedError: it is no configuration of a Keras model.
    """
    version = version_of(written_by)
    if version is None and not _is_keras_3(config):
        version = KerasVersion.KERAS_2
    versions = (version,) if version is not None else _KERAS_3
    root = model_from(config, budget, keras_2=version is KerasVersion.KERAS_2)
    flattened = flatten(root, path, versions[-1], budget)
    entry = Entry(
        names=(root.name,),
        model=flattened.model,
        fixed=False,
        effects=effects_of(flattened),
        facts=facts_of(flattened, versions),
    )
    family = "Keras 2" if version is KerasVersion.KERAS_2 else "Keras 3"
    return ModelFile(
        path=path,
        format=f"{family} {form}",
        producer=f"Keras {written_by}" if isinstance(written_by, str) else None,
        keras_version=version,
        entries=(entry,) if flattened.model.layers else (),
        unexamined=flattened.unexamined or (() if flattened.model.layers else ("the model has no layers",)),
        problems=problems,
        metadata=metadata,
    )


def version_of(text: Json) -> KerasVersion | None:
    """The range that a version as Keras writes it (``"3.15.1"``, ``"2.13.1-tf"``) belongs to; None if it is none."""
    found = re.match(r"(\d{1,4})\.(\d{1,4})", text) if isinstance(text, str) else None
    if found is None:
        return None
    major, minor = int(found[1]), int(found[2])
    if major <= 2:
        return KerasVersion.KERAS_2
    if major > 3 or minor >= 16:
        return KerasVersion.KERAS_3_16
    if minor >= 10:
        return KerasVersion.KERAS_3_10
    return KerasVersion.KERAS_3_6 if minor >= 6 else KerasVersion.KERAS_3_0


def _is_keras_3(config: Json) -> bool:
    """Whether a configuration without a version is Keras 3's: its dtypes are objects, its inputs have a batch_shape."""
    found: list[Json] = [config]
    while found:
        value = found.pop()
        if isinstance(value, dict):
            dtype = value.get("dtype")
            if "batch_input_shape" in value or "keras_version" in value:
                return False
            if "batch_shape" in value or (isinstance(dtype, dict) and dtype.get("class_name") == "DTypePolicy"):
                return True
            found += value.values()
        elif isinstance(value, list):
            found += value
    return True
