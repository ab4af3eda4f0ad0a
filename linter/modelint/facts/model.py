"""Models: layers, the graph of their calls, and what each layer does to a batch.

The same facts describe a model written in a script and one read from a file.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

from modelint.finding import Located

if TYPE_CHECKING:
    import networkx


class Unknown(enum.Enum):
    """The one value for what could not be determined."""

    UNKNOWN = "unknown"

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __bool__(self) -> bool:
        raise TypeError("UNKNOWN has no truth value; compare with `is UNKNOWN`")


UNKNOWN: Final = Unknown.UNKNOWN

Constant = None | bool | int | float | str | bytes
Setting = Constant | tuple["Setting", ...] | Unknown
"""A configuration value as far as it is known: a constant, a tuple of settings, or ``UNKNOWN``."""


Shape = tuple[int | str | None, ...]
"""The sizes of a tensor's axes: a number, a symbol that stands for one number, or None for any."""


class KerasVersion(enum.Enum):
    """Ranges of Keras versions that resolve the run mode alike (``docs/keras-versions.md`` says how).

    The value is the range as it is shown to a user.
    """

    KERAS_2 = "Keras 2"
    KERAS_3_0 = "Keras 3.0-3.5"
    KERAS_3_6 = "Keras 3.6-3.9"
    KERAS_3_10 = "Keras 3.10-3.15"
    KERAS_3_16 = "Keras 3.16"

    @classmethod
    def of(cls, major: int, minor: int) -> KerasVersion:
        """The range that a release belongs to."""
        if major < 3:
            return cls.KERAS_2
        if major > 3 or minor >= 16:
            return cls.KERAS_3_16
        if minor >= 10:
            return cls.KERAS_3_10
        return cls.KERAS_3_6 if minor >= 6 else cls.KERAS_3_0


class Mode(enum.Enum):
    """The mode in which a mode-sensitive layer runs."""

    TRAIN = "train"
    INFERENCE = "inference"
    UNKNOWN = "unknown"


class Passing(enum.Enum):
    """How a call passes the mode (the ``training`` argument of Keras)."""

    ABSENT = "absent"
    TRUE = "true"
    FALSE = "false"
    NONE = "none"  # the constant None
    FORWARDED = "forwarded"  # the enclosing forward pass's own mode parameter, unchanged
    DYNAMIC = "dynamic"  # a value that is not known


