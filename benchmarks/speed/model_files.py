"""How fast model files are examined, against loading them with the framework that wrote them.

    python benchmarks/speed/model_files.py [--application EfficientNetB7] [FORM ...]

For every form, the network is built without trained weights and saved; then whole cold processes are measured in turn,
``modelint check FILE`` and the framework's own loading of the same file, in wall seconds and peak resident memory.
Needs TensorFlow, Keras 3 and tf_keras. The exit status is 1 if modelint does not examine a file.
"""

from __future__ import annotations

import json
import shutil
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import click
from processes import Measured, measure

TIMEOUT = 900.0
"""Seconds after which a process is killed."""

_SAVE = """
import sys, {module} as keras
model = getattr(keras.applications, sys.argv[1])(weights=None)
model.save(sys.argv[2])
"""
_LOAD = """
import sys, {module} as keras
keras.models.load_model(sys.argv[1], compile=False)
"""
_EXPORT = """
import sys, keras
getattr(keras.applications, sys.argv[1])(weights=None).export(sys.argv[2], verbose=False)
"""
_SAVE_GRAPH = """
import sys, tf_keras as keras
getattr(keras.applications, sys.argv[1])(weights=None).save(sys.argv[2], save_format="tf")
"""
_SERVE = """
import sys, tensorflow
tensorflow.saved_model.load(sys.argv[1])
"""


@dataclass(frozen=True, slots=True)
class Form:
    """A format of model files: the programs that save one (name of the network, path) and load it (path)."""

    suffix: str
    save: str
    load: str


FORMS = {
    "keras-3-archive": Form(".keras", _SAVE.format(module="keras"), _LOAD.format(module="keras")),
    "keras-3-hdf5": Form(".h5", _SAVE.format(module="keras"), _LOAD.format(module="keras")),
    "keras-2-archive": Form(".keras", _SAVE.format(module="tf_keras"), _LOAD.format(module="tf_keras")),
    "keras-2-hdf5": Form(".h5", _SAVE.format(module="tf_keras"), _LOAD.format(module="tf_keras")),
    "keras-3-export": Form("", _EXPORT, _SERVE),
    "keras-2-savedmodel": Form("", _SAVE_GRAPH, _SERVE),
}


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured of one file: median seconds and greatest megabytes of modelint and of the framework."""

    form: str
    size: float
    seconds: float
    megabytes: float
    framework_seconds: float
    framework_megabytes: float

    def __str__(self) -> str:
        return (
            f"{self.form:16} {self.size:7.1f} MB   modelint {self.seconds:6.2f} s {self.megabytes:6.0f} MB   "
            f"framework {self.framework_seconds:6.2f} s {self.framework_megabytes:6.0f} MB   "
            f"{self.framework_seconds / self.seconds:5.1f} times faster, "
            f"{self.framework_megabytes / self.megabytes:5.1f} times less memory"
        )


@click.command()
@click.argument("forms", nargs=-1, type=click.Choice(sorted(FORMS)))
@click.option("--application", default="EfficientNetB7", show_default=True, help="A network of keras.applications.")
@click.option("--repetitions", default=3, show_default=True, type=click.IntRange(min=1), help="Measured runs of each.")
@click.option("--json", "json_output", is_flag=True, help="Print one JSON object instead of a text.")
def main(forms: tuple[str, ...], application: str, repetitions: int, json_output: bool) -> None:
    """Measure modelint on model files against the frameworks that wrote them."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in forms or FORMS:
            rows.append(measured(name, application, repetitions, Path(folder)))
            if not json_output:
                click.echo(str(rows[-1]))
    if json_output:
        click.echo(json.dumps([{field: getattr(row, field) for field in Row.__slots__} for row in rows], indent=2))


def measured(name: str, application: str, repetitions: int, folder: Path) -> Row:
    """Save a network in a form and measure both.

    Raises:
        click.ClickException: a process failed, or modelint did not examine the file.
    """
    form = FORMS[name]
    path = folder / f"{name}{form.suffix}"
    _run(name, [sys.executable, "-c", form.save, application, str(path)], folder)
    runs: dict[str, list[Measured]] = {"modelint": [], "framework": []}
    for repetition in range(repetitions + 1):  # the first is to have the file in the system's cache
        for role, done in runs.items():
            check = ["-m", "modelint", "check", "--isolated", "--fail-on", "note", path.name]
            command = check if role == "modelint" else ["-c", form.load, str(path)]
            run = _run(f"{name}, {role}", [sys.executable, *command], folder)
            if repetition:
                done.append(run)
    files = [one for one in (path, *path.rglob("*")) if one.is_file()]
    size = sum(one.stat().st_size for one in files) / 1e6
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    ours, theirs = (
        (statistics.median(run.seconds for run in done), max(run.megabytes for run in done)) for done in runs.values()
    )
    return Row(name, size, *ours, *theirs)


def _run(name: str, command: list[str], folder: Path) -> Measured:
    run = measure(command, folder, TIMEOUT)
    if run.timed_out or run.status != 0:
        raise click.ClickException(f"{name}: exit status {run.status}: {(run.output + run.complaints).strip()[-500:]}")
    return run


if __name__ == "__main__":
    main()
