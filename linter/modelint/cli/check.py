"""``modelint check``: options to a ``Request``, a ``Report`` to text and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from modelint.cli.group import SEVERITIES, UserError, cli, color_option
from modelint.finding import Severity
from modelint.render import FORMATS
from modelint.spelling import did_you_mean

if TYPE_CHECKING:
    from modelint.render.terminal import Terminal
    from modelint.selection import Catalogue
    from modelint.workspace.lookup import Overrides
    from modelint.workspace.run import Report, Request, Run


@cli.command()
@click.argument("paths", nargs=-1, metavar="[PATHS]...")
@click.option("--select", multiple=True, metavar="RULE", help="Run only these rules or categories (comma-separated).")
@click.option("--ignore", multiple=True, metavar="RULE", help="Leave out these rules or categories.")
@click.option("--severity", multiple=True, metavar="RULE=LEVEL", help="Give a rule another severity.")
@click.option("--fail-on", type=click.Choice(SEVERITIES), help="The lowest severity that fails a run.  [warning]")
@click.option("--pedantic", is_flag=True, default=None, help="Show findings of lower confidence too.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even if there are findings.")
@click.option("--output-format", type=click.Choice(FORMATS), help="How to show findings.  [full]")
@click.option("--output-file", "-o", metavar="FILE", help="Write the report to a file.")
@click.option("--statistics", is_flag=True, help="Show counts by rule instead of findings.")
@color_option
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Leave out paths, by patterns as in .gitignore.")
@click.option("--force-exclude", is_flag=True, help="Leave out excluded files even if they are named.")
@click.option("--stdin-filename", metavar="PATH", help="The name of what is read from -.")
@click.option("--config", metavar="FILE", help="Use this configuration file for everything.")
@click.option("--isolated", is_flag=True, help="Use no configuration file.")
@click.option("--no-cache", is_flag=True, help="Use no cache. (There is none yet; no effect.)")
@click.option("--quiet", "-q", is_flag=True, help="Print findings only, no summary and no progress.")
@click.option("--verbose", "-v", is_flag=True, help="Say on stderr what is examined and how it is understood.")
def check(paths: tuple[str, ...], **options: Any) -> int:
    """Examine Python files, or all below directories (the current one if none is given). A path of - is stdin.

    Exit code: 0 if nothing was found that fails the run, 1 if something was, 2 if not all could be examined.
    """
    from modelint.rule import discover
    from modelint.selection import Catalogue
    from modelint.workspace.configuration import ConfigurationError
    from modelint.workspace.progress import Bar
    from modelint.workspace.run import NothingToExamineError, Run
    from modelint.workspace.stack import on_a_deep_stack

    catalogue = Catalogue(discover())
    run = Run(_request(paths, options, _overrides(options, catalogue)), catalogue)
    try:
        with Bar(wanted=not options["quiet"]) as bar:
            report = on_a_deep_stack(lambda: run.report(bar.advance))
    except NothingToExamineError as error:
        raise UserError(str(error)) from None
    except ConfigurationError as error:
        mistakes = [f"  {mistake}" for mistake in error.mistakes]
        raise UserError("\n".join(("the configuration cannot be used", *mistakes))) from None
    if options["verbose"]:
        _describe(run, report)
    output_format = options["output_format"] or run.lookup.for_directory(os.getcwd()).output_format
    _show(report, catalogue, output_format, options)
    return 0 if options["exit_zero"] and report.exit_code == 1 else report.exit_code


def _overrides(options: dict[str, Any], catalogue: Catalogue) -> Overrides:
    """What the options say over the configuration."""
    from modelint.workspace.lookup import Overrides

    select, ignore = _listed(options["select"]), _listed(options["ignore"])
    severity: dict[str, Severity] = {}
    for text in _listed(options["severity"]):
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
    return Overrides(select, ignore, severity, _patterns(options["exclude"]), fail_on, options["pedantic"])


def _listed(values: Sequence[str]) -> tuple[str, ...]:
    """The values of an option that may be repeated and may hold several, parted by commas."""
    return tuple(part.strip() for value in values for part in value.split(",") if part.strip())


def _patterns(values: Sequence[str]) -> tuple[str, ...]:
    """Patterns of paths, which must be such."""
    from modelint.workspace.patterns import objection

    patterns = _listed(values)
    for pattern in patterns:
        problem = objection(pattern)
        if problem:
            raise UserError(f"--exclude: {pattern!r} is not a pattern: {problem}")
    return patterns


def _request(paths: tuple[str, ...], options: dict[str, Any], overrides: Overrides) -> Request:
    """What the run is to do. Reads standard input if a path is ``-``."""
    from modelint.documents.script import LARGEST_SOURCE
    from modelint.workspace.run import Request

    config, isolated = options["config"], options["isolated"]
    if config and isolated:
        raise UserError("--config and --isolated exclude each other")
    if config and not os.path.isfile(config):
        raise UserError(f"--config: there is no file {config!r}")
    overlay: dict[str, bytes] = {}
    if "-" in paths:
        name = options["stdin_filename"] or "<stdin>"
        overlay[name] = sys.stdin.buffer.read(LARGEST_SOURCE + 1)
        paths = tuple(name if path == "-" else path for path in paths)
    elif options["stdin_filename"]:
        raise UserError("--stdin-filename names what is read from the path -, which is not given")
    return Request(paths or (".",), overrides, config, isolated, options["force_exclude"], overlay)


def _show(report: Report, catalogue: Catalogue, output_format: str, options: dict[str, Any]) -> None:
    """Write the report to standard output or to a file, and after text the summary."""
    from modelint.render.summary import summary
    from modelint.render.terminal import PLAIN
    from modelint.workspace import output

    terminal = output.terminal(options["color"])
    if options["output_file"]:
        text = _rendered(report, catalogue, output_format, statistics=options["statistics"], terminal=PLAIN)
        try:
            output.write_file(options["output_file"], text)
        except OSError as error:
            raise UserError(f"--output-file: {options['output_file']}: {error.strerror}") from None
    else:
        output.write(_rendered(report, catalogue, output_format, statistics=options["statistics"], terminal=terminal))
    if not options["quiet"] and output_format != "json":
        output.write(summary(report.findings, len(report.examined), report.unsure, terminal))


def _rendered(report: Report, catalogue: Catalogue, output_format: str, *, statistics: bool, terminal: Terminal) -> str:
    """The findings, or their counts, in a format."""
    from modelint.render import concise, full, json, summary

    if statistics and output_format == "json":
        return summary.statistics_json(report.findings)
    if statistics:
        summaries = {entry.name: entry.summary for entry in catalogue.entries}
        return summary.statistics(report.findings, summaries, terminal)
    renderers = {"full": full.render, "concise": concise.render, "json": json.render}
    return renderers[output_format](report.findings, report.lines, terminal)


def _describe(run: Run, report: Report) -> None:
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
