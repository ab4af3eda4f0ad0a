"""``modelint config``: what is in force for a path, and where it comes from."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import click

from modelint.cli.group import UserError, cli, color_option
from modelint.cli.options import catalogue_of_rules, configuration_refused, overrides_of, reading, request_of, selecting

if TYPE_CHECKING:
    from modelint.render.terminal import Terminal
    from modelint.workspace.provenance import InForce, Setting


@cli.command(short_help="Show what is in force for a path, and where it comes from.")
@click.argument("path", default=".", type=click.Path(), metavar="[PATH]")
@click.option("--output-format", type=click.Choice(("text", "json")), default="text", help="How to show it.")
@selecting
@reading
@color_option
def config(path: str, **options: Any) -> int:
    """Show the configuration that holds for a file or a directory, and where each value comes from."""
    from modelint.workspace import output
    from modelint.workspace.names import name_of
    from modelint.workspace.provenance import ANY_FILE, in_force
    from modelint.workspace.run import Run

    if not os.path.lexists(path):
        raise UserError(f"{path}: there is no such file or directory")
    catalogue = catalogue_of_rules()
    run = Run(request_of((path,), options, overrides_of(options, catalogue)), catalogue)
    found = in_force(run.lookup, name_of(path))
    if run.lookup.mistakes:
        raise configuration_refused(run.lookup.mistakes)
    file = os.path.join(path, ANY_FILE) if os.path.isdir(path) else path
    versions = run.versions(file, run.lookup.for_file(file))
    keras = [version.value for version in versions.versions]
    if options["output_format"] == "json":
        output.write(_as_json(found, keras, declared=versions.known))
    else:
        output.write(_as_text(found, keras, output.terminal(options["color"]), declared=versions.known))
    return 0


def _as_json(found: InForce, keras: list[str], *, declared: bool) -> str:
    settings = {each.key: {"value": each.value, "sources": list(each.sources)} for each in found.settings}
    document = {
        "path": found.path,
        "files": list(found.files),
        "settings": settings,
        "rules": {name: severity.value if severity else None for name, severity in found.rules.items()},
        "keras": {"versions": keras, "declared": declared},
    }
    return json.dumps(document, indent=2) + "\n"


def _as_text(found: InForce, keras: list[str], terminal: Terminal, *, declared: bool) -> str:
    """A table of keys, values and sources, and below it what follows from them."""
    from modelint.render.terminal import Style, printable

    rows = [(each.key, _shown(_without_usual(each)), ", ".join(each.sources)) for each in found.settings]
    names, values = (max(len(row[column]) for row in rows) for column in (0, 1))
    files = ", which extends ".join(reversed(found.files)) or "no configuration file"
    lines = [f"{printable(found.path)}: {printable(files)}", ""]
    for key, value, source in rows:
        name = terminal.paint(f"{key:<{names}}", Style.STRONG)
        lines.append(f"  {name}  {printable(value):<{values}}  {terminal.paint(printable(source), Style.FAINT)}")
    enabled = [name for name, severity in found.rules.items() if severity]
    missing = [name for name, severity in found.rules.items() if not severity]
    lines += ["", f"{len(enabled)} of {len(found.rules)} rules enabled"]
    lines += [f"not enabled: {', '.join(missing)}"] if missing else []
    lines.append(f"{', '.join(keras)} in play ({'declared' if declared else 'nothing is declared'})")
    return "\n".join(lines) + "\n"


def _without_usual(setting: Setting) -> object:
    """The value of a setting; a word for what is never scanned, and of declared layers the names alone."""
    from modelint.workspace.patterns import default_exclude

    if setting.key == "layers" and isinstance(setting.value, list):
        return [layer["name"] for layer in setting.value]
    if setting.key != "exclude" or not isinstance(setting.value, list):
        return setting.value
    usual = default_exclude("").lines
    others = [line for line in setting.value if line not in usual]
    return ["the usual", *others] if len(others) < len(setting.value) else others


def _shown(value: object) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case dict():
            return ", ".join(f"{key} = {_shown(item)}" for key, item in value.items()) or "none"
        case list():
            return ", ".join(map(str, value)) or "none"
        case _:
            return str(value)
