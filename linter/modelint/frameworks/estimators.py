"""Keras models in the clothes of scikit-learn: an estimator builds its model when it is fitted, and trains it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from modelint.documents.trees import named_parameters
from modelint.frameworks.tensors import merged, tensors_in
from modelint.program.frames import Arguments
from modelint.program.interpreter import Interpreter
from modelint.program.values import (
    NONE,
    UNKNOWN,
    Builtin,
    Const,
    DictObject,
    Function,
    Handler,
    Object,
    Tuple,
    Union,
    Value,
    alternatives,
)

BUILDING = ("build_fn", "model")
_PREDICTING = {"predict": "predict", "predict_proba": "predict", "score": "evaluate"}


class Estimator(Object):
    """``KerasClassifier(build_fn)``, ``KerasRegressor(model)``; ``settings`` are its further arguments."""

    __slots__ = ("build", "settings")

    def __init__(self, build: Value, settings: dict[str, Value]) -> None:
        super().__init__()
        self.build = build
        self.settings = settings

    def attribute(self, interpreter: Interpreter, name: str) -> Value:
        if name == "fit":
            return Builtin("estimator.fit", lambda i, a: self.fit(i, a))
        if name in _PREDICTING:
            return Builtin(f"estimator.{name}", lambda i, a: self._on_model(i, _PREDICTING[name], a))
        if name in ("model", "model_"):
            return self._model(interpreter)
        return interpreter.store.get(self.identity, name) or UNKNOWN

    def fit(self, interpreter: Interpreter, arguments: Arguments, tried: dict[str, Value] | None = None) -> Value:
        """Build the model and train it, with settings of which some may be ``tried`` in turn."""
        settings = {**self.settings, **(tried or {})}
        interpreter.store.set(self.identity, "#model", self._built(interpreter, settings, arguments))
        keywords = {"x" if name == "X" else name: value for name, value in arguments.keywords.items()}
        for name in ("batch_size", "epochs", "validation_split"):
            if name in settings:
                keywords.setdefault(name, settings[name])
        given = Arguments(arguments.positional[:2], keywords, arguments.node, arguments.frame, arguments.extra)
        self._on_model(interpreter, "fit", given)
        return self

    def _built(self, interpreter: Interpreter, settings: dict[str, Value], arguments: Arguments) -> Value:
        for one in alternatives(self.build):
            if isinstance(one, Function):
                names = {parameter.arg for parameter in named_parameters(one.node.args)}
                taken = {name: value for name, value in settings.items() if name in names}
                return interpreter.call(self.build, Arguments((), taken, arguments.node, arguments.frame))
        return self.build  # a model, as it is

    def _model(self, interpreter: Interpreter) -> Value:
        return interpreter.store.get(self.identity, "#model") or UNKNOWN

    def _on_model(self, interpreter: Interpreter, name: str, arguments: Arguments) -> Value:
        method = interpreter.attribute(self._model(interpreter), name)
        return interpreter.call(method, arguments) if isinstance(method, (Builtin, Union)) else UNKNOWN


class Search(Object):
    """``GridSearchCV(estimator, grid)``: fits an estimator many times, with settings of a grid."""

    __slots__ = ("estimator", "tried")

    def __init__(self, estimator: Estimator, tried: dict[str, Value]) -> None:
        super().__init__()
        self.estimator = estimator
        self.tried = tried

    def attribute(self, interpreter: Interpreter, name: str) -> Value:
        if name == "fit":
            return Builtin("search.fit", self._fit)
        if name in ("best_estimator_", "estimator"):
            return self.estimator
        if name in _PREDICTING:
            return self.estimator.attribute(interpreter, name)
        return UNKNOWN

    def _fit(self, interpreter: Interpreter, arguments: Arguments) -> Value:
        self.estimator.fit(interpreter, arguments, self.tried)
        return self


def make_estimator(interpreter: Interpreter, arguments: Arguments) -> Value:
    """``KerasClassifier(build_fn=build, epochs=10, dropout=0.2)``."""
    named = arguments.named(BUILDING[:1])
    build = next((named.pop(name) for name in BUILDING if name in named), UNKNOWN)
    settings = _unprefixed(named.items())
    for name in ("model_kwargs", "fit_kwargs"):
        given = named.get(name)
        settings.update(_entries(given, interpreter) if given is not None else {})
    return Estimator(build, settings)


def make_search(interpreter: Interpreter, arguments: Arguments) -> Value:
    """``GridSearchCV(estimator, grid)``, ``RandomizedSearchCV(estimator, distributions)``."""
    estimator = _estimator_in(arguments.at(0, "estimator"), interpreter)
    if estimator is None:
        return _as_unknown(interpreter, arguments)
    grid = arguments.get(1, "param_grid") or arguments.get(None, "param_distributions")
    tried = _entries(grid, interpreter) if grid is not None else {}
    return Search(estimator, _unprefixed((name, values.element(interpreter)) for name, values in tried.items()))


def cross_validate(interpreter: Interpreter, arguments: Arguments) -> Value:
    """``cross_val_score(estimator, x, y)``."""
    estimator = _estimator_in(arguments.at(0, "estimator"), interpreter)
    if estimator is None:
        return _as_unknown(interpreter, arguments)
    data = [value for value in (arguments.get(1, "X"), arguments.get(2, "y")) if value is not None]
    estimator.fit(interpreter, Arguments(tuple(data), {}, arguments.node, arguments.frame))
    return UNKNOWN


def make_pipeline(interpreter: Interpreter, arguments: Arguments) -> Value:
    """``Pipeline([(name, step), ...])``, ``make_pipeline(step, ...)``: fits its last step on what the others make."""
    for value in (*reversed(arguments.positional), *arguments.keywords.values()):
        estimator = _estimator_in(value, interpreter)
        if estimator is not None:
            return estimator
    return _as_unknown(interpreter, arguments)


def _estimator_in(value: Value, interpreter: Interpreter) -> Estimator | None:
    """The estimator that a value is, or that is the last step of a list of steps."""
    if isinstance(value, Estimator):
        return value
    steps = value.iterate(interpreter) if not isinstance(value, Const) else None
    last = steps[-1] if steps else NONE
    found = last.items[-1] if isinstance(last, Tuple) and last.items else last
    return found if isinstance(found, Estimator) else None


def _entries(value: Value, interpreter: Interpreter) -> dict[str, Value]:
    """The entries of a dictionary of arguments."""
    entries = value.entries(interpreter) if isinstance(value, DictObject) else {}
    return {name: entry for name, entry in entries.items() if isinstance(name, str)}


def _unprefixed(settings: Iterable[tuple[str, Value]]) -> dict[str, Value]:
    """Settings by the names that the building function has for them (``model__units``, ``nn__model__units``)."""
    return {name.rpartition("__")[2]: value for name, value in settings}


def _as_unknown(interpreter: Interpreter, arguments: Arguments) -> Value:
    return merged(tensors_in(arguments.all(), interpreter)) or UNKNOWN


def handlers() -> Iterator[tuple[str, Handler]]:
    """The names of estimators and of what fits them."""
    for wrapper in ("KerasClassifier", "KerasRegressor"):
        yield f"keras.wrappers.scikit_learn.{wrapper}", make_estimator
        yield f"scikeras.wrappers.{wrapper}", make_estimator
    for wrapper in ("SKLearnClassifier", "SKLearnRegressor"):
        yield f"keras.wrappers.{wrapper}", make_estimator
    for search in ("GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV"):
        yield f"sklearn.model_selection.{search}", make_search
    for score in ("cross_val_score", "cross_val_predict", "cross_validate"):
        yield f"sklearn.model_selection.{score}", cross_validate
    yield "sklearn.pipeline.Pipeline", make_pipeline
    yield "sklearn.pipeline.make_pipeline", make_pipeline
