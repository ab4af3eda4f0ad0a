"""The page of the command line: every command with all that click knows of it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from modelint.cli.group import cli

PAGE = "command-line.md"

_OPENING = """\
# Command line

```text
modelint COMMAND [OPTIONS] [ARGUMENTS]
```

`modelint --help` lists the commands, `modelint COMMAND --help` shows the options of one, `modelint --version` the
version. The exit code of every command is 0 if all went well and 2 if it could not do what was asked; what else there
is stands with the command. What a program should read goes to standard output, what a person should know to standard
error.
"""


def page() -> str:
    """The page in Markdown."""
    context = click.Context(cli, info_name="modelint", **cli.context_settings)
    commands = (cli.commands[name] for name in sorted(cli.commands))
    return "\n".join([_OPENING, *("\n".join(_section(each, context)) for each in commands if not each.hidden)])


def _section(command: click.Command, above: click.Context) -> Iterator[str]:
    context = click.Context(command, info_name=command.name, parent=above, **command.context_settings)
    pieces = " ".join(command.collect_usage_pieces(context))
    yield f"## modelint {command.name}\n"
    yield f"```text\nmodelint {command.name} {pieces}\n```\n"
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        yield f"{_paragraph(paragraph)}\n"
    options = (parameter for parameter in command.get_params(context) if isinstance(parameter, click.Option))
    records = [option.get_help_record(context) for option in options]
    rows = [f"| {_code(names)} | {_escaped(help_text)} |" for names, help_text in filter(None, records)]
    if rows:
        yield "\n".join(["| option | |", "|---|---|", *rows, ""])


def _paragraph(text: str) -> str:
    r"""A paragraph of a help text; one that begins with \b keeps its lines."""
    kept, mark, lines = text.partition("\b\n")
    return f"```text\n{inspect.cleandoc(lines)}\n```" if mark and not kept else _escaped(text)


def _code(names: str) -> str:
    """The names of an option as click writes them, as code, in which a table leaves everything as it is."""
    return " ".join(f"`{part}`" for part in names.split(" / "))


def _escaped(text: str) -> str:
    """Text that Markdown and HTML leave alone."""
    for character in "<>[]*_|":
        text = text.replace(character, f"\\{character}" if character in "[]*_|" else f"&#{ord(character)};")
    return text
