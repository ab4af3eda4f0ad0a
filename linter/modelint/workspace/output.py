"""Where text goes: standard output, a terminal and what it can show, a file."""

from __future__ import annotations

import errno
import os
import shutil
import sys

from modelint.render.terminal import Terminal

COLUMNS_OF_A_PIPE = 120
"""What does not go to a terminal is the same everywhere."""


class OutputError(OSError):
    """Standard output cannot be written."""


def terminal(color: str) -> Terminal:
    """What standard output can show. ``color`` is ``always``, ``never`` or ``auto``.

    ``auto`` heeds NO_COLOR, FORCE_COLOR and TERM as https://no-color.org and https://force-color.org have them.
    """
    is_terminal = sys.stdout.isatty()
    columns = shutil.get_terminal_size((COLUMNS_OF_A_PIPE, 24)).columns if is_terminal else COLUMNS_OF_A_PIPE
    if color != "auto":
        return Terminal(color == "always", columns)
    if os.environ.get("NO_COLOR"):
        return Terminal(colour=False, columns=columns)
    if os.environ.get("FORCE_COLOR"):
        return Terminal(colour=True, columns=columns)
    return Terminal(is_terminal and os.environ.get("TERM") != "dumb", columns)


def write(text: str) -> None:
    """Write to standard output. A reader that has gone away is no error.

    Raises:
        OutputError: it cannot be written, as on a full disk.
    """
    try:
        _tolerant(sys.stdout)
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        leave_pipe()
    except OSError as error:
        leave_pipe()
        raise OutputError(error.errno, f"standard output cannot be written: {error.strerror}") from None


def write_bytes(data: bytes) -> None:
    """Write to standard output as it is. A reader that has gone away is no error.

    Raises:
        OutputError: it cannot be written, as on a full disk.
    """
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
    except BrokenPipeError:
        leave_pipe()
    except OSError as error:
        leave_pipe()
        raise OutputError(error.errno, f"standard output cannot be written: {error.strerror}") from None


def write_aside(text: str) -> None:
    """Write to standard error, where standard output holds something else."""
    _tolerant(sys.stderr)
    sys.stderr.write(text)
    sys.stderr.flush()


def complain(text: str) -> None:
    """Write a line to standard error."""
    _tolerant(sys.stderr)
    print(text, file=sys.stderr)  # noqa: T201


def leave_pipe() -> None:
    """Let nothing more be written to a pipe whose reader has gone away, not even at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def write_file(path: str, text: str) -> None:
    """Write a file, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    if os.path.exists(path) and not os.path.isfile(path):  # a pipe, a terminal
        with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        return
    beside = f"{path}.{os.getpid()}.tmp"
    try:
        with open(beside, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        os.replace(beside, path)
    except OSError:
        if os.path.exists(beside):
            os.unlink(beside)
        raise


def replace_file(path: str, before: bytes, after: bytes) -> None:
    """Replace what a file holds, whole or not at all; a link stays one, and the permissions stay what they are.

    Raises:
        OSError: it cannot be written, or holds no longer what it held.
    """
    path = os.path.realpath(path)
    if not os.access(path, os.W_OK):  # a directory that can be written to would let it be replaced all the same
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
    with open(path, "rb") as file:
        if file.read() != before:
            raise OSError(errno.EBUSY, "the file has changed meanwhile", path)
    beside = f"{path}.{os.getpid()}.tmp"
    try:
        with open(beside, "xb") as file:
            file.write(after)
        shutil.copymode(path, beside)
        os.replace(beside, path)
    except OSError:
        if os.path.exists(beside):
            os.unlink(beside)
        raise


def _tolerant(stream: object) -> None:
    """Have a stream write characters that its encoding lacks as escapes."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
