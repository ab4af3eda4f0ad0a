"""Code actions: fixes of diagnostics, all safe fixes of a text at once, and comments that say that something is meant.

Takes the diagnostics that were published and the text of a document, gives edits of the protocol.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from lsprotocol import types

FIX_ALL = "source.fixAll.modelint"
KINDS = (types.CodeActionKind.QuickFix, FIX_ALL)

Versions = dict[str, int | None]


def fixes_of(diagnostic: types.Diagnostic) -> Iterator[types.CodeAction]:
    """The fix of a diagnostic, if it has one."""
    fix = _fix(diagnostic)
    if fix is not None:
        unsafe = "" if fix["safe"] else " (changes what the program computes)"
        yield types.CodeAction(
            title=f"{fix['title']}{unsafe}",
            kind=types.CodeActionKind.QuickFix,
            diagnostics=[diagnostic],
            is_preferred=bool(fix["safe"]) or None,
            edit=workspace_edit(fix["edits"]),
        )


def fix_all(diagnostics: Iterable[types.Diagnostic]) -> types.CodeAction | None:
    """All safe fixes that do not overlap; None if there is none."""
    taken: list[dict[str, Any]] = []
    for diagnostic in diagnostics:
        fix = _fix(diagnostic)
        if fix is not None and fix["safe"]:
            new = [edit for edit in fix["edits"] if edit not in taken]
            if not any(_overlap(one, other) for one in new for other in taken):
                taken += new
    if not taken:
        return None
    return types.CodeAction(title="Apply all safe fixes of modelint", kind=FIX_ALL, edit=workspace_edit(taken))


def workspace_edit(edits: Sequence[dict[str, Any]]) -> types.WorkspaceEdit:
    """Edits as the data of a diagnostic has them, by document."""
    changes: dict[str, list[types.TextEdit]] = {}
    for edit in edits:
        start, end = (types.Position(**edit["range"][side]) for side in ("start", "end"))
        changes.setdefault(edit["uri"], []).append(types.TextEdit(types.Range(start, end), edit["newText"]))
    return types.WorkspaceEdit(changes=changes)


def wanted(kind: str, only: Sequence[str] | None) -> bool:
    """Whether a kind of action was asked for: kinds are hierarchical."""
    return only is None or any(kind == each or kind.startswith(f"{each}.") for each in only)


def _fix(diagnostic: types.Diagnostic) -> dict[str, Any] | None:
    data = diagnostic.data
    return data if isinstance(data, dict) and {"title", "safe", "edits"} <= data.keys() else None


def _overlap(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two edits overlap or meet at a point, where their order would decide."""
    if one["uri"] != other["uri"]:
        return False
    (start, end), (begin, stop) = (
        [(each["range"][side]["line"], each["range"][side]["character"]) for side in ("start", "end")]
        for each in (one, other)
    )
    return bool(start <= stop and begin <= end)
