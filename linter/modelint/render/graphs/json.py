"""The graph as JSON, as ``graph.schema.json`` beside this module describes it."""

from __future__ import annotations

import json
import math

from modelint import __version__
from modelint.facts import UNKNOWN, Port, Setting, Shape
from modelint.finding import Place
from modelint.render.graphs import words
from modelint.render.graphs.view import GraphView, Group, Node, NotedFinding
from modelint.render.terminal import Terminal

SCHEMA = 1
"""Raised when a key changes its meaning or goes; new keys may come without."""


def render(view: GraphView, terminal: Terminal) -> str:
    """One object; ASCII only, whatever names the model holds."""
    return json.dumps(document(view), indent=2) + "\n"


def document(view: GraphView) -> dict[str, object]:
    """The object."""
    model, source = view.model, view.source
    return {
        "schema": SCHEMA,
        "modelint": __version__,
        "model": {
            "title": view.title,
            "kind": model.kind,
            "name": model.name,
            "framework": model.framework,
            "path": source.path,
            "selected_by": source.name,
            "format": source.format,
            "producer": source.producer,
            "made_at": place(model.origin.resolve()),
            "inputs": [_port(port) for port in model.inputs],
            "outputs": [_port(port) for port in model.outputs],
            "opaque": model.opaque,
            "unexamined": list(source.unexamined),
        },
        "nodes": [_node(node) for node in view.nodes],
        "groups": [_group(group) for group in view.groups],
        "edges": [{"source": e.source, "target": e.target, "assumed": e.assumed} for e in view.edges],
        "findings": [_finding(noted) for noted in view.findings],
    }


def place(one: Place) -> dict[str, object]:
    """A place; what is not known of it is null."""
    span = one.span
    return {
        "path": one.path,
        "cell": one.cell,
        "line": span.line if span else None,
        "column": span.column if span else None,
        "node": one.node,
    }


def setting(value: Setting) -> object:
    """A configuration value: ``{"unknown": true}`` if it is not known, text for numbers and bytes that JSON lacks."""
    match value:
        case tuple():
            return [setting(one) for one in value]
        case float() if not math.isfinite(value):
            return str(value)
        case bytes():
            return repr(value)
        case _:
            return {"unknown": True} if value is UNKNOWN else value


def _shape(shape: Shape | None) -> list[int | str | None] | None:
    return None if shape is None else list(shape)


def _port(port: Port) -> dict[str, object]:
    return {"name": port.name, "shape": _shape(port.shape), "dtype": port.dtype}


def _node(node: Node) -> dict[str, object]:
    layer = node.layer
    return {
        "id": node.id,
        "number": node.number,
        "kind": layer.kind,
        "name": node.name,
        "qualified": layer.qualified,
        "parent": node.parent,
        "shape": _shape(layer.shape),
        "traits": list(words.traits(layer)),
        "in_words": words.sentence(layer),
        "training": layer.training.value,
        "custom": layer.custom,
        "config": {name: setting(value) for name, value in layer.config.items()},
        "made_at": place(layer.place.resolve()),
        "called_at": place(layer.called_at.resolve()),
        "findings": list(node.findings),
        "concerned": list(node.concerned),
    }


def _group(group: Group) -> dict[str, object]:
    return {
        "id": group.id,
        "name": group.name,
        "title": group.title,
        "parent": group.parent,
        "findings": list(group.findings),
    }


def _finding(noted: NotedFinding) -> dict[str, object]:
    finding = noted.finding
    return {
        "rule": finding.rule,
        "summary": noted.summary,
        "severity": finding.severity.value,
        "confidence": finding.confidence.value,
        **place(finding.place),
        "message": finding.message,
        "because": [{**place(reason.place), "message": reason.message} for reason in finding.because],
        "at": list(noted.at),
        "concerns": list(noted.concerns),
    }
