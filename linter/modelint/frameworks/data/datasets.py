"""Input pipelines: ``tf.data``, Keras generators, arrays; what batches they give."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from modelint.documents.trees import words_in
from modelint.frameworks.data.batching import Batching, common, either, size_of
from modelint.frameworks.events import DrawEvent, record
from modelint.frameworks.tensors import Tensor, first_tensor
from modelint.program.frames import Arguments
from modelint.program.interpreter import Interpreter
from modelint.program.values import (
    NONE,
    UNKNOWN,
    Builtin,
    Const,
    Function,
    Range,
    Tuple,
    Unknown,
    Value,
    alternatives,
)


@dataclass(frozen=True, slots=True, eq=False)
class Dataset(Value):
    """A pipeline. ``samples`` counts unbatched elements; ``element`` stands for any of them.

    Pipelines between which a program chooses are one that has what they have in common, and all their batchings: what
    is done with it is executed once.
    """

    JOINS = True

    samples: int | None = None
    batching: Batching | None = None
    repeated: bool | None = False  # None: perhaps
    role: str | None = None
    arity: int | None = None  # an element is a tuple of so many parts
    certain: bool = True  # it is known to be one
    single: bool = False  # it has one element
    shuffled: frozenset[DrawEvent] = frozenset()

    def joined(self, other: Value) -> Value | None:
        if not isinstance(other, Dataset) or (self.batching is None) is not (other.batching is None):
            return None
        return Dataset(
            common((self.samples, other.samples)),
            either(self.batching, other.batching) if self.batching and other.batching else None,
            common((self.repeated, other.repeated)),
            common((self.role, other.role)),
            common((self.arity, other.arity)),
            self.certain and other.certain,
            self.single and other.single,
            self.shuffled | other.shuffled,
        )

    def attribute(self, interpreter: Interpreter, name: str) -> Value:
        step = _STEPS.get(name)
        if step is not None:
            return Builtin(f"dataset.{name}", lambda i, a: step(i, self, a))
        if name == "__len__":
            return Builtin("dataset.__len__", lambda i, a: self.length())
        if name in ("samples", "n"):
            return UNKNOWN if self.samples is None else Const(self.samples)
        if name == "batch_size":
            size = self.batching.size if self.batching is not None else None
            return Const(size) if isinstance(size, int) else UNKNOWN
        if name == "cardinality":
            return Builtin("dataset.cardinality", lambda i, a: self.length())
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

    def iterate(self, interpreter: Interpreter) -> Sequence[Value] | None:
        return (self.element(interpreter),) if self.single else None

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
    site = arguments.site
    if dataset.batching is not None:  # batches of batches: of windows, of tasks, not of samples
        return replace(dataset, batching=Batching(site=site, drops=None, role=dataset.role))
    if drops and _is_for_fixed_shapes(interpreter):
        drops = None
    batching = Batching(
        size,
        is_assumed,
        site,
        drops,
        site if drops else None,
        dataset.samples,
        dataset.repeated,
        dataset.role,
        certain=dataset.certain,
        shuffled=dataset.shuffled,
    )
    return replace(dataset, batching=batching)


def _is_for_fixed_shapes(interpreter: Interpreter) -> bool:
    """Whether the code under way stands under a test for a device that cannot take a smaller batch."""
    return any("tpu" in word.lower() for guard in interpreter.guards for word in words_in(guard.node))


def _rebatch(interpreter: Interpreter, dataset: Dataset, arguments: Arguments) -> Value:
    samples = dataset.batching.samples if dataset.batching is not None else dataset.samples
    return _batch(interpreter, replace(dataset, batching=None, samples=samples), arguments)


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
    return replace(dataset, batching=None, single=False)


def _shuffle(interpreter: Interpreter, dataset: Dataset, arguments: Arguments) -> Value:
    event = DrawEvent(
        arguments.site,
        arguments.frame,
        what="tensorflow.data.Dataset.shuffle",
        kind="shuffle",
        seed=arguments.get(1, "seed"),
    )
    record(interpreter, event)
    shuffled = dataset.shuffled | {event}
    batching = dataset.batching.changed(shuffled=shuffled) if dataset.batching is not None else None
    return replace(dataset, shuffled=shuffled, batching=batching)


def _map(interpreter: Interpreter, dataset: Dataset, arguments: Arguments) -> Value:
    function = arguments.at(0, "map_func")
    element = dataset.element(interpreter)
    arity: int | None = None
    if isinstance(function, Function) and dataset.arity is None:
        parameters = len(function.node.args.args)
        parts = (element,) * max(1, parameters)
    else:
        parts = element.items if isinstance(element, Tuple) else (element,)
    result = interpreter.call(function, Arguments(parts, {}, arguments.node, arguments.frame))
    if isinstance(result, Tuple):
        arity = len(result.items)
    return replace(dataset, arity=arity)


def _repeat(interpreter: Interpreter, dataset: Dataset, arguments: Arguments) -> Value:
    count = arguments.get(0, "count") or NONE
    if dataset.batching is not None:
        return replace(dataset, single=False)
    if not isinstance(count, Const):
        return replace(dataset, repeated=None, samples=None, single=False)
    if count.value in (None, -1):
        return replace(dataset, repeated=None if count.assumed else True, samples=None, single=False)
    times = count.value if type(count.value) is int and not count.assumed else None
    return replace(dataset, samples=dataset.samples * times if dataset.samples and times else None, single=False)


def _take(interpreter: Interpreter, dataset: Dataset, arguments: Arguments) -> Value:
    value = arguments.at(0, "count")
    count = value.value if isinstance(value, Const) and type(value.value) is int and value.value >= 0 else None
    single = dataset.single or count == 1
    if dataset.batching is not None:  # so many batches are wanted; whether they are all does not matter
        batching = dataset.batching.changed(samples=None, drops=None, role=None)
        return replace(dataset, batching=batching, role=None, single=single)
    if count is None:
        return replace(_uncounted(interpreter, dataset, arguments), role=None, single=dataset.single)
    known = count if dataset.samples is None or dataset.samples > count else dataset.samples
    exact = dataset.samples is not None or dataset.repeated
    return replace(dataset, samples=known if exact else None, repeated=False, role=None, single=single)


def _skip(interpreter: Interpreter, dataset: Dataset, arguments: Arguments) -> Value:
    count = arguments.at(0, "count")
    if (
        isinstance(count, Const)
        and type(count.value) is int
        and dataset.batching is None
        and dataset.samples is not None
    ):
        return replace(dataset, samples=max(0, dataset.samples - count.value), role=None)
    rest = _uncounted(interpreter, dataset, arguments)
    return replace(rest, role=None, batching=rest.batching.changed(role=None) if rest.batching is not None else None)


def _uncounted(interpreter: Interpreter, dataset: Dataset, arguments: Arguments) -> Dataset:
    batching = dataset.batching
    return replace(
        dataset,
        samples=None,
        batching=batching.changed(samples=None) if batching is not None else None,
        single=False,
    )


def _apply(interpreter: Interpreter, dataset: Dataset, arguments: Arguments) -> Value:
    function = arguments.at(0, "transformation_func")
    result = interpreter.call(function, Arguments((dataset,), {}, arguments.node, arguments.frame))
    return result if isinstance(result, Dataset) else _uncounted(interpreter, dataset, arguments)


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
    "rebatch": _rebatch,
    "unbatch": _unbatch,
    "shuffle": _shuffle,
    "map": _map,
    "repeat": _repeat,
    "take": _take,
    "skip": _skip,
    "apply": _apply,
    **dict.fromkeys(
        ("filter", "flat_map", "interleave", "window", "shard", "concatenate", "enumerate", "group_by_window"),
        _uncounted,
    ),
    "flow": _flow,
    "flow_from_directory": _flow_from_directory,
    "flow_from_dataframe": _flow_from_directory,
    "next": lambda i, d, a: d.element(i),
    "get_next": lambda i, d, a: d.element(i),
}

SHOWING = frozenset(("batch", "padded_batch", "ragged_batch"))
"""The steps by which a value of which nothing is known shows to be a pipeline."""


def step_of_unknown(name: str) -> Value | None:
    """An attribute of a value of which nothing is known, if having it makes that a pipeline."""
    if name not in SHOWING:
        return None
    step = _STEPS[name]

    def run(interpreter: Interpreter, arguments: Arguments) -> Value:
        size = arguments.get(0, "batch_size")
        if size is None or not _may_be_size(size, told="drop_remainder" in arguments.keywords):
            return interpreter.library.unknown_call(interpreter, UNKNOWN, arguments)
        return step(interpreter, Dataset(certain=False), arguments)

    return Builtin(f"dataset.{name}", run)


def _may_be_size(value: Value, *, told: bool) -> bool:
    """Whether a value is a number of samples; ``told``: another argument says that a batch is made."""
    size, _ = size_of(value)
    return size is not None or (told and all(isinstance(one, (Unknown, Const)) for one in alternatives(value)))


def passed_on(interpreter: Interpreter, arguments: Arguments) -> Dataset | None:
    """What an unknown function probably makes of a pipeline: one that gives the same batches."""
    given = arguments.get(0)
    if not isinstance(given, Dataset):
        return None
    batching = given.batching
    if batching is not None:
        batching = batching.changed(samples=None, repeated=batching.repeated or None, certain=False)
    return Dataset(batching=batching, repeated=given.repeated or None, role=given.role, certain=False)
