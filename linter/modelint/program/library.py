"""What the interpreter asks of the knowledge about libraries. ``frameworks`` implements it."""

from __future__ import annotations

import ast
from collections.abc import Hashable
from typing import Protocol

from modelint.program.frames import Arguments, Frame
from modelint.program.interpreter import Interpreter
from modelint.program.values import Class, External, Function, Instance, Value


class Library(Protocol):
    """The meaning of what a program gets from outside of itself."""

    def knows(self, package: str) -> bool:
        """Whether a top-level package is one whose names it can explain (so that it is not looked up on disk)."""
        ...

    def name(self, dotted: str) -> Value:
        """The value of a dotted name of a package; ``External`` where nothing is known about it."""
        ...

    def imported_name(self, package: str, name: str) -> Value | None:
        """What ``name`` is after ``from package import *``; None if the package is not known to have it."""
        ...

    def surroundings(self, interpreter: Interpreter) -> Hashable:
        """What of the place of a call, beside its arguments and the store, its result may depend on."""
        ...

    def unknown_call(self, interpreter: Interpreter, callee: Value, arguments: Arguments) -> Value:
        """The result of calling something unknown."""
        ...

    def parameter(self, interpreter: Interpreter, function: Function, instance: Instance | None, name: str) -> Value:
        """What stands for a parameter of a function that nothing calls, where its default says nothing."""
        ...

    def unknown_attribute(self, interpreter: Interpreter, value: Value, name: str) -> Value:
        """An attribute of a value that does not know it itself."""
        ...

    def operation(
        self, interpreter: Interpreter, operator: str, operands: tuple[Value, ...], node: ast.AST, frame: Frame
    ) -> Value | None:
        """The result of an operator (``"Add"``, ``"Eq"``, ``"Not"``, ...); None leaves it to Python's meaning."""
        ...

    def base_attribute(self, interpreter: Interpreter, instance: Instance, base: External, name: str) -> Value | None:
        """What an instance inherits from a library's class."""
        ...

    def class_base(self, value: Value) -> External | None:
        """The library class that a base-class expression stands for."""
        ...

    def method(self, interpreter: Interpreter, instance: Instance, name: str) -> Value | None:
        """What a method of the program does beyond its body, when it is called from outside; None if nothing."""
        ...

    def instantiated(self, interpreter: Interpreter, instance: Instance, arguments: Arguments) -> None:
        """An instance was made and its ``__init__`` has run."""
        ...

    def call_instance(self, interpreter: Interpreter, instance: Instance, arguments: Arguments) -> Value | None:
        """Calling an instance of a class that derives from a library's."""
        ...

    def attribute_set(self, interpreter: Interpreter, instance: Instance, name: str, value: Value) -> None:
        """An attribute of an instance was set."""
        ...

    def decorate(self, interpreter: Interpreter, decorator: Value, function: Function | Class) -> Value | None:
        """A library's decorator applied; None where it changes nothing."""
        ...

    def dropped(self, interpreter: Interpreter, value: Value, node: ast.AST, frame: Frame) -> None:
        """An expression statement's value was dropped."""
        ...

    def returned(self, interpreter: Interpreter, value: Value, frame: Frame) -> None:
        """A function returned a value."""
        ...

    def enter_root(self, interpreter: Interpreter, function: Function, instance: Instance | None) -> bool:
        """Whether a function that nothing calls is to be entered with unknown arguments."""
        ...
