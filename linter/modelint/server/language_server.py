"""The server: what the protocol's messages do. The worker examines; this hands it what is open and answers from it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from modelint import __version__
from modelint.documents import is_notebook
from modelint.finding import Span
from modelint.render.rules import page
from modelint.selection import Catalogue
from modelint.server import actions
from modelint.server.excusing import excuse
from modelint.server.opened import opened_document, opened_notebook, source_lines
from modelint.server.presenting import client_range
from modelint.server.worker import Worker
from modelint.suppress import read_suppressions
from modelint.workspace.lookup import FILE_NAMES

WATCHED = (*(f"**/{name}" for name in FILE_NAMES), "**/*.py")
NOTEBOOKS = types.NotebookDocumentSyncOptions(
    notebook_selector=[
        types.NotebookDocumentFilterWithCells(
            notebook=types.NotebookDocumentFilterNotebookType(notebook_type="jupyter-notebook"),
            cells=[types.NotebookCellLanguage(language="python")],
        )
    ],
    save=True,
)


class ModelintServer(LanguageServer):
    """The language server of one editor."""

    def __init__(self, catalogue: Catalogue) -> None:
        super().__init__("modelint", __version__, notebook_document_sync=NOTEBOOKS)
        self.catalogue = catalogue
        self.worker: Worker | None = None
        self.pages = {entry.name: page(entry) for entry in catalogue.entries}

    def begin(self) -> None:
        """Start the worker in the folder of the workspace, so that files are named from there."""
        root = self.workspace.root_path
        if root and os.path.isdir(root):
            os.chdir(root)
        loop = asyncio.get_running_loop()

        def publish(params: types.PublishDiagnosticsParams) -> None:
            loop.call_soon_threadsafe(self.text_document_publish_diagnostics, params)

        def complain(text: str) -> None:
            message = types.ShowMessageParams(types.MessageType.Error, text)
            loop.call_soon_threadsafe(self.window_show_message, message)

        self.worker = Worker(self.catalogue, self.workspace.position_codec, publish, complain)

    def put_document(self, uri: str) -> None:
        """Hand a document to the worker as it is now."""
        opened = opened_document(self.workspace.get_text_document(uri))
        if self.worker is not None and opened is not None:
            self.worker.put(opened)

    def put_notebook(self, uri: str) -> None:
        """Hand a notebook to the worker as it is now."""
        notebook = self.workspace.get_notebook_document(notebook_uri=uri)
        opened = opened_notebook(notebook, self.workspace) if notebook is not None else None
        if self.worker is not None and opened is not None:
            self.worker.put(opened)

    def current(self, uri: str) -> list[types.Diagnostic]:
        """The diagnostics of a text, if they are of the version that is open now."""
        params = self.worker.published.get(uri) if self.worker is not None else None
        if params is None or params.version != self.workspace.get_text_document(uri).version:
            return []
        return list(params.diagnostics)

    def excuses(self, uri: str, diagnostic: types.Diagnostic) -> Iterator[types.CodeAction]:
        """The action that says in a comment that what a diagnostic finds is meant."""
        if is_notebook(uri):
            return  # open as a text: a comment would stand in the JSON
        text, codec = self.workspace.get_text_document(uri).source, self.workspace.position_codec
        lines = source_lines(text)
        at = codec.range_from_client_units(lines, diagnostic.range)
        span = Span(at.start.line + 1, at.start.character + 1, at.end.line + 1, at.end.character + 1)
        in_cell = self.workspace.get_notebook_document(cell_uri=uri) is not None
        edit = excuse(text, str(diagnostic.code), span, in_cell=in_cell)
        if edit is not None:
            change = types.TextEdit(client_range(codec, lines, edit.span), edit.text)
            yield types.CodeAction(
                title=f"Excuse {diagnostic.code} here with a comment",
                kind=types.CodeActionKind.QuickFix,
                diagnostics=[diagnostic],
                edit=types.WorkspaceEdit(changes={uri: [change]}),
            )

    def ignored(self, uri: str) -> list[tuple[str, types.Range]]:
        """The names of rules in the suppression comments of a text, and where they are."""
        document = self.workspace.get_text_document(uri)
        ignores = read_suppressions(uri, document.source).ignores
        lines = source_lines(document.source) if ignores else []
        return [(ignore.rule, client_range(self.workspace.position_codec, lines, ignore.span)) for ignore in ignores]

    async def watch(self) -> None:
        """Ask the client to say when files change that matter."""
        capabilities = self.client_capabilities.workspace
        watched = capabilities.did_change_watched_files if capabilities else None
        if watched is not None and watched.dynamic_registration:
            options = types.DidChangeWatchedFilesRegistrationOptions([types.FileSystemWatcher(g) for g in WATCHED])
            registration = types.Registration("watch", types.WORKSPACE_DID_CHANGE_WATCHED_FILES, options)
            await self.client_register_capability_async(types.RegistrationParams([registration]))


def make_server(catalogue: Catalogue) -> ModelintServer:
    """A server with all that it answers to."""
    server = ModelintServer(catalogue)
    _follow_documents(server)
    _follow_workspace(server)
    _answer(server)
    return server


def _follow_documents(server: ModelintServer) -> None:
    """What is opened, changed, saved and closed."""

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: types.DidOpenTextDocumentParams) -> None:
        server.put_document(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: types.DidChangeTextDocumentParams) -> None:
        server.put_document(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: types.DidCloseTextDocumentParams) -> None:
        _close(server, params.text_document.uri)

    @server.feature(types.NOTEBOOK_DOCUMENT_DID_OPEN)
    def notebook_opened(params: types.DidOpenNotebookDocumentParams) -> None:
        server.put_notebook(params.notebook_document.uri)

    @server.feature(types.NOTEBOOK_DOCUMENT_DID_CHANGE)
    def notebook_changed(params: types.DidChangeNotebookDocumentParams) -> None:
        server.put_notebook(params.notebook_document.uri)

    @server.feature(types.NOTEBOOK_DOCUMENT_DID_CLOSE)
    def notebook_closed(params: types.DidCloseNotebookDocumentParams) -> None:
        _close(server, params.notebook_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    @server.feature(types.NOTEBOOK_DOCUMENT_DID_SAVE)
    def saved(params: Any) -> None:
        if server.worker is not None:
            server.worker.refresh()


def _close(server: ModelintServer, uri: str) -> None:
    if server.worker is not None:
        server.worker.close(uri)


def _follow_workspace(server: ModelintServer) -> None:
    """The start, the end, and what happens to files in between."""

    @server.feature(types.INITIALIZED)
    async def initialized(params: types.InitializedParams) -> None:
        server.begin()
        await server.watch()

    @server.feature(types.SHUTDOWN)
    def shutdown(params: None) -> None:
        if server.worker is not None:
            server.worker.end()

    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def watched(params: types.DidChangeWatchedFilesParams) -> None:
        if server.worker is None:
            return
        if all(each.type is types.FileChangeType.Changed and each.uri.endswith(".py") for each in params.changes):
            server.worker.refresh()
        else:
            server.worker.restart()


def _answer(server: ModelintServer) -> None:
    """What can be asked about a place."""

    @server.feature(types.TEXT_DOCUMENT_CODE_ACTION, types.CodeActionOptions(code_action_kinds=list(actions.KINDS)))
    def code_actions(params: types.CodeActionParams) -> list[types.CodeAction]:
        current = server.current(params.text_document.uri)
        found: list[types.CodeAction] = []
        if actions.wanted(types.CodeActionKind.QuickFix, params.context.only):
            for diagnostic in current:
                if _meet(diagnostic.range, params.range):
                    found += actions.fixes_of(diagnostic)
                    found += server.excuses(params.text_document.uri, diagnostic)
        if actions.wanted(actions.FIX_ALL, params.context.only):
            everything = actions.fix_all(current)
            found += [everything] if everything is not None else []
        return found

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    def hover(params: types.HoverParams) -> types.Hover | None:
        uri, here = params.text_document.uri, types.Range(params.position, params.position)
        named = [(str(each.code), each.range) for each in server.current(uri) if _meet(each.range, here)]
        named += [(rule, span) for rule, span in server.ignored(uri) if _meet(span, here)]
        pages = [server.pages[rule] for rule in dict.fromkeys(rule for rule, _ in named) if rule in server.pages]
        if not pages:
            return None
        text = "\n\n---\n\n".join(pages)
        return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, text), named[0][1])


def _meet(one: types.Range, other: types.Range) -> bool:
    return one.start <= other.end and other.start <= one.end
