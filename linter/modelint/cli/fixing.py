"""What ``modelint check`` does with fixes: its options, writing files or showing a diff, and the exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from modelint.cli.group import UserError
from modelint.cli.narrowing import Narrowing
from modelint.cli.options import Command, attempted, with_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelint.cli.confirming import Settled
    from modelint.finding import Finding
    from modelint.selection import Catalogue
    from modelint.workspace.confirmation import Asking
    from modelint.workspace.fixing import Outcome
    from modelint.workspace.run import Request

_OPTIONS = (
    click.option("--fix/--no-fix", default=None, help="Apply the fixes that keep what the program does."),
    click.option("--unsafe-fixes/--no-unsafe-fixes", default=None, help="Take those that change what it does, too."),
    click.option("--diff", is_flag=True, help="Show what --fix would change, as a diff, and change nothing."),
    click.option("--fix-only", is_flag=True, help="Apply fixes, and say nothing of what is left."),
    click.option("--exit-non-zero-on-fix", is_flag=True, help="Exit with 1 if something was fixed."),
)


def fixing(command: Command) -> Command:
    """Add these options."""
    return with_options(command, _OPTIONS)


def refuse_beside_diff(options: dict[str, Any]) -> None:
    """Raise a UserError where --diff, which shows a diff and nothing else, stands beside what shows findings."""
    for name in ("output_format", "output", "output_file", "statistics"):
        if options["diff"] and options[name]:
            raise UserError(f"--diff shows no findings, and so excludes --{name.replace('_', '-')}")


def attempted_fixes(
    narrow: Narrowing, request: Request, catalogue: Catalogue, asking: Asking | None, *, quiet: bool
) -> Outcome:
    """Examine what is asked for, and fix it where that is asked for.

    Raises:
        UserError: there is nothing to examine, or the configuration has mistakes.
    """
    from modelint.workspace.fixing import Fixing

    fixing = Fixing(request, catalogue, narrow.narrowed, narrow.staged_otherwise, asking)
    return attempted(fixing.outcome, quiet=quiet)


def is_fixed(outcome: Outcome, path: str | None) -> bool:
    """Whether fixes are asked for in a file."""
    return path is not None and outcome.run.lookup.for_file(path).fix


def write(outcome: Outcome, stdin: str | None) -> bool:
    """Write the fixed files, what came from standard input to standard output; whether all could be written."""
    from modelint.workspace import fixing, output
    from modelint.workspace.names import name_of

    from_stdin = name_of(stdin) if stdin is not None else None
    failures = list(fixing.write([each for each in outcome.rewritten if each.path != from_stdin]))
    if from_stdin is not None and is_fixed(outcome, stdin):
        data = outcome.run.sources.data(from_stdin)
        if isinstance(data, bytes):
            output.write_bytes(data)
    for failure in failures:
        output.complain(f"modelint: {failure}")
    complain_of_refused(outcome)
    return not failures


def complain_of_refused(outcome: Outcome) -> None:
    """Say which fixes could not be applied."""
    from modelint.render.full import location
    from modelint.workspace.output import complain

    for finding in outcome.refused:
        where = location(finding.place)
        complain(
            f"modelint: {where}: the fix of {finding.rule} does not lead to a file that can be read; left as it is"
        )
    if not outcome.settled:
        complain("modelint: the fixes make room for ever new ones; stopped")


def show_difference(outcome: Outcome, fixed: Sequence[Finding], options: dict[str, Any]) -> int:
    """Write what fixing would change to standard output, and how much that is to standard error; the exit code.

    ``fixed`` are the findings that were measured before and after.
    """
    from modelint.documents import source_text
    from modelint.render import diff
    from modelint.render.full import location
    from modelint.render.results import is_failure
    from modelint.render.summary import counted, verified
    from modelint.render.terminal import PLAIN
    from modelint.workspace import output

    terminal = output.terminal(options["color"])
    for each in outcome.rewritten:
        before, after = source_text(each.before), source_text(each.after)
        output.write(diff.render(each.path, before or "", after or "", terminal))
    complain_of_refused(outcome)
    for finding in filter(is_failure, outcome.report.findings):
        output.complain(f"modelint: {location(finding.place)}: {finding.message}")
    if outcome.fixed and not options["quiet"]:
        output.complain(f"would fix {counted(len(outcome.fixed), 'finding')}")
    output.write_aside(verified(fixed, PLAIN))
    if outcome.report.broken:
        return 2
    return int(bool(outcome.rewritten) and not options["exit_zero"])


def exit_code(found: Settled, outcome: Outcome, options: dict[str, Any]) -> int:
    """That of the report, which is of what is left, unless the options say otherwise; a failure stays one.

    A fix that left what was confirmed before it is something that is left.
    """
    code = found.report.exit_code
    if code == 1 and options["fix_only"]:
        code = 0
    if code == 0 and found.unmended:
        code = 1
    if code == 0 and outcome.fixed and options["exit_non_zero_on_fix"]:
        code = 1
    return 0 if code == 1 and options["exit_zero"] else code