@dataclass(frozen=True, slots=True)
class Traits:
    """What a layer does, as measured by running it; with its actual configuration taken into account.

    A Dropout of rate 0, or a BatchNormalization with ``trainable=False``, is not mode-sensitive.
    """

    mode_sensitive: bool = False  # its output differs between train and inference mode
    couples_batch_in_training: bool = False  # a row's output depends on other rows, in train mode
    couples_batch_at_inference: bool = False  # the same in inference mode
    stochastic_in_training: bool = False  # draws random numbers in train mode
    stochastic_at_inference: bool = False  # draws random numbers in inference mode too
    writes_state_in_training: bool = False  # updates variables (moving statistics) in train mode
    writes_state_at_inference: bool = False  # carries state between calls in inference mode
    leaks_train_mode: bool = False  # in some Keras 3, switches later layers to train mode (Resizing, Random*)
    default_training: Passing = Passing.ABSENT  # the default of ``call``'s training parameter


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One call of a layer (or operator) in a model's graph.

    ``kind`` is the class's own name (``"BatchNormalization"``), ``qualified`` its canonical dotted name
    (``"keras.layers.BatchNormalization"``; for a user's class, its module and name). ``place`` is where the
    layer object was made, ``called_at`` where it is called (equal for Sequential). ``path`` names the nested
    models that hold it, outermost first. ``modes`` says in which mode this layer ends up when the model is called
    as the owning ``ModelCall`` calls it, per version; it is empty outside of a call. ``calls`` has for every name of
    ``path`` a number that stands for one call of that nested model; empty where calls are not told apart.
    """

    kind: str
    qualified: str
    traits: Traits
    config: Mapping[str, Setting]
    place: Located
    called_at: Located
    name: str | None = None
    path: tuple[str, ...] = ()
    training: Passing = Passing.ABSENT
    frozen: bool = False  # trainable=False on it or on a model that holds it
    perhaps_frozen: bool = False  # some layers are frozen, and it is not known whether it is one of them
    custom: bool = False  # a user's own class, whose forward pass was read
    opaque: bool = False  # nothing is known about it
    identity: int = 0  # equal for several calls of one layer object
    shape: Shape | None = None  # of its (first) output, as far as known
    calls: tuple[int, ...] = ()

    @property
    def is_batchnorm(self) -> bool:
        """Whether it normalises with batch statistics in train mode."""
        return self.traits.couples_batch_in_training and self.traits.writes_state_in_training

    def __str__(self) -> str:
        return f"{self.kind} {self.name!r}" if self.name else self.kind


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of a model: its name, where it has one, and what is known of its shape and type."""

    shape: Shape | None = None
    name: str | None = None
    dtype: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class InnerModel:
    """One call of a model (or of a layer with layers in it) inside another, and how it is passed the mode."""

    kind: str
    training: Passing
    identity: int  # equal for several calls of one model


@dataclass(frozen=True, eq=False)
class Model:
    """A network. ``layers`` are all layer calls, nested models flattened, in the order of execution.

    ``kind`` is "Sequential", "Functional", the user's class name, or e.g. "ResNet50" (keras.applications).
    ``opaque`` says that part of it could not be examined; ``origin`` is where it was made. ``assumed`` are those of
    ``edges`` that only say in which order a forward pass of the program's own calls its layers. ``inner`` are the calls
    of models inside it by the numbers that ``Layer.calls`` has, empty where these are not told apart. ``prepares_data``
    is known of what has no weights and no dropout: whatever of it is random is an augmentation.
    """

    kind: str
    framework: str
    origin: Located
    layers: tuple[Layer, ...] = ()
    edges: tuple[tuple[int, int], ...] = ()  # indices into layers: producer, consumer
    opaque: bool = False
    name: str | None = None
    identity: int = 0
    inputs: tuple[Port, ...] = ()  # as far as known; the batch is the first axis
    outputs: tuple[Port, ...] = ()
    assumed: frozenset[tuple[int, int]] = frozenset()
    inner: Mapping[int, InnerModel] = field(default_factory=dict)
    prepares_data: bool = False

    @cached_property
    def graph(self) -> networkx.MultiDiGraph[int]:
        """The graph of layer calls: nodes are indices into ``layers``, each with its ``layer``."""
        import networkx

        graph: networkx.MultiDiGraph[int] = networkx.MultiDiGraph(name=self.name or self.kind)
        for index, layer in enumerate(self.layers):
            graph.add_node(index, layer=layer)
        graph.add_edges_from(self.edges)
        return graph

    @property
    def mode_sensitive(self) -> tuple[Layer, ...]:
        """The layers whose output depends on the mode and that are not frozen into one."""
        return tuple(layer for layer in self.layers if layer.traits.mode_sensitive)

    @property
    def batchnorms(self) -> tuple[Layer, ...]:
        """The live BatchNorm layers (not frozen)."""
        return tuple(layer for layer in self.layers if layer.is_batchnorm and not layer.frozen)

    def __str__(self) -> str:
        return f"{self.kind} {self.name!r}" if self.name else self.kind


NO_CONFIG: Final[Mapping[str, Setting]] = {}


@dataclass(frozen=True, slots=True, eq=False)
class LayerMade:
    """A layer object constructed in the script, with the arguments as written.

    ``positional`` and ``config`` hold what was passed (``config`` by parameter name where the layer's
    signature is known, whether passed by position or by name); ``named`` says which were passed by name.
    """

    kind: str
    qualified: str
    traits: Traits
    place: Located
    positional: tuple[Setting, ...] = ()
    config: Mapping[str, Setting] = field(default_factory=lambda: NO_CONFIG)
    named: frozenset[str] = frozenset()
    in_forward: bool = False  # made anew on every call of a forward pass
    identity: int = 0
