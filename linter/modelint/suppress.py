"""Suppression comments: ``# modelint: ignore[rule] reason`` and ``# modelint: file-ignore[rule] reason``.

Takes a script's text and says which findings its comments suppress. It knows neither the rules (their names are handed
in) nor whether a comment was needed; ``engine`` finds that out by using it.

A comment covers the findings that begin on its own line. At the end of a statement's first or last line, or on lines
of their own above it, it covers the whole of the statement; a compound statement counts up to its colon. On a
line of its own inside brackets it covers the line below.
"""

from __future__ import annotations

import bisect
import io
import re
import tokenize
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from modelint.finding import Confidence, Edit, Finding, Fix, Place, Safety, Severity, Span
from modelint.spelling import did_you_mean, nearest

UNUSED = "unused-ignore"
UNKNOWN = "unknown-ignore"

_DIRECTIVE = re.compile(r"#\s*modelint:\s*(?P<word>[A-Za-z][\w-]*)?\s*(?P<names>\[(?P<inside>[^\]]*)\])?")
_NAME = re.compile(r"[^\s,]+")
_NEXT_COMMENT = re.compile(r"\s(?=#\s)")
_WORDS = ("ignore", "file-ignore")
_FOREIGN = ("disable", "disable-line", "enable", "noqa", "off", "skip", "skip-file", "suppress")
"""What other tools call it; a comment that begins with another word is prose."""


@dataclass(frozen=True, slots=True)
class Ignore:
    """One rule's name in a suppression comment.

    ``span`` is the name, ``lines`` the first and the last line that it covers (None: the whole file). ``removal`` is
    the text to delete when none of the comment's names is needed, ``siblings`` the spans of all its names.
    """

    rule: str
    span: Span
    lines: tuple[int, int] | None
    removal: Span
    siblings: tuple[Span, ...]

    def covers(self, line: int | None) -> bool:
        """Whether a finding that begins on ``line`` is suppressed; one without a line only by the whole file."""
        return self.lines is None or (line is not None and self.lines[0] <= line <= self.lines[1])


@dataclass(frozen=True, slots=True)
class Suppressions:
    """All suppression comments of one file, and what is wrong with their form."""

    path: str
    ignores: tuple[Ignore, ...] = ()
    malformed: tuple[tuple[Span, str], ...] = ()

    def matching(self, finding: Finding) -> tuple[Ignore, ...]:
        """The ignores that suppress a finding of this file."""
        line = finding.place.span.line if finding.place.span else None
        return tuple(i for i in self.ignores if i.rule == finding.rule and i.covers(line))

    def unknown(self, known: Collection[str]) -> Iterator[Finding]:
        """Comments that suppress nothing because of how they are written; ``known`` are the names of all rules."""
        for span, message in self.malformed:
            yield _finding(UNKNOWN, self.path, span, message)
        for ignore in self.ignores:
            if ignore.rule not in known:
                meant = nearest(ignore.rule, known)
                fix = Fix(f"write {meant!r}", Safety.SAFE, (Edit(ignore.span, meant),)) if meant else None
                message = f"there is no rule {ignore.rule!r}{did_you_mean(ignore.rule, known)}"
                yield _finding(UNKNOWN, self.path, ignore.span, message, fix)

    def unused(self, used: Collection[Ignore], judged: Collection[str]) -> Iterator[Finding]:
        """Ignores that suppressed nothing, of the rules ``judged`` in this run."""
        spare = [i for i in self.ignores if i.rule in judged and i not in used]
        for ignore in spare:
            alone = all(any(s.span == sibling for s in spare) for sibling in ignore.siblings)
            removal = ignore.removal if alone else _with_comma(ignore)
            fix = Fix("remove the ignore", Safety.SAFE, (Edit(removal, ""),))
            message = f"{ignore.rule!r} reports nothing here; remove it from the comment"
            yield _finding(UNUSED, self.path, ignore.span, message, fix)


def _finding(rule: str, path: str, span: Span, message: str, fix: Fix | None = None) -> Finding:
    return Finding(rule, Severity.WARNING, Confidence.HIGH, Place(path, span), message, fix=fix)


def _with_comma(ignore: Ignore) -> Span:
    """The name with the comma and space that part it from its neighbour."""
    position = ignore.siblings.index(ignore.span)
    span = ignore.span
    if position:
        return Span(span.line, ignore.siblings[position - 1].end_column, span.end_line, span.end_column)
    return Span(span.line, span.column, span.end_line, ignore.siblings[1].column)


