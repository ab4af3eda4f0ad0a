"""Places where a program runs a model, and the signatures through which the mode travels."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from modelint.facts.model import KerasVersion, Layer, Mode, Model, Passing
from modelint.finding import Fix, Located, Safety
from modelint.written import Signature

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

    ``through`` is ``"__call__"``, ``"predict"``, ``"call"``, ..., ``"function acme.run"`` for a function that was
    declared to run the model passed to it, or ``"signature 'serve'"`` for what a model file serves; ``modes`` gives,
    for each version in play, the mode in which the model's mode-sensitive layers end up (``TRAIN`` if any does so
    unasked), and ``affected`` the layers concerned. ``mode`` is the one mode they agree on, else ``UNKNOWN``.
    ``deliberate`` is why the use is taken for intended ("Monte-Carlo dropout", "comment says so"), or None.
    ``any_call`` names the calls that are meant where none is written ("model(x)": what any such call of a saved model
    does); it is empty for a call of a program.
    ``because`` leads from the model's making over its sensitive layers to this call. ``training_position`` is where
    the call takes ``training`` by position; ``bypass`` what is written between the model and the arguments (``.call``).
    ``flag`` is how it passes the model's own parameter for the mode, where that has another name.
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
    training_position: int | None = None
    flag: Passing = Passing.ABSENT
    bypass: Located | None = None
    from_inside: bool = False  # it stands in a method that is run on the model itself
    any_call: str = ""
    set_globally: bool = False  # the mode comes from ``set_learning_phase``
    because: Because = ()

    @property
    def told(self) -> Passing:
        """How it passes the mode: as ``training``, or by the model's own flag."""
        return self.flag if self.training is Passing.ABSENT else self.training

    @property
    def runner(self) -> str | None:
        """The dotted name of the declared function that runs the model; None if the program does it itself."""
        name = self.through.removeprefix("function ")
        return name if name != self.through else None

    @property
    def served(self) -> bool:
        """Whether it is what a model file serves, in a mode that is part of the file."""
        return self.through.startswith("signature ")

    def with_argument(self, argument: str, safety: Safety) -> Fix | None:
        """The fix that adds an argument (``"training=False"``) to the call, where it is known how that is written."""
        written = self.place.written()
        edit = written.adding(argument) if written is not None else None
        return Fix(f"pass {argument}", safety, (edit,)) if edit is not None else None

    def with_inference_mode(self) -> Fix | None:
        """The fix that passes ``training=False``, in the place of a constant ``True`` if there is one."""
        if self.training is Passing.ABSENT:
            return self.with_argument("training=False", Safety.UNSAFE)
        written = self.place.written()
        given = written.argument("training", self.training_position) if written is not None else None
        edit = given.replaced("False") if given is not None and given.text in ("True", "1") else None
        return Fix("pass training=False", Safety.UNSAFE, (edit,)) if edit is not None else None


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
    signature: Signature = Signature()  # of the function that loses it
    bypass: Located | None = None  # what is written between the layer and its arguments (``.call``)
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
    default_place: Located | None = None  # the default of the mode parameter, as written
    training_only: bool = False  # says of itself that it is used in training only
    because: Because = ()

    @property
    def mode_sensitive(self) -> tuple[Layer, ...]:
        """The mode-sensitive layers reached from this forward pass."""
        return tuple(layer for layer in self.layers if layer.traits.mode_sensitive)


@dataclass(frozen=True, slots=True, eq=False)
class HardWiredMode:
    """A layer connected with a constant mode inside a model (``Dropout(.5)(x, training=True)``).

    ``within`` is the kind of the model that is called with the constant, where ``layer`` is a part of that.
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
    within: str = ""
    because: Because = ()


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Two predictions compared.

    ``exact`` says that no tolerance is allowed; ``how`` names the comparison (``"numpy.array_equal"``, ``"=="``).
    ``sizes`` are the batch sizes of both sides where known. ``alike``: both are of one input, given in one way.
    """

    place: Located
    how: str
    exact: bool
    sizes: tuple[int | None, int | None] = (None, None)
    integer: bool = False  # the values are class ids or other integers
    alike: bool = False
    because: Because = ()
