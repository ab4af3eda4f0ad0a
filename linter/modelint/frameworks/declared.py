"""What a declared layer does, by what is stated of it and by the layer of Keras that it is like.

Takes what configuration says of a class, and the arguments of one of its layers as settings; gives what
``keras_layers`` gives of the classes of Keras.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from modelint.facts import UNKNOWN, DeclaredLayer, KerasVersion, Passing, Setting, Traits
from modelint.frameworks import keras_layers as table


def traits(declared: DeclaredLayer, config: Mapping[str, Setting], version: KerasVersion | None = None) -> Traits:
    """What a layer does. Where it is not said whether the mode matters, it does if what is said differs by the mode."""
    stated: dict[str, Any] = dict(declared.stated)  # of the fields that are truth values
    if declared.like is None:
        own = Traits(**stated)
        differs = (
            own.couples_batch_in_training is not own.couples_batch_at_inference
            or own.stochastic_in_training is not own.stochastic_at_inference
        )
        own = replace(own, mode_sensitive=stated.get("mode_sensitive", differs))
    else:
        drawing = table.category(declared.like) in ("dropout", "noise")
        of_like = table.possible_traits if drawing else table.traits
        own = replace(of_like(declared.like, config, version), **stated)
    return replace(own, default_training=default_training(declared, version))


def default_training(declared: DeclaredLayer, version: KerasVersion | None = None) -> Passing:
    """The default of its ``training`` parameter: None, as everywhere in Keras, where nothing else is said."""
    if declared.default_training is not None:
        return declared.default_training
    return table.default_training(declared.like, version) if declared.like else Passing.NONE


def settings(declared: DeclaredLayer, config: Mapping[str, Setting]) -> dict[str, Setting]:
    """The arguments of a layer; one that its model requires and that is not passed under that name is not known."""
    if declared.like is None:
        return dict(config)
    known = table.defaults(declared.like)
    required = [name for name in table.parameters(declared.like) if name not in known]
    return {**dict.fromkeys(required, UNKNOWN), **config}


def parameters(declared: DeclaredLayer) -> tuple[str, ...]:
    """The parameters of its constructor, as far as they are known."""
    return table.parameters(declared.like) if declared.like else ()


def call_parameters(declared: DeclaredLayer) -> tuple[str, ...]:
    """The parameters of its ``call``, as far as they are known."""
    return table.call_parameters(declared.like) if declared.like else ()


def category(declared: DeclaredLayer) -> str:
    """What it is for, in the words of ``keras_layers``; what draws and is like nothing else is a dropout."""
    return table.category(declared.like) if declared.like else "dropout"


def seed_parameter(declared: DeclaredLayer) -> str | None:
    """The constructor's parameter that seeds its draws, if it is known to have one."""
    if declared.seed_parameter is not None:
        return declared.seed_parameter
    return table.seed_parameter(declared.like) if declared.like else None
