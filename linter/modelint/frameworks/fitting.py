"""Training, evaluating and predicting by a model's own methods: what is recorded of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypedDict

import libcst

from modelint.documents import Script, Site
from modelint.documents.trees import children_of
from modelint.facts import Passing
from modelint.frameworks.batching import Batching
from modelint.frameworks.datasets import batching_of
from modelint.frameworks.events import CallEvent, EvaluateEvent, FitEvent, record
from modelint.frameworks.tapes import strategy_scopes
from modelint.frameworks.tensors import Tensor
from modelint.program.frames import Arguments
from modelint.program.interpreter import Interpreter
from modelint.program.values import UNKNOWN, Const, Value

FITTING = frozenset(("fit", "fit_generator", "train_on_batch"))
EVALUATING = frozenset(
    (
        "evaluate",
        "predict",
        "evaluate_generator",
        "predict_generator",
        "predict_on_batch",
        "test_on_batch",
        "predict_classes",
    )
)

Method = Callable[[Interpreter, Value, Arguments], Value]


def _fit(through: str) -> Method:
    def fit(interpreter: Interpreter, model: Value, arguments: Arguments) -> Value:
        named = arguments.named(("x", "y", "batch_size", "epochs") if through == "fit" else ("x", "y"))
        data = named.get("x") or named.get("generator") or UNKNOWN
        size = named.get("batch_size")
        record(
            interpreter,
            FitEvent(
                arguments.site,
                arguments.frame,
                model=model,
                through=through,
                batching=batching_of(interpreter, data),
                batch_size=size,
                scopes=strategy_scopes(interpreter, model),
                keywords={**named, "x": data},
            ),
        )
        validation = named.get("validation_data")
        if validation is not None or "validation_steps" in named:
            record(
                interpreter,
                EvaluateEvent(
                    arguments.site,
                    arguments.frame,
                    model=model,
                    through="validation",
                    batching=batching_of(interpreter, validation) if validation is not None else None,
                    steps=named.get("validation_steps"),
                    **_floor_division(interpreter, arguments, "validation_steps"),
                ),
            )
        return UNKNOWN

    return fit


class _Division(TypedDict, total=False):
    steps_place: Site
    steps_dropped: int | None


def _floor_division(interpreter: Interpreter, arguments: Arguments, keyword: str) -> _Division:
    """Where a number of steps is written as a floor division, and what the division leaves out."""
    node = arguments.node
    for argument in node.args if isinstance(node, libcst.Call) else ():
        if argument.keyword is None or argument.keyword.value != keyword:
            continue
        value: libcst.BaseExpression | None = argument.value
        if isinstance(value, libcst.Name):
            value = assigned_once(arguments.site.script, value.value)
        if isinstance(value, libcst.BinaryOperation) and isinstance(value.operator, libcst.FloorDivide):
            left = interpreter.evaluate(value.left, arguments.frame)
            right = interpreter.evaluate(value.right, arguments.frame)
            dropped: int | None = None
            if isinstance(left, Const) and isinstance(right, Const) and type(left.value) is type(right.value) is int:
                dropped = left.value % right.value if right.value else None
            return {"steps_place": arguments.site.script.site(value), "steps_dropped": dropped}
    return {}


def assigned_once(script: Script, name: str) -> libcst.BaseExpression | None:
    """The only value that a module assigns to a name."""
    found: list[libcst.BaseExpression] = []
    stack: list[libcst.CSTNode] = [script.module]
    while stack:
        node = stack.pop()
        if isinstance(node, libcst.Assign):
            if any(isinstance(t.target, libcst.Name) and t.target.value == name for t in node.targets):
                found.append(node.value)
        elif not isinstance(node, libcst.BaseExpression):
            stack.extend(children_of(node))
    return found[0] if len(found) == 1 else None


def _evaluate(through: str) -> Method:
    def evaluate(interpreter: Interpreter, model: Value, arguments: Arguments) -> Value:
        data = arguments.get(0, "x") or arguments.get(0, "generator") or UNKNOWN
        batching = batching_of(interpreter, data)
        record(
            interpreter,
            EvaluateEvent(
                arguments.site,
                arguments.frame,
                model=model,
                through=through,
                batching=batching,
                steps=arguments.get(None, "steps"),
                **_floor_division(interpreter, arguments, "steps"),
            ),
        )
        if not through.startswith("predict"):
            return UNKNOWN
        event = CallEvent(
            arguments.site,
            arguments.frame,
            model=model,
            through=through,
            passing=Passing.ABSENT,
            batching=batching,
            arguments=arguments.positional,
        )
        record(interpreter, event)
        return Tensor(calls=frozenset({event}), batching=_prediction_batch(arguments, batching))

    return evaluate


def _prediction_batch(arguments: Arguments, batching: Batching | None) -> Batching | None:
    size = arguments.get(1, "batch_size")
    if isinstance(size, Const) and type(size.value) is int:
        return replace(batching or Batching(), size=size.value)
    return batching


RUNNING: dict[str, Method] = {
    **{name: _fit(name) for name in FITTING},
    **{name: _evaluate(name) for name in EVALUATING},
}
"""The methods of a model by which Keras trains, evaluates and predicts."""
