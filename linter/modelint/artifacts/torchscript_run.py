"""Follows TorchScript code from a method of the top module: which operators run, on what, in which order.

Constants are computed as far as conditions need them, above all the ``training`` attributes of the modules. A branch
whose condition is not known is followed on both sides; what stands in it is not certain to run. Everything is bounded
by the budget.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from modelint.artifacts.limits import DEEPEST, Budget, MalformedError
from modelint.artifacts.pickles import Instance, Value
from modelint.artifacts.torch_graph import OperatorGraph, Tensor
from modelint.artifacts.torchscript_operators import OperatorRecorder
from modelint.artifacts.torchscript_source import Sources, plain_name
from modelint.artifacts.torchscript_values import TESTS, Frame, Module, Name, negation, tensor_in, tensors_of
from modelint.facts import UNKNOWN

_STEPS: Final = 4
_DEEPEST_EXPRESSION: Final = 150
_MOST_ROUNDS: Final = 16
_ROOTS: Final = frozenset({"torch", "ops", "__torch__", "CONSTANTS"})
_TRAINING: Final = "training"

Variables = dict[str, object]


@dataclass(frozen=True, slots=True)
class _Returned:
    value: object


class _Raised:
    """A block that ends in an exception on every path."""


_RAISED: Final = _Raised()


class Runner:
    """Follows one method of a program once.

    ``training`` None leaves every module in the mode it was saved in, False puts all in inference mode (``eval()``).
    ``asked`` says whether any code that was followed asked for a mode that was train.
    """

    def __init__(self, file: str, sources: Sources, budget: Budget, *, training: bool | None = None) -> None:
        self._sources = sources
        self._budget = budget
        self._training = training
        self._tensors: dict[tuple[int, str], Tensor] = {}
        self._assigned: dict[tuple[int, str], object] = {}
        self._depth = 0
        self._recorder = OperatorRecorder(file, budget)
        self.methods: set[tuple[int, str]] = set()
        self.asked = False
        self.unexamined: list[str] = []

    def run(self, top: Instance, method: str) -> OperatorGraph:
        """The operators that a method of the top module runs.

        Raises:
            MalformedError: the code is too large, or no code.
        """
        module = self._module(top, ())
        definition = module.code.methods[method] if module is not None else None
        if module is None or definition is None:
            raise MalformedError("the archive has no code for its module")
        parameters = definition.args.args[1:]
        given = [self._given(parameter) for parameter in parameters]
        result = self._method(module, method, given, {})
        graph = self._recorder.graph
        graph.inputs = [value for value in given if isinstance(value, Tensor)]
        graph.outputs = list(tensors_of(result))
        self.unexamined += self._recorder.unexamined
        return graph

    def _given(self, parameter: ast.arg) -> object:
        annotation = ast.unparse(parameter.annotation) if parameter.annotation is not None else "Tensor"
        holds_tensors = "Tensor" in annotation and "Optional" not in annotation
        return Tensor(parameter.arg, "input") if holds_tensors else UNKNOWN

    # Modules

    def _module(self, instance: Instance, path: tuple[str, ...]) -> Module | None:
        name = instance.class_name
        code = self._sources.class_of(name)
        return Module(instance, path, plain_name(name), code) if code is not None else None

    def _method(self, module: Module, name: str, values: Sequence[object], named: Mapping[str, object]) -> object:
        definition = module.code.methods.get(name)
        if definition is None:
            return self._unknown_call(f"the method {name!r} of {module.class_name!r}", values)
        self.methods.add((id(module.instance), name))
        self._recorder.frames.append(Frame(module))
        try:
            return self._function(definition, (module, *values), named)
        finally:
            self._recorder.frames.pop()

    def _unknown_call(self, what: str, values: Sequence[object]) -> object:
        self.unexamined.append(what)
        tensors = tuple(tensors_of(tuple(values)))
        return self._recorder.opaque(what, tensors)

    def _attribute(self, module: Module, name: str) -> object:
        key = (id(module.instance), name)
        if key in self._assigned:
            return self._assigned[key]
        value = module.instance.attribute(name)
        if name == _TRAINING and isinstance(value, bool):
            self.asked |= value
            return value if self._training is None else self._training
        if name in module.instance.attributes:
            return self._held(module, name, value)
        if name in module.code.constants:
            return module.code.constants[name]
        return UNKNOWN

    def _held(self, module: Module, name: str, value: Value) -> object:
        """An attribute of a module as a value; the same tensor on every call."""
        match value:
            case Instance():
                described = tensor_in(value)
                if described is None:
                    return self._module(value, (*module.path, name)) or _list_in(value)
                known = self._tensors.get((id(value), ""))
                if known is None:
                    source = "parameter" if name in module.code.parameters else "buffer"
                    known = Tensor(".".join((*module.path, name)), source, *described)
                    self._tensors[id(value), ""] = known
                return known
            case None | bool() | int() | float() | str():
                return value
            case tuple() | list():
                return tuple(self._held(module, name, part) for part in value[:1000])
        return UNKNOWN

    # Statements

    def _function(self, code: ast.FunctionDef, values: Sequence[object], named: Mapping[str, object]) -> object:
        self._depth += 1
        if self._depth > DEEPEST:
            raise MalformedError("functions call one another too deeply")
        arguments = code.args.args
        variables: Variables = dict.fromkeys((argument.arg for argument in arguments), UNKNOWN)
        for argument, default in zip(reversed(arguments), reversed(code.args.defaults), strict=False):
            variables[argument.arg] = self._value(default, {})
        variables |= {argument.arg: value for argument, value in zip(arguments, values, strict=False)}
        variables |= {name: value for name, value in named.items() if name in variables}
        ended = self._block(code.body, variables)
        self._depth -= 1
        return ended.value if isinstance(ended, _Returned) else UNKNOWN

    def _block(self, statements: Sequence[ast.stmt], variables: Variables) -> _Returned | _Raised | None:
        for statement in statements:
            self._budget.spend(_STEPS)
            ended = self._statement(statement, variables)
            if ended is not None:
                return ended
        return None

    def _statement(self, statement: ast.stmt, variables: Variables) -> _Returned | _Raised | None:
        match statement:
            case ast.Assign(targets=[target], value=value):
                self._assign(target, self._value(value, variables), variables)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._assign(target, self._value(value, variables), variables)
            case ast.Return(value=value):
                return _Returned(None if value is None else self._value(value, variables))
            case ast.Expr(value=ast.Call(func=ast.Attribute(attr="RaiseException"))):
                return _RAISED
            case ast.Expr(value=value):
                self._value(value, variables)
            case ast.If():
                return self._if(statement, variables)
            case ast.For(target=ast.Name(id=name), iter=iterated, body=body):
                return self._for(name, self._value(iterated, variables), body, variables)
            case ast.While(test=test, body=body):
                self._value(test, variables)
                return self._perhaps(body, variables)
        return None

    def _assign(self, target: ast.expr, value: object, variables: Variables) -> None:
        match target:
            case ast.Name(id=name):
                variables[name] = value
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                values = value if isinstance(value, tuple | list) and len(value) == len(parts) else [value] * len(parts)
                for part, each in zip(parts, values, strict=True):
                    self._assign(part, each if isinstance(value, tuple | list | Tensor) else UNKNOWN, variables)
            case ast.Attribute(value=holder, attr=name):
                module = self._value(holder, variables)
                if isinstance(module, Module):
                    self._set(module, name, value)

    def _set(self, module: Module, name: str, value: object) -> None:
        """A module keeps a value for its next call."""
        before = self._attribute(module, name)
        variable = before if isinstance(before, Tensor) and before.source else Tensor(name, "buffer")
        variable.name = variable.name if variable is before else ".".join((*module.path, name))
        self._recorder.update(variable, value)
        self._assigned[id(module.instance), name] = value

    def _if(self, statement: ast.If, variables: Variables) -> _Returned | _Raised | None:
        test = self._value(statement.test, variables)
        if isinstance(test, bool):
            return self._block(statement.body if test else statement.orelse, variables)
        recorder, outer = self._recorder, self._recorder.certain
        start = len(recorder.graph.operations)
        other = dict(variables)
        recorder.certain = False
        first = self._block(statement.body, variables)
        middle = len(recorder.graph.operations)
        recorder.certain = outer and first is _RAISED  # nobody goes on who went the other way
        second = self._block(statement.orelse, other)
        recorder.certain = outer
        if first is _RAISED:
            variables.clear()
            variables |= other
            return second
        if second is _RAISED:
            recorder.confirm(start, middle, outer)
            return first
        if isinstance(first, _Returned) or isinstance(second, _Returned):
            values = [each.value if isinstance(each, _Returned) else UNKNOWN for each in (first, second)]
            return _Returned(self._joined(*values))
        self._join(variables, other)
        return None

    def _for(
        self, name: str, rounds: object, body: Sequence[ast.stmt], variables: Variables
    ) -> _Returned | _Raised | None:
        if isinstance(rounds, int) and not isinstance(rounds, bool) and rounds <= _MOST_ROUNDS:
            for position in range(rounds):
                variables[name] = position
                ended = self._block(body, variables)
                if ended is not None:
                    return ended
            return None
        variables[name] = UNKNOWN
        return self._perhaps(body, variables)

    def _perhaps(self, body: Sequence[ast.stmt], variables: Variables) -> _Returned | _Raised | None:
        """A block that runs any number of times: followed once, from what is known whatever the round."""
        before = dict(variables)
        for name in _assigned_in(body):
            if not isinstance(variables.get(name), Tensor):
                variables[name] = UNKNOWN
        outer, self._recorder.certain = self._recorder.certain, False
        self._block(body, variables)
        self._recorder.certain = outer
        self._join(variables, before)
        return None

    def _join(self, variables: Variables, other: Variables) -> None:
        """Make the variables what they are after one of two ways; those that only one of them sets are forgotten."""
        self._budget.spend(len(variables) + len(other))
        for name in list(variables):
            if name in other:
                variables[name] = self._joined(variables[name], other[name])
            else:
                del variables[name]

    def _joined(self, left: object, right: object) -> object:
        """A value that is one of two."""
        if left is right:
            return left
        plain = isinstance(left, bool | int | float | str) and type(left) is type(right)
        if plain and left == right:
            return left
        sides = (tensors_of(left), tensors_of(right))
        return self._recorder.either((*sides[0], *sides[1])) if all(sides) else UNKNOWN

    # Expressions

    def _value(self, expression: ast.expr, variables: Variables, depth: int = 0) -> object:
        self._budget.spend(_STEPS)
        if depth > _DEEPEST_EXPRESSION:
            raise MalformedError("the code is nested too deeply")
        match expression:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                return variables[name] if name in variables else Name(name) if name in _ROOTS else UNKNOWN
            case ast.Attribute(value=holder, attr=name):
                return self._member(self._value(holder, variables, depth + 1), name)
            case ast.Call():
                return self._call(expression, variables, depth)
            case ast.Tuple(elts=parts):
                return tuple(self._value(part, variables, depth + 1) for part in parts)
            case ast.List(elts=parts):
                return [self._value(part, variables, depth + 1) for part in parts]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                number = self._value(operand, variables, depth + 1)
                return -number if isinstance(number, int | float) else UNKNOWN
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return negation(self._value(operand, variables, depth + 1))
            case ast.Subscript(value=holder, slice=index):
                return self._item(self._value(holder, variables, depth + 1), self._value(index, variables, depth + 1))
            case ast.Dict(values=values):
                return [self._value(value, variables, depth + 1) for value in values]
        return UNKNOWN

    def _member(self, holder: object, name: str) -> object:
        match holder:
            case Name(dotted="CONSTANTS"):
                return Tensor(f"CONSTANTS.{name}", "constant")
            case Name(dotted=dotted):
                return Name(f"{dotted}.{name}")
            case Module():
                return self._attribute(holder, name)
        return holder if isinstance(holder, Tensor) else UNKNOWN  # a field of a tuple of tensors

    def _item(self, holder: object, index: object) -> object:
        """An element of a list; of a tensor that stands for a list, any of it."""
        if isinstance(holder, tuple | list):
            if isinstance(index, int) and -len(holder) <= index < len(holder):
                return holder[index]
            tensors = tensors_of(holder)
            return self._recorder.either(tensors) if tensors else UNKNOWN
        return holder if isinstance(holder, Tensor) else UNKNOWN

    def _call(self, call: ast.Call, variables: Variables, depth: int) -> object:
        values = [self._value(argument, variables, depth + 1) for argument in call.args]
        named = {each.arg: self._value(each.value, variables, depth + 1) for each in call.keywords if each.arg}
        match call.func:
            case ast.Name(id=name) if name not in variables:
                return self._built_in(name, values)
            case ast.Attribute(value=holder, attr=name):
                inside = self._value(holder, variables, depth + 1)
                if isinstance(inside, Module):
                    return self._method(inside, name, values, named)
                called = self._member(inside, name) if isinstance(inside, Name) else UNKNOWN
            case func:
                called = self._value(func, variables, depth + 1)
        if not isinstance(called, Name):
            return self._unknown_call("a call of something that is not known", values)
        return self._named_call(called.dotted, values, named)

    def _named_call(self, dotted: str, values: list[object], named: dict[str, object]) -> object:
        if dotted.startswith("__torch__."):
            definition = self._sources.function(dotted)
            if definition is not None:
                return self._function(definition, values, named)
            if self._sources.class_of(dotted) is not None:  # a named tuple, or an object of the program's own
                return tuple(values)
            return self._unknown_call(f"the function {plain_name(dotted)!r}", values)
        name = dotted.rsplit(".", 1)[-1]
        if name == "__not__":
            return negation(values[0]) if values else UNKNOWN
        if name in TESTS and len(values) == 2:
            known = TESTS[name](*values)
            if known is not UNKNOWN or name.startswith("__"):
                return known
        return self._recorder.call(dotted, values, named)

    def _built_in(self, name: str, values: list[object]) -> object:
        match name, values:
            case (("annotate" | "unchecked_cast"), [_, value]):
                return value
            case (("int" | "float" | "bool"), [value]):
                return value if isinstance(value, bool | int | float) else UNKNOWN
            case "range", [count]:
                return count if isinstance(count, int) else UNKNOWN
            case "getattr", [Module() as module, str() as attribute]:
                return self._attribute(module, attribute)
        return UNKNOWN


def _list_in(value: Instance) -> object:
    """A list of constants: TorchScript pickles one as a call of ``build_intlist``."""
    if value.class_name.startswith("torch.jit._pickle.build_") and isinstance(value.arguments[0], list):
        return tuple(part if isinstance(part, bool | int | float) else UNKNOWN for part in value.arguments[0])
    return UNKNOWN


def _assigned_in(body: Sequence[ast.stmt]) -> set[str]:
    return {
        node.id
        for statement in body
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
