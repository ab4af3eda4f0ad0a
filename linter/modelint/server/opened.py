"""What is open in the editor, as bytes that the linter reads.

Takes documents of the protocol, gives ``Opened``. A notebook becomes the bytes of a ``.ipynb`` file with the cells that
the editor has now, so that it is read like one.
"""

from __future__ import annotations

import json
import re
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass, field

from lsprotocol import types
from pygls.uris import to_fs_path
from pygls.workspace import TextDocument, Workspace

SCHEME = "file:"
_LINE_END = re.compile(r"\r\n?|\n")


@dataclass(frozen=True, slots=True)
class Source:
    """A text of the editor's: a document, or a cell of a notebook."""

    uri: str
    version: int | None


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that is open. ``cells`` are its texts by the number of the cell; None stands for the file itself."""

    uri: str
    path: str
    data: bytes
    cells: Mapping[int | None, Source] = field(default_factory=dict)


def opened_document(document: TextDocument) -> Opened | None:
    """An open document; None if it is no file."""
    path = _path(document.uri)
    if path is None:
        return None
    return Opened(document.uri, path, encoded(document.source), {None: Source(document.uri, document.version)})


def opened_notebook(notebook: types.NotebookDocument, workspace: Workspace) -> Opened | None:
    """An open notebook; None if it is no file."""
    path = _path(notebook.uri)
    if path is None:
        return None
    cells: list[dict[str, object]] = []
    sources: dict[int | None, Source] = {}
    for number, cell in enumerate(notebook.cells, 1):
        if cell.kind is not types.NotebookCellKind.Code:
            cells.append({"cell_type": "markdown", "source": ""})
            continue
        document = workspace.get_text_document(cell.document)
        language = {"vscode": {"languageId": document.language_id}} if document.language_id else {}
        cells.append({"cell_type": "code", "source": document.source, "metadata": language})
        sources[number] = Source(cell.document, document.version)
    data = json.dumps({"cells": cells, "nbformat": 4}).encode()
    return Opened(notebook.uri, path, data, sources)


def encoded(text: str) -> bytes:
    """The bytes of a text that is being edited, in the encoding that it declares."""
    data = text.encode("utf-8", "surrogatepass")
    try:
        declared, _ = tokenize.detect_encoding(iter(data.splitlines(keepends=True)).__next__)
        return text.encode(declared)
    except (SyntaxError, LookupError, UnicodeEncodeError):
        return data


def source_lines(text: str) -> list[str]:
    """The lines of a text, without their ends, as the protocol counts them."""
    return _LINE_END.split(text)


def _path(uri: str) -> str | None:
    path = to_fs_path(uri) if uri.startswith(SCHEME) else None
    return path or None
