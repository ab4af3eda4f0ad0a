"""Signatures of forward passes, as fixes change them; and how a program can seed itself."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from modelint.documents import Script
from modelint.documents.trees import FUNCTIONS, FunctionNode, default_of, named_parameters, words_in
from modelint.facts import KerasVersion, Seeder
from modelint.frameworks.guards import MODE_PARAMETERS
from modelint.frameworks.names import canonical
from modelint.program.values import Function
from modelint.written import Signature

_TENSORFLOW_1 = re.compile(
    r"\.(placeholder|(Interactive)?Session|global_variables_initializer)\(|\btensorflow\.(contrib|examples)\b|\bcompat.*\bv1\b"
)
"""What only programs for TensorFlow 1 say, in which ``set_random_seed`` seeds something else, or is not there."""

SEEDING = "keras.utils.set_random_seed"


def signature_of(function: Function | None) -> Signature:
    """The parameters of a function of the program. Only a ``call`` takes one more: Keras then passes it."""
    if function is None or not isinstance(function.node, FUNCTIONS):
        return Signature()
    parameters = function.node.args
    names = [parameter.arg for parameter in named_parameters(parameters)]
    mode = next((name for name in names if name in MODE_PARAMETERS), None)
    is_forward_pass = function.name == "call" and function.owner is not None
    takes_rest = parameters.vararg is not None or _uses(function.node, parameters.kwarg)
    if mode is not None or not is_forward_pass or takes_rest or not parameters.args:
        return Signature(mode)
    script, last = function.module.script, parameters.args[-1]
    default = default_of(parameters, last)
    if default is not None and _is_in_parentheses(script, last, default):
        return Signature()  # where these close, the tree does not say
    return Signature(None, script.site(last, default))


def _is_in_parentheses(script: Script, parameter: ast.arg, default: ast.expr) -> bool:
    """Whether there are parentheses around the default of a parameter, by the text between the two."""
    before, after = script.span(parameter), script.span(default)
    between = script.lines[after.line - 1][before.end_column - 1 : after.column - 1]
    return before.end_line != after.line or "(" in between


def _uses(function: FunctionNode, parameter: ast.arg | None) -> bool:
    return parameter is not None and parameter.arg in words_in(*function.body)


def seeder_of(script: Script, versions: tuple[KerasVersion, ...]) -> Seeder | None:
    """How a script can seed what it draws, by a name that it has imported at its top level."""
    if _TENSORFLOW_1.search(script.text):
        return None
    everything = versions != (KerasVersion.KERAS_2,)  # else it may be older than 2.7
    written = _as_seeding if everything else _as_seeding_of_tensorflow
    found = [
        (rank, name, statement, last)
        for statement, last in _imports(script.module)
        for expression, dotted in _bound(statement)
        for rank, name in written(expression, dotted)
    ]
    if not found:
        return None
    _, name, statement, last = min(found, key=lambda one: one[0])  # the first of the best
    return Seeder(name, script.site(statement), script.site(last), everything)


def imported_as(script: Script, name: str) -> str | None:
    """The dotted name that a script's top level imports under a name; the last one, if there are several."""
    found = [dotted for statement, _ in _imports(script.module) for local, dotted in _bound(statement) if local == name]
    return found[-1] if found else None


def _imports(module: ast.Module) -> Iterator[tuple[ast.Import | ast.ImportFrom, ast.Import | ast.ImportFrom]]:
    """The imports of a module's top level, each with the last of those that follow it without other code between."""
    block: list[ast.Import | ast.ImportFrom] = []
    for line in (*_lines(module), ()):
        imports = [one for one in line if isinstance(one, (ast.Import, ast.ImportFrom))]
        if imports and len(imports) == len(line):
            block += imports
        else:
            yield from ((one, block[-1]) for one in block)
            block = []


def _lines(module: ast.Module) -> Iterator[Sequence[ast.stmt]]:
    """The statements of a module's top level; those on one line, with semicolons between them, together."""
    line: list[ast.stmt] = []
    for statement in module.body:
        if line and line[-1].end_lineno != statement.lineno:
            yield line
            line = []
        line.append(statement)
    yield line


def _bound(statement: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    """What an import makes available: how it is written afterwards, and its dotted name."""
    if isinstance(statement, ast.ImportFrom) and statement.level:
        return
    package = f"{statement.module}." if isinstance(statement, ast.ImportFrom) else ""
    for alias in statement.names:
        if alias.name != "*":
            yield alias.asname or alias.name, package + alias.name


def _as_seeding(expression: str, dotted: str) -> Iterator[tuple[int, str]]:
    """How ``set_random_seed`` is written where something is imported, with a rank: Keras's own name is best."""
    name = canonical(dotted)
    if name == SEEDING or SEEDING.startswith(f"{name}."):
        yield 0, expression + SEEDING.removeprefix(name)
    elif name == "tensorflow":
        yield 1, f"{expression}.{SEEDING}"


def _as_seeding_of_tensorflow(expression: str, dotted: str) -> Iterator[tuple[int, str]]:
    """How ``tf.random.set_seed`` is written where something is imported; it reaches the layers of Keras 2."""
    if dotted == "tensorflow":
        yield 0, f"{expression}.random.set_seed"
