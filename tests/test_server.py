"""The language server, talked to by a real client over standard input and output."""

from __future__ import annotations

import asyncio
import queue
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path

import pytest
import pytest_lsp
from lsprotocol import types
from pygls.workspace import PositionCodec
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities, make_test_lsp_client

from conftest import Project
from modelint.facts import Program
from modelint.finding import Finding, Severity, Span
from modelint.rule import Rule
from modelint.selection import Catalogue
from modelint.server.excusing import excuse
from modelint.server.opened import Opened, Source
from modelint.server.worker import Worker
from test_notebooks import MODEL, STEP

SCRIPT = f"{MODEL}\n\n\n{STEP}\n"
BUG = "inference-mode-in-training"
LINE = SCRIPT.splitlines().index("        loss = tf.reduce_mean((model(x) - y) ** 2)")
PATIENCE = 60.0
CALL = "y = model(x)"
EXCUSE = "# modelint: ignore[mode-lost-in-call] say why"

Diagnostics = Sequence[types.Diagnostic]


def make_client() -> LanguageClient:
    """A client that lets the server register for changes of files."""
    made = make_test_lsp_client()

    @made.feature(types.CLIENT_REGISTER_CAPABILITY)
    def register(params: types.RegistrationParams) -> None:
        assert [each.method for each in params.registrations] == [types.WORKSPACE_DID_CHANGE_WATCHED_FILES]

    return made


COMMAND = [sys.executable, "-m", "modelint", "server"]


@pytest_lsp.fixture(config=ClientServerConfig(server_command=COMMAND, client_factory=make_client))
async def client(lsp_client: LanguageClient, tmp_path: Path) -> AsyncIterator[None]:
    """A client that says it is Visual Studio Code, in an empty project."""
    (tmp_path / ".git").mkdir()
    await lsp_client.initialize_session(
        types.InitializeParams(
            capabilities=client_capabilities("visual-studio-code"),
            workspace_folders=[types.WorkspaceFolder(tmp_path.as_uri(), "project")],
            root_uri=tmp_path.as_uri(),
        )
    )
    yield
    await lsp_client.shutdown_session()


def open_text(client: LanguageClient, path: Path, text: str, language: str = "python") -> str:
    """Open a text; its URI."""
    document = types.TextDocumentItem(path.as_uri(), language, 1, text)
    client.text_document_did_open(types.DidOpenTextDocumentParams(document))
    return path.as_uri()


def change(client: LanguageClient, uri: str, version: int, text: str) -> None:
    """Replace the whole of a text."""
    document = types.VersionedTextDocumentIdentifier(version, uri)
    whole = types.TextDocumentContentChangeWholeDocument(text)
    client.text_document_did_change(types.DidChangeTextDocumentParams(document, [whole]))


async def until(client: LanguageClient, uri: str, wanted: Callable[[Diagnostics], bool]) -> Diagnostics:
    """The diagnostics of a text as soon as they are as wanted."""
    while uri not in client.diagnostics or not wanted(client.diagnostics[uri]):
        await asyncio.wait_for(client.wait_for_notification(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS), PATIENCE)
    return client.diagnostics[uri]


def codes(diagnostics: Diagnostics) -> list[str]:
    """The rules, in order."""
    return [str(diagnostic.code) for diagnostic in diagnostics]


def apply(text: str, edits: Sequence[types.TextEdit]) -> str:
    """A text of single-unit characters after some edits."""
    lines = text.splitlines(keepends=True)
    for edit in sorted(edits, key=lambda edit: edit.range.start, reverse=True):
        start, end = (sum(map(len, lines[: at.line])) + at.character for at in (edit.range.start, edit.range.end))
        text = text[:start] + edit.new_text + text[end:]
    return text


