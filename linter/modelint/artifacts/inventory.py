"""Files that hold arrays and no graph: what they hold, and that there is nothing to examine.

Takes checkpoints and pickled modules of PyTorch (zip archives and the older format), safetensors, ``.npz`` archives and
directories of Orbax. Of the arrays themselves nothing is read. A pickle names the classes of its modules but does not
hold their code, so that what they do to a prediction is not known.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Final

from modelint.artifacts.archive import Archive
from modelint.artifacts.files import Data, ModelFiles, bytes_of
from modelint.artifacts.json_text import Json, parse
from modelint.artifacts.limits import MOST_NODES, Budget, MalformedError
from modelint.artifacts.model_file import ModelFile, Weight
from modelint.artifacts.pickled_weights import Contents, contents_of
from modelint.artifacts.pickles import Instance, PickleStream, Value, read_next, read_pickle
from modelint.facts import Constant
from modelint.wording import enumeration

_NO_GRAPH: Final = "the model: the file holds arrays and no graph"
_LEGACY_MAGIC: Final = 0x1950A86A20F9469CFC6C
"""The first value in a file of ``torch.save`` before the zip format (``torch/serialization.py``, ``MAGIC_NUMBER``)."""

_LARGEST_HEADER: Final = 100_000_000
"""Bytes of a safetensors header, the limit of its own implementation."""

_NPY_SHAPE: Final = re.compile(rb"'shape': *\(([0-9, ]*)\)")
_NPY_TYPE: Final = re.compile(rb"'descr': *'[<>|=]?([A-Za-z0-9]{1,8})'")
_ORBAX: Final = "_METADATA"


def read(files: ModelFiles, budget: Budget) -> ModelFile:
    """Read a file or directory of arrays.

    Raises:
        MalformedError: it is damaged, or no such file.
    """
    if files.is_directory:
        return _orbax(files, budget)
    data = bytes_of(files)
    if data[:4] == b"PK\x03\x04":
        return _archive(files.path, data, budget)
    if data[:1] == b"\x80":
        return _pickle(files.path, data, budget)
    return _safetensors(files.path, data, budget)


def _archive(path: str, data: Data, budget: Budget) -> ModelFile:
    archive = Archive(data, budget)
    pickled = min((name for name in archive.members if name.rsplit("/", 1)[-1] == "data.pkl"), key=len, default=None)
    if pickled is not None:
        return _checkpoint(path, read_pickle(archive.read(pickled), budget), budget, archive.problems)
    arrays = [name for name in archive.members if name.endswith(".npy")]
    if not arrays:
        raise MalformedError("the archive holds no model and no arrays")
    weights = tuple(_npy(archive, data, name) for name in arrays[:MOST_NODES])
    return ModelFile(path, "NumPy archive", weights=weights, unexamined=(_NO_GRAPH,), problems=archive.problems)


def _npy(archive: Archive, data: Data, name: str) -> Weight:
    """An array in a ``.npz``; what is packed is not unpacked for its shape.

    The layout is that of ``numpy.lib.format``: magic, version, length of the header, header.
    """
    span = archive.span(name)
    start = data[span[0] : min(span[1], span[0] + 4096)] if span is not None else b""
    shape, dtype = _NPY_SHAPE.search(start), _NPY_TYPE.search(start)
    sizes = re.findall(rb"\d{1,18}", shape[1]) if shape is not None else None
    return Weight(
        name.removesuffix(".npy"),
        tuple(int(size) for size in sizes) if sizes is not None else None,
        dtype[1].decode("ascii") if dtype is not None else None,
    )


def _pickle(path: str, data: Data, budget: Budget) -> ModelFile:
    stream = PickleStream(data)
    value = read_next(stream, budget)
    if value == _LEGACY_MAGIC:
        for _ in ("protocol version", "system"):
            read_next(stream, budget)
        value = read_next(stream, budget)
        return _checkpoint(path, value, budget, ())
    return _checkpoint(path, value, budget, (), "Python pickle")


def _checkpoint(
    path: str, value: Value, budget: Budget, problems: tuple[str, ...], kind: str = "PyTorch checkpoint"
) -> ModelFile:
    contents = contents_of(value, budget)
    whole = isinstance(value, Instance) and contents.modules[:1] == [value.class_name]
    unexamined = _NO_GRAPH
    if contents.modules:
        kind = "PyTorch module" if whole else kind
        unexamined = f"the module {contents.modules[0]!r}: its forward pass is code that the file does not hold"
    if contents.live:
        stays = enumeration(contents.live)
        problems = (*problems, f"it was saved in train mode: {stays} stay so until whoever loads it calls eval()")
    return ModelFile(
        path,
        kind,
        weights=tuple(contents.weights),
        unexamined=(unexamined,),
        problems=problems,
        metadata=dict(_counted(contents)),
    )


def _counted(contents: Contents) -> Iterator[tuple[str, Constant]]:
    if contents.modules:
        yield "modules", len(contents.modules)
        yield "modules in train mode", len(contents.training)
    statistics = sum(weight.name.rsplit(".", 1)[-1] == "running_mean" for weight in contents.weights)
    if statistics:
        yield "layers with running statistics", statistics


def _safetensors(path: str, data: Data, budget: Budget) -> ModelFile:
    """Read the header: its length in 8 bytes, then JSON (https://huggingface.co/docs/safetensors)."""
    if len(data) < 8:
        raise MalformedError("the file ends before its header")
    (length,) = struct.unpack("<Q", data[:8])
    if length > min(_LARGEST_HEADER, len(data) - 8):
        raise MalformedError("the header is longer than the file", offset=0)
    header = parse(data[8 : 8 + length], budget)
    if not isinstance(header, dict):
        raise MalformedError("the header is no object", offset=8)
    described = header.pop("__metadata__", None)
    problems: list[str] = []
    weights = []
    for name, tensor in header.items():
        match tensor:
            case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [int(start), int(end)]}:
                weights.append(Weight(name, _sizes(shape), dtype.lower()))
                if not 0 <= start <= end <= len(data) - 8 - length:
                    problems.append(f"the array {name!r} lies outside of the file")
            case _:
                raise MalformedError(f"the array {name!r} has no type, shape and place", offset=8)
    metadata = described if isinstance(described, dict) else {}
    return ModelFile(
        path,
        "safetensors",
        weights=tuple(weights),
        unexamined=(_NO_GRAPH,),
        problems=tuple(problems),
        metadata={key: value for key, value in metadata.items() if isinstance(value, str)},
    )


