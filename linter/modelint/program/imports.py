"""Imports: which names are the program's own, and the modules they stand for.

First-party modules are found beside the importing file, in the package that holds it, at the project's root and in its
``src``, and in the folders that the file itself puts on the path. Each is executed once per run; its state is shared by
all root files.
"""

from __future__ import annotations

import ast
import posixpath
import sys
from typing import TYPE_CHECKING

from modelint.documents import Script
from modelint.program.frames import Frame, ModuleState
from modelint.program.python import builtin_names, standard_module
from modelint.program.sources import Sources
from modelint.program.statements import dotted_name
from modelint.program.values import Const, External, Module, Value

if TYPE_CHECKING:
    from modelint.program.interpreter import Interpreter
    from modelint.program.library import Library

DEEPEST_IMPORT = 25
STEPS_PER_IMPORT = 4_000

PARTS_OF_LIBRARIES = ("src", "layers", "python", "core", "nn", "linalg")
"""Folders or modules of the sources of Keras, TensorFlow, PyTorch and NumPy."""


class Importer:
    """Finds and executes first-party modules, and keeps them for the run."""

    def __init__(self, sources: Sources, library: Library) -> None:
        self.sources = sources
        self.library = library
        self.modules: dict[str, ModuleState | None] = {}
        self.builtins = builtin_names()
        self._depth = 0
        self._found: dict[tuple[str, str], str | None] = {}

    def module(self, interpreter: Interpreter, dotted: str, frame: Frame) -> Value:
        """The value of ``import dotted``, seen from the module of a frame."""
        top = dotted.partition(".")[0]
        assert frame.module is not None
        if self.library.knows(top) and not self._is_own(top, frame.module.path):
            return self.library.name(dotted)
        path = self._find(dotted, frame.module.path) or self._find_on_path(dotted, frame.module)
        if path is None:
            return standard_module(dotted) or self._above(interpreter, dotted, frame) or self.library.name(dotted)
        state = self._load(interpreter, path, dotted)
        return self._value(state, dotted)

    def _is_own(self, top: str, importer: str) -> bool:
        """Whether a package of the program's own has the name of a library's (a folder ``keras`` beside a script).

        That is not so where it is the library itself, by the parts that it has.
        """
        key = (f"own {top}", posixpath.dirname(importer))
        if key not in self._found:
            packages = (posixpath.join(root, top) for root in self.sources.roots(importer))
            own = next((one for one in packages if self.sources.is_file(posixpath.join(one, "__init__.py"))), None)
            parts = [posixpath.join(own, part) for part in PARTS_OF_LIBRARIES] if own is not None else []
            is_library = any(self.sources.is_directory(one) or self.sources.is_file(f"{one}.py") for one in parts)
            self._found[key] = None if is_library else own
        return self._found[key] is not None

    def _above(self, interpreter: Interpreter, dotted: str, frame: Frame) -> Value | None:
        """A name that is an attribute of a first-party module rather than a module itself."""
        parent, _, name = dotted.rpartition(".")
        if not parent:
            return None
        assert frame.module is not None
        path = self._find(parent, frame.module.path)
        if path is None:
            return None
        return self._value(self._load(interpreter, path, parent), parent).attribute(interpreter, name)

    def relative(self, interpreter: Interpreter, dotted: str, level: int, frame: Frame) -> Value:
        """The value of the module in ``from ..dotted import``."""
        assert frame.module is not None
        directory = posixpath.dirname(frame.module.path)
        for _ in range(level - 1):
            directory = posixpath.dirname(directory)
        path = self._module_file(posixpath.join(directory, *dotted.split(".")) if dotted else directory)
        if path is None:
            return External(f"{'.' * level}{dotted}")
        return self._value(self._load(interpreter, path, dotted or posixpath.basename(directory)), dotted)

    def submodule(self, interpreter: Interpreter, state: ModuleState, name: str) -> Value | None:
        """A module inside a followed package."""
        if posixpath.basename(state.path) not in ("__init__.py", ""):
            return None
        directory = posixpath.dirname(state.path)
        path = self._module_file(posixpath.join(directory, name))
        if path is None:
            return None
        return self._value(self._load(interpreter, path, f"{state.name}.{name}"), name)

    def public_names(self, interpreter: Interpreter, state: ModuleState) -> dict[str, Value]:
        """The names of a module that a star import binds."""
        declared = interpreter.store.get(state.frame.identity, "__all__")
        items = declared.iterate(interpreter) if declared is not None else None
        if items is not None:
            names = [item.value for item in items if isinstance(item, Const) and isinstance(item.value, str)]
            return {name: interpreter.module_attribute(state, name) for name in names}
        names_and_values = interpreter.store.all(state.frame.identity)
        return {name: value for name, value in names_and_values if not name.startswith("_")}

    def _value(self, state: ModuleState | None, dotted: str) -> Value:
        return Module(state) if state is not None else External(dotted)

    def _find(self, dotted: str, importer: str) -> str | None:
        key = (dotted, posixpath.dirname(importer))
        if key not in self._found:
            parts = dotted.split(".")
            candidates = (self._module_file(posixpath.join(root, *parts)) for root in self.sources.roots(importer))
            found = next((path for path in candidates if path is not None), None)
            self._found[key] = found or self._find_inside(parts, importer)
        return self._found[key]

    def _find_inside(self, parts: list[str], importer: str) -> str | None:
        """A module beside a package that the importer is in: no other has the name, so that is where it is run from."""
        if parts[0] in sys.stdlib_module_names:
            return None
        stems = (posixpath.join(package, *parts) for package in self.sources.packages(importer))
        found = (self._module_file(stem) for stem in stems)
        return next((path for path in found if path is not None and not path.endswith("/")), None)

    def _find_on_path(self, dotted: str, module: ModuleState) -> str | None:
        """A module in a folder that a file adds to ``sys.path``, as it is written; below any of the usual folders.

        A notebook that clones its own repository names that first.
        """
        key = (f"on path {dotted}", module.path)
        if dotted.partition(".")[0] in sys.stdlib_module_names:
            return None
        if key not in self._found:
            added = folders_on_path(module.script.module)
            folders = [*added, *(rest for _, _, rest in (folder.partition("/") for folder in added) if rest)]
            roots = self.sources.roots(module.path) if folders else ()
            stems = (posixpath.join(root, folder, *dotted.split(".")) for folder in folders for root in roots)
            self._found[key] = next((path for path in map(self._module_file, stems) if path is not None), None)
        return self._found[key]

    def _module_file(self, stem: str) -> str | None:
        stem = posixpath.normpath(stem) if stem else "."
        if stem not in (".", "") and self.sources.is_file(f"{stem}.py"):
            return f"{stem}.py"
        package = posixpath.normpath(posixpath.join(stem, "__init__.py"))
        if self.sources.is_file(package):
            return package
        if stem not in (".", "..", "") and self.sources.is_directory(stem):
            return stem + "/"  # a namespace package
        return None

    def _load(self, interpreter: Interpreter, path: str, dotted: str) -> ModuleState | None:
        if path in self.modules:
            state = self.modules[path]
        else:
            state = self._execute(interpreter, path, dotted)
        if state is not None and interpreter.stack:
            importing = interpreter.stack[-1].module
            if importing is not None and state not in importing.imports:
                importing.imports.append(state)
                interpreter.effects += 1
        return state

    def _execute(self, interpreter: Interpreter, path: str, dotted: str) -> ModuleState | None:
        if path.endswith("/"):
            empty = self.sources.script(path)
            script = empty if isinstance(empty, Script) else None
        else:
            read = self.sources.script(path)
            script = read if isinstance(read, Script) else None
        if script is None or self._depth > DEEPEST_IMPORT:
            self.modules[path] = None
            return None
        with interpreter.store.base():
            return self._execute_module(interpreter, script, path, dotted)

    def _execute_module(self, interpreter: Interpreter, script: Script, path: str, dotted: str) -> ModuleState:
        frame = Frame.of_module()
        state = ModuleState(dotted, path, script, frame)
        frame.module = state
        self.modules[path] = state
        events, interpreter.events = interpreter.events, state.events
        guards, interpreter.guards = interpreter.guards, []
        contexts, interpreter.contexts = interpreter.contexts, []
        stack, interpreter.stack = interpreter.stack, [frame]
        steps, interpreter.steps_left = interpreter.steps_left, STEPS_PER_IMPORT
        depth, interpreter.expression_depth = interpreter.expression_depth, 0
        stop, interpreter.stop = interpreter.stop, None  # half a module would be kept for good
        self._depth += 1
        try:
            interpreter.store.set(frame.identity, "__name__", Const(dotted))
            interpreter.store.set(frame.identity, "__file__", Const(path))
            interpreter.execute(script.module.body, frame)
        finally:
            self._depth -= 1
            interpreter.events, interpreter.guards, interpreter.contexts = events, guards, contexts
            interpreter.stack, interpreter.steps_left, interpreter.expression_depth = stack, steps, depth
            interpreter.stop = stop
            state.finished = True
        return state


def folders_on_path(module: ast.Module) -> list[str]:
    """The relative folders that the top level of a module adds to ``sys.path``, where they are written out."""
    calls = [statement.value for statement in module.body if isinstance(statement, ast.Expr)]
    folders = []
    for call in calls:
        match call:
            case ast.Call(func=function, args=[*_, ast.Constant(value=str(path))]):
                is_added = dotted_name(function) in ("sys.path.append", "sys.path.insert")
                if is_added and not path.startswith("/"):
                    folders.append(posixpath.normpath(path))
    return folders
