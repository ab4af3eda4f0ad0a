"""Findings to findings with their confirmation: which can be settled, in what order, within what time."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol

from modelint.confirm.hypotheses import Claim, Hypothesis
from modelint.confirm.subjects import NoSubject, Subject
from modelint.confirm.verdicts import decide
from modelint.confirm.worker import Worker, WorkerError
from modelint.facts import KerasVersion
from modelint.finding import Confirmation, Finding, Place, Verdict
from modelint.wording import version_ranges

LONGEST = 60.0
"""Seconds that one model may take, importing its framework included; or half of what all may take, if that is more."""

_FRAMEWORKS: Mapping[str, tuple[str, str]] = {
    "onnx": ("onnx", "onnxruntime"),
    "torch": ("torch", "torch numpy"),
    "2": ("tensorflow", "tf-keras"),
    "3": ("tensorflow", "tensorflow"),
}
"""What runs a kind of model, or a generation of Keras: the extra of modelint, and the packages, that install it."""


class Cache(Protocol):
    """Answers that the worker gave before."""

    def get(self, key: Mapping[str, Any]) -> Mapping[str, Any] | None: ...

    def put(self, key: Mapping[str, Any], answer: Mapping[str, Any]) -> None: ...


@dataclass(frozen=True, slots=True)
class Concern:
    """What a finding of a script is about, by which it is found again when the text has been fixed.

    ``fact`` is the class of the fact, ``place`` where that is, ``anchor`` where a layer of the model is made; ``owner``
    the class of the program whose forward pass it stands in; ``root`` the file that the program begins with.
    """

    fact: type
    place: Place | None
    anchor: Place
    owner: str | None
    root: str


@dataclass(frozen=True, slots=True)
class Watched:
    """Code that must run if nothing is to mean something: where it is in its module, and ``shown`` to people."""

    place: Place
    shown: Place

    @property
    def where(self) -> str:
        """The line, for a message; in a notebook that of a cell."""
        line = self.shown.span.line if self.shown.span is not None else 0
        cell = f"cell {self.shown.cell}, " if self.shown.cell is not None else ""
        return f"{os.path.basename(self.shown.path)}, {cell}line {line}"


@dataclass(frozen=True, slots=True)
class Question:
    """What would settle a finding."""

    hypothesis: Hypothesis
    subject: Subject | NoSubject
    concern: Concern | None = None
    watched: tuple[Watched, ...] = ()


@dataclass(slots=True)
class Questions:
    """The questions of a run, gathered while the findings are made."""

    _asked: dict[tuple[object, ...], Question] = field(default_factory=dict)

    def ask(self, finding: Finding, question: Question) -> None:
        """Note what would settle a finding. Of several programs that have it, the first with a model to run counts."""
        earlier = self.about(finding)
        if earlier is None or isinstance(earlier.subject, NoSubject):
            self._asked[_key(finding)] = question

    def rename(self, finding: Finding, shown: Finding) -> None:
        """A finding is shown at another place than it was made at."""
        question = self.about(finding)
        if question is not None:
            self._asked[_key(shown)] = question

    def about(self, finding: Finding) -> Question | None:
        """The question about a finding."""
        return self._asked.get(_key(finding))


@dataclass(slots=True)
class Settler:
    """Answers questions, one after the other. ``seconds`` is what all may take together, from now on."""

    worker: Worker
    device: str = "auto"
    seconds: float = LONGEST
    cache: Cache | None = None
    _until: float = field(init=False)
    _missing: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._until = time.monotonic() + self.seconds

    def confirmation(self, question: Question) -> Confirmation:
        """What running the model of a question says about its claim."""
        if isinstance(question.subject, NoSubject):
            return Confirmation(Verdict.INCONCLUSIVE, f"not run: {question.subject.reason}")
        subject, hypothesis = question.subject, question.hypothesis
        try:
            answer = self._answer(_request(question, subject, self.device))
        except WorkerError as error:
            return Confirmation(Verdict.INCONCLUSIVE, error.message, subject.source)
        unclaimed = _unclaimed(hypothesis, answer["framework"])
        return replace(
            Confirmation(Verdict.INCONCLUSIVE, unclaimed) if unclaimed else decide(hypothesis, answer["screening"]),
            source=subject.source,
            framework=answer["framework"],
            device=answer["device"],
            seconds=answer["seconds"],
        )

    def _answer(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the worker says, or said before.

        Raises:
            WorkerError: it says nothing; the message is for the user.
        """
        needed = f"{request['subject']['kind']} {request['subject'].get('generation', '')}"
        if needed in self._missing:
            raise WorkerError(self._missing[needed])
        began = time.monotonic()
        answer = self.cache.get(request) if self.cache is not None else None
        if answer is not None:
            return answer
        if began >= self._until:
            raise WorkerError("not run: the time for confirmations was used up")
        try:
            answer = self.worker.ask(request, min(max(LONGEST, self.seconds / 2), self._until - began))
        except WorkerError as error:
            if error.missing is None:
                raise
            subject = request["subject"]
            message = f"{error.message}; {_installing(subject, error.missing, self.worker.python)}"
            if subject["kind"] != "imported":  # which needs what its own code imports
                self._missing[needed] = message
            raise WorkerError(message) from None
        answer = {**answer, "seconds": round(time.monotonic() - began, 2)}
        if self.cache is not None:
            self.cache.put(request, answer)
        return answer


