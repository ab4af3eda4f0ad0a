"""``modelint check``: the rules over files, and what they find."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from modelint.cli.confirming import Settled, asking_of, confirming, settled
from modelint.cli.fixing import (
    attempted_fixes,
    exit_code,
    fixing,
    is_fixed,
    refuse_beside_diff,
    show_difference,
    write,
)
from modelint.cli.group import cli, color_option
from modelint.cli.ignoring import WithAddIgnore, add_ignore_option, ignored, refuse_where_it_cannot_be
from modelint.cli.narrowing import Narrowing, narrowing, prepared
from modelint.cli.options import (
    catalogue_of_rules,
    overrides_of,
    paths_argument,
    reading,
    request_of,
    selecting,
)
from modelint.cli.showing import describe, refuse_statistics, refuse_unwritable, show
from modelint.cli.watching import Check, watch, watch_option
from modelint.render import FORMATS

FAILED = 2

if TYPE_CHECKING:
    from modelint.selection import Catalogue
    from modelint.workspace.confirmation import Asking
    from modelint.workspace.run import Request, Run


@cli.command(cls=WithAddIgnore, short_help="Find defects in scripts, notebooks and saved models.")
@paths_argument
@selecting
@narrowing
@add_ignore_option
@fixing
@click.option("--confirm", is_flag=True, help="Settle findings by running the models they are about.")
@confirming
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
@click.option("--no-cache", is_flag=True, help="Use nothing that was kept from earlier runs.")
@click.option(
    "--jobs",
    "-j",
    type=click.IntRange(min=1),
    metavar="NUMBER",
    help="In how many processes files may be examined.  [one for each processor]",
)
@click.option("--quiet", "-q", is_flag=True, help="Print findings only, no summary and no progress.")
@click.option("--verbose", "-v", is_flag=True, help="Say on stderr what is examined and how it is understood.")
def check(paths: tuple[str, ...], **options: Any) -> int:
    """Examine Python files, notebooks and saved models, or all below directories (the current one if none is given).

    A path of - is stdin.

    Exit code: 0 if nothing was found that fails the run, 1 if something was, 2 if not all could be examined.
    """
    refuse_unwritable(options)
    refuse_beside_diff(options)
    refuse_statistics(options)
    prepare = partial(_prepared, paths, options, catalogue_of_rules())
    if options["watch"]:
        return watch(prepare, options)
    _, examine = prepare()
    return examine()[0]


def _prepared(paths: tuple[str, ...], options: dict[str, Any], catalogue: Catalogue) -> tuple[Run, Check]:
    """A run, and what does it, with what fixes come to, and shows what it finds."""
    from modelint.workspace.run import Run
    from modelint.workspace.workers import available

    # what is watched is what this process looks for
    options["jobs"] = 1 if options["watch"] else options["jobs"] or available()
    request = request_of(paths, options, overrides_of(options, catalogue))
    narrow = prepared(options, request, catalogue)
    asking = asking_of(options) if options["confirm"] else None
    run = Run(narrow.request(request), catalogue, asking=asking)
    refuse_where_it_cannot_be(run.request, options)
    return run, partial(_examined, run.request, catalogue, narrow, next(iter(request.overlay), None), asking, options)


def _examined(
    request: Request,
    catalogue: Catalogue,
    narrow: Narrowing,
    stdin: str | None,
    asking: Asking | None,
    options: dict[str, Any],
) -> tuple[int, Run]:
    """Examine, fix, show what is found; the exit code, and the last run. ``stdin`` names what comes from there."""
    outcome = attempted_fixes(narrow, request, catalogue, asking, quiet=options["quiet"])
    run = outcome.run
    if options["verbose"]:
        describe(run, outcome.report)
    if options["diff"]:
        fixed = (
            settled(outcome.report.keeping(lambda _: False), run.asking, outcome, options).fixed if run.asking else ()
        )
        return show_difference(outcome, fixed, options), run
    written = write(outcome, stdin)
    report, hidden = narrow.report(outcome.report, request)
    found = Settled(ignored(run, report, options))
    if run.asking is not None:
        found = settled(found.report, run.asking, outcome, options)
    output_format = options["output_format"] or run.lookup.for_directory(os.getcwd()).output_format
    aside = is_fixed(outcome, stdin)
    show(found.report, catalogue, output_format, options, hidden, outcome, fixed=found.fixed, aside=aside)
    return exit_code(found, outcome, options) if written else FAILED, run
