"""``modelint new``: a rule and its fixture, to begin with."""

from __future__ import annotations

import os

import click

from modelint.cli.group import UserError, cli


@cli.command()
@click.argument("rule", metavar="CATEGORY/NAME")
@click.option(
    "--pack",
    default=".",
    type=click.Path(),
    metavar="DIR",
    help="The directory of the rule pack; one that is not there, or empty, becomes a pack.  [.]",
)
def new(rule: str, pack: str) -> int:
    """Write a new rule with its fixture, to begin with. Nothing that is there is changed.

    The rule goes into the package that the pack's pyproject.toml names under the entry point modelint.rules.
    """
    from modelint.cli.options import catalogue_of_rules
    from modelint.workspace import output
    from modelint.workspace.names import name_of
    from modelint.workspace.scaffold import ScaffoldError, new_rule, pack_in

    category, slash, name = rule.partition("/")
    if not slash:
        raise UserError(f"{rule!r} must be CATEGORY/NAME, such as mode/lost-mode")
    if catalogue_of_rules().objection(name) is None:
        raise UserError(f"there is a rule or category {name!r} already")
    try:
        files = dict(new_rule(category, name, pack_in(pack)))
        there = next(filter(os.path.exists, files), None)
        if there is not None:
            raise UserError(f"{name_of(there)} is there already")
        for path, text in files.items():
            os.makedirs(os.path.dirname(path), exist_ok=True)
            output.write_file(path, text)
    except ScaffoldError as error:
        raise UserError(str(error)) from None
    except OSError as error:
        raise UserError(f"{error.filename}: {error.strerror}") from None
    output.write("".join(f"{name_of(os.path.abspath(path))}\n" for path in files))
    return 0
