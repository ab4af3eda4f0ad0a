"""Random draws and what seeds them."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from modelint.facts.calls import Because
from modelint.facts.model import KerasVersion, Setting
from modelint.finding import Located


class Governor(enum.Enum):
    """What makes a draw reproducible."""

    ARGUMENT = "argument"  # its own seed argument
    GLOBAL = "global"  # a global seed that reaches it and was set before
    NOTHING = "nothing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, eq=False)
class RandomSource:
    """A draw: dropout, noise, augmentation, shuffle, initializer, a random operation.

    ``kind`` is one of ``"dropout"``, ``"noise"``, ``"augmentation"``, ``"shuffle"``, ``"initializer"``,
    ``"operation"``. ``seed`` is the seed argument as written (None: absent). ``in_forward``: it happens in a forward
    pass (of a model or layer); ``guarded``: there it happens only in train mode; ``mode_blind``: it takes no notice
    of the mode (``tf.nn.dropout``, ``keras.random.dropout``). ``rate`` is its rate where it has one.
    ``generative``: it is a sampler by contract (VAE sampling layer, decoding).
    """

    place: Located
    kind: str
    what: str  # "keras.layers.Dropout", "tf.nn.dropout" ...
    seed: Setting
    seeded_by: Governor
    in_forward: bool = False
    guarded: bool = False
    mode_blind: bool = False
    reaches_prediction: bool = False  # its value is part of what a prediction returns, in inference mode
    generative: bool = False
    repeats: bool = False  # a stateless draw with a constant seed: the same numbers on every call
    rate: Setting = None
    identity: int = 0
    deliberate: str | None = None
    ungoverned_in: tuple[KerasVersion, ...] = ()  # versions in play in which nothing governs it
    seed_place: Located | None = None
    because: Because = ()


@dataclass(frozen=True, slots=True, eq=False)
class Seeding:
    """A call that sets a global seed.

    ``function`` is its canonical name (``"tensorflow.random.set_seed"``). ``ineffective_for`` are the
    draws of the program that its author could expect it to govern and that it does not, per reason.
    """

    place: Located
    function: str
    seed: Setting
    ineffective_for: tuple[RandomSource, ...] = ()
    reason: str = ""
    versions: tuple[KerasVersion, ...] = ()  # in which it is ineffective
    because: Because = ()
