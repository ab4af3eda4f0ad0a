"""What is said of SavedModels against what running them shows: a confusion matrix for each verdict.

    python benchmarks/accuracy/model_files.py FOLDER [TRUTH.json]

The truth is a JSON object from ``"path|signature"`` to ``{"nondet": bool, "batchdep": bool, "writes": bool}``, found by
running each signature: twice on the same batch, and once with other samples beside the first. A verdict that the truth
does not name is not counted; batch dependence only where more than one sample was run. Without a path of its own the
truth is ``executed_truth.json`` in the folder; paths in it are relative to the folder or to the one above.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from modelint.artifacts.model_file import EffectKind, Entry, ModelFile
from modelint.artifacts.reading import read_model
from modelint.artifacts.tensorflow_draws import is_random
from modelint.documents import Unreadable
from modelint.workspace.model_files import OpenedModel

VERDICTS = {"batchdep": "batch dependence", "nondet": "nondeterminism", "writes": "state writes"}


def main(arguments: list[str]) -> int:
    """Print the matrices, and every disagreement."""
    folder = Path(arguments[0])
    truth = json.loads(Path(arguments[1] if len(arguments) > 1 else folder / "executed_truth.json").read_text())
    counts: dict[str, Counter[str]] = {verdict: Counter() for verdict in VERDICTS}
    for name, signature, executed in _signatures(truth):
        if "err" in executed:
            print(f"not run: {name} {signature}")
            continue
        said = _said(folder, name, signature)
        for verdict in VERDICTS:
            if verdict not in executed or (verdict == "batchdep" and executed.get("B", 2) < 2):
                continue
            outcome = ("T" if said[verdict] == executed[verdict] else "F") + ("P" if said[verdict] else "N")
            counts[verdict][outcome] += 1
            if outcome[0] == "F":
                print(f"{outcome} {VERDICTS[verdict]}: {name} {signature}")
    for verdict, count in counts.items():
        if count:
            print(f"{VERDICTS[verdict]:18}", *(f"{count[outcome]:4} {outcome}" for outcome in ("TP", "TN", "FP", "FN")))
    return 0


def _signatures(truth: dict[str, dict[str, object]]) -> Iterator[tuple[str, str, dict[str, object]]]:
    for key, executed in truth.items():
        name, _, signature = key.rpartition("|")
        yield name, signature, executed


def _said(folder: Path, name: str, signature: str) -> dict[str, bool]:
    path = folder / name if (folder / name).exists() else folder.parent / name
    with OpenedModel(str(path)) as model:
        read = read_model(model)
    if isinstance(read, Unreadable):
        raise SystemExit(f"{path}: {read.message}")
    return verdicts(_entry(read, signature))


def _entry(file: ModelFile, signature: str) -> Entry:
    return next(entry for entry in file.entries if signature in entry.names)


def verdicts(entry: Entry) -> dict[str, bool]:
    """Whether a prediction depends on its batch, differs from run to run, and whether running it writes variables."""
    effects = [effect for effect in entry.effects if effect.affects_prediction]
    training = [effect.what for effect in effects if effect.kind is EffectKind.TRAIN_MODE]
    written = [effect for effect in entry.effects if effect.kind is EffectKind.WRITES]
    remembered = [effect for effect in written if effect.affects_prediction and not effect.random_state]
    kinds = {effect.kind for effect in effects}
    return {
        "batchdep": EffectKind.MIXES in kinds or any(not is_random(what) for what in training),
        "nondet": EffectKind.DRAWS in kinds or any(map(is_random, training)) or bool(remembered),
        "writes": bool(written),
    }


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
