"""Training, evaluating and predicting by a model's own methods: what is recorded of it."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from modelint.documents.trees import same_code
from modelint.facts import Passing
from modelint.frameworks.data.batching import Batching
from modelint.frameworks.data.datasets import Dataset
from modelint.frameworks.data.feeding import batching_of, counts_batches, is_one_batch, is_pipeline
from modelint.frameworks.data.rounding import Rounding, rounding_of
from modelint.frameworks.events import CallEvent, EvaluateEvent, FitEvent, record
from modelint.frameworks.tapes import Strategy, strategy_scopes
from modelint.frameworks.tensors import Tensor
from modelint.program.frames import Arguments
from modelint.program.interpreter import Interpreter
from modelint.program.values import UNKNOWN, Builtin, Const, Function, Instance, Value, alternatives

MOST_STEPS = 2
"""How often a model's own training step is executed, for something may be frozen between two fits."""

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
        run_step(interpreter, model, "train_step", data, arguments)
        _note_validation(interpreter, model, arguments)
        return UNKNOWN

    return fit


def run_step(interpreter: Interpreter, model: Value, name: str, data: Value, arguments: Arguments) -> None:
    """Run what the program has ``fit`` or ``evaluate`` do with a batch: its own ``train_step`` or ``test_step``."""
    for one in alternatives(model):
        step = interpreter.class_attribute(one.cls, name) if isinstance(one, Instance) else None
        if not isinstance(one, Instance) or not isinstance(step, Function):
            continue
        key = ("run", name, one.identity)
        if interpreter.memory.get(key, 0) >= MOST_STEPS:
            continue
        interpreter.remember(key, interpreter.memory.get(key, 0) + 1)
        batch = data.element(interpreter) if isinstance(data, Dataset) else UNKNOWN
        interpreter.loop_depth += 1
        try:
            interpreter.call(step.bind(one), Arguments((batch,), {}, arguments.node, arguments.frame))
        finally:
            interpreter.loop_depth -= 1


def _note_validation(interpreter: Interpreter, model: Value, arguments: Arguments) -> None:
    """Record the evaluation that a fit does after every epoch."""
    data, steps = arguments.keywords.get("validation_data"), arguments.keywords.get("validation_steps")
    if data is not None or steps is not None:
        written, epoch = _written(arguments, "validation_steps"), _written(arguments, "steps_per_epoch")
        if written is not None and epoch is not None and same_code(written, epoch):
            written = None  # as many as the training takes, of whatever is evaluated on
        _note_evaluation(interpreter, model, arguments, "validation", data or UNKNOWN, steps, written)
        run_step(interpreter, model, "test_step", data or UNKNOWN, arguments)


def _note_evaluation(
    interpreter: Interpreter,
    model: Value,
    arguments: Arguments,
    through: str,
    data: Value,
    steps: Value | None,
    written: ast.expr | None,
) -> EvaluateEvent:
    """Record an evaluation of data, in a number of steps as it is written."""
    scopes = strategy_scopes(interpreter, model)
    batching = batching_of(interpreter, data)
    event = EvaluateEvent(
        arguments.site,
        arguments.frame,
        model=model,
        through=through,
        batching=batching,
        steps=steps,
        rounding=_rounding(interpreter, arguments, batching, written) if written is not None else None,
        one_batch=is_one_batch(data, batching),
        fixed_shapes=any(isinstance(scope, Strategy) and scope.fixed_shapes for scope in scopes),
    )
    record(interpreter, event)
    return event


def _written(arguments: Arguments, keyword: str, position: int | None = None) -> ast.expr | None:
    """How an argument is written."""
    node = arguments.node
    if not isinstance(node, ast.Call):
        return None
    for index, argument in enumerate(node.args):
        if isinstance(argument, ast.Starred):
            return None
        if index == position:
            return argument
    named = next((one for one in node.keywords if one.arg in (None, keyword)), None)
    return named.value if named is not None and named.arg is not None else None


def _rounding(
    interpreter: Interpreter, arguments: Arguments, batching: Batching | None, written: ast.expr
) -> Rounding | None:
    """What a number of steps leaves out."""
    size = batching.size if batching is not None and isinstance(batching.size, int) else None
    return rounding_of(written, interpreter, arguments.frame, partial(counts_batches, interpreter), size)


def _evaluate(through: str) -> Method:
    def evaluate(interpreter: Interpreter, model: Value, arguments: Arguments) -> Value:
        batching = _note_evaluating(interpreter, model, arguments, through)
        if through.startswith("evaluate"):
            run_step(interpreter, model, "test_step", _data(arguments), arguments)
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


def _note_evaluating(interpreter: Interpreter, model: Value, arguments: Arguments, through: str) -> Batching | None:
    """Record an evaluation or prediction; the batches that it runs over are given."""
    position = 1 if through.endswith("_generator") else None
    steps, written = arguments.get(position, "steps"), _written(arguments, "steps", position)
    return _note_evaluation(interpreter, model, arguments, through, _data(arguments), steps, written).batching


def _data(arguments: Arguments) -> Value:
    return arguments.get(0, "x") or arguments.get(0, "generator") or UNKNOWN


def _prediction_batch(arguments: Arguments, batching: Batching | None) -> Batching | None:
    size = arguments.get(1, "batch_size")
    if isinstance(size, Const) and type(size.value) is int:
        return replace(batching or Batching(), size=size.value)
    return batching


def run_of_unknown(name: str) -> Value | None:
    """An attribute of a value of which nothing is known, if it may be a method by which Keras runs a model.

    The model is not known, but that it is one: no other library takes these arguments, or data like this.
    """
    if name not in ("fit", "fit_generator", "evaluate", "evaluate_generator", "predict", "predict_generator"):
        return None

    def run(interpreter: Interpreter, arguments: Arguments) -> Value:
        if name.startswith("fit"):
            _note_validation(interpreter, UNKNOWN, arguments)
        elif name.endswith("_generator") or "steps" in arguments.keywords or is_pipeline(interpreter, _data(arguments)):
            _note_evaluating(interpreter, UNKNOWN, arguments, name)
        return interpreter.library.unknown_call(interpreter, UNKNOWN, arguments)

    return Builtin(f"model.{name}", run)


RUNNING: dict[str, Method] = {
    **{name: _fit(name) for name in FITTING},
    **{name: _evaluate(name) for name in EVALUATING},
}
"""The methods of a model by which Keras trains, evaluates and predicts."""
