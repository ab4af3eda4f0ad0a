"""Notebooks: cells as one module, what IPython adds to Python, findings by cell, line and column."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import Project
from modelint.documents import Notebook, Script, Unreadable, read_notebook
from modelint.documents.notebook_file import NotebookFile
from modelint.finding import Span
from modelint.render import FORMATS
from test_hook import GIT

MODEL = """\
import tensorflow as tf

model = tf.keras.Sequential([tf.keras.layers.Dense(3), tf.keras.layers.Dropout(0.5)])
optimizer = tf.keras.optimizers.Adam()"""

STEP = """\
def step(x, y):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((model(x) - y) ** 2)
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))"""

BUG = "this training step runs Dropout in inference mode; pass training=True [inference-mode-in-training]"

UNUSED = "'inference-mode-in-training' reports nothing here; remove it from the comment [unused-ignore]"


def saved(*cells: str | tuple[str, str], metadata: dict[str, Any] | None = None, version: int = 4) -> str:
    """A notebook of code cells, or of cells of a kind and a text, as Jupyter saves it."""
    new = nbformat.v4
    made = [
        new.new_code_cell(cell, outputs=[new.new_output("stream", text="keras\n")])
        if isinstance(cell, str)
        else (new.new_markdown_cell if cell[0] == "markdown" else new.new_raw_cell)(cell[1])
        for cell in cells
    ]
    for number, cell in enumerate(made):
        cell["id"] = f"cell-{number}"  # they are random
    notebook = new.new_notebook(
        cells=made, metadata=metadata or {"kernelspec": {"name": "python3", "language": "python", "display_name": "3"}}
    )
    if version == 3:
        return str(nbformat.writes(nbformat.convert(notebook, 3), 3))
    return str(nbformat.writes(notebook))


def read(*cells: str | tuple[str, str]) -> Notebook:
    """A notebook of code cells, which can be read."""
    notebook = read_notebook("a.ipynb", saved(*cells).encode())
    assert isinstance(notebook, Notebook)
    return notebook


def faults(notebook: Notebook) -> list[tuple[int, int, int, str]]:
    """Cell, line, column and message of what could not be read."""
    found = []
    for fault in notebook.faults:
        assert fault.place.span is not None
        located = notebook.locate(fault.place.span)
        assert located is not None
        found.append((located[0].number, located[1].line, located[1].column, fault.message))
    return found


@pytest.mark.parametrize("version", [3, 4])
def test_cells_are_one_module_and_a_finding_says_its_cell_counted_among_all_cells(
    project: Project, version: int
) -> None:
    project.write("a.ipynb", saved(MODEL, ("markdown", "# Training"), ("raw", "model(1)"), STEP, version=version))
    assert project.concise() == [f"a.ipynb:cell 4:3:32: error: {BUG}"]


def test_the_full_format_shows_the_source_of_the_cells(project: Project) -> None:
    project.write("a.ipynb", saved(MODEL, ("markdown", "text"), STEP))
    out = project.run("check", "--quiet").out
    assert " --> a.ipynb:cell 3:3:32\n" in out
    assert (
        "3 |         loss = tf.reduce_mean((model(x) - y) ** 2)\n  |                                ^^^^^^^^\n" in out
    )
    assert " ::: a.ipynb:cell 1:3:9\n" in out
    assert "3 | model = tf.keras.Sequential([" in out


def test_the_json_has_cells_for_findings_reasons_and_edits(project: Project) -> None:
    project.write("a.ipynb", saved(MODEL, STEP))
    (finding,) = json.loads(project.run("check", "--output-format", "json").out)
    assert (finding["path"], finding["cell"], finding["line"], finding["column"]) == ("a.ipynb", 2, 3, 32)
    assert {reason["cell"] for reason in finding["because"]} == {1}
    assert {edit["cell"] for edit in finding["fix"]["edits"]} == {2}


def test_formats_that_know_no_cells_have_the_lines_of_the_notebooks_file(project: Project) -> None:
    text = saved(MODEL, ("markdown", "text"), STEP)
    project.write("a.ipynb", text)
    (line,) = (number for number, each in enumerate(text.splitlines(), 1) if "model(x)" in each)
    column = text.splitlines()[line - 1].index("model(x)") + 1
    form = {name: project.run("check", "-q", "--output-format", name).out for name in FORMATS}
    region = json.loads(form["sarif"])["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": line, "startColumn": column, "endLine": line, "endColumn": column + 8}
    assert f"file=a.ipynb,line={line},endLine={line},col={column},endColumn={column + 8}::" in form["github"]
    assert json.loads(form["gitlab"])[0]["location"]["lines"] == {"begin": line, "end": line}
    assert f"linenumber={line};columnnumber={column};" in form["azure"]
    assert f'line="{line}"' in form["junit"]
    assert "a.ipynb:cell 3:3:32" in form["markdown"]
    (diagnostic,) = json.loads(form["rdjson"])["diagnostics"]
    (suggestion,) = diagnostic["suggestions"]
    start, end = (suggestion["range"][edge]["column"] - 1 for edge in ("start", "end"))
    lines = text.splitlines()
    lines[line - 1] = lines[line - 1][:start] + suggestion["text"] + lines[line - 1][end:]
    assert "model(x, training=True)" in "".join(json.loads("\n".join(lines))["cells"][2]["source"])


def test_only_what_was_changed_in_the_notebooks_file_is_new(project: Project) -> None:
    project.write("a.ipynb", saved(MODEL, STEP))
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*GIT, *command], cwd=project.path, check=True)
    assert project.concise("--diff-base", "HEAD") == []
    project.write("a.ipynb", saved(MODEL, "x = 1", STEP))
    assert project.concise("--diff-base", "HEAD") == []
    project.write("a.ipynb", saved(MODEL, STEP.replace("(model(x)", "2 * (model(x)")))
    assert len(project.concise("--diff-base", "HEAD")) == 1


def test_a_finding_has_the_same_fingerprint_wherever_its_cell_stands(project: Project) -> None:
    marks = []
    for cells in ((MODEL, STEP), ("pass", MODEL, ("markdown", "text"), STEP)):
        project.write("a.ipynb", saved(*cells))
        (finding,) = json.loads(project.run("check", "--output-format", "json").out)
        marks.append(finding["fingerprint"])
    assert marks[0] == marks[1]


def test_a_notebook_that_is_not_saved_yet_is_read_from_standard_input(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write("a.ipynb", saved("x = 1"))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(saved(MODEL, STEP).encode())))
    assert project.concise("--stdin-filename", "a.ipynb", "-") == [f"a.ipynb:cell 2:3:32: error: {BUG}"]


def test_a_notebook_imports_modules_of_the_project(project: Project) -> None:
    project.write("made.py", MODEL)
    project.write("a.ipynb", saved("from made import model, optimizer", "import tensorflow as tf", STEP))
    assert project.concise() == [f"a.ipynb:cell 3:3:32: error: {BUG}"]
    project.write("a.ipynb", saved("import made"))
    assert "analysed: 2 files" in project.run("check", "--verbose").err


def test_a_notebook_whose_outputs_alone_name_a_framework_is_not_analysed(project: Project) -> None:
    project.write("a.ipynb", saved("x = 1"))
    assert "analysed: 0 files" in project.run("check", "--verbose").err


def test_copies_that_jupyter_keeps_are_not_examined(project: Project) -> None:
    project.write(".ipynb_checkpoints/a-checkpoint.ipynb", saved(MODEL, STEP))
    project.write("a.ipynb", saved("x = 1"))
    assert project.run("check").out == "All clear: 1 file examined\n"


def test_a_comment_in_a_cell_excuses_a_finding_and_reaches_no_other_cell(project: Project) -> None:
    ignore = "# modelint: ignore[inference-mode-in-training]"
    project.write("a.ipynb", saved(MODEL, STEP.replace(" ** 2)", f" ** 2)  {ignore} frozen")))
    assert project.concise() == []
    project.write("a.ipynb", saved(MODEL, "x = 1\n" + ignore, STEP))
    assert project.concise() == [
        f"a.ipynb:cell 2:2:20: warning: {UNUSED}",
        f"a.ipynb:cell 3:3:32: error: {BUG}",
    ]
    project.write("a.ipynb", saved(MODEL, "# modelint: file-ignore[mode] why", STEP))
    assert project.concise()[0].startswith("a.ipynb:cell 2:1:25: warning: there is no rule 'mode'")
    project.write("a.ipynb", saved(MODEL, "# modelint: file-ignore[inference-mode-in-training] why", STEP))
    assert project.concise() == []


def test_a_cell_that_is_no_python_is_a_finding_in_that_cell_and_the_rest_goes_on(project: Project) -> None:
    project.write("a.ipynb", saved(MODEL, "if x:\n  y = (\n", STEP, "x = = 1"))
    ran = project.run("check", "--output-format", "concise")
    assert ran.code == 2
    assert ran.out.splitlines() == [
        "a.ipynb:cell 2:2:7: error: the cell is not valid Python 3: '(' was never closed [unreadable]",
        f"a.ipynb:cell 3:3:32: error: {BUG}",
        "a.ipynb:cell 4:1:5: error: the cell is not valid Python 3: invalid syntax [unreadable]",
        "3 findings (3 errors) in 1 file; 1 of 1 file could not be examined in full",
        "1 fixable with --fix --unsafe-fixes",
    ]


def test_a_cell_that_is_no_python_is_found_in_a_notebook_without_a_framework_too(project: Project) -> None:
    project.write("a.ipynb", saved("x = 1", "y = ("))
    assert len(project.concise()) == 1
    assert project.run("check").code == 2


@pytest.mark.parametrize(
    ("content", "line", "column", "message"),
    [
        ('{"cells": [\n {"cell_type": }]}', 2, 16, "the file is not valid JSON: expecting value"),
        ("", 1, 1, "the file is not valid JSON: expecting value"),
        ("[]", 1, 1, "the file is not a Jupyter notebook: it has no list of cells"),
        ('{"cells": {}}', 1, 1, "the file is not a Jupyter notebook: it has no list of cells"),
        (b'{"cells": [],\n "x": "\xff"}', 2, 8, "the file holds byte 0xff, which is not utf-8"),
    ],
)
def test_a_file_that_is_no_notebook_is_unreadable_with_its_place(
    project: Project, content: str | bytes, line: int, column: int, message: str
) -> None:
    project.write("a.ipynb", content)
    assert project.concise() == [f"a.ipynb:{line}:{column}: error: {message} [unreadable]"]
    assert project.run("check").code == 2


def test_a_notebook_in_another_language_is_said_not_to_be_examined(project: Project) -> None:
    project.write(
        "a.ipynb", saved("x <- 1", metadata={"kernelspec": {"name": "ir", "language": "R", "display_name": "R"}})
    )
    ran = project.run("check", "--output-format", "concise")
    assert ran.code == 0
    assert ran.out.splitlines() == [
        "a.ipynb: note: not examined: the notebook is written in r, not Python [unexamined]",
        "1 finding (1 note) in 1 file; 1 file examined",
    ]


def test_cells_in_another_language_than_the_notebook_are_not_read() -> None:
    document = json.loads(saved("select * from t", "x = 1"))
    document["cells"][0]["metadata"] = {"vscode": {"languageId": "sql"}}
    notebook = read_notebook("a.ipynb", json.dumps(document).encode())
    assert isinstance(notebook, Notebook)
    assert ([cell.number for cell in notebook.cells], notebook.faults) == ([2], ())


@pytest.mark.parametrize(
    ("source", "module"),
    [
        ("%matplotlib inline\nx = 1", "pass\nx = 1"),
        ("if x:\n    !pip install keras \\\n      tensorflow\n    y = 1", "if x:\n    pass\n\n    y = 1"),
        ("files = !ls\na, b = %magic x", "files = get_ipython()\na, b = get_ipython()"),
        ("?print\nprint??\n%time?", "pass\npass\npass"),
        ("%time y = f(x)\n%time", "y = f(x)\npass"),
        ("x = (7\n% 4)\n%cd ..", "x = (7\n% 4)\npass"),
        ('text = """\n%no magic\n"""\n%cd ..', 'text = """\n%no magic\n"""\npass'),
        ("x = 1 \\\n  % 2\n!ls", "x = 1 \\\n  % 2\npass"),
        ("x = 1  # really?\n!ls", "x = 1  # really?\npass"),
        ("  x = 1\n  if x:\n    y = 2", "x = 1\nif x:\n  y = 2"),
        (">>> x = 1\n... \n>>> y = 2", "x = 1\n\ny = 2"),
        ("pip install keras", ""),
        ("\n%%time\nx = 1\n!ls", "\n\nx = 1\npass"),
        ("%%capture out\n%%time\nx = 1", "\n\nx = 1"),
        ("%%bash\nls | grep x", "\n"),
        ("%%html\n<b>x</b>", "\n"),
        ("await f()\nasync with x as y:\n    pass", "await f()\nasync with x as y:\n    pass"),
        ("", ""),
    ],
)
def test_what_only_ipython_understands_gives_way_to_python_on_the_same_lines(source: str, module: str) -> None:
    notebook = read(source)
    assert (notebook.text, notebook.faults) == (module, ())
    assert isinstance(notebook.script(), Script)


def test_columns_count_in_the_cell_where_something_stands_in_front_of_the_python() -> None:
    notebook = read("    x = 1\n    y = 2", "%time y = f(x)")
    script = notebook.script()
    assert isinstance(script, Script)
    spans = [notebook.locate(script.span(statement)) for statement in script.module.body]
    found = [(cell.number, span) for cell, span in filter(None, spans)]
    assert found == [(1, Span(1, 5, 1, 10)), (1, Span(2, 5, 2, 10)), (2, Span(1, 7, 1, 15))]


def test_a_line_magic_that_times_a_statement_runs_it(project: Project) -> None:
    project.write("a.ipynb", saved(MODEL, STEP.replace("step", "train"), "x = 1"))
    assert not any("unseeded-dropout" in line for line in project.concise())
    project.write("a.ipynb", saved(MODEL, STEP.replace("step", "train"), "%time train(1, 2)"))
    assert any("unseeded-dropout" in line for line in project.concise())


def test_what_is_wrong_with_a_cell_is_said_at_its_own_column() -> None:
    assert faults(read("x = 1", "   y = 2\n   z = )")) == [(2, 2, 8, "the cell is not valid Python 3: unmatched ')'")]


def test_a_cell_of_characters_that_no_python_has_is_a_fault_and_no_crash() -> None:
    document = {"cells": [{"cell_type": "code", "source": s} for s in ("x = '\ud800'", "x\0y", "x = 1")]}
    notebook = read_notebook("a.ipynb", json.dumps(document).encode())
    assert isinstance(notebook, Notebook)
    assert [cell for cell, *_ in faults(notebook)] == [1, 2]
    assert isinstance(notebook.script(), Script)


def test_sources_may_be_strings_lists_or_nonsense() -> None:
    cells = [{"source": "x = 1\ny = 2"}, {"source": ["x = 1\n", "y = 2"]}, {"source": 3}, {}, {"source": [1]}]
    document = {"cells": [{"cell_type": "code", **cell} for cell in cells] + [None, "x", {"cell_type": 3}]}
    notebook = read_notebook("a.ipynb", b"\xef\xbb\xbf" + json.dumps(document).encode())
    assert isinstance(notebook, Notebook)
    assert [cell.lines for cell in notebook.cells] == [("x = 1", "y = 2")] * 2


@given(
    st.binary() | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(lambda x: json.dumps(x).encode())
)
def test_any_bytes_give_a_notebook_or_a_reason(data: bytes) -> None:
    assert isinstance(read_notebook("a.ipynb", data), Notebook | Unreadable)


TEXTS = st.text(st.sampled_from("ab =#\"'\\\n\t\r%!?é\u2028😀"), max_size=30)


@st.composite
def files(draw: st.DrawFn) -> tuple[list[str], bytes]:
    """The sources of code cells, and the bytes of a notebook that holds them, written in any way."""
    texts = draw(st.lists(TEXTS, min_size=1, max_size=4))
    as_list = draw(st.booleans())
    shaped: Sequence[object] = [re.findall(r"[^\n]*\n|[^\n]+", text) for text in texts] if as_list else texts
    cells = [{"cell_type": "code", "source": source} for source in shaped]
    indent, escaped = draw(st.sampled_from([None, 1, 4])), draw(st.booleans())
    return texts, json.dumps({"cells": cells, "nbformat": 4}, indent=indent, ensure_ascii=escaped).encode()


@given(files())
def test_every_character_of_every_cell_is_found_in_the_module_and_in_the_file(case: tuple[list[str], bytes]) -> None:
    texts, data = case
    notebook, file = read_notebook("a.ipynb", data), NotebookFile(data)
    assert isinstance(notebook, Notebook)
    written = re.split(r"\r\n?|\n", file.text)
    for cell, text in zip(notebook.cells, texts, strict=True):
        assert list(cell.lines) == re.split(r"\r\n?|\n", text)
        for number, line in enumerate(cell.lines):
            for column in range(1, len(line) + 1):
                inside = Span(number + 1, column, number + 1, column + 1)
                shift = cell.shifts[number]
                module = Span(cell.first + number, column - shift, cell.first + number, column + 1 - shift)
                assert notebook.locate(module) == (cell, inside)
                physical = file.span(cell.number, inside)
                assert physical is not None
                assert physical.line == physical.end_line
                raw = written[physical.line - 1][physical.column - 1 : physical.end_column - 1]
                assert json.loads(f'"{raw}"') == line[column - 1]
