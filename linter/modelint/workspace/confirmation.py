"""Confirmation from the shell: which models the findings of a run are about, and a cache of what running them gave."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from modelint.artifacts.model_file import ModelFile
from modelint.artifacts.reading import read_model
from modelint.artifacts.sniffing import format_of
from modelint.confirm.confirming import Concern, Question, Questions
from modelint.confirm.hypotheses import Claim, Hypothesis, fitted, hypothesis_of
from modelint.confirm.subjects import NoSubject, Subject, Target, importable, of_file, of_model, of_pair
from modelint.documents import Unreadable
from modelint.engine import Witness
from modelint.facts import (
    BatchReduction,
    Comparison,
    ForwardPass,
    FrozenDrift,
    HardWiredMode,
    Layer,
    Model,
    ModelCall,
    Program,
    RandomSource,
    Seeding,
    StateWrite,
    StaticBatch,
    TrainingRun,
)
from modelint.finding import Finding, Located, Place
from modelint.workspace.model_files import OpenedModel
from modelint.workspace.names import name_of, project_directories

CACHE_VERSION = 3
"""Part of every key; raise it when the worker measures something else."""

_TABLE = "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer TEXT NOT NULL)"


class TargetError(ValueError):
    """What may be imported is not named as ``path.py:name``; the message is a sentence about it."""


@attrs.define(eq=False)
class Asking:
    """Gathers, while a run goes on, what would settle its findings."""

    targets: Sequence[Target] = ()
    shape: Sequence[int | None] = ()
    questions: Questions = attrs.field(factory=Questions)

    def anew(self) -> Asking:
        """The same, with nothing gathered."""
        return Asking(self.targets, self.shape)

    def witness(self) -> Witness:
        """For the findings of a script."""

        def note(finding: Finding, fact: object, program: Program) -> None:
            hypothesis = hypothesis_of(finding.rule, fact, program)
            if hypothesis is not None:
                if hypothesis.claim is Claim.SAME_DRAWS:
                    subject = _pair(finding, program, hypothesis)
                else:
                    subject = self.of_script(finding.place, fact, program, hypothesis)
                self.questions.ask(
                    finding, Question(hypothesis, subject, _concern(finding, fact, program), watched(fact))
                )

        return note

    def witness_of_file(self, file: ModelFile, reader: str) -> Witness:
        """For the findings of a model file."""
        path = os.path.abspath(file.path)

        def note(finding: Finding, fact: object, program: Program) -> None:
            hypothesis = hypothesis_of(finding.rule, fact, program, saved=True)
            if hypothesis is not None:
                subject = of_file(file, reader, path, _names(file, fact), self.shape)
                self.questions.ask(finding, Question(hypothesis, subject))

        return note

    def of_script(self, place: Place, fact: object, program: Program, hypothesis: Hypothesis) -> Subject | NoSubject:
        """The model that a finding at a place is about."""
        generation = hypothesis.generation
        if isinstance(fact, ModelCall) and fact.set_globally:
            return NoSubject("the mode is set for the whole program, which is not repeated")
        owner = fact.owner if isinstance(fact, _OWNED) else None
        if owner is not None:
            return self.imported(owner, place.path, generation, program)
        model = _model_of(place, fact, program)
        if model is None:
            return NoSubject("the model that it is part of is not known")
        found = of_model(model, generation)
        if isinstance(found, Subject):
            return found
        defined = (one.place.resolve().path for one in program.all(ForwardPass) if one.owner == model.kind)
        allowed = self.imported(model.kind, next(defined, model.origin.resolve().path), generation, program)
        if model.kind not in ("Sequential", "Functional"):
            return allowed
        return allowed if isinstance(allowed, Subject) else found

    def imported(self, name: str, path: str, generation: str, program: Program) -> Subject | NoSubject:
        """A class, or what a function of its file makes, if that may be imported."""
        absolute = os.path.abspath(path)
        for target in self.targets:
            if (target.name, target.path) == (name, absolute):
                return target.subject(generation)
        others = {forward.owner for forward in program.all(ForwardPass)} - {name}
        for target in self.targets:
            if target.path == absolute and target.name not in others:
                return target.subject(generation)
        return NoSubject(importable(name, path))


_OWNED = BatchReduction, ForwardPass, RandomSource, StateWrite, StaticBatch


def _model_of(place: Place, fact: object, program: Program) -> Model | None:
    """The model that a fact is about: its own, or the largest that holds its layer, or a layer made at its place."""
    if isinstance(fact, Model):
        return fact
    if isinstance(fact, (ModelCall, StateWrite, StaticBatch, TrainingRun)) and fact.model is not None:
        return fact.model
    if isinstance(fact, FrozenDrift):
        return fitted(fact, program)
    if isinstance(fact, Comparison):
        made = {place.resolve() for place, _ in fact.because}
        return next((call.model for call in program.all(ModelCall) if call.place.resolve() in made), None)
    if isinstance(fact, HardWiredMode):
        identity = fact.layer.identity
        return _largest(program, lambda model: any(one.identity == identity for one in model.layers))
    if isinstance(fact, Seeding) and fact.ineffective_for:
        made = {source.place.resolve() for source in fact.ineffective_for}
        return _largest(program, lambda model: any(one.place.resolve() in made for one in model.layers))
    trained = (run.model for run in program.all(TrainingRun) if run.place.resolve() == place)
    return next(trained, None) or _largest(
        program, lambda model: any(one.place.resolve() == place for one in model.layers)
    )


def watched(fact: object) -> tuple[Place, ...]:
    """The code of forward passes that a fact speaks of: the operation, or the calls of the layers."""
    match fact:
        case BatchReduction() | RandomSource() | StateWrite() | HardWiredMode():
            return (fact.place.resolve(),)
        case ModelCall():
            layers: Sequence[Layer] = fact.affected
        case ForwardPass():
            layers = [one.layer for one in fact.lost] or fact.mode_sensitive
        case _:
            return ()
    return tuple(dict.fromkeys(layer.called_at.resolve() for layer in layers))


def _pair(finding: Finding, program: Program, hypothesis: Hypothesis) -> Subject | NoSubject:
    """The layer that a finding stands at, and the one that it gives as its reason."""
    made = {layer.place.resolve(): layer for model in program.all(Model) for layer in model.layers}
    second, first = (made.get(place) for place in (finding.place, *(one.place for one in finding.because[:1])))
    if first is None or second is None:
        return NoSubject("the layers are not known")
    return of_pair(first, second, hypothesis.generation)


def _concern(finding: Finding, fact: object, program: Program) -> Concern:
    """By what the fact of a finding is found again."""
    place: Located | None = getattr(fact, "place", None)
    drawn = fact.ineffective_for if isinstance(fact, Seeding) else ()
    return Concern(
        type(fact),
        place.resolve() if place is not None else None,
        drawn[0].place.resolve() if drawn else finding.place,
        fact.owner if isinstance(fact, _OWNED) else None,
        program.path,
    )


def _largest(program: Program, holds: Callable[[Model], bool]) -> Model | None:
    return max(filter(holds, program.all(Model)), key=lambda model: len(model.layers), default=None)


def _names(file: ModelFile, fact: object) -> Sequence[str]:
    """The names under which a model file serves what a fact is about; none if it may be one of several."""
    if len(file.entries) == 1:
        return file.entries[0].names
    through = fact.through if isinstance(fact, ModelCall) else None
    return next((entry.names for entry in file.entries if through == f"signature {entry.names[0]!r}"), ())


def swept_subject(paths: Sequence[str], asking: Asking) -> Subject | str:
    """The one model that a sweep is about: a model file, or what is imported; or why there is none."""
    if not paths and len(asking.targets) == 1:
        return asking.targets[0].subject()
    if len(paths) != 1:
        return "name one model file, or what to import with --allow-import"
    name = name_of(paths[0])
    if not os.path.exists(name):
        return f"{name}: there is no such file or directory"
    with OpenedModel(name) as model:
        reader = format_of(model)
        document = read_model(model)
    if isinstance(document, Unreadable):
        return f"{name}: {document.message}"
    names = document.entries[0].names if document.entries else ()
    found = of_file(document, reader, os.path.abspath(name), names, asking.shape)
    return found if isinstance(found, Subject) else found.reason


def target_of(text: str, shapes: Sequence[Sequence[int | None]]) -> Target:
    """What ``path.py:name`` or ``path.py:name(arguments)`` names; arguments are literals.

    Raises:
        TargetError: it names nothing.
    """
    path, colon, call = text.rpartition(":")
    if not colon or not path.endswith(".py"):
        raise TargetError(f"{text!r} must be FILE.py:NAME, such as models.py:build_model")
    if not os.path.isfile(path):
        raise TargetError(f"there is no file {path!r}")
    try:
        expression = ast.parse(call, mode="eval").body
        called = expression if isinstance(expression, ast.Call) else None
        name = called.func if called is not None else expression
        if not isinstance(name, ast.Name):
            raise ValueError
        arguments = [ast.literal_eval(one) for one in called.args] if called is not None else []
        keywords = {str(k.arg): ast.literal_eval(k.value) for k in called.keywords} if called is not None else {}
        json.dumps([arguments, keywords])
    except (SyntaxError, ValueError, TypeError):
        raise TargetError(f"{call!r} must be a name, or a call of it with constants") from None
    absolute = os.path.abspath(path)
    directory = os.path.dirname(absolute)
    root = directory
    while os.path.isfile(os.path.join(root, "__init__.py")) and root not in project_directories(directory)[-1:]:
        root = os.path.dirname(root)
    inputs = tuple(((None, *shape), "float32") for shape in shapes)
    return Target(absolute, name.id, root, inputs, tuple(arguments), tuple(sorted(keywords.items())))


@attrs.define(eq=False)
class AnswerCache:
    """What the worker answered before, in one file of the user's cache directory.

    The key is what was asked, the content of the files that were run, and the interpreter with the date of its
    frameworks' installation. What is imported from a user's program is not kept: its content is not known.
    """

    python: str
    path: str = attrs.field(factory=lambda: os.path.join(cache_directory(), "confirmations.sqlite3"))

    def get(self, key: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The answer to a request, or None."""
        digest = self._digest(key)
        if digest is None:
            return None
        try:
            with sqlite3.connect(self.path) as connection:
                connection.execute(_TABLE)
                found = connection.execute("SELECT answer FROM answers WHERE key = ?", (digest,)).fetchone()
            answer: Mapping[str, Any] | None = json.loads(found[0]) if found else None
        except (sqlite3.Error, ValueError, OSError):
            return None
        return answer

    def put(self, key: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        """Keep an answer. A cache that cannot be written is no cache."""
        digest = self._digest(key)
        if digest is None:
            return
        try:
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
            with sqlite3.connect(self.path) as connection:
                connection.execute(_TABLE)
                connection.execute("INSERT OR REPLACE INTO answers VALUES (?, ?)", (digest, json.dumps(answer)))
        except (sqlite3.Error, OSError):
            return

    def _digest(self, key: Mapping[str, Any]) -> str | None:
        subject = key["subject"]
        if subject["kind"] == "imported":
            return None
        digest = hashlib.sha256(json.dumps([CACHE_VERSION, key, *_installation(self.python)], sort_keys=True).encode())
        try:
            for path in _files(subject.get("path")):
                with open(path, "rb") as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
        except OSError:
            return None
        return digest.hexdigest()


def cache_directory() -> str:
    """Where a user's programs keep what can be made again (XDG base directories)."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "modelint")


def _installation(python: str) -> tuple[object, ...]:
    """What changes when another framework is installed: the interpreter and the dates of its package directories."""
    prefix = os.path.dirname(os.path.dirname(os.path.abspath(python)))
    library = os.path.join(prefix, "lib")
    try:
        names = sorted(name for name in os.listdir(library) if name.startswith("python"))
        dates = [os.stat(os.path.join(library, name, "site-packages")).st_mtime_ns for name in names]
    except OSError:
        dates = []
    return (os.path.abspath(python), *dates)


def _files(path: str | None) -> list[str]:
    if path is None:
        return []
    if os.path.isfile(path):
        return [path]
    return sorted(os.path.join(directory, name) for directory, _, names in os.walk(path) for name in names)
