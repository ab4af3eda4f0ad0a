"""Where data sets come from: tensors, folders, the data sets that Keras downloads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from modelint.frameworks.batching import Batching, size_of
from modelint.frameworks.datasets import Dataset
from modelint.frameworks.tensors import Tensor, tensors_in
from modelint.program.frames import Arguments
from modelint.program.interpreter import Interpreter
from modelint.program.values import Const, Tuple, Value


def from_tensors(interpreter: Interpreter, arguments: Arguments) -> Value:
    """``tf.data.Dataset.from_tensor_slices(tensors)``."""
    data = arguments.at(0, "tensors")
    lengths = {tensor.shape[0] for tensor in tensors_in((data,), interpreter) if tensor.shape}
    roles = {tensor.batching.role for tensor in tensors_in((data,), interpreter) if tensor.batching is not None}
    items = data.iterate(interpreter) if isinstance(data, Tuple) else None
    samples = lengths.pop() if len(lengths) == 1 else None
    if samples is None and not isinstance(data, Tuple):
        known = data.iterate(interpreter)
        samples = len(known) if known is not None else None
    return Dataset(
        samples, arity=len(items) if items is not None else None, role=roles.pop() if len(roles) == 1 else None
    )


def counted(interpreter: Interpreter, arguments: Arguments) -> Value:
    """``tf.data.Dataset.range(n)``."""
    value = arguments.at(0)
    exact = len(arguments.positional) == 1 and isinstance(value, Const) and type(value.value) is int
    return Dataset(value.value if exact and isinstance(value, Const) else None)


def zipped(interpreter: Interpreter, arguments: Arguments) -> Value:
    """``tf.data.Dataset.zip(datasets)``."""
    parts: Sequence[Value] = arguments.at(0).iterate(interpreter) or arguments.positional
    datasets = [part for part in parts if isinstance(part, Dataset)]
    if not datasets:
        return Dataset()
    return replace(datasets[0], arity=len(parts))


def from_directory(interpreter: Interpreter, arguments: Arguments) -> Value:
    """``keras.utils.image_dataset_from_directory(..., batch_size=32)``."""
    given = arguments.get(None, "batch_size")
    if isinstance(given, Const) and given.value is None:
        return Dataset(arity=2)
    size, is_assumed = size_of(given) if given is not None else (32, False)
    subset = arguments.get(None, "subset")
    role = None
    if isinstance(subset, Const):
        role = {"training": "training", "validation": "evaluation"}.get(str(subset.value))
    return Dataset(None, Batching(size, is_assumed, arguments.site, False, None, None, False, role), arity=2, role=role)


DATASETS = {
    "mnist": (60_000, 10_000, (28, 28)),
    "fashion_mnist": (60_000, 10_000, (28, 28)),
    "cifar10": (50_000, 10_000, (32, 32, 3)),
    "cifar100": (50_000, 10_000, (32, 32, 3)),
    "imdb": (25_000, 25_000, ()),
    "reuters": (8_982, 2_246, ()),
    "boston_housing": (404, 102, (13,)),
}
"""The samples in ``keras.datasets`` as their documentation gives them (training, test, shape of one)."""


def load_data(name: str) -> Value:
    """``keras.datasets.NAME.load_data()``."""
    training, test, shape = DATASETS[name]

    def part(length: int, role: str) -> Value:
        batching = Batching(role=role)
        return Tuple((Tensor(shape=(length, *shape), batching=batching), Tensor(shape=(length,), batching=batching)))

    return Tuple((part(training, "training"), part(test, "evaluation")))


def load_split(interpreter: Interpreter, arguments: Arguments) -> Value:
    """``tfds.load(name, split=...)``."""
    size = arguments.get(None, "batch_size")
    number, is_assumed = size_of(size)
    batching = Batching(number, is_assumed, arguments.site) if number is not None else None
    split = arguments.get(None, "split")
    items = split.iterate(interpreter) if split is not None else None
    one = Dataset(batching=batching)
    return interpreter.new_list(tuple(one for _ in items)) if items else one
