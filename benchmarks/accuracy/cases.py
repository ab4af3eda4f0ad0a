"""A layer to put through the probes of a confirmation, and what is true of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "linter"), str(ROOT / "linter/modelint/confirm/home"), str(ROOT / "benchmarks/tables")]

from modelint_worker import probes  # noqa: E402


@dataclass(frozen=True)
class Case:
    """A layer to put through the probes: how to make what runs it, and what is true of it, by mode."""

    name: str
    make: Callable[[], tuple[probes.Runner, list[Any], list[Any]]]
    truth: Mapping[str, frozenset[str]]
