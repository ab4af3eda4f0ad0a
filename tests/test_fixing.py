"""``modelint check --fix`` and its relatives: what becomes of the files, what is printed, the exit code."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from conftest import Project
from modelint import Edit, Finding, Fix, Place, Program, Rule, Safety, Severity, Span
from modelint.selection import Catalogue
from modelint.workspace.fixing import MOST_PASSES, Fixing, write
from modelint.workspace.lookup import Overrides
from modelint.workspace.output import replace_file
from modelint.workspace.run import Request
from test_notebooks import saved

NEEDLESS = "x = 1  # modelint: ignore[reused-seed] because\n"
"""A file with one finding that has a safe fix and needs no analysis."""

EVALUATION = """\
import keras
import numpy as np
from keras import layers

model = keras.Sequential([keras.Input((4,)), layers.Dropout(0.5), layers.Dense(2)])


def evaluate(x, y):
    return np.mean(np.argmax(model(x), axis=-1) == y)


def test(x, y):
    return np.mean(np.argmax(model(x, training=True), axis=-1) == y)
"""
"""A program with one finding that has a safe fix and one that has an unsafe one (where the version is known)."""

SAFELY_FIXED = EVALUATION.replace("model(x),", "model(x, training=False),")
FIXED = SAFELY_FIXED.replace("training=True", "training=False")
VERSION = '[frameworks]\nkeras = ">=3.10,<3.16"\n'


@pytest.fixture
def evaluation(project: Project) -> Project:
    project.write("modelint.toml", VERSION)
    project.write("a.py", EVALUATION)
    return project


def text_of(project: Project, name: str = "a.py") -> str:
    return (project.path / name).read_bytes().decode()


def stdin(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_safe_fixes_are_applied_and_the_rest_is_reported(evaluation: Project) -> None:
    ran = evaluation.run("check", "--fix")
    assert text_of(evaluation) == SAFELY_FIXED
    assert ran.code == 1
    assert "error[train-mode-at-inference]" in ran.out
    assert "missing-training-false" not in ran.out
    assert ran.out.endswith(
        "\n1 finding fixed in 1 file\n"
        "1 finding (1 error) in 1 file; 1 file examined\n"
        "1 fixable with --fix --unsafe-fixes\n"
    )


def test_unsafe_fixes_are_applied_if_that_is_said(evaluation: Project) -> None:
    ran = evaluation.run("check", "--fix", "--unsafe-fixes")
    assert text_of(evaluation) == FIXED
    assert (ran.code, ran.out) == (0, "2 findings fixed in 1 file\nAll clear: 1 file examined\n")
    again = evaluation.run("check", "--fix", "--unsafe-fixes")
    assert (again.code, again.out) == (0, "All clear: 1 file examined\n")


def test_without_fix_nothing_is_changed_and_what_could_be_is_counted_and_marked(evaluation: Project) -> None:
    ran = evaluation.run("check")
    assert "= help: pass training=False (fixable with --fix)\n" in ran.out
    assert "= help: pass training=False (fixable with --fix --unsafe-fixes)\n" in ran.out
    assert ran.out.endswith("\n1 fixable with --fix, 1 more with --unsafe-fixes\n")
    assert evaluation.run("check", "--unsafe-fixes").out.endswith("\n2 fixable with --fix\n")
    assert text_of(evaluation) == EVALUATION


def test_a_fix_that_makes_room_for_another_is_followed_by_it(project: Project) -> None:
    project.write("a.py", "x = 1  # modelint: ignore[reused-sed] because\n")
    ran = project.run("check", "--fix")
    assert text_of(project) == "x = 1\n"
    assert ran.out == "2 findings fixed in 1 file\nAll clear: 1 file examined\n"


def test_a_diff_shows_what_would_be_fixed_changes_nothing_and_can_be_applied(evaluation: Project) -> None:
    ran = evaluation.run("check", "--diff", "--unsafe-fixes")
    assert (ran.code, ran.err) == (1, "would fix 2 findings\n")
    assert text_of(evaluation) == EVALUATION
    assert ran.out.startswith("--- a.py\n+++ a.py\n@@ -6,8 +6,8 @@\n")
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run(["git", "apply", "-p0"], input=ran.out, text=True, check=True)
    assert text_of(evaluation) == FIXED
    clean = evaluation.run("check", "--diff", "--unsafe-fixes")
    assert (clean.code, clean.out, clean.err) == (0, "", "")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_diff_keeps_line_ends_and_says_where_there_is_none(project: Project, end: str) -> None:
    project.write("a.py", f"y = 2{end}{NEEDLESS.rstrip()}")
    ran = project.run("check", "--diff")
    marker = "\n\\ No newline at end of file\n"
    assert ran.out == (f"--- a.py\n+++ a.py\n@@ -1,2 +1,2 @@\n y = 2{end}-{NEEDLESS.rstrip()}{marker}+x = 1{marker}")


def test_a_diff_and_fix_only_still_say_what_could_not_be_examined(project: Project) -> None:
    project.write("a.py", "x = (\n")
    diff, fix_only = project.run("check", "--diff"), project.run("check", "--fix-only")
    assert (diff.code, fix_only.code) == (2, 2)
    assert "modelint: a.py:1:5: the file is not valid Python 3" in diff.err
    assert "error[unreadable]" in fix_only.out


def test_fix_only_says_nothing_of_what_is_left(evaluation: Project) -> None:
    ran = evaluation.run("check", "--fix-only")
    assert (ran.code, ran.out) == (0, "1 finding fixed in 1 file\n")
    assert text_of(evaluation) == SAFELY_FIXED


def test_the_exit_code_can_say_that_something_was_fixed(project: Project) -> None:
    project.write("a.py", NEEDLESS)
    assert project.run("check", "--fix", "--exit-non-zero-on-fix").code == 1
    assert project.run("check", "--fix", "--exit-non-zero-on-fix").code == 0
    project.write("a.py", NEEDLESS)
    assert project.run("check", "--fix", "--exit-non-zero-on-fix", "--exit-zero").code == 0


def test_what_comes_from_standard_input_goes_fixed_to_standard_output(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    stdin(monkeypatch, b"\xef\xbb\xbf" + NEEDLESS.replace("\n", "\r\n").encode() + b"# modelint: ignore\n")
    ran = project.run("check", "--fix", "--stdin-filename", "b.py", "-")
    assert ran.out == "\ufeffx = 1\r\n# modelint: ignore\n"
    assert "unknown-ignore" in ran.err
    assert ran.code == 1
    assert not (project.path / "b.py").exists()
    stdin(monkeypatch, b"x = 1\n")
    assert project.run("check", "--fix-only", "-").out == "x = 1\n"
    stdin(monkeypatch, NEEDLESS.encode())
    assert project.run("check", "--diff", "-").out.startswith("--- <stdin>\n+++ <stdin>\n")


def test_the_configuration_can_ask_for_fixes_and_the_command_line_refuse_them(evaluation: Project) -> None:
    evaluation.write("modelint.toml", f"fix = true\nunsafe-fixes = true\n{VERSION}")
    evaluation.run("check", "--no-fix")
    assert text_of(evaluation) == EVALUATION
    evaluation.run("check", "--no-unsafe-fixes")
    assert text_of(evaluation) == SAFELY_FIXED
    evaluation.run("check")
    assert text_of(evaluation) == FIXED


def test_only_the_files_that_were_asked_for_are_changed(project: Project) -> None:
    project.write("modelint.toml", VERSION)
    project.write("net.py", EVALUATION)
    project.write("main.py", "import keras\nimport net\n\nnet.evaluate(keras.ops.ones((2, 4)), 1)\n")
    ran = project.run("check", "--fix", "--unsafe-fixes", "main.py")
    assert "missing-training-false" in ran.out
    assert text_of(project, "net.py") == EVALUATION
    assert "fixed" not in ran.out
    assert not ran.out.endswith("unsafe-fixes\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"\xef\xbb\xbf" + NEEDLESS.encode(), b"\xef\xbb\xbfx = 1\n"),
        (NEEDLESS.replace("\n", "\r\n").encode() + b"y = 2\n", b"x = 1\r\ny = 2\n"),
        (b"# coding: latin-1\ns = '\xe9'\n" + NEEDLESS.encode(), b"# coding: latin-1\ns = '\xe9'\nx = 1\n"),
        (f"s = '😀\t'; {NEEDLESS}".encode(), "s = '😀\t'; x = 1\n".encode()),
        (NEEDLESS.encode() + b"y = 2", b"x = 1\ny = 2"),
    ],
    ids=["byte order mark", "mixed line ends", "declared encoding", "astral characters and tabs", "no final line end"],
)
def test_a_fix_keeps_how_a_file_is_written(project: Project, before: bytes, after: bytes) -> None:
    path = project.write("a.py", before)
    assert project.run("check", "--fix").code == 0
    assert path.read_bytes() == after


def test_a_fix_keeps_permissions_and_links(project: Project) -> None:
    target = project.write("elsewhere/real.txt", NEEDLESS)
    target.chmod(0o751)
    (project.path / "a.py").symlink_to(target)
    project.run("check", "--fix", "a.py")
    assert (project.path / "a.py").is_symlink()
    assert target.read_text() == "x = 1\n"
    assert stat.S_IMODE(target.stat().st_mode) == 0o751
    assert os.listdir(target.parent) == ["real.txt"]


def test_a_file_that_has_changed_meanwhile_is_not_overwritten(project: Project) -> None:
    path = project.write("a.py", "new\n")
    with pytest.raises(OSError, match="changed meanwhile"):
        replace_file("a.py", b"old\n", b"fixed\n")
    assert path.read_text() == "new\n"


def test_what_a_baseline_holds_is_not_fixed(evaluation: Project) -> None:
    evaluation.run("baseline", "-o", "known.json")
    ran = evaluation.run("check", "--fix", "--unsafe-fixes", "--baseline", "known.json")
    assert text_of(evaluation) == EVALUATION
    assert "fix" not in ran.out


def git(*arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)


def test_of_staged_files_those_are_fixed_that_are_staged_as_they_are(project: Project) -> None:
    git("init", "-q")
    project.write("whole.py", NEEDLESS)
    project.write("partly.py", NEEDLESS)
    git("add", ".")
    project.write("partly.py", f"{NEEDLESS}y = 2\n")
    ran = project.run("check", "--fix", "--staged")
    assert text_of(project, "whole.py") == "x = 1\n"
    assert text_of(project, "partly.py") == f"{NEEDLESS}y = 2\n"
    assert (ran.code, ran.err) == (1, "")
    assert "1 finding fixed in 1 file\n" in ran.out


def test_in_a_notebook_the_sources_of_cells_are_fixed_and_nothing_else_changes(project: Project) -> None:
    project.write("modelint.toml", VERSION)
    model, evaluations = EVALUATION.split("\n\n\n", 1)
    before = saved(f"%matplotlib inline\n{model}", f"print('é')  # modelint: ignore[reused-seed] x\n{evaluations}")
    project.write("a.ipynb", before)
    shown = project.run("check", "--diff", "--unsafe-fixes").out
    ran = project.run("check", "--fix", "--unsafe-fixes")
    after = text_of(project, "a.ipynb")
    expected = before.replace("model(x),", "model(x, training=False),").replace("training=True", "training=False")
    assert after == expected.replace("  # modelint: ignore[reused-seed] x", "")
    assert (ran.code, ran.out) == (0, "3 findings fixed in 1 file\nAll clear: 1 file examined\n")
    project.write("a.ipynb", before)
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run(["git", "apply", "-p0"], input=shown, text=True, check=True)
    assert text_of(project, "a.ipynb") == after


def test_a_notebook_is_seeded_once_below_its_imports(project: Project) -> None:
    network = (
        "model = keras.Sequential([keras.layers.Dropout(0.5), keras.layers.Dense(1)])\n"
        'model.compile("sgd", "mse")\nmodel.fit(np.zeros((4, 3)), np.zeros((4, 1)))'
    )
    project.write("a.ipynb", saved("import keras\nimport numpy as np\n\nx = 1", network))
    assert project.run("check", "--fix", "--unsafe-fixes").out.startswith("1 finding fixed in 1 file\nAll clear")
    seeded = "import keras\nimport numpy as np\n\nkeras.utils.set_random_seed(0)\n\nx = 1"
    assert text_of(project, "a.ipynb") == saved(seeded, network)


# What a faulty rule pack can do.

Check = Callable[[Program], Iterator[Finding]]


def outcome_with(check: Check) -> Fixing:
    """A run of one rule with ``--fix``."""
    rule = Rule("pack.mode.faulty_rule", severity=Severity.WARNING, since="0.1")
    rule.on(Program)(lambda fact, program: check(program))
    return Fixing(Request(overrides=Overrides(fix=True)), Catalogue((rule,)))


def faulty(program: Program, edit: Edit) -> Finding:
    place = Place(program.path, edit.span)
    rule = Rule("pack.mode.faulty_rule", severity=Severity.WARNING, since="0.1")
    return rule.at(place, "wrong; mend it", fix=Fix("mend it", Safety.SAFE, (edit,)))


def test_a_fix_that_breaks_the_file_is_undone_and_reported(project: Project) -> None:
    path = project.write("a.py", "import keras\n")
    outcome = outcome_with(lambda program: iter([faulty(program, Edit(Span(1, 1, 1, 7), "if"))])).outcome()
    assert (outcome.rewritten, outcome.fixed) == ((), ())
    assert [each.place.path for each in outcome.refused] == ["a.py"]
    assert path.read_text() == "import keras\n"


def test_a_fix_that_is_offered_again_is_applied_once(project: Project) -> None:
    path = project.write("a.py", "import keras\n")
    outcome = outcome_with(lambda program: iter([faulty(program, Edit(Span(2, 1, 2, 1), "x = 1\n"))])).outcome()
    assert list(write(outcome.rewritten)) == []
    assert path.read_text() == "import keras\nx = 1\n"
    assert (len(outcome.fixed), len(outcome.refused), outcome.settled) == (1, 1, True)


def test_fixes_that_make_room_for_ever_new_ones_come_to_an_end(project: Project) -> None:
    project.write("a.py", "import keras\n")
    numbers = iter(range(100))

    def check(program: Program) -> Iterator[Finding]:
        yield faulty(program, Edit(Span(2, 1, 2, 1), f"x = {next(numbers)}\n"))

    outcome = outcome_with(check).outcome()
    assert (len(outcome.fixed), outcome.settled) == (MOST_PASSES, False)
