"""What batches a value gives as data of ``fit``, ``evaluate`` and ``predict``: pipelines, generators, arrays."""

from __future__ import annotations

import ast
from functools import reduce

from modelint.documents.trees import FUNCTIONS, body_of, children_of, descendants_of
from modelint.frameworks.data.batching import Batching, either, is_size_name, size_of
from modelint.frameworks.data.datasets import Dataset
from modelint.frameworks.data.rounding import is_known_in, is_size, names_of, number_of, rounded_division, written_as
from modelint.frameworks.tensors import Tensor, first_tensor
from modelint.program.frames import Frame
from modelint.program.interpreter import Interpreter
from modelint.program.values import (
    Function,
    Generator,
    Instance,
    Range,
    Tuple,
    Value,
    alternatives,
    new_identity,
)


def batching_of(interpreter: Interpreter, data: Value) -> Batching | None:
    """The batches that a value gives as data of ``fit``, ``predict`` and so on."""
    found = [batching for one in alternatives(data) if (batching := _batching_of(interpreter, one)) is not None]
    return reduce(either, found) if found else None


def is_one_batch(data: Value, batching: Batching | None) -> bool:
    """Whether data is one batch of a pipeline, and not the pipeline."""
    return isinstance(data, Tensor) and data.batching is not None and data.batching is batching


def is_pipeline(interpreter: Interpreter, data: Value) -> bool:
    """Whether a value gives batches, and is no array."""
    return any(isinstance(one, (Dataset, Generator)) or counts_batches(interpreter, one) for one in alternatives(data))


def counts_batches(interpreter: Interpreter, value: Value) -> bool:
    """Whether the length of a value is a number of batches."""
    if isinstance(value, Dataset):
        return value.batching is not None
    return isinstance(value, Instance) and _batches_by_number(interpreter, value) is not None


def _batching_of(interpreter: Interpreter, data: Value) -> Batching | None:
    if isinstance(data, Dataset):
        return data.batching or Batching(samples=data.samples)
    if isinstance(data, Tuple) and data.items and isinstance(data.items[0], Dataset):
        return data.items[0].batching
    if isinstance(data, Generator):
        return _of_generator(interpreter, data)
    if isinstance(data, Instance):
        return _of_batches_by_number(interpreter, data)
    tensor = first_tensor(data, interpreter)
    if tensor is None:
        return None
    if tensor.batching is not None and (tensor.batching.size is not None or tensor.batching.drops):
        return tensor.batching  # one batch of a pipeline
    role = tensor.batching.role if tensor.batching is not None else None
    return Batching(samples=tensor.shape[0], role=role) if tensor.shape else None


def _of_generator(interpreter: Interpreter, generator: Generator) -> Batching:
    """The batches that a generator function yields: arrays, the first of whose axes counts the samples."""
    size: int | Range | None = _first_length(interpreter, generator.element(interpreter))
    is_assumed = False
    function = generator.frame.function
    if size is None and function is not None:
        size, is_assumed = _size_in(interpreter, [function], generator.frame)
    node = generator.frame.called_from
    caller = generator.frame.caller
    site = caller.module.script.site(node) if node is not None and caller is not None and caller.module else None
    return Batching(size, is_assumed, site, drops=None)


def _first_length(interpreter: Interpreter, batch: Value) -> int | None:
    """The length of the first array in a batch."""
    tensor = first_tensor(batch, interpreter)
    return tensor.shape[0] or None if tensor is not None and tensor.shape else None


def _batches_by_number(interpreter: Interpreter, instance: Instance) -> tuple[Function, Function] | None:
    """How many batches an object has, and how it makes one: what Keras asks of a ``Sequence`` (``PyDataset``)."""
    length = interpreter.class_attribute(instance.cls, "__len__")
    item = interpreter.class_attribute(instance.cls, "__getitem__")
    return (length, item) if isinstance(length, Function) and isinstance(item, Function) else None


def _of_batches_by_number(interpreter: Interpreter, instance: Instance) -> Batching | None:
    methods = _batches_by_number(interpreter, instance)
    if methods is None:
        return None
    key = ("batching", instance.identity)
    found = interpreter.memory.get(key)
    if not isinstance(found, Batching):
        found = _measured(interpreter, instance, *methods)
        interpreter.remember(key, found)
    return found


def _measured(interpreter: Interpreter, instance: Instance, length: Function, item: Function) -> Batching:
    """What the methods of an object say of its batches."""
    frame = _inside(interpreter, length, instance)
    size, is_assumed = _size_in(interpreter, [length, item], frame)
    if size is None:
        batch = interpreter.call_with(item.bind(instance), (Range(0, None),))
        size = _first_length(interpreter, batch)
    returned = returned_by(length)
    script = length.module.script
    written = written_as(returned, script) if returned is not None else None
    division = rounded_division(written) if written is not None else None
    if division is None:
        return Batching(size, is_assumed, instance.made, drops=None if returned is None else False)
    divisor = number_of(interpreter.evaluate(division.right, frame))
    exact = size if isinstance(size, int) else None
    if not is_size(division.right, divisor, exact):
        return Batching(size, is_assumed, instance.made, drops=None)
    samples = number_of(interpreter.evaluate(division.left, frame)) if is_known_in(division, frame) else None
    site = script.site(division)
    return Batching(size, is_assumed, instance.made, True, site, samples, how="__len__ is rounded down")


def returned_by(function: Function) -> ast.expr | None:
    """What a function returns, if that is written in one place."""
    returns: list[ast.Return] = []
    stack: list[ast.AST] = [*body_of(function.node)]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Return):
            returns.append(node)
        elif not isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.expr)):
            stack.extend(children_of(node))
    return returns[0].value if len(returns) == 1 else None


def _inside(interpreter: Interpreter, method: Function, instance: Instance) -> Frame:
    """A frame in which the instance is what the method calls itself."""
    frame = Frame(new_identity(), method.module, method.frame, method)
    first = next(iter(method.node.args.args), None)
    if first is not None:
        interpreter.store.set(frame.identity, first.arg, instance)
    return frame


def _size_in(interpreter: Interpreter, functions: list[Function], frame: Frame) -> tuple[int | Range | None, bool]:
    """The batch size that functions speak of by its name, as a frame knows it; none if they know several."""
    found: dict[tuple[int | Range, bool], None] = {}
    for function in functions:
        for node in descendants_of(*body_of(function.node)):
            named = _named(node)
            if named is not None and is_size_name(named):
                size, is_assumed = size_of(interpreter.evaluate(node, frame))
                if size is not None:
                    found[size, is_assumed] = None
    return next(iter(found)) if len(found) == 1 else (None, False)


def _named(node: ast.AST) -> str | None:
    """The name, attribute or key that an expression is; None if it is computed otherwise."""
    match node:
        case ast.Name() | ast.Attribute() | ast.Subscript():
            return next(names_of(node), None)
    return None
