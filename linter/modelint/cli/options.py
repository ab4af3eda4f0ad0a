"""Options that several commands have, and what they say as a ``Request``; a run, with its refusals as sentences."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from modelint.cli.completion import complete_selectors
from modelint.cli.group import SEVERITIES, UserError
from modelint.finding import Severity
from modelint.spelling import did_you_mean

if TYPE_CHECKING:
    from modelint.selection import Catalogue
    from modelint.workspace.lookup import Overrides
    from modelint.workspace.run import Progress, Report, Request, Run

paths_argument = click.argument("paths", nargs=-1, type=click.Path(), metavar="[PATHS]...")

Command = TypeVar("Command", bound=Callable[..., Any])
Result = TypeVar("Result")

_SELECTING = (
    click.option(
        "--select",
        multiple=True,
        metavar="RULE",
        shell_complete=complete_selectors,
        help="Use only these rules or categories, by commas.",
    ),
    click.option(
        "--ignore",
        multiple=True,
        metavar="RULE",
        shell_complete=complete_selectors,
        help="Leave out these rules or categories.",
    ),
    click.option("--severity", multiple=True, metavar="RULE=LEVEL", help="Give a rule another severity."),
    click.option("--fail-on", type=click.Choice(SEVERITIES), help="The lowest severity that fails a run.  [warning]"),
    click.option("--pedantic", is_flag=True, default=None, help="Show findings of lower confidence too."),
)

_READING = (
    click.option("--exclude", multiple=True, metavar="PATTERN", help="Leave out paths, by patterns as in .gitignore."),
    click.option("--force-exclude", is_flag=True, help="Leave out excluded files even if they are named."),
    click.option("--config", type=click.Path(), metavar="FILE", help="Use this configuration file for everything."),
    click.option("--isolated", is_flag=True, help="Use no configuration file."),
)


def selecting(command: Command) -> Command:
    """Add the options that say what is looked for."""
    return with_options(command, _SELECTING)


def reading(command: Command) -> Command:
    """Add the options that say which files and which configuration are read."""
    return with_options(command, _READING)


def with_options(command: Command, options: Sequence[Callable[[Command], Command]]) -> Command:
    """Add options to a command, in their order."""
    for option in reversed(options):
        command = option(command)
    return command


def catalogue_of_rules() -> Catalogue:
    """All installed rules, and what modelint says of its own accord."""
    from modelint.rule import discover
    from modelint.selection import Catalogue

    return Catalogue(discover())


def overrides_of(options: Mapping[str, Any], catalogue: Catalogue) -> Overrides:
    """What the options say over the configuration."""
    from modelint.workspace.lookup import Overrides

    select, ignore = listed(options["select"]), listed(options["ignore"])
    severity: dict[str, Severity] = {}
    for text in listed(options["severity"]):
        rule, _, level = text.partition("=")
        if level not in SEVERITIES:
            meant = did_you_mean(level, SEVERITIES) if level else ""
            raise UserError(f"--severity: {text!r} must be RULE=LEVEL, with the level note, warning or error{meant}")
        severity[rule] = Severity(level)
    for option, selectors in (("--select", select), ("--ignore", ignore), ("--severity", tuple(severity))):
        objections = [objection for selector in selectors if (objection := catalogue.objection(selector))]
        if objections:
            raise UserError(f"{option}: {', '.join(objections)}")
    fail_on = Severity(options["fail_on"]) if options["fail_on"] else None
    fix = True if options.get("fix_only") or options.get("diff") else options.get("fix")
    exclude = _patterns(options["exclude"])
    return Overrides(select, ignore, severity, exclude, fail_on, options["pedantic"], fix, options.get("unsafe_fixes"))


def listed(values: Sequence[str]) -> tuple[str, ...]:
    """The values of an option that may be repeated and may hold several, parted by commas."""
    return tuple(part.strip() for value in values for part in value.split(",") if part.strip())


def _patterns(values: Sequence[str]) -> tuple[str, ...]:
    """Patterns of paths, which must be such."""
    from modelint.workspace.patterns import objection

    patterns = listed(values)
    for pattern in patterns:
        problem = objection(pattern)
        if problem:
            raise UserError(f"--exclude: {pattern!r} is not a pattern: {problem}")
    return patterns


def request_of(paths: tuple[str, ...], options: Mapping[str, Any], overrides: Overrides) -> Request:
    """What the run is to do. Reads standard input if a path is ``-``."""
    from modelint.workspace.run import Request
    from modelint.workspace.sources import largest

    config, isolated = options["config"], options["isolated"]
    if config and isolated:
        raise UserError("--config and --isolated exclude each other")
    if config and not os.path.isfile(config):
        raise UserError(f"--config: there is no file {config!r}")
    overlay: dict[str, bytes] = {}
    stdin_filename = options.get("stdin_filename")
    if "-" in paths:
        name = stdin_filename or "<stdin>"
        overlay[name] = sys.stdin.buffer.read(largest(name) + 1)
        paths = tuple(name if path == "-" else path for path in paths)
    elif stdin_filename:
        raise UserError("--stdin-filename names what is read from the path -, which is not given")
    return Request(
        paths or (".",), overrides, config, isolated, options["force_exclude"], overlay, options.get("jobs") or 1
    )


def report_of(run: Run, *, quiet: bool) -> Report:
    """What a run reports.

    Raises:
        UserError: as ``attempted`` does.
    """
    return attempted(run.report, quiet=quiet)


def attempted(examine: Callable[[Progress], Result], *, quiet: bool) -> Result:
    """What examining gives, with its progress shown.

    Raises:
        UserError: there is nothing to examine, or the configuration has mistakes.
    """
    from modelint.workspace.configuration import ConfigurationError
    from modelint.workspace.progress import Bar
    from modelint.workspace.run import NothingToExamineError
    from modelint.workspace.stack import on_a_deep_stack

    try:
        with Bar(wanted=not quiet) as bar:
            return on_a_deep_stack(lambda: examine(bar.advance))
    except NothingToExamineError as error:
        raise UserError(str(error)) from None
    except ConfigurationError as error:
        raise configuration_refused(error.mistakes) from None


def configuration_refused(mistakes: Sequence[object]) -> UserError:
    """That the configuration cannot be used, with every mistake in it."""
    return UserError("\n".join(("the configuration cannot be used", *(f"  {mistake}" for mistake in mistakes))))
