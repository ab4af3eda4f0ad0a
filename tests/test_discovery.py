"""From paths to files: what is examined, what is left out, and what cannot be looked at."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from conftest import Project
from modelint.selection import Catalogue
from modelint.workspace.discovery import Discovered, Exclusion, discover
from modelint.workspace.lookup import Lookup, Overrides


def discovered(*paths: str, force_exclude: bool = False, exclude: tuple[str, ...] = ()) -> Discovered:
    """What is found from the working directory."""
    lookup = Lookup(Catalogue(()), Overrides(exclude=exclude))
    found = discover(paths or (".",), Exclusion(lookup), force_exclude=force_exclude)
    assert not lookup.mistakes
    return found


def files(*paths: str, force_exclude: bool = False, exclude: tuple[str, ...] = ()) -> list[str]:
    """The names of the files found."""
    return list(discovered(*paths, force_exclude=force_exclude, exclude=exclude).files)


def test_python_files_are_found_at_any_depth_in_order(project: Project) -> None:
    for name in ("b.py", "a/z.py", "a/b/c.py", "notes.txt", "a/data.pyc", "model.keras"):
        project.write(name)
    assert files() == ["a/b/c.py", "a/z.py", "b.py"]


def test_a_file_is_named_relative_to_the_working_directory(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write("a/x.py")
    project.write("b/y.py")
    monkeypatch.chdir(project.path / "a")
    assert files(".", "../b", str(project.path / "a" / "x.py"), "./x.py") == ["../b/y.py", "x.py"]


def test_what_git_ignores_is_left_out(project: Project) -> None:
    project.write(".gitignore", "generated/\n*_pb2.py\n!keep_pb2.py\n/top.py\n")
    for name in ("generated/a.py", "x_pb2.py", "keep_pb2.py", "top.py", "sub/top.py", "sub/y_pb2.py"):
        project.write(name)
    assert files() == ["keep_pb2.py", "sub/top.py"]


def test_a_gitignore_in_a_folder_holds_below_it_and_wins_over_those_above(project: Project) -> None:
    project.write(".gitignore", "*.py\n")
    project.write("sub/.gitignore", "!wanted.py\n")
    for name in ("a.py", "sub/wanted.py", "sub/b.py", "sub/deep/wanted.py"):
        project.write(name)
    assert files() == ["sub/deep/wanted.py", "sub/wanted.py"]


def test_a_gitignore_above_the_scanned_folder_holds_up_to_the_repository(project: Project) -> None:
    project.write(".gitignore", "*_pb2.py\n")
    project.write("sub/a_pb2.py")
    project.write("sub/a.py")
    assert files("sub") == ["sub/a.py"]


def test_what_git_lists_is_what_is_found(project: Project) -> None:
    patterns = [
        "build*/",
        "**/cache",
        "a/**/z.py",
        "!a/b/z.py",
        "*.tmp.py",
        "doc/*.py",
        "\\#x.py",
        "# comment",
        "q?.py",
    ]
    project.write(".gitignore", "\n".join(patterns))
    names = ["buildx/a.py", "a/cache/b.py", "a/z.py", "a/b/z.py", "a/b/c/z.py", "y.tmp.py", "doc/a.py", "doc/b/a.py"]
    for name in (*names, "#x.py", "q1.py", "q22.py"):
        project.write(name)
    (project.path / ".git").rmdir()
    subprocess.run(["git", "init", "-q", "."], check=True, cwd=project.path)
    listing = ["git", "ls-files", "--others", "--exclude-standard", "*.py"]
    listed = subprocess.run(listing, check=True, cwd=project.path, capture_output=True, text=True).stdout.split()
    assert files() == sorted(listed)


def test_a_line_in_a_gitignore_that_is_no_pattern_does_not_harm_the_others(project: Project) -> None:
    project.write(".gitignore", b"!\n\xff\xfe\na.py\n[\n")
    project.write("a.py")
    project.write("b.py")
    assert files() == ["b.py"]


@pytest.mark.parametrize("folder", [".venv", "node_modules", "build", "dist", "__pycache__", ".tox", "site-packages"])
def test_folders_that_hold_other_peoples_code_are_left_out(project: Project, folder: str) -> None:
    project.write(f"{folder}/a.py")
    project.write(f"sub/{folder}/a.py")
    project.write("a.py")
    assert files() == ["a.py"]


def test_a_virtual_environment_of_any_name_is_left_out(project: Project) -> None:
    project.write("py311/pyvenv.cfg", "home = /usr\n")
    project.write("py311/lib/a.py")
    project.write("a.py")
    assert files() == ["a.py"]


def test_a_project_that_lies_in_a_folder_called_build_is_scanned_all_the_same(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write("build/project/.git/config")
    project.write("build/project/a.py")
    monkeypatch.chdir(project.path / "build" / "project")
    assert files() == ["a.py"]


def test_excluded_files_are_left_out(project: Project) -> None:
    project.write("modelint.toml", 'exclude = ["legacy"]\nextend-exclude = ["*_old.py"]\n')
    for name in ("legacy/a.py", "sub/legacy/b.py", "c_old.py", "build/d.py", "e.py"):
        project.write(name)
    assert files() == ["build/d.py", "e.py"]
    assert files(exclude=("build",)) == ["e.py"]


def test_a_pattern_is_relative_to_the_file_it_is_written_in(project: Project) -> None:
    project.write("sub/modelint.toml", 'exclude = ["/a.py"]\n')
    for name in ("a.py", "sub/a.py", "sub/deep/a.py"):
        project.write(name)
    assert files() == ["a.py", "sub/deep/a.py"]


def test_a_named_file_is_examined_even_if_it_is_excluded_ignored_or_has_another_suffix(project: Project) -> None:
    project.write("modelint.toml", 'exclude = ["a.py"]\n')
    project.write(".gitignore", "b.py\n")
    for name in ("a.py", "b.py", "script"):
        project.write(name)
    assert files("a.py", "b.py", "script") == ["a.py", "b.py", "script"]


def test_a_named_folder_is_scanned_even_if_it_is_excluded(project: Project) -> None:
    project.write(".gitignore", "out/\n")
    for name in ("out/a.py", "build/b.py", "build/node_modules/c.py"):
        project.write(name)
    assert files("out") == ["out/a.py"]
    assert "build/b.py" in files("build")


def test_force_exclude_leaves_out_named_files_and_folders(project: Project) -> None:
    project.write("modelint.toml", 'exclude = ["legacy"]\n')
    for name in ("legacy/a.py", "b.py"):
        project.write(name)
    found = discovered("legacy/a.py", "b.py", "legacy", force_exclude=True)
    assert found.files == ("b.py",)
    assert found.excluded == ("legacy/a.py",)


def test_loops_of_links_are_not_walked(project: Project) -> None:
    project.write("sub/a.py")
    (project.path / "sub" / "up").symlink_to(project.path)
    (project.path / "sub" / "here").symlink_to(".")
    assert files() == ["sub/a.py"]


def test_a_link_to_a_file_is_examined_once_under_the_files_own_name_if_it_has_one(project: Project) -> None:
    project.write("z/real.py")
    outside = project.write("elsewhere/outside.txt")
    (project.path / "a_link.py").symlink_to("z/real.py")
    (project.path / "b_link.py").symlink_to(outside)
    (project.path / "c_link.py").symlink_to(outside)
    assert files() == ["b_link.py", "z/real.py"]


def test_a_link_that_leads_nowhere_or_to_itself_is_reported(project: Project) -> None:
    (project.path / "loop.py").symlink_to("loop.py")
    (project.path / "gone.py").symlink_to("nowhere.py")
    (project.path / ".#locked.py").symlink_to("user@host.1234")
    found = discovered()
    assert found.files == ()
    assert {u.path for u in found.unreadable} == {"loop.py", "gone.py"}
    assert all("cannot be opened" in u.message for u in found.unreadable)


def test_what_is_no_file_is_reported_and_not_opened(project: Project) -> None:
    os.mkfifo(project.path / "pipe.py")
    (found,) = discovered().unreadable
    assert (found.path, found.message) == ("pipe.py", "the file is no regular file")


def test_a_folder_may_be_called_like_a_file(project: Project) -> None:
    project.write("x.py/y.py")
    assert files() == files("x.py") == ["x.py/y.py"]


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_folder_that_may_not_be_listed_is_reported_and_the_others_go_on(project: Project) -> None:
    project.write("a.py")
    locked = project.write("locked/b.py").parent
    locked.chmod(0)
    try:
        found = discovered()
    finally:
        locked.chmod(0o700)
    assert found.files == ("a.py",)
    assert [u.path for u in found.unreadable] == ["locked"]


def test_a_name_that_is_not_unicode_is_found(project: Project) -> None:
    raw = os.fsencode(project.path) + b"/caf\xe9.py"
    try:
        Path(os.fsdecode(raw)).write_text("x = (\n")
    except OSError:
        pytest.skip("this file system takes only Unicode")
    ran = project.run("check", "--output-format", "concise")
    assert "caf\\udce9.py:1:5: error" in ran.out


def test_paths_that_do_not_exist_are_told_apart(project: Project) -> None:
    project.write("a.py")
    assert discovered("a.py", "b.py", "c/").missing == ("b.py", "c")


@pytest.mark.parametrize("name", ["saved_model.pb", "keras_metadata.pb", "fingerprint.pb"])
def test_a_file_of_a_saved_model_stands_for_its_directory(project: Project, name: str) -> None:
    for each in ("saved_model.pb", "keras_metadata.pb", "fingerprint.pb"):
        project.write(f"served/{each}")
    project.write("elsewhere/fingerprint.pb")
    found = discovered(f"served/{name}", "served", "elsewhere/fingerprint.pb")
    assert found.models == ("elsewhere/fingerprint.pb", "served")


def test_force_exclude_leaves_out_a_saved_model_of_which_a_file_is_named(project: Project) -> None:
    project.write("served/saved_model.pb")
    found = discovered("served/saved_model.pb", force_exclude=True, exclude=("served/",))
    assert (found.models, found.excluded) == ((), ("served/saved_model.pb",))