@dataclass(slots=True)
class _Layout:
    """Where the comments and the statements of a file stand, by line number, each in order."""

    comments: list[tuple[int, int, str]] = field(default_factory=list)  # line, column, text
    first_lines: list[int] = field(default_factory=list)  # of the statements
    last_lines: list[int] = field(default_factory=list)
    decorators: set[int] = field(default_factory=set)  # first lines of the statements that are decorators
    code: list[int] = field(default_factory=list)  # lines that hold more than a comment

    def covered(self, line: int) -> tuple[int, int]:
        """The lines that a comment on ``line`` covers."""
        position = bisect.bisect_left(self.code, line)
        if position == len(self.code):
            return (line, line)
        own_line = self.code[position] != line
        line = self.code[position]
        position = bisect.bisect_right(self.first_lines, line) - 1
        if position < 0:
            return (line, line)
        first, last = self.first_lines[position], self.last_lines[position]
        if own_line and line == first:
            return (line, self._decorated(position))
        if not own_line and line in (first, last):
            return (first, last)
        return (line, line)

    def last_line(self, line: int) -> int:
        """The last line of the statement that a line is in."""
        position = bisect.bisect_right(self.first_lines, line) - 1
        return line if position < 0 else max(line, self.last_lines[position])

    def _decorated(self, position: int) -> int:
        """The last line of a statement; of a decorator, the last line of what it decorates."""
        while self.first_lines[position] in self.decorators and position + 1 < len(self.first_lines):
            position += 1
        return self.last_lines[position]


_BLANK = frozenset({tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER})


def _layout(text: str) -> _Layout:
    """Read the tokens of a text, as far as they can be read."""
    layout = _Layout()
    start: int | None = None
    source = io.StringIO(re.sub(r"\r\n?", "\n", text))
    try:
        for token in tokenize.generate_tokens(source.readline):
            if token.type == tokenize.COMMENT:
                layout.comments.append((token.start[0], token.start[1] + 1, token.string))
            elif token.type == tokenize.NEWLINE:
                if start is not None:
                    layout.first_lines.append(start)
                    layout.last_lines.append(token.start[0])
                start = None
            elif token.type not in _BLANK:
                if start is None:
                    start = token.start[0]
                    if token.string == "@":
                        layout.decorators.add(start)
                seen = layout.code[-1] if layout.code else 0
                layout.code.extend(range(max(seen + 1, token.start[0]), token.end[0] + 1))
    except (tokenize.TokenError, SyntaxError):  # what Python's tokenizer does not know stays uncovered
        pass
    return layout


def last_line_of_statement(text: str, line: int) -> int:
    """The last line of the statement that a line of a Python source text is in; a compound one ends at its colon."""
    return _layout(text).last_line(line)


def read_suppressions(path: str, text: str, starts: Sequence[int] = (1,)) -> Suppressions:
    """The suppression comments of a Python source text. Never raises; ``path`` is only remembered.

    ``starts`` are the lines with which its parts begin (the cells of a notebook): no comment reaches into the next.
    """
    if "modelint:" not in text:
        return Suppressions(path)
    lines = re.split(r"\r\n?|\n", text)
    ignores: list[Ignore] = []
    malformed: list[tuple[Span, str]] = []
    for start, end in pairwise((*starts, len(lines) + 1)):
        for found in _read_part(lines[start - 1 : end - 1], start - 1):
            if isinstance(found, Ignore):
                ignores.append(found)
            else:
                malformed.append(found)
    return Suppressions(path, tuple(ignores), tuple(malformed))


def _read_part(lines: Sequence[str], above: int) -> Iterator[Ignore | tuple[Span, str]]:
    """The comments of some lines with ``above`` lines before them, or what is wrong with them, and where."""
    layout = _layout("\n".join(lines))
    for number, column, comment in layout.comments:
        line = number + above
        for directive in _DIRECTIVE.finditer(comment):
            if not _is_directive(directive):
                continue
            problem = _problem(directive)
            if problem:
                start = column + directive.start()
                yield Span(line, start, line, start + len(directive[0].rstrip())), problem
                continue
            inside = column + directive.start("inside")
            names = [(name[0], inside + name.start()) for name in _NAME.finditer(directive["inside"])]
            siblings = tuple(Span(line, start, line, start + len(name)) for name, start in names)
            first, last = layout.covered(number)
            covered = None if directive["word"] == "file-ignore" else (first + above, last + above)
            removal = _removal(lines[number - 1], line, column + directive.start(), column + directive.end())
            yield from (Ignore(n, s, covered, removal, siblings) for (n, _), s in zip(names, siblings, strict=True))


def _is_directive(match: re.Match[str]) -> bool:
    """Whether a comment that mentions modelint means to direct it, and is not prose."""
    word = (match["word"] or "").lower()
    return word in (*_WORDS, *_FOREIGN) or match["names"] is not None or nearest(word, _WORDS) is not None


def _problem(directive: re.Match[str]) -> str | None:
    """What is wrong with the form of a directive."""
    word = directive["word"] or ""
    if word not in _WORDS:
        return f"there is no comment 'modelint: {word}'; write ignore[rule] reason, or file-ignore[rule] reason"
    if not _NAME.search(directive["inside"] or ""):
        return f"names no rule and so suppresses nothing; write {word}[rule] reason"
    return None


def _removal(text: str, line: int, start: int, end: int) -> Span:
    """What to delete to be rid of a directive from column ``start`` on: its reason too, and its line if it is all."""
    another = _NEXT_COMMENT.search(text, end - 1)
    if another:
        return Span(line, start, line, another.end() + 1)
    before = text[: start - 1]
    if not before.strip():
        return Span(line, 1, line + 1, 1)
    return Span(line, len(before.rstrip()) + 1, line, len(text) + 1)
