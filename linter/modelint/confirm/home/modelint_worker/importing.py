"""Modules of the user imported by path, perhaps with another text than their files hold: before and after a fix."""

from __future__ import annotations

import importlib
import importlib.machinery
import linecache
import os
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any


def module_of(path: str, root: str, sources: Mapping[str, str]) -> ModuleType:
    """A module by its name from its root.

    ``sources`` are the texts of files that are not to be read, by their absolute paths. Where these or the root are not
    those of the module before, everything below the root is imported anew.
    """
    earlier = [one for one in sys.meta_path if isinstance(one, _Project)]
    if not any((one.root, one.sources) == (root, sources) for one in earlier):
        for one in earlier:
            one.forget()
        sys.path.insert(0, root)
        sys.meta_path.insert(0, _Project(root, sources))  # and stays, for what is imported when a function is called
    inside = os.path.relpath(path, root)
    dotted = inside.removesuffix(".py").removesuffix("/__init__").replace(os.sep, ".")
    return importlib.import_module(dotted)


class _Project:
    """What is imported of one project: finds the modules whose text is given, and forgets all that are its own."""

    def __init__(self, root: str, sources: Mapping[str, str]) -> None:
        self.root, self.sources = root, sources
        self.before = frozenset(sys.modules)
        importlib.invalidate_caches()

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        found = importlib.machinery.PathFinder.find_spec(name, path, target)
        if found is None or found.origin is None or found.origin not in self.sources:
            return None
        text = self.sources[found.origin]
        # what reads the source of a function, as AutoGraph does, is to get this text too; without a date it is kept
        linecache.cache[found.origin] = (len(text), None, text.splitlines(keepends=True), found.origin)
        found.loader = _Loader(name, found.origin, text)
        return found

    def forget(self) -> None:
        """Unload the modules below the root, and what they registered with Keras."""
        sys.meta_path.remove(self)
        sys.path.remove(self.root)
        for path in self.sources:
            linecache.cache.pop(path, None)
        below = os.path.join(self.root, "")
        for name in set(sys.modules) - self.before:
            file = getattr(sys.modules[name], "__file__", None) or ""
            if file.startswith(below) and "site-packages" not in file:
                del sys.modules[name]
        for name in ("keras", "tf_keras"):
            saving = getattr(sys.modules.get(name), "saving", None)
            if saving is not None:
                saving.get_custom_objects().clear()


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads a text as if it were the file, without the compiled form that may lie beside that."""

    def __init__(self, name: str, path: str, text: str) -> None:
        super().__init__(name, path)
        self.text = text

    def get_data(self, path: str) -> bytes:
        return self.text.encode()

    def path_stats(self, path: str) -> Mapping[str, Any]:
        raise OSError
