"""The format of a model file, by its content and never by its suffix alone."""

from __future__ import annotations

from typing import Final

from modelint.artifacts.files import Data, ModelFiles

UNKNOWN_FORMAT: Final = ""

_ZIP_MAGIC: Final = b"PK\x03\x04"
_HDF5_MAGIC: Final = b"\x89HDF\r\n\x1a\n"
_ZIP_TAIL: Final = 4 * 2**20
"""Bytes at the end of an archive that are searched for the names of its members."""


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
    return _of_message(start)


def _of_archive(data: Data) -> str:
    names = data[max(0, len(data) - _ZIP_TAIL) :]
    if b"config.json" in names and b"metadata.json" in names:
        return "keras_archive"
    if b"serialized_exported_program.json" in names or b"models/model.json" in names or b"/models/" in names:
        return "torch_export"
    if b"data.pkl" in names:
        return "torchscript" if b"/code/" in names else "inventory"
    if b".npy" in names:
        return "inventory"
    return UNKNOWN_FORMAT


def _of_message(start: bytes) -> str:
    """The kind of a protocol buffer, by the numbers of its first fields."""
    if start.startswith(b"\x08\x01\x12"):
        return "savedmodel"
    if start[:1] == b"\x08" and len(start) > 2:
        return "onnx"  # ir_version
    if start[:1] in (b"\x0a", b"\x12", b"\x22"):
        return "graphdef"
    return UNKNOWN_FORMAT
