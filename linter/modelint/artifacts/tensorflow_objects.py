"""The objects saved beside a TensorFlow graph: under which attribute of which object a variable is known."""

from __future__ import annotations

from collections import deque
from typing import Final

from modelint.artifacts.tensorflow_graph import Library
from modelint.artifacts.wire import Message

_LISTS: Final = frozenset(
    {"variables", "trainable_variables", "non_trainable_variables", "_all_variables", "signatures"}
)
"""Attributes under which everything is found once more."""


def variable_names(meta: Message, library: Library) -> dict[str, str]:
    """The names of variables by the node that holds each, as far as the saved functions bind them.

    A variable that was given a name has it; one without is named by the attributes that lead to it.
    """
    graph = meta.message("object_graph_def")
    bound = {entry.text("key"): entry.message("value") for entry in graph.messages("concrete_functions")}
    if not bound:
        return {}
    named = _names(graph)
    found: dict[str, str] = {}
    for node in library.main().nodes.values():
        if node.op not in ("PartitionedCall", "StatefulPartitionedCall"):
            continue
        function = bound.get(node.function("f"))
        if function is None:
            continue
        objects = list(function.integers("bound_inputs"))
        inputs = [name for name in node.inputs if not name.startswith("^")]
        captured = inputs[len(inputs) - len(objects) :] if len(objects) <= len(inputs) else []
        for reference, number in zip(captured, objects, strict=False):
            holder = library.main().nodes.get(reference.partition(":")[0])
            if number in named and holder is not None and holder.op == "VarHandleOp":
                found.setdefault(holder.text("shared_name") or holder.name, named[number])
    return found


def _names(graph: Message) -> dict[int, str]:
    """The names of the variables among the saved objects."""
    objects = list(graph.messages("nodes"))
    paths: dict[int, str] = {0: ""}
    queue = deque([0])
    while queue:
        number = queue.popleft()
        for child in objects[number].messages("children") if number < len(objects) else ():
            target, attribute = child.integer("node_id"), child.text("local_name")
            if target not in paths and attribute not in _LISTS and 0 <= target < len(objects):
                paths[target] = f"{paths[number]}.{attribute}" if paths[number] else attribute
                queue.append(target)
    found = {}
    for number, described in enumerate(objects):
        if described.has("variable"):
            name = described.message("variable").text("name")
            found[number] = name if name and name != "Variable" else paths.get(number, name or "a variable")
    return found
