"""The command line: what it prints, where, and with which exit code."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import Project
from modelint import __version__
from modelint.cli.group import cli

MISSPELLED = "x = 1  # modelint: ignore[reused-sed] because\n"
"""A file with one warning that needs no analysis."""

BROKEN = "x = (\n"


def start(*arguments: str, **options: object) -> subprocess.Popen[bytes]:
    """The command in a process of its own."""
    command = [sys.executable, "-m", "modelint", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)  # type: ignore[call-overload,no-any-return]


def interruptible() -> None:
    """Heed interrupts, whatever started the tests."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def stdin(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """Let a file be read from standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_a_clean_project_ends_with_0_and_says_so(project: Project) -> None:
    project.write("a.py", "x = 1\n")
    ran = project.run("check")
    assert (ran.code, ran.out, ran.err) == (0, "All clear: 1 file examined\n", "")


def test_findings_end_with_1(project: Project) -> None:
    project.write("a.py", MISSPELLED)
    ran = project.run("check")
    assert ran.code == 1
    assert ran.out.startswith("warning[unknown-ignore]: there is no rule 'reused-sed'\n --> a.py:1:27\n")
    assert ran.out.endswith("\n1 finding (1 warning) in 1 file; 1 file examined\n1 fixable with --fix\n")


def test_findings_below_fail_on_end_with_0(project: Project) -> None:
    project.write("a.py", MISSPELLED)
    assert project.run("check", "--fail-on", "error").code == 0
    assert project.run("check", "--severity", "unknown-ignore=note").code == 0
    assert project.run("check", "--severity", "comments=error", "--fail-on", "error").code == 1


def test_a_file_that_cannot_be_read_ends_with_2_and_the_others_are_examined(project: Project) -> None:
    project.write("a.py", BROKEN)
    project.write("b.py", MISSPELLED)
    ran = project.run("check", "--output-format", "concise")
    assert ran.code == 2
    assert ran.out.splitlines()[:2] == [
        "a.py:1:5: error: the file is not valid Python 3: '(' was never closed [unreadable]",
        "b.py:1:27: warning: there is no rule 'reused-sed'; did you mean 'reused-seed'? [unknown-ignore]",
    ]


def test_exit_zero_forgives_findings_but_not_failures(project: Project) -> None:
    project.write("a.py", MISSPELLED)
    assert project.run("check", "--exit-zero").code == 0
    project.write("b.py", BROKEN)
    assert project.run("check", "--exit-zero").code == 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("chekc",), "there is no command 'chekc'; did you mean 'check'?"),
        (("check", "--slect", "mode"), "there is no option '--slect'; did you mean '--select'?"),
        (("check", "--select", "reused-sed"), "--select: unknown rule 'reused-sed'; did you mean 'reused-seed'?"),
        (("check", "--ignore", "modes"), "--ignore: unknown rule 'modes'; did you mean 'mode'?"),
        (("check", "--severity", "mode=eror"), ("--severity: 'mode=eror' must be RULE=LEVEL, with the level note, "
         "warning or error; did you mean 'error'?")),
        (("check", "--severity", "mdoe=error"), "--severity: unknown rule 'mdoe'; did you mean 'mode'?"),
        (("check", "--fail-on", "warn"), "--fail-on: 'warn' is not note, warning or error; did you mean 'warning'?"),
        (("check", "--output-format", "jsn"), ("--output-format: 'jsn' is not full, concise, json, json-lines, github, "
         "gitlab, azure, sarif, rdjson, junit or markdown; did you mean 'json'?")),
        (("check", "--config", "none.toml"), "--config: there is no file 'none.toml'"),
        (("check", "--config", "a.py", "--isolated"), "--config and --isolated exclude each other"),
        (("check", "--stdin-filename", "x.py"), ("--stdin-filename names what is read from the path -, which is not "
         "given")),
        (("check", "--exclude", "!"), "--exclude: '!' is not a pattern: Invalid git pattern: '!'"),
        (("check", "--output-file", "no/such/folder/x", "a.py"), ("--output-file: no/such/folder/x: No such file or "
         "directory")),
        (("check", "--output", "sarif=no/such/x", "nope.py"), "--output: no/such/x: No such file or directory"),
        (("check", "-o", "empty", "nope.py"), "--output-file: empty: Is a directory"),
        (("check", "nope.py", "a.py"), "nope.py: there is no such file or directory"),
        (("check", "empty"), "no Python file, notebook or model found under empty (after exclude and .gitignore)"),
        (("explain", "resued-seed"), "there is no rule 'resued-seed'; did you mean 'reused-seed'?"),
        (("explain",), "missing argument 'RULE'"),
        (("explain", "comments"), "'comments' is a category; its rules are unknown-ignore, unused-ignore"),
        (("check", "--diff", "--output-format", "json"), "--diff shows no findings, and so excludes --output-format"),
        (("check", "--diff", "--output", "sarif=x"), "--diff shows no findings, and so excludes --output"),
        (("check", "--diff", "--statistics"), "--diff shows no findings, and so excludes --statistics"),
        (("check", "--statistics", "--output-format", "sarif"), ("--statistics is written as text or as json, not as "
         "sarif")),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_in_one_sentence_with_the_nearest_name(
    project: Project, arguments: tuple[str, ...], sentence: str
) -> None:
    project.write("a.py", "x = 1\n")
    (project.path / "empty").mkdir()
    ran = project.run(*arguments)
    assert (ran.code, ran.out, ran.err) == (2, "", f"modelint: {sentence}\n")


