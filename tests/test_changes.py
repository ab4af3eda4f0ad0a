"""Only what a change has to do with: ``--diff-base`` and ``--staged``, on real repositories."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import Project
from modelint.workspace.git import Repository

GIT = ("git", "-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
WRONG = "x = 1  # modelint: ignore[reused-sed] because\n"


def git(*arguments: str) -> str:
    """Run git in the working directory, which must succeed."""
    return subprocess.run([*GIT, *arguments], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def repository(project: Project) -> Project:
    """A project that is a repository with one commit: ``a.py`` with one warning, ``b.py`` with two."""
    (project.path / ".git").rmdir()
    git("init", "-q", "-b", "main", ".")
    project.write("a.py", WRONG)
    project.write("b.py", WRONG + "between = 1\n" + WRONG)
    git("add", "-A")
    git("commit", "-q", "-m", "all")
    return project


def places(lines: list[str]) -> list[str]:
    """File and line of findings in the concise format."""
    return [":".join(line.split(":")[:2]) for line in lines]


def test_only_findings_on_changed_lines_are_shown(repository: Project) -> None:
    assert repository.concise("--diff-base", "HEAD") == []
    repository.write("b.py", WRONG + "between = 2\n" + WRONG.replace("x", "z", 1))
    ran = repository.run("check", "--diff-base", "HEAD")
    assert ran.code == 1
    assert " --> b.py:3:27\n" in ran.out
    assert "\n2 findings that the changes do not reach not shown\n" in ran.out


def test_findings_fail_a_run_only_where_something_changed(repository: Project) -> None:
    repository.write("b.py", WRONG + "between = 2\n" + WRONG)
    assert repository.run("check", "--diff-base", "HEAD").code == 0


def test_what_cannot_be_examined_is_shown_whatever_changed(repository: Project) -> None:
    repository.write("broken.py", "x = (\n")
    git("add", "-A")
    git("commit", "-q", "-m", "broken")
    ran = repository.run("check", "--diff-base", "HEAD", "--output-format", "concise", "--quiet")
    assert ran.code == 2
    assert places(ran.out.splitlines()) == ["broken.py:1"]


def test_a_file_that_git_does_not_know_yet_is_new(repository: Project) -> None:
    repository.write("new.py", WRONG)
    assert places(repository.concise("--diff-base", "HEAD")) == ["new.py:1"]


def test_a_change_is_counted_from_where_the_branches_parted(repository: Project) -> None:
    git("checkout", "-q", "-b", "feature")
    repository.write("c.py", WRONG)
    git("add", "-A")
    git("commit", "-q", "-m", "feature")
    git("checkout", "-q", "main")
    repository.write("a.py", "x = 1\n")
    git("commit", "-q", "-a", "-m", "elsewhere")
    git("checkout", "-q", "feature")
    assert places(repository.concise("--diff-base", "main")) == ["c.py:1"]


def test_a_renamed_file_is_not_a_new_one(repository: Project) -> None:
    git("mv", "b.py", "moved.py")
    assert repository.concise("--diff-base", "HEAD") == []


@pytest.mark.parametrize("name", ["with blank.py", 'quo"te.py', "tab\there.py", "ünïcödé.py", "back\\slash.py"])
def test_a_name_that_git_writes_in_its_own_way_is_understood(repository: Project, name: str) -> None:
    repository.write(name, "x = 1\n")
    git("add", "-A")
    git("commit", "-q", "-m", "odd")
    repository.write(name, "x = 1\n" + WRONG)
    assert len(repository.concise("--diff-base", "HEAD")) == 1


def test_a_users_way_of_showing_differences_changes_nothing(repository: Project) -> None:
    for key, value in (
        ("diff.noprefix", "true"),
        ("diff.relative", "true"),
        ("diff.external", "false"),
        ("color.ui", "always"),
        ("diff.interHunkContext", "9"),
        ("diff.context", "9"),
    ):
        git("config", key, value)
    repository.write("b.py", WRONG + "between = 1\n" + WRONG.replace("x", "z", 1))
    assert places(repository.concise("--diff-base", "HEAD")) == ["b.py:3"]


def test_it_works_from_a_directory_below_the_root(repository: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    repository.write("below/c.py", WRONG)
    git("add", "-A")
    monkeypatch.chdir(repository.path / "below")
    assert places(repository.concise("--staged")) == ["c.py:1"]
    assert places(repository.concise("--diff-base", "HEAD", "..")) == ["c.py:1"]


def test_staged_changes_are_examined_as_they_are_staged(repository: Project) -> None:
    repository.write("a.py", "fine = 1\n" + WRONG)
    git("add", "a.py")
    repository.write("a.py", "nothing is wrong in the working tree\n")
    repository.write("b.py", WRONG.replace("x", "unstaged", 1))
    repository.write("untracked.py", WRONG)
    assert repository.concise("--staged") == []  # the wrong line was there before
    git("checkout", "-q", "b.py")
    repository.write("a.py", WRONG + WRONG)
    git("add", "a.py")
    (repository.path / "a.py").unlink()
    assert places(repository.concise("--staged")) == ["a.py:2"]


def test_a_deleted_file_is_no_trouble(repository: Project) -> None:
    git("rm", "-q", "a.py")
    assert repository.concise("--staged") == []
    assert repository.concise("--diff-base", "HEAD") == []


def test_the_first_commit_is_all_new(project: Project) -> None:
    (project.path / ".git").rmdir()
    git("init", "-q", "-b", "main", ".")
    project.write("a.py", WRONG)
    git("add", "-A")
    assert places(project.concise("--staged")) == ["a.py:1"]


def test_a_changed_line_reaches_findings_elsewhere_through_their_reasons(repository: Project) -> None:
    quickstart = Path(__file__).parent.parent / "fixtures" / "quickstart"
    shutil.copytree(quickstart, repository.path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    git("add", "-A")
    git("commit", "-q", "-m", "quickstart")
    assert repository.concise("--diff-base", "HEAD") == []
    model = repository.path / "leaves" / "model.py"
    model.write_text(model.read_text().replace("BatchNormalization()", "BatchNormalization(momentum=0.9)"))
    shown = {line.rpartition("[")[2]: place for line in repository.concise("--diff-base", "HEAD") for place in [line]}
    assert "inference-mode-in-training]" in shown
    assert shown["inference-mode-in-training]"].startswith("train.py:")
    assert "exact-comparison]" not in shown


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--diff-base", "nowhere"), "--diff-base: there is no commit 'nowhere' in this repository"),
        (("--diff-base", "--output=x"), "--diff-base: there is no commit '--output=x' in this repository"),
        (("--diff-base", "lonely"), ("--diff-base: 'lonely' has nothing in common with the commit that is checked out; "
         "fetch more of the history")),
        (("--diff-base", "HEAD", "--staged"), "--diff-base and --staged exclude each other"),
    ],
)  # fmt: skip
def test_what_git_cannot_say_is_said_in_one_sentence(
    repository: Project, arguments: tuple[str, ...], sentence: str
) -> None:
    tree = git("write-tree").strip()
    git("branch", "lonely", git("commit-tree", tree, "-m", "alone").strip())
    ran = repository.run("check", *arguments)
    assert (ran.code, ran.out, ran.err) == (2, "", f"modelint: {sentence}\n")


@pytest.mark.parametrize("option", [("--diff-base", "HEAD"), ("--staged",)])
def test_without_a_repository_it_says_so(project: Project, option: tuple[str, ...]) -> None:
    project.write("a.py", "x = 1\n")
    ran = project.run("check", *option)
    assert (ran.code, ran.out, ran.err) == (2, "", f"modelint: {option[0]}: this is not a git repository\n")


def test_what_else_git_objects_to_is_said_in_its_words(repository: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    ran = repository.run("check", "--staged")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("modelint: --staged: git says: detected dubious ownership in repository at ")
    assert ran.err.count("\n") == 1


TEXT = st.lists(st.sampled_from(["a", "b", "+++ b/x", "--- a/x", "@@ -1 +1 @@", "-", "+"]), max_size=6)


def test_exactly_the_lines_that_differ_are_changed(repository: Project) -> None:
    @settings(max_examples=20)
    @given(TEXT, TEXT)
    def holds(before: list[str], after: list[str]) -> None:
        repository.write("f.txt", "".join(f"{line}\n" for line in before))
        git("add", "f.txt")
        git("commit", "-q", "--allow-empty", "-m", "before")
        repository.write("f.txt", "".join(f"{line}\n" for line in after))
        changed = Repository.around(".").changed_since("HEAD").get(str(repository.path / "f.txt"))
        if before == after:
            assert changed is None
            return
        assert changed is not None
        kept = [n for n in range(1, len(after) + 1) if not changed.meets(n, n)]
        rest = iter(before)
        assert all(after[n - 1] in rest for n in kept)  # what is called unchanged was there, in this order
        if len(kept) == len(after):
            assert changed.gaps  # then something was only deleted

    holds()
