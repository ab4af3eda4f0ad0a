"""Means of the means of batches: sums of metrics over the batches, divided by the number of batches."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator

from modelint.documents.trees import FOR_LOOPS, ForNode, descendants_of, same_code, words_in
from modelint.facts import MeanOfBatchMeans, Purpose
from modelint.frameworks.data.batching import Batching
from modelint.frameworks.data.datasets import BatchCount
from modelint.frameworks.events import CallEvent, Event, MeanEvent, record
from modelint.frameworks.intent import function_around, loop_around, path_to
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


def adds_to_itself(node: ast.AST, frame: Frame) -> bool:
    """Whether an addition adds to a sum: ``total += x``, ``total = total + x``."""
    statement = frame.statement
    if isinstance(node, ast.AugAssign):
        return True
    if not isinstance(statement, ast.Assign) or statement.value is not node or len(statement.targets) != 1:
        return False
    target = statement.targets[0]
    return isinstance(node, ast.BinOp) and any(same_code(target, one) for one in (node.left, node.right))


def note_mean_of_means(
    interpreter: Interpreter,
    tensors: list[Tensor],
    count: Value,
    added: ast.AST,
    node: ast.AST,
    frame: Frame,
) -> None:
    """Record that a sum of batch means is divided by something, perhaps by the number of batches."""
    divisor = node.right if isinstance(node, ast.BinOp) else getattr(node, "value", None)
    assert frame.module is not None
    if divisor is not None:
        calls = frozenset(call for tensor in tensors for call in tensor.calls)
        site = frame.module.script.site(node)
        counted = all(isinstance(one, BatchCount) for one in alternatives(count))
        record(interpreter, MeanEvent(site, frame, calls=calls, added=added, divisor=divisor, counted=counted))


def note_mean_of_list(interpreter: Interpreter, tensors: list[Tensor], arguments: Arguments) -> None:
    """Record the mean of a list to which the means of batches were appended in one place."""
    script, node = arguments.site.script, arguments.node
    first = node.args[0] if isinstance(node, ast.Call) and node.args else None
    if not isinstance(first, ast.Name) or not isinstance(arguments.at(0), ListObject):
        return
    around = function_around(script, node) or script.module
    appended = [one for one in descendants_of(around) if _appends_to(first.id, one)]
    if len(appended) == 1:
        calls = frozenset(call for tensor in tensors for call in tensor.calls)
        event = MeanEvent(arguments.site, arguments.frame, calls=calls, added=appended[0], divisor=node, counted=True)
        record(interpreter, event)


def _appends_to(name: str, node: ast.AST) -> bool:
    """Whether a node is ``name.append(...)``."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=held), attr="append")):
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


def _loop_of_batches(event: MeanEvent) -> ForNode | None:
    """The loop over batches in which the means are added, if the division stands behind it and counts its rounds."""
    script = event.site.script
    loop = loop_around(script, event.added)
    if not isinstance(loop, FOR_LOOPS) or loop in path_to(script, event.site.node):
        return None
    if _is_counting(loop.iter) and not _takes_next(loop):
        return None
    return loop if event.counted or _counts_rounds(event.divisor, loop) else None


def _is_counting(iterable: ast.expr) -> bool:
    """Whether a loop runs over numbers or over what is written out, which are no batches."""
    while isinstance(iterable, ast.Call) and iterable.args and called_name(iterable) in _THROUGH:
        iterable = iterable.args[0]
    if isinstance(iterable, ast.Call):
        return called_name(iterable) in _COUNTING
    return isinstance(iterable, (ast.List, ast.Tuple, ast.Set))


def _takes_next(loop: ForNode) -> bool:
    """Whether each round of a loop asks for the next batch."""
    return any(isinstance(node, ast.Call) and "next" in called_name(node) for node in descendants_of(*loop.body))


def _counts_rounds(divisor: ast.AST, loop: ForNode) -> bool:
    """Whether a number is the length of what a loop runs over, or is counted up by one in each round."""
    over = loop.iter
    while isinstance(over, ast.Call) and over.args and called_name(over) in _THROUGH | _COUNTING:
        over = over.args[0]
    counted = _counted_in(loop)
    parts = list(descendants_of(divisor))
    if any(isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult) for node in parts):
        return False  # by a number of samples
    for node in parts:
        if isinstance(node, ast.Name) and node.id in counted:
            return True
        if isinstance(node, ast.Call) and called_name(node) == "len" and node.args:
            return same_code(node.args[0], over)
    return same_code(divisor, over)


def _counted_in(loop: ForNode) -> set[str]:
    """The names that grow by one in each round of a loop."""
    names: set[str] = set()
    if isinstance(loop.iter, ast.Call) and called_name(loop.iter) == "enumerate":
        first = loop.target.elts[0] if isinstance(loop.target, ast.Tuple) else None
        names.update([first.id] if isinstance(first, ast.Name) else [])
    for node in descendants_of(*loop.body):
        match node:
            case ast.AugAssign(target=ast.Name(id=name), op=ast.Add()) if _is_one(node.value):
                names.add(name)
    return names


def _is_one(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) in (int, float) and node.value == 1


def _words(loop: ForNode) -> str:
    """The names in the head of a loop."""
    return " ".join((*words_in(loop.target), *words_in(loop.iter)))
