"""What every layer class of Keras 2 (tf_keras) and Keras 3 does to a batch, and how it is made and called.

A table beside this module (``keras_layers.json``) holds what ``benchmarks/tables/measure_keras_layers.py`` measured on
tf_keras 2.21 and Keras 3.15; what Keras 3.0-3.5 has instead was read from its source. A test measures it again against
the installed versions. The table gives *effects*: traits, and the settings under which they hold (a Dropout draws if
its rate is not zero). This module evaluates them for an actual configuration.

A setting that is not known may decide an effect. ``traits`` then leaves the effect out, ``possible_traits`` takes it
in, and ``uncertain`` says so. ``uncertain`` also says so of classes whose content decides: wrappers, ``Lambda``, ....

Functions raise KeyError for what ``is_layer`` does not know. Where no version is given, the newest measured one counts;
a class that a version does not have is described as the other family has it.
"""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Mapping
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Final, TypedDict

from modelint.facts import KerasVersion, Passing, Setting, Traits, Unknown

Plain = None | bool | int | float | str | list["Plain"]


class _Family(TypedDict, total=False):
    """One class in Keras 2 or Keras 3, as the table has it."""

    init: list[str]
    more: list[str]
    required: list[str]
    defaults: dict[str, Plain]  # but those that are None
    call: list[str]
    training: str
    effects: list[tuple[dict[str, str], list[str]]]
    seed: bool


_Entry = TypedDict(
    "_Entry",
    {
        "category": str,
        "wraps": str,
        "opaque": bool,
        "older": dict[str, _Family],
        "2": _Family,
        "3": _Family,
    },
    total=False,
)


class _Table(TypedDict):
    measured: list[str]
    aliases: dict[str, str]
    functions: dict[str, str]
    layers: dict[str, _Entry]


# Every layer takes these by name; only this one matters to what it does.
_BASE_DEFAULTS: Final[Mapping[str, Setting]] = {"trainable": True}
_LEAKING: Final = (KerasVersion.KERAS_3_0, KerasVersion.KERAS_3_6, KerasVersion.KERAS_3_10)
_TRAINING: Final = {
    "absent": Passing.ABSENT,
    "none": Passing.NONE,
    "true": Passing.TRUE,
    "false": Passing.FALSE,
}
_NOTHING: Final[Mapping[str, Setting]] = {}
_LEARNED: Final = frozenset(("attention", "convolution", "core", "normalization", "recurrent", "wrapper"))
_WITH_WEIGHTS: Final = frozenset(("PReLU",))
_WITHOUT_WEIGHTS: Final = frozenset(
    (
        "Identity",
        "InputLayer",
        "InputSpec",
        "Lambda",
        "Masking",
        "Normalization",
        "Pipeline",
        "PreprocessingLayer",
        "UnitNormalization",
    )
)


def kinds() -> tuple[str, ...]:
    """Give the canonical names of all classes."""
    return tuple(_table()["layers"])


def canonical(kind: str) -> str | None:
    """Give the name under which a class is described, or None if there is no such layer.

    ``kind`` is a class name, perhaps with what stands before it (``"experimental.preprocessing.RandomFlip"``).
    """
    table = _table()
    name = kind.rpartition(".")[2]
    if name in table["layers"]:
        return name
    return table["aliases"].get(name)


def is_layer(kind: str) -> bool:
    """Whether ``keras.layers`` has or had a class of that name."""
    return canonical(kind) is not None


def merge_function(name: str) -> str | None:
    """Give the class whose layer a function of ``keras.layers`` makes and calls (``concatenate``)."""
    return _table()["functions"].get(name)


def category(kind: str) -> str:
    """Give what a class is for.

    One of activation, attention, augmentation, convolution, core, dropout, merging, noise, normalization, pooling,
    preprocessing, recurrent, regularization, reshaping, wrapper.
    """
    return _entry(kind)["category"]


def is_learned(kind: str) -> bool:
    """Whether a layer of the class may have weights that training changes; so what it wraps or is given may, too."""
    name = canonical(kind)
    return name not in _WITHOUT_WEIGHTS and (name in _WITH_WEIGHTS or category(kind) in _LEARNED)


def parameters(kind: str, version: KerasVersion | None = None) -> tuple[str, ...]:
    """Give the constructor's parameters in the order in which they may be passed by position."""
    return tuple(_family(kind, version)["init"])


def keyword_parameters(kind: str, version: KerasVersion | None = None) -> tuple[str, ...]:
    """Give the parameters that the constructor takes by name only (those of every layer, ``name`` ..., left out)."""
    return tuple(_family(kind, version)["more"])


@cache
def defaults(kind: str, version: KerasVersion | None = None) -> Mapping[str, Setting]:
    """Give the constructor's defaults; parameters that must be passed are absent."""
    family = _family(kind, version)
    optional = [name for name in family["init"] + family["more"] if name not in family["required"]]
    return MappingProxyType({name: _setting(family["defaults"].get(name)) for name in optional})


def call_parameters(kind: str, version: KerasVersion | None = None) -> tuple[str, ...]:
    """Give the parameters of ``call`` in order; Keras 2 takes all of them by position, ``training`` too."""
    return tuple(_family(kind, version).get("call", ()))