def test_the_help_says_of_every_command_in_full_what_it_does(project: Project) -> None:
    listed = project.run("--help").out.partition("Commands:\n")[2].splitlines()
    assert len(listed) == len(cli.commands)
    assert [line for line in listed if not line.endswith(".") or line.endswith("...")] == []


def test_a_commit_of_excluded_files_only_is_no_failure(project: Project) -> None:
    project.write("modelint.toml", 'exclude = ["legacy"]\n')
    project.write("legacy/a.py", BROKEN)
    ran = project.run("check", "--force-exclude", "legacy/a.py")
    assert (ran.code, ran.out) == (0, "All clear: 0 files examined\n")


def test_a_named_file_is_examined_even_if_it_is_excluded(project: Project) -> None:
    project.write("modelint.toml", 'exclude = ["legacy"]\n')
    project.write("legacy/a.py", BROKEN)
    assert project.run("check", "legacy/a.py").code == 2


def test_rules_can_be_selected_and_ignored(project: Project) -> None:
    project.write("a.py", f"{MISSPELLED}y = 2  # modelint: ignore[unused-ignore]\n")
    assert len(project.concise()) == 1
    assert project.concise("--select", "mode,batch") == []
    assert project.concise("--ignore", "unknown-ignore") == []
    assert len(project.concise("--select", "comments")) == 1


def test_per_file_ignores_hold_for_the_files_they_match(project: Project) -> None:
    project.write("modelint.toml", '[per-file-ignores]\n"tests/*" = ["comments"]\n')
    project.write("tests/a.py", MISSPELLED)
    project.write("b.py", MISSPELLED)
    assert [line.partition(":")[0] for line in project.concise()] == ["b.py"]


def test_an_ignore_of_a_rule_that_finds_nothing_is_reported_unless_the_rule_was_not_run(project: Project) -> None:
    project.write("a.py", "x = 1  # modelint: ignore[reused-seed] because\n")
    (line,) = project.concise()
    assert line.startswith("a.py:1:27: warning: 'reused-seed' reports nothing here; remove it")
    assert project.concise("--ignore", "reused-seed") == []


def test_the_output_format_can_be_configured_and_overridden(project: Project) -> None:
    project.write("modelint.toml", 'output-format = "json"\n')
    project.write("a.py", MISSPELLED)
    assert json.loads(project.run("check").out)[0]["rule"] == "unknown-ignore"
    assert "-->" in project.run("check", "--output-format", "full").out


def test_json_is_all_that_goes_to_standard_output(project: Project) -> None:
    project.write("a.py", MISSPELLED)
    ran = project.run("check", "--output-format", "json")
    assert (ran.code, ran.err) == (1, "")
    (found,) = json.loads(ran.out)
    assert found["path"] == "a.py"
    project.write("a.py", "x = 1\n")
    assert project.run("check", "--output-format", "json").out == "[]\n"


def test_a_report_can_be_written_to_a_file_and_the_summary_is_still_printed(project: Project) -> None:
    project.write("a.py", MISSPELLED)
    ran = project.run("check", "--output-file", "report.txt", "--output-format", "concise", "--color", "always")
    assert ran.code == 1
    assert "1 finding" in ran.out
    assert (project.path / "report.txt").read_text().startswith("a.py:1:27: warning:")
    assert project.run("check", "-o", "report.json", "--output-format", "json").out == ""
    assert json.loads((project.path / "report.json").read_text())


def test_statistics_are_counts_in_place_of_findings(project: Project) -> None:
    project.write("a.py", MISSPELLED * 2)
    ran = project.run("check", "--statistics")
    assert ran.code == 1
    assert ran.out.startswith("2  warning  unknown-ignore  A suppression comment names no rule that exists.\n")
    (row,) = json.loads(project.run("check", "--statistics", "--output-format", "json").out)
    assert row == {"rule": "unknown-ignore", "severity": "warning", "count": 2, "files": 1}


