"""What feeds what: the edges between the layer calls of a flattened model.

Takes a tree of calls. A functional model, wherever it is nested, is wired as its symbolic tensors say, a Sequential
from layer to layer. What a forward pass of the program's own does between its calls is not known: its calls are wired
in the order in which they run, and those edges are said to be assumed.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modelint.frameworks.models import Functional, Sequential

if TYPE_CHECKING:
    from modelint.frameworks.graph import GraphNode
    from modelint.frameworks.trees import Tree

Leaves = frozenset[int]
NONE: Leaves = frozenset()


@dataclass(slots=True)
class Wiring:
    """Producer and consumer pairs, as numbers of the leaves in the order of execution."""

    edges: dict[tuple[int, int], None] = field(default_factory=dict)
    assumed: set[tuple[int, int]] = field(default_factory=set)
    _numbers: dict[int, int] = field(default_factory=dict)

    def add(self, producers: Leaves, consumers: Leaves, *, assumed: bool = False) -> None:
        """Wire every producer to every consumer."""
        for edge in itertools.product(sorted(producers), sorted(consumers)):
            if edge not in self.edges:
                self.edges[edge] = None
                if assumed:
                    self.assumed.add(edge)


@dataclass(frozen=True, slots=True)
class _Ends:
    """The leaves that take what a call is given, and those that make what it returns. None: it hands it on."""

    entries: Leaves = NONE
    exits: Leaves = NONE


def wired(tree: Tree) -> Wiring:
    """The edges between the leaves of a tree."""
    wiring = Wiring(_numbers={id(leaf): number for number, leaf in enumerate(tree.leaves())})
    _wire(tree, wiring)
    return wiring


def _wire(tree: Tree, wiring: Wiring) -> _Ends:
    if not tree.children:
        number = wiring._numbers.get(id(tree))
        return _Ends() if number is None else _Ends(frozenset({number}), frozenset({number}))
    if isinstance(tree.value, Functional):
        calls: dict[int, _Ends] = {}
        for identity, ends in _calls(tree, wiring):
            before = calls.get(identity, _Ends())
            calls[identity] = _Ends(before.entries | ends.entries, before.exits | ends.exits)
        return _functional(tree.value, calls, wiring)
    return _in_order(_calls(tree, wiring), wiring, assumed=not isinstance(tree.value, Sequential))


def _calls(tree: Tree, wiring: Wiring) -> Iterable[tuple[int, _Ends]]:
    """The ends of every call in a forward pass. What may be called in one place is called side by side."""
    for identity, children in itertools.groupby(tree.children, key=lambda child: child.part and child.part.identity):
        ends = [_wire(child, wiring) for child in children]
        yield identity or 0, _Ends(NONE.union(*(e.entries for e in ends)), NONE.union(*(e.exits for e in ends)))


def _in_order(calls: Iterable[tuple[int, _Ends]], wiring: Wiring, *, assumed: bool) -> _Ends:
    entries: Leaves = NONE
    exits: Leaves = NONE
    for _, ends in calls:
        if not ends.entries:
            continue
        wiring.add(exits, ends.entries, assumed=assumed)
        entries = entries or ends.entries
        exits = ends.exits
    return _Ends(entries, exits)


def _functional(model: Functional, calls: dict[int, _Ends], wiring: Wiring) -> _Ends:
    """Wire a functional model; where its inputs arrive, ``entries`` begin."""
    made: dict[GraphNode, Leaves] = {}
    fed: dict[GraphNode, bool] = dict.fromkeys(model.inputs, True)  # whether the model's input arrives there unchanged
    entries: Leaves = NONE
    for node in model.nodes():
        producers = NONE.union(*(made.get(one, NONE) for one in node.inputs))
        is_fed = any(fed.get(one, False) for one in node.inputs)
        ends = calls.get(node.part.identity) if node.part is not None else None
        if ends is None or not ends.entries:
            made[node] = producers
            fed[node] = fed.get(node, False) or is_fed
            continue
        wiring.add(producers, ends.entries)
        made[node] = ends.exits
        if is_fed:
            entries |= ends.entries
    return _Ends(entries, NONE.union(*(made.get(one, NONE) for one in model.outputs)))
