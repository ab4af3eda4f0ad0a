"""The format of a model file, by its content and never by its suffix alone."""

from __future__ import annotations

from typing import Final

from modelint.artifacts.archive import Archive
from modelint.artifacts.files import Data, ModelFiles
from modelint.artifacts.limits import Budget, MalformedError
from modelint.artifacts.stand_in import what_stands_in
from modelint.artifacts.wire import varint

UNKNOWN_FORMAT: Final = ""

_ZIP_MAGIC: Final = b"PK\x03\x04"
_HDF5_MAGIC: Final = b"\x89HDF\r\n\x1a\n"
_ZIP_START: Final = 2**20
"""Bytes of an archive that are searched for names where its directory is damaged."""


def format_of(files: ModelFiles) -> str:
    """The module of this package that reads a file or directory; ``UNKNOWN_FORMAT`` if none does."""
    if files.is_directory:
        return _of_directory(files)
    data = files.data()
    if data is None or not len(data):
        return UNKNOWN_FORMAT
    return _of_file(data)


def _of_directory(files: ModelFiles) -> str:
    if files.data("saved_model.pb") is not None or files.data("saved_model.pbtxt") is not None:
        return "savedmodel"
    if files.data("_METADATA") is not None or files.data("_CHECKPOINT_METADATA") is not None:
        return "inventory"
    if files.data("config.json") is not None and files.data("metadata.json") is not None:
        return "keras_archive"
    return UNKNOWN_FORMAT


def _of_file(data: Data) -> str:
    start = data[:64]
    if start.startswith(_ZIP_MAGIC):
        return _of_archive(data)
    if start.startswith(_HDF5_MAGIC):
        return "keras_hdf5"
    if start[4:8] == b"TFL3":
        return "tflite"
    if start[:1] == b"\x80":
        return "inventory"
    stripped = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    if stripped.startswith(b"{"):
        return "keras_json"
    if len(start) > 8 and start[8:9] == b"{":
        return "inventory"  # safetensors: a length of 8 bytes, then JSON
    return "stand_in" if what_stands_in(data) else _of_message(data)


def _of_archive(data: Data) -> str:
    """The kind of a zip archive by the names of its members, with and without the folder that torch puts them in."""
    try:
        names = frozenset(Archive(data, Budget()).members)
    except MalformedError:
        return _of_damaged_archive(data)
    inside = {name.partition("/")[2] for name in names} | names
    if "config.json" in names and ("metadata.json" in names or "model.weights.h5" in names):
        return "keras_archive"
    if "data.pkl" in inside:
        return "torchscript" if any(name.startswith("code/") for name in inside) else "inventory"
    exported = any(name.startswith("models/") and name.endswith(".json") for name in inside)
    if exported or "serialized_exported_program.json" in inside or "archive_format" in inside:
        return "torch_export"
    return "inventory" if any(name.endswith(".npy") for name in names) else UNKNOWN_FORMAT


def _of_damaged_archive(data: Data) -> str:
    """The kind of an archive without a directory that can be read: by the name of its first member and what follows."""
    start = data[:_ZIP_START]
    if b"/models/" in start or b"serialized_exported_program.json" in start or b"/data/weights/" in start:
        return "torch_export"
    if b"data.pkl" in start or b"/data/0" in start:
        return "torchscript" if b"/code/" in start else "inventory"
    if b"config.json" in start or b"metadata.json" in start:
        return "keras_archive"
    return "inventory" if b".npy" in start else UNKNOWN_FORMAT


def _of_message(data: Data) -> str:
    """The kind of a protocol buffer, by the numbers of its first fields."""
    start = data[:16]
    if start.startswith(b"\x08\x01\x12") and _holds_graphs(data):
        return "savedmodel"
    if start[:1] == b"\x08" and len(start) > 2:
        return "onnx"  # ir_version
    if start[:1] in (b"\x0a", b"\x12", b"\x22"):
        return "graphdef"
    return UNKNOWN_FORMAT


def _holds_graphs(data: Data) -> bool:
    """Whether graphs follow the version of a SavedModel: in ONNX of version 1, it is the producer's name and others."""
    try:
        length, position = varint(data, 3)
    except (IndexError, MalformedError):
        return True
    return position + length >= len(data) or data[position + length] == data[2]
