"""The modules of torch as cases, with what its documentation says of them.

Most are found: whatever can be made with one of a few lists of arguments, and takes one tensor. ``SPECIAL`` has those
that need more, and the settings that matter.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from cases import Case
from modelint_worker.other_models import TorchRunner

SHAPES: tuple[tuple[int, ...], ...] = ((16,), (16, 12), (16, 8, 8), (16, 8, 8, 8), (12, 16))
ARGUMENTS: tuple[tuple[Any, ...], ...] = (
    (),
    (16,),
    (16, 16),
    (16, 16, 3),
    (2,),
    (0.5,),
    (4, 16),
    (2, 16),
    (1, 1),
    (16, 4),
)
NOTHING: frozenset[str] = frozenset()
DRAWS, MIXES, WRITES = frozenset({"draws"}), frozenset({"mixes"}), frozenset({"writes"})


@dataclass(frozen=True)
class Special:
    """A module: its class, its arguments, the shapes of a row of its inputs, and what it does by mode.

    ``ids`` says that the input holds integers below that number; ``variant`` how it differs from what is common.
    """

    kind: str
    variant: str
    shapes: tuple[tuple[int, ...], ...]
    arguments: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = field(default_factory=dict)
    inference: frozenset[str] = NOTHING
    training: frozenset[str] = NOTHING
    ids: int | None = None


FIRST = {"batch_first": True}
ROWS, STEPS, PICTURE, VOLUME = (16,), (12, 16), (16, 8, 8), (16, 8, 8, 8)


def _normalisations() -> Iterator[Special]:
    for number, shape in ((1, (16, 12)), (2, PICTURE), (3, VOLUME)):
        batch, instance = f"BatchNorm{number}d", f"InstanceNorm{number}d"
        tracked: Mapping[str, bool] = {"track_running_stats": True}
        yield Special(batch, "track_running_stats=False", (shape,), (16,), {"track_running_stats": False}, MIXES, MIXES)
        yield Special(batch, "momentum=None", (shape,), (16,), {"momentum": None}, training=MIXES | WRITES)
        yield Special(batch, "affine=False", (shape,), (16,), {"affine": False}, training=MIXES | WRITES)
        yield Special(instance, "track_running_stats=True", (shape,), (16,), tracked, training=WRITES)
        yield Special(instance, "affine=True", (shape,), (16,), {"affine": True})
        yield Special(f"Lazy{batch}", "", (shape,), training=MIXES | WRITES)
        yield Special(f"Lazy{instance}", "", (shape,), training=WRITES)  # which tracks them unless told otherwise
        yield Special(f"LazyConv{number}d", "", (shape,), (4, 3))
        yield Special(f"LazyConvTranspose{number}d", "", (shape,), (4, 3))


def _softmaxes() -> Iterator[Special]:
    for kind in ("Softmax", "LogSoftmax", "Softmin"):
        yield Special(kind, "dim=0", (ROWS,), (0,), {}, MIXES, MIXES)
        for axes, shape in ((2, ROWS), (3, STEPS), (4, PICTURE)):
            found = MIXES if axes == 3 else NOTHING  # where no axis is given, it is the first of three, else the second
            yield Special(kind, f"dim=None {axes}D", (shape,), (), {}, found, found)


def _sequences() -> Iterator[Special]:
    for kind in ("RNN", "GRU", "LSTM"):
        yield Special(kind, "", (STEPS,), (16, 16), FIRST)
        yield Special(kind, "num_layers=2,dropout=.5", (STEPS,), (16, 16, 2), {"dropout": 0.5, **FIRST}, training=DRAWS)
        yield Special(kind, "batch_first=False fed (B,T,F): BUG", (STEPS,), (16, 16), {}, MIXES, MIXES)
    turned = "batch_first default False fed (B,T,F): BUG"
    still: Mapping[str, float] = {"dropout": 0.0}
    yield Special("TransformerEncoderLayer", "", (STEPS,), (16, 4), FIRST, training=DRAWS)
    yield Special("TransformerEncoderLayer", "dropout=0", (STEPS,), (16, 4), {**FIRST, **still})
    yield Special("TransformerEncoderLayer", turned, (STEPS,), (16, 4), still, MIXES, MIXES)
    yield Special("TransformerDecoderLayer", "", (STEPS, STEPS), (16, 4), FIRST, training=DRAWS)
    yield Special("Transformer", "", (STEPS, STEPS), (16, 4, 1, 1), FIRST, training=DRAWS)
    yield Special("MultiheadAttention", "", (STEPS, STEPS, STEPS), (16, 4), FIRST)
    yield Special("MultiheadAttention", "dropout=.5", (STEPS,) * 3, (16, 4), {"dropout": 0.5, **FIRST}, training=DRAWS)
    yield Special("MultiheadAttention", turned, (STEPS, STEPS, STEPS), (16, 4), {}, MIXES, MIXES)


SPECIAL: tuple[Special, ...] = (
    *_normalisations(),
    *_softmaxes(),
    *_sequences(),
    Special("Dropout", "p=0", (ROWS,), (0.0,)),
    Special("AlphaDropout", "p=0", (ROWS,), (0.0,)),
    Special("FractionalMaxPool2d", "", (PICTURE,), (2, 5), {}, DRAWS, DRAWS),
    Special("FractionalMaxPool3d", "", ((4, 8, 8, 8),), (2, 5), {}, DRAWS, DRAWS),
    Special("Softmax2d", "", (PICTURE,)),
    Special("Bilinear", "", (ROWS, ROWS), (16, 16, 4)),
    Special("CosineSimilarity", "", (ROWS, ROWS)),
    Special("PairwiseDistance", "", (ROWS, ROWS)),
    Special("Embedding", "", ((6,),), (10, 4), ids=10),
    Special("Embedding", "max_norm=.5", ((6,),), (10, 4), {"max_norm": 0.5}, WRITES, WRITES, 10),
    Special("EmbeddingBag", "", ((6,),), (10, 4), ids=10),
    Special("EmbeddingBag", "max_norm=.5", ((6,),), (10, 4), {"max_norm": 0.5}, WRITES, WRITES, 10),
    Special("Fold", "", ((16, 9),), ((4, 4), 2)),
    Special("Unflatten", "", (ROWS,), (1, (4, 4))),
    Special("LazyLinear", "", (ROWS,), (4,)),
)


def torch_cases() -> Iterator[Case]:
    """The modules of ``torch.nn``, but for losses."""
    import torch

    torch.set_num_threads(2)
    special = {one.kind for one in SPECIAL if not one.variant}
    for name in sorted(dir(torch.nn)):
        cls = getattr(torch.nn, name)
        if isinstance(cls, type) and issubclass(cls, torch.nn.Module) and name not in special and "Loss" not in name:
            built = _built(torch, cls)
            if built is not None:
                arguments, shape = built
                training = _in_training(name)
                yield _case(torch, Special(name, "", (shape,), arguments, _keywords(cls), NOTHING, training))
    for one in SPECIAL:
        yield _case(torch, one)
    parts = (torch.nn.Linear(16, 8), torch.nn.BatchNorm1d(8), torch.nn.Dropout(0.5))
    whole = Special("Sequential", "Linear,BN,Dropout", (ROWS,), parts, training=DRAWS | MIXES | WRITES)
    yield _case(torch, whole)


def _case(torch: Any, one: Special) -> Case:
    def make() -> tuple[Any, list[Any], list[Any]]:
        torch.manual_seed(0)
        module = getattr(torch.nn, one.kind)(*one.arguments, **one.keywords)
        rng = np.random.default_rng(0)
        inputs = [_drawn(rng, shape, one.ids) for shape in one.shapes]
        others = [_drawn(rng, shape, one.ids) for shape in one.shapes]
        mixed = [first.copy() for first in inputs]
        for ours, theirs in zip(mixed, others, strict=True):
            scale = 10.0 ** rng.uniform(-2, 2, size=(4, *[1] * (ours.ndim - 1))) if one.ids is None else 1
            ours[::2] = theirs[::2] * scale
        if one.kind.startswith("Lazy"):  # it takes its shape from the first input
            with torch.no_grad():
                module.eval()(*map(torch.from_numpy, inputs))
        return TorchRunner(module, [], switchable=True, device="cpu"), inputs, mixed

    return Case(one.kind, one.variant, make, {"false": one.inference, "true": one.training})


def _drawn(rng: np.random.Generator, shape: tuple[int, ...], ids: int | None) -> Any:
    if ids is not None:
        return rng.integers(0, ids, size=(8, *shape))
    return rng.normal(size=(8, *shape)).astype("float32")


def _keywords(cls: Any) -> Mapping[str, Any]:
    return FIRST if "batch_first" in inspect.signature(cls.__init__).parameters else {}


def _built(torch: Any, cls: Any) -> tuple[tuple[Any, ...], tuple[int, ...]] | None:
    """Arguments with which a class can be constructed, and the shape of a row that the module then takes."""
    for arguments in ARGUMENTS:
        try:
            module = cls(*arguments, **_keywords(cls)).eval()
        except Exception:  # noqa: BLE001  whatever a class makes of arguments that are not its own
            continue
        for shape in SHAPES:
            try:
                with torch.no_grad():
                    output = module(torch.randn(8, *shape))
            except Exception:  # noqa: BLE001
                continue
            first = output[0] if isinstance(output, tuple) else output
            if isinstance(first, torch.Tensor) and first.shape[:1] == (8,):
                return arguments, shape
    return None


def _in_training(name: str) -> frozenset[str]:
    """What the documentation of torch says of a class in train mode; in inference mode these do nothing."""
    if name in ("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm"):
        return MIXES | WRITES
    return DRAWS if "Dropout" in name or name == "RReLU" else NOTHING
