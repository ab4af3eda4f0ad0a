"""The rule author's vocabulary: all that a rule may import.

A rule is a module that declares ``rule = Rule(__name__, ...)`` and yields findings from functions decorated with
``@rule.on(FactType)``; see ``ARCHITECTURE.md``.
"""

from modelint.facts import *  # noqa: F403  the vocabulary of facts is the vocabulary of rules
from modelint.facts import __all__ as _facts
from modelint.finding import Confidence, Edit, Evidence, Finding, Fix, Located, Place, Safety, Severity, Span
from modelint.rule import Rule
from modelint.wording import api, enumeration, kinds, seeding_function, version_ranges

__version__ = "0.1.0"

__all__ = [
    "Confidence",
    "Edit",
    "Evidence",
    "Finding",
    "Fix",
    "Located",
    "Place",
    "Rule",
    "Safety",
    "Severity",
    "Span",
    "api",
    "enumeration",
    "kinds",
    "seeding_function",
    "version_ranges",
    *_facts,
]
