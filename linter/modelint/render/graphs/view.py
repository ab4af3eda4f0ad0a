"""What every format shows of a model: nodes with stable names, nested models, edges, and the findings at their nodes.

Takes a ``Model`` and findings, gives a ``GraphView``. Nodes are named by the order of execution (``n1``, ``n2`` ...),
nested models by the order in which they begin (``g1`` ...): the same model has the same names on every run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from modelint.facts import Layer, Model
from modelint.finding import Finding, Place


@dataclass(frozen=True, slots=True)
class Node:
    """One layer call. ``number`` counts from 1 in the order of execution; ``parent`` is the group that holds it.

    ``within`` are the names of nested models between them that hold nothing else, and so are no groups.
    ``findings`` are the numbers of the findings that stand here, ``concerned`` of those whose reasons name it.
    """

    id: str
    number: int
    layer: Layer
    parent: str | None
    within: tuple[str, ...] = ()
    findings: tuple[int, ...] = ()
    concerned: tuple[int, ...] = ()

    @property
    def name(self) -> str | None:
        """The layer's name, after those of the nested models that hold only it."""
        return "/".join(filter(None, (*self.within, self.layer.name))) or None


@dataclass(frozen=True, slots=True)
class Group:
    """One call of a nested model. ``which`` is given where the same parent holds several of the name.

    ``path`` are the names from the outermost nested model to this one; ``findings`` the numbers of those that stand at
    the call itself.
    """

    id: str
    name: str
    parent: str | None
    path: tuple[str, ...] = ()
    which: int | None = None
    findings: tuple[int, ...] = ()

    @property
    def title(self) -> str:
        """The name, with a number where it is one of several."""
        return self.name if self.which is None else f"{self.name} ({self.which})"


@dataclass(frozen=True, slots=True)
class Edge:
    """``source`` feeds ``target``; ``assumed``: it is only known that it runs before."""

    source: str
    target: str
    assumed: bool = False


@dataclass(frozen=True, slots=True)
class NotedFinding:
    """A finding with the nodes and groups at which it stands and the nodes that its reasons name.

    ``summary`` says the rule in a sentence.
    """

    finding: Finding
    summary: str
    at: tuple[str, ...] = ()
    concerns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """Where a model comes from. ``format`` and ``producer`` as a ``ModelFile`` says them; ``name`` selects it there."""

    path: str
    name: str | None = None
    format: str = "Python script"
    producer: str | None = None
    unexamined: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class GraphView:
    """A model to be shown."""

    model: Model
    source: Source
    nodes: tuple[Node, ...]
    groups: tuple[Group, ...]
    edges: tuple[Edge, ...]
    findings: tuple[NotedFinding, ...] = ()

    @property
    def title(self) -> str:
        """The model's name and kind."""
        kind, name = self.model.kind, self.model.name or self.source.name
        return kind if name in (None, kind) else f"{name} ({kind})"


def view_of(
    model: Model, source: Source, findings: Sequence[Finding] = (), summaries: Mapping[str, str] | None = None
) -> GraphView:
    """A model with the findings that concern it. ``summaries`` says each rule in a sentence, by its name."""
    grouping = _Grouping.of(model.layers)
    groups, places = grouping.groups, _places(model)
    nodes = [Node(f"n{n}", n, layer, *grouping.around(layer)) for n, layer in enumerate(model.layers, 1)]
    noted = [_noted(finding, nodes, groups, places, (summaries or {}).get(finding.rule, "")) for finding in findings]
    marked = tuple(
        replace(
            node,
            findings=tuple(number for number, one in enumerate(noted) if node.id in one.at),
            concerned=tuple(number for number, one in enumerate(noted) if node.id in one.concerns),
        )
        for node in nodes
    )
    edges = dict.fromkeys(
        Edge(nodes[producer].id, nodes[consumer].id, (producer, consumer) in model.assumed)
        for producer, consumer in model.edges
    )
    marked_groups = tuple(
        replace(group, findings=tuple(number for number, one in enumerate(noted) if group.id in one.at))
        for group in groups
    )
    return GraphView(model, source, marked, marked_groups, tuple(edges), tuple(noted))


