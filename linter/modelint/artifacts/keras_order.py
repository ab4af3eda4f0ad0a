"""The order in which a functional model of Keras calls its layers.

Keras runs recorded calls by their depth, the longest way to an output, not in the order of their making. Transcribed
from ``map_graph`` (keras/src/ops/function.py, 3.15) and ``_map_graph_network`` (tf_keras/src/engine/functional.py,
2.21), which agree. A layer that is called twice is lifted to its greatest depth as a whole.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from modelint.artifacts.keras_nodes import Reference
from modelint.artifacts.limits import MalformedError

Key = tuple[str, int]
"""A call: the name of its layer, and which of that layer's calls it is. An input is call 0."""


def execution_order(
    calls: Mapping[Key, Sequence[Reference]],
    layers: Collection[str],
    inputs: Sequence[str],
    outputs: Sequence[Reference],
) -> tuple[Key, ...]:
    """Order the calls as Keras runs them; those that reach no output (losses added to the model) come last.

    ``calls`` gives the tensors that each takes; what has no call is an input.

    Raises:
        MalformedError: a tensor comes from nowhere, or the calls form a circle.
    """
    parents = {key: tuple(_key(one, calls, layers) for one in taken) for key, taken in calls.items()}
    ends = [_key(one, calls, layers) for one in outputs]
    sorted_calls = _topological(parents, ends)
    reached = set(sorted_calls)
    depths = _depths(parents, sorted_calls, inputs)
    by_depth: dict[int, list[Key]] = {}
    for key, depth in depths.items():
        by_depth.setdefault(depth, []).append(key)
    order = [key for depth in sorted(by_depth, reverse=True) for key in by_depth[depth] if key in calls]
    rest = _topological(parents, [key for key in calls if key not in reached])
    return (*order, *(key for key in rest if key in calls and key not in reached))


def _key(one: Reference, calls: Mapping[Key, object], layers: Collection[str]) -> Key:
    if one.layer not in layers:
        raise MalformedError(f"a tensor comes from the layer {one.layer!r}, which does not exist")
    if (one.layer, 0) not in calls:
        return one.layer, 0
    if (one.layer, one.node) not in calls:
        raise MalformedError(f"a tensor comes from call {one.node} of the layer {one.layer!r}, which does not exist")
    return one.layer, one.node


def _topological(parents: Mapping[Key, Sequence[Key]], ends: Sequence[Key]) -> list[Key]:
    """All calls that the ends depend on, producers first, as a depth-first search finishes them."""
    finished: dict[Key, None] = {}
    in_progress: set[Key] = set()
    for end in ends:
        stack: list[tuple[Key, int]] = [(end, 0)]
        while stack:
            key, index = stack.pop()
            if index == 0:
                if key in finished:
                    continue
                in_progress.add(key)
            above = parents.get(key, ())
            while index < len(above) and above[index] in finished:
                index += 1
            if index < len(above):
                if above[index] in in_progress:
                    raise MalformedError(f"the layer {above[index][0]!r} depends on its own output")
                stack += ((key, index + 1), (above[index], 0))
            else:
                in_progress.discard(key)
                finished[key] = None
    return list(finished)


def _depths(parents: Mapping[Key, Sequence[Key]], order: Sequence[Key], inputs: Sequence[str]) -> dict[Key, int]:
    """How far each call is from the outputs, in the order in which Keras comes to know it."""
    depths: dict[Key, int] = {}
    of_layers: dict[str, int] = {}
    for key in reversed(order):
        depth = max(depths.setdefault(key, 0), of_layers.get(key[0], 0))
        of_layers[key[0]] = depths[key] = depth
        for parent in parents.get(key, ()):
            depths[parent] = max(depth + 1, depths.get(parent, 0))
    for name in inputs:
        depths.setdefault((name, 0), 0)
    return depths
