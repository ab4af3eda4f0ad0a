"""Files in the place of a model, of which it is plain what they are and why they are not read.

Takes such a file, gives the reason: a pointer of Git LFS where the model itself was not fetched, the text form of what
is read in its binary form.
"""

from __future__ import annotations

import re
from typing import Final, NoReturn

from modelint.artifacts.files import Data, ModelFiles, bytes_of
from modelint.artifacts.limits import Budget, MalformedError

_POINTER: Final = b"version https://git-lfs.github.com/spec/"
_TEXT: Final = re.compile(
    rb"(?:\s|#[^\n]*\n)*"
    rb"(?:(?:node|library|versions|meta_graphs|opset_import)\s*\{"
    rb"|(?:ir_version|saved_model_schema_version):\s*\d+\s*\n\s*[a-z_]+\s*[:{])"
)
"""How the text of a GraphDef, a SavedModel or an ONNX model begins."""

_START: Final = 1024


def what_stands_in(data: Data) -> str | None:
    """Why a file is none of those that are read; None if it is no such file."""
    start = data[:_START]
    if start.startswith(_POINTER):
        return "this is a pointer of Git LFS, not the model itself; fetch that with git lfs pull"
    if _TEXT.match(start):
        return "the text form of a model is not read; save it in its binary form"
    return None


def read(files: ModelFiles, budget: Budget) -> NoReturn:
    """Say what a file is.

    Raises:
        MalformedError: it is not read, whatever it is.
    """
    raise MalformedError(what_stands_in(bytes_of(files)) or "this is no model")
