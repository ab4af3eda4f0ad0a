"""The modules of torch as cases, with what its documentation says of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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


BATCHED: Mapping[str, tuple[tuple[Any, ...], tuple[int, ...]]] = {
    "FractionalMaxPool2d": ((2, 5), (16, 8, 8)),
    "FractionalMaxPool3d": ((2, 5), (4, 8, 8, 8)),
    "GRU": ((16, 16), (12, 16)),
    "LSTM": ((16, 16), (12, 16)),
    "RNN": ((16, 16), (12, 16)),
    "Softmax2d": ((), (16, 8, 8)),
    "TransformerEncoderLayer": ((16, 4), (12, 16)),
}
"""Arguments and rows of the classes that would take a batch of fewer axes for one sample."""


def torch_cases(table: Mapping[str, Mapping[str, bool]] | None) -> Iterator[Case]:
    """The modules of ``torch.nn`` that can be built with one of a few lists of arguments, and take one tensor."""
    import torch

    torch.set_num_threads(2)
    for name in sorted(dir(torch.nn)):
        cls = getattr(torch.nn, name)
        if not (isinstance(cls, type) and issubclass(cls, torch.nn.Module)) or "Loss" in name or "Lazy" in name:
            continue
        built = _built(torch, cls)
        if built is None:
            continue
        arguments, shape = built
        keywords = {"batch_first": True} if _takes(cls, "batch_first") else {}

        def make(
            cls: Any = cls, arguments: Any = arguments, shape: Any = shape, keywords: Any = keywords
        ) -> tuple[Any, list[Any], list[Any]]:
            torch.manual_seed(0)
            module = cls(*arguments, **keywords)
            rng = np.random.default_rng(0)
            inputs = rng.normal(size=(8, *shape)).astype("float32")
            mixed = inputs.copy()
            mixed[::2] = rng.normal(size=(4, *shape)) * 10.0 ** rng.uniform(-2, 2, size=(4, *[1] * len(shape)))
            return TorchRunner(module, [], switchable=True, device="cpu"), [inputs], [mixed]

        yield Case(name, make, _traits_of(name, table))


def _takes(cls: Any, parameter: str) -> bool:
    import inspect

    return parameter in inspect.signature(cls.__init__).parameters or cls.__name__ in ("LSTM", "GRU", "RNN")


def _built(torch: Any, cls: Any) -> tuple[tuple[Any, ...], tuple[int, ...]] | None:
    """Arguments with which a class can be constructed, and the shape of a row that the module then takes."""
    if cls.__name__ in BATCHED:
        return BATCHED[cls.__name__]
    keywords = {"batch_first": True} if _takes(cls, "batch_first") else {}
    for arguments in ARGUMENTS:
        try:
            module = cls(*arguments, **keywords).eval()
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


def _traits_of(name: str, table: Mapping[str, Mapping[str, bool]] | None) -> dict[str, frozenset[str]]:
    """What the documentation of torch says of a class."""
    if table is not None and name in table:
        row = table[name]
        return {
            mode: frozenset(
                trait
                for trait, columns in (
                    ("draws", (f"stochastic_{suffix}",)),
                    ("mixes", (f"cross_sample_{suffix}",)),
                    ("writes", (f"state_update_{suffix}",)),
                )
                if any(row.get(column) for column in columns)
            )
            for mode, suffix in (("false", "eval"), ("true", "train"))
        }
    training: set[str] = set()
    if name in ("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm"):
        training = {"mixes", "writes"}
    elif "Dropout" in name or name in ("RReLU", "FractionalMaxPool2d", "FractionalMaxPool3d"):
        training = {"draws"}
    elif name in ("TransformerEncoderLayer", "TransformerDecoderLayer", "Transformer"):
        training = {"draws"}  # their dropout is 0.1 by default
    inference = training & {"draws"} if name.startswith("FractionalMaxPool") else set()
    return {"false": frozenset(inference), "true": frozenset(training)}
