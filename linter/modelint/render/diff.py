"""Files before and after, as a unified diff that ``patch -p0`` and ``git apply -p0`` take."""

from __future__ import annotations

import difflib
import re

from modelint.render.terminal import Style, Terminal

_STYLES = {"---": Style.STRONG, "+++": Style.STRONG, "@@": Style.FRAME, "-": Style.ERROR, "+": Style.HELP}


def render(path: str, before: str, after: str, terminal: Terminal) -> str:
    """The difference of one file; empty if there is none. Line ends stay as they are, for the patch to apply."""
    lines = difflib.unified_diff(_lines(before), _lines(after), path, path)
    return "".join(_painted(line, terminal) for line in lines)


def _lines(text: str) -> list[str]:
    """Lines as patches count them: they end with a line feed only."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _painted(line: str, terminal: Terminal) -> str:
    end = "\n" if line.endswith("\n") else "\n\\ No newline at end of file\n"
    content = line.removesuffix("\n")
    style = next((style for mark, style in _STYLES.items() if content.startswith(mark)), None)
    return (terminal.paint(content, style) if style else content) + end
