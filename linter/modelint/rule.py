"""Rules: their declaration, their registration, their discovery.

A rule is a module: its file name is the rule's name, its folder the category, its docstring the page in
the documentation. It declares ``rule = Rule(__name__, ...)`` and decorates one or more generator functions
with ``@rule.on(FactType)``. Rule packs are found through the entry point group ``modelint.rules``: each
entry names a package whose modules are walked.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, TypeVar

from modelint.finding import Confidence, Evidence, Finding, Fix, Located, Safety, Severity

if TYPE_CHECKING:
    from types import ModuleType

    from modelint.facts import Program

ENTRY_POINT_GROUP = "modelint.rules"

FactT = TypeVar("FactT")
Check = Callable[[Any, "Program"], Iterable[Finding]]

Reason = tuple[Located, str]


class RuleError(Exception):
    """A rule pack cannot be loaded; the message names the module and says why."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """``check`` is to be called with every fact of type ``fact`` (and its program)."""

    fact: type[object]
    check: Check


class Rule:
    """The declaration of one rule.

    ``module`` is the rule module's ``__name__``. ``since`` is the modelint version that first had it.
    """

    def __init__(self, module: str, *, severity: Severity, since: str) -> None:
        self.module = module
        parts = module.split(".")
        self.name = parts[-1].replace("_", "-")
        self.category = parts[-2].replace("_", "-") if len(parts) > 1 else ""
        self.severity = severity
        self.since = since
        self.subscriptions: list[Subscription] = []

    def on(self, fact: type[FactT]) -> Callable[[Callable[[FactT, Program], Iterable[Finding]]], Check]:
        """Register a check for every fact of the given type."""

        def register(check: Callable[[FactT, Program], Iterable[Finding]]) -> Check:
            self.subscriptions.append(Subscription(fact, check))
            return check

        return register

    def at(
        self,
        where: Located,
        message: str,
        *,
        because: Iterable[Reason] = (),
        severity: Severity | None = None,
        confidence: Confidence = Confidence.HIGH,
        fix: Fix | None = None,
    ) -> Finding:
        """A finding of this rule. ``because`` is the chain of located reasons, in order.

        A fix is at most as safe as the finding is sure.
        """
        if fix is not None and confidence is not Confidence.HIGH:
            fix = replace(fix, safety=Safety.UNSAFE)
        return Finding(
            rule=self.name,
            severity=severity or self.severity,
            confidence=confidence,
            place=where.resolve(),
            message=message,
            because=tuple(Evidence(place.resolve(), text) for place, text in because),
            fix=fix,
        )

    @property
    def documentation(self) -> str:
        """The rule's page in Markdown: its module's docstring."""
        return inspect.cleandoc(sys.modules[self.module].__doc__ or "")

    @property
    def file(self) -> str | None:
        """The file of its module."""
        return sys.modules[self.module].__file__

    @property
    def summary(self) -> str:
        """The first sentence of the page."""
        return self.documentation.split("\n\n", 1)[0].replace("\n", " ")

    def __repr__(self) -> str:
        return f"Rule({self.category}/{self.name})"


def rules_of(package: ModuleType) -> Iterator[Rule]:
    """All rules in a package, by walking its modules, in the order of their names.

    Raises:
        RuleError: a module fails to import, or it is no package.
    """
    if not hasattr(package, "__path__"):
        raise RuleError(f"{getattr(package, '__name__', package)!r} is no package, so it cannot hold rules")

    def refuse(name: str) -> None:
        raise RuleError(f"the rule package {name} cannot be imported: {_reason(sys.exception())}")

    prefix = package.__name__ + "."
    for module in sorted(pkgutil.walk_packages(package.__path__, prefix, refuse), key=lambda m: m.name):
        if module.ispkg:
            continue
        try:
            loaded = importlib.import_module(module.name)
        except (Exception, SystemExit) as error:  # a third party's module may fail in any way
            raise RuleError(f"the rule module {module.name} cannot be imported: {_reason(error)}") from error
        rule = getattr(loaded, "rule", None)
        if isinstance(rule, Rule):
            yield rule


def _reason(error: BaseException | None) -> str:
    """An exception on one line."""
    first = str(error).strip().split("\n", 1)[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def discover() -> tuple[Rule, ...]:
    """The rules of every installed pack, ordered by category and name.

    Raises:
        RuleError: a pack fails to import, or two packs define a rule of the same name.
    """
    found: dict[str, Rule] = {}
    for entry in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda e: (e.name, e.value)):
        try:
            package = entry.load()
        except (Exception, SystemExit) as error:  # a third party's package may fail in any way
            reason = _reason(error)
            raise RuleError(f"the rule pack {entry.name!r} ({entry.value}) cannot be imported: {reason}") from error
        for rule in rules_of(package):
            other = found.setdefault(rule.name, rule)
            if other is not rule:
                raise RuleError(f"{other.module} and {rule.module} both define the rule {rule.name!r}")
    return tuple(sorted(found.values(), key=lambda r: (r.category, r.name)))
