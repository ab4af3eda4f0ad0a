"""Findings to findings with their confirmation: which can be settled, in what order, within what time."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from modelint.confirm.hypotheses import Claim, Hypothesis
from modelint.confirm.subjects import NoSubject, Subject
from modelint.confirm.verdicts import decide
from modelint.confirm.worker import Worker, WorkerError
from modelint.facts import KerasVersion
from modelint.finding import Confirmation, Finding, Verdict
from modelint.wording import version_ranges

LONGEST = 60.0
"""Seconds that one model may take, importing its framework included."""

MISSING = (
    "{}; install it beside modelint (pip install 'modelint[{}]'), or name an interpreter that has it with --python"
)
"""What is said when a framework is not installed."""


class Cache(Protocol):
    """Answers that the worker gave before."""

    def get(self, key: Mapping[str, Any]) -> Mapping[str, Any] | None: ...

    def put(self, key: Mapping[str, Any], answer: Mapping[str, Any]) -> None: ...


@dataclass(frozen=True, slots=True)
class Question:
    """What would settle a finding."""

    hypothesis: Hypothesis
    subject: Subject | NoSubject


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


def confirmed(
    findings: Sequence[Finding],
    questions: Questions,
    worker: Worker,
    *,
    device: str = "auto",
    seconds: float = LONGEST,
    cache: Cache | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Finding, ...]:
    """The findings, each that could be settled with its confirmation. ``seconds`` is what all may take together."""
    until = time.monotonic() + seconds
    wanted = [finding for finding in findings if questions.about(finding) is not None]
    found: dict[int, Confirmation] = {}
    missing: dict[str, str] = {}
    for done, finding in enumerate(wanted):
        progress(done, len(wanted))
        question = questions.about(finding)
        assert question is not None
        found[id(finding)] = _settled(question, worker, device, until, cache, missing)
    progress(len(wanted), len(wanted))
    return tuple(replace(f, confirmation=found[id(f)]) if id(f) in found else f for f in findings)


def _settled(
    question: Question,
    worker: Worker,
    device: str,
    until: float,
    cache: Cache | None,
    missing: dict[str, str],
) -> Confirmation:
    if isinstance(question.subject, NoSubject):
        return Confirmation(Verdict.INCONCLUSIVE, f"not run: {question.subject.reason}")
    subject, hypothesis = question.subject, question.hypothesis
    kind = str(subject.description["kind"])
    if hypothesis.claim is Claim.UNSEEDED and kind != "rebuilt":
        return Confirmation(Verdict.INCONCLUSIVE, "not run: only a rebuilt model can be built twice", subject.source)
    request = _request(subject, hypothesis, device)
    needed = f"{kind} {subject.description.get('generation', '')}"
    if needed in missing:
        return Confirmation(Verdict.INCONCLUSIVE, missing[needed], subject.source)
    began = time.monotonic()
    answer = cache.get(request) if cache is not None else None
    if answer is None:
        if began >= until:
            return Confirmation(Verdict.INCONCLUSIVE, "not run: the time for confirmations was used up", subject.source)
        try:
            answer = worker.ask(request, min(LONGEST, until - began))
        except WorkerError as error:
            message = error.message
            if error.missing:
                extra = "torch" if kind.startswith("torch") else "tensorflow"
                message = missing[needed] = MISSING.format(message, extra)
            return Confirmation(Verdict.INCONCLUSIVE, message, subject.source)
        answer = {**answer, "seconds": round(time.monotonic() - began, 2)}
        if cache is not None:
            cache.put(request, answer)
    unclaimed = _unclaimed(hypothesis, answer["framework"])
    return replace(
        Confirmation(Verdict.INCONCLUSIVE, unclaimed) if unclaimed else decide(hypothesis, answer["screening"]),
        source=subject.source,
        framework=answer["framework"],
        device=answer["device"],
        seconds=answer["seconds"],
    )


def _request(subject: Subject, hypothesis: Hypothesis, device: str) -> dict[str, Any]:
    """What the worker is asked."""
    request = {
        "do": "screen",
        "subject": dict(subject.description),
        "device": device,
        "entry": subject.entry or hypothesis.entry,
        "other": None if subject.entry else hypothesis.other,
        "rows": hypothesis.rows,
    }
    if hypothesis.claim is Claim.NOISY_STATISTICS:
        return {**request, "do": "companions"}
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
