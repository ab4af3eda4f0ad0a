"""Signs that a use of train mode at inference is meant: comments, Monte-Carlo loops, demonstrations."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import lru_cache

from modelint.documents import Script, Site
from modelint.documents.trees import (
    FOR_LOOPS,
    FUNCTIONS,
    LOOPS,
    ForNode,
    FunctionNode,
    descendants_of,
    same_code,
    words_in,
)
from modelint.frameworks.events import CallEvent
from modelint.frameworks.handed_on import mode_written
from modelint.program.statements import called_name

_SAYS_SO = re.compile(
    r"intention|deliberate|on purpose|purposely|batch[ _]stat|statistics of the (test )?batch"
    r"|monte[ -]?carlo|\bmc[ -]?dropout"
    r"|teacher[ -]forcing|(training|dropout|noise)\W{0,6}(is |stays |kept |always )*(on |active |enabled )?"
    r"(at|during|in|both) (test|inference|train)|uncertaint|pix2pix|prenet",
    re.IGNORECASE,
)
_DOCUMENTED = re.compile(
    r"intention|deliberate|on purpose|purposely|monte[ -]?carlo|\bmc[ -]?dropout|teacher[ -]forcing", re.IGNORECASE
)
"""The same in what documents a whole function, where "dropout during training" says nothing."""
_SAMPLING_NAME = re.compile(
    r"(^|_)(mc|monte|carlo|bayes\w*|uncertain\w*|stochastic|dropout|augment\w*|tta)(_|$)", re.IGNORECASE
)
LINES_ABOVE = 6
CLOSE = 4
"""Statements between two evaluations that are shown beside each other."""


def says_so(site: Site) -> str | None:
    """Why the code at a site is taken for meant: a comment at it or just above it, or its function's text, says so."""
    said = _lines_that_say_so(site.script)
    span = site.resolve().span if said else None
    if span is not None and not said.isdisjoint(range(span.line - LINES_ABOVE, span.end_line + 1)):
        return "a comment says so"
    meant = _functions_that_say_so(site.script)
    if not meant:
        return None
    return "its documentation says so" if function_around(site.script, site.node) in meant else None


@lru_cache(maxsize=64)
def _functions_that_say_so(script: Script) -> frozenset[ast.AST]:
    """The functions of which the documentation says that train mode is meant."""
    if not _DOCUMENTED.search(script.text):
        return frozenset()
    functions = (node for node in descendants_of(script.module) if isinstance(node, FUNCTIONS))
    return frozenset(one for one in functions if _DOCUMENTED.search(ast.get_docstring(one) or ""))


@lru_cache(maxsize=64)
def _lines_that_say_so(script: Script) -> frozenset[int]:
    """The lines of which a comment says that train mode is meant."""
    found = set()
    for number, line in enumerate(script.lines, 1):
        _, mark, comment = line.partition("#")
        if mark and "modelint:" not in comment and _SAYS_SO.search(comment):  # an ignore's reason is for people
            found.add(number)
    return frozenset(found)


def is_named_so(event: CallEvent) -> str | None:
    """Why the mode of a call is taken for meant: what it is passed by, here or further out, says so by its name."""
    for expression in mode_written(event.site.node, event.frame):
        for name in (*words_in(expression), *_strings(expression)):
            if _SAYS_SO.search(name):
                return f"{name} says so"
    return None


def _strings(expression: ast.expr) -> Iterator[str]:
    for node in descendants_of(expression):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def is_sampling(event: CallEvent) -> bool:
    """Whether a call is one of many stochastic passes: repeated without using what the repetition counts."""
    if any(_SAMPLING_NAME.search(name) for name in event.functions()):
        return True
    node = event.site.node
    path = path_to(event.site.script, node)
    for outer in reversed(path):
        if isinstance(outer, (ast.ListComp, ast.GeneratorExp)):
            return not _uses(node, set(words_in(outer.generators[0].target)))
        if isinstance(outer, FOR_LOOPS):
            counted = isinstance(outer.iter, ast.Call) and called_name(outer.iter) in ("range", "trange")
            return counted and not _uses(node, set(words_in(outer.target))) and not _rebinds_inputs(outer, node)
        if isinstance(outer, (*FUNCTIONS, ast.Lambda)):
            return False
    return False


