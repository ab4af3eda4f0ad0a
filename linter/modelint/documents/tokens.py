"""Code as tokens: what a syntax tree does not keep, which is where parentheses and commas stand."""

from __future__ import annotations

import io
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from tokenize import TokenInfo

_WITHOUT_CODE = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)


def tokens_of(text: str) -> Iterator[TokenInfo]:
    """The tokens of a text, without comments and line ends; up to where it is no Python any more."""
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type not in _WITHOUT_CODE:
                yield token
    except (tokenize.TokenError, SyntaxError):
        return


def closing(tokens: Iterable[TokenInfo]) -> TokenInfo | None:
    """The parenthesis that closes the first one among tokens that is in no bracket."""
    opened: list[str] = []
    for token in tokens:
        if token.string in ("(", "[", "{"):
            opened.append(token.string)
        elif token.string in (")", "]", "}") and opened and opened.pop() == "(" and not opened:
            return token
    return None


def opening(tokens: Sequence[TokenInfo]) -> int:
    """The index of the parenthesis that the last token closes."""
    depth = 0
    for index in range(len(tokens) - 1, -1, -1):
        depth += _deeper(tokens[index])
        if depth == 0:
            return index
    raise ValueError("the last token closes nothing")


def separated(tokens: Iterable[TokenInfo]) -> Iterator[list[TokenInfo]]:
    """The tokens between commas that are in no bracket; what is behind a last comma only if it is something."""
    depth = 0
    lambdas: list[int] = []  # how deep those stand whose parameters are being read
    part: list[TokenInfo] = []
    for token in tokens:
        depth += _deeper(token)
        if token.string == "lambda":
            lambdas.append(depth)
        elif token.string == ":" and lambdas and lambdas[-1] == depth:
            lambdas.pop()
        if token.string == "," and depth == 0 and not lambdas:
            yield part
            part = []
        else:
            part.append(token)
    if part:
        yield part


def holds(tokens: Iterable[TokenInfo], word: str) -> bool:
    """Whether a word stands among tokens in no bracket."""
    depth = 0
    for token in tokens:
        depth += _deeper(token)
        if token.string == word and depth == 0:
            return True
    return False


def _deeper(token: TokenInfo) -> int:
    """How many brackets a token opens; closing one counts as -1."""
    if token.type != tokenize.OP:
        return 0
    return (token.string in ("(", "[", "{")) - (token.string in (")", "]", "}"))
