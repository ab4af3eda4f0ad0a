"""The probes of a confirmation over every layer class, against what is known of the classes.

    python benchmarks/accuracy/confirmation.py [keras] [tf_keras] [torch]
    python benchmarks/accuracy/confirmation.py torch --table torch_modules.json

Each variant of a class is put through the probes by itself: the same rows beside others, the same input again, alone
against in a batch. What they say (it draws at random; its rows depend on each other; it writes state) is compared with
the table of the linter for Keras (``frameworks/keras_layers.json``, which ``benchmarks/tables`` measured in another
way), and for torch with the traits of the classes, written by hand below, or with a table of another measurement.
Prints a confusion matrix for inference mode, on which confirmations rest, and one for train mode, and every
disagreement. In inference mode there must be none: the exit code says so.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "linter"), str(ROOT / "linter/modelint/confirm/home"), str(ROOT / "benchmarks/tables")]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import numpy as np  # noqa: E402
from modelint_worker import probes  # noqa: E402
from modelint_worker.inputs import InputSpec  # noqa: E402
from modelint_worker.other_models import TorchRunner  # noqa: E402

STATES = ("seed_generator", "StateVar", "generator_state")
TRAITS = ("draws", "mixes", "writes")


@dataclass(frozen=True)
class Case:
    """A layer to put through the probes: how to make what runs it, and what is true of it, by mode."""

    name: str
    make: Callable[[], tuple[probes.Runner, list[Any], list[Any]]]
    truth: Mapping[str, frozenset[str]]


def measured(case: Case, entry: str) -> frozenset[str]:
    """What the probes say of a case in a mode."""
    runner, inputs, mixed = case.make()
    screen = probes.Screen(runner, entry, inputs, mixed)
    found = screen.screen(None)
    unsteady = found.reseeded.relative > found.tolerance
    said = {
        "draws": found.redrawn.any,
        "mixes": not unsteady
        and (found.content.any or (found.size.relative > found.tolerance and not found.repeat.any)),
        "writes": any(not any(mark in name for mark in STATES) for name in found.written),
    }
    return frozenset(trait for trait, holds in said.items() if holds)


# Keras


class LayerRunner:
    """A layer by itself, run as ``measure_keras_layers`` runs it."""

    def __init__(self, bench: Any, layer: Any) -> None:
        self.bench, self.layer = bench, layer

    def specs(self) -> Sequence[InputSpec]:
        raise NotImplementedError("the inputs are given")

    def run(self, inputs: Sequence[Any], entry: str) -> list[Any]:
        tree = self.tree(inputs)
        return [one for one in self.bench.call(self.layer, tree, entry == "true") if one.dtype != object]

    def tree(self, inputs: Sequence[Any]) -> Any:
        import tensorflow as tf

        return tf.nest.pack_sequence_as(self.structure, list(inputs))

    structure: Any = None

    def layers(self, inputs: Sequence[Any], entry: str) -> list[tuple[str, Any]]:
        return []

    def _variables(self) -> list[Any]:
        found = {id(one): one for one in self.layer.variables}
        for variable, _ in self.bench.state(self.layer):
            found.setdefault(id(variable), variable)
        return [one for one in found.values() if "string" not in str(one.dtype)]

    def state(self) -> dict[str, Any]:
        return {
            f"{number}:{getattr(one, 'path', one.name)}": np.array(one) for number, one in enumerate(self._variables())
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        for variable, value in zip(self._variables(), state.values(), strict=True):
            variable.assign(value)

    def seed(self, number: int) -> None:
        self.bench.keras.utils.set_random_seed(number)

    def precise(self) -> None:
        return None


def keras_cases(library: str) -> Iterator[Case]:
    """Every variant of every layer that ``measure_keras_layers`` measures, with what the linter's table says of it."""
    if library == "tf_keras":
        os.environ["TF_USE_LEGACY_KERAS"] = "1"
    import measure_keras_layers as measuring
    import tensorflow as tf
    from keras_inputs import INPUTS, replaced
    from keras_variants import VARIANTS

    from modelint.facts import KerasVersion
    from modelint.frameworks.layers import LayerObject, traits_of

    version = KerasVersion.KERAS_2 if library == "tf_keras" else KerasVersion.KERAS_3_10
    bench = measuring.Bench(library)
    classes = bench.classes() | measuring.hidden(library)
    for name, variants in sorted(VARIANTS.items()):
        for number, variant in enumerate(variants):
            if name not in classes or variant.library not in (None, library):
                continue

            def make(cls: Any = classes[name], variant: Any = variant) -> tuple[Any, list[Any], list[Any]]:
                rng = np.random.default_rng(0)
                inputs = tuple(draw(rng, False) for draw in INPUTS[variant.input])
                others = tuple(draw(rng, True) for draw in INPUTS[variant.input])
                mixed = tuple(replaced(a, b) for a, b in zip(inputs, others, strict=True))
                runner = LayerRunner(bench, bench.fresh(cls, variant, inputs))
                runner.structure = inputs
                return runner, tf.nest.flatten(inputs), tf.nest.flatten(mixed)

            yield Case(f"{name} #{number}", make, _table_says(name, variant, version, LayerObject, traits_of))


