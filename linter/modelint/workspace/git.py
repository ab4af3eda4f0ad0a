"""Git, asked through its command: which lines were changed, and what is staged.

Nothing is written. What a user's configuration would change about the output is switched off in every call.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping

import attrs

_HUNK = re.compile(rb"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_CONTROL = {b"a": b"\a", b"b": b"\b", b"t": b"\t", b"n": b"\n", b"v": b"\v", b"f": b"\f", b"r": b"\r"}
_DIFF = (
    *("diff", "--no-color", "--no-ext-diff", "--no-textconv", "--no-relative", "--find-renames", "--unified=0"),
    *("--inter-hunk-context=0", "--src-prefix=a/", "--dst-prefix=b/", "--ignore-submodules=all"),
)

_ALL_LINES = (1, 2**31)


class GitError(Exception):
    """What was asked of git cannot be had; the message is a sentence about why."""


@attrs.frozen
class Changed:
    """The changed lines of one file as it is now.

    ``lines`` are ranges, first and last, that were added or changed; ``gaps`` the lines below which some were deleted.
    """

    lines: tuple[tuple[int, int], ...] = ()
    gaps: tuple[int, ...] = ()

    def meets(self, first: int, last: int) -> bool:
        """Whether any of these lines was changed, or something between two of them deleted."""
        return any(start <= last and first <= end for start, end in self.lines) or any(
            first <= gap < last for gap in self.gaps
        )


@attrs.frozen
class Repository:
    """A repository by its root, an absolute directory."""

    root: str

    @classmethod
    def around(cls, directory: str) -> Repository:
        """The repository that a directory is in.

        Raises:
            GitError: there is none, git is not to touch it, or there is no git.
        """
        try:
            root = _output(directory, "rev-parse", "--show-toplevel")
        except _FailedError as error:
            if "not a git repository" not in str(error):
                raise
            raise GitError("this is not a git repository") from None
        return cls(os.path.abspath(os.fsdecode(root.removesuffix(b"\n"))))

    def changed_since(self, reference: str) -> Mapping[str, Changed]:
        """Changed lines by absolute path: what the working tree has over where ``reference`` and it parted.

        Untracked files that are not ignored are new from the first line to the last.

        Raises:
            GitError: there is no such commit, or nothing in common with it.
        """
        try:
            found = self._git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}")
        except _FailedError:
            raise GitError(f"there is no commit {reference!r} in this repository") from None
        commit = found.decode().strip()
        try:
            parted = self._git("merge-base", commit, "HEAD").decode().strip()
        except _FailedError:
            reason = "nothing in common with the commit that is checked out; fetch more of the history"
            raise GitError(f"{reference!r} has {reason}") from None
        untracked = _names(self._git("ls-files", "--others", "--exclude-standard", "--full-name", "-z"))
        return {**self._changed(parted), **{self._path(name): Changed((_ALL_LINES,)) for name in untracked}}

    def staged(self) -> Mapping[str, Changed]:
        """Changed lines by absolute path: what the next commit has over the last one."""
        return self._changed("--cached")

    def index(self, suffixes: tuple[str, ...]) -> Mapping[str, bytes]:
        """What the next commit has of files that are different, or missing, in the working tree, by absolute path."""
        names = _names(self._git("diff-files", "--name-only", "--diff-filter=MTD", "-z"))
        wanted = [name for name in names if os.fsdecode(name).endswith(suffixes)]
        return {self._path(name): self._git("cat-file", "blob", b":" + name) for name in wanted}

    def _changed(self, what: str) -> Mapping[str, Changed]:
        names = _names(self._git(*_DIFF, "--name-only", "-z", what, "--"))
        changed = {self._path(name): Changed() for name in names}
        return changed | {self._path(name): lines for name, lines in _hunks(self._git(*_DIFF, what, "--"))}

    def _path(self, name: bytes) -> str:
        return os.path.join(self.root, os.fsdecode(name))

    def _git(self, *arguments: str | bytes) -> bytes:
        return _output(self.root, *arguments)


class _FailedError(GitError):
    """Git said no."""


def _output(directory: str, *arguments: str | bytes) -> bytes:
    """What git prints.

    Raises:
        GitError: it is not installed, or ended with an error.
    """
    command = ("git", "-c", "core.quotePath=false", "-c", "core.fsmonitor=false", *arguments)
    try:
        done = subprocess.run(
            command,
            cwd=directory,
            env={**os.environ, "LC_ALL": "C"},  # what it says is looked at, and handed on, in English
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except OSError as error:
        raise GitError(f"git cannot be run: {error.strerror}") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise _FailedError(f"git says: {said.removeprefix('fatal: ') or 'nothing'}")
    return done.stdout


def _names(output: bytes) -> list[bytes]:
    return [name for name in output.split(b"\0") if name]


def _hunks(diff: bytes) -> Iterator[tuple[bytes, Changed]]:
    """The files of a diff without context, and their changed lines."""
    name: bytes | None = None
    lines: list[tuple[int, int]] = []
    gaps: list[int] = []
    content = 0  # lines of the hunk that are still to come, which may look like anything
    for line in diff.split(b"\n"):
        if content and line[:1] in (b"+", b"-"):
            content -= 1
        elif line.startswith(b"+++ "):
            if name is not None:
                yield name, Changed(tuple(lines), tuple(gaps))
            name, lines, gaps = _name(line[4:]), [], []
        elif hunk := _HUNK.match(line):
            removed, added = (int(count) if count else 1 for count in hunk.group(1, 3))
            start = int(hunk[2])
            content = removed + added
            if added:
                lines.append((start, start + added - 1))
            else:
                gaps.append(start)
    if name is not None:
        yield name, Changed(tuple(lines), tuple(gaps))


def _name(written: bytes) -> bytes | None:
    """The name of a file in a diff, without its prefix; None for no file. Git quotes some as C does."""
    written = written.removesuffix(b"\t")  # which git writes after a name with blanks
    if written == b"/dev/null":
        return None
    if written.startswith(b'"'):
        written = _ESCAPE.sub(_character, written[1:-1])
    return written.removeprefix(b"b/")


def _character(escape: re.Match[bytes]) -> bytes:
    code = escape[1]
    return bytes([int(code, 8)]) if len(code) == 3 else _CONTROL.get(code, code)
