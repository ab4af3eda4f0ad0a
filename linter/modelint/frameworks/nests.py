"""Functions on containers of tensors and weights: ``tf.nest``, and what brings the weights of models together."""

from __future__ import annotations

from modelint.frameworks.layers import Variables
from modelint.frameworks.tapes import variables_in
from modelint.frameworks.tensors import merged, tensors_in
from modelint.program.frames import Arguments
from modelint.program.interpreter import Interpreter
from modelint.program.values import (
    UNKNOWN,
    Const,
    DictObject,
    Function,
    ListObject,
    Tuple,
    Union,
    Value,
    join_all,
)

GATHERING = frozenset(
    (
        "tensorflow.nest.flatten",
        "tensorflow.python.util.nest.flatten",
        "tensorflow.python.util.object_identity.ObjectIdentitySet",
        "tree.flatten",
        "builtins.sum",
        "itertools.chain",
        "itertools.chain.from_iterable",
    )
)


def map_structure(interpreter: Interpreter, arguments: Arguments) -> Value:
    """``tf.nest.map_structure(f, structure)``: f sees every element; several structures are gone through as one."""
    function, structures = arguments.at(0, "func"), arguments.positional[1:]
    tensors = list(tensors_in(arguments.all(), interpreter))
    if not tensors:
        return UNKNOWN

    def mapped(value: Value) -> Value:
        match value:
            case Union():
                return join_all(list(map(mapped, value.values)))
            case Tuple():
                return Tuple(tuple(map(mapped, value.items)))
            case ListObject() if (items := value.iterate(interpreter)) is not None:
                return interpreter.new_list(tuple(map(mapped, items)))
            case DictObject() if value.complete(interpreter):
                made = DictObject()
                for key, entry in value.entries(interpreter).items():
                    made.set_item(interpreter, Const(key), mapped(entry))
                return made
        return interpreter.call(function, Arguments((value,), {}, arguments.node, arguments.frame))

    if len(structures) == 1 and isinstance(function, Function):
        return mapped(structures[0])
    return merged(tensors) or UNKNOWN


def gathered(interpreter: Interpreter, dotted: str, arguments: Arguments) -> Variables | None:
    """The weights that a function of a library brings together; None if it is no such function, or given none."""
    if dotted not in GATHERING:
        return None
    owners = variables_in(arguments.all(), interpreter)
    return Variables(tuple(owners)) if owners else None
