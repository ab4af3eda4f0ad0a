"""A sweep over batch sizes, as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from modelint.render.terminal import Style, Terminal, printable

_HEAD = ("batch", "drift", "rows a second", "memory")


def as_text(answer: Mapping[str, Any], terminal: Terminal) -> str:
    """A table, a batch size a row. The drift is over the root mean square of the output."""
    rows = [_HEAD, *(_row(one) for one in answer["sweep"])]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    where = f"{printable(answer['framework'])} on {answer['device']}"
    note = "drift: the largest difference to the largest batch, over the root mean square of the output"
    return "\n".join((terminal.paint(lines[0], Style.STRONG), *lines[1:], "", f"{note}; {where}")) + "\n"


def as_json(answer: Mapping[str, Any]) -> str:
    """What was measured, as it was."""
    kept = {name: answer[name] for name in ("sweep", "framework", "device")}
    return json.dumps(kept, indent=2) + "\n"


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    if "error" in one:
        return (str(one["size"]), printable(one["error"]), "", "")
    speed = f"{one['rows_per_second']:,.0f}" if one["rows_per_second"] else "-"
    return (
        str(one["size"]),
        f"{one['drift']:.1e}" if one["drift"] else "0",
        speed,
        f"{one['memory'] / 2**20:,.0f} MiB",
    )
