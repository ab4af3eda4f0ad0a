"""Where data sets come from: tensors, folders, the data sets that Keras downloads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from modelint.frameworks.data.batching import Batching, common, size_of
from modelint.frameworks.data.datasets import Dataset
from modelint.frameworks.tensors import Tensor, tensors_in
from modelint.program.frames import Arguments
from modelint.program.interpreter import Interpreter
from modelint.program.values import FALSE, UNKNOWN, Builtin, Const, DictObject, ListObject, Tuple, Value


def from_tensors(interpreter: Interpreter, arguments: Arguments) -> Value:
    """``tf.data.Dataset.from_tensor_slices(tensors)``."""
    data = arguments.at(0, "tensors")
    roles = {tensor.batching.role for tensor in tensors_in((data,), interpreter) if tensor.batching is not None}
    return Dataset(
        common(_lengths(interpreter, data)),
        arity=len(data.items) if isinstance(data, Tuple) else None,
        role=roles.pop() if len(roles) == 1 else None,
    )


def _lengths(interpreter: Interpreter, data: Value) -> Iterator[int]:
    """The lengths that are known of the arrays and lists in a tuple or dictionary of such."""
    match data:
        case Tensor(shape=tuple(shape)) if shape and shape[0] is not None:
            yield shape[0]
        case Tuple():
            for item in data.items:
                yield from _lengths(interpreter, item)
        case DictObject():
            for entry in data.entries(interpreter).values():
                yield from _lengths(interpreter, entry)
        case ListObject():
            count = data.count(interpreter)
            if count is not None:
                yield count


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
    batched = next((dataset for dataset in datasets if dataset.batching is not None), datasets[0])
    counts = [dataset.samples for dataset in datasets if not dataset.repeated]
    known = [count for count in counts if count is not None]
    all_known = len(datasets) == len(parts) and len(known) == len(counts)
    return replace(
        batched,
        samples=min(known, default=None) if all_known else None,
        repeated=common(dataset.repeated for dataset in datasets),
        arity=len(parts),
        single=any(dataset.single for dataset in datasets),
    )


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
    """``tfds.load(name, split=..., with_info=...)``: a data set for every split that is named, and what is known of it.

    Without a split it is a dictionary of all of them.
    """
    named = arguments.named(("name",))
    data = _splits(interpreter, named.get("split"), _pipeline_of_split(named, arguments))
    with_info = named.get("with_info") or FALSE
    if with_info.truth() is None:
        return UNKNOWN
    return Tuple((data, UNKNOWN)) if with_info.truth() else data


def builder(interpreter: Interpreter, arguments: Arguments) -> Value:
    """``tfds.builder(name)``."""
    return Builder()


class Builder(Value):
    """What gives the data sets of one name."""

    __slots__ = ()

    def outlives(self, mark: int) -> bool:
        return True

    def attribute(self, interpreter: Interpreter, name: str) -> Value:
        return Builtin("builder.as_dataset", _as_dataset) if name == "as_dataset" else UNKNOWN


def _as_dataset(interpreter: Interpreter, arguments: Arguments) -> Value:
    named = arguments.named(("split", "batch_size"))
    return _splits(interpreter, named.get("split"), _pipeline_of_split(named, arguments))


def _pipeline_of_split(named: Mapping[str, Value], arguments: Arguments) -> Dataset:
    number, is_assumed = size_of(named.get("batch_size"))
    batching = Batching(number, is_assumed, arguments.site) if number is not None else None
    supervised = named.get("as_supervised") or FALSE
    return Dataset(batching=batching, arity=2 if supervised.truth() else None)


def _splits(interpreter: Interpreter, split: Value | None, pipeline: Dataset) -> Value:
    """The data sets of a split as it is written: a name, a list or dictionary of such; of all of them if it is none."""
    match split:
        case None | Const(value=None):
            splits = DictObject()
            for name in ROLES:
                splits.set_item(interpreter, Const(name), _of_split(name, pipeline))
            splits.set_item(interpreter, UNKNOWN, pipeline)
            return splits
        case Const(value=str(name)):
            return _of_split(name, pipeline)
        case DictObject() if split.complete(interpreter):
            splits = DictObject()
            for key, one in split.entries(interpreter).items():
                splits.set_item(interpreter, Const(key), _splits(interpreter, one, pipeline))
            return splits
        case Tuple() | ListObject():
            items = split.iterate(interpreter)
            if items is not None:
                return interpreter.new_list(tuple(_splits(interpreter, one, pipeline) for one in items))
            return interpreter.new_list((), pipeline)
    return pipeline


ROLES = {"train": "training", "test": "evaluation", "validation": "evaluation"}
"""What the splits of a data set are for, unless only a part of one is taken."""


def _of_split(name: str, pipeline: Dataset) -> Dataset:
    role = ROLES.get(name)
    batching = pipeline.batching.changed(role=role) if pipeline.batching is not None else None
    return replace(pipeline, role=role, batching=batching)
