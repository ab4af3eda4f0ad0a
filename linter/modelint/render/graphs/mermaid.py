"""The graph as a Mermaid flowchart , which code hosts draw in Markdown.

https://mermaid.js.org/syntax/flowchart.html is the source of its grammar.
"""

from __future__ import annotations

from collections.abc import Iterator

from modelint.finding import Severity
from modelint.render.graphs.labels import PAINTS, head, label, severity_of
from modelint.render.graphs.view import GraphView
from modelint.render.terminal import Terminal

_PLAIN = frozenset(" ()[],.:;!?=+-*/_'")


def render(view: GraphView, terminal: Terminal) -> str:
    """A flowchart from top to bottom; nested models are subgraphs."""
    return "\n".join(_lines(view)) + "\n"


def _lines(view: GraphView) -> Iterator[str]:
    yield "flowchart TB"
    yield from _inside(view, None, "  ")
    for edge in view.edges:
        yield f"  {edge.source} {'-.->' if edge.assumed else '-->'} {edge.target}"
    yield f"  model[{_quoted(head(view))}]"
    yield "  style model fill:none,stroke:none"
    for severity, (fill, line) in PAINTS.items():
        marked = [node.id for node in view.nodes if severity_of(node, view) is severity]
        if marked:
            stroke = 3 if severity is Severity.ERROR else 2
            yield f"  classDef {severity.value} fill:{fill},stroke:{line},stroke-width:{stroke}px,color:#111"
            yield f"  class {','.join(marked)} {severity.value}"
    opaque = [node.id for node in view.nodes if node.layer.opaque]
    if opaque:
        yield "  classDef opaque stroke-dasharray:4 3"
        yield f"  class {','.join(opaque)} opaque"


def _inside(view: GraphView, parent: str | None, margin: str) -> Iterator[str]:
    for node in view.nodes:
        if node.parent == parent:
            yield f"{margin}{node.id}[{_quoted(label(node, view))}]"
    for group in view.groups:
        if group.parent == parent:
            yield f"{margin}subgraph {group.id}[{_quoted((group.title,))}]"
            yield from _inside(view, group.id, f"{margin}  ")
            yield f"{margin}end"


def _quoted(lines: tuple[str, ...]) -> str:
    """A quoted label. Whatever Mermaid, Markdown or HTML might read is written as the number of its character."""
    return '"' + "<br/>".join("".join(map(_escaped, line)) for line in lines) + '"'


def _escaped(character: str) -> str:
    plain = character in _PLAIN or (character.isascii() and character.isalnum())
    return character if plain else f"#{ord(character)};"
