"""What a confirmation says of every layer class, against what is known of the classes.

    python benchmarks/accuracy/confirmation.py [keras] [tf_keras] [torch]
    python benchmarks/accuracy/confirmation.py torch --table torch_modules.json

Each variant of a class is put through the probes by itself: the same rows beside others, the same input again, alone
against in a batch. Verdicts are given on three claims (it draws at random; its rows depend on each other; it writes
state), and compared with the table of the linter for Keras (``frameworks/keras_layers.json``, which
``benchmarks/tables`` measured in another way), and for torch with what its documentation says, written by hand in
``torch_cases``; or with a table of another measurement. Prints a confusion matrix for inference mode, on which
confirmations rest, and one for train mode, and every false verdict. In inference mode there must be none: the exit code
says so. An inconclusive verdict is never false, and is counted by itself.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from cases import Case, probes, traits
from keras_cases import keras_cases
from torch_cases import torch_cases

from modelint.confirm.hypotheses import Claim, Hypothesis
from modelint.confirm.verdicts import decide
from modelint.facts import KerasVersion
from modelint.finding import Verdict

CLAIMS: Mapping[str, Claim] = {"draws": Claim.CHANGES, "mixes": Claim.MIXES, "writes": Claim.WRITES}
MODES = {"false": "inference mode", "true": "train mode"}
COLUMNS = ("TP", "FN", "FP", "TN", "?P", "?N")
"""True and false verdicts, by what is true, and those that are inconclusive."""

Table = Mapping[tuple[str, str | None], Mapping[str, frozenset[str]]]


def verdicts(case: Case, entry: str) -> Mapping[str, Verdict]:
    """What is said of a case in a mode."""
    runner, inputs, mixed = case.make()
    screening = probes.Screen(runner, entry, inputs, mixed).screen(None).as_json()
    versions = tuple(KerasVersion)
    return {name: decide(Hypothesis(claim, versions, entry), screening).verdict for name, claim in CLAIMS.items()}


def column(verdict: Verdict, truth: bool) -> str:
    """Where a verdict is counted."""
    if verdict is Verdict.INCONCLUSIVE:
        return "?P" if truth else "?N"
    return ("TP" if truth else "FP") if verdict is Verdict.CONFIRMED else ("FN" if truth else "TN")


def report(library: str, cases: Iterator[Case]) -> int:
    """Judge all cases; the number of false verdicts in inference mode."""
    counts = {mode: {trait: Counter[str]() for trait in CLAIMS} for mode in MODES}
    failed: list[str] = []
    total = 0
    for case in cases:
        total += 1
        for mode in MODES:
            try:
                found = verdicts(case, mode)
            except Exception as error:  # noqa: BLE001  what cannot be run is named, not counted
                failed.append(
                    f"{case.label} ({MODES[mode]}): {type(error).__name__}: {str(error).splitlines()[0][:90]}"
                )
                continue
            for trait, verdict in found.items():
                truth = trait in case.truth[mode]
                where = column(verdict, truth)
                counts[mode][trait][where] += 1
                if where in ("FN", "FP"):
                    print(f"  {library} {case.label}, {MODES[mode]}: {trait} is {truth}, and {verdict.value}")
    print(f"{library}: {total} variants, {len(failed)} runs failed")
    for mode, title in MODES.items():
        print(f"  {title:15}", *(f"{name:>4}" for name in COLUMNS))
        for trait, row in counts[mode].items():
            print(f"    {trait:13}", *(f"{row[name]:4}" for name in COLUMNS))
    for line in failed:
        print(f"  not run: {line}")
    return sum(row["FN"] + row["FP"] for row in counts["false"].values())


def table_of(path: Path, library: str) -> Table:
    """The rows of a table of another measurement, by class and variant."""
    data = json.loads(path.read_text())
    name, inference, training = ("keras3" if library == "keras" else library), "inference", "train"
    if library == "torch":
        inference, rows = "eval", data["rows"]
    else:
        rows = data[name]["rows"]
    return {(row["cls"], row["variant"]): traits(row, inference, training) for row in rows if row["tested"]}


def by_table(cases: Iterator[Case], table: Table) -> Iterator[Case]:
    """The cases that a table has, with what it says of them."""
    left_out = []
    for case in cases:
        truth = table.get((case.name, case.variant))
        if truth is None:
            left_out.append(case.label)
        else:
            yield replace(case, truth=truth)
    print(f"  not in the table: {', '.join(left_out) or 'none'}")


def main() -> int:
    """Judge the layers of the libraries that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("libraries", nargs="*", default=["keras", "torch"], help="keras or tf_keras, torch")
    parser.add_argument("--table", type=Path, help="a table of another measurement, for one library")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    wrong = 0
    for library in options.libraries:
        cases = torch_cases() if library == "torch" else keras_cases(library)
        wrong += report(library, by_table(cases, table_of(options.table, library)) if options.table else cases)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
