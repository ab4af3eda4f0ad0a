"""``modelint baseline``: a file that lists what is there now, so that ``check --baseline`` shows only what is new."""

from __future__ import annotations

import os
from typing import Any

import click

from modelint.cli.group import UserError, cli
from modelint.cli.options import (
    catalogue_of_rules,
    overrides_of,
    paths_argument,
    reading,
    report_of,
    request_of,
    selecting,
)


@cli.command()
@paths_argument
@click.option(
    "--output-file", "-o", type=click.Path(), metavar="FILE", help="Write the baseline to a file.  [standard output]"
)
@selecting
@reading
@click.option("--quiet", "-q", is_flag=True, help="Show no progress, and not how much was written.")
def baseline(paths: tuple[str, ...], **options: Any) -> int:
    """Write what is found now to a file. "check --baseline FILE" then shows only what is not in it.

    Exit code: 0, or 2 if not all could be examined: what could not is not in the baseline.
    """
    from modelint.render import render
    from modelint.render.results import Results, is_failure
    from modelint.render.summary import counted
    from modelint.render.terminal import PLAIN
    from modelint.workspace import output
    from modelint.workspace.baseline import written
    from modelint.workspace.run import Run

    if "-" in paths:
        raise UserError("a baseline is of files; it cannot be written of standard input")
    catalogue = catalogue_of_rules()
    run = Run(request_of(paths, options, overrides_of(options, catalogue)), catalogue)
    report = report_of(run, quiet=options["quiet"])
    path = options["output_file"]
    directory = os.path.dirname(os.path.abspath(path)) if path else os.getcwd()
    text = written(report.findings, report.lines, run.request.paths, directory)
    failures = tuple(filter(is_failure, report.findings))
    if path:
        try:
            output.write_file(path, text)
        except OSError as error:
            raise UserError(f"--output-file: {path}: {error.strerror}") from None
        if not options["quiet"]:
            output.write(f"{counted(len(report.findings) - len(failures), 'finding')} written to {path}\n")
    else:
        output.write(text)
    if failures:
        output.complain(render("concise", Results(failures, report.lines), PLAIN).removesuffix("\n"))
    return 2 if failures else 0
