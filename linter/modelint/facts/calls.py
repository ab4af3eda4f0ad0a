"""Places where a program runs a model, and the signatures through which the mode travels."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from modelint.facts.model import KerasVersion, Layer, Mode, Model, Passing
from modelint.finding import Edit, Fix, Located, Safety, Span

Because = tuple[tuple[Located, str], ...]


class Purpose(enum.Enum):
    """What the result of a model call is used for."""

    TRAINING = "training"  # differentiated with respect to this model's own weights
    INFERENCE = "inference"  # used as a prediction
    FORWARD = "forward"  # part of another model's forward pass, or symbolic
    DROPPED = "dropped"  # the result is not used (warm-up, building)
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, eq=False)
class ModelCall:
    """A place where a script runs a model.

    ``through`` is ``"__call__"``, ``"predict"``, ``"call"``, ...; ``modes`` gives, for each version in play,
    the mode in which the model's mode-sensitive layers end up (``TRAIN`` if any does so unasked), and
    ``affected`` the layers concerned. ``mode`` is the one mode they agree on, else ``UNKNOWN``. ``deliberate``
    is why the use is taken for intended ("Monte-Carlo dropout", "comment says so"), or None.
    ``because`` leads from the model's making over its sensitive layers to this call. ``last_argument`` is the last
    argument written in the call, after which another can be added (None: there is none, or it was not recorded).
    """

    place: Located
    model: Model
    through: str
    training: Passing
    modes: Mapping[KerasVersion, Mode]
    mode: Mode
    purpose: Purpose
    affected: tuple[Layer, ...] = ()
    mode_reason: str = ""
    purpose_reason: str = ""
    deliberate: str | None = None
    evaluated: bool = False  # the inference is certain to be an evaluation (metric, comparison with labels, serving)
    certain: bool = True  # False if model or purpose hold only on some paths or by guess
    function: str | None = None  # the enclosing function's name
    last_argument: Located | None = None
    because: Because = ()

    def with_argument(self, argument: str, safety: Safety) -> Fix | None:
        """The fix that adds an argument (``"training=False"``) to the call, where its arguments were recorded."""
        span = self.last_argument.resolve().span if self.last_argument is not None else None
        if span is None:
            return None
        end = Span(span.end_line, span.end_column, span.end_line, span.end_column)
        return Fix(f"pass {argument}", safety, (Edit(end, f", {argument}"),))


@dataclass(frozen=True, slots=True, eq=False)
class LostMode:
    """A mode-sensitive part of a forward pass that the mode does not reach.

    ``lost_in`` are the versions (of those in play) in which it does not arrive; ``how`` says which way it was lost.
    ``place`` is the call that loses it, or the signature. ``arrives_in`` are the versions in which it does arrive.
    """

    layer: Layer
    place: Located
    how: str
    lost_in: tuple[KerasVersion, ...]
    arrives_in: tuple[KerasVersion, ...] = ()
    because: Because = ()


@dataclass(frozen=True, slots=True, eq=False)
class ForwardPass:
    """A user's class with a forward pass (``call``), and how it takes and hands on the mode.

    ``parameter`` is the name of its mode parameter (``training``, ``is_training`` ...) or None, ``default`` that
    parameter's default. ``place`` is the function's name and parameter list; ``parameter_place`` the parameter.
    ``kind`` is "Model" or "Layer". ``layers`` are the layer calls inside, flattened.
    """

    place: Located
    owner: str
    kind: str
    parameter: str | None
    default: Passing
    parameter_place: Located
    layers: tuple[Layer, ...] = ()
    lost: tuple[LostMode, ...] = ()
    fitted_at: Located | None = None  # where an instance is trained by fit, if seen
    training_only: bool = False  # says of itself that it is used in training only
    because: Because = ()

    @property
    def mode_sensitive(self) -> tuple[Layer, ...]:
        """The mode-sensitive layers reached from this forward pass."""
        return tuple(layer for layer in self.layers if layer.traits.mode_sensitive)


@dataclass(frozen=True, slots=True, eq=False)
class HardWiredMode:
    """A layer connected with a constant mode inside a model (``Dropout(.5)(x, training=True)``).

    ``modes_in_predict`` and ``modes_when_called`` give, per version in play, the mode that the layer ends up
    in under ``predict`` and under a bare ``model(x)``.
    """

    place: Located
    layer: Layer
    training: Passing
    owner: str  # "functional model", "Decoder.call" ...
    modes_in_predict: Mapping[KerasVersion, Mode]
    modes_when_called: Mapping[KerasVersion, Mode]
    deliberate: str | None = None
    because: Because = ()


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Two predictions compared.

    ``exact`` says that no tolerance is allowed; ``how`` names the comparison (``"numpy.array_equal"``, ``"=="``).
    ``sizes`` are the batch sizes of both sides where known.
    """

    place: Located
    how: str
    exact: bool
    sizes: tuple[int | None, int | None] = (None, None)
    integer: bool = False  # the values are class ids or other integers
    because: Because = ()
