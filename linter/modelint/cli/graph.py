"""``modelint graph``: the graph of one model, as text, as a page, or in the formats of other programs."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any, Protocol, cast

import click

from modelint.cli.group import UserError, cli, color_option
from modelint.cli.options import catalogue_of_rules, overrides_of, report_of, request_of
from modelint.render.graphs import FORMATS

if TYPE_CHECKING:
    from modelint.render.graphs.view import GraphView
    from modelint.render.terminal import Terminal


class _Format(Protocol):
    """A module of ``render.graphs``."""

    def render(self, view: GraphView, terminal: Terminal) -> str: ...


@cli.command(short_help="Show a model layer by layer, with its findings.")
@click.argument("model", metavar="FILE[:MODEL]")
@click.option("--format", "output_format", type=click.Choice(FORMATS), default="text", help="How to show it.  [text]")
@click.option("--output-file", "-o", metavar="FILE", help="Write the graph to a file.")
@click.option("--select", multiple=True, metavar="RULE", help="Show only findings of these rules or categories.")
@click.option("--ignore", multiple=True, metavar="RULE", help="Leave out findings of these rules or categories.")
@click.option("--pedantic", is_flag=True, default=None, help="Show findings of lower confidence too.")
@click.option("--config", metavar="FILE", help="Use this configuration file.")
@click.option("--isolated", is_flag=True, help="Use no configuration file.")
@color_option
def graph(model: str, **options: Any) -> int:
    """Show the graph of a model: its layers, what each does to a batch, and the findings where they are.

    FILE is a script or a saved model. Where it holds several models, MODEL is the function or class that makes one,
    its name, or the line in which it is made; of a saved model, the signature.

    Exit code: 0 if there is a graph, whatever was found at it, 2 if there is none.
    """
    from modelint.render.terminal import PLAIN
    from modelint.workspace import output

    output_format, output_file = options["output_format"], options["output_file"]
    if output_format == "html" and output_file is None and sys.stdout.isatty():
        raise UserError("--format html is a page for a browser; name a file for it with --output-file")
    view = _view(model, options)
    renderer = cast("_Format", importlib.import_module(f"modelint.render.graphs.{output_format}"))
    if output_file is None:
        output.write(renderer.render(view, output.terminal(options["color"])))
        return 0
    try:
        output.write_file(output_file, renderer.render(view, PLAIN))
    except OSError as error:
        raise UserError(f"--output-file: {output_file}: {error.strerror}") from None
    return 0


def _view(model: str, options: dict[str, Any]) -> GraphView:
    """The model and what is found at it.

    Raises:
        UserError: there is no such model, or the configuration has mistakes.
    """
    from modelint.workspace.graphs import GraphRun, NoGraphError

    catalogue = catalogue_of_rules()
    every = {"severity": (), "exclude": (), "fail_on": None, "force_exclude": False, **options}
    request = request_of((), every, overrides_of(every, catalogue))
    try:
        graphs = GraphRun(model, request, catalogue)
        return graphs.view(report_of(graphs.run, quiet=True))
    except NoGraphError as error:
        raise UserError(str(error)) from None
