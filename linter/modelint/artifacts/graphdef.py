"""Frozen graphs of TensorFlow: a GraphDef in a file, its weights inside as constants.

Takes the file, gives one entry: what computes all values that nothing else takes. There are no signatures, so that
inputs are the placeholders that these reach; operations that write nothing and give nothing are no outputs.
"""

from __future__ import annotations

from typing import Final

from modelint.artifacts.files import ModelFiles, bytes_of
from modelint.artifacts.limits import Budget, MalformedError
from modelint.artifacts.model_file import ModelFile
from modelint.artifacts.tensorflow_entries import Endpoint, Graph, served
from modelint.artifacts.tensorflow_graph import Body, Library
from modelint.artifacts.tensorflow_messages import SCHEMAS, type_name
from modelint.artifacts.wire import Message

_NO_OUTPUT: Final = frozenset({"Const", "NoOp", "Placeholder", "PlaceholderWithDefault", "VarHandleOp", "Assert"})
_INPUT: Final = frozenset({"Placeholder", "PlaceholderV2"})


def read(files: ModelFiles, budget: Budget) -> ModelFile:
    """Read a frozen graph.

    Raises:
        MalformedError: it cannot be read, or is no graph.
    """
    library = Library(Message.whole(bytes_of(files), SCHEMAS["GraphDef"], budget), budget)
    body = library.main()
    if not body.nodes or not all(node.name and node.op for node in body.nodes.values()):
        raise MalformedError("this is no graph of TensorFlow: it has no nodes with names")
    outputs = _outputs(body)
    inputs = [
        Endpoint(node.name, node.name, node.shape(), type_name(node.type("dtype")))
        for node in body.nodes.values()
        if node.op in _INPUT
    ]
    found = served(Graph(files.path, library, budget), ["graph"], inputs, outputs, "tensorflow") if outputs else None
    return ModelFile(
        path=files.path,
        format="frozen TensorFlow graph",
        entries=(found.entry,) if found else (),
        unexamined=found.unexamined if found else ("the graph: it computes nothing that could be an output",),
        problems=found.problems if found else (),
    )


def _outputs(body: Body) -> list[Endpoint]:
    taken = {reference.lstrip("^").partition(":")[0] for node in body.nodes.values() for reference in node.inputs}
    ends = [node for node in body.nodes.values() if node.name not in taken and node.op not in _NO_OUTPUT]
    shapes = {node.name: node.output_shapes() for node in ends}
    return [Endpoint(node.name, node.name, (shapes[node.name] or (None,))[0], None) for node in ends]