def iterated_over(site: Site) -> list[str]:
    """The names in what the innermost loop around a site goes over, within its function."""
    for outer in reversed(path_to(site.script, site.node)):
        if isinstance(outer, FOR_LOOPS):
            return sorted(set(words_in(outer.iter)))
        if isinstance(outer, FUNCTIONS):
            break
    return []


def are_side_by_side(one: Site, other: Site) -> bool:
    """Whether two calls with one input stand in one block, or in two loops over the same data beside each other."""
    first, second = one.node, other.node
    if one.script is not other.script or not isinstance(first, ast.Call) or not isinstance(second, ast.Call):
        return False
    given, also = first_given(first), first_given(second)
    if given is None or also is None or not same_code(given, also):
        return False
    block, other_block = _blocks(one), _blocks(other)
    if first is second:  # in turn, if the loop goes over what is written out (``for training in (True, False)``)
        return isinstance(block[-1], FOR_LOOPS) and isinstance(block[-1].iter, (ast.List, ast.Tuple))
    if block[-1] is other_block[-1]:
        return True
    loop, other_loop = block[-1], other_block[-1]
    same_data = (
        isinstance(loop, FOR_LOOPS) and isinstance(other_loop, FOR_LOOPS) and same_code(loop.iter, other_loop.iter)
    )
    return same_data and _distance(one.script, loop, other_loop) <= CLOSE


def first_given(call: ast.Call) -> ast.expr | None:
    """The value of the first argument of a call, by position or by name."""
    if call.args:
        first = call.args[0]
        return first.value if isinstance(first, ast.Starred) else first
    return call.keywords[0].value if call.keywords else None


def _distance(script: Script, one: ast.AST, other: ast.AST) -> float:
    """How many statements apart two statements of one block stand."""
    above = script.parents.get(one)
    for name in ("body", "orelse", "finalbody"):
        block = getattr(above, name, ())
        places = [index for index, statement in enumerate(block) if statement is one or statement is other]
        if len(places) == 2:
            return places[1] - places[0]
    return float("inf")


def _blocks(site: Site) -> list[ast.AST]:
    """The loops and functions around a site, the module first."""
    blocks = (*LOOPS, *FUNCTIONS, ast.Module)
    return [node for node in path_to(site.script, site.node) if isinstance(node, blocks)]


def loop_around(script: Script, node: ast.AST) -> ForNode | ast.While | None:
    """The innermost loop of the same function around a node."""
    for above in reversed(path_to(script, node)):
        if isinstance(above, LOOPS):
            return above
        if isinstance(above, FUNCTIONS):
            return None
    return None


def function_around(script: Script, node: ast.AST) -> FunctionNode | None:
    """The innermost function around a node, lambdas left out."""
    return next((above for above in reversed(path_to(script, node)) if isinstance(above, FUNCTIONS)), None)


def path_to(script: Script, node: ast.AST) -> list[ast.AST]:
    """The nodes around a node, outermost first."""
    path: list[ast.AST] = []
    above = script.parents.get(node)
    while above is not None:
        path.append(above)
        above = script.parents.get(above)
    return path[::-1]


def _uses(node: ast.AST, names: set[str]) -> bool:
    return not set(words_in(node)).isdisjoint(names - {"_"})


def _rebinds_inputs(loop: ForNode, call: ast.AST) -> bool:
    """Whether the loop computes the call's inputs anew each time: then it is no repetition of one prediction."""
    used = set(words_in(call))
    assigned = (node for node in descendants_of(*loop.body) if isinstance(node, ast.Assign))
    return any(not used.isdisjoint(words_in(*node.targets)) for node in assigned)
