"""The group of commands, and what they share."""

from __future__ import annotations

import click

from modelint import __version__
from modelint.finding import Severity
from modelint.spelling import did_you_mean

SEVERITIES = tuple(severity.value for severity in Severity)


class UserError(Exception):
    """What was asked for cannot be done; the message is one sentence about why."""


class Commands(click.Group):
    """A group whose unknown commands get a suggestion."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands and not ctx.resilient_parsing:  # as it is for completion
            known = sorted(self.commands)
            raise UserError(f"there is no command {args[0]!r}{did_you_mean(args[0], known)}")
        return super().resolve_command(ctx, args)


color_option = click.option(
    "--color", type=click.Choice(("auto", "always", "never")), default="auto", help="Use colour."
)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "-V", "--version", message="modelint %(version)s")
def cli() -> None:
    """Find where a machine-learning program's predictions depend on the batch, the run mode or chance."""
