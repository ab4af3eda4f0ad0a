"""What running models gave before: a cache of the worker's answers."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

CACHE_VERSION = 4
"""Part of every key; raise it when the worker measures something else."""

_TABLE = "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer TEXT NOT NULL)"


@attrs.define(eq=False)
class AnswerCache:
    """What the worker answered before, in one file of the user's cache directory.

    The key is what was asked, the content of the files that were run, and the interpreter with the versions of its
    packages. What is imported from a user's program is not kept: its content is not known.
    """

    python: str
    path: str = attrs.field(factory=lambda: os.path.join(cache_directory(), "confirmations.sqlite3"))
    _installed: Sequence[str] | None = None

    def get(self, key: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The answer to a request, or None."""
        digest = self._digest(key)
        if digest is None:
            return None
        try:
            with sqlite3.connect(self.path) as connection:
                connection.execute(_TABLE)
                found = connection.execute("SELECT answer FROM answers WHERE key = ?", (digest,)).fetchone()
            answer: Mapping[str, Any] | None = json.loads(found[0]) if found else None
        except (sqlite3.Error, ValueError, OSError):
            return None
        return answer

    def put(self, key: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        """Keep an answer. A cache that cannot be written is no cache."""
        digest = self._digest(key)
        if digest is None:
            return
        try:
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
            with sqlite3.connect(self.path) as connection:
                connection.execute(_TABLE)
                connection.execute("INSERT OR REPLACE INTO answers VALUES (?, ?)", (digest, json.dumps(answer)))
        except (sqlite3.Error, OSError):
            return

    def _digest(self, key: Mapping[str, Any]) -> str | None:
        subject = key["subject"]
        if subject["kind"] == "imported":
            return None
        if self._installed is None:
            self._installed = installed(self.python)
        if not self._installed:
            return None
        digest = hashlib.sha256(json.dumps([CACHE_VERSION, key, self._installed], sort_keys=True).encode())
        try:
            for path in _files(subject.get("path")):
                with open(path, "rb") as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
        except OSError:
            return None
        return digest.hexdigest()


def cache_directory() -> str:
    """Where a user's programs keep what can be made again (XDG base directories)."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "modelint")


_INSTALLED = """
import importlib.metadata, json, sys
found = sorted({f"{one.metadata['Name']} {one.version}" for one in importlib.metadata.distributions()})
print(json.dumps([sys.version, *found]))
"""
_DEVICES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
"""Where a GPU of NVIDIA, AMD, or of Windows is reached."""

_CHOOSING = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "TF_ENABLE_ONEDNN_OPTS", "TF_USE_LEGACY_KERAS")
"""Variables of the environment that decide what a model is run by."""


def installed(python: str) -> Sequence[str]:
    """What decides how a model runs, besides itself: the interpreter and its packages, devices, the environment.

    Nothing if the interpreter does not say.
    """
    try:
        ran = subprocess.run((python, "-c", _INSTALLED), capture_output=True, text=True, timeout=30, check=True)
        packages = list(map(str, json.loads(ran.stdout)))
    except (OSError, ValueError, subprocess.SubprocessError):
        return ()
    devices = list(filter(os.path.exists, _DEVICES))
    return [python, *packages, *devices, *(f"{name}={os.environ.get(name)}" for name in _CHOOSING)]


def _files(path: str | None) -> list[str]:
    if path is None:
        return []
    if os.path.isfile(path):
        return [path]
    return sorted(os.path.join(directory, name) for directory, _, names in os.walk(path) for name in names)