def default_training(kind: str, version: KerasVersion | None = None) -> Passing:
    """Give the default of the ``training`` parameter of ``call``; ABSENT if it has no such parameter."""
    return _TRAINING[_family(kind, version).get("training", "absent")]


def seed_parameter(kind: str, version: KerasVersion | None = None) -> str | None:
    """Give the constructor's parameter that seeds the layer's draws, if it has one."""
    return "seed" if "seed" in _family(kind, version) else None


def seed_governs(kind: str, version: KerasVersion | None = None) -> bool:
    """Whether the seed parameter alone makes the draws repeatable (not those of ``AugMix``)."""
    return _family(kind, version).get("seed", False)


def wrapped_parameter(kind: str) -> str | None:
    """Give the parameter that takes the layer, cell or layers that a class runs."""
    return _entry(kind).get("wraps")


def is_stochastic(kind: str, version: KerasVersion | None = None) -> bool:
    """Whether a layer of the class draws random numbers in some configuration of its own."""
    return any(name.startswith("stochastic") for _, names in _family(kind, version)["effects"] for name in names)


def traits(kind: str, config: Mapping[str, Setting] = _NOTHING, version: KerasVersion | None = None) -> Traits:
    """Give what a layer with this configuration certainly does.

    ``config`` has settings by parameter name; what it lacks has its default. A wrapper's traits are its own, not those
    of what it wraps.
    """
    return _traits(kind, config, version, take_unknown=False)


def possible_traits(kind: str, config: Mapping[str, Setting] = _NOTHING, version: KerasVersion | None = None) -> Traits:
    """Give what a layer with this configuration may do, if settings that are not known are as they may be."""
    return _traits(kind, config, version, take_unknown=True)


def is_opaque(kind: str) -> bool:
    """Whether what a class is given decides what it does: a layer or cell to run, a function."""
    entry = _entry(kind)
    return "wraps" in entry or entry.get("opaque", False)


def uncertain(kind: str, config: Mapping[str, Setting] = _NOTHING, version: KerasVersion | None = None) -> bool:
    """Whether ``traits`` may lack something: a setting that decides is not known, or the layer's content decides."""
    if is_opaque(kind):
        return True
    return traits(kind, config, version) != possible_traits(kind, config, version)


def _traits(kind: str, config: Mapping[str, Setting], version: KerasVersion | None, *, take_unknown: bool) -> Traits:
    decisive = {name: config[name] for name in _decisive(kind, version) if name in config}
    return _traits_of(kind, tuple(decisive.items()), version, take_unknown)


@cache
def _decisive(kind: str, version: KerasVersion | None) -> tuple[str, ...]:
    """The parameters that a class's effects hang on."""
    return tuple(dict.fromkeys(name for when, _ in _family(kind, version)["effects"] for name in when))


@lru_cache(maxsize=4096)
def _traits_of(
    kind: str, config: tuple[tuple[str, Setting], ...], version: KerasVersion | None, take_unknown: bool
) -> Traits:
    settings = {**_BASE_DEFAULTS, **defaults(kind, version), **dict(config)}
    names: set[str] = set()
    for when, effect in _family(kind, version)["effects"]:
        holds = [_holds(predicate, settings.get(parameter)) for parameter, predicate in when.items()]
        if False not in holds and (take_unknown or None not in holds):
            names.update(effect)
    training = default_training(kind, version)
    leaks = training is Passing.TRUE and (version or KerasVersion.KERAS_3_10) in _LEAKING
    return Traits(**dict.fromkeys(names, True), leaks_train_mode=leaks, default_training=training)


def _holds(predicate: str, setting: Setting) -> bool | None:
    """Whether a setting is as an effect requires; None if it is not known."""
    if isinstance(setting, tuple) and predicate in ("nonzero", "batch"):
        each = [_holds(predicate, item) for item in setting]
        return True if True in each else None if None in each else False
    if isinstance(setting, Unknown):
        return None
    match predicate:
        case "nonzero" | "true":
            return bool(setting)
        case "false":
            return not setting
        case "given":
            return setting is not None
        case "none":
            return setting is None
        case "batch":
            return setting == 0 and setting is not False
        case _:
            return setting == predicate.removeprefix("=")


def _setting(value: Plain) -> Setting:
    return tuple(_setting(item) for item in value) if isinstance(value, list) else value


def _entry(kind: str) -> _Entry:
    name = canonical(kind)
    if name is None:
        raise KeyError(kind)
    return _table()["layers"][name]


@cache
def _family(kind: str, version: KerasVersion | None) -> _Family:
    """Give a class as a version has it."""
    entry = _entry(kind)
    family = entry.get("2") if version is KerasVersion.KERAS_2 else entry.get("3")
    family = family or entry.get("3") or entry["2"]
    if version is not None and "older" in entry:
        return {**family, **entry["older"].get(version.name, {})}
    return family


@cache
def _table() -> _Table:
    data = pkgutil.get_data(__package__, "keras_layers.json")
    assert data is not None, "the table is part of the package"
    table: _Table = json.loads(data)
    return table
