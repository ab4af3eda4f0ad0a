"""How long a confirmation takes, importing the framework included.

    python benchmarks/speed/confirmation.py

Confirms the findings of ``fixtures/quickstart``, whose model is imported, and compares with the import of TensorFlow by
itself, measured in turn. Prints seconds and the ratio of the medians, and what was settled; the exit status is 1 if it
takes longer than the limit, or settles nothing.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import click

QUICKSTART = Path(__file__).parents[2] / "fixtures/quickstart"
LIMIT = 20.0
"""Seconds that a confirmation of the quickstart may take on a CPU."""

CONFIRM = (
    *(sys.executable, "-m", "modelint", "confirm", ".", "--no-cache", "--quiet", "--output-format", "json"),
    *("--allow-import", "leaves/model.py:LeafClassifier(4)", "--input-shape", "32,32,3"),
)
IMPORT = (sys.executable, "-c", "import tensorflow")


@click.command()
@click.option("--repetitions", default=3, show_default=True, type=click.IntRange(min=1), help="Measured runs of each.")
def main(repetitions: int) -> None:
    """Confirm the findings of the quickstart."""
    taken: dict[tuple[str, ...], list[float]] = {CONFIRM: [], IMPORT: []}
    settled: Counter[str] = Counter()
    for _ in range(repetitions):
        for command, seconds in taken.items():
            began = time.perf_counter()
            environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
            ran = subprocess.run(command, cwd=QUICKSTART, env=environment, capture_output=True, text=True, check=False)
            seconds.append(time.perf_counter() - began)
            if command is CONFIRM:
                confirmations = (one["confirmation"] for one in json.loads(ran.stdout))
                settled = Counter(one["verdict"] for one in confirmations if one is not None)
    confirming, importing = (statistics.median(seconds) for seconds in taken.values())
    print(f"confirming the quickstart: {confirming:.1f} s, {confirming / importing:.1f} times the import of TensorFlow")
    print(", ".join(f"{count} {verdict}" for verdict, count in settled.items()))
    sys.exit(int(confirming > LIMIT or not settled["confirmed"]))


if __name__ == "__main__":
    main()
