"""Lines of notebooks: in a cell, in the notebook's file, and in all code cells joined, as labels count them."""

from __future__ import annotations

from dataclasses import dataclass

from modelint.documents import Notebook, read_notebook
from modelint.documents.notebook_file import NotebookFile
from modelint.finding import Span


@dataclass(frozen=True, slots=True)
class JoinedCells:
    """The code cells of a notebook, joined."""

    notebook: Notebook
    file: NotebookFile

    @classmethod
    def of(cls, data: bytes) -> JoinedCells | None:
        """Those of a notebook's bytes; None if they are none."""
        notebook = read_notebook("", data)
        return cls(notebook, NotebookFile(data)) if isinstance(notebook, Notebook) else None

    def line(self, cell: int, line: int) -> int:
        """The joined line of a line in a cell."""
        found = self.notebook.cell(cell)
        return found.first + line - 1 if found else line

    def line_in_file(self, line: int) -> int | None:
        """The joined line that stands on ``line`` of the notebook's own file, or None if no code stands there."""
        for cell in self.notebook.cells:
            for number in range(1, len(cell.lines) + 1):
                span = self.file.span(cell.number, Span(number, 1, number, 2))
                if span and span.line == line:
                    return cell.first + number - 1
        return None
