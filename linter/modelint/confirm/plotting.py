"""A sweep as a picture: drift, throughput and memory over the batch size."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any


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

    rows = [one for one in answer["sweep"] if "error" not in one]
    sizes = [one["size"] for one in rows]
    panels = (
        ("drift over the size of the output", [one["drift"] for one in rows], True),
        ("rows a second", [one["rows_per_second"] or float("nan") for one in rows], False),
        ("memory, MiB", [one["memory"] / 2**20 for one in rows], False),
    )
    figure, axes = pyplot.subplots(len(panels), 1, figsize=(7, 8), sharex=True, layout="constrained")
    for axis, (title, values, logarithmic) in zip(axes, panels, strict=True):
        axis.plot(sizes, values, marker="o")
        axis.set_title(title, loc="left", fontsize=10)
        axis.set_xscale("log", base=2)
        axis.set_xticks(sizes, [str(size) for size in sizes])
        axis.grid(alpha=0.3)
        if logarithmic and any(values):
            axis.set_yscale("symlog", linthresh=1e-8)
        else:
            axis.set_ylim(bottom=0)
    axes[-1].set_xlabel("batch size")
    figure.suptitle(f"{answer['framework']} on {answer['device']}", fontsize=10)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg" if kind == "html" else "png", dpi=144)
    pyplot.close(figure)
    if kind != "html":
        return buffer.getvalue()
    svg = buffer.getvalue().decode()
    svg = svg[svg.index("<svg") :]
    page = f"<!doctype html><html lang=en><meta charset=utf-8><title>Batch sizes</title><body>{svg}</body></html>\n"
    return page.encode()
