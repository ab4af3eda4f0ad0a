"""What a model file would have run that is not the model: code of Python that frameworks unpickle or unmarshal.

Keras's safe mode refuses it in ``.keras`` archives, and not in every version in HDF5 files; ``torch.export.load``
unpickles whatever is not tensors alone. Graphs of TensorFlow may write files.
"""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

HDF5 = b"\x89HDF\r\n\x1a\n"

_CODE = ("Lambda", "__lambda__")
"""Classes of a Keras configuration that hold a function's code."""

_WRITING = ("WriteFile", "WriteFileV2")
"""Operations of TensorFlow that write to any file."""


def refuse_code(path: str) -> None:
    """Refuse a Keras model in HDF5 that holds code.

    Raises:
        ValueError: it does.
    """
    with open(path, "rb") as file:
        if file.read(len(HDF5)) != HDF5:
            return
    import h5py

    with h5py.File(path, "r") as held:
        config = held.attrs.get("model_config", "{}")
    config = config.decode() if isinstance(config, bytes) else str(config)
    if any(one in _CODE for one in _class_names(json.loads(config))):
        raise ValueError("the file holds code (a Lambda), which is not run")


def _class_names(config: Any) -> Iterator[str]:
    match config:
        case dict():
            yield str(config.get("class_name"))
            for value in config.values():
                yield from _class_names(value)
        case list():
            for value in config:
                yield from _class_names(value)


def refuse_writing(path: str) -> None:
    """Refuse a SavedModel whose graphs write files, which they may when they are loaded.

    Raises:
        ValueError: one does.
    """
    from tensorflow.core.protobuf import saved_model_pb2

    model = saved_model_pb2.SavedModel()
    with open(os.path.join(path, "saved_model.pb"), "rb") as file:
        model.ParseFromString(file.read())
    for graph in (meta.graph_def for meta in model.meta_graphs):
        nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
        for node in nodes:
            prints = node.op == "PrintV2" and node.attr["output_stream"].s.startswith(b"file:")
            if node.op in _WRITING or prints:
                raise ValueError(f"it writes a file ({node.op} {node.name!r}), and is not run")


@contextmanager
def tensors_only(torch: Any) -> Iterator[None]:
    """Lets PyTorch unpickle tensors and plain containers, and nothing else."""
    load, loads = torch.load, pickle.loads

    def refuse(*_: Any, **__: Any) -> Any:
        raise pickle.UnpicklingError("the file holds pickled objects, which are not loaded")

    torch.load = lambda *arguments, **keywords: load(*arguments, **{**keywords, "weights_only": True})
    pickle.loads = refuse
    try:
        yield
    finally:
        torch.load, pickle.loads = load, loads
