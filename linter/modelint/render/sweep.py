"""A sweep over batch sizes, as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from modelint.render.terminal import Style, Terminal, printable

_HEAD = ("batch", "drift", "rows a second", "memory")
_KEPT = ("model", "sweep", "at_rest", "repeat", "framework", "device")

DRIFT = "drift: the largest difference to the largest batch, over the size of the output (below 1e-3 it is rounding)"
MEMORY = "memory: the most that was held meanwhile, beyond what is held at rest ({})"
RANDOM = "the predictions of one batch differ by {:.1e} from call to call, whatever its size: drift holds that, too"
"""What is said of a model that draws at random, or carries a state."""


def as_text(answer: Mapping[str, Any], terminal: Terminal) -> str:
    """A table, a batch size a row, and what its columns are."""
    measured = [_row(one, answer["at_rest"]) for one in answer["sweep"] if "error" not in one]
    widths = [max(map(len, cells)) for cells in zip(_HEAD, *measured, strict=True)]
    lines = [terminal.paint(_line(_HEAD, widths), Style.STRONG)]
    for one in answer["sweep"]:
        failed = f"{str(one['size']).rjust(widths[0])}  {printable(one['error'])}" if "error" in one else None
        lines.append(failed or _line(_row(one, answer["at_rest"]), widths))
    lines += ["", f"{printable(answer['model'])}: {printable(answer['framework'])} on {answer['device']}"]
    lines += [DRIFT, MEMORY.format(_mebibytes(answer["at_rest"]))]
    lines += [RANDOM.format(answer["repeat"])] if answer["repeat"] else []
    return "\n".join(lines) + "\n"


def as_json(answer: Mapping[str, Any]) -> str:
    """What was measured, as it was."""
    return json.dumps({name: answer[name] for name in _KEPT}, indent=2) + "\n"


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    return "  ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))


def _row(one: Mapping[str, Any], at_rest: int) -> tuple[str, ...]:
    return (
        str(one["size"]),
        f"{one['drift']:.1e}" if one["drift"] else "0",
        f"{one['rows_per_second']:,.0f}",
        f"+{_mebibytes(max(0, one['memory'] - at_rest))}",
    )


def _mebibytes(number: int) -> str:
    return f"{number / 2**20:,.0f} MiB"
