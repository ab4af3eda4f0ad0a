"""The command line: a module per command.

What is slow to import is imported where it is needed, so that ``--help`` answers at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import click

from modelint.cli import baseline, check, completion, config, confirming, graph, listing, new, server
from modelint.cli.group import UserError, cli
from modelint.rule import RuleError
from modelint.spelling import did_you_mean

__all__ = ["baseline", "check", "completion", "config", "confirming", "graph", "listing", "main", "new", "server"]

FAILED = 2
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code. Whatever a user can act on is said in a sentence on standard error."""
    try:
        return cli.main(arguments, prog_name="modelint", standalone_mode=False) or 0
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 0
    except (UserError, RuleError) as error:
        _complain(str(error))
    except click.ClickException as error:
        _complain(_sentence(error))
    except (click.Abort, KeyboardInterrupt):
        _complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        from modelint.workspace.output import leave_pipe

        leave_pipe()
    except OSError as error:
        from modelint.workspace.output import OutputError

        if not isinstance(error, OutputError):
            raise
        _complain(str(error.strerror))
    return FAILED


def _complain(text: str) -> None:
    from modelint.workspace.output import complain

    complain(f"modelint: {text}")


def _sentence(error: click.ClickException) -> str:
    """What click has to say, as modelint says it, with the nearest name."""
    if isinstance(error, click.NoSuchOption):
        known = [name for parameter in error.ctx.command.params for name in parameter.opts] if error.ctx else []
        return f"there is no option {error.option_name!r}{did_you_mean(error.option_name, known)}"
    if isinstance(error, click.BadParameter) and error.param and isinstance(error.param.type, click.Choice):
        given = error.message.split("'")[1] if "'" in error.message else ""
        choices = [str(choice) for choice in error.param.type.choices]
        allowed = f"{', '.join(choices[:-1])} or {choices[-1]}"
        return f"{error.param.opts[0]}: {given!r} is not {allowed}{did_you_mean(given, choices)}"
    message = error.format_message().rstrip(".")
    return message[:1].lower() + message[1:]
