"""A sweep as a picture: drift, throughput and memory over the batch size."""

from __future__ import annotations

import html
import io
from collections.abc import Mapping
from typing import Any

ROUNDING = 1e-3
"""Drift below which it is rounding, in float32."""


class PlottingError(Exception):
    """The plotting library is not installed."""


def drawn(answer: Mapping[str, Any], kind: str) -> bytes:
    """The picture as a file: ``png``, or an ``html`` page with the picture in it, which loads nothing.

    Raises:
        PlottingError: matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError:
        raise PlottingError("matplotlib is not installed; pip install 'modelint[plot]'") from None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure = _figure(pyplot, answer)
    buffer = io.BytesIO()
    # without a date, the same measurement is the same file
    metadata = {"Date": None} if kind == "html" else None
    figure.savefig(buffer, format="svg" if kind == "html" else "png", dpi=144, metadata=metadata)
    pyplot.close(figure)
    if kind != "html":
        return buffer.getvalue()
    svg = buffer.getvalue().decode()
    svg = svg[svg.index("<svg") :].replace("<svg ", '<svg role="img" style="max-width: 100%; height: auto" ', 1)
    title = html.escape(f"Batch sizes of {answer['model']}")
    style = "body { margin: 2em auto; max-width: 50em; background: white }"
    head = f"<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n<title>{title}</title>\n<style>{style}</style>\n"
    return f"{head}<body>\n{svg}</body>\n</html>\n".encode()


def _figure(pyplot: Any, answer: Mapping[str, Any]) -> Any:
    """Three panels above each other, over the sizes that could be run."""
    rows = [one for one in answer["sweep"] if "error" not in one]
    sizes = [one["size"] for one in rows]
    figure, (drift, speed, memory) = pyplot.subplots(3, 1, figsize=(7, 8), sharex=True, layout="constrained")
    drift.plot(sizes, [one["drift"] for one in rows], marker="o")
    drift.set_yscale("symlog", linthresh=1e-8)
    _mark(drift, ROUNDING, "rounding is below", "tab:red")
    if answer["repeat"]:
        _mark(drift, answer["repeat"], "one batch, predicted again", "tab:gray")
    drift.set_yticks([0, 1e-8, 1e-6, 1e-4, 1e-2, 1])
    drift.set_ylim(0, 30 * max(1.0, answer["repeat"], *(one["drift"] for one in rows)))
    drift.set_title("drift from the largest batch, over the size of the output", loc="left", fontsize=10)
    speed.plot(sizes, [one["rows_per_second"] for one in rows], marker="o")
    speed.set_title("rows a second", loc="left", fontsize=10)
    at_rest = answer["at_rest"]
    memory.plot(sizes, [max(0, one["memory"] - at_rest) / 2**20 for one in rows], marker="o")
    memory.set_title(f"memory beyond {at_rest / 2**20:,.0f} MiB at rest, in MiB", loc="left", fontsize=10)
    for axis in (speed, memory):
        axis.set_ylim(0, max(10.0, 1.1 * axis.dataLim.y1))
        axis.yaxis.set_major_formatter("{x:,.0f}")
    for axis in (drift, speed, memory):
        axis.set_xscale("log", base=2)
        axis.set_xticks(sizes, [str(size) for size in sizes])
        axis.grid(alpha=0.3)
    memory.set_xlabel("batch size")
    figure.suptitle(f"{answer['model']}: {answer['framework']} on {answer['device']}", fontsize=10)
    return figure


def _mark(axis: Any, value: float, text: str, color: str) -> None:
    """A line at a value, with what it is."""
    axis.axhline(value, color=color, linestyle="--", linewidth=1)
    axis.annotate(
        text,
        (0, value),
        xycoords=("axes fraction", "data"),
        xytext=(4, 3),
        textcoords="offset points",
        fontsize=8,
        color=color,
    )
