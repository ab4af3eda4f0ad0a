"""Findings of a notebook's module, as findings of its cells.

Takes a finding whose places count the lines of modules, gives one whose places say cell and line in the cell, and where
that is in the notebook's file. Places in scripts stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from modelint.documents.notebook import Cell, Notebook
from modelint.documents.notebook_file import NotebookFile
from modelint.finding import Edit, Finding, Fix, Place, Span

Opened = tuple[Notebook, NotebookFile]


def in_cells(finding: Finding, opened: Callable[[str], Opened | None]) -> Finding:
    """The finding, with all its places in cells; ``opened`` gives None for what is no notebook."""
    because = tuple(
        replace(reason, place=place_in_cell(reason.place, opened(reason.place.path))) for reason in finding.because
    )
    notebook = opened(finding.place.path)
    place = place_in_cell(finding.place, notebook)
    return replace(finding, place=place, because=because, fix=_fix(finding.fix, notebook))


def place_in_cell(place: Place, opened: Opened | None) -> Place:
    """A place of a notebook's module as one of a cell; any other as it is."""
    if opened is None or place.span is None or place.cell is not None:
        return place
    notebook, file = opened
    found = notebook.locate(place.span)
    if found is None:
        return place
    cell, span = found
    return replace(place, span=span, cell=cell.number, physical=file.span(cell.number, span))


def _fix(fix: Fix | None, opened: Opened | None) -> Fix | None:
    """The fix in cells; none if one of its edits goes over the end of a cell."""
    if fix is None or opened is None:
        return fix
    edits = [_edit(edit, *opened) for edit in fix.edits]
    return replace(fix, edits=tuple(edit for edit in edits if edit)) if all(edits) else None


def _breaks_a_magic(cell: Cell, span: Span, text: str) -> bool:
    """Whether lines would be put before a cell magic, which must come first, or into lines that begin further right."""
    if "\n" not in text:
        return False
    first = next((number for number, line in enumerate(cell.lines, 1) if line.strip()), 1)
    return any(cell.shifts) or (cell.lines[first - 1].lstrip().startswith("%%") and span.line <= first)


def _edit(edit: Edit, notebook: Notebook, file: NotebookFile) -> Edit | None:
    found = notebook.locate(edit.span)
    if found is None:
        return None
    cell, span = found
    goes_over = edit.span.end_line > cell.first + len(cell.lines) or (
        edit.span.end_line == cell.first + len(cell.lines) and edit.span.end_column > 1
    )
    if goes_over or _breaks_a_magic(cell, span, edit.text):
        return None
    edited = Edit(span, edit.text, cell.number)
    return replace(edited, physical=file.edit(edited))