@pytest.mark.asyncio
async def test_diagnostics_follow_what_is_typed(client: LanguageClient, tmp_path: Path) -> None:
    uri = open_text(client, tmp_path / "train.py", SCRIPT)
    (diagnostic,) = await until(client, uri, bool)
    assert diagnostic.range == types.Range(types.Position(LINE, 31), types.Position(LINE, 39))
    assert diagnostic.severity is types.DiagnosticSeverity.Error
    assert (diagnostic.code, diagnostic.source) == (BUG, "modelint")
    assert diagnostic.message == "this training step runs Dropout in inference mode; pass training=True"
    assert diagnostic.code_description is not None
    assert diagnostic.code_description.href.endswith("/mode/inference_mode_in_training.py")
    (made, contains) = diagnostic.related_information or ()
    assert (made.message, made.location.uri, made.location.range.start) == (
        "Sequential is made here",
        uri,
        types.Position(2, 8),
    )
    assert contains.message == "it contains Dropout"

    change(client, uri, 2, SCRIPT.replace("model(x)", "model(x, training=True)"))
    assert not await until(client, uri, lambda found: not found)
    change(client, uri, 3, "\n" + SCRIPT)
    (diagnostic,) = await until(client, uri, bool)
    assert diagnostic.range.start.line == LINE + 1

    client.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(uri)))
    assert not await until(client, uri, lambda found: not found)


@pytest.mark.asyncio
async def test_a_text_that_does_not_parse_keeps_what_was_found_where_it_is_now(
    client: LanguageClient, tmp_path: Path
) -> None:
    uri = open_text(client, tmp_path / "train.py", SCRIPT)
    await until(client, uri, bool)
    change(client, uri, 2, "x = (\n" + SCRIPT)
    broken = await until(client, uri, lambda found: len(found) == 2)
    assert [(each.code, each.range.start.line) for each in broken] == [("unreadable", 0), (BUG, LINE + 1)]
    assert broken[1].data is None
    change(client, uri, 3, "x = 1\n" + SCRIPT)
    (whole,) = await until(client, uri, lambda found: len(found) == 1)
    assert (whole.code, whole.range.start.line) == (BUG, LINE + 1)


@pytest.mark.asyncio
async def test_positions_count_in_utf_16_units(client: LanguageClient, tmp_path: Path) -> None:
    text = SCRIPT.replace("(model(x)", "('😀é' and model(x)")
    uri = open_text(client, tmp_path / "train.py", text)
    (diagnostic,) = await until(client, uri, bool)
    before = text.splitlines()[LINE].index("model(x)")
    assert diagnostic.range.start.character == before + 1
    assert diagnostic.range.end.character == before + 1 + len("model(x)")
    (edit,) = diagnostic.data["edits"]
    assert edit["range"]["start"]["character"] == before + 1 + len("model(x")


@pytest.mark.asyncio
async def test_a_module_that_changes_in_the_editor_changes_the_diagnostics_of_what_imports_it(
    client: LanguageClient, tmp_path: Path
) -> None:
    (tmp_path / "made.py").write_text(MODEL.replace("Dropout(0.5)", "Dense(3)"))
    uri = open_text(
        client, tmp_path / "train.py", f"from made import model, optimizer\nimport tensorflow as tf\n\n{STEP}\n"
    )
    assert not await until(client, uri, lambda found: not found)
    open_text(client, tmp_path / "made.py", MODEL)
    assert codes(await until(client, uri, bool)) == [BUG]


@pytest.mark.asyncio
async def test_fixes_are_offered_and_marked_when_they_change_what_is_computed(
    client: LanguageClient, tmp_path: Path
) -> None:
    uri = open_text(client, tmp_path / "train.py", SCRIPT + "# modelint: ignore[hard-wired-training] why\n")
    diagnostics = await until(client, uri, bool)
    assert codes(diagnostics) == [BUG, "unused-ignore"]
    assert list(diagnostics[1].tags or ()) == [types.DiagnosticTag.Unnecessary]

    async def offered(line: int, *only: str) -> list[types.CodeAction]:
        here = types.Range(types.Position(line, 35), types.Position(line, 35))
        context = types.CodeActionContext(diagnostics=[], only=list(only) or None)
        params = types.CodeActionParams(types.TextDocumentIdentifier(uri), here, context)
        found = await client.text_document_code_action_async(params)
        return [each for each in found or () if isinstance(each, types.CodeAction)]

    (fix, excuse, everything) = await offered(LINE)
    assert fix.title == "pass training=True (changes what the program computes)"
    assert (fix.kind, fix.is_preferred) == (types.CodeActionKind.QuickFix, None)
    assert fix.edit is not None
    assert fix.edit.changes is not None
    assert "(model(x, training=True) - y)" in apply(SCRIPT, fix.edit.changes[uri])

    assert everything.kind == "source.fixAll.modelint"
    assert [each.title for each in await offered(0, "source")] == [everything.title]
    assert [each.title for each in await offered(LINE, "quickfix")] == [fix.title, excuse.title]
    assert excuse.edit is not None
    assert excuse.edit.changes is not None
    excused = apply(SCRIPT, excuse.edit.changes[uri])
    assert f"(model(x) - y) ** 2)  # modelint: ignore[{BUG}] say why\n" in excused
    change(client, uri, 2, excused)
    assert not await until(client, uri, lambda found: not found)
    assert everything.edit is not None
    assert everything.edit.changes is not None
    fixed = apply(SCRIPT + "# modelint: ignore[hard-wired-training] why\n", everything.edit.changes[uri])
    assert fixed == SCRIPT


