"""Options that show only what is new: ``--baseline``, ``--diff-base``, ``--staged``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from modelint.cli.group import UserError
from modelint.cli.options import Command, configuration_refused, with_options

if TYPE_CHECKING:
    from modelint.selection import Catalogue
    from modelint.workspace.baseline import Baseline
    from modelint.workspace.changes import Changes
    from modelint.workspace.run import Report, Request

_OPTIONS = (
    click.option(
        "--baseline",
        type=click.Path(),
        metavar="FILE",
        help="Show only what is not in this file (see modelint baseline).",
    ),
    click.option("--no-baseline", is_flag=True, help="Show what is in the configured baseline, too."),
    click.option("--diff-base", metavar="REF", help="Show only what changes since this commit reach."),
    click.option("--staged", is_flag=True, help="Show only what staged changes reach, as they are staged."),
)


def narrowing(command: Command) -> Command:
    """Add these options."""
    return with_options(command, _OPTIONS)


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What the options ask for. ``overlay`` is what is staged, where the working tree has something else."""

    baseline: Baseline | None = None
    baseline_path: str = ""
    changes: Changes | None = None
    overlay: Mapping[str, bytes] = field(default_factory=dict)

    def request(self, request: Request) -> Request:
        """A request for what is to be examined: what is staged rather than what is there."""
        if not self.overlay:
            return request
        import attrs

        from modelint.workspace.names import name_of

        given = [os.path.abspath(path) for path in request.paths]
        missing = [
            name_of(path)
            for path in self.overlay
            if not os.path.lexists(path) and any(path.startswith(one.rstrip(os.sep) + os.sep) for one in given)
        ]
        overlay = {name_of(path): data for path, data in self.overlay.items()}
        return attrs.evolve(request, paths=(*request.paths, *missing), overlay={**overlay, **request.overlay})

    @property
    def staged_otherwise(self) -> frozenset[str]:
        """The files that are examined as they are staged, and are not what is in the working tree."""
        from modelint.workspace.names import name_of

        return frozenset(map(name_of, self.overlay))

    def narrowed(self, report: Report) -> Report:
        """The report without what is not asked for."""
        if self.baseline is not None:
            from modelint.workspace.baseline import compare

            known = compare(self.baseline, report.findings, report.lines).known
            report = report.keeping(lambda finding: finding not in known)
        return report if self.changes is None else report.keeping(self.changes.reach)

    def report(self, report: Report, request: Request) -> tuple[Report, tuple[str, ...]]:
        """The report without what is not asked for, and what is to be said of that. Complains of spare entries."""
        from modelint.render.summary import counted

        hidden: list[str] = []
        if self.baseline is not None:
            from modelint.workspace.baseline import compare, covers

            compared = compare(self.baseline, report.findings, report.lines)
            before, report = report, report.keeping(lambda finding: finding not in compared.known)
            if compared.known:
                hidden.append(f"{counted(len(compared.known), 'finding')} of the baseline not shown")
            if compared.gone and not before.broken and covers(self.baseline, request.paths):
                _complain_of_spare(compared.gone, self.baseline_path)
        if self.changes is not None:
            before, report = report, report.keeping(self.changes.reach)
            elsewhere = len(before.findings) - len(report.findings)
            if elsewhere:
                hidden.append(f"{counted(elsewhere, 'finding')} that the changes do not reach not shown")
        return report, tuple(hidden)


def prepared(options: Mapping[str, Any], request: Request, catalogue: Catalogue) -> Narrowing:
    """What the options and the configuration ask for, with all that has to be read for it.

    Raises:
        UserError: there is no such baseline, repository or commit, or the configuration has mistakes.
    """
    path, baseline = _baseline(options, request, catalogue)
    reference, staged = options["diff_base"], options["staged"]
    if reference is not None and staged:
        raise UserError("--diff-base and --staged exclude each other")
    if reference is None and not staged:
        return Narrowing(baseline, path)

    from modelint.workspace.changes import Changes
    from modelint.workspace.discovery import SCRIPTS
    from modelint.workspace.git import GitError, Repository

    try:
        repository = Repository.around(os.getcwd())
        changed = repository.staged() if staged else repository.changed_since(reference)
        overlay = repository.index(SCRIPTS) if staged else {}
    except GitError as error:
        raise UserError(f"{'--staged' if staged else '--diff-base'}: {error}") from None
    return Narrowing(baseline, path, Changes(repository.root, changed), overlay)


def _baseline(options: Mapping[str, Any], request: Request, catalogue: Catalogue) -> tuple[str, Baseline | None]:
    """The baseline that the command line names, or else the configuration of the working directory; and its path."""
    from modelint.workspace.baseline import BaselineError, read
    from modelint.workspace.lookup import Lookup
    from modelint.workspace.names import name_of

    if options["no_baseline"]:
        if options["baseline"] is not None:
            raise UserError("--baseline and --no-baseline exclude each other")
        return "", None
    path, who = options["baseline"], "--baseline"
    if path is None:
        lookup = Lookup(catalogue, request.overrides, request.config, request.isolated)
        configuration = lookup.for_directory(os.getcwd())
        if lookup.mistakes:
            raise configuration_refused(lookup.mistakes)
        if configuration.baseline is None:
            return "", None
        path, who = name_of(configuration.baseline), f"{configuration.path}: baseline"
    try:
        return path, read(path)
    except BaselineError as error:
        raise UserError(f"{who}: {error}") from None


def _complain_of_spare(gone: Mapping[tuple[str, str, str], int], path: str) -> None:
    """Say which entries of a baseline are not needed any more."""
    from collections import Counter

    from modelint.render.summary import counted
    from modelint.render.terminal import printable
    from modelint.workspace.output import complain

    by_rule: Counter[tuple[str, str]] = Counter()
    for (file, rule, _), count in gone.items():
        by_rule[file, rule] += count
    complain(f"modelint: {counted(sum(gone.values()), 'finding')} of {path} no longer there and removable:")
    for (file, rule), count in sorted(by_rule.items()):
        complain(f"  {printable(file)}: {printable(rule)}" + (f" ({count})" if count > 1 else ""))
