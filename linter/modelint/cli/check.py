"""``modelint check``: the rules over files, and what they find."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from modelint.cli.group import cli, color_option
from modelint.cli.ignoring import WithAddIgnore, add_ignore_option, ignored, refuse_where_it_cannot_be
from modelint.cli.narrowing import Narrowing, narrowing, prepared
from modelint.cli.options import (
    catalogue_of_rules,
    overrides_of,
    paths_argument,
    reading,
    report_of,
    request_of,
    selecting,
)
from modelint.cli.showing import describe, further_outputs, show
from modelint.cli.watching import Check, watch, watch_option
from modelint.render import FORMATS

if TYPE_CHECKING:
    from modelint.selection import Catalogue
    from modelint.workspace.run import Run


@cli.command(cls=WithAddIgnore)
@paths_argument
@selecting
@narrowing
@add_ignore_option
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even if there are findings.")
@click.option(
    "--output-format", type=click.Choice(tuple(FORMATS)), metavar="FORMAT", help=f"{', '.join(FORMATS)}.  [full]"
)
@click.option("--output-file", "-o", type=click.Path(), metavar="FILE", help="Write the report to a file.")
@click.option("--output", multiple=True, metavar="FORMAT=FILE", help="Write the report in another format, too.")
@click.option("--statistics", is_flag=True, help="Show counts by rule instead of findings.")
@color_option
@reading
@click.option("--stdin-filename", metavar="PATH", help="The name of what is read from -.")
@watch_option
@click.option("--no-cache", is_flag=True, help="Use no cache. (There is none yet; no effect.)")
@click.option("--quiet", "-q", is_flag=True, help="Print findings only, no summary and no progress.")
@click.option("--verbose", "-v", is_flag=True, help="Say on stderr what is examined and how it is understood.")
def check(paths: tuple[str, ...], **options: Any) -> int:
    """Examine Python files and notebooks, or all below directories (the current one if none is given).

    A path of - is stdin.

    Exit code: 0 if nothing was found that fails the run, 1 if something was, 2 if not all could be examined.
    """
    further_outputs(options["output"])
    prepare = partial(_prepared, paths, options, catalogue_of_rules())
    if options["watch"]:
        return watch(prepare, options)
    _, examine = prepare()
    return examine()[0]


def _prepared(paths: tuple[str, ...], options: dict[str, Any], catalogue: Catalogue) -> tuple[Run, Check]:
    """A run, and what does it and shows what it finds."""
    from modelint.workspace.run import Run

    narrow = prepared(options)
    run = Run(narrow.request(request_of(paths, options, overrides_of(options, catalogue))), catalogue)
    refuse_where_it_cannot_be(run.request, options)
    return run, partial(_examined, run, narrow, options)


def _examined(run: Run, narrow: Narrowing, options: dict[str, Any]) -> tuple[int, Run]:
    """Do a run, show what it finds; the exit code, and the run."""
    report, hidden = narrow.report(report_of(run, quiet=options["quiet"]), run.request)
    report = ignored(run, report, options)
    if options["verbose"]:
        describe(run, report)
    output_format = options["output_format"] or run.lookup.for_directory(os.getcwd()).output_format
    show(report, run.catalogue, output_format, options, hidden)
    return 0 if options["exit_zero"] and report.exit_code == 1 else report.exit_code, run
