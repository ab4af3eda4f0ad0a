"""Confirmation from the shell: which models the findings of a run are about."""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Callable, Sequence

import attrs

from modelint.artifacts.model_file import ModelFile
from modelint.artifacts.reading import read_model
from modelint.artifacts.sniffing import format_of
from modelint.confirm.confirming import Concern, Question, Questions, Watched
from modelint.confirm.definitions import definitions, lines_of
from modelint.confirm.hypotheses import Claim, Hypothesis, fitted, generation_of, hypothesis_of
from modelint.confirm.subjects import NoSubject, Subject, Target, importable, of_file, of_model, of_pair
from modelint.documents import Unreadable
from modelint.documents.cells import place_in_cell
from modelint.engine import Witness
from modelint.facts import (
    BatchReduction,
    Comparison,
    ForwardPass,
    FrozenDrift,
    HardWiredMode,
    KerasVersion,
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
from modelint.workspace.sources import FileSources


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

    def witness(self, sources: FileSources) -> Witness:
        """For the findings of a script, by the texts of a run."""

        def note(finding: Finding, fact: object, program: Program) -> None:
            hypothesis = hypothesis_of(finding.rule, fact, program)
            if hypothesis is not None:
                if hypothesis.claim is Claim.SAME_DRAWS:
                    subject = _pair(finding, program, hypothesis)
                else:
                    subject = self.of_script(finding.place, fact, program, hypothesis, sources)
                concern = _concern(finding, fact, program)
                self.questions.ask(finding, Question(hypothesis, subject, concern, watched(fact, sources)))

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

    def of_script(
        self, place: Place, fact: object, program: Program, hypothesis: Hypothesis, sources: FileSources
    ) -> Subject | NoSubject:
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
        origin = model.origin.resolve()
        target = next((one for one in self.targets if _makes(one, origin, sources)), None)
        if model.kind not in ("Sequential", "Functional"):
            defined = (one.place.resolve().path for one in program.all(ForwardPass) if one.owner == model.kind)
            path = next(defined, origin.path)
            named = next((one for one in self.targets if _is(one, model.kind, path)), target)
            return named.subject(generation) if named is not None else NoSubject(importable(model.kind, path))
        if target is not None:
            return target.subject(generation)
        if isinstance(fact, HardWiredMode) and fact.owner.endswith(".call"):
            return self.imported(fact.owner.removesuffix(".call"), place.path, generation, program)
        return found

    def imported(self, name: str, path: str, generation: str, program: Program) -> Subject | NoSubject:
        """A class, if that may be imported; else what any function of its file makes, which may hold one.

        Whether it does shows when the code of the class runs, or does not.
        """
        others = {forward.owner for forward in program.all(ForwardPass)} - {name}
        exact = (one for one in self.targets if _is(one, name, path))
        beside = (one for one in self.targets if one.path == os.path.abspath(path) and one.name not in others)
        target = next(exact, None) or next(beside, None)
        return target.subject(generation) if target is not None else NoSubject(importable(name, path))


def _is(target: Target, name: str, path: str) -> bool:
    """Whether a target is what has a name in a file."""
    return (target.name, target.path) == (name, os.path.abspath(path))


def _makes(target: Target, origin: Place, sources: FileSources) -> bool:
    """Whether a target is the function or the statement in which a model is made."""
    if os.path.abspath(origin.path) != target.path or origin.span is None:
        return False
    lines = lines_of(target.name, sources.text(origin.path))
    return any(first <= origin.span.line <= last for first, last in lines)


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


def watched(fact: object, sources: FileSources) -> tuple[Watched, ...]:
    """The code of forward passes that a fact speaks of: the operation, or the calls of the layers."""
    match fact:
        case StaticBatch(owner=None):  # of an input
            return ()
        case BatchReduction() | RandomSource() | StateWrite() | StaticBatch() | HardWiredMode():
            located: Sequence[Located] = (fact.place,)
        case ModelCall():
            located = [layer.called_at for layer in fact.affected]
        case ForwardPass():
            located = [layer.called_at for layer in [one.layer for one in fact.lost] or fact.mode_sensitive]
        case _:
            return ()
    places = dict.fromkeys(one.resolve() for one in located)
    return tuple(Watched(place, place_in_cell(place, sources.opened(place.path))) for place in places)


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


def swept_subject(
    paths: Sequence[str], asking: Asking, versions: Callable[[str], Sequence[KerasVersion]]
) -> Subject | str:
    """The one model that a sweep is about: a model file, or what is imported; or why there is none.

    ``versions`` gives those of Keras that are in play for a file. Of a file that serves several, it is the default one.
    """
    if not paths and len(asking.targets) == 1:
        [target] = asking.targets
        return target.subject(generation_of(versions(name_of(target.path))))
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
    served = [entry.names for entry in document.entries]
    names = next((one for one in served if "serving_default" in one), served[0] if served else ())
    found = of_file(document, reader, os.path.abspath(name), names, asking.shape)
    return found if isinstance(found, Subject) else found.reason


def target_of(text: str, shapes: Sequence[Sequence[int | None]]) -> Target:
    """What ``path.py:name`` or ``path.py:name(arguments)`` names; arguments are literals. A notebook may stand there.

    Raises:
        TargetError: it names nothing.
    """
    path, colon, call = text.rpartition(":")
    if not colon or not path.endswith((".py", ".ipynb")):
        raise TargetError(f"{text!r} must be FILE.py:NAME, such as models.py:build_model")
    if not os.path.isfile(path):
        raise TargetError(f"there is no file {path!r}")
    try:
        expression = ast.parse(call, mode="eval").body
        called = expression if isinstance(expression, ast.Call) else None
        name = called.func if called is not None else expression
        if not isinstance(name, ast.Name):
            raise ValueError(call)
        arguments = [ast.literal_eval(one) for one in called.args] if called is not None else []
        keywords = {str(k.arg): ast.literal_eval(k.value) for k in called.keywords} if called is not None else {}
        json.dumps([arguments, keywords])
    except (SyntaxError, ValueError, TypeError):
        raise TargetError(f"{call!r} must be a name, or a call of it with constants") from None
    notebook = FileSources().notebook(path)
    if isinstance(notebook, Unreadable):
        raise TargetError(f"{path}: {notebook.message}")
    absolute = os.path.abspath(path)
    directory = os.path.dirname(absolute)
    root = directory
    while os.path.isfile(os.path.join(root, "__init__.py")) and root not in project_directories(directory)[-1:]:
        root = os.path.dirname(root)
    inputs = tuple(((None, *shape), "float32") for shape in shapes)
    return Target(
        path=absolute,
        name=name.id,
        root=root,
        inputs=inputs,
        arguments=tuple(arguments),
        keywords=tuple(sorted(keywords.items())),
        text=definitions(notebook.text) if notebook is not None else None,
    )
