"""Code as it is written, as far as a fix needs it: the arguments of a call, the parameters of a function.

Takes nothing, gives values with the edits that can be made of them. It knows no syntax tree; ``documents`` makes these
values from one when a rule asks a place for them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from modelint.finding import Edit, Located, Span

_BINDS_LOOSER = re.compile(r"\b(if|lambda|yield|await)\b|:=|\n")
"""What a conditional expression cannot take as it stands, or what is better read by somebody."""


@dataclass(frozen=True, slots=True)
class WrittenArgument:
    """An argument of a call. ``text`` is the value's; ``star`` is ``""``, ``"*"`` or ``"**"``."""

    span: Span
    text: str
    keyword: str | None = None
    star: str = ""

    def replaced(self, text: str) -> Edit | None:
        """Another value in its place; None where the value goes over several lines."""
        if "\n" in self.text or "\r" in self.text:
            return None
        span = self.span
        return Edit(Span(span.end_line, span.end_column - len(self.text), span.end_line, span.end_column), text)

    def gated(self, test: str, otherwise: str) -> Edit | None:
        """The value only if ``test`` holds; None where that would read otherwise than it is meant."""
        if _BINDS_LOOSER.search(self.text):
            return None
        return Edit(_after(self.span), f" if {test} else {otherwise}")


@dataclass(frozen=True, slots=True)
class WrittenCall:
    """A call: ``function`` is the text of what is called, at ``function_span`` where that is on one line."""

    function: str
    function_span: Span | None
    arguments: tuple[WrittenArgument, ...] = ()

    @property
    def name(self) -> str:
        """The last name of what is called."""
        return self.function.rpartition(".")[2].strip()

    def argument(self, keyword: str, position: int | None = None) -> WrittenArgument | None:
        """The argument passed by name, or by position where that is certain."""
        for index, argument in enumerate(self.arguments):
            if argument.star:
                return None
            if argument.keyword == keyword or (argument.keyword is None and index == position):
                return argument
        return None

    def adding(self, argument: str) -> Edit | None:
        """An argument (``"training=False"``) put behind the last one.

        None where there is none, where it is passed already, or where it may be among what follows by * or **.
        """
        name = argument.partition("=")[0]
        if not self.arguments or any(one.star or one.keyword == name for one in self.arguments):
            return None
        return Edit(_after(self.arguments[-1].span), f", {argument}")

    def naming(self, position: int, keyword: str) -> Edit | None:
        """The name put before an argument passed by position; None where another positional one follows."""
        names = [one.keyword for one in self.arguments]
        if any(one.star for one in self.arguments) or keyword in names or names[position:].count(None) != 1:
            return None
        span = self.arguments[position].span
        return Edit(Span(span.line, span.column, span.line, span.column), f"{keyword}=")


@dataclass(frozen=True, slots=True, eq=False)
class Signature:
    """The parameters of a function.

    ``mode`` is the name of that for the run mode, if there is one. ``last`` is the last parameter behind which another
    can be added; None where there is none, or where it would take what is meant for others.
    """

    mode: str | None = None
    last: Located | None = None

    def adding(self, parameter: str) -> Edit | None:
        """A parameter put behind the last one."""
        span = self.last.resolve().span if self.last is not None else None
        return None if span is None else Edit(_after(span), f", {parameter}")


def _after(span: Span) -> Span:
    return Span(span.end_line, span.end_column, span.end_line, span.end_column)
