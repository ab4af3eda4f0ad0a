"""Model files on disk: found by suffix in a directory scan, by content when they are named; opened without reading."""

from __future__ import annotations

import contextlib
import mmap
import os
import stat
from typing import Final

import attrs

from modelint.artifacts.files import Data
from modelint.artifacts.sniffing import UNKNOWN_FORMAT, format_of
from modelint.workspace.names import name_of

SUFFIXES: Final = (".keras", ".onnx", ".tflite", ".pt2", ".h5", ".hdf5", ".pb", ".pt", ".pth")
"""What a scan takes for a model file. Of these, what turns out to hold no model at all is passed over."""

SAVED_MODEL: Final = ("saved_model.pb", "saved_model.pbtxt")
"""The files that make a directory a SavedModel."""

SAVED_MODEL_MEMBERS: Final = (*SAVED_MODEL, "keras_metadata.pb", "fingerprint.pb")
"""Files of a SavedModel that say nothing without the directory they are in."""

MOST_MEMBERS: Final = 10_000
SCRIPT_SUFFIXES: Final = (".py", ".pyi", ".pyw", ".ipynb")


@attrs.define(eq=False)
class OpenedModel:
    """One model file or directory, opened while the reader needs it. Use as a context manager."""

    path: str
    _opened: dict[str, Data | None] = attrs.field(factory=dict)

    @property
    def is_directory(self) -> bool:
        """Whether the model is saved as a directory."""
        return os.path.isdir(self.path)

    def data(self, member: str = "") -> Data | None:
        """The bytes of the file, or of a member of the directory; see ``artifacts.files.ModelFiles``."""
        if member not in self._opened:
            path = self._inside(member) if member else self.path
            self._opened[member] = _mapped(path) if path else None
        return self._opened[member]

    def members(self) -> tuple[str, ...]:
        """The names of the regular files inside, in order."""
        found: list[str] = []
        for directory, below, files in os.walk(self.path):
            below.sort()
            inside = os.path.relpath(directory, self.path)
            found += [os.path.normpath(os.path.join(inside, name)).replace(os.sep, "/") for name in sorted(files)]
            if len(found) >= MOST_MEMBERS:
                break
        return tuple(found[:MOST_MEMBERS])

    def __enter__(self) -> OpenedModel:
        return self

    def __exit__(self, *_: object) -> None:
        for data in self._opened.values():
            if isinstance(data, mmap.mmap):
                with contextlib.suppress(BufferError):  # something still looks at it; it goes with that
                    data.close()
        self._opened.clear()

    def _inside(self, member: str) -> str | None:
        """The path of a member; None if it leads out of the directory."""
        root = os.path.realpath(self.path)
        path = os.path.realpath(os.path.join(root, member))
        return path if os.path.commonpath((root, path)) == root else None


def is_model(path: str) -> bool:
    """Whether a file or directory that was named is a model, by its content; by its suffix where that says nothing."""
    if path.endswith(SCRIPT_SUFFIXES):
        return False
    if os.path.isdir(path):
        return is_saved_model(path) or holds_model(path)
    return path.endswith(SUFFIXES) or holds_model(path)


def is_saved_model(directory: str) -> bool:
    """Whether a directory is a SavedModel."""
    return any(os.path.isfile(os.path.join(directory, name)) for name in SAVED_MODEL)


def whole_model(path: str) -> str:
    """The path that is to be examined where a file is named: of a SavedModel's own file, the directory it is in."""
    directory, name = os.path.split(path)
    belongs = name in SAVED_MODEL_MEMBERS and os.path.isfile(path) and is_saved_model(directory)
    return directory if belongs else path


def holds_model(path: str) -> bool:
    """Whether a file or directory has the content of a model file, of whatever format."""
    with OpenedModel(name_of(path)) as model:
        return format_in(model) != UNKNOWN_FORMAT


def format_in(model: OpenedModel) -> str:
    """The format of an opened model, as ``artifacts.sniffing`` names it; unknown too where it cannot be looked at."""
    try:
        return format_of(model)
    except (OSError, ValueError):
        return UNKNOWN_FORMAT


def _mapped(path: str) -> Data | None:
    """The bytes of a regular file, not yet read.

    Raises:
        OSError: it cannot be opened.
    """
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                return None
            if status.st_size == 0:
                return b""  # cannot be mapped
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return None
    if hasattr(mmap, "MADV_RANDOM"):
        data.madvise(mmap.MADV_RANDOM)  # the system would read the weights ahead
    return data
