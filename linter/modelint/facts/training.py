"""Training and evaluation runs, with the batches they see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from modelint.facts.calls import Because
from modelint.facts.model import KerasVersion, Layer, Mode, Model
from modelint.finding import Located


@dataclass(frozen=True, slots=True)
class Interval:
    """Integers from ``low`` to ``high``, both included; None is unbounded."""

    low: int | None
    high: int | None

    @property
    def exact(self) -> int | None:
        """The only value, if there is one."""
        return self.low if self.low == self.high else None

    def __str__(self) -> str:
        if self.low is not None and self.low == self.high:
            return str(self.low)
        if self.high is None:
            return "any number" if self.low is None else f"at least {self.low}"
        return f"at most {self.high}" if self.low is None else f"{self.low} to {self.high}"


ANY_SIZE = Interval(1, None)


@dataclass(frozen=True, slots=True, eq=False)
class TrainingRun:
    """A ``fit`` call, or a hand-written loop that updates a model's weights.

    ``place`` is the fit call or the loop's forward call. ``batch_size`` is the global batch,
    ``remainder`` the size of the last partial batch (None: there is none, or it is dropped; an unbounded interval:
    there may be one of unknown size). ``replicas`` over which the batch is divided, ``synchronized`` BatchNorm,
    ``accumulation`` steps of gradient accumulation that divide the batch again.
    ``batch_place`` is where the batch size was written; ``samples`` the length of the data where known. ``positions``
    has, by the identity of a layer, over how many positions of a sample a BatchNorm averages, where that is known.
    ``resting`` are the identities of layers that run in inference mode.
    """

    place: Located
    model: Model
    through: str  # "fit", "train_on_batch", "loop"
    batch_size: Interval | None
    batch_place: Located | None = None
    remainder: Interval | None = None
    samples: int | None = None
    replicas: Interval = Interval(1, 1)
    accumulation: int = 1
    certain: bool = True
    among: Interval | None = None  # the batch sizes of all pipelines between which the program chooses this one
    deliberate: str | None = None
    evaluated: bool = False  # the same batches are also evaluated on
    positions: Mapping[int, int] = field(default_factory=dict)
    resting: frozenset[int] = frozenset()
    because: Because = ()

    @property
    def effective(self) -> Interval | None:
        """The batch that one BatchNorm sees: per replica and per accumulated micro-batch."""
        if self.batch_size is None:
            return None
        low, high = self.batch_size.low, self.batch_size.high
        fewest, most = self.replicas.low or 1, self.replicas.high
        return Interval(
            None if low is None or most is None else max(1, low // most),
            None if high is None else max(1, high // fewest),
        )

    @property
    def because_of_batch(self) -> Because:
        """The reasons, and where the batch size was written."""
        return (*self.because, *([(self.batch_place, "the batch size comes from here")] if self.batch_place else []))


@dataclass(frozen=True, slots=True, eq=False)
class FrozenDrift:
    """A backbone frozen by a constant mode whose BatchNorm is nevertheless trained.

    ``place`` is the forward call ``base(x, training=False)``; ``fit_place`` where the whole is fitted after it was
    made trainable. ``modes`` gives, per version in play, the mode that BatchNorm runs in during that fit.
    """

    place: Located
    base: Model
    layers: tuple[Layer, ...]
    fit_place: Located
    modes: Mapping[KerasVersion, Mode]
    because: Because = ()


@dataclass(frozen=True, slots=True, eq=False)
class DroppedSamples:
    """Evaluation or prediction that leaves the last partial batch out.

    ``place`` is the pipeline step or the step count that drops; ``used_at`` the evaluation. ``how`` is
    e.g. ``"drop_remainder=True"`` or ``"steps is rounded down"``. ``dropped`` is the number of samples, where known,
    ``what`` says it in words where it is not. ``trained``: what makes the batches makes those of a training too.
    """

    place: Located
    used_at: Located
    how: str
    dropped: int | None = None
    what: str = "the last partial batch"
    trained: bool = False
    certain: bool = True
    because: Because = ()


@dataclass(frozen=True, slots=True, eq=False)
class MeanOfBatchMeans:
    """A metric averaged over batches that may be of unequal size. ``certain``: it is known that these are batches."""

    place: Located
    certain: bool = True
    because: Because = ()


@dataclass(frozen=True, slots=True, eq=False)
class StaticBatch:
    """A fixed batch dimension: of an input, of a served signature, of a reshape, of a stateful RNN."""

    place: Located
    how: str
    size: int
    enforced: bool = True  # other sizes fail, or their rows are mixed up; False: only a saved form is bound
    owner: str | None = None  # the class whose forward pass it stands in
    model: Model | None = None  # whose input it is
    because: Because = ()


@dataclass(frozen=True, slots=True, eq=False)
class StateWrite:
    """A variable written during a forward pass that also runs at inference.

    ``how`` says what is written: a variable assigned in ``call``, moving statistics of a BatchNorm that always
    runs in train mode, the carried state of a stateful RNN that serves unrelated requests.
    """

    place: Located
    how: str
    guarded: bool
    owner: str | None = None  # the class whose forward pass it stands in
    model: Model | None = None  # where it is the state of a layer of the library
    because: Because = ()


@dataclass(frozen=True, slots=True, eq=False)
class BatchReduction:
    """An operation in a forward pass that mixes samples.

    ``operation`` is its canonical name, ``axis`` what it reduces or normalises over (None: all axes).
    ``guarded``: it runs only in train mode. ``loss``: its result only feeds a loss or metric. ``certain``: what it
    works on is a batch.
    """

    place: Located
    operation: str
    axis: tuple[int, ...] | None
    guarded: bool
    loss: bool = False
    certain: bool = True
    function: str | None = None
    owner: str | None = None  # the class whose forward pass it stands in
    because: Because = ()
