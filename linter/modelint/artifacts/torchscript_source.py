"""The code in a TorchScript archive: Python-like text to the classes and functions that it defines.

TorchScript is written out as a subset of Python, and Python's own parser reads it. A file is parsed when something in
it is asked for. Text is paid for by its length; text that is nested too deeply for the parser is malformed.
"""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass, field
from typing import Final

from modelint.artifacts.archive import Archive
from modelint.artifacts.limits import Budget, MalformedError

_LARGEST_FILE: Final = 4 * 2**20
_DEEPEST: Final = 200
_CHAIN: Final = re.compile(rb"[-+~]{200}|(?:not\s+){200}|(?:\.\s*\w+\s*){500}|(?:[-+*/%@&|^]\s*\w+\s*){2000}")
_MANGLED: Final = re.compile(r"(?:^|(?<=\.))___torch_mangle_\d+\.")


@dataclass(slots=True, eq=False)
class ClassCode:
    """A class: its methods, its constants, and which of its attributes are parameters."""

    methods: dict[str, ast.FunctionDef] = field(default_factory=dict)
    constants: dict[str, object] = field(default_factory=dict)
    parameters: frozenset[str] = frozenset()


@dataclass(slots=True, eq=False)
class FileCode:
    """What one file defines."""

    classes: dict[str, ClassCode] = field(default_factory=dict)
    functions: dict[str, ast.FunctionDef] = field(default_factory=dict)


class Sources:
    """The code of an archive. ``root`` is the folder in the archive that ``code/`` lies in, with a slash, or empty."""

    def __init__(self, archive: Archive, root: str, budget: Budget) -> None:
        self._archive = archive
        self._root = root
        self._budget = budget
        self._files: dict[str, FileCode | None] = {}

    def class_of(self, qualified: str) -> ClassCode | None:
        """The class of a name such as ``"__torch__.torch.nn.modules.linear.Linear"``; None if there is none."""
        module, _, name = qualified.rpartition(".")
        code = self._file(module)
        return code.classes.get(name) if code else None

    def function(self, qualified: str) -> ast.FunctionDef | None:
        """The function of a dotted name; None if there is none."""
        module, _, name = qualified.rpartition(".")
        code = self._file(module)
        return code.functions.get(name) if code else None

    def _file(self, module: str) -> FileCode | None:
        if module not in self._files:
            member = f"{self._root}code/{module.replace('.', '/')}.py"
            found = member in self._archive
            self._files[module] = self._parsed(member) if found else None
        return self._files[module]

    def _parsed(self, member: str) -> FileCode:
        content = self._archive.read(member, most=_LARGEST_FILE)
        self._budget.spend(len(content))
        if _CHAIN.search(content):
            raise MalformedError("the code is nested too deeply", member=member)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(content)
        except (MemoryError, RecursionError) as error:
            raise MalformedError("the code is nested too deeply", member=member) from error
        except (SyntaxError, ValueError) as error:
            raise MalformedError("the code is no TorchScript", member=member) from error
        code = FileCode()
        for statement in tree.body:
            match statement:
                case ast.ClassDef(name=name):
                    code.classes[name] = _class(statement)
                case ast.FunctionDef(name=name):
                    code.functions[name] = statement
        return code


def plain_name(qualified: str) -> str:
    """The name of a class as Python knows it: ``"__torch__.___torch_mangle_3.Net"`` is "Net"."""
    return _MANGLED.sub("", qualified.removeprefix("__torch__.")).removeprefix("__torch__.")


def _class(definition: ast.ClassDef) -> ClassCode:
    code = ClassCode()
    for statement in definition.body:
        match statement:
            case ast.FunctionDef(name=name):
                code.methods[name] = statement
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                code.constants[name] = literal(value)
            case ast.Assign(targets=[ast.Name(id="__parameters__")], value=ast.List(elts=names)):
                code.parameters = frozenset(
                    each.value for each in names if isinstance(each, ast.Constant) and isinstance(each.value, str)
                )
    return code


def literal(expression: ast.expr, depth: int = 0) -> object:
    """The value of a constant expression; None for any other."""
    if depth > _DEEPEST:
        return None
    match expression:
        case ast.Constant(value=value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return tuple(literal(part, depth + 1) for part in parts)
    return None
