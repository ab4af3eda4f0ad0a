"""Suppression comments that modelint writes: where they go, and that they do what they say."""

from __future__ import annotations

import ast
import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot

from conftest import Project
from modelint import Confidence, Finding, Place, Severity, Span
from modelint.ignores import ignore
from modelint.suppress import read_suppressions
from test_notebooks import saved

TRICKY = '''\
import os  # type: ignore
from a import (
    b,  # modelint: ignore[there-already] because
    c,
)

# modelint: ignore[above] because
loss = f(1,
         2)
text = """
{}
""".format(b)
total = 1 + \\
    2 + \\
    3
if a: b = 1; c = 2
@decorated(
    1)
def function(x, y=1):
\tif x: return f"{x!r:>{y}}"  # prose
\treturn f"""{
\t\tx
\t}"""
def empty(): ...
# modelint: file-ignore[whole] because
class C:
    """Docstring
    over lines."""
    x = [
        1,
        # a comment
        2,
    ]
'''


def finding(line: int, rule: str = "a-rule", end: int | None = None) -> Finding:
    """A finding on a line."""
    return Finding(rule, Severity.WARNING, Confidence.HIGH, Place("a.py", Span(line, 1, end or line, 2)), "wrong")


def after(text: str, *findings: Finding, reason: str = "because") -> str:
    """A text with the findings ignored, which must all be possible."""
    result = ignore("a.py", text, findings, reason)
    assert result.refused == ()
    return result.text


def test_a_comment_goes_to_the_end_of_the_line() -> None:
    assert after("x = 1\n", finding(1)) == "x = 1  # modelint: ignore[a-rule] because\n"
    assert after("x = 1", finding(1), reason="") == "x = 1  # modelint: ignore[a-rule]"
    assert after("x = 1  # type: ignore\n", finding(1)) == (
        "x = 1  # type: ignore  # modelint: ignore[a-rule] because\n"
    )


def test_several_rules_on_a_line_share_a_comment() -> None:
    assert after("x = 1\n", finding(1, "b-rule"), finding(1), finding(1)) == (
        "x = 1  # modelint: ignore[a-rule, b-rule] because\n"
    )


def test_a_comment_that_covers_the_line_gets_the_name_and_keeps_its_reason() -> None:
    assert after("x = 1  # modelint: ignore[old] why\n", finding(1)) == "x = 1  # modelint: ignore[old, a-rule] why\n"
    above = "# modelint: ignore[old] why\nx = f(1,\n      2)\n"
    assert after(above, finding(3)) == "# modelint: ignore[old, a-rule] why\nx = f(1,\n      2)\n"
    whole = "# modelint: file-ignore[old] why\nx = 1\n"
    assert after(whole, finding(2)) == "# modelint: file-ignore[old] why\nx = 1  # modelint: ignore[a-rule] because\n"


def test_a_line_that_can_hold_no_comment_has_it_at_the_end_of_the_statement() -> None:
    assert after('x = f("""\n""", 1)\n', finding(1)) == 'x = f("""\n""", 1)  # modelint: ignore[a-rule] because\n'
    assert after("x = 1 + \\\n    2\n", finding(1)) == "x = 1 + \\\n    2  # modelint: ignore[a-rule] because\n"


def test_a_reason_is_one_line() -> None:
    assert after("x = 1\n", finding(1), reason=" so\n  it is ") == "x = 1  # modelint: ignore[a-rule] so it is\n"


def test_what_has_no_line_or_no_program_is_left_over() -> None:
    whole = Finding("a-rule", Severity.NOTE, Confidence.HIGH, Place("a.py"), "wrong")
    assert ignore("a.py", "x = 1\n", [whole], "").refused == (whole,)
    broken = ignore("a.py", "x = (\n", [finding(1)], "")
    assert (broken.text, broken.refused) == ("x = (\n", (finding(1),))


