"""Operators of PyTorch as layers: their kind, what they do to a batch, the mode that they were saved in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from modelint.artifacts.torch_graph import Argument, Tensor
from modelint.artifacts.torch_operators import (
    ALWAYS_TRAINING,
    ATTENTIONS,
    BATCH_NORMS,
    DRAWS,
    DROPOUTS,
    RANDOM_RELUS,
    RECURRENT,
)
from modelint.facts import UNKNOWN, Layer, Passing, Setting, Shape, Traits
from modelint.finding import Place

MODULES: Final = "torch.nn.modules."
"""Where PyTorch's own layers are defined."""

_NO_TRAITS: Final = Traits()
_MOST_PARTS: Final = 16


def layer_of(
    name: str,
    arguments: Mapping[str, Argument],
    *,
    file: str,
    path: tuple[str, ...],
    node: str,
    qualified: str,
    module: str = "",
    written_at: Place | None = None,
    identity: int = 0,
    shape: Shape | None = None,
    opaque: bool = False,
) -> Layer:
    """The layer for one operator; ``node`` is what it is called in its file, ``module`` the class of what calls it."""
    called_at = Place(file, node="/".join((*path, node)))
    return Layer(
        kind=kind_of(name, module),
        qualified=qualified,
        traits=traits_of(name, arguments),
        config={key: setting_of(value) for key, value in arguments.items() if not isinstance(value, Tensor)},
        place=written_at or called_at,
        called_at=called_at,
        name=node,
        path=path,
        training=_mode(name, arguments),
        custom=opaque,
        opaque=opaque,
        identity=identity,
        shape=shape,
    )


def kind_of(name: str, module: str) -> str:
    """What a user calls it: for an operator with a mode the module of PyTorch it belongs to, else its own name."""
    plain = name.removesuffix("_")
    has_mode = plain in BATCH_NORMS or plain in DROPOUTS or plain in RECURRENT or plain in DRAWS
    return module.rsplit(".", 1)[-1] if has_mode and module.startswith(MODULES) else plain


def traits_of(name: str, arguments: Mapping[str, Argument]) -> Traits:
    """What an operator does in each mode; without a rate a dropout does nothing."""
    plain = name.removesuffix("_")
    if plain in BATCH_NORMS:
        tracked = isinstance(arguments.get("running_mean"), Tensor)
        return Traits(
            mode_sensitive=tracked,
            couples_batch_in_training=True,
            couples_batch_at_inference=not tracked,
            writes_state_in_training=tracked,
        )
    if plain in DRAWS:
        return Traits(stochastic_in_training=True, stochastic_at_inference=True)
    if any(_is_rate(arguments.get(key)) for key in _rates(plain)):
        return Traits(mode_sensitive=True, stochastic_in_training=True)
    return _NO_TRAITS


def _rates(name: str) -> tuple[str, ...]:
    if name in DROPOUTS:
        return ("p",)
    if name in RECURRENT:
        return ("dropout",)
    if name in RANDOM_RELUS:
        return ("upper",)
    return ("dropout_p",) if name in ATTENTIONS else ()


def _is_rate(value: Argument) -> bool:
    return value is UNKNOWN or (isinstance(value, int | float) and value > 0)


def _mode(name: str, arguments: Mapping[str, Argument]) -> Passing:
    if name in ALWAYS_TRAINING:
        return Passing.TRUE
    match arguments.get("training", arguments.get("train")):
        case True:
            return Passing.TRUE
        case False:
            return Passing.FALSE
        case None:
            return Passing.ABSENT
    return Passing.DYNAMIC


def setting_of(value: Argument, depth: int = 0) -> Setting:
    """An argument as a setting; tensors and what is not known are ``UNKNOWN``."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple) and depth < 2 and len(value) <= _MOST_PARTS:
        return tuple(setting_of(part, depth + 1) for part in value)
    return UNKNOWN
