"""The values a run produces: places, evidence, edits, findings.

Everything here is frozen, comparable and picklable. Lines and columns count from 1, columns in
Unicode code points; the end of a span is exclusive, so an empty span is an insertion point. What a rule pack makes of
other types than these is refused where it is made, so that the error names who made it.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from functools import total_ordering
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from modelint.written import WrittenCall


@total_ordering
class Severity(enum.Enum):
    """How bad a finding is if it is true."""

    NOTE = "note"  # fragile or implicit
    WARNING = "warning"  # likely wrong
    ERROR = "error"  # wrong predictions or wrong training

    def __lt__(self, other: Severity) -> bool:
        order = list(Severity)
        return order.index(self) < order.index(other)


@total_ordering
class Confidence(enum.Enum):
    """How sure the linter is; below ``HIGH`` is shown only on request."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    def __lt__(self, other: Confidence) -> bool:
        order = list(Confidence)
        return order.index(self) < order.index(other)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A range of text: 1-based lines and columns, end exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is: a file, and in it a span of text or a node of a model's graph.

    ``path`` is as the run names it, with forward slashes. Both ``span`` and ``node`` may be absent,
    for what concerns a file as a whole. In a notebook ``cell`` is the position of the cell among all cells, from 1,
    ``span`` is in the cell's source, and ``physical`` is where that stands in the notebook's file.
    """

    path: str
    span: Span | None = None
    node: str | None = None
    cell: int | None = None
    physical: Span | None = None

    def resolve(self) -> Place:
        """Itself: a place is already resolved."""
        return self

    def written(self) -> WrittenCall | None:
        """None: what is only a place does not know how the code at it is written."""
        return None

    @property
    def in_file(self) -> Span | None:
        """The text in the file itself, for what knows no cells."""
        return self.physical or self.span

    @property
    def source(self) -> Place:
        """The source that ``span`` counts in: the file, or the cell."""
        return Place(self.path, cell=self.cell)

    @property
    def order(self) -> tuple[str, int, int, int, int, int, str]:
        """A key that sorts places by file, then position."""
        span = self.span or Span(0, 0, 0, 0)
        return (self.path, self.cell or 0, span.line, span.column, span.end_line, span.end_column, self.node or "")


class Located(Protocol):
    """Something whose place can be had, perhaps computed only now (see ``documents.script.Site``)."""

    def resolve(self) -> Place: ...

    def written(self) -> WrittenCall | None:
        """How the call that stands there is written; None if there is none, or it is not known."""
        ...


@dataclass(frozen=True, slots=True)
class Evidence:
    """One located step of the reasoning that led to a finding."""

    place: Place
    message: str

    def __post_init__(self) -> None:
        _require("the place of an Evidence", self.place, Place)
        _require("the message of an Evidence", self.message, str)


class Safety(enum.Enum):
    """Whether a fix may be applied without being read."""

    SAFE = "safe"  # keeps behaviour, or adds only what cannot change a correct program
    UNSAFE = "unsafe"  # changes numerics or behaviour


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the text of ``span`` by ``text``; in a notebook, ``span`` is in the source of ``cell``.

    ``physical`` is then the same edit of the notebook's file, whose text is escaped as JSON has it.
    """

    span: Span
    text: str
    cell: int | None = None
    physical: Edit | None = None

    def __post_init__(self) -> None:
        _require("the span of an Edit", self.span, Span)
        _require("the text of an Edit", self.text, str)

    @property
    def in_file(self) -> Edit:
        """The edit of the file itself, for what knows no cells."""
        return self.physical or self


@dataclass(frozen=True, slots=True)
class Fix:
    """A set of edits of the finding's own file that together remove the finding."""

    title: str
    safety: Safety
    edits: tuple[Edit, ...]

    def __post_init__(self) -> None:
        _require("the title of a Fix", self.title, str)
        _require("the safety of a Fix", self.safety, Safety)
        _require_all("the edits of a Fix", self.edits, Edit)
        if not self.edits:
            raise ValueError("a Fix needs an edit; where there is none, there is no fix")


class Verdict(enum.Enum):
    """What running the model said about a finding."""

    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The outcome of running the model: a verdict, a sentence that says why, and what was measured.

    ``source`` says where the model came from. ``absolute`` and ``relative`` are the difference that decided: the
    largest one, and that over the root mean square of the output. ``layer`` is the first layer whose output differs.
    ``framework``, ``device``, ``dtype`` and ``rows`` say what it was run on, ``seconds`` how long that took. Of a
    finding that was fixed it is about the text as it was, and ``after`` the same of the fixed text.
    """

    verdict: Verdict
    message: str
    source: str = ""
    absolute: float | None = None
    relative: float | None = None
    layer: str | None = None
    rows: int | None = None
    mode: str | None = None
    dtype: str | None = None
    device: str | None = None
    framework: str | None = None
    seconds: float | None = None
    after: Confirmation | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """A defect, or what is in the way of examining a file.

    ``message`` says what is wrong, then ``; `` and what to do; lower case, no full stop.
    """

    rule: str
    severity: Severity
    confidence: Confidence
    place: Place
    message: str
    because: tuple[Evidence, ...] = ()
    fix: Fix | None = None
    confirmation: Confirmation | None = None

    def __post_init__(self) -> None:
        _require("the rule of a Finding", self.rule, str)
        _require("the severity of a Finding", self.severity, Severity)
        _require("the confidence of a Finding", self.confidence, Confidence)
        _require("the place of a Finding", self.place, Place)
        _require("the message of a Finding", self.message, str)
        _require_all("the because of a Finding", self.because, Evidence)
        if self.fix is not None:
            _require("the fix of a Finding", self.fix, Fix)

    @property
    def order(self) -> tuple[object, ...]:
        """A key that sorts findings by place, then rule, so that output is the same on every run."""
        return (*self.place.order, self.rule, self.message)


def _require(what: str, value: object, kind: type) -> None:
    if not isinstance(value, kind):
        raise TypeError(f"{what} must be a {kind.__name__}, not {value!r}")


def _require_all(what: str, values: object, kind: type) -> None:
    if not isinstance(values, tuple) or not all(isinstance(value, kind) for value in values):
        raise TypeError(f"{what} must be a tuple of {kind.__name__}, not {values!r}")
