"""A model file to its graph, whatever its format; or the reason why it cannot be read.

The format is found by content. Whatever goes wrong inside a reader ends here, in an ``Unreadable``.
"""

from __future__ import annotations

import importlib
from typing import Protocol, cast

from modelint.artifacts.files import ModelFiles
from modelint.artifacts.limits import Budget, MalformedError
from modelint.artifacts.model_file import ModelFile
from modelint.artifacts.sniffing import UNKNOWN_FORMAT, format_of
from modelint.documents import Unreadable


class Reader(Protocol):
    """A module of this package that reads one format."""

    def read(self, files: ModelFiles, budget: Budget) -> ModelFile:
        """Read a file.

        Raises:
            MalformedError: it cannot be read.
        """
        ...


def read_model(files: ModelFiles) -> ModelFile | Unreadable:
    """Read a model file or directory. Never raises, never takes more than a bounded time and memory."""
    try:
        found = format_of(files)
        if found == UNKNOWN_FORMAT:
            return Unreadable(files.path, "this is no model file of a format that modelint knows")
        reader = cast("Reader", importlib.import_module(f"modelint.artifacts.{found}"))
        return reader.read(files, Budget())
    except MalformedError as error:
        return Unreadable(files.path, str(error))
    except OSError as error:
        return Unreadable(files.path, f"the file cannot be opened: {error.strerror or error}")
    except (MemoryError, RecursionError):
        return Unreadable(files.path, "the file is nested too deeply or too large to examine")
    except Exception as error:  # a damaged file can surprise a reader in any way
        return Unreadable(files.path, f"the file is damaged or of an unknown kind ({type(error).__name__}: {error})")
