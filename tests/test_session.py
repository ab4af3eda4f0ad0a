"""Files that are examined again and again while they are edited."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import Project
from modelint.finding import Finding
from modelint.rule import discover
from modelint.selection import Catalogue
from modelint.workspace.run import Request, Run
from modelint.workspace.session import Session, StoppedError
from test_notebooks import MODEL, STEP

CATALOGUE = Catalogue(discover())
SCRIPT = f"{MODEL}\n\n{STEP}\n"


@pytest.fixture(autouse=True)
def recursion_limit() -> Iterator[None]:
    """Leave the limit as it was; the analysis raises it."""
    limit = sys.getrecursionlimit()
    yield
    sys.setrecursionlimit(limit)


def shown(session: Session, path: str, text: str) -> list[Finding]:
    """What is shown of an open file after it got a text, all that must be examined being examined."""
    name, affected = session.put(path, text.encode())
    for each in affected:
        session.examine(each)
    return list(session.findings()[name])


def test_what_is_kept_between_two_examinations_changes_no_finding(project: Project, repository: Path) -> None:
    session = Session(CATALOGUE)
    for file in sorted((repository / "fixtures" / "mode").glob("*.py")):
        text = file.read_text()
        project.write(file.name, text)
        lines = text.splitlines(keepends=True)
        shown(session, file.name, "".join(lines[: len(lines) // 2]))
        again = shown(session, file.name, text)
        whole = Run(Request((file.name,)), CATALOGUE).report().findings
        assert again == [finding for finding in whole if finding.place.path == file.name], file.name
        session.close(file.name)


def test_an_examination_can_be_left_and_begun_anew(project: Project) -> None:
    project.write("made.py", MODEL)
    text = f"from made import model, optimizer\nimport tensorflow as tf\n\n{STEP}\n"
    session = Session(CATALOGUE)
    expected = shown(session, "train.py", text)
    assert [finding.rule for finding in expected] == ["inference-mode-in-training"]
    for wanted in range(1, 6):
        calls = 0

        def stop(wanted: int = wanted) -> None:
            nonlocal calls
            calls += 1
            if calls == wanted:
                raise StoppedError

        name, _ = session.put("train.py", f"{text}\n# {wanted}\n".encode())
        with pytest.raises(StoppedError):
            session.examine(name, stop)
        assert shown(session, "train.py", text) == expected


def test_a_module_that_is_saved_elsewhere_is_read_anew(project: Project) -> None:
    made = project.write("made.py", MODEL.replace("Dropout(0.5)", "Dense(3)"))
    session = Session(CATALOGUE)
    text = f"from made import model, optimizer\nimport tensorflow as tf\n\n{STEP}\n"
    assert shown(session, "train.py", text) == []
    assert session.refresh() == ()
    made.write_text(MODEL)
    os.utime(made, ns=(1, 1))
    assert session.refresh() == ("train.py",)
    session.examine("train.py")
    assert [finding.rule for finding in session.findings()["train.py"]] == ["inference-mode-in-training"]


def test_a_finding_in_an_open_module_is_shown_there_as_long_as_its_user_is_open(project: Project) -> None:
    model = f"import tensorflow as tf\n\ndef predict(model, x):\n    return model(x, training=True)\n\n{MODEL}\n"
    session = Session(CATALOGUE)
    project.write("made.py", model)
    assert shown(session, "made.py", model) == []
    shown(session, "use.py", "from made import model, predict\nprint(predict(model, 1).numpy())\n")
    assert [finding.rule for finding in session.findings()["made.py"]] == ["train-mode-at-inference"]
    session.close("use.py")
    assert session.findings()["made.py"] == []


def test_what_was_never_open_can_be_closed(project: Project) -> None:
    session = Session(CATALOGUE)
    assert session.close("never.py") == ()
    assert session.restart() == ()
    session.tidy()


def test_a_file_that_git_ignores_is_examined_when_it_is_open(project: Project) -> None:
    project.write(".gitignore", "train.py\n")
    session = Session(CATALOGUE)
    assert len(shown(session, "train.py", SCRIPT)) == 1
    session.restart()
    session.examine("train.py")
    assert len(session.findings()["train.py"]) == 1
