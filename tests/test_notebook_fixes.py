"""Edits of cells, written back into the file: nothing else in it changes."""

from __future__ import annotations

import json
import re

import nbformat
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from modelint.documents import Notebook, read_notebook
from modelint.documents.cells import in_cells
from modelint.documents.notebook_file import NotebookFile
from modelint.finding import Confidence, Edit, Finding, Fix, Place, Safety, Severity, Span
from test_notebooks import files, saved

DIFFERENT = """\
{
\t"nbformat_minor":2 ,"metadata" : {"é": 1.50, "a": []},
\t"cells":[{"source":["model(x)\\n" ,"y = '\\u00e9'"],"outputs":[{"text": "x\\ty"}],"cell_type":"code"},
  {"cell_type":"code", "source":"a = 1\\nb = \\"2\\""}], "nbformat":4}\r
"""
"""A notebook that no program would write so."""


def rewritten(data: str, *edits: Edit) -> str:
    """The text of a notebook after some edits."""
    return NotebookFile(data.encode()).rewritten(edits).decode()


def test_an_edit_rewrites_the_string_that_it_changes_and_no_other() -> None:
    after = rewritten(DIFFERENT, Edit(Span(1, 8, 1, 8), ', "é"', cell=1))
    assert after == DIFFERENT.replace('"model(x)\\n"', '"model(x, \\"é\\")\\n"')


def test_a_source_that_is_one_string_stays_one() -> None:
    after = rewritten(DIFFERENT, Edit(Span(1, 5, 1, 6), "3", cell=2), Edit(Span(2, 1, 2, 1), "c = 4\n", cell=2))
    assert after == DIFFERENT.replace('"a = 1\\nb = \\"2\\""', '"a = 3\\nc = 4\\nb = \\"2\\""')


def test_new_lines_become_strings_of_the_list_as_jupyter_writes_them() -> None:
    before = saved("import keras\nmodel(x)", "y = 1")
    seeded = rewritten(
        before, Edit(Span(2, 1, 2, 1), "keras.utils.set_random_seed(0)\n", cell=1), Edit(Span(1, 6, 1, 6), "\n", cell=2)
    )
    assert nbformat.writes(nbformat.reads(seeded, 4)) == seeded
    nbformat.validate(nbformat.reads(seeded, 4))
    assert json.loads(seeded)["cells"][0]["source"] == [
        "import keras\n",
        "keras.utils.set_random_seed(0)\n",
        "model(x)",
    ]
    assert json.loads(seeded)["cells"][1]["source"] == ["y = 1\n"]


def test_deleted_lines_take_their_strings_with_them() -> None:
    before = saved("a = 1\n# gone\nb = 2\n# gone too")
    after = rewritten(before, Edit(Span(2, 1, 3, 1), "", cell=1), Edit(Span(4, 1, 5, 1), "", cell=1))
    assert after == before.replace('    "# gone\\n",\n', "").replace('"b = 2\\n",\n    "# gone too"', '"b = 2"')
    assert rewritten(saved("# gone"), Edit(Span(1, 1, 2, 1), "", cell=1)) == saved("# gone").replace('"# gone"', '""')


def test_what_is_added_after_the_last_line_end_has_a_string_of_its_own() -> None:
    before = saved("a = 1\n")
    assert '"a = 1\\n"' in before
    after = rewritten(before, Edit(Span(2, 1, 2, 1), "b = 2", cell=1))
    assert after == before.replace('"a = 1\\n"', '"a = 1\\n",\n    "b = 2"')


def test_a_byte_order_mark_and_line_ends_stay() -> None:
    data = b"\xef\xbb\xbf" + saved("a = 1\nb = 2").replace("\n", "\r\n").encode()
    after = NotebookFile(data).rewritten([Edit(Span(1, 6, 1, 6), "\nc = 3", cell=1)])
    expected = b'    "a = 1\\n",\r\n    "c = 3\\n",\r\n    "b = 2"\r\n'
    assert after == data.replace(b'    "a = 1\\n",\r\n    "b = 2"\r\n', expected)


def test_an_edit_of_no_cell_changes_nothing() -> None:
    assert rewritten(DIFFERENT, Edit(Span(1, 1, 1, 1), "x", cell=7), Edit(Span(1, 1, 1, 1), "x")) == DIFFERENT


@given(files(), st.data())
def test_edits_change_what_they_say_and_keep_all_other_bytes(
    case: tuple[list[str], bytes], data: st.DataObject
) -> None:
    texts, before = case
    cell = data.draw(st.integers(1, len(texts)))
    text = texts[cell - 1]
    assume(text and "\r" not in text)
    first, last = sorted((data.draw(st.integers(0, len(text))), data.draw(st.integers(0, len(text)))))
    new = data.draw(st.sampled_from(["training=True", "a\nb", "a\n", "\\n", "é", ""]))

    def place(index: int) -> tuple[int, int]:
        return text.count("\n", 0, index) + 1, index - (text.rfind("\n", 0, index) + 1) + 1

    edit = Edit(Span(*place(first), *place(last)), new, cell)
    after = NotebookFile(before).rewritten([edit])
    if not new and first < last == len(text) and text[:first].endswith("\n"):
        first -= 1  # the line goes, with the line end before it
    expected = [*texts[: cell - 1], text[:first] + new + text[last:], *texts[cell:]]
    found = json.loads(after)
    sources = [each["source"] for each in found["cells"]]
    assert ["".join(source) for source in sources] == expected
    assert [found["cells"][n] for n in range(len(texts)) if n != cell - 1] == [
        each for n, each in enumerate(json.loads(before)["cells"]) if n != cell - 1
    ]
    if isinstance(sources[cell - 1], list):
        strings = [string for string in sources[cell - 1] if string]
        assert strings == re.findall(r"[^\n]*\n|[^\n]+", expected[cell - 1])


@pytest.mark.parametrize(
    ("cells", "edit", "kept"),
    [
        (("a = 1", "b = 2"), Edit(Span(1, 1, 1, 1), "import x\n"), True),
        (("%%time\na = 1", "b = 2"), Edit(Span(1, 1, 1, 1), "import x\n"), False),
        (("%%time\na = 1", "b = 2"), Edit(Span(2, 1, 2, 1), "import x\n"), True),
        (("  a = 1", "b = 2"), Edit(Span(1, 1, 1, 1), "import x\n"), False),
        (("a = 1", "b = 2"), Edit(Span(1, 1, 2, 4), "c"), False),
        (("a = 1", "b = 2"), Edit(Span(1, 1, 2, 1), ""), True),
    ],
)
def test_a_fix_that_would_break_a_cell_is_not_offered(cells: tuple[str, ...], edit: Edit, kept: bool) -> None:
    data = saved(*cells).encode()
    notebook = read_notebook("a.ipynb", data)
    assert isinstance(notebook, Notebook)
    fix = Fix("fix it", Safety.SAFE, (edit,))
    finding = Finding("x", Severity.ERROR, Confidence.HIGH, Place("a.ipynb", Span(1, 1, 1, 2)), "wrong", fix=fix)
    assert (in_cells(finding, lambda path: (notebook, NotebookFile(data))).fix is not None) is kept
