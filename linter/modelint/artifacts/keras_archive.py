"""Keras archives: ``.keras`` files of Keras 3 (and of tf_keras), or their unpacked form, to their graph.

Two members of the archive are read, the configuration and the metadata; the weights are never opened.
"""

from __future__ import annotations

from typing import Final

from modelint.artifacts.archive import Archive
from modelint.artifacts.files import ModelFiles, bytes_of
from modelint.artifacts.json_text import Json, parse
from modelint.artifacts.keras_model import keras_model
from modelint.artifacts.limits import LARGEST_MEMBER, Budget, MalformedError
from modelint.artifacts.model_file import ModelFile

CONFIG: Final = "config.json"
METADATA: Final = "metadata.json"


def read(files: ModelFiles, budget: Budget) -> ModelFile:
    """Read an archive, or the directory that holds its members.

    Raises:
        MalformedError: it cannot be read.
    """
    problems: tuple[str, ...] = ()
    if files.is_directory:
        texts = {name: _member(files, name) for name in (CONFIG, METADATA)}
    else:
        data = bytes_of(files)
        archive = Archive(data, budget)
        problems = archive.problems
        texts = {name: archive.read(name) for name in (CONFIG, METADATA) if name in archive}
    if CONFIG not in texts:
        raise MalformedError("the archive holds no configuration of a model", member=CONFIG)
    config = parse(texts[CONFIG], budget, member=CONFIG)
    metadata: Json = parse(texts[METADATA], budget, member=METADATA) if METADATA in texts else {}
    if not isinstance(metadata, dict):
        raise MalformedError("the metadata are no object", member=METADATA)
    saved = metadata.get("date_saved")
    shown = {"date_saved": saved} if isinstance(saved, str) else {}
    try:
        return keras_model(
            files.path,
            config,
            metadata.get("keras_version"),
            budget,
            form="archive",
            problems=problems,
            metadata=shown,
        )
    except MalformedError as error:
        error.member = error.member or CONFIG
        raise


def _member(files: ModelFiles, name: str) -> bytes:
    data = files.data(name)
    if data is None:
        raise MalformedError("the directory has no such file", member=name)
    if len(data) > LARGEST_MEMBER:
        raise MalformedError(f"the file is larger than {LARGEST_MEMBER:,} bytes", member=name)
    return data[:]
