"""A model file in memory, or a directory of them, for the readers of ``modelint.artifacts``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from modelint.artifacts.model_file import ModelFile
from modelint.artifacts.reading import read_model
from modelint.documents import Unreadable


@dataclass(frozen=True)
class ModelBytes:
    """One file, or a directory of files by name."""

    content: bytes | Mapping[str, bytes]
    path: str = "model"

    @property
    def is_directory(self) -> bool:
        return not isinstance(self.content, bytes)

    def data(self, member: str = "") -> bytes | None:
        if isinstance(self.content, bytes):
            return None if member else self.content
        return self.content.get(member)

    def members(self) -> tuple[str, ...]:
        return () if isinstance(self.content, bytes) else tuple(sorted(self.content))


def read(content: bytes | Mapping[str, bytes]) -> ModelFile:
    """What is read from a file that can be read."""
    file = read_model(ModelBytes(content))
    assert isinstance(file, ModelFile), file
    return file


def refusal(content: bytes | Mapping[str, bytes]) -> str:
    """Why a file cannot be read."""
    file = read_model(ModelBytes(content))
    assert isinstance(file, Unreadable), file
    return file.message
