"""What a drawn node says: lines of plain text, and the colours of findings. For the formats that others draw."""

from __future__ import annotations

from typing import Final

from modelint.finding import Severity
from modelint.render.graphs import words
from modelint.render.graphs.view import GraphView, Node
from modelint.render.terminal import printable

PAINTS: Final = {
    Severity.ERROR: ("#fde8e8", "#c81e1e"),
    Severity.WARNING: ("#fef3c7", "#b45309"),
    Severity.NOTE: ("#e0f2fe", "#0369a1"),
}
"""Fill and line of a node with findings, by the worst of them."""


def head(view: GraphView) -> tuple[str, ...]:
    """The title of the whole, and what goes in and out."""
    model = view.model
    return (
        printable(view.title),
        *(f"input {printable(words.port(port))}" for port in model.inputs),
        *(f"output {printable(words.port(port))}" for port in model.outputs),
    )


def label(node: Node, view: GraphView) -> tuple[str, ...]:
    """Kind, name and shape, traits, and the rules of the findings at a node."""
    layer = node.layer
    second = "  ".join(filter(None, (node.name or "", words.shape(layer.shape))))
    rules = dict.fromkeys(view.findings[number].finding.rule for number in (*node.findings, *node.concerned))
    lines = (layer.kind, second, words.sentence(layer), *(f"! {rule}" for rule in rules))
    return tuple(printable(line) for line in lines if line)


def severity_of(node: Node, view: GraphView) -> Severity | None:
    """The worst of the findings at a node or about it."""
    return max((view.findings[n].finding.severity for n in (*node.findings, *node.concerned)), default=None)
