"""Syntax trees as Python's own parser makes them: the nodes below a node, parameters, names, parts of nodes."""

from __future__ import annotations

import ast
import enum
from collections.abc import Iterator, Sequence
from functools import lru_cache

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DefinedNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
ForNode = ast.For | ast.AsyncFor
FOR_LOOPS = (ast.For, ast.AsyncFor)
LOOPS = (ast.For, ast.AsyncFor, ast.While)


class NodePart(enum.Enum):
    """What of a node a place is meant for, where not all of it."""

    WHOLE = enum.auto()
    NAME = enum.auto()  # of a function, a class, a parameter
    MEMBER = enum.auto()  # of an attribute: the dot and the name behind it
    HEAD = enum.auto()  # of a function: its name and its parameters


class _Fields(dict[type[ast.AST], tuple[str, ...]]):
    """The fields of a class of nodes in which there can be nodes that hold code. Found out once."""

    def __missing__(self, kind: type[ast.AST]) -> tuple[str, ...]:
        without = {"ctx", "op", "ops", "id", "attr", "kind", "type_comment", "level", "asname"}
        self[kind] = tuple(name for name in kind._fields if name not in without)
        return self[kind]


_FIELDS = _Fields()


def children_of(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes right below a node, without operators."""
    for name in _FIELDS[type(node)]:
        value = getattr(node, name, None)
        if isinstance(value, ast.AST):
            yield value
        elif type(value) is list:
            yield from (one for one in value if isinstance(one, ast.AST))


def descendants_of(*nodes: ast.AST) -> Iterator[ast.AST]:
    """Nodes and all nodes below them, without operators, in no particular order."""
    stack = list(nodes)
    while stack:
        one = stack.pop()
        yield one
        stack.extend(children_of(one))


def body_of(function: DefinedNode) -> Sequence[ast.stmt | ast.expr]:
    """The statements of a function; of a lambda its expression."""
    return (function.body,) if isinstance(function, ast.Lambda) else function.body


def named_parameters(parameters: ast.arguments) -> tuple[ast.arg, ...]:
    """The parameters of a function that take one argument each: by position, by name, or both; in their order."""
    return (*parameters.posonlyargs, *parameters.args, *parameters.kwonlyargs)


def positional_parameters(parameters: ast.arguments) -> tuple[ast.arg, ...]:
    """The parameters of a function that can be passed by position, in their order."""
    return (*parameters.posonlyargs, *parameters.args)


@lru_cache(maxsize=8192)
def parameter_names(parameters: ast.arguments) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of the parameters that can be passed by position, and of those that are passed by name only."""
    by_position = tuple(parameter.arg for parameter in positional_parameters(parameters))
    return by_position, tuple(parameter.arg for parameter in parameters.kwonlyargs)


def default_of(parameters: ast.arguments, parameter: ast.arg) -> ast.expr | None:
    """The default of one of the parameters, as it is written."""
    return next((default for one, default in defaults_of(parameters) if one is parameter), None)


def defaults_of(parameters: ast.arguments) -> Iterator[tuple[ast.arg, ast.expr]]:
    """The parameters that have a default, with it, in their order."""
    positional = positional_parameters(parameters)
    yield from zip(positional[len(positional) - len(parameters.defaults) :], parameters.defaults, strict=True)
    for parameter, default in zip(parameters.kwonlyargs, parameters.kw_defaults, strict=True):
        if default is not None:
            yield parameter, default


def words_in(*nodes: ast.AST) -> Iterator[str]:
    """All names in nodes and below: of variables, attributes, keywords, parameters, functions and classes."""
    for node in descendants_of(*nodes):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                yield name
            case ast.keyword(arg=str(name)) | ast.arg(arg=name):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name


def same_code(one: ast.AST, other: ast.AST) -> bool:
    """Whether two nodes are written alike, but for space, comments and parentheses, and for being read or assigned."""
    return one is other or (type(one) is type(other) and ast.unparse(one) == ast.unparse(other))
