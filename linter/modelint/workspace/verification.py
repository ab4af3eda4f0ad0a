"""Fixes verified: what would show, of every finding that was fixed, that the fix removed what it is about.

Takes the outcome of fixing, gives a question about the text in which each finding was made and one about the fixed
text. A finding is found again in the fixed text by the place of the fact that it is about.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from modelint.analysis import Analysis
from modelint.confirm.confirming import Concern, Question
from modelint.confirm.definitions import definitions
from modelint.confirm.hypotheses import Hypothesis, hypothesis_after
from modelint.confirm.subjects import NoSubject, Subject
from modelint.documents import is_notebook
from modelint.facts import Program
from modelint.finding import Finding, Located, Place, Span
from modelint.workspace.confirmation import Asking, watched
from modelint.workspace.fixing import Outcome
from modelint.workspace.run import Run

GONE = NoSubject("what the finding is about is not found again in the fixed text")


@dataclass(frozen=True, slots=True)
class Verification:
    """A finding that was fixed, and what is to be asked about the text before and after."""

    finding: Finding
    before: Question
    after: Question


def verifications(outcome: Outcome) -> Iterator[Verification]:
    """The fixed findings about which running a model says something."""
    fixed = _Fixed(outcome)
    for finding, run in zip(outcome.fixed, outcome.found_in, strict=True):
        question = run.asking.questions.about(finding) if run.asking is not None else None
        if question is None or question.concern is None or run.asking is None:
            continue
        after = fixed.found_again(question.concern, question.hypothesis, run, run.asking)
        texts = [{each.path: one.sources.text(each.path) for each in outcome.rewritten} for one in (run, outcome.run)]
        yield Verification(
            finding,
            replace(question, subject=_of_text(question.subject, texts[0])),
            replace(after, subject=_of_text(after.subject, texts[1])),
        )


@dataclass(slots=True)
class _Fixed:
    """The programs of the fixed text, analysed when they are asked for."""

    outcome: Outcome
    _programs: dict[str, Program] = field(default_factory=dict)

    def found_again(self, concern: Concern, claimed: Hypothesis, run: Run, asking: Asking) -> Question:
        """What is asked of the fixed text about what a finding was about."""
        program = self._program(concern.root)
        anchor = self._moved(concern.anchor, run)
        place = self._moved(concern.place, run)
        fact = program if concern.fact is Program else _fact_at(program, concern.fact, place)
        hypothesis = hypothesis_after(claimed, fact, program)
        if hypothesis is None or (fact is None and concern.owner is None):
            return Question(claimed, GONE)
        if fact is not None:
            subject = asking.of_script(anchor or concern.anchor, fact, program, hypothesis, self.outcome.run.sources)
        else:
            subject = asking.imported(str(concern.owner), concern.anchor.path, claimed.generation, program)
        return Question(hypothesis, subject, watched=watched(fact, self.outcome.run.sources))

    def _program(self, root: str) -> Program:
        if root not in self._programs:
            run = self.outcome.run
            self._programs[root] = Analysis(run.sources, run.settings).program(root)
        return self._programs[root]

    def _moved(self, place: Place | None, run: Run) -> Place | None:
        """Where a place is in the fixed text; None if it is not there."""
        if place is None or place.span is None:
            return None
        texts = (run.sources.text(place.path).split("\n"), self.outcome.run.sources.text(place.path).split("\n"))
        span = place.span
        start = moved(*texts, span.line, span.column)
        last = moved(*texts, span.end_line, max(span.end_column - 1, 1))
        if start is None or last is None:
            return None
        return replace(place, span=Span(*start, last[0], last[1] + 1))


def moved(before: Sequence[str], after: Sequence[str], line: int, column: int) -> tuple[int, int] | None:
    """Where a character is after a change of the text, by line and column from 1; None if it is gone."""
    for kind, first, last, there, end in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if not first < line <= last:
            continue
        if kind == "equal":
            return line - first + there, column
        one, two = "\n".join(before[first:last]), "\n".join(after[there:end])
        offset = sum(len(each) + 1 for each in before[first : line - 1]) + column - 1
        for block in difflib.SequenceMatcher(None, one, two, autojunk=False).get_matching_blocks():
            if block.a <= offset < block.a + block.size:
                head = two[: block.b + offset - block.a]
                return there + 1 + head.count("\n"), len(head) - head.rfind("\n")
    return None


def _fact_at(program: Program, kind: type, place: Place | None) -> object | None:
    """The fact of a kind that begins at a place."""
    for fact in program.facts if place is not None else ():
        located: Located | None = getattr(fact, "place", None) if isinstance(fact, kind) else None
        found = located.resolve() if located is not None else None
        if found is not None and place is not None and found.span is not None and place.span is not None:
            begins = (found.path, found.span.line, found.span.column)
            if begins == (place.path, place.span.line, place.span.column):
                return fact
    return None


def _of_text(subject: Subject | NoSubject, texts: Mapping[str, str]) -> Subject | NoSubject:
    """The model with the texts of its modules, where it is to be imported."""
    if isinstance(subject, NoSubject) or subject.description["kind"] != "imported":
        return subject
    now = {os.path.abspath(path): definitions(text) if is_notebook(path) else text for path, text in texts.items()}
    description = {**subject.description, "sources": {**subject.description["sources"], **now}}
    return replace(subject, description=description)