def test_quiet_prints_findings_only(project: Project) -> None:
    project.write("a.py", "x = 1\n")
    assert project.run("check", "-q").out == ""


def test_verbose_says_on_standard_error_what_was_read(project: Project) -> None:
    project.write("modelint.toml", "")
    project.write("a.py", "x = 1\n")
    ran = project.run("check", "-v")
    assert ran.err.splitlines()[:2] == ["configuration: modelint.toml", "examined: 1 file"]
    assert ran.out == "All clear: 1 file examined\n"


def test_standard_input_is_examined_under_the_name_it_is_given(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write("sub/modelint.toml", 'ignore = ["unknown-ignore"]\n')
    stdin(monkeypatch, BROKEN.encode())
    ran = project.run("check", "--output-format", "concise", "--stdin-filename", "sub/new.py", "-")
    assert ran.out.startswith("sub/new.py:1:5: error:")
    stdin(monkeypatch, MISSPELLED.encode())
    assert project.run("check", "--stdin-filename", "sub/new.py", "-").code == 0
    stdin(monkeypatch, MISSPELLED.encode())
    assert project.run("check", "-").out.splitlines()[1] == " --> <stdin>:1:27"


def test_standard_input_stands_in_for_the_file_on_disk(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write("a.py", BROKEN)
    stdin(monkeypatch, b"x = 1\n")
    assert project.run("check", "--stdin-filename", "a.py", "-").code == 0


def test_no_cache_is_accepted(project: Project) -> None:
    project.write("a.py", "x = 1\n")
    assert project.run("check", "--no-cache").code == 0


def test_output_is_the_same_from_everywhere_and_in_any_order_of_paths(project: Project) -> None:
    for name in ("b.py", "a/c.py", "a/d.py"):
        project.write(name, MISSPELLED)
    expected = project.concise()
    assert project.concise("b.py", "a") == project.concise("a/d.py", "a/c.py", "./b.py") == expected


@pytest.mark.parametrize("name", ["NO_COLOR", "TERM"])
def test_colour_is_only_for_terminals_that_want_it(
    project: Project, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    project.write("a.py", MISSPELLED)
    assert "\x1b" not in project.run("check").out
    assert "\x1b[" in project.run("check", "--color", "always").out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" in project.run("check").out
    assert "\x1b" not in project.run("check", "--color", "never").out
    monkeypatch.delenv("FORCE_COLOR")
    monkeypatch.setenv(name, {"NO_COLOR": "1", "TERM": "dumb"}[name])
    assert "\x1b" not in project.run("check").out


def test_the_version_is_printed(project: Project) -> None:
    assert project.run("--version").out == f"modelint {__version__}\n"


def test_without_a_command_the_help_is_shown(project: Project) -> None:
    ran = project.run()
    assert ran.code == 0
    assert ran.out.startswith("Usage: modelint")


def test_all_rules_are_listed_with_category_severity_and_summary(project: Project) -> None:
    text = project.run("rules").out
    assert re.search(r"^mode$", text, re.MULTILINE)
    assert re.search(r"^  reused-seed +warning  \S.*\.$", text, re.MULTILINE)
    rows = json.loads(project.run("rules", "--output-format", "json").out)
    assert {"name", "category", "severity", "since", "summary"} == set(rows[0])
    assert {"reused-seed", "unused-ignore", "unreadable"} <= {row["name"] for row in rows}


def test_every_rule_can_be_explained(project: Project) -> None:
    for row in json.loads(project.run("rules", "--output-format", "json").out):
        ran = project.run("explain", row["name"])
        assert ran.code == 0
        assert ran.out.startswith(f"# {row['name']}\n")
        assert row["summary"] in ran.out.replace("\n", " ")
        coloured = project.run("explain", row["name"], "--color", "always").out
        assert "\x1b[" in coloured


def test_a_reader_that_goes_away_is_no_error(project: Project) -> None:
    project.write("a.py", MISSPELLED * 5_000)
    process = start("check", "--output-format", "concise", cwd=project.path)
    assert process.stdout
    assert process.stderr
    assert process.stdout.readline().startswith(b"a.py:1:27")
    process.stdout.close()
    assert process.wait(60) == 1
    assert process.stderr.read() == b""


def test_an_interrupt_ends_the_run_without_a_traceback(project: Project) -> None:
    # stdin never comes to an end of its own; a background job of a shell has interrupts switched off
    process = start("check", "-", cwd=project.path, stdin=subprocess.PIPE, preexec_fn=interruptible)
    time.sleep(5)
    process.send_signal(signal.SIGINT)
    error = process.stderr.read() if process.stderr else b""
    process.wait(60)
    assert process.returncode == 130
    assert error.decode().strip() == "modelint: interrupted"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
@pytest.mark.parametrize("arguments", [("check",), ("check", "--output-format", "json"), ("rules",)])
def test_what_cannot_be_written_is_said_and_fails_the_run(project: Project, arguments: tuple[str, ...]) -> None:
    project.write("a.py", MISSPELLED)
    command = [sys.executable, "-m", "modelint", *arguments]
    with open("/dev/full", "wb") as full:
        ran = subprocess.run(command, cwd=project.path, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    said = "modelint: standard output cannot be written: No space left on device\n"
    assert (ran.returncode, ran.stderr) == (2, said)


def in_a_terminal(project: Project, *arguments: str) -> tuple[int, str]:
    """Run the command in a pseudo-terminal; the exit code, and what it wrote."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "90", "LINES": "24"}
    command = [sys.executable, "-m", "modelint", *arguments]
    process = subprocess.Popen(command, stdout=theirs, stderr=theirs, cwd=project.path, env=environment)
    os.close(theirs)
    written = b""
    while True:
        ready, _, _ = select.select([ours], [], [], 60)
        try:
            part = os.read(ours, 65_536) if ready else b""
        except OSError:
            part = b""
        if not part:
            break
        written += part
    os.close(ours)
    return process.wait(60), written.decode()


def test_a_terminal_gets_colour_and_a_bar_when_it_has_to_wait_but_a_pipe_gets_neither(project: Project) -> None:
    for number in range(100):
        project.write(f"a{number}.py", "x = {'a': [1, 2, (3, 4)]}\n" * 1_000)
    project.write("b.py", MISSPELLED)
    code, text = in_a_terminal(project, "check")
    assert code == 1
    assert "\x1b[1;33mwarning[unknown-ignore]" in text
    assert "examining" in text
    process = start("check", cwd=project.path)
    out, error = process.communicate(timeout=120)
    assert b"\x1b" not in out
    assert error == b""


def test_a_short_run_shows_no_bar(project: Project) -> None:
    project.write("a.py", "x = 1\n")
    _, text = in_a_terminal(project, "check")
    assert "examining" not in text


def test_a_hostile_tree_is_examined_in_bounded_time_with_a_finding_for_all_that_is_wrong(project: Project) -> None:
    project.write("bom.py", b"\xef\xbb\xbfx = 1\r\n")
    project.write("declared.py", b"# coding: latin-1\nx = '\xe9'\n")
    project.write("empty.py")
    project.write("python2.py", "print 'hello'\n")
    project.write("template.py", "import {{ cookiecutter.name }}\n")
    project.write("undeclared.py", b"x = '\xe9'\n")
    project.write("null.py", b"x = 1\0\n")
    project.write("nested.py", "x = " + "[" * 2_000 + "]" * 2_000 + "\n")
    project.write("generated.py", "".join(f"value_{n} = compute({n}, 'text', [1, 2])\n" for n in range(50_000)))
    project.write("one.py", "import two\nfrom three import *\n")
    project.write("two.py", "from one import a\nimport three\n")
    project.write("three.py", "from two import *\nfrom one import *\nimport three\n")
    project.write("x.py/inner.py", "x = 1\n")
    (project.path / "loop.py").symlink_to("loop.py")
    (project.path / "up").symlink_to("..")
    found = project.concise()
    assert [line.partition(":")[0] for line in found] == [
        *("loop.py", "nested.py", "null.py", "python2.py", "template.py", "undeclared.py"),
    ]
    assert all(line.endswith("[unreadable]") for line in found)


def test_help_answers_at_once(project: Project) -> None:
    """Whatever is slow to import is not imported; the benchmarks measure the time itself."""
    slow = {"libcst", "networkx", "rich", "attrs", "cattrs", "pathspec", "packaging", "modelint_rules"}
    code = f"import sys; from modelint.cli import main; main(['--help']); print(sorted({slow} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"


def test_no_framework_is_imported_by_a_run(project: Project) -> None:
    project.write("a.py", "x = 1\n")
    code = (
        "import sys; from modelint.cli import main; main(['check', '-q']); "
        "print(sorted({'tensorflow', 'keras', 'tf_keras', 'torch', 'jax', 'numpy'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=project.path)
    assert ran.stdout.splitlines()[-1] == "[]"


def test_the_module_runs_like_the_command(repository: Path) -> None:
    out, _ = start("--version", cwd=repository).communicate(timeout=60)
    assert out.decode() == f"modelint {__version__}\n"


def test_the_server_says_how_to_get_what_it_needs(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygls", None)
    ran = project.run("server")
    sentence = "the language server needs pygls; install it with: pip install 'modelint[lsp]'"
    assert (ran.code, ran.out, ran.err) == (2, "", f"modelint: {sentence}\n")
