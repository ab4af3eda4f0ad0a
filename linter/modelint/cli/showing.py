"""A report to where it was asked for: standard output, files, each in its format."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from modelint.cli.group import UserError
from modelint.render import FOR_PEOPLE, FORMATS, render
from modelint.render.terminal import PLAIN, Terminal
from modelint.spelling import did_you_mean

if TYPE_CHECKING:
    from modelint.finding import Finding
    from modelint.render.results import Results
    from modelint.selection import Catalogue
    from modelint.workspace.fixing import Outcome
    from modelint.workspace.run import Report, Run


def further_outputs(values: tuple[str, ...]) -> Mapping[str, str]:
    """What ``--output FORMAT=FILE`` says: formats by the files that they go to."""
    outputs: dict[str, str] = {}
    for value in values:
        name, equals, path = value.partition("=")
        if not equals or not path:
            raise UserError(f"--output: {value!r} must be FORMAT=FILE, such as sarif=modelint.sarif")
        if name not in FORMATS:
            raise UserError(f"--output: there is no format {name!r}{did_you_mean(name, FORMATS)}")
        if path in outputs:
            raise UserError(f"--output: {path} is named twice")
        outputs[path] = name
    return outputs


def refuse_unwritable(options: Mapping[str, Any]) -> None:
    """Raise a UserError where a report is to go to what can be no file, before anything is examined."""
    named = [("--output", path) for path in further_outputs(options["output"])]
    for option, path in (*named, ("--output-file", options["output_file"])):
        if path is not None and not os.path.isdir(os.path.dirname(path) or os.curdir):
            raise UserError(f"{option}: {path}: {os.strerror(errno.ENOENT)}")
        if path is not None and os.path.isdir(path):
            raise UserError(f"{option}: {path}: {os.strerror(errno.EISDIR)}")


def refuse_statistics(options: Mapping[str, Any]) -> None:
    """Raise a UserError where counts are asked for in a format that has none."""
    output_format = options["output_format"]
    if options["statistics"] and output_format not in (None, *FOR_PEOPLE, "json"):
        raise UserError(f"--statistics is written as text or as json, not as {output_format}")


def show(
    report: Report,
    catalogue: Catalogue,
    output_format: str,
    options: Mapping[str, Any],
    hidden: Sequence[str],
    outcome: Outcome,
    *,
    fixed: tuple[Finding, ...] = (),
    aside: bool,
) -> None:
    """Write the report to standard output or to a file, after text the summary; and to all further files.

    ``hidden`` says what was found and is not in the report; ``fixed`` is what was measured of fixes. ``aside``: what
    would go to standard output goes to standard error, for a fixed text is there.
    """
    from modelint.render import summary
    from modelint.render.results import is_failure
    from modelint.workspace import output

    fix_only = options["fix_only"]
    shown = report.keeping(is_failure) if fix_only else report
    results = _results(shown, catalogue, fixed)
    terminal = output.terminal(options["color"])
    to_output = output.write_aside if aside else output.write
    for path, name in further_outputs(options["output"]).items():
        _write(path, render(name, results, PLAIN), "--output")
    if options["output_file"]:
        text = _rendered(results, output_format, statistics=options["statistics"], terminal=PLAIN)
        _write(options["output_file"], text, "--output-file")
    elif shown.findings or fixed or not fix_only:
        to_output(_rendered(results, output_format, statistics=options["statistics"], terminal=terminal))
    if not options["quiet"] and output_format in FOR_PEOPLE:
        to_output(summary.fixed(outcome.fixed, terminal))
        to_output(summary.verified(fixed, terminal))
        if not fix_only:
            to_output(summary.summary(report.findings, len(report.examined), report.unsure, terminal, hidden))
            to_output(summary.fixable(*outcome.fixable(report)))


def describe(run: Run, report: Report) -> None:
    """What was read and how it was understood, on standard error."""
    from modelint.render.summary import counted
    from modelint.workspace.output import complain

    complain(f"configuration: {', '.join(report.configurations) or 'none'}")
    complain(f"examined: {counted(len(report.examined), 'file')}")
    complain(f"analysed: {counted(report.analysed, 'file')} that use Keras or TensorFlow, or import what does")
    for path in report.excluded:
        complain(f"excluded: {path}")
    for directory, in_play in run.versions_in_play():
        versions = ", ".join(version.value for version in in_play.versions)
        source = "declared" if in_play.known else "nothing is declared"
        complain(f"versions in {directory}: {versions} ({source})")


def _results(report: Report, catalogue: Catalogue, fixed: tuple[Finding, ...]) -> Results:
    from modelint.render.results import Results
    from modelint.workspace.names import directory_in_repository

    directory = directory_in_repository()
    return Results(report.findings, report.lines, catalogue.entries, directory, report.exit_code, fixed)


def _write(path: str, text: str, option: str) -> None:
    from modelint.workspace.output import write_file

    try:
        write_file(path, text)
    except OSError as error:
        raise UserError(f"{option}: {path}: {error.strerror}") from None


def _rendered(results: Results, output_format: str, *, statistics: bool, terminal: Terminal) -> str:
    """The findings, or their counts, in a format."""
    from modelint.render import summary

    if statistics and output_format == "json":
        return summary.statistics_json(results.findings)
    if statistics:
        summaries = {entry.name: entry.summary for entry in results.entries}
        return summary.statistics(results.findings, summaries, terminal)
    return render(output_format, results, terminal)
