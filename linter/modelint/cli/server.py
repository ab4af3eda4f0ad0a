"""``modelint server``: the language server, over standard input and output."""

from __future__ import annotations

from modelint.cli.group import UserError, cli
from modelint.cli.options import catalogue_of_rules


@cli.command()
def server() -> int:
    """Run the language server, for editors. It speaks the Language Server Protocol over stdin and stdout."""
    try:
        import pygls  # noqa: F401  only to see whether it is there
    except ModuleNotFoundError:
        raise UserError("the language server needs pygls; install it with: pip install 'modelint[lsp]'") from None
    from modelint.server.language_server import make_server

    make_server(catalogue_of_rules()).start_io()
    return 0
