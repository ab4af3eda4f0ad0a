"""What configuration says of code whose source is not read: layers, functions and wrappers of installed packages.

Takes nothing, gives values; names are dotted, as a program could import them.
"""

from __future__ import annotations

from dataclasses import dataclass

from modelint.facts.model import Passing


@dataclass(frozen=True, slots=True)
class DeclaredLayer:
    """A class of layers.

    ``like`` is the class of ``keras.layers`` that it behaves as and takes the arguments of. ``stated`` are fields of
    ``Traits`` that are said of it; they win over what ``like`` gives. ``seed_parameter`` seeds its draws.
    """

    name: str
    like: str | None = None
    stated: tuple[tuple[str, bool], ...] = ()
    default_training: Passing | None = None
    seed_parameter: str | None = None

    @property
    def kind(self) -> str:
        """The class's own name."""
        return self.name.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Declared:
    """All that is declared.

    ``calls_eval`` and ``calls_train`` are functions that run the model passed to them, in inference and in train mode;
    ``wrappers`` are functions and classes that give or contain the model passed to them.
    """

    layers: tuple[DeclaredLayer, ...] = ()
    calls_eval: tuple[str, ...] = ()
    calls_train: tuple[str, ...] = ()
    wrappers: tuple[str, ...] = ()

    @property
    def packages(self) -> frozenset[str]:
        """The top-level packages that it speaks of."""
        names = (*(layer.name for layer in self.layers), *self.calls_eval, *self.calls_train, *self.wrappers)
        return frozenset(name.partition(".")[0] for name in names)

    def extended(self, other: Declared) -> Declared:
        """This with another put over it: of two entries for one layer, the other's counts."""
        layers = {layer.name: layer for layer in (*self.layers, *other.layers)}
        return Declared(
            tuple(layers.values()),
            tuple(dict.fromkeys((*self.calls_eval, *other.calls_eval))),
            tuple(dict.fromkeys((*self.calls_train, *other.calls_train))),
            tuple(dict.fromkeys((*self.wrappers, *other.wrappers))),
        )
