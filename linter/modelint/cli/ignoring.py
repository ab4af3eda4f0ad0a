"""``modelint check --add-ignore[=REASON]``: comments for what is found, instead of showing it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from modelint.cli.group import UserError

if TYPE_CHECKING:
    from modelint.workspace.run import Report, Request, Run

OPTION = "--add-ignore"

add_ignore_option = click.option(
    OPTION, metavar="[=REASON]", help="Write a comment that ignores each finding, with a reason."
)


class WithAddIgnore(click.Command):
    """A command whose option ``--add-ignore`` takes a value after ``=`` only, so that no path is taken for a reason."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        options, paths = (args[: args.index("--")], args[args.index("--") :]) if "--" in args else (args, [])
        return super().parse_args(ctx, [f"{each}=" if each == OPTION else each for each in options] + paths)


def refuse_where_it_cannot_be(request: Request, options: Mapping[str, Any]) -> None:
    """Raise a UserError where there is no file to write comments into."""
    if options["add_ignore"] is None:
        return
    if options["diff"]:
        raise UserError(f"{OPTION} and --diff exclude each other")
    if request.overlay:
        what = "staged changes" if options["staged"] else "standard input"
        raise UserError(f"{OPTION} writes into files, and so not into {what}")


def ignored(run: Run, report: Report, options: Mapping[str, Any]) -> Report:
    """Write the comments, say how many; the report without what they suppress."""
    if options["add_ignore"] is None:
        return report
    from modelint.render.summary import counted
    from modelint.workspace import output
    from modelint.workspace.ignoring import write_ignores

    done = write_ignores(run, report, options["add_ignore"])
    for failure in done.failures:
        output.complain(f"modelint: {failure}")
    found = {finding for findings in done.ignored.values() for finding in findings}
    if not options["quiet"]:
        output.complain(f"{counted(len(found), 'finding')} ignored in {counted(len(done.ignored), 'file')}")
    return report.keeping(lambda finding: finding not in found)
