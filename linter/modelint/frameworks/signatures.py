"""Signatures of forward passes, as fixes change them; and how a program can seed itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

import libcst

from modelint.documents import Script, Site
from modelint.documents.trees import descendants_of, named_parameters
from modelint.facts import KerasVersion, Seeder
from modelint.frameworks.guards import MODE_PARAMETERS
from modelint.frameworks.names import canonical
from modelint.program.statements import dotted_name
from modelint.program.values import Function
from modelint.written import Signature

_TENSORFLOW_1 = re.compile(
    r"\.(placeholder|(Interactive)?Session|global_variables_initializer)\(|\btensorflow\.(contrib|examples)\b|\bcompat.*\bv1\b"
)
"""What only programs for TensorFlow 1 say, in which ``set_random_seed`` seeds something else, or is not there."""

SEEDING = "keras.utils.set_random_seed"


def signature_of(function: Function | None) -> Signature:
    """The parameters of a function of the program. Only a ``call`` takes one more: Keras then passes it."""
    if function is None or not isinstance(function.node, libcst.FunctionDef):
        return Signature()
    parameters = function.node.params
    names = [parameter.name.value for parameter in named_parameters(parameters)]
    mode = next((name for name in names if name in MODE_PARAMETERS), None)
    is_forward_pass = function.name == "call" and function.owner is not None
    takes_rest = isinstance(parameters.star_arg, libcst.Param) or _uses(function.node, parameters.star_kwarg)
    if mode is not None or not is_forward_pass or takes_rest or not parameters.params:
        return Signature(mode)
    return Signature(None, place_of(function.module.script, parameters.params[-1]))


def place_of(script: Script, parameter: libcst.Param) -> Site:
    """A parameter with its annotation and default, without the comma behind it."""
    annotation = parameter.annotation.annotation if parameter.annotation is not None else None
    return script.site(parameter.name, parameter.default or annotation)


def _uses(function: libcst.FunctionDef, parameter: libcst.Param | None) -> bool:
    if parameter is None:
        return False
    names = (node.value for node in descendants_of(function.body) if isinstance(node, libcst.Name))
    return any(name == parameter.name.value for name in names)


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
    return Seeder(name, script.site(statement, within=statement), script.site(last, within=last), everything)


def imported_as(script: Script, name: str) -> str | None:
    """The dotted name that a script's top level imports under a name; the last one, if there are several."""
    found = [dotted for statement, _ in _imports(script.module) for local, dotted in _bound(statement) if local == name]
    return found[-1] if found else None


def _imports(
    module: libcst.Module,
) -> Iterator[tuple[libcst.Import | libcst.ImportFrom, libcst.Import | libcst.ImportFrom]]:
    """The imports of a module's top level, each with the last of those that follow it without other code between."""
    block: list[libcst.Import | libcst.ImportFrom] = []
    for statement in (*module.body, None):
        small = statement.body if isinstance(statement, libcst.SimpleStatementLine) else ()
        imports = [one for one in small if isinstance(one, (libcst.Import, libcst.ImportFrom))]
        if imports and len(imports) == len(small):
            block += imports
        else:
            yield from ((one, block[-1]) for one in block)
            block = []


def _bound(statement: libcst.Import | libcst.ImportFrom) -> Iterator[tuple[str, str]]:
    """What an import makes available: how it is written afterwards, and its dotted name."""
    module = statement.module if isinstance(statement, libcst.ImportFrom) else None
    if isinstance(statement.names, libcst.ImportStar) or (
        isinstance(statement, libcst.ImportFrom) and statement.relative
    ):
        return
    for alias in statement.names:
        name = dotted_name(alias.name)
        dotted = f"{dotted_name(module)}.{name}" if module is not None else name
        local = alias.asname.name if alias.asname is not None else alias.name
        yield dotted_name(local), dotted


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
