"""Suppression comments: what they cover, and what is said of those that cover nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from modelint.finding import Confidence, Finding, Place, Severity, Span
from modelint.suppress import Suppressions, read_suppressions


def covered(text: str, rule: str = "a-rule") -> list[int]:
    """The lines on which findings of a rule are suppressed."""
    suppressions = read_suppressions("file.py", text)
    lines = range(1, text.count("\n") + 2)
    return [line for line in lines if suppressions.matching(finding(line, rule))]


def finding(line: int, rule: str = "a-rule") -> Finding:
    """A finding that begins on a line."""
    place = Place("file.py", Span(line, 1, line, 2))
    return Finding(rule, Severity.WARNING, Confidence.HIGH, place, "something is wrong")


def removed(text: str, suppressions: Suppressions, *, judged: frozenset[str] = frozenset({"a-rule", "b-rule"})) -> str:
    """The text after the fixes of all unused ignores, the last first."""
    edits = [edit for f in suppressions.unused(frozenset(), judged) for edit in (f.fix.edits if f.fix else ())]
    lines = text.splitlines(keepends=True)
    for edit in sorted(set(edits), key=lambda edit: edit.span, reverse=True):
        span = edit.span
        if span.end_line > span.line:
            del lines[span.line - 1]
        else:
            line = lines[span.line - 1]
            lines[span.line - 1] = line[: span.column - 1] + edit.text + line[span.end_column - 1 :]
    return "".join(lines)


def test_a_comment_at_the_end_of_a_line_covers_that_line() -> None:
    assert covered("x = 1\ny = 2  # modelint: ignore[a-rule] because\nz = 3\n") == [2]


def test_only_the_named_rules_are_covered() -> None:
    text = "y = 2  # modelint: ignore[a-rule, b-rule] because\n"
    assert covered(text, "b-rule") == [1]
    assert covered(text, "c-rule") == []


def test_a_comment_on_a_line_of_its_own_covers_the_statement_below() -> None:
    assert covered("# modelint: ignore[a-rule] because\nf(\n    1,\n    2,\n)\ng()\n") == [2, 3, 4, 5]


def test_further_comments_may_stand_between() -> None:
    assert covered("# modelint: ignore[a-rule] because\n# of something else\nf()\ng()\n") == [3]


def test_a_comment_at_the_end_of_a_statements_first_or_last_line_covers_the_statement() -> None:
    assert covered("f(  # modelint: ignore[a-rule]\n    1,\n)\ng()\n") == [1, 2, 3]
    assert covered("f(\n    1,\n)  # modelint: ignore[a-rule]\ng()\n") == [1, 2, 3]


def test_a_comment_inside_brackets_covers_its_own_line_or_the_line_below() -> None:
    assert covered("f(\n    1,  # modelint: ignore[a-rule]\n    2,\n)\n") == [2]
    assert covered("f(\n    1,\n    # modelint: ignore[a-rule]\n    2,\n)\n") == [4]


def test_a_compound_statement_is_covered_up_to_its_colon() -> None:
    assert covered("# modelint: ignore[a-rule]\ndef f(\n    a,\n):\n    g()\n") == [2, 3, 4]


def test_a_comment_above_decorators_covers_the_function_below_them() -> None:
    assert covered("# modelint: ignore[a-rule]\n@one\n@two(\n    3)\ndef f():\n    g()\n") == [2, 3, 4, 5]


def test_a_file_ignore_covers_all_lines_and_findings_without_a_line() -> None:
    text = "x = 1\n# modelint: file-ignore[a-rule] generated\n"
    assert covered(text) == [1, 2, 3]
    nowhere = Finding("a-rule", Severity.WARNING, Confidence.HIGH, Place("file.py"), "x")
    assert read_suppressions("file.py", text).matching(nowhere)
    assert not read_suppressions("file.py", text.replace("file-", "")).matching(nowhere)


def test_a_comment_beside_other_comments_counts() -> None:
    assert covered("x = 1  # noqa: E501  # modelint: ignore[a-rule] because\n") == [1]
    assert covered("x = 1  # type: ignore[b] # modelint:ignore[a-rule]\n") == [1]


def test_text_that_looks_like_a_comment_in_a_string_does_not_count() -> None:
    assert covered("x = '# modelint: ignore[a-rule]'\n") == []
    assert covered('"""\n# modelint: ignore[a-rule]\n"""\nx = 1\n') == []


