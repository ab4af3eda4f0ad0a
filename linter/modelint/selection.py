"""Which findings are asked for: names, categories and severities as users write them, resolved against the rules.

Takes selectors (a rule's name, a category, or ``all``); gives the set of enabled names. It reports unknown
selectors and knows neither configuration files nor the command line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from modelint.finding import Severity
from modelint.rule import Rule, RuleError
from modelint.spelling import did_you_mean
from modelint.suppress import UNKNOWN, UNUSED

ALL = "all"
UNREADABLE = "unreadable"
INTERNAL = "internal-error"
UNEXAMINED = "unexamined"
QUESTIONABLE = "questionable-file"


@dataclass(frozen=True, slots=True)
class Entry:
    """One name that findings go by: a rule, or what modelint says of its own accord."""

    name: str
    category: str
    severity: Severity
    since: str
    summary: str
    documentation: str


def _comment_entry(name: str, summary: str, why: str) -> Entry:
    return Entry(name, "comments", Severity.WARNING, "0.1", summary, f"{summary}\n\n{why}")


OWN_ENTRIES = (
    _comment_entry(
        UNKNOWN,
        "A suppression comment names no rule that exists.",
        "A misspelled name, a comment without a name, or another tool's word suppresses nothing, unnoticed.\n\n"
        "## How to fix it\n\nWrite `# modelint: ignore[rule] reason`, with the names that `modelint rules` lists.\n\n"
        "## Fix safety\n\nThe fix corrects a misspelled name; it is safe, for comments change no program.",
    ),
    _comment_entry(
        UNUSED,
        "A suppression comment suppresses nothing.",
        "The defect it excused is gone, or the comment stands on the wrong line. Left in place, it will hide the next "
        "defect.\n\n## How to fix it\n\nRemove the name from the comment.\n\n## When it is not a bug\n\n"
        "The file is a module whose defect shows only when another file that uses it is examined too. Examine "
        "the whole project, or move the comment to where the finding stands then.\n\n"
        "## Fix safety\n\nThe fix removes the name, and the comment with its last one; it is safe, for comments change "
        "no program.",
    ),
    Entry(
        UNEXAMINED,
        "files",
        Severity.NOTE,
        "0.1",
        "A file, or part of it, could not be examined.",
        "A file, or part of it, could not be examined.\n\nA layer of a class of your own, a `Lambda`, a "
        "subclassed model: such a part is saved by name only, and what it does is in the program. A file of weights "
        "holds no graph at all. A notebook may be written in another language than Python. That nothing is reported "
        "of it does not mean that it is in order.\n\n"
        "## How to fix it\n\nExamine the program that defines the part, or a form of the model that holds its graph: "
        "an exported SavedModel, ONNX, `torch.export`.",
    ),
    Entry(
        QUESTIONABLE,
        "files",
        Severity.NOTE,
        "0.1",
        "A model file holds something odd.",
        "A model file holds something odd.\n\nIt could be examined all the same: a name that leads out of the archive, "
        "two members of one name, weights in a file elsewhere, a value that nothing computes, a checkpoint that was "
        "saved in train mode. Another reader may take such a file for another model.\n\n"
        "## How to fix it\n\nSave the model anew, in inference mode, with the library that made it.",
    ),
)
"""What modelint says of comments and files; it can be selected, ignored, given a severity like a rule."""

FAILURE_ENTRIES = (
    Entry(
        INTERNAL,
        "failures",
        Severity.ERROR,
        "0.1",
        "modelint itself failed on a file.",
        "modelint itself failed on a file.\n\nA rule or the analysis raised an exception. The other rules went on, but "
        "what the file holds is not known, so the run ends with exit code 2. This cannot be ignored: "
        "it is a bug of modelint, or of the rule pack that is named.",
    ),
    Entry(
        UNREADABLE,
        "failures",
        Severity.ERROR,
        "0.1",
        "A file cannot be examined.",
        "A file cannot be examined.\n\nIt is not valid Python 3, cannot be decoded, is too large, or cannot be opened. "
        "The run ends with exit code 2, since a file that was not examined must not pass for clean.\n\n"
        "## How to fix it\n\nCorrect the file, or leave it out with `exclude`; it cannot be ignored.",
    ),
)
"""What says that a run failed; it can be neither ignored nor toned down."""


@dataclass(frozen=True)
class Catalogue:
    """All names that findings go by."""

    rules: tuple[Rule, ...]

    def __post_init__(self) -> None:
        """Refuse rules that could not be selected.

        Raises:
            RuleError: a rule has a name that stands for something else.
        """
        own = (*OWN_ENTRIES, *FAILURE_ENTRIES)
        categories = {*(entry.category for entry in own), *(rule.category for rule in self.rules)}
        taken = {ALL, *(entry.name for entry in own), *categories}
        for rule in self.rules:
            if rule.name in taken:
                raise RuleError(f"{rule.module} defines the rule {rule.name!r}, a name that has another meaning")

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """Rules and own entries, by category and name."""
        rules = (Entry(r.name, r.category, r.severity, r.since, r.summary, r.documentation) for r in self.rules)
        return (*rules, *OWN_ENTRIES, *FAILURE_ENTRIES)

    @cached_property
    def categories(self) -> Mapping[str, str]:
        """The category of every name that can be selected."""
        rules = {rule.name: rule.category for rule in self.rules}
        return rules | {entry.name: entry.category for entry in OWN_ENTRIES}

    @cached_property
    def selectors(self) -> frozenset[str]:
        """Everything that selects: names, categories, ``all``."""
        return frozenset({*self.categories, *self.categories.values(), ALL})

    def objection(self, selector: str) -> str | None:
        """Why a selector cannot be used, or None if it can."""
        if selector in self.selectors:
            return None
        if selector in (INTERNAL, UNREADABLE):
            return f"{selector!r} cannot be selected or ignored; use exclude for files that cannot be examined"
        return f"unknown rule {selector!r}{did_you_mean(selector, self.selectors)}"

    def enabled(self, select: Iterable[str], ignore: Iterable[str]) -> frozenset[str]:
        """The names selected and not ignored; the more specific selector decides, at a tie ``ignore``."""
        wanted, unwanted = frozenset(select), frozenset(ignore)
        return frozenset(
            name
            for name, category in self.categories.items()
            if _strength(name, category, wanted) > _strength(name, category, unwanted)
        )

    def severities(self, overrides: Sequence[Mapping[str, Severity]]) -> Mapping[str, Severity]:
        """The severity given to each name; later overrides win, within one the more specific selector."""
        given: dict[str, Severity] = {}
        for override in overrides:
            for name, category in self.categories.items():
                for selector in (name, category, ALL):
                    if selector in override:
                        given[name] = override[selector]
                        break
        return given


def _strength(name: str, category: str, selectors: frozenset[str]) -> int:
    if name in selectors:
        return 3
    if category in selectors:
        return 2
    return 1 if ALL in selectors else 0
