"""What a finding claims about a model, as something that running it can settle.

Takes a rule's name and the fact that its finding is about. A finding that claims nothing for the versions in play, or
nothing about what a model computes, has no hypothesis.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from modelint.facts import (
    Comparison,
    ForwardPass,
    FrozenDrift,
    HardWiredMode,
    KerasVersion,
    Mode,
    Model,
    ModelCall,
    Passing,
    Program,
    Seeding,
    StaticBatch,
    TrainingRun,
)


class Claim(enum.Enum):
    """What is claimed of a way of running the model."""

    TRAIN_MODE = "it runs in train mode"
    INFERENCE_MODE = "it runs in inference mode"
    MIXES = "a prediction depends on the other samples of the batch"
    CHANGES = "the same input gets another prediction on every call"
    WRITES = "predicting changes the model's variables"
    FIXED_BATCH = "it takes batches of one size only"
    NOISY_STATISTICS = "in train mode a sample's output depends on which few others are in the batch"
    UNSEEDED = "training draws other masks on every run"
    SAME_DRAWS = "two layers draw the same masks"
    ROUNDS = "predictions in batches of two sizes differ, but by no more than rounding"
    DRIFTS = "fit moves the statistics of a frozen base"


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A claim, the way of running the model that it is about (``entry``), and the one to compare that with.

    ``versions`` are those that the claim is made for. ``partial`` says that other layers of the model may show the same
    for reasons of their own, or that the claim may hold and not show, so that one outcome proves nothing. ``seeds`` are
    the global seeds that each of two runs sets, by function and number: ``before`` the model is built, or after.
    """

    claim: Claim
    versions: tuple[KerasVersion, ...]
    entry: str = "false"
    other: str | None = None
    rows: int = 8
    partial: bool = False
    seeds: tuple[tuple[str, int], ...] = ()
    seeds_before: bool = True
    seeds_placed: bool = False  # it is known that they are set before
    sizes: tuple[int, int] | None = None  # the batches that predictions are made in

    @property
    def generation(self) -> str:
        """Of Keras, that the model is run under."""
        return generation_of(self.versions)


def generation_of(versions: Iterable[KerasVersion]) -> str:
    """The generation of Keras that some versions are of: ``"2"``, or ``"3"`` if they are of both."""
    return "2" if set(versions) == {KerasVersion.KERAS_2} else "3"


ENTRIES: Mapping[Passing, str] = {
    Passing.ABSENT: "call",
    Passing.NONE: "call",
    Passing.TRUE: "true",
    Passing.FALSE: "false",
}

_PLAIN: Mapping[str, Claim] = {
    "batch-statistics-at-inference": Claim.MIXES,
    "randomness-at-inference": Claim.CHANGES,
    "mode-blind-dropout": Claim.CHANGES,
    "state-written-at-inference": Claim.WRITES,
}
_BOTH = "keras.utils.set_random_seed"


def hypothesis_of(rule: str, fact: object, program: Program, *, saved: bool = False) -> Hypothesis | None:
    """What a rule's finding about a fact claims; None if running the model cannot settle it.

    ``saved``: it is about a model file, whose names for what can be run are its own.
    """
    versions = program.settings.versions
    match fact:
        case ModelCall() if saved:
            return Hypothesis(Claim.TRAIN_MODE, _having(fact.modes, Mode.TRAIN) or versions, "call", "false")
        case ModelCall():
            return _of_call(rule, fact)
        case HardWiredMode() if rule == "hard-wired-training":
            claimed = _having(fact.modes_when_called, Mode.TRAIN)
            return Hypothesis(Claim.TRAIN_MODE, claimed, "call") if claimed else None
        case ForwardPass():
            return _of_forward_pass(rule, fact, versions)
        case TrainingRun():
            return _of_training(rule, fact, versions)
        case StaticBatch():
            return Hypothesis(Claim.FIXED_BATCH, versions, rows=fact.size) if fact.enforced else None
        case FrozenDrift():
            return _of_drift(fact, program)
        case Comparison():
            one, two = fact.sizes
            return Hypothesis(Claim.ROUNDS, versions, "predict", sizes=(one, two)) if one and two else None
        case Program() if rule == "reused-seed":
            return Hypothesis(Claim.SAME_DRAWS, versions, "true")
        case Seeding(assigned=None) if rule == "ineffective-seed":
            seeds = _seeds([fact])
            after = fact.function == _BOTH  # before, it reaches every layer
            claimed = fact.versions or versions
            return Hypothesis(Claim.UNSEEDED, claimed, "true", seeds=seeds, seeds_before=not after) if seeds else None
        case Program() if rule == "unseeded-dropout":
            return Hypothesis(Claim.UNSEEDED, versions, "true", seeds=_seeds(program.all(Seeding)))
    claim = _PLAIN.get(rule)
    # dropout with a constant seed is on, and draws the same on every call
    return Hypothesis(claim, versions, partial=rule == "mode-blind-dropout") if claim is not None else None