def test_line_ends_of_every_kind_are_counted_alike() -> None:
    text = "x = 1\ny = 2  # modelint: ignore[a-rule]\n"
    assert covered(text.replace("\n", "\r\n"))[:1] == [2]
    suppressions = read_suppressions("file.py", text.replace("\n", "\r"))
    assert suppressions.ignores[0].lines == (2, 2)


def test_a_comment_that_names_no_rule_is_reported() -> None:
    for comment in ("# modelint: ignore", "# modelint: ignore[]", "# modelint: ignore[ ] reason"):
        (found,) = read_suppressions("file.py", f"x = 1  {comment}\n").unknown({"a-rule"})
        assert found.rule == "unknown-ignore"
        assert "names no rule" in found.message


def test_a_comment_in_another_tools_words_is_reported() -> None:
    for comment in ("# modelint: disable=a-rule", "# modelint: noqa", "# modelint: ingore[a-rule]"):
        (found,) = read_suppressions("file.py", f"x = 1  {comment}\n").unknown({"a-rule"})
        assert "there is no comment" in found.message


def test_prose_about_modelint_is_no_directive() -> None:
    for comment in (
        "# modelint: see the configuration",
        "# modelint says otherwise",
        "# modelint: https://example.org",
    ):
        assert not list(read_suppressions("file.py", f"x = 1  {comment}\n").unknown({"a-rule"}))


def test_a_misspelled_rule_is_reported_at_its_name_with_a_fix() -> None:
    text = "x = 1  # modelint: ignore[a-rule, resued-seed] because\n"
    (found,) = read_suppressions("file.py", text).unknown({"a-rule", "reused-seed"})
    assert found.message == "there is no rule 'resued-seed'; did you mean 'reused-seed'?"
    assert found.place.span == Span(1, 35, 1, 46)
    assert found.fix is not None
    assert [edit.text for edit in found.fix.edits] == ["reused-seed"]


def test_only_rules_that_were_run_can_be_unused() -> None:
    suppressions = read_suppressions("file.py", "x = 1  # modelint: ignore[a-rule, b-rule]\n")
    assert [f.message.split("'")[1] for f in suppressions.unused(frozenset(), {"b-rule"})] == ["b-rule"]
    used = set(suppressions.matching(finding(1, "b-rule")))
    assert not list(suppressions.unused(used, {"b-rule"}))


def test_an_unused_comment_is_removed_with_its_reason() -> None:
    for before, after in (
        ("x = 1  # modelint: ignore[a-rule] because\n", "x = 1\n"),
        ("if x:\n    # modelint: ignore[a-rule]\n    f()\n", "if x:\n    f()\n"),
        ("x = 1  # modelint: ignore[a-rule] because # noqa\n", "x = 1  # noqa\n"),
        ("x = 1  # noqa: E501  # modelint: ignore[a-rule] see #12\n", "x = 1  # noqa: E501\n"),
        ("x = 1  # modelint: ignore[a-rule, b-rule]\n", "x = 1\n"),
        ("x = 1  # modelint: ignore[a-rule, c-rule] both\n", "x = 1  # modelint: ignore[c-rule] both\n"),
        ("x = 1  # modelint: ignore[c-rule,a-rule]\n", "x = 1  # modelint: ignore[c-rule]\n"),
    ):
        assert removed(before, read_suppressions("file.py", before)) == after


def test_a_comment_in_code_that_python_cannot_tokenize_still_counts_where_it_is_read() -> None:
    assert covered("x = 1  # modelint: ignore[a-rule]\ny = '''\n") == [1]


@given(st.text(alphabet="x=1()#[]\n\r\t '\"\\@:;,", max_size=60))
def test_any_text_is_read(text: str) -> None:
    suppressions = read_suppressions("file.py", text.replace("#", "# modelint: ignore[a-rule]"))
    assert all(ignore.rule for ignore in suppressions.ignores)
