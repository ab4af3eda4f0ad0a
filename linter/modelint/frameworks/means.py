"""Means of the means of batches: sums of metrics over the batches, divided by the number of batches."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

import libcst

from modelint.documents.trees import descendants_of
from modelint.facts import MeanOfBatchMeans, Purpose
from modelint.frameworks.batching import Batching
from modelint.frameworks.datasets import BatchCount
from modelint.frameworks.events import CallEvent, Event, MeanEvent, record
from modelint.frameworks.intent import loop_around, path_to
from modelint.frameworks.tensors import Tensor, tensors_in
from modelint.program.frames import Arguments, Frame
from modelint.program.interpreter import Interpreter
from modelint.program.statements import called_name
from modelint.program.values import ListObject, Value, alternatives

_COUNTING = frozenset(("range", "trange", "xrange", "arange", "count"))
_THROUGH = frozenset(("enumerate", "tqdm", "iter"))
_OF_BATCHES = re.compile(
    r"batch|loader|data|(^|_)(ds|gen|generator|test|val|valid|validation|eval)(_|$)", re.IGNORECASE
)


def adds_to_itself(node: libcst.CSTNode, frame: Frame) -> bool:
    """Whether an addition adds to a sum: ``total += x``, ``total = total + x``."""
    statement = frame.statement
    if isinstance(node, libcst.AugAssign):
        return True
    if not isinstance(statement, libcst.Assign) or statement.value is not node or len(statement.targets) != 1:
        return False
    target = statement.targets[0].target
    return isinstance(node, libcst.BinaryOperation) and any(target.deep_equals(one) for one in (node.left, node.right))


def note_mean_of_means(
    interpreter: Interpreter,
    tensors: list[Tensor],
    count: Value,
    added: libcst.CSTNode,
    node: libcst.CSTNode,
    frame: Frame,
) -> None:
    """Record that a sum of batch means is divided by something, perhaps by the number of batches."""
    divisor = node.right if isinstance(node, libcst.BinaryOperation) else getattr(node, "value", None)
    assert frame.module is not None
    if divisor is not None:
        calls = frozenset(call for tensor in tensors for call in tensor.calls)
        site = frame.module.script.site(node)
        counted = all(isinstance(one, BatchCount) for one in alternatives(count))
        record(interpreter, MeanEvent(site, frame, calls=calls, added=added, divisor=divisor, counted=counted))


def note_mean_of_list(interpreter: Interpreter, tensors: list[Tensor], arguments: Arguments) -> None:
    """Record the mean of a list to which the means of batches were appended in one place."""
    script, node = arguments.site.script, arguments.node
    first = node.args[0].value if isinstance(node, libcst.Call) and node.args else None
    if not isinstance(first, libcst.Name) or not isinstance(arguments.at(0), ListObject):
        return
    function = next((one for one in reversed(path_to(script, node)) if isinstance(one, libcst.FunctionDef)), None)
    appended = [one for one in descendants_of(function or script.module) if _appends_to(first.value, one)]
    if len(appended) == 1:
        calls = frozenset(call for tensor in tensors for call in tensor.calls)
        event = MeanEvent(arguments.site, arguments.frame, calls=calls, added=appended[0], divisor=node, counted=True)
        record(interpreter, event)


def _appends_to(name: str, node: libcst.CSTNode) -> bool:
    """Whether a node is ``name.append(...)``."""
    match node:
        case libcst.Call(func=libcst.Attribute(value=libcst.Name(value=held), attr=libcst.Name(value="append"))):
            return held == name
    return False


def means_of_means(
    events: Iterable[Event], purpose: Callable[[CallEvent], tuple[Purpose, str, bool]]
) -> Iterator[MeanOfBatchMeans]:
    """The divisions that really average over a loop of batches that may be of unequal size."""
    for event in events:
        if not isinstance(event, MeanEvent):
            continue
        loop = _loop_of_batches(event)
        batchings = {call: _batching(call) for call in event.calls}
        uneven = [call for call, batching in batchings.items() if _may_be_uneven(batching)]
        purposes = {purpose(call)[0] for call in uneven}
        if loop is None or not purposes or Purpose.TRAINING in purposes or any(call.tapes for call in uneven):
            continue
        known = all((batching := batchings[call]) is not None and batching.site is not None for call in uneven)
        if known or _OF_BATCHES.search(_words(loop)):
            yield MeanOfBatchMeans(
                event.site,
                certain=known and purposes == {Purpose.INFERENCE},
                because=((event.site.script.site(event.added), "the mean of a batch is added here"),),
            )


def _batching(call: CallEvent) -> Batching | None:
    """The batches that a model is run on; ``predict_on_batch`` is given one of them."""
    given = (tensor.batching for tensor in tensors_in(call.arguments) if tensor.batching is not None)
    return call.batching or next(given, None)


def _may_be_uneven(batching: Batching | None) -> bool:
    return batching is None or (not batching.drops and batching.partial != 0)


def _loop_of_batches(event: MeanEvent) -> libcst.For | None:
    """The loop over batches in which the means are added, if the division stands behind it and counts its rounds."""
    script = event.site.script
    loop = loop_around(script, event.added)
    if not isinstance(loop, libcst.For) or loop in path_to(script, event.site.node):
        return None
    if _is_counting(loop.iter) and not _takes_next(loop):
        return None
    return loop if event.counted or _counts_rounds(event.divisor, loop) else None


def _is_counting(iterable: libcst.BaseExpression) -> bool:
    """Whether a loop runs over numbers or over what is written out, which are no batches."""
    while isinstance(iterable, libcst.Call) and iterable.args and called_name(iterable) in _THROUGH:
        iterable = iterable.args[0].value
    if isinstance(iterable, libcst.Call):
        return called_name(iterable) in _COUNTING
    return isinstance(iterable, (libcst.List, libcst.Tuple, libcst.Set))


def _takes_next(loop: libcst.For) -> bool:
    """Whether each round of a loop asks for the next batch."""
    return any(isinstance(node, libcst.Call) and "next" in called_name(node) for node in descendants_of(loop.body))


def _counts_rounds(divisor: libcst.CSTNode, loop: libcst.For) -> bool:
    """Whether a number is the length of what a loop runs over, or is counted up by one in each round."""
    over = loop.iter
    while isinstance(over, libcst.Call) and over.args and called_name(over) in _THROUGH | _COUNTING:
        over = over.args[0].value
    counted = _counted_in(loop)
    parts = list(descendants_of(divisor))
    if any(isinstance(node, libcst.Multiply) for node in parts):
        return False  # by a number of samples
    for node in parts:
        if isinstance(node, libcst.Name) and node.value in counted:
            return True
        if isinstance(node, libcst.Call) and called_name(node) == "len" and node.args:
            return node.args[0].value.deep_equals(over)
    return divisor.deep_equals(over)


def _counted_in(loop: libcst.For) -> set[str]:
    """The names that grow by one in each round of a loop."""
    names: set[str] = set()
    if isinstance(loop.iter, libcst.Call) and called_name(loop.iter) == "enumerate":
        first = loop.target.elements[0].value if isinstance(loop.target, libcst.Tuple) else None
        names.update([first.value] if isinstance(first, libcst.Name) else [])
    for node in descendants_of(loop.body):
        match node:
            case libcst.AugAssign(target=libcst.Name(value=name), operator=libcst.AddAssign()) if _is_one(node.value):
                names.add(name)
    return names


def _is_one(node: libcst.BaseExpression) -> bool:
    return isinstance(node, (libcst.Integer, libcst.Float)) and node.evaluated_value == 1


def _words(loop: libcst.For) -> str:
    """The names in the head of a loop."""
    heads = (loop.target, loop.iter)
    return " ".join(node.value for head in heads for node in descendants_of(head) if isinstance(node, libcst.Name))
