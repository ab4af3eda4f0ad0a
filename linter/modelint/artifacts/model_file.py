"""What a reader gives: the entries of a model file, each with its graph and with what running it does."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from modelint.facts import Constant, Fact, KerasVersion, Layer, Model


class EffectKind(enum.Enum):
    """What running an entry does that a prediction should not depend on."""

    TRAIN_MODE = "train mode"  # a BatchNorm on batch statistics, a live dropout: the layer runs in train mode
    MIXES = "mixes samples"  # any other operation that mixes the samples of a batch
    DRAWS = "draws"  # a random draw that is no dropout
    WRITES = "writes"  # a variable is written


@dataclass(frozen=True, slots=True, eq=False)
class Effect:
    """One thing that an entry does to what it predicts, at one layer call (or operator) of its model.

    ``what`` names it for a message: the operation (``"ReduceMean"``), the random operation (``"RandomUniform"``), the
    variable written (``"bn/moving_mean"``). ``axis`` is what a mixing operation works over (None: all axes).
    ``moving``: a WRITES that updates the moving statistics of a BatchNorm. ``random_state``: a WRITES that only
    advances the state of a random generator. ``seed`` of a DRAWS: None is unseeded. ``by_default``: holds unless a
    caller feeds an input that has a default. ``affects_prediction`` is False where what is drawn or written reaches no
    output.
    """

    kind: EffectKind
    layer: Layer
    what: str
    axis: tuple[int, ...] | None = None
    moving: bool = False
    random_state: bool = False
    seed: int | None = None
    by_default: bool = False
    affects_prediction: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One way to run what a file holds: a signature, a graph, a method, or the model itself.

    ``names`` are all names under which the same is served, the one to show first. ``fixed``: the mode is part of the
    graph and no caller can change it; else the program that loads the file decides, and ``effects`` are those of a bare
    call. ``facts`` are further facts that the reader knows (hard-wired modes, calls by version). ``batch_first``: the
    first axis of every input is the batch, as it is in Keras; False: only what all inputs and an output agree on is;
    None: it is something else, or not known.
    ``resizable``: a runtime gives the inputs other sizes than the file says, if it is asked to.
    """

    names: tuple[str, ...]
    model: Model
    fixed: bool
    effects: tuple[Effect, ...] = ()
    facts: tuple[Fact, ...] = ()
    batch_first: bool | None = True
    resizable: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Weight:
    """An array in an inventory: a file that holds no graph."""

    name: str
    shape: tuple[int, ...] | None
    dtype: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ModelFile:
    """A model file that was read.

    ``format`` is what a user calls it ("Keras 3 archive", "SavedModel", "ONNX model", "PyTorch checkpoint").
    ``producer`` who wrote it, where the file says so ("Keras 3.15.1", "pytorch 2.13.0, opset 20"). ``keras_version``
    is the range that decides how its modes resolve. ``unexamined`` says, part by part, what could not be examined
    ("the custom layer 'noise'"; the reason after a colon if it needs one); a file without a graph says why there.
    ``problems`` is what is wrong with the file that did not prevent reading it. ``metadata`` is for showing.
    """

    path: str
    format: str
    producer: str | None = None
    keras_version: KerasVersion | None = None
    entries: tuple[Entry, ...] = ()
    weights: tuple[Weight, ...] = ()
    unexamined: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    metadata: Mapping[str, Constant] = field(default_factory=dict)
