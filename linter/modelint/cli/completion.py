"""``modelint completion``: what a shell must be told to complete commands, options and the names of rules."""

from __future__ import annotations

import os

import click
from click.shell_completion import CompletionItem, get_completion_class

from modelint.cli.group import cli

SHELLS = ("bash", "fish", "zsh")
PROGRAM = "modelint"
VARIABLE = "_MODELINT_COMPLETE"
"""Where click's scripts say that they ask for completions; click derives the name from the program's."""


@cli.command(short_help="Write the script for completion in bash, fish or zsh.")
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> int:
    """Write the script that makes a shell complete modelint's commands, options and rules.

    \b
    bash:  modelint completion bash > ~/.local/share/bash-completion/completions/modelint
    fish:  modelint completion fish > ~/.config/fish/completions/modelint.fish
    zsh:   modelint completion zsh > "${fpath[1]}/_modelint"
    """
    from modelint.workspace.output import write

    maker = get_completion_class(shell)
    assert maker is not None
    write(maker(cli, {}, PROGRAM, VARIABLE).source())
    return 0


def complete_selectors(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Rules and categories, after the last comma of what is written so far."""
    before, comma, begun = incomplete.rpartition(",")
    if comma and os.environ.get(VARIABLE) == "fish_complete":  # click's script for fish ends a word at a comma
        return []
    names = {name: summary for name, summary in _selectors().items() if name.startswith(begun)}
    return [CompletionItem(f"{before}{comma}{name}", help=summary) for name, summary in names.items()]


def complete_rule(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Rules, and what else there is a page about."""
    from modelint.cli.options import catalogue_of_rules

    entries = catalogue_of_rules().entries
    return [CompletionItem(each.name, help=each.summary) for each in entries if each.name.startswith(incomplete)]


def _selectors() -> dict[str, str]:
    """What selects, with a word about it."""
    from modelint.cli.options import catalogue_of_rules

    catalogue = catalogue_of_rules()
    summaries = {entry.name: entry.summary for entry in catalogue.entries}
    return {name: summaries.get(name, "a category") for name in sorted(catalogue.selectors)}
