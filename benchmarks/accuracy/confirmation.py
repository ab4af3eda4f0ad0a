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
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from cases import Case, probes
from keras_cases import keras_cases
from torch_cases import torch_cases

STATES = ("seed_generator", "StateVar", "generator_state")
TRAITS = ("draws", "mixes", "writes")


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
