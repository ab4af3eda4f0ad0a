"""The events of one execution, judged: all facts of a program."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from modelint.documents import Site
from modelint.facts import Fact, KerasVersion, Program, Purpose, Settings
from modelint.frameworks.call_facts import CallFacts, comparisons
from modelint.frameworks.chance.random_facts import RandomFacts
from modelint.frameworks.data.means import means_of_means
from modelint.frameworks.events import CallEvent, Event, FitEvent, GradientEvent, ModeEvent, TrainableEvent, is_test
from modelint.frameworks.forward_facts import ForwardFacts
from modelint.frameworks.predictions import Predictions
from modelint.frameworks.running import Running
from modelint.frameworks.signatures import seeder_of
from modelint.frameworks.training_facts import TrainingFacts
from modelint.frameworks.trees import Trees
from modelint.program.frames import Frame, ModuleState
from modelint.program.interpreter import Interpreter
from modelint.program.values import new_identity

_KERAS_2_ONLY = re.compile(
    r"^[ \t]*(from|import)\s+(tf_keras|tensorflow\.(python\.keras|contrib))\b|\bfit_generator\(|\btf\.contrib\."
    # modules of which none can be imported with Keras 3 (not indented: nothing stands in for them)
    r"|^(from|import)\s+(tensorflow\.)?keras\.(engine|objectives|experimental|wrappers\.scikit_learn"
    r"|backend\.tensorflow_backend|mixed_precision\.experimental"
    r"|layers\.(core|convolutional|pooling|recurrent|normalization|embeddings|merge|advanced_activations|noise|wrappers"
    r"|local|experimental)|utils\.(np|vis|generic|io|data|layer|training|conv)_utils)\b"
    r"|^(from|import)\s+keras\.preprocessing\.text\b",
    re.MULTILINE,
)
_IMPORTS_KERAS_2 = re.compile(r"^[ \t]*(from|import)\s+(tf_keras|tensorflow\.python\.keras)\b", re.MULTILINE)
_KERAS_3_ONLY = re.compile(
    r"\bkeras\.(ops|random|saving|distribution|tree)\.|^[ \t]*from\s+keras\s+import\s+.*\b(ops|random)\b"
    r"|^[ \t]*(from|import)\s+keras\.(src|ops|random)\b|^[ \t]*import\s+keras_(hub|nlp)\b",
    re.MULTILINE,
)
_TELLING = ("keras", "contrib", "fit_generator")
"""Words of which one is in every line that these patterns find."""


@lru_cache(maxsize=2048)
def _needs(text: str) -> tuple[bool, bool]:
    """Whether a script uses what only Keras 2 has, and what only Keras 3 has."""
    # finding a word is a hundred times faster than finding a pattern
    told = [line for line in text.splitlines() if any(word in line for word in _TELLING)]
    return any(map(_KERAS_2_ONLY.search, told)), any(map(_KERAS_3_ONLY.search, told))


def narrowed(settings: Settings, events: list[Event], modules: Sequence[ModuleState]) -> Settings:
    """The settings without the Keras versions under which the program cannot run: it uses what they do not have."""
    needs = [_needs(module.script.text) for module in modules]
    keras2 = any(isinstance(event, ModeEvent) for event in events) or any(two for two, _ in needs)
    keras3 = any(three for _, three in needs)
    if keras2 is keras3:
        return settings
    kept = tuple(version for version in settings.versions if (version is KerasVersion.KERAS_2) is keras2)
    if not kept and keras2 and any(_IMPORTS_KERAS_2.search(module.script.text) for module in modules):
        kept = (KerasVersion.KERAS_2,)  # whatever the project declares of the package keras
    return replace(settings, versions=kept) if kept else settings


def lower(
    interpreter: Interpreter,
    events: list[Event],
    modules: Sequence[ModuleState],
    path: str,
    settings: Settings,
    executed: int,
) -> Program:
    """The program of a root file. Executes forward passes that were not needed before.

    What comes after ``executed`` in the order of events was not run by the program itself, but by entering what
    nothing in it calls.
    """
    settings = narrowed(settings, events, modules)
    trees = Trees(interpreter, settings.versions)
    trees.trainable = [event for event in events if isinstance(event, TrainableEvent)]
    running = Running(interpreter, executed, new_identity())
    calls = CallFacts(trees, events)
    forwards = ForwardFacts(trees, events, modules)
    training = TrainingFacts(trees, events, calls)

    def facts() -> Iterator[Fact]:
        yield from forwards.models()
        yield from calls.facts()
        yield from comparisons(events)
        yield from forwards.forward_passes()
        yield from forwards.hard_wired()
        yield from training.runs()
        yield from training.drifts()
        yield from training.data.dropped()

    found = list(facts())
    # forward passes run above have recorded draws, reductions and layers of their own
    predictions = Predictions(trees, events, calls.purpose)
    random = RandomFacts(trees, events, running, predictions, training.data)
    found.extend(random.made())
    found.extend(random.facts())
    found.extend(training.static_batches())
    found.extend(training.reductions(predictions))
    found.extend(training.writes())
    found.extend(means_of_means(events, calls.purpose))
    root = next((module for module in modules if module.is_root), None)
    trained = [] if is_test(path) else _training(events, calls, executed)
    seeder = seeder_of(root.script, settings.versions) if root is not None and trained else None
    trained_at = next((place for event in trained if (place := _place_in(event, root)) is not None), None)
    return Program(path, tuple(found), settings, bool(trained), trained_at, seeder)


def _training(events: list[Event], calls: CallFacts, executed: int) -> list[Event]:
    """Where running the program trains a model; a library that only could does not."""
    return [event for event in events if event.order < executed and _is_training(event, calls)]


def _is_training(event: Event, calls: CallFacts) -> bool:
    if isinstance(event, CallEvent):
        return calls.purpose(event)[0] is Purpose.TRAINING
    return isinstance(event, FitEvent) or (isinstance(event, GradientEvent) and event.applied)


def _place_in(event: Event, root: ModuleState | None) -> Site | None:
    """Where in the root file an event happens, itself or in what is called there."""
    node: ast.AST | None = event.site.node
    scope: Frame | None = event.frame
    while scope is not None and scope.module is not root:
        node, scope = scope.called_from, scope.caller
    return root.script.site(node) if scope is not None and node is not None and root is not None else None
