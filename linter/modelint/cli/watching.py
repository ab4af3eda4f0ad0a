"""``modelint check --watch``: examine again whenever a file changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from modelint.cli.group import UserError

if TYPE_CHECKING:
    from modelint.workspace.run import Run

watch_option = click.option("--watch", is_flag=True, help="Examine again whenever a file changes, until Ctrl-C.")


Check = Callable[[], tuple[int, "Run"]]
"""Examines and shows; the exit code, and the run that came last."""


def watch(prepare: Callable[[], tuple[Run, Check]], options: Mapping[str, Any]) -> int:
    """Check, and check again after every change, until interrupted. Then the exit code is 0.

    ``prepare`` gives a run that was not done yet, and what does it.

    Raises:
        UserError: what is asked for cannot be watched, or not even the first run can be done.
    """
    from modelint.workspace.output import complain
    from modelint.workspace.watching import state_after, state_of, wait_for_change

    if options["add_ignore"] is not None:
        raise UserError("--watch and --add-ignore exclude each other")
    try:
        run, check = prepare()
        if options["staged"] or run.request.overlay:
            raise UserError("--watch examines files as they are; it takes no standard input and no --staged")
        before = state_of(run)
        _, run = check()
        while True:
            known = state_after(run, before)
            complain("watching for changes; Ctrl-C ends it")
            wait_for_change(run, known)
            click.clear()  # which does nothing where there is no terminal
            try:
                run, check = prepare()
                before = state_of(run)
                _, run = check()
            except UserError as error:
                complain(f"modelint: {error}")
                before = state_of(run)
    except KeyboardInterrupt:
        return 0
