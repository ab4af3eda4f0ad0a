"""Options that settle findings by running the model, and ``modelint confirm``."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from modelint.cli.group import UserError, cli, color_option
from modelint.cli.options import (
    Command,
    catalogue_of_rules,
    overrides_of,
    reading,
    report_of,
    request_of,
    selecting,
    with_options,
)
from modelint.cli.showing import show
from modelint.render import FORMATS
from modelint.render.results import is_unmended

if TYPE_CHECKING:
    from modelint.finding import Finding
    from modelint.workspace.confirmation import Asking
    from modelint.workspace.fixing import Outcome
    from modelint.workspace.run import Report

SECONDS = 60.0
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
"""Batch sizes of a sweep."""

_OPTIONS = (
    click.option("--confirm-budget", type=click.FloatRange(min=1), default=SECONDS, metavar="SECONDS",
                 help="What all confirmations may take together.  [60]"),
    click.option("--device", type=click.Choice(("auto", "cpu", "gpu")), default="auto", help="Where models are run."),
    click.option("--python", "python", metavar="PROGRAM", help="The interpreter that has the framework.  [this one]"),
    click.option("--allow-import", multiple=True, metavar="FILE.py:NAME",
                 help="Import this file and call NAME, or NAME(constants), for the model it makes."),
    click.option("--input-shape", multiple=True, metavar="SIZES",
                 help="The shape of an input of what is imported, without the batch: 28,28,1"),
)  # fmt: skip


class Settled(NamedTuple):
    """What running the models came to: the report, and the findings that were fixed, with what was measured."""

    report: Report
    fixed: tuple[Finding, ...] = ()

    @property
    def unmended(self) -> bool:
        """Whether a fix left what was confirmed before it."""
        return any(finding.confirmation is not None and is_unmended(finding.confirmation) for finding in self.fixed)


def confirming(command: Command) -> Command:
    """Add the options that say how models are run."""
    return with_options(command, _OPTIONS)


def asking_of(options: Mapping[str, Any]) -> Asking:
    """What gathers the questions of a run.

    Raises:
        UserError: an option names nothing that can be imported, no shape or no interpreter.
    """
    from modelint.workspace.confirmation import Asking, TargetError, target_of

    shapes = [_shape(text) for text in options["input_shape"]]
    try:
        targets = [target_of(text, shapes) for text in options["allow_import"]]
    except TargetError as error:
        raise UserError(f"--allow-import: {error}") from None
    _interpreter(options)
    return Asking(targets, shapes[0] if shapes else ())


def settled(report: Report, asking: Asking, outcome: Outcome, options: Mapping[str, Any]) -> Settled:
    """The report with its findings confirmed or refuted, and what was fixed with what was measured before and after.

    What was refuted does not fail the run.
    """
    import attrs

    from modelint.confirm.confirming import Settler, confirmed, verified
    from modelint.confirm.worker import Worker
    from modelint.finding import Verdict
    from modelint.workspace.answers import AnswerCache
    from modelint.workspace.progress import Bar
    from modelint.workspace.verification import verifications

    python = _interpreter(options)
    cache = None if options["no_cache"] else AnswerCache(python)
    fixed = list(verifications(outcome))
    with Worker(python) as worker, Bar(wanted=not options["quiet"], doing="confirming", what="findings") as bar:
        settler = Settler(worker, options["device"], options["confirm_budget"], cache)
        findings = confirmed(report.findings, asking.questions, settler, bar.advance)
        settled_fixes = verified([(each.finding, each.before, each.after) for each in fixed], settler, bar.advance)
    after = dict(zip(report.findings, findings, strict=True))

    def stands(finding: Finding) -> bool:
        return finding.confirmation is None or finding.confirmation.verdict is not Verdict.REFUTED

    failing = tuple(after[finding] for finding in report.failing if stands(after[finding]))
    return Settled(attrs.evolve(report, findings=findings, failing=failing), settled_fixes)


@cli.command(short_help="Check, and settle each finding by running its model.")
@click.argument("paths", nargs=-1, metavar="[PATHS]...")
@selecting
@confirming
@click.option("--sweep", is_flag=True, help="Measure one model file at batch sizes from 1 to 256 instead.")
@click.option("--plot", metavar="FILE", help="Draw the sweep: a .html or .png file.")
@click.option("--output-format", type=click.Choice(tuple(FORMATS)), help="How to show findings.  [full]")
@color_option
@reading
@click.option("--no-cache", is_flag=True, help="Run every model, whatever was measured before.")
@click.option("--quiet", "-q", is_flag=True, help="Print findings only, no summary and no progress.")
def confirm(paths: tuple[str, ...], **options: Any) -> int:
    """Examine files as check does, and settle each finding by running the model it is about.

    A model comes from a model file, or is rebuilt from the graph that a script defines; code of the program is only
    imported with --allow-import. The exit code is that of check, without the findings that were refuted.
    """
    from modelint.workspace.fixing import Outcome
    from modelint.workspace.run import Run

    asking = asking_of(options)
    if options["sweep"]:
        return _sweep(paths, asking, options)
    if options["plot"]:
        raise UserError("--plot draws what --sweep measures, which is not asked for")
    catalogue = catalogue_of_rules()
    run = Run(request_of(paths, options, overrides_of(options, catalogue)), catalogue, asking=asking)
    found = report_of(run, quiet=options["quiet"])
    outcome = Outcome(run, found)
    report = settled(found, asking, outcome, options).report
    output_format = options["output_format"] or run.lookup.for_directory(os.getcwd()).output_format
    shown = {"output": (), "output_file": None, "statistics": False, "fix_only": False, **options}
    show(report, catalogue, output_format, shown, (), outcome, aside=False)
    return report.exit_code


def _sweep(paths: tuple[str, ...], asking: Asking, options: Mapping[str, Any]) -> int:
    """Measure one model at all batch sizes."""
    from modelint.confirm.worker import Worker, WorkerError
    from modelint.render import sweep
    from modelint.workspace import output
    from modelint.workspace.confirmation import swept_subject
    from modelint.workspace.names import name_of
    from modelint.workspace.run import Run

    catalogue = catalogue_of_rules()
    run = Run(request_of(paths, options, overrides_of(options, catalogue)), catalogue)
    subject = swept_subject(paths, asking, lambda name: run.settings(name).versions)
    if isinstance(subject, str):
        raise UserError(f"--sweep: {subject}")
    if options["plot"] and not options["plot"].endswith((".html", ".png")):
        raise UserError(f"--plot: {options['plot']!r} must end in .html or .png")
    request = {"do": "sweep", "subject": dict(subject.description), "device": options["device"]}
    entry = subject.entry or ("predict_on_batch" if subject.description["kind"] == "keras_file" else "false")
    request |= {"entry": entry, "sizes": list(SIZES), "seconds": options["confirm_budget"] / len(SIZES) / 2}
    with Worker(_interpreter(options)) as worker:
        try:
            answer = worker.ask(request, options["confirm_budget"] * 2)
        except WorkerError as error:
            raise UserError(f"--sweep: {error.message}") from None
    answer = {**answer, "model": name_of(paths[0]) if paths else subject.source}
    if options["plot"]:
        _plot(answer, options["plot"])
    as_json = options["output_format"] in ("json", "json-lines")
    terminal = output.terminal(options["color"])
    output.write(sweep.as_json(answer) if as_json else sweep.as_text(answer, terminal))
    return 0


def _plot(answer: Mapping[str, Any], path: str) -> None:
    from modelint.confirm.plotting import PlottingError, drawn

    try:
        data = drawn(answer, path.rpartition(".")[2])
        with open(path, "wb") as file:
            file.write(data)
    except PlottingError as error:
        raise UserError(f"--plot: {error}") from None
    except OSError as error:
        raise UserError(f"--plot: {path}: {error.strerror}") from None


def _shape(text: str) -> tuple[int | None, ...]:
    try:
        return tuple(None if part.strip() in ("", "?", "None") else int(part) for part in text.split(","))
    except ValueError:
        raise UserError(f"--input-shape: {text!r} must be sizes parted by commas, such as 28,28,1") from None


def _interpreter(options: Mapping[str, Any]) -> str:
    """The program that runs the models, as it can be started in any directory.

    Raises:
        UserError: there is none of that name.
    """
    import shutil

    name = options["python"]
    found = shutil.which(name) if name else sys.executable
    if not found:
        raise UserError(f"--python: there is no program {name!r}")
    return os.path.abspath(found)  # and no further: where the link stands says which packages it has
