"""The models of one file, to be shown: what they are called there, and what a run finds at them.

Takes a path, with the name of a model after a colon where there are several; gives the model and the findings that
concern it. The file is examined as by any run.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import attrs

from modelint.analysis import Analysis
from modelint.artifacts.model_file import ModelFile
from modelint.artifacts.reading import read_model
from modelint.documents import Unreadable
from modelint.documents.cells import place_in_cell
from modelint.facts import Model, Program, Settings
from modelint.finding import Finding, Located, Place
from modelint.render.graphs.view import GraphView, Source, concerns, view_of
from modelint.selection import INTERNAL, UNREADABLE, Catalogue
from modelint.spelling import did_you_mean
from modelint.workspace.model_files import OpenedModel, is_model
from modelint.workspace.names import name_of
from modelint.workspace.run import Report, Request, Run
from modelint.workspace.sources import FileSources

UNNAMED_KINDS = frozenset(("Functional", "Model", "Sequential"))
"""Kinds that many models have, and so no names for one of them."""


class NoGraphError(Exception):
    """There is no graph to show, or it is not clear of which model; the message says why."""


@attrs.frozen
class Candidate:
    """A model of the file, and the names that select it there, the best first."""

    model: Model
    names: tuple[str, ...]


@attrs.define(eq=False)
class _Recorded:
    """What a run read of the file: the facts of a script, or a model file."""

    programs: dict[str, Program] = attrs.field(factory=dict)
    files: dict[str, ModelFile | Unreadable] = attrs.field(factory=dict)

    def make_analysis(self, sources: FileSources, settings: Callable[[str], Settings]) -> _RecordingAnalysis:
        return _RecordingAnalysis(Analysis(sources, settings), self)

    def read_model(self, opened: OpenedModel) -> ModelFile | Unreadable:
        self.files[opened.path] = read_model(opened)
        return self.files[opened.path]


@attrs.define(eq=False)
class _RecordingAnalysis:
    analysis: Analysis
    recorded: _Recorded

    @property
    def reached(self) -> frozenset[str]:
        return self.analysis.reached

    def program(self, path: str) -> Program:
        self.recorded.programs[path] = self.analysis.program(path)
        return self.recorded.programs[path]


def split(argument: str) -> tuple[str, str | None]:
    """A path, and the name of a model in it: what comes after the first colon that ends the path of a file."""
    if os.path.exists(argument):
        return argument, None
    for index, character in enumerate(argument):
        if character == ":" and os.path.exists(argument[:index]):
            return argument[:index], argument[index + 1 :]
    path, colon, name = argument.rpartition(":")
    return (path, name) if colon and path else (argument, None)


class GraphRun:
    """A run over one file that keeps its models. ``request`` is the run's, but for its paths.

    Raises:
        NoGraphError: the path is a directory and no model.
    """

    def __init__(self, argument: str, request: Request, catalogue: Catalogue) -> None:
        self.path, self.wanted = split(argument)
        if os.path.isdir(self.path) and not is_model(self.path):
            raise NoGraphError(f"{self.path}: this directory is no saved model; name a file")
        self._recorded = _Recorded()
        self.run = Run(
            attrs.evolve(request, paths=(self.path,)),
            catalogue,
            self._recorded.make_analysis,
            self._recorded.read_model,
        )

    def view(self, report: Report) -> GraphView:
        """The model that was asked for, with what the run's report says of it.

        Raises:
            NoGraphError: there is no such model, or there are several.
        """
        name = name_of(self.path)
        file = self._recorded.files.get(name)
        candidates = _candidates(name, self._recorded, self.run.sources)
        if not candidates:
            failures = (f for f in report.findings if f.rule in (UNREADABLE, INTERNAL) and f.place.path == name)
            why = next((failure.message for failure in failures), None) or _why_none(file)
            raise NoGraphError(f"{self.path}: {why}")
        chosen = _chosen(self.path, self.wanted, candidates)
        return view_of(
            chosen.model,
            _source(name, _selectors(candidates)[candidates.index(chosen)], file),
            _about(chosen, candidates, report.findings),
            {entry.name: entry.summary for entry in self.run.catalogue.entries},
        )


def _why_none(file: ModelFile | Unreadable | None) -> str:
    if isinstance(file, Unreadable):
        return file.message
    if isinstance(file, ModelFile):
        return "; ".join(file.unexamined) or f"this {file.format} holds no graph"
    return "no model of Keras is made in it" if file is None else "it holds no graph"


def _source(name: str, selector: str, file: ModelFile | Unreadable | None) -> Source:
    if isinstance(file, ModelFile):
        return Source(name, selector, file.format, file.producer, file.unexamined)
    return Source(name, None if _is_line(selector) else selector)


def _is_line(selector: str) -> bool:
    return selector.split(":")[-1].isdigit()


def _candidates(name: str, recorded: _Recorded, sources: FileSources) -> list[Candidate]:
    """The models of the file in the order of the file."""
    file = recorded.files.get(name)
    if isinstance(file, ModelFile):
        return [
            Candidate(e.model, tuple(dict.fromkeys((*e.names, *filter(None, (e.model.name,)))))) for e in file.entries
        ]
    program = recorded.programs.get(name)
    if program is None:
        return []
    scopes = _Scopes.of(sources.text(name))
    made: dict[object, Model] = {}
    for model in program.all(Model):
        key = (model.origin.resolve(), model.kind)
        if key not in made or len(model.layers) > len(made[key].layers):
            made[key] = model
    in_order = sorted(
        made.values(), key=lambda model: (model.origin.resolve().path != name, model.origin.resolve().order)
    )
    return [_in_cells(Candidate(model, scopes.names(model, name)), sources) for model in in_order]


def _in_cells(candidate: Candidate, sources: FileSources) -> Candidate:
    """The model with its places in the cells of a notebook, as the findings have them; its line is its last name."""

    def moved(one: Located) -> Place:
        place = one.resolve()
        return place_in_cell(place, sources.opened(place.path))

    model = candidate.model
    layers = tuple(replace(one, place=moved(one.place), called_at=moved(one.called_at)) for one in model.layers)
    place = moved(model.origin)
    cell = "" if place.cell is None else f"cell{place.cell}:"
    lines = (f"{cell}{place.span.line}", f"{cell}{place.span.line}:{place.span.column}") if place.span else ()
    return Candidate(replace(model, origin=place, layers=layers), (*candidate.names, *lines))


def _chosen(path: str, wanted: str | None, candidates: Sequence[Candidate]) -> Candidate:
    """The only model, or the only one of the name; one that is part of another counts only if nothing else does."""
    selectors = _selectors(candidates)
    if wanted is None:
        named = list(candidates)
    else:
        named = [c for c, own in zip(candidates, selectors, strict=True) if own == wanted]
        named = named or [candidate for candidate in candidates if wanted in candidate.names]
        if not named:
            known = {name for candidate in candidates for name in candidate.names}
            hint = did_you_mean(wanted, known) or f"; there is {', '.join(selectors)}"
            raise NoGraphError(f"{path} holds no model {wanted!r}{hint}")
    outer = [one for one in named if not any(_is_part(one.model, other.model) for other in named)] or named
    if len(outer) > 1:
        listed = [(f"{path}:{selectors[candidates.index(one)]}", one.model) for one in outer]
        longest = max(len(selector) for selector, _ in listed)
        lines = [f"  {selector:<{longest}}  {_described(model)}" for selector, model in listed]
        raise NoGraphError("\n".join((f"{path} holds {len(outer)} models; name one of them:", *lines)))
    return outer[0]


def _described(model: Model) -> str:
    place = model.origin.resolve()
    cell = "" if place.cell is None else f" of cell {place.cell}"
    where = f", made in line {place.span.line}{cell}" if place.span else ""
    return f"{model.kind} of {len(model.layers)} layer{'' if len(model.layers) == 1 else 's'}{where}"


def _selectors(candidates: Sequence[Candidate]) -> list[str]:
    """For each model the best of its names that no other has; the last of them where all are shared."""
    shared = [name for candidate in candidates for name in candidate.names]
    return [next((n for n in c.names if shared.count(n) == 1), c.names[-1]) for c in candidates]


def _is_part(model: Model, whole: Model) -> bool:
    """Whether a model is nested in another: all its layers, or itself as a layer, are among the other's."""
    if model is whole:
        return False
    own, others = ({layer.identity for layer in one.layers} for one in (model, whole))
    if model.identity in others or (own and own < others):
        return True
    held = {name for layer in whole.layers for name in layer.path}
    return model.kind not in UNNAMED_KINDS and model.kind != whole.kind and model.kind in held


