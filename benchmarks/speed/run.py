"""How fast the linter is, against what cannot be avoided, measured in one run on one machine.

    python benchmarks/speed/run.py FOLDER

* one cold process that lints the machine-learning files of FOLDER, against one that only parses them with libcst;
* ``modelint --help`` against ``python -c "import click"``;
* inputs made to be slow (``hostile.py``), in seconds and megabytes.

A machine-learning file is a ``.py`` file that mentions keras, tensorflow or torch. The two commands of a comparison run
in turn, after one unmeasured run each; the ratio is that of the medians. The exit status is 1 if a limit is exceeded.
"""

from __future__ import annotations

import json
import re
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
from hostile import HOSTILE
from processes import Comparison, Measured, compare, measure

PYTHON = (sys.executable, "-P")
"""This interpreter, which must not import what happens to lie in the folder it is started in."""

PARSE_LIMIT = 2.0
HELP_LIMIT = 3.0
HOSTILE_LIMIT = 60.0
"""Seconds that a hostile input may take."""

_FRAMEWORK = re.compile(rb"keras|tensorflow|torch")
_PARSE = """
import sys
from pathlib import Path
import libcst
for name in sys.argv[1:]:
    try:
        libcst.parse_module(Path(name).read_bytes())
    except (libcst.ParserSyntaxError, UnicodeDecodeError, RecursionError, ValueError):
        pass
"""


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--repetitions", default=5, show_default=True, type=click.IntRange(min=1), help="Measured runs of each.")
@click.option("--option", "options", multiple=True, help="A further option for `modelint check`; repeatable.")
@click.option("--hostile/--no-hostile", default=True, show_default=True, help="Also run the inputs made to be slow.")
@click.option("--timeout", default=600.0, show_default=True, help="Seconds after which a process is killed.")
@click.option("--json", "json_output", is_flag=True, help="Print one JSON object instead of a text.")
def main(
    folder: Path, repetitions: int, options: tuple[str, ...], hostile: bool, timeout: float, json_output: bool
) -> None:
    """Measure the linter on the machine-learning files of FOLDER, at its start, and on hostile inputs."""
    files = list(machine_learning_files(folder))
    if not files:
        raise click.UsageError(f"no file under {folder} mentions keras, tensorflow or torch")
    size = sum((folder / file).stat().st_size for file in files)
    try:
        comparisons = [
            check_against_parsing(folder, files, repetitions, options, timeout),
            help_against_click(folder, repetitions, timeout),
        ]
    except RuntimeError as error:
        raise click.ClickException(str(error)) from None
    measured = dict(hostile_inputs(options, timeout)) if hostile else {}
    if json_output:
        click.echo(json.dumps(as_json(files, size, comparisons, measured), indent=2))
    else:
        click.echo(f"{len(files)} machine-learning files, {size / 1e6:.1f} MB, median of {repetitions} runs")
        click.echo("\n".join(text(comparisons, measured)))
    bad = [each for each in measured.values() if each.timed_out or each.crashed or each.seconds > HOSTILE_LIMIT]
    sys.exit(1 if bad or not all(comparison.within_limit for comparison in comparisons) else 0)


def machine_learning_files(folder: Path) -> Iterator[str]:
    """The files to lint, as paths relative to ``folder``, in order."""
    for file in sorted(folder.rglob("*.py")):
        if file.is_file() and _FRAMEWORK.search(file.read_bytes()):
            yield str(file.relative_to(folder))


def check_against_parsing(
    folder: Path, files: list[str], repetitions: int, options: tuple[str, ...], timeout: float
) -> Comparison:
    """One process linting the files, against one only parsing them."""
    commands = {"baseline": [*PYTHON, "-c", _PARSE, *files], "subject": [*_check(options), "--", *files]}
    name = "check / libcst.parse_module"
    return compare(name, commands, _printed_findings, folder, repetitions, PARSE_LIMIT, timeout)


def help_against_click(folder: Path, repetitions: int, timeout: float) -> Comparison:
    """The linter's start, against that of the library its command line is made with."""
    commands = {
        "baseline": [*PYTHON, "-c", "import click"],
        "subject": [*PYTHON, "-m", "modelint", "--help"],
    }
    name = "--help / import click"
    return compare(name, commands, _printed_help, folder, 4 * repetitions, HELP_LIMIT, timeout)


def hostile_inputs(options: tuple[str, ...], timeout: float) -> Iterator[tuple[str, Measured]]:
    """Each hostile input, linted once."""
    for name, write in HOSTILE.items():
        with tempfile.TemporaryDirectory() as temporary:
            write(Path(temporary))
            yield name, measure([*_check(options), "."], Path(temporary), timeout)


def _check(options: tuple[str, ...]) -> list[str]:
    return [*PYTHON, "-m", "modelint", "check", "--isolated", "--no-cache", "--output-format", "json", *options]


def _printed_findings(run: Measured) -> bool:
    try:
        return isinstance(json.loads(run.output), list)
    except json.JSONDecodeError:
        return False


def _printed_help(run: Measured) -> bool:
    return run.status == 0 and "Usage" in run.output


def _spread(seconds: tuple[float, ...]) -> str:
    return f"{min(seconds):.2f}-{max(seconds):.2f}"


def text(comparisons: list[Comparison], measured: dict[str, Measured]) -> Iterator[str]:
    """The measurements, line by line."""
    for each in comparisons:
        baseline, subject = statistics.median(each.baseline), statistics.median(each.subject)
        verdict = "within" if each.within_limit else "ABOVE"
        limit = f"{verdict} the limit of {each.limit:g}"
        yield f"{each.name}: {subject:.2f} s / {baseline:.2f} s = {each.ratio:.2f} ({limit})"
        yield f"    spread: {_spread(each.subject)} / {_spread(each.baseline)}"
    for name, run in measured.items():
        ending = "killed" if run.timed_out else f"exit {run.status}"
        crash = ", CRASHED" if run.crashed else ""
        yield f"{name}: {run.seconds:.2f} s, {run.megabytes:.0f} MB, {ending}{crash}"


def as_json(
    files: list[str], size: int, comparisons: list[Comparison], measured: dict[str, Measured]
) -> dict[str, object]:
    """The measurements as one JSON object; seconds and megabytes."""
    return {
        "files": len(files),
        "bytes": size,
        "comparisons": [
            {
                "name": each.name,
                "baseline": each.baseline,
                "subject": each.subject,
                "ratio": each.ratio,
                "limit": each.limit,
            }
            for each in comparisons
        ],
        "hostile": {
            name: {
                "seconds": run.seconds,
                "megabytes": run.megabytes,
                "status": run.status,
                "timed_out": run.timed_out,
                "crashed": run.crashed,
            }
            for name, run in measured.items()
        },
    }


if __name__ == "__main__":
    main()
