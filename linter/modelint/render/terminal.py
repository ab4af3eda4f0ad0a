"""Text for a terminal: colours, widths, and nothing in it that the terminal would obey."""

from __future__ import annotations

import enum
import unicodedata
from dataclasses import dataclass

from modelint.finding import Severity

TAB = "    "
_BIDIRECTIONAL = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that reorder what follows; a source that holds them does not read as it runs."""


class Style(enum.Enum):
    """What a piece of text is, by its colour: the parameters of an SGR escape sequence."""

    ERROR = "1;31"
    WARNING = "1;33"
    NOTE = "1;36"
    STRONG = "1"
    FRAME = "1;34"
    REASON = "34"
    HELP = "1;32"
    FAINT = "2"


SEVERITY_STYLES = {Severity.ERROR: Style.ERROR, Severity.WARNING: Style.WARNING, Severity.NOTE: Style.NOTE}


@dataclass(frozen=True, slots=True)
class Terminal:
    """What the output goes to: whether it takes colours, and how many columns it has."""

    colour: bool = False
    columns: int = 120

    def paint(self, text: str, style: Style) -> str:
        """The text in a style."""
        return f"\x1b[{style.value}m{text}\x1b[0m" if self.colour and text else text


PLAIN = Terminal()


def printable(text: str) -> str:
    """One line of text in which control characters, line ends and lone surrogates are written as escapes."""
    if text.isprintable() and text.isascii():
        return text
    return "".join(map(_printable_character, text))


def _printable_character(character: str) -> str:
    if character in _BIDIRECTIONAL or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
        return character.encode("unicode_escape", "surrogatepass").decode("ascii")
    return character


def width(text: str) -> int:
    """How many columns a terminal needs for the text."""
    if text.isascii():
        return len(text)
    return sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def displayed(text: str) -> str:
    """A source line, or part of one, as it is shown: tabs as blanks, nothing that acts on the terminal."""
    return printable(text.replace("\t", TAB))
