"""A model file that is in memory, and what the readers and rules make of it."""

from __future__ import annotations

from dataclasses import dataclass

from modelint.artifacts.model_file import Effect, EffectKind, ModelFile
from modelint.artifacts.reading import read_model
from modelint.artifacts.served import program_of
from modelint.facts import Settings
from modelint.facts.program import FactT


@dataclass(frozen=True)
class InMemory:
    """The bytes of one file."""

    content: bytes
    path: str = "model"
    is_directory: bool = False

    def data(self, member: str = "") -> bytes | None:
        return None if member else self.content

    def members(self) -> tuple[str, ...]:
        return ()


def read_bytes(content: bytes) -> ModelFile:
    """What a reader gives, which must be able to read it."""
    file = read_model(InMemory(content))
    assert isinstance(file, ModelFile), file
    return file


def effects(file: ModelFile) -> list[Effect]:
    """What running any entry does."""
    return [effect for entry in file.entries for effect in entry.effects]


def kinds(file: ModelFile) -> list[tuple[EffectKind, str]]:
    """The same, as kind and operation."""
    return [(effect.kind, effect.what) for effect in effects(file)]


def facts(file: ModelFile, kind: type[FactT]) -> list[FactT]:
    """The facts of one kind that the rules are given."""
    return list(program_of(file, Settings()).all(kind))


def is_batch_dependent(file: ModelFile) -> bool:
    """The verdict: whether a prediction depends on the other samples."""
    return any(
        effect.kind is EffectKind.MIXES or (effect.kind is EffectKind.TRAIN_MODE and "Dropout" not in effect.what)
        for effect in effects(file)
    )


def is_random(file: ModelFile) -> bool:
    """The verdict: whether a prediction contains a random draw."""
    return any(
        (effect.kind is EffectKind.DRAWS and effect.affects_prediction)
        or (effect.kind is EffectKind.TRAIN_MODE and "Dropout" in effect.what)
        for effect in effects(file)
    )
