"""A layer to put through the probes of a confirmation, and what is true of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "linter"), str(ROOT / "linter/modelint/confirm/home"), str(ROOT / "benchmarks/tables")]

from modelint_worker import probes  # noqa: E402


@dataclass(frozen=True)
class Case:
    """A layer to put through the probes: how to make what runs it, and what is true of it, by mode.

    ``variant`` is what a table of another measurement calls it, if that has it.
    """

    name: str
    variant: str | None
    make: Callable[[], tuple[probes.Runner, list[Any], list[Any]]]
    truth: Mapping[str, frozenset[str]]

    @property
    def label(self) -> str:
        """Its name for a report."""
        return f"{self.name} ({self.variant})" if self.variant else self.name


def traits(row: Mapping[str, bool], inference: str, training: str) -> Mapping[str, frozenset[str]]:
    """What a row of a table of another measurement says of a layer, by mode; the columns end with a word for each.

    That it depends on the size of the batch means nothing where it draws, for other sizes draw other numbers. What it
    carries from call to call is state; that it mixes rows as well is then what the other measurement took for that.
    """
    carries = bool(row.get("stateful_across_calls"))

    def said(suffix: str) -> Iterator[str]:
        draws = row.get(f"stochastic_{suffix}")
        if draws:
            yield "draws"
        if not carries and (row.get(f"cross_sample_{suffix}") or (row.get(f"batch_size_{suffix}") and not draws)):
            yield "mixes"
        if carries or row.get(f"state_update_{suffix}"):
            yield "writes"

    return {"false": frozenset(said(inference)), "true": frozenset(said(training))}