def hypothesis_after(before: Hypothesis, fact: object, program: Program) -> Hypothesis | None:
    """The claim of a finding that was fixed, of the fixed program; None if there is no way to run that is known.

    ``fact`` is what became of the fact that the finding was about, None if it is there no longer.
    """
    match fact:
        case ModelCall():
            entry = _entry(fact)
            return replace(before, entry=entry) if entry is not None else None
        case TrainingRun():
            left = fact.remainder if fact.remainder is not None and fact.remainder.exact else fact.effective
            return replace(before, rows=left.exact) if left is not None and left.exact else None
        case Seeding() | Program():
            seedings = tuple(program.all(Seeding))
            placed = all(one.early for one in seedings)
            return replace(before, seeds=_seeds(seedings), seeds_before=placed, seeds_placed=placed)
    return before


def _entry(call: ModelCall) -> str | None:
    """How a model is entered by a call."""
    return "predict" if call.through in ("predict", "evaluate") else ENTRIES.get(call.training)


def _of_call(rule: str, call: ModelCall) -> Hypothesis | None:
    entry = _entry(call)
    if entry is None or call.through in ("call", "forward"):
        return None
    affected = {layer.identity for layer in call.affected}
    others = [layer for layer in call.model.mode_sensitive if layer.identity not in affected]
    if rule == "inference-mode-in-training":
        claimed = _having(call.modes, Mode.INFERENCE)
        return Hypothesis(Claim.INFERENCE_MODE, claimed, entry, "true", partial=bool(others))
    claimed = _having(call.modes, Mode.TRAIN)
    if rule in ("train-mode-at-inference", "missing-training-false") and claimed:
        other = None if entry == "false" else "false"
        hard_wired = any(layer.training is Passing.TRUE for layer in others)
        return Hypothesis(Claim.TRAIN_MODE, claimed, entry, other, partial=hard_wired)
    return None


def _of_forward_pass(rule: str, forward: ForwardPass, versions: tuple[KerasVersion, ...]) -> Hypothesis | None:
    if rule == "training-default-true":
        return Hypothesis(Claim.TRAIN_MODE, versions, "call", "false")
    if rule == "mode-lost-in-call" and forward.lost:
        lost = {each.layer.identity for each in forward.lost}
        partial = any(layer.identity not in lost for layer in forward.mode_sensitive)
        claimed = tuple(version for version in versions if any(version in each.lost_in for each in forward.lost))
        return Hypothesis(Claim.INFERENCE_MODE, claimed, "fit", partial=partial)
    return None


def _of_training(rule: str, run: TrainingRun, versions: tuple[KerasVersion, ...]) -> Hypothesis | None:
    left = {"batchnorm-tiny-batch": run.effective, "batchnorm-partial-batch": run.remainder}.get(rule)
    if left is None or left.exact is None:
        return None
    return Hypothesis(Claim.NOISY_STATISTICS, versions, "true", rows=left.exact)


def _of_drift(drift: FrozenDrift, program: Program) -> Hypothesis | None:
    claimed = _having(drift.modes, Mode.TRAIN)
    model = fitted(drift, program)
    own = {layer.identity for layer in drift.layers}
    others = model is not None and any(layer.identity not in own for layer in model.batchnorms)
    return Hypothesis(Claim.DRIFTS, claimed, "fit", partial=others) if claimed else None


def fitted(drift: FrozenDrift, program: Program) -> Model | None:
    """The model that is fitted with a base inside that drifts."""
    place = drift.fit_place.resolve()
    return next((run.model for run in program.all(TrainingRun) if run.place.resolve() == place), None)


def _having(modes: Mapping[KerasVersion, Mode], wanted: Mode) -> tuple[KerasVersion, ...]:
    return tuple(version for version, mode in modes.items() if mode is wanted)


def _seeds(seedings: Iterable[Seeding]) -> tuple[tuple[str, int], ...]:
    """The global seeds that are known, by function."""
    return tuple((one.function, one.seed) for one in seedings if type(one.seed) is int and one.assigned is None)
