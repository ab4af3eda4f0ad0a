"""The list of rules, and the page of one."""

from __future__ import annotations

import json
from collections.abc import Iterable

from modelint.render.terminal import SEVERITY_STYLES, Style, Terminal
from modelint.selection import Entry


def as_text(entries: Iterable[Entry], terminal: Terminal) -> str:
    """A table, a category at a time."""
    listed = list(entries)
    longest = max(len(entry.name) for entry in listed)
    lines: list[str] = []
    category = None
    for entry in listed:
        if entry.category != category:
            lines += [""] if lines else []
            lines.append(terminal.paint(entry.category, Style.FRAME))
            category = entry.category
        name = terminal.paint(f"{entry.name:<{longest}}", Style.STRONG)
        severity = terminal.paint(f"{entry.severity.value:<7}", SEVERITY_STYLES[entry.severity])
        lines.append(f"  {name}  {severity}  {entry.summary}")
    return "\n".join(lines) + "\n"


def as_json(entries: Iterable[Entry]) -> str:
    """An array of objects."""
    rows = [
        {
            "name": entry.name,
            "category": entry.category,
            "severity": entry.severity.value,
            "since": entry.since,
            "summary": entry.summary,
        }
        for entry in entries
    ]
    return json.dumps(rows, indent=2) + "\n"


def page(entry: Entry) -> str:
    """The documentation of a rule in Markdown, under its name."""
    about = f"*{entry.category}*, {entry.severity.value} by default, since {entry.since}"
    return f"# {entry.name}\n\n{about}\n\n{entry.documentation}\n"
