"""All facts of one program, and the settings that decide about them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from modelint.facts.calls import Comparison, ForwardPass, HardWiredMode, ModelCall, Purpose
from modelint.facts.declared import Declared
from modelint.facts.model import KerasVersion, Layer, LayerMade, Mode, Model, Passing
from modelint.facts.randomness import RandomSource, Seeder, Seeding
from modelint.facts.training import (
    BatchReduction,
    DroppedSamples,
    FrozenDrift,
    MeanOfBatchMeans,
    StateWrite,
    StaticBatch,
    TrainingRun,
)
from modelint.finding import Located


@dataclass(frozen=True, slots=True)
class Settings:
    """What configuration says that rules decide by.

    ``versions`` are the Keras versions in play, oldest first; ``versions_known`` says that the project
    (or its configuration) named them, rather than that all supported ones are assumed. ``declared`` is what is said
    of code whose source is not read.
    """

    versions: tuple[KerasVersion, ...] = tuple(KerasVersion)
    versions_known: bool = False
    tiny_batch: int = 8
    pedantic: bool = False
    declared: Declared = Declared()
    tiny_batch_values: int | None = None  # values per channel with which no batch is tiny


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """A root file and all it reaches: itself a fact, for rules that judge the whole."""

    path: str
    facts: tuple[Fact, ...]
    settings: Settings = field(default_factory=Settings)
    trains: bool = False  # somewhere in it a model is trained
    trained_at: Located | None = None  # where first in its root file
    seeder: Seeder | None = None  # how its root file can seed what it draws

    def all(self, kind: type[FactT]) -> Iterator[FactT]:
        """The facts of one type, in the order in which the program produces them."""
        return (fact for fact in self.facts if isinstance(fact, kind))

    def mode_argument(self, model: Model) -> str | None:
        """The name of the argument that gives a model the mode; None if its own ``call`` takes none."""
        own = (forward.parameter for forward in self.all(ForwardPass) if forward.owner == model.kind)
        return next(own, "training")

    def calls_of(self, forward: ForwardPass) -> Iterator[ModelCall]:
        """The calls of models of the class that has a forward pass."""
        return (call for call in self.all(ModelCall) if call.model.kind == forward.owner)

    def has_one_purpose(self, call: ModelCall) -> bool:
        """Whether all that the program does with the result of a call, wherever it comes by, is one thing.

        Where it is not, one mode cannot be right for all of it, and the call itself is not the place to state it.
        """
        return self.purposes(call) <= {call.purpose, Purpose.DROPPED}

    def purposes(self, call: ModelCall) -> frozenset[Purpose]:
        """All that the result of a call is for, wherever the program comes by."""
        place = call.place.resolve()
        others = (other for other in self.all(ModelCall) if other.purpose is not call.purpose)
        return frozenset({call.purpose, *(other.purpose for other in others if other.place.resolve() == place)})

    def batchnorms_trained_by(self, run: TrainingRun) -> tuple[Layer, ...]:
        """The BatchNorm layers that a training run gives the statistics of its batches.

        None are if its step runs the model in inference mode, which is a defect of its own.
        """
        norms = (norm for norm in run.model.batchnorms if norm.training is not Passing.FALSE)
        live = tuple(norm for norm in norms if norm.identity not in run.resting)
        if not live or run.through != "loop":
            return live
        place = run.place.resolve()
        calls = (call for call in self.all(ModelCall) if call.mode is Mode.INFERENCE)
        return () if any(call.place.resolve() == place for call in calls) else live


Fact = (
    BatchReduction
    | Comparison
    | DroppedSamples
    | ForwardPass
    | FrozenDrift
    | HardWiredMode
    | LayerMade
    | MeanOfBatchMeans
    | Model
    | ModelCall
    | Program
    | RandomSource
    | Seeding
    | StateWrite
    | StaticBatch
    | TrainingRun
)
FactT = TypeVar("FactT")
