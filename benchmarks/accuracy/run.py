"""Precision and recall of the linter on labelled places in public repositories.

    python benchmarks/accuracy/run.py CHECKOUTS labels.jsonl bugfixes.jsonl

``CHECKOUTS`` holds one folder per repository and commit (``checkouts.py`` says how it is named), the label files say
what should be reported where (``sites.py``), and ``counting.py`` says when a finding counts for a place. The whole
checkout is linted, so that imports across files resolve. What is missing, failed or skipped is always listed.

The exit status is 0 if everything was examined, 1 if something was missing or failed, 2 if a label file cannot be read.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import click
import report
from checkouts import Linter, LinterFailedError, folder_of, unexamined
from counting import Reported, compare
from notebooks import JoinedCells
from report import Result
from sites import LabelFileError, Lines, Site, corresponding_lines, in_framework, read_label_files


@click.command()
@click.argument("checkouts", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("labels", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--framework", default="", metavar="PART", help="Only sites whose framework contains this, such as keras."
)
@click.option("--repository", default="", metavar="PART", help="Only repositories whose name contains this.")
@click.option("--rule", "rules", multiple=True, help="Only sites of this rule; repeatable.")
@click.option("--tolerance", default=2, show_default=True, help="How many lines a finding may stand from its site.")
@click.option(
    "--confidence",
    "confidences",
    multiple=True,
    default=("certain",),
    show_default=True,
    help="Bug fixes of which confidence are counted; the others are listed. Repeatable.",
)
@click.option("--pedantic", is_flag=True, help="Let the linter report what it is less sure of.")
@click.option(
    "--labelled-files-only", is_flag=True, help="Lint the labelled files alone, not the whole checkout; faster."
)
@click.option("--option", "options", multiple=True, help="A further option for `modelint check`; repeatable.")
@click.option("--show-unlabelled", is_flag=True, help="List the findings in labelled files that meet no site.")
@click.option("--jobs", default=1, show_default=True, help="How many checkouts are linted at once.")
@click.option("--timeout", default=600.0, show_default=True, help="Seconds after which a checkout is given up.")
@click.option("--json", "json_output", is_flag=True, help="Print one JSON object instead of a text.")
def main(
    checkouts: Path,
    labels: tuple[Path, ...],
    framework: str,
    repository: str,
    rules: tuple[str, ...],
    tolerance: int,
    confidences: tuple[str, ...],
    pedantic: bool,
    labelled_files_only: bool,
    options: tuple[str, ...],
    show_unlabelled: bool,
    jobs: int,
    timeout: float,
    json_output: bool,
) -> None:
    """Print how well the linter does on the LABELS, over the CHECKOUTS of the repositories they name."""
    try:
        sites = read_label_files(labels, frozenset(confidences))
    except LabelFileError as error:
        raise click.UsageError(str(error)) from None
    sites = [
        site
        for site in in_framework(sites, framework)
        if repository in site.repository and (not rules or site.rule in rules)
    ]
    arguments = ("--isolated", "--no-cache", *(["--pedantic"] if pedantic else []), *options)
    linter = Linter((sys.executable, "-P", "-m", "modelint"), arguments, timeout)  # -P: import nothing from checkouts
    result = Result()

    def commit(site: Site) -> tuple[str, str]:
        return site.repository, site.commit

    groups = [list(group) for _, group in groupby(sorted(sites, key=commit), key=commit)]
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        futures = [
            pool.submit(examine, linter, checkouts, group, tolerance, not labelled_files_only) for group in groups
        ]
        for future in futures:
            merge(result, future.result())
    if json_output:
        click.echo(json.dumps(report.as_json(result), indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(report.text(result, show_unlabelled)))
    sys.exit(0 if result.complete else 1)


def examine(linter: Linter, checkouts: Path, sites: Sequence[Site], tolerance: int, whole: bool) -> Result:
    """Lint one checkout, that of all ``sites``, and compare."""
    result = Result()
    folder = folder_of(checkouts, sites[0].repository, sites[0].commit)
    present: list[Site] = []
    for site in sites:
        located = locate(site, checkouts)
        if isinstance(located, str):
            result.missing.setdefault(located, []).append(site)
        else:
            present.append(located)
    labelled = sorted({site.path for site in present})
    findings: list[Reported] = []
    try:
        if labelled:
            findings += linter.findings(folder, ["."] if whole else labelled)
    except LinterFailedError as error:
        result.failed[folder.name] = f"{error} ({len(present)} sites not examined)"
        return result
    lost = {each.path: each for each in unexamined(findings)}
    for path, finding in lost.items():
        if path in labelled or finding.rule == "internal-error":
            result.failed[f"{folder.name}:{path}"] = f"{finding.rule}, line {finding.line}: {finding.message}"
    present = [site for site in present if site.path not in lost]
    result.outcomes, unlabelled = compare(present, findings, tolerance)
    result.unlabelled = [(folder.name, finding) for finding in unlabelled]
    return result


def locate(site: Site, checkouts: Path) -> Site | str:
    """The site with the lines it has in what the linter reads, or the name of the checkout or file that is missing."""
    folder = folder_of(checkouts, site.repository, site.commit)
    file = folder / site.path
    if not file.is_file():
        return folder.name if not folder.is_dir() else f"{folder.name}:{site.path}"
    first, last = site.line, site.end_line
    if site.origin:
        before = folder_of(checkouts, site.repository, site.origin.commit) / site.origin.path
        if not before.is_file():
            return f"{before.relative_to(checkouts)}"
        first, last = corresponding_lines(_text(before), _text(file), site.origin.line)
    if site.lines is Lines.NOTEBOOK:
        cells = JoinedCells.of(file.read_bytes())
        joined = cells.line_in_file(first) if cells else None
        if joined is None:
            return f"{folder.name}:{site.path}:{first} (no code on this line)"
        first, last = joined, joined + last - first
    return replace(site, line=first, end_line=last, origin=None)


def merge(whole: Result, part: Result) -> None:
    """Add one checkout's result to the whole's."""
    whole.outcomes += part.outcomes
    whole.unlabelled += part.unlabelled
    whole.failed.update(part.failed)
    for name, sites in part.missing.items():
        whole.missing.setdefault(name, []).extend(sites)


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")


if __name__ == "__main__":
    main()
