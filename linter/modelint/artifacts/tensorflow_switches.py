"""The conditionals of TensorFlow 1: which nodes of a graph are dead because a ``Switch`` sends its data the other way.

Takes a graph and what is known of predicates. A node is dead if any of its inputs is, a ``Merge`` if all are, and one
side of a ``Switch`` if its predicate is constant. Inputs in a circle (loops) are taken for alive.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelint.artifacts.limits import Budget
from modelint.artifacts.tensorflow_graph import Body

if TYPE_CHECKING:
    from modelint.artifacts.tensorflow_predicates import Predicate

_SWITCH: Final = frozenset({"Switch", "RefSwitch"})
_MERGE: Final = frozenset({"Merge", "RefMerge"})


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether something never runs, only on a caller's demand, or unless a caller says otherwise."""

    dead: bool = False
    guarded: bool = False
    by_default: bool = False

    def under(self, other: Standing) -> Standing:
        """What holds where both hold."""
        return Standing(self.dead or other.dead, self.guarded or other.guarded, self.by_default or other.by_default)


_ALIVE: Final = Standing()


class Switches:
    """The standing of every node of a graph, found when it is asked for."""

    def __init__(self, body: Body, decides: Callable[[str], Predicate], budget: Budget) -> None:
        self._body = body
        self._decides = decides
        self._budget = budget
        self._present = any(node.op in _SWITCH for node in body.nodes.values())
        self._known: dict[str, Standing] = {}

    def standing(self, reference: str) -> Standing:
        """The standing of an output (``name:1``) or node."""
        if not self._present:
            return _ALIVE
        name = reference.lstrip("^").partition(":")[0]
        self._settle(name)
        return self._of_output(reference)

    def _settle(self, name: str) -> None:
        open_nodes: set[str] = set()
        stack = [name]
        while stack:
            current = stack[-1]
            node = self._body.nodes.get(current)
            if current in self._known or node is None:
                stack.pop()
                continue
            if current not in open_nodes:
                open_nodes.add(current)
                self._budget.spend(1 + len(node.inputs))
                names = (reference.lstrip("^").partition(":")[0] for reference in node.inputs)
                stack.extend(name for name in names if name not in self._known and name not in open_nodes)
                continue
            stack.pop()
            self._known[current] = self._judged(current)

    def _judged(self, name: str) -> Standing:
        node = self._body.nodes[name]
        inputs = [self._of_output(reference) for reference in node.inputs]
        if node.op in _MERGE:
            data = [standing for reference, standing in zip(node.inputs, inputs, strict=True) if reference[:1] != "^"]
            return Standing(dead=bool(data) and all(standing.dead for standing in data))
        found = _ALIVE
        for standing in inputs:
            found = found.under(standing)
        return found

    def _of_output(self, reference: str) -> Standing:
        name, _, output = reference.lstrip("^").partition(":")
        found = self._known.get(name, _ALIVE)
        node = self._body.nodes.get(name)
        if node is None or node.op not in _SWITCH or reference.startswith("^") or len(node.inputs) < 2:
            return found
        predicate = self._decides(node.inputs[1])
        if predicate.value is None:
            return found.under(Standing(guarded=predicate.by_caller))
        taken = bool(predicate.value) == (output == "1")
        return found.under(Standing(dead=not taken, by_default=predicate.by_default))
