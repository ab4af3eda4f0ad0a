"""Modules of the user imported by path, perhaps with another text than their files hold: before and after a fix."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import linecache
import os
import re
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

GIVEN = "?given"
"""The end of the name that code has whose text was given: AutoGraph would read again what is on disk by that name."""


def module_of(path: str, root: str, sources: Mapping[str, str]) -> ModuleType:
    """A module by its name from its root, or by its file where that is not how it can be imported.

    ``sources`` are the texts of files that are not to be read, by their absolute paths. Where these or the root are not
    those of the module before, everything below the root is imported anew.
    """
    known = (one for one in sys.meta_path if isinstance(one, _Project))
    project = next((one for one in known if (one.root, one.sources) == (root, sources)), None)
    if project is None:
        forget()
        project = _Project(root, sources)
        sys.path.insert(0, root)
        sys.meta_path.insert(0, project)  # and stays, for what is imported when a function is called
    inside, suffix = os.path.splitext(os.path.relpath(path, root))
    parts = inside.removesuffix(f"{os.sep}__init__").split(os.sep)
    if suffix == ".py" and all(map(str.isidentifier, parts)):
        module = importlib.import_module(".".join(parts))
        if getattr(module, "__file__", None) == path:
            return module
    return project.module_at(path)


def forget() -> None:
    """Have what was imported of users' code imported anew when it is next asked for."""
    for one in [each for each in sys.meta_path if isinstance(each, _Project)]:
        one.forget()


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
        found.loader = self._loader(name, found.origin)
        return found

    def module_at(self, path: str) -> ModuleType:
        """The module of a notebook, or of a file with a name that is no module's, or that another module has."""
        name = f"modelint_{re.sub(r'[^0-9a-zA-Z]', '_', path)}"
        if name not in sys.modules:
            loader = self._loader(name, path)
            spec = importlib.util.spec_from_file_location(name, path, loader=loader)
            assert spec is not None
            module = sys.modules[name] = importlib.util.module_from_spec(spec)
            try:
                loader.exec_module(module)
            except BaseException:
                del sys.modules[name]
                raise
        return sys.modules[name]

    def _loader(self, name: str, path: str) -> importlib.machinery.SourceFileLoader:
        text = self.sources.get(path)
        if text is None:
            return importlib.machinery.SourceFileLoader(name, path)
        # what reads the source of a function, as AutoGraph does, is to get this text too; without a date it is kept
        linecache.cache[path + GIVEN] = (len(text), None, text.splitlines(keepends=True), path + GIVEN)
        return _Loader(name, path, text)

    def forget(self) -> None:
        """Unload the modules below the root, and what they registered with Keras."""
        sys.meta_path.remove(self)
        sys.path.remove(self.root)
        for path in self.sources:
            linecache.cache.pop(path + GIVEN, None)
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

    def source_to_code(self, data: Any, path: Any, *, _optimize: int = -1) -> Any:  # type: ignore[override]
        return compile(data, f"{path}{GIVEN}", "exec", dont_inherit=True, optimize=_optimize)

    def path_stats(self, path: str) -> Mapping[str, Any]:
        raise OSError