@given(
    st.lists(st.tuples(st.integers(1, TRICKY.count("\n")), st.sampled_from(["a-rule", "b-rule", "above"])), max_size=8),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_the_program_stays_the_same_and_every_finding_is_suppressed(
    wanted: list[tuple[int, str]], line_end: str
) -> None:
    text = TRICKY.replace("\n", line_end)
    already = read_suppressions("a.py", text)
    findings = [each for line, rule in wanted if not already.matching(each := finding(line, rule))]
    result = ignore("a.py", text, findings, "because")
    assert ast.dump(ast.parse(result.text)) == ast.dump(ast.parse(text))
    assert set(result.ignored) | set(result.refused) == set(findings)
    assert len(read_suppressions("a.py", result.text).ignores) == len(already.ignores) + len(set(result.ignored))
    stripped = [line.partition("#")[0].rstrip() for line in result.text.splitlines()]
    assert [line for line in stripped if line] == [
        line for line in (line.partition("#")[0].rstrip() for line in text.splitlines()) if line
    ]


def test_a_second_run_over_a_project_is_clean(project: Project) -> None:
    quickstart = Path(__file__).parent.parent / "fixtures" / "quickstart"
    shutil.copytree(quickstart, project.path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    ran = project.run("check", "--add-ignore=until the retraining")
    assert (ran.code, ran.out) == (0, "All clear: 6 files examined\n")
    assert ran.err == "6 findings ignored in 4 files\n"
    silenced = "# modelint: ignore[inference-mode-in-training, unseeded-dropout] until the retraining"
    assert silenced in (project.path / "train.py").read_text()
    again = project.run("check")
    assert (again.code, again.out, again.err) == (0, "All clear: 6 files examined\n", "")


def test_a_file_keeps_its_encoding_its_line_ends_and_its_mark(project: Project) -> None:
    before = (
        "# coding: latin-1\r\nimport numpy as np\r\nimport tensorflow as tf\r\nn = 'é'\r\n"
        "model = tf.keras.Sequential([tf.keras.layers.Dropout(0.5)])\r\n"
        "leaf = np.argmax(model(tf.ones((1, 1)), training=True))\r\n"
    )
    path = project.write("a.py", before.encode("latin-1"))
    assert project.concise()
    assert project.run("check", "--add-ignore=déjà vu", "--quiet").code == 0
    after_bytes = path.read_bytes()
    assert b"d\xe9j\xe0 vu" in after_bytes
    assert after_bytes.count(b"\r\n") == before.count("\r\n") == after_bytes.count(b"\n")
    assert project.concise() == []


def test_a_reason_that_the_encoding_lacks_changes_nothing(project: Project) -> None:
    source = (
        "# coding: latin-1\nimport numpy as np\nimport keras\nmodel = keras.Sequential([keras.layers.Dropout(0.5)])\n"
    )
    path = project.write("a.py", source + "leaf = np.argmax(model(np.ones((1, 1)), training=True))\n")
    before = path.read_bytes()
    ran = project.run("check", "--add-ignore=日本", "--quiet", "--select", "mode")
    assert (ran.code, path.read_bytes()) == (1, before)
    assert ran.err == "modelint: a.py: the reason cannot be written in the encoding of the file\n"


def test_what_cannot_be_ignored_is_still_shown(project: Project) -> None:
    project.write("a.py", "x = 1  # modelint: ignore[reused-sed] because\n")
    project.write("b.py", "x = (\n")
    ran = project.run("check", "--add-ignore", "--output-format", "concise", "--quiet")
    assert ran.code == 2
    assert [line.rpartition(" ")[2] for line in ran.out.splitlines()] == ["[unknown-ignore]", "[unreadable]"]


DROPS = "import numpy as np\nimport keras\nmodel = keras.Sequential([keras.layers.Dropout(0.5)])"
PREDICTS = "leaf = np.argmax(model(np.ones((1, 1)), training=True))"


@pytest.mark.parametrize(
    ("cell", "commented"),
    [
        (f"{PREDICTS}\nx = 1", f"{PREDICTS}  # modelint: ignore[train-mode-at-inference] so\nx = 1"),
        (f"!ls\n%time {PREDICTS}", f"!ls\n%time {PREDICTS}  # modelint: ignore[train-mode-at-inference] so"),
        (f"%%time\n  {PREDICTS}", f"%%time\n  {PREDICTS}  # modelint: ignore[train-mode-at-inference] so"),
        (f">>> {PREDICTS}", f">>> {PREDICTS}  # modelint: ignore[train-mode-at-inference] so"),
        (
            f"{PREDICTS}  # modelint: ignore[exact-comparison] why",
            f"{PREDICTS}  # modelint: ignore[exact-comparison, train-mode-at-inference] why",
        ),
    ],
)
def test_a_notebook_gets_comments_in_its_cells_and_keeps_all_else(project: Project, cell: str, commented: str) -> None:
    before, after = saved(("markdown", "# é"), DROPS, cell), saved(("markdown", "# é"), DROPS, commented)
    path = project.write("a.ipynb", before)
    ran = project.run("check", "--add-ignore=so", "--select", "mode")
    assert (ran.code, ran.out, ran.err) == (0, "All clear: 1 file examined\n", "1 finding ignored in 1 file\n")
    assert path.read_text() == after
    assert project.concise("--select", "mode") == []


def test_a_notebook_that_is_one_line_of_ascii_stays_that(project: Project) -> None:
    def notebook(source: str) -> str:
        return json.dumps({"cells": [{"cell_type": "code", "source": source}], "nbformat": 4}) + "\r\n"

    path = project.write("a.ipynb", notebook(f"{DROPS}\n{PREDICTS}\n"))
    assert project.run("check", "--add-ignore=à dessein", "--select", "mode").code == 0
    expected = notebook(f"{DROPS}\n{PREDICTS}  # modelint: ignore[train-mode-at-inference] à dessein\n")
    assert path.read_bytes().decode() == expected


def test_a_cell_that_is_no_python_is_still_shown_and_the_others_get_their_comments(project: Project) -> None:
    path = project.write("a.ipynb", saved(DROPS, "x = (", PREDICTS))
    ran = project.run("check", "--add-ignore", "--select", "mode", "--output-format", "concise", "--quiet")
    assert (ran.code, [line.rpartition(" ")[2] for line in ran.out.splitlines()]) == (2, ["[unreadable]"])
    assert path.read_text() == saved(DROPS, "x = (", f"{PREDICTS}  # modelint: ignore[train-mode-at-inference]")


def test_no_path_is_taken_for_a_reason(project: Project) -> None:
    project.write("a.py", "x = 1\n")
    assert project.run("check", "--add-ignore", "a.py").out == "All clear: 1 file examined\n"
    assert project.run("check", "--", "--add-ignore").err == (
        "modelint: --add-ignore: there is no such file or directory\n"
    )


@pytest.mark.parametrize("arguments", [("-", "--stdin-filename", "a.py")])
def test_standard_input_cannot_be_written_to(
    project: Project, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    import io
    import sys

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"x = 1\n")))
    ran = project.run("check", "--add-ignore", *arguments)
    assert (ran.code, ran.err) == (2, "modelint: --add-ignore writes into files, and so not into standard input\n")


def test_a_comment_shows_in_place() -> None:
    lines = after(TRICKY, finding(4), finding(10), finding(14), finding(17), finding(20), finding(29)).splitlines()
    assert [line for line in lines if "a-rule" in line] == snapshot(
        [
            "    c,  # modelint: ignore[a-rule] because",
            '""".format(b)  # modelint: ignore[a-rule] because',
            "    3  # modelint: ignore[a-rule] because",
            "@decorated(  # modelint: ignore[a-rule] because",
            '\tif x: return f"{x!r:>{y}}"  # prose  # modelint: ignore[a-rule] because',
            "    x = [  # modelint: ignore[a-rule] because",
        ]
    )