@pytest.mark.asyncio
async def test_hover_shows_the_page_of_the_rule(client: LanguageClient, tmp_path: Path) -> None:
    uri = open_text(client, tmp_path / "train.py", SCRIPT + "x = 1  # modelint: ignore[hard-wired-training] why\n")
    await until(client, uri, bool)

    async def hover(line: int) -> types.Hover | None:
        position = types.Position(line, 34)
        return await client.text_document_hover_async(types.HoverParams(types.TextDocumentIdentifier(uri), position))

    shown = await hover(LINE)
    assert shown is not None
    assert isinstance(shown.contents, types.MarkupContent)
    assert shown.contents.value.startswith(f"# {BUG}\n")
    named = await hover(SCRIPT.count("\n"))
    assert named is not None
    assert isinstance(named.contents, types.MarkupContent)
    assert "# hard-wired-training\n" in named.contents.value
    assert await hover(0) is None


@pytest.mark.asyncio
async def test_the_configuration_is_read_anew_when_it_changes(client: LanguageClient, tmp_path: Path) -> None:
    uri = open_text(client, tmp_path / "train.py", SCRIPT)
    await until(client, uri, bool)
    settings = tmp_path / "modelint.toml"

    def written(text: str) -> None:
        settings.write_text(text)
        event = types.FileEvent(settings.as_uri(), types.FileChangeType.Changed)
        client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams([event]))

    written('ignore = ["mode"]\n')
    assert not await until(client, uri, lambda found: not found)
    written('[severity]\ninference-mode-in-training = "note"\n')
    (diagnostic,) = await until(client, uri, bool)
    assert diagnostic.severity is types.DiagnosticSeverity.Information
    written("nonsense = 1\n")
    while not client.messages:
        await asyncio.wait_for(client.wait_for_notification(types.WINDOW_SHOW_MESSAGE), PATIENCE)
    assert "modelint.toml: nonsense: " in client.messages[0].message
    written('extend-exclude = ["train.py"]\n')
    assert not await until(client, uri, lambda found: not found)


@pytest.mark.asyncio
async def test_a_notebook_has_its_diagnostics_in_its_cells(client: LanguageClient, tmp_path: Path) -> None:
    notebook = (tmp_path / "a.ipynb").as_uri()
    texts = {
        f"{notebook.replace('file', 'vscode-notebook-cell')}#{n}": t for n, t in enumerate((MODEL, "%cd ..", STEP))
    }
    cells = [types.NotebookCell(types.NotebookCellKind.Code, uri) for uri in texts]
    client.notebook_document_did_open(
        types.DidOpenNotebookDocumentParams(
            types.NotebookDocument(notebook, "jupyter-notebook", 1, cells),
            [types.TextDocumentItem(uri, "python", 1, text) for uri, text in texts.items()],
        )
    )
    first, magic, last = texts
    (diagnostic,) = await until(client, last, bool)
    assert (diagnostic.code, diagnostic.range.start) == (BUG, types.Position(2, 31))
    assert [each.location.uri for each in diagnostic.related_information or ()] == [first, first]
    assert not client.diagnostics[first]
    assert not client.diagnostics[magic]
    assert diagnostic.data["edits"][0]["uri"] == last

    def typed(uri: str, version: int, text: str) -> None:
        change = types.NotebookDocumentCellContentChanges(
            types.VersionedTextDocumentIdentifier(version, uri), [types.TextDocumentContentChangeWholeDocument(text)]
        )
        client.notebook_document_did_change(
            types.DidChangeNotebookDocumentParams(
                types.VersionedNotebookDocumentIdentifier(version, notebook),
                types.NotebookDocumentChangeEvent(cells=types.NotebookDocumentCellChanges(text_content=[change])),
            )
        )

    typed(magic, 2, "y = (")
    assert codes(await until(client, magic, bool)) == ["unreadable"]
    assert codes(client.diagnostics[last]) == [BUG]
    typed(last, 3, STEP.replace("model(x)", "model(x, training=True)"))
    assert not await until(client, last, lambda found: not found)