def _installing(subject: Mapping[str, Any], missing: str, python: str) -> str:
    """How to get what runs a model for an interpreter that misses a part of it."""
    kind = "torch" if missing == "torch" else str(subject["kind"]).partition("_")[0]
    extra, packages = _FRAMEWORKS.get(kind) or _FRAMEWORKS[subject.get("generation", "3")]
    if python == sys.executable:
        return f"pip install 'modelint[{extra}]', or name an interpreter that has it with --python"
    return f"{python} -m pip install {packages}"


def confirmed(
    findings: Sequence[Finding],
    questions: Questions,
    settler: Settler,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Finding, ...]:
    """The findings, each that could be settled with its confirmation."""
    wanted = [finding for finding in findings if questions.about(finding) is not None]
    found: dict[int, Confirmation] = {}
    for done, finding in enumerate(wanted):
        progress(done, len(wanted))
        question = questions.about(finding)
        assert question is not None
        found[id(finding)] = settler.confirmation(question)
    progress(len(wanted), len(wanted))
    return tuple(replace(f, confirmation=found[id(f)]) if id(f) in found else f for f in findings)


def verified(
    fixed: Sequence[tuple[Finding, Question, Question]],
    settler: Settler,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Finding, ...]:
    """The findings that were fixed, each with its confirmation by the text as it was, and after the fix.

    Takes with each what is asked about the one and the other.
    """
    found = []
    for done, (finding, before, after) in enumerate(fixed):
        progress(done, len(fixed))
        confirmation = replace(settler.confirmation(before), after=settler.confirmation(after))
        found.append(replace(finding, confirmation=confirmation))
    progress(len(fixed), len(fixed))
    return tuple(found)


def _request(question: Question, subject: Subject, device: str) -> dict[str, Any]:
    """What the worker is asked."""
    hypothesis = question.hypothesis
    request: dict[str, Any] = {
        "do": "screen",
        "subject": dict(subject.description),
        "device": device,
        "entry": subject.entry or hypothesis.entry,
        "other": None if subject.entry else hypothesis.other,
        "rows": hypothesis.rows,
    }
    if subject.description["kind"] == "imported":
        request["subject"]["rows"] = hypothesis.rows
        request["watched"] = [
            {**asdict(one.place.span), "path": os.path.abspath(one.place.path), "where": one.where}
            for one in question.watched
            if one.place.span
        ]
    if hypothesis.claim is Claim.NOISY_STATISTICS:
        return {**request, "do": "companions"}
    if hypothesis.claim is Claim.SAME_DRAWS:
        return {**request, "do": "draws"}
    if hypothesis.claim is Claim.DRIFTS:
        return {**request, "do": "step"}
    if hypothesis.claim is Claim.ROUNDS:
        return {**request, "do": "sizes", "sizes": list(hypothesis.sizes or ())}
    if hypothesis.claim is Claim.UNSEEDED:
        seeds = [list(one) for one in hypothesis.seeds]
        return {**request, "do": "runs", "seeds": seeds, "seeds_before": hypothesis.seeds_before}
    return request


_KERAS = re.compile(r"(?:tf_)?keras (\d+)\.(\d+)")


def _unclaimed(hypothesis: Hypothesis, framework: str) -> str | None:
    """Why a run under this framework says nothing about the claim: it is made for other versions."""
    found = _KERAS.match(framework)
    if found is None or KerasVersion.of(int(found[1]), int(found[2])) in hypothesis.versions:
        return None
    return f"{framework} is installed, and the finding is about {version_ranges(hypothesis.versions)}"


def _key(finding: Finding) -> tuple[object, ...]:
    return (finding.rule, finding.place, "" if finding.place.span else finding.message)