def _about(chosen: Candidate, candidates: Sequence[Candidate], findings: Iterable[Finding]) -> list[Finding]:
    """The findings but for those that concern other models of the file only."""
    others = [candidate.model for candidate in candidates if candidate is not chosen]
    return [f for f in findings if concerns(f, chosen.model) or not any(concerns(f, other) for other in others)]


@attrs.frozen
class _Scopes:
    """What the pieces of a script are called: functions, classes, assignments; by their first and last position."""

    named: tuple[tuple[tuple[int, int], tuple[int, int], str], ...]

    @classmethod
    def of(cls, text: str) -> _Scopes:
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return cls(())
        named: list[tuple[tuple[int, int], tuple[int, int], str]] = []
        for node in ast.walk(tree):
            match node:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                    pass
                case ast.Assign(targets=[ast.Name(id=name)]):
                    pass
                case _:
                    continue
            named.append(((node.lineno, 0), (node.end_lineno or node.lineno, node.end_col_offset or 0), name))
        return cls(tuple(named))

    def names(self, model: Model, path: str) -> tuple[str, ...]:
        """The names that select a model: its own, its class, what it is made in from inside out."""
        place = model.origin.resolve()
        own = [model.name, None if model.kind in UNNAMED_KINDS else model.kind]
        if place.span is None:
            return tuple(dict.fromkeys(name for name in own if name))
        line, column = place.span.line, place.span.column
        around = [s for s in self.named if place.path == path and s[0] <= (line, column) <= (s[1][0], s[1][1] + 1)]
        around.sort(reverse=True)
        names = (*own, *(name for _, _, name in around))
        return tuple(dict.fromkeys(name for name in names if name))