@pytest.mark.asyncio
async def test_a_notebook_that_is_open_as_text_has_its_diagnostics_in_the_json(
    client: LanguageClient, tmp_path: Path
) -> None:
    from test_notebooks import saved

    text = saved(MODEL, STEP)
    uri = open_text(client, tmp_path / "a.ipynb", text, "json")
    (diagnostic,) = await until(client, uri, bool)
    line = text.splitlines()[diagnostic.range.start.line]
    assert line[diagnostic.range.start.character : diagnostic.range.end.character] == "model(x)"


@pytest.mark.asyncio
async def test_what_cannot_be_examined_does_not_end_the_server(client: LanguageClient, tmp_path: Path) -> None:
    deep = open_text(client, tmp_path / "deep.py", "import keras\nx = " + "(" * 5000 + ")" * 5000)
    assert codes(await until(client, deep, bool)) == ["unreadable"]
    client.text_document_did_open(
        types.DidOpenTextDocumentParams(types.TextDocumentItem("untitled:Untitled-1", "python", 1, SCRIPT))
    )
    uri = open_text(client, tmp_path / "train.py", SCRIPT)
    assert codes(await until(client, uri, bool)) == [BUG]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (CALL, f"{CALL}  {EXCUSE}"),
        (
            "%cd ..\n%time y = model(x)",
            "%cd ..\n%time y = model(x)  # modelint: ignore[mode-lost-in-call] say why",
        ),
        ("y = (  # modelint: ignore[a] b\n  1)", "y = (  # modelint: ignore[a, mode-lost-in-call] b\n  1)"),
        ("y = '''\n'''", f"y = '''\n'''  {EXCUSE}"),
        ("y = (", None),
    ],
)
def test_a_comment_that_excuses_is_put_where_it_holds(cell: str, expected: str | None) -> None:
    line = 2 if "%time" in cell else 1
    edit = excuse(cell, "mode-lost-in-call", Span(line, 1, line, 2), in_cell=True)
    if expected is None:
        assert edit is None
    else:
        assert edit is not None
        lines = cell.split("\n")
        text = lines[edit.span.line - 1]
        lines[edit.span.line - 1] = text[: edit.span.column - 1] + edit.text + text[edit.span.column - 1 :]
        assert "\n".join(lines) == expected


def test_a_rule_that_fails_is_a_diagnostic_and_the_server_goes_on(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = Rule("faulty.mode.bad_rule", severity=Severity.ERROR, since="0.1")
    failing = True

    @rule.on(Program)
    def check(fact: Program, program: Program) -> Iterator[Finding]:
        if failing:
            raise ZeroDivisionError("oops")
        yield from ()

    published: queue.Queue[types.PublishDiagnosticsParams] = queue.Queue()
    complaints: list[str] = []
    monkeypatch.setitem(sys.modules, "faulty.mode.bad_rule", sys.modules[__name__])
    worker = Worker(Catalogue((rule,)), PositionCodec(), published.put, complaints.append)
    uri = (project.path / "train.py").as_uri()

    def put(version: int) -> list[str]:
        worker.put(Opened(uri, str(project.path / "train.py"), SCRIPT.encode(), {None: Source(uri, version)}))
        while (params := published.get(timeout=PATIENCE)).version != version:
            pass
        return codes(params.diagnostics)

    assert put(1) == ["internal-error"]
    failing = False
    assert put(2) == []
    worker.put(Opened(uri, "\0", SCRIPT.encode(), {None: Source(uri, 3)}))
    assert put(4) == []
    worker.end()
    assert len(complaints) <= 1
