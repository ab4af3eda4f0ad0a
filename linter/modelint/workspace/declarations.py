"""``[[tool.modelint.layers]]``, ``calls-eval``, ``calls-train`` and ``wrappers``: TOML values to what they declare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from modelint.facts import DeclaredLayer, Passing
from modelint.spelling import did_you_mean
from modelint.workspace import toml

_TRAINING: Final = {"none": Passing.NONE, "true": Passing.TRUE, "false": Passing.FALSE}


def name(value: object) -> str:
    """The dotted name of a function or class, as a program could import it."""
    written = toml.text(value)
    parts = written.split(".")
    if len(parts) < 2 or not all(part.isidentifier() for part in parts):
        raise toml.WrongValueError(f'must be a dotted name such as "acme.nn.Drop", not {written!r}')
    return written


def names(value: object) -> tuple[str, ...]:
    """A list of dotted names."""
    return tuple(map(name, toml.texts(value)))


def _layer_name(value: object) -> str:
    from modelint.frameworks.names import canonical, layer_kind

    written = name(value)
    if layer_kind(canonical(written)) is not None:
        raise toml.WrongValueError(f"{written} is a layer of Keras; what it does is known")
    return written


def _like(value: object) -> str:
    """The class of ``keras.layers`` that a name stands for."""
    from modelint.frameworks import keras_layers
    from modelint.frameworks.names import canonical, layer_kind

    written = toml.text(value)
    kind = layer_kind(canonical(written))
    if kind is None:
        known = [f"keras.layers.{each}" for each in keras_layers.kinds()]
        raise toml.WrongValueError(f"{written} is no layer of Keras{did_you_mean(written, known)}")
    if keras_layers.is_opaque(kind):
        raise toml.WrongValueError(f"what {written} does depends on what it is given; say what the layer does instead")
    return kind


def _training(value: object) -> Passing:
    return _TRAINING[toml.one_of(*_TRAINING)(value)]


@attrs.frozen
class _Layer:
    """An entry of ``layers`` as it is written; all but its name may be left out."""

    name: str | None = toml.key(_layer_name)
    like: str | None = toml.key(_like)
    mode_sensitive: bool | None = toml.key(toml.flag)
    couples_batch_in_training: bool | None = toml.key(toml.flag)
    couples_batch_at_inference: bool | None = toml.key(toml.flag)
    stochastic_in_training: bool | None = toml.key(toml.flag)
    stochastic_at_inference: bool | None = toml.key(toml.flag)
    writes_state_in_training: bool | None = toml.key(toml.flag)
    writes_state_at_inference: bool | None = toml.key(toml.flag)
    default_training: Passing | None = toml.key(_training)
    seed_parameter: str | None = toml.key(toml.text)


_TRAITS: Final = tuple(
    field.name
    for field in attrs.fields(_Layer)
    if field.name not in ("name", "like", "default_training", "seed_parameter")
)


def layers(value: object) -> tuple[DeclaredLayer, ...]:
    """A list of tables, each about one class of layers."""
    found: list[DeclaredLayer] = []
    wrong: list[toml.WrongValueError] = []
    for number, table in enumerate(toml.tables(value), start=1):
        called = table.get("name")
        where = called if isinstance(called, str) else str(number)
        try:
            layer = _layer(table)
            if any(layer.name == other.name for other in found):
                raise toml.WrongValueError("is there twice")
            found.append(layer)
        except toml.WrongValueError as error:
            wrong.append(toml.WrongValueError(str(error), (where, *error.keys)))
        except ExceptionGroup as group:
            inner = (one for one in group.exceptions if isinstance(one, toml.WrongValueError))
            wrong += [toml.WrongValueError(str(one), (where, *one.keys)) for one in inner]
    if wrong:
        raise ExceptionGroup("", wrong)
    return tuple(found)


def _layer(table: Mapping[str, object]) -> DeclaredLayer:
    """One entry.

    Raises:
        WrongValueError: it has no name.
        ExceptionGroup: of ``WrongValueError``, for all else that is wrong.
    """
    read = toml.read(_Layer, table)
    if read.name is None:
        raise toml.WrongValueError('needs a name, such as name = "acme.nn.Drop"')
    stated = tuple((key, said) for key in _TRAITS if (said := getattr(read, key)) is not None)
    return DeclaredLayer(read.name, read.like, stated, read.default_training, read.seed_parameter)


def written(layer: DeclaredLayer) -> dict[str, object]:
    """What is said of a layer, as a configuration file says it."""
    said: dict[str, object] = {"name": layer.name}
    if layer.like is not None:
        said["like"] = f"keras.layers.{layer.like}"
    said |= {key.replace("_", "-"): value for key, value in layer.stated}
    if layer.default_training is not None:
        said["default-training"] = layer.default_training.value
    if layer.seed_parameter is not None:
        said["seed-parameter"] = layer.seed_parameter
    return said
