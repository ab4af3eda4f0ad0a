"""What a reader sees of the file system: the bytes of one model file or directory, and nothing outside of it."""

from __future__ import annotations

import mmap
from typing import Protocol

from modelint.artifacts.limits import MalformedError

Data = bytes | mmap.mmap
"""Random access without reading everything: ``data[a:b]``, ``len(data)``, ``data.find``."""


class ModelFiles(Protocol):
    """One model file, or the directory that one model is saved as."""

    @property
    def path(self) -> str:
        """As the run names it, with forward slashes; a directory has no slash at the end."""
        ...

    @property
    def is_directory(self) -> bool: ...

    def data(self, member: str = "") -> Data | None:
        """The bytes of the file (``""``), or of a regular file inside the directory (``"variables/x.index"``).

        None if there is no such file. Links that lead out of the directory are not followed. The same object on every
        call; it must not be closed, and nothing keeps it beyond the reading.
        """
        ...

    def members(self) -> tuple[str, ...]:
        """The names of the regular files inside the directory (at most 10,000), in order; empty for a file."""
        ...


def bytes_of(files: ModelFiles) -> Data:
    """The bytes of a model that is one file.

    Raises:
        MalformedError: there is no such file.
    """
    data = files.data()
    if data is None:
        raise MalformedError("there is no such file")
    return data
