"""The graph as GraphML (http://graphml.graphdrawing.org), for Gephi, yEd, Cytoscape and networkx."""

from __future__ import annotations

import json
import re

from modelint.render.graphs import words
from modelint.render.graphs.json import setting
from modelint.render.graphs.view import GraphView, Node
from modelint.render.terminal import Terminal

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold (https://www.w3.org/TR/xml/#charsets)."""


def render(view: GraphView, terminal: Terminal) -> str:
    """A directed graph; nested models are the attribute ``group``, with their names from the outermost, by slashes."""
    import networkx

    graph: networkx.MultiDiGraph[str] = networkx.MultiDiGraph(
        title=_xml(view.title), framework=_xml(view.model.framework), path=_xml(view.source.path)
    )
    for node in view.nodes:
        graph.add_node(node.id, **{name: _xml(value) for name, value in _attributes(node, view).items()})
    for edge in view.edges:
        graph.add_edge(edge.source, edge.target, assumed=edge.assumed)
    return "\n".join(networkx.generate_graphml(graph)) + "\n"


def _attributes(node: Node, view: GraphView) -> dict[str, str | int]:
    layer = node.layer
    titles = {group.id: group for group in view.groups}
    chain: list[str] = []
    parent = node.parent
    while parent is not None:
        chain.insert(0, titles[parent].title)
        parent = titles[parent].parent
    return {
        "label": " ".join(filter(None, (layer.kind, node.name))),
        "number": node.number,
        "kind": layer.kind,
        "name": node.name or "",
        "qualified": layer.qualified,
        "group": "/".join(chain),
        "shape": words.shape(layer.shape),
        "traits": " ".join(words.traits(layer)),
        "config": json.dumps({name: setting(value) for name, value in layer.config.items()}),
        "findings": " ".join(view.findings[number].finding.rule for number in (*node.findings, *node.concerned)),
    }


def _xml(value: str | int) -> str | int:
    """A value without what XML cannot hold, written as Python escapes."""
    if isinstance(value, int):
        return value
    return _NOT_XML.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode("ascii"), value)