def _orbax(files: ModelFiles, budget: Budget) -> ModelFile:
    """Read the trees of an Orbax checkpoint: a ``_METADATA`` in the directory or one below, for each item."""
    weights: list[Weight] = []
    trees = [name for name in files.members() if name.rsplit("/", 1)[-1] == _ORBAX and name.count("/") <= 2]
    for member in trees:
        data = files.data(member)
        tree = parse(data[:], budget, member=member) if data is not None else None
        described = tree.get("tree_metadata") if isinstance(tree, dict) else None
        if not isinstance(described, dict):
            raise MalformedError("the metadata describe no tree", member=member)
        item = member.rpartition("/")[0]
        weights += [_leaf(item, name, leaf) for name, leaf in described.items()]
    return ModelFile(files.path, "Orbax checkpoint", weights=tuple(weights), unexamined=(_NO_GRAPH,))


def _leaf(item: str, name: str, leaf: Json) -> Weight:
    shape: tuple[int, ...] | None = None
    match leaf:
        case {"key_metadata": list(keys)}:
            parts = [key["key"] for key in keys if isinstance(key, dict) and isinstance(key.get("key"), str)]
            name = ".".join(str(part) for part in parts) or name
    match leaf:
        case {"value_metadata": {"write_shape": list(sizes)}}:
            shape = _sizes(sizes)
    return Weight(f"{item}.{name}" if item else name, shape)


def _sizes(shape: list[Json]) -> tuple[int, ...] | None:
    sizes = tuple(size for size in shape if isinstance(size, int) and not isinstance(size, bool))
    return sizes if len(sizes) == len(shape) else None
