"""Which files are worth examining: those that name a framework, or use a module of the program that does.

Decided from the text alone, without a syntax tree, and generously: what looks like an import in a string counts too.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

import attrs

from modelint.workspace.names import normal
from modelint.workspace.sources import FileSources

_FRAMEWORKS = (b"keras", b"tensorflow")
_IMPORT = re.compile(
    rb"^[ \t]*(?:from[ \t]+(?P<source>\.*[\w.]*)[ \t]+import[ \t]+(?P<names>\([^)]*\)|[^\r\n;#]+)"
    rb"|import[ \t]+(?P<modules>[^\r\n;#]+))",
    re.MULTILINE,
)
_NAME = re.compile(rb"[\w.]+")
_ON_PATH = re.compile(rb"sys\.path\.(?:append|insert)\([^'\"\r\n]*['\"]([^'\"/\r\n][^'\"\r\n]*)['\"]")
MOST_IMPORTS = 2_000
"""Imports of one file that are looked at; generated code may have any number."""


@attrs.define(eq=False)
class Relevance:
    """Remembers what it found of every file. ``packages`` count as frameworks: configuration says what they do."""

    sources: FileSources
    packages: frozenset[str] = frozenset()
    _relevant: dict[str, bool] = attrs.field(factory=dict)
    _imported: dict[str, tuple[str, ...]] = attrs.field(factory=dict)

    def __call__(self, path: str) -> bool:
        """Whether a file, or a first-party module that it imports by any way, names a framework."""
        path = normal(path)
        if path in self._relevant:
            return self._relevant[path]
        reached = {path}
        waiting = [path]
        found = self._names_a_framework(path)
        while waiting and not found:
            for module in self._imports(waiting.pop()):
                if module in reached or self._relevant.get(module) is False:
                    continue
                reached.add(module)
                waiting.append(module)
                found = found or module in self._relevant or self._names_a_framework(module)
        if not found:  # then nothing that was reached is relevant either
            self._relevant.update(dict.fromkeys(reached, False))
        self._relevant[path] = found
        return found

    def _names_a_framework(self, path: str) -> bool:
        code = self.sources.code(path)
        return any(name in code for name in (*_FRAMEWORKS, *map(str.encode, self.packages)))

    def _imports(self, path: str) -> tuple[str, ...]:
        """The first-party files that a file imports."""
        if path not in self._imported:
            matches = _IMPORT.finditer(self.sources.code(path))
            names = (name for _, match in zip(range(MOST_IMPORTS), matches, strict=False) for name in _modules(match))
            self._imported[path] = tuple(dict.fromkeys(self._files(path, frozenset(names))))
        return self._imported[path]

    def _files(self, path: str, names: frozenset[str]) -> Iterator[str]:
        directory = posixpath.dirname(path)
        usual = self.sources.roots(path)
        added = (posixpath.join(root, folder) for folder in self._on_path(path) for root in usual)
        roots = dict.fromkeys((*usual, *self.sources.packages(path), *added))
        for name in sorted(names):
            dotted = name.lstrip(".")
            level = len(name) - len(dotted)
            above = posixpath.join(directory or ".", *[".."] * (level - 1))
            for root in (above,) if level else roots:
                parts = dotted.split(".") if dotted else []
                yield from self._along(root, parts)

    def _on_path(self, path: str) -> Iterator[str]:
        """The folders that a file puts on the path, with and without the first of their names."""
        for match in _ON_PATH.finditer(self.sources.code(path)):
            folder = posixpath.normpath(match[1].decode("utf-8", "replace"))
            yield from filter(None, (folder, folder.partition("/")[2]))

    def _along(self, root: str, parts: list[str]) -> Iterator[str]:
        """The files that importing a dotted name executes: the packages on the way, and the module."""
        for length in range(len(parts) + 1):
            stem = normal(posixpath.join(root, *parts[:length]))
            package = normal(posixpath.join(stem, "__init__.py"))
            if length and self.sources.is_file(f"{stem}.py"):
                yield f"{stem}.py"
            elif self.sources.is_file(package):
                yield package
            elif length and not self.sources.is_directory(stem):
                return


def _modules(match: re.Match[bytes]) -> Iterator[str]:
    """The dotted names that an import statement may load."""
    if match["modules"] is not None:
        for clause in match["modules"].split(b","):
            name = _NAME.search(clause)
            if name:
                yield name[0].decode("utf-8", "replace")
        return
    source = match["source"].decode("utf-8", "replace")
    yield source
    separator = "" if source.endswith(".") else "."
    for clause in re.sub(rb"#[^\r\n]*", b"", match["names"]).split(b","):
        name = _NAME.search(clause)
        if name:
            yield source + separator + name[0].decode("utf-8", "replace")