def concerns(finding: Finding, model: Model) -> bool:
    """Whether a finding stands at a layer of the model, where it is made, or names either as a reason."""
    named = (finding.place, *(reason.place for reason in finding.because))
    origin, places = model.origin.resolve(), _places(model)
    held = {"/".join(layer.path[:depth]) for layer in model.layers for depth in range(1, len(layer.path) + 1)}
    return any(place == origin or _innermost(place, places) or place.node in held for place in named)


_Call = tuple[tuple[str, int], ...]
"""One call of a nested model: for it and for all that hold it, outermost first, the name and the number of the call."""


@dataclass(frozen=True, slots=True)
class _Grouping:
    """The nested models that hold more than one layer."""

    ids: Mapping[_Call, str]
    groups: tuple[Group, ...]

    @classmethod
    def of(cls, layers: Sequence[Layer]) -> _Grouping:
        held = Counter(call for layer in layers for call in _calls(layer))
        ids = {call: f"g{number}" for number, call in enumerate((c for c in held if held[c] > 1), 1)}
        names = Counter((call[:-1], call[-1][0]) for call in ids)
        seen: Counter[tuple[_Call, str]] = Counter()
        groups = []
        for call, name in ids.items():
            alike = (call[:-1], call[-1][0])
            seen[alike] += 1
            which = seen[alike] if names[alike] > 1 else None
            path = tuple(one for one, _ in call)
            groups.append(Group(name, path[-1], ids.get(call[:-1]), path, which))
        return cls(ids, tuple(groups))

    def around(self, layer: Layer) -> tuple[str | None, tuple[str, ...]]:
        """The innermost group that holds a layer, and the names between them."""
        calls = _calls(layer)
        kept = [call for call in calls if call in self.ids]
        return (self.ids[kept[-1]] if kept else None, layer.path[len(kept) :])


def _calls(layer: Layer) -> tuple[_Call, ...]:
    """The calls of nested models that hold a layer, outermost first."""
    numbers = layer.calls if len(layer.calls) == len(layer.path) else (0,) * len(layer.path)
    pairs = tuple(zip(layer.path, numbers, strict=True))
    return tuple(pairs[:depth] for depth in range(1, len(pairs) + 1))


def _places(model: Model) -> Sequence[tuple[Place, Place]]:
    """Where every layer is made and called."""
    return [(layer.place.resolve(), layer.called_at.resolve()) for layer in model.layers]


def _noted(
    finding: Finding,
    nodes: Sequence[Node],
    groups: Sequence[Group],
    places: Sequence[tuple[Place, Place]],
    summary: str,
) -> NotedFinding:
    at = _innermost(finding.place, places)
    named = {index for reason in finding.because for index in _innermost(reason.place, places)} - set(at)
    ids = [nodes[index].id for index in at] or [g.id for g in groups if finding.place.node == "/".join(g.path)]
    ids = ids or [node.id for node in nodes if finding.place.node in _folded(node)]
    return NotedFinding(finding, summary, tuple(ids), tuple(nodes[index].id for index in sorted(named)))


def _folded(node: Node) -> set[str]:
    """The paths of the nested models that hold only this layer."""
    path, kept = node.layer.path, len(node.layer.path) - len(node.within)
    return {"/".join(path[:depth]) for depth in range(kept + 1, len(path) + 1)}


def _innermost(place: Place, places: Sequence[tuple[Place, Place]]) -> list[int]:
    """The layers that a place is at: those whose making or call is the smallest piece of source that holds it."""
    best: tuple[int, int] | None = None
    found: list[int] = []
    if place.span is None and place.node is None:  # a file as a whole
        return found
    for index, own in enumerate(places):
        size = min((s for s in (_size(one, place) for one in own) if s is not None), default=None)
        if size is None or (best is not None and size > best):
            continue
        if size != best:
            best, found = size, []
        found.append(index)
    return found


def _size(own: Place, place: Place) -> tuple[int, int] | None:
    """How large a piece of source is if it holds a place: lines, then columns. Nothing is smaller than the same."""
    if own == place:
        return (0, 0)
    if (own.path, own.cell) != (place.path, place.cell) or own.span is None or place.span is None:
        return None
    start, end = (own.span.line, own.span.column), (own.span.end_line, own.span.end_column)
    inside = start <= (place.span.line, place.span.column) and (place.span.end_line, place.span.end_column) <= end
    return (end[0] - start[0], 1 + abs(end[1] - start[1])) if inside else None
