"""The encoding of Python source: bytes to the exact text, and a changed text back to bytes.

Takes bytes, finds their encoding by byte order mark or declaration as PEP 263 says. It changes no line end.
"""

from __future__ import annotations

import codecs
import io
import tokenize


def encoding_of(data: bytes) -> str:
    """The name of the encoding; ``utf-8`` where nothing is declared, whether or not the bytes are that.

    Raises:
        SyntaxError: the declaration names no known encoding, or contradicts the byte order mark.
    """
    try:
        return tokenize.detect_encoding(io.BytesIO(data).readline)[0]
    except SyntaxError as error:
        if "missing" in str(error):  # no declaration, and a byte in the first lines that is not UTF-8
            return "utf-8"
        raise


def source_text(data: bytes) -> str | None:
    """The text without byte order mark, line ends as they are; None if it cannot be written back byte by byte."""
    try:
        text = data.removeprefix(codecs.BOM_UTF8).decode(_without_mark(data))
    except (SyntaxError, UnicodeDecodeError, LookupError):
        return None
    return text if source_bytes(text, data) == data else None


def source_bytes(text: str, like: bytes) -> bytes | None:
    """A text in the encoding of other bytes, with their byte order mark; None if that encoding cannot write it."""
    mark = codecs.BOM_UTF8 if like.startswith(codecs.BOM_UTF8) else b""
    try:
        return mark + text.encode(_without_mark(like))
    except (SyntaxError, UnicodeEncodeError, LookupError):
        return None


def _without_mark(data: bytes) -> str:
    encoding = encoding_of(data)
    return "utf-8" if encoding == "utf-8-sig" else encoding
