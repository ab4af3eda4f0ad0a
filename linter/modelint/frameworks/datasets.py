"""Input pipelines: ``tf.data``, Keras generators, arrays; what batches they give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from modelint.frameworks.batching import Batching, size_of
from modelint.frameworks.events import DrawEvent, record
from modelint.frameworks.tensors import Tensor, first_tensor
from modelint.program.frames import Arguments
from modelint.program.interpreter import Interpreter
from modelint.program.values import (
    UNKNOWN,
    Builtin,
    Const,
    Function,
    Range,
    Tuple,
    Value,
    alternatives,
)


def batching_of(interpreter: Interpreter, data: Value) -> Batching | None:
    """The batches that a value gives as data of ``fit``, ``predict`` and so on."""
    for one in alternatives(data):
        if isinstance(one, Dataset):
            return one.batching or Batching(samples=one.samples)
        if isinstance(one, Tuple) and one.items and isinstance(one.items[0], Dataset):
            return one.items[0].batching
    tensor = first_tensor(data, interpreter)
    if tensor is not None and tensor.shape:
        return Batching(samples=tensor.shape[0], role=tensor.batching.role if tensor.batching else None)
    return None


@dataclass(frozen=True, slots=True, eq=False)
class Dataset(Value):
    """A pipeline. ``samples`` counts unbatched elements; ``element`` stands for any of them."""

    samples: int | None = None
    batching: Batching | None = None
    repeated: bool = False
    role: str | None = None
    arity: int | None = None  # an element is a tuple of so many parts
    augmented: tuple[Value, ...] = ()

    def attribute(self, interpreter: Interpreter, name: str) -> Value:
        step = _STEPS.get(name)
        if step is not None:
            return Builtin(f"dataset.{name}", lambda i, a: step(i, self, a))
        if name == "__len__":
            return Builtin("dataset.__len__", lambda i, a: self.length())
        if name in ("cardinality", "samples", "n"):
            return UNKNOWN if self.samples is None else Const(self.samples)
        if name in ("element_spec", "class_names", "class_indices", "num_classes", "image_shape"):
            return UNKNOWN
        return Builtin(f"dataset.{name}", lambda i, a: self)

    def length(self) -> Value:
        """``len(dataset)``."""
        if self.batching is None:
            return UNKNOWN if self.samples is None else Const(self.samples)
        return BatchCount(1, None)

    def item(self, interpreter: Interpreter, index: Value) -> Value:
        return self.element(interpreter)

    def element(self, interpreter: Interpreter) -> Value:
        batching = self.batching or (Batching(role=self.role) if self.role else None)
        if self.arity is None:
            return Tensor(batching=batching, structured=True)
        return Tuple((Tensor(batching=batching),) * self.arity)


class BatchCount(Range):
    """The number of batches of a dataset."""

    __slots__ = ()


Step = Callable[[Interpreter, Dataset, Arguments], Value]


def _batch(interpreter: Interpreter, dataset: Dataset, arguments: Arguments) -> Value:
    size, is_assumed = size_of(arguments.get(0, "batch_size"))
    drop = arguments.get(1, "drop_remainder")
    if drop is None:
        drops: bool | None = False
    else:
        drops = drop.value if isinstance(drop, Const) and isinstance(drop.value, bool) and not drop.assumed else None
    if dataset.batching is not None:  # batches of batches: windows, not samples
        return replace(dataset, batching=replace(dataset.batching, size=None, samples=None))
    site = arguments.site
    return replace(
        dataset,
        batching=Batching(
            size, is_assumed, site, drops, site if drops else None, dataset.samples, dataset.repeated, dataset.role
        ),
    )


def _padded_batch(interpreter: Interpreter, dataset: Dataset, arguments: Arguments) -> Value:
    drop = arguments.get(3, "drop_remainder")
    keywords = {"drop_remainder": drop} if drop is not None else {}
    first = arguments.get(0, "batch_size")
    return _batch(
        interpreter,
        dataset,
        Arguments((first,) if first is not None else (), keywords, arguments.node, arguments.frame),
    )


def _unbatch(interpreter: Interpreter, dataset: Dataset, arguments: Arguments) -> Value:
    return replace(dataset, batching=None)


def _shuffle(interpreter: Interpreter, dataset: Dataset, arguments: Arguments) -> Value:
    record(
        interpreter,
        DrawEvent(
            arguments.site,
            arguments.frame,
            what="tensorflow.data.Dataset.shuffle",
            kind="shuffle",
            seed=arguments.get(1, "seed"),
        ),
    )
    return dataset


def _map(interpreter: Interpreter, dataset: Dataset, arguments: Arguments) -> Value:
    function = arguments.at(0, "map_func")
    element = dataset.element(interpreter)
    arity: int | None = None
    if isinstance(function, Function) and dataset.arity is None:
        parameters = len(function.node.params.params)
        parts = (element,) * max(1, parameters)
    else:
        parts = element.items if isinstance(element, Tuple) else (element,)
    result = interpreter.call(function, Arguments(parts, {}, arguments.node, arguments.frame))
    if isinstance(result, Tuple):
        arity = len(result.items)
    return replace(dataset, arity=arity)


def _repeat(interpreter: Interpreter, dataset: Dataset, arguments: Arguments) -> Value:
    count = arguments.get(0, "count")
    endless = count is None or (isinstance(count, Const) and count.value in (None, -1))
    if endless and dataset.batching is None:
        return replace(dataset, repeated=True, samples=None)
    if dataset.batching is None:
        times = count.value if isinstance(count, Const) and type(count.value) is int else None
        return replace(dataset, samples=dataset.samples * times if dataset.samples and times else None)
    return dataset


def _take(interpreter: Interpreter, dataset: Dataset, arguments: Arguments) -> Value:
    count = arguments.at(0, "count")
    if isinstance(count, Const) and type(count.value) is int and count.value >= 0:
        if dataset.batching is not None:
            return replace(dataset, batching=replace(dataset.batching, samples=None))
        known = count.value if dataset.samples is None or dataset.samples > count.value else dataset.samples
        exact = dataset.samples is not None or dataset.repeated
        return replace(dataset, samples=known if exact else None, repeated=False)
    return _uncounted(interpreter, dataset, arguments)


def _skip(interpreter: Interpreter, dataset: Dataset, arguments: Arguments) -> Value:
    count = arguments.at(0, "count")
    if (
        isinstance(count, Const)
        and type(count.value) is int
        and dataset.batching is None
        and dataset.samples is not None
    ):
        return replace(dataset, samples=max(0, dataset.samples - count.value))
    return _uncounted(interpreter, dataset, arguments)


def _uncounted(interpreter: Interpreter, dataset: Dataset, arguments: Arguments) -> Value:
    batching = dataset.batching
    return replace(dataset, samples=None, batching=replace(batching, samples=None) if batching is not None else None)


def _flow(interpreter: Interpreter, dataset: Dataset, arguments: Arguments) -> Value:
    """``ImageDataGenerator.flow(x, y, batch_size=32)``: endless, but batches end with the data."""
    return _flow_of(interpreter, arguments, arguments.get(2, "batch_size"), arguments.get(0, "x"))


def _flow_from_directory(interpreter: Interpreter, dataset: Dataset, arguments: Arguments) -> Value:
    return _flow_of(interpreter, arguments, arguments.get(None, "batch_size"), None)


def _flow_of(interpreter: Interpreter, arguments: Arguments, size: Value | None, data: Value | None) -> Value:
    number, is_assumed = size_of(size) if size is not None else (32, False)
    tensor = first_tensor(data, interpreter) if data is not None else None
    samples = tensor.shape[0] if tensor is not None and tensor.shape else None
    return Dataset(samples, Batching(number, is_assumed, arguments.site, False, None, samples), arity=2)


_STEPS: dict[str, Step] = {
    "batch": _batch,
    "padded_batch": _padded_batch,
    "ragged_batch": _batch,
    "unbatch": _unbatch,
    "shuffle": _shuffle,
    "map": _map,
    "repeat": _repeat,
    "take": _take,
    "skip": _skip,
    **dict.fromkeys(
        ("filter", "flat_map", "interleave", "window", "shard", "concatenate", "apply", "enumerate", "group_by_window"),
        _uncounted,
    ),
    "flow": _flow,
    "flow_from_directory": _flow_from_directory,
    "flow_from_dataframe": _flow_from_directory,
    "next": lambda i, d, a: d.element(i),
    "get_next": lambda i, d, a: d.element(i),
}