def _table_says(name: str, variant: Any, version: Any, layer_object: Any, traits_of: Any) -> dict[str, frozenset[str]]:
    """The traits of a variant by mode: its own, and those of the layers that it wraps."""
    from keras_variants import Part

    found: dict[str, set[str]] = {"false": set(), "true": set()}

    def add(kind: str, config: Mapping[str, Any]) -> None:
        traits = traits_of(layer_object(kind, {key: setting(one) for key, one in config.items()}, None, ()), version)
        for mode, when in (("false", "at_inference"), ("true", "in_training")):
            names = {"draws": "stochastic", "mixes": "couples_batch", "writes": "writes_state"}
            found[mode] |= {trait for trait, column in names.items() if getattr(traits, f"{column}_{when}")}

    def setting(value: Any) -> Any:
        match value:
            case Part("function"):
                return None
            case Part(kind, config):
                add(kind, config)
                return None
            case list() | tuple():
                return tuple(map(setting, value))
        return value

    add(name, variant.config)
    return {mode: frozenset(traits) for mode, traits in found.items()}


# torch

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


# the report


def report(library: str, cases: Iterator[Case]) -> int:
    """Put all cases through the probes; the number of wrong verdicts in inference mode."""
    counts = {mode: {trait: Counter[str]() for trait in TRAITS} for mode in ("false", "true")}
    wrong = {"false": 0, "true": 0}
    failed: list[str] = []
    total = 0
    for case in cases:
        total += 1
        for mode in counts:
            try:
                found = measured(case, mode)
            except Exception as error:  # noqa: BLE001  what cannot be run is named, not counted
                failed.append(f"{case.name} ({mode}): {type(error).__name__}: {str(error).splitlines()[0][:90]}")
                continue
            for trait in TRAITS:
                truth, said = trait in case.truth[mode], trait in found
                counts[mode][trait][f"{'T' if truth == said else 'F'}{'P' if said else 'N'}"] += 1
                if truth != said:
                    wrong[mode] += 1
                    print(f"  {library} {case.name}, training={mode}: {trait} is {truth}, probes say {said}")
    print(f"{library}: {total} variants, {len(failed)} runs failed")
    for mode, title in (("false", "inference mode"), ("true", "train mode")):
        print(f"  {title:15} {'TP':>4} {'FN':>4} {'FP':>4} {'TN':>4}")
        for trait in TRAITS:
            row = counts[mode][trait]
            print(f"    {trait:13} {row['TP']:4} {row['FN']:4} {row['FP']:4} {row['TN']:4}")
    for line in failed:
        print(f"  not run: {line}")
    return wrong["false"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("libraries", nargs="*", default=["keras", "torch"], help="keras or tf_keras, torch")
    parser.add_argument("--table", type=Path, help="a table of torch's modules, measured otherwise")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    wrong = 0
    for library in options.libraries:
        if library == "torch":
            rows = json.loads(options.table.read_text())["rows"] if options.table else []
            table = {row["cls"]: row for row in rows if row["tested"] and not row["variant"]}
            wrong += report(library, torch_cases(table or None))
        else:
            wrong += report(library, keras_cases(library))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
