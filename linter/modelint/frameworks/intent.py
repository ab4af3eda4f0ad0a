"""Signs that a use of train mode at inference is meant: comments, Monte-Carlo loops, demonstrations."""

from __future__ import annotations

import re

import libcst

from modelint.documents import Script, Site
from modelint.documents.trees import descendants_of
from modelint.frameworks.events import CallEvent
from modelint.frameworks.handed_on import mode_written

_SAYS_SO = re.compile(
    r"intention|deliberate|on purpose|purposely|batch[ _]stat|statistics of the (test )?batch"
    r"|monte[ -]?carlo|\bmc[ -]?dropout"
    r"|teacher[ -]forcing|(training|dropout|noise)\W{0,6}(is |stays |kept |always )*(on |active |enabled )?"
    r"(at|during|in|both) (test|inference|train)|uncertaint|pix2pix|prenet",
    re.IGNORECASE,
)
_SAMPLING_NAME = re.compile(
    r"(^|_)(mc|monte|carlo|bayes\w*|uncertain\w*|stochastic|dropout|augment\w*|tta)(_|$)", re.IGNORECASE
)
LINES_ABOVE = 6
CLOSE = 4
"""Statements between two evaluations that are shown beside each other."""


def says_so(site: Site) -> str | None:
    """Why the code at a site is taken for meant: a comment at it or just above it says so."""
    span = site.resolve().span
    if span is None:
        return None
    lines = site.script.lines
    for number in range(max(0, span.line - 1 - LINES_ABOVE), min(len(lines), span.end_line)):
        _, mark, comment = lines[number].partition("#")
        if mark and "modelint:" not in comment and _SAYS_SO.search(comment):  # an ignore's reason is for people
            return "a comment says so"
    return None


def is_named_so(event: CallEvent) -> str | None:
    """Why the mode of a call is taken for meant: what it is passed by, here or further out, says so by its name."""
    for expression in mode_written(event.site.node, event.frame):
        for node in descendants_of(expression):
            name = node.value if isinstance(node, (libcst.Name, libcst.SimpleString)) else ""
            if _SAYS_SO.search(name):
                return f"{name} says so"
    return None


def is_sampling(event: CallEvent) -> bool:
    """Whether a call is one of many stochastic passes: repeated without using what the repetition counts."""
    if any(_SAMPLING_NAME.search(name) for name in event.functions()):
        return True
    node = event.site.node
    path = path_to(event.site.script, node)
    for outer in reversed(path):
        if isinstance(outer, (libcst.ListComp, libcst.GeneratorExp)):
            return not _uses(node, _names(outer.for_in.target))
        if isinstance(outer, libcst.For):
            counted = isinstance(outer.iter, libcst.Call) and _callee(outer.iter) in ("range", "trange")
            return counted and not _uses(node, _names(outer.target)) and not _rebinds_inputs(outer, node)
        if isinstance(outer, (libcst.FunctionDef, libcst.Lambda)):
            return False
    return False


def iterated_over(site: Site) -> list[str]:
    """The names in what the innermost loop around a site goes over, within its function."""
    for outer in reversed(path_to(site.script, site.node)):
        if isinstance(outer, libcst.For):
            return sorted(_names(outer.iter))
        if isinstance(outer, libcst.FunctionDef):
            break
    return []


def are_side_by_side(one: Site, other: Site) -> bool:
    """Whether two calls with one input stand in one block, or in two loops over the same data beside each other."""
    first, second = one.node, other.node
    if one.script is not other.script or not isinstance(first, libcst.Call) or not isinstance(second, libcst.Call):
        return False
    if not first.args or not second.args or not first.args[0].value.deep_equals(second.args[0].value):
        return False
    block, other_block = _blocks(one), _blocks(other)
    if first is second:  # in turn, if the loop goes over what is written out (``for training in (True, False)``)
        return isinstance(block[-1], libcst.For) and isinstance(block[-1].iter, (libcst.List, libcst.Tuple))
    if block[-1] is other_block[-1]:
        return True
    loop, other_loop = block[-1], other_block[-1]
    same_data = (
        isinstance(loop, libcst.For) and isinstance(other_loop, libcst.For) and loop.iter.deep_equals(other_loop.iter)
    )
    return same_data and _distance(one.script, loop, other_loop) <= CLOSE


def _distance(script: Script, one: libcst.CSTNode, other: libcst.CSTNode) -> float:
    """How many statements apart two statements of one block stand."""
    above = path_to(script, one)
    body = getattr(above[-1], "body", ()) if above else ()
    places = [index for index, statement in enumerate(body) if statement is one or statement is other]
    return places[1] - places[0] if len(places) == 2 else float("inf")


def _blocks(site: Site) -> list[libcst.CSTNode]:
    """The loops and functions around a site, the module first."""
    blocks = (libcst.For, libcst.While, libcst.FunctionDef, libcst.Module)
    return [node for node in path_to(site.script, site.node) if isinstance(node, blocks)]


def _callee(call: libcst.Call) -> str:
    name = call.func
    while isinstance(name, libcst.Attribute):
        name = name.attr
    return name.value if isinstance(name, libcst.Name) else ""


def loop_around(script: Script, node: libcst.CSTNode) -> libcst.For | libcst.While | None:
    """The innermost loop of the same function around a node."""
    for above in reversed(path_to(script, node)):
        if isinstance(above, (libcst.For, libcst.While)):
            return above
        if isinstance(above, libcst.FunctionDef):
            return None
    return None


def path_to(script: Script, node: libcst.CSTNode) -> list[libcst.CSTNode]:
    """The nodes around a node, outermost first."""
    path: list[libcst.CSTNode] = []
    above = script.parents.get(node)
    while above is not None:
        path.append(above)
        above = script.parents.get(above)
    return path[::-1]


def _names(target: libcst.CSTNode) -> set[str]:
    return {node.value for node in descendants_of(target) if isinstance(node, libcst.Name)}


def _uses(node: libcst.CSTNode, names: set[str]) -> bool:
    return bool(_names(node) & (names - {"_"}))


def _rebinds_inputs(loop: libcst.For, call: libcst.CSTNode) -> bool:
    """Whether the loop computes the call's inputs anew each time: then it is no repetition of one prediction."""
    used = _names(call)
    targets = (node for node in descendants_of(loop.body) if isinstance(node, libcst.AssignTarget))
    return any(_names(node.target) & used for node in targets)
