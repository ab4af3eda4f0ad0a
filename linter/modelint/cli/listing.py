"""``modelint rules`` and ``modelint explain``: what there is to find."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from modelint.cli.completion import complete_rule
from modelint.cli.group import UserError, cli, color_option
from modelint.spelling import did_you_mean

if TYPE_CHECKING:
    from modelint.render.terminal import Terminal


@cli.command()
@click.option("--output-format", type=click.Choice(("text", "json")), default="text", help="How to show them.")
@color_option
def rules(output_format: str, color: str) -> int:
    """List all rules."""
    from modelint.render import rules as listing
    from modelint.rule import discover
    from modelint.selection import Catalogue
    from modelint.workspace import output

    entries = Catalogue(discover()).entries
    as_json = output_format == "json"
    output.write(listing.as_json(entries) if as_json else listing.as_text(entries, output.terminal(color)))
    return 0


@cli.command()
@click.argument("rule", shell_complete=complete_rule)
@color_option
def explain(rule: str, color: str) -> int:
    """Say what a rule finds, why it matters, and what to do."""
    from modelint.render import rules as listing
    from modelint.rule import discover
    from modelint.selection import Catalogue
    from modelint.workspace import output

    entries = {entry.name: entry for entry in Catalogue(discover()).entries}
    of_category = [entry.name for entry in entries.values() if entry.category == rule]
    if of_category:
        raise UserError(f"{rule!r} is a category; its rules are {', '.join(of_category)}")
    if rule not in entries:
        raise UserError(f"there is no rule {rule!r}{did_you_mean(rule, entries)}")
    page = listing.page(entries[rule])
    terminal = output.terminal(color)
    output.write(_typeset(page, terminal) if terminal.colour or sys.stdout.isatty() else page)
    return 0


def _typeset(markdown: str, terminal: Terminal) -> str:
    """Markdown as a terminal shows it."""
    from rich.console import Console
    from rich.markdown import Markdown

    width = min(terminal.columns, 100)
    colour = terminal.colour
    console = Console(width=width, force_terminal=colour, no_color=not colour, color_system="standard")
    with console.capture() as capture:
        console.print(Markdown(markdown))
    return capture.get()
