"""The graph in the language of Graphviz (https://graphviz.org/doc/info/lang.html); nested models are clusters."""

from __future__ import annotations

from collections.abc import Iterator

from modelint.finding import Severity
from modelint.render.graphs.labels import PAINTS, head, label, severity_of
from modelint.render.graphs.view import GraphView, Group, Node
from modelint.render.terminal import Terminal


def render(view: GraphView, terminal: Terminal) -> str:
    """A strict subset that any reader of DOT takes: quoted strings only, a statement a line."""
    return "\n".join(_lines(view)) + "\n"


def _lines(view: GraphView) -> Iterator[str]:
    yield "digraph model {"
    yield f"  graph [label={_quoted(head(view))}, labelloc=t, fontname=Helvetica, rankdir=TB];"
    yield '  node [shape=box, style="rounded,filled", fillcolor=white, fontname=Helvetica, fontsize=11];'
    yield "  edge [color=gray40];"
    yield from _inside(view, None, "  ")
    for edge in view.edges:
        yield f"  {edge.source} -> {edge.target}{' [style=dashed]' if edge.assumed else ''};"
    yield "}"


def _inside(view: GraphView, parent: str | None, margin: str) -> Iterator[str]:
    """The nodes and clusters of one model."""
    for node in view.nodes:
        if node.parent == parent:
            yield f"{margin}{node.id} [{_attributes(node, view)}];"
    for group in view.groups:
        if group.parent == parent:
            yield from _cluster(view, group, margin)


def _cluster(view: GraphView, group: Group, margin: str) -> Iterator[str]:
    yield f"{margin}subgraph cluster_{group.id} {{"
    yield f"{margin}  label={_quoted((group.title,))};"
    yield f"{margin}  style=rounded;"
    yield f"{margin}  color=gray60;"
    yield from _inside(view, group.id, f"{margin}  ")
    yield f"{margin}}}"


def _attributes(node: Node, view: GraphView) -> str:
    found = severity_of(node, view)
    wanted = {"label": _quoted(label(node, view))}
    if found is not None:
        fill, line = PAINTS[found]
        wanted |= {"fillcolor": f'"{fill}"', "color": f'"{line}"', "penwidth": "2"}
    if node.layer.opaque:
        wanted["style"] = '"rounded,filled,dashed"'
    if found is Severity.ERROR:
        wanted["penwidth"] = "3"
    return ", ".join(f"{name}={value}" for name, value in wanted.items())


def _quoted(lines: tuple[str, ...]) -> str:
    """A double-quoted string of several lines; a backslash in a label would begin an escape."""
    escaped = (line.replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return '"' + "\\n".join(escaped) + '"'
