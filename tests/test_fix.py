"""Fixes over one text: which are applied, where, and what the text keeps."""

from __future__ import annotations

import ast
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelint.documents import source_bytes, source_text
from modelint.finding import Confidence, Edit, Finding, Fix, Place, Safety, Severity, Span
from modelint.fix import Fixed, SpanError, changes_of, fix_text, is_applicable


def finding(*edits: Edit, rule: str = "some-rule", safety: Safety = Safety.SAFE) -> Finding:
    """A finding at the first of its edits."""
    place = Place("a.py", edits[0].span)
    return Finding(rule, Severity.WARNING, Confidence.HIGH, place, "wrong; mend it", fix=Fix("mend it", safety, edits))


def edit(line: int, column: int, end_column: int, text: str) -> Edit:
    return Edit(Span(line, column, line, end_column), text)


def parses(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def fixed(text: str, *findings: Finding) -> Fixed:
    return fix_text(text, findings, parses)


def test_fixes_are_applied_whole_and_the_first_of_overlapping_ones_wins() -> None:
    insertion = finding(edit(1, 4, 4, ", training=False"))
    replacement = finding(edit(2, 1, 2, "h"))
    overlapping = finding(edit(2, 1, 5, "k"), edit(1, 1, 2, "k"))
    outcome = fixed("f(x)\ng(y)\n", overlapping, replacement, insertion)
    assert outcome.text == "f(x, training=False)\nh(y)\n"
    assert outcome.applied == (insertion, replacement)
    assert outcome.refused == ()


def test_what_two_fixes_write_at_one_point_waits_for_the_next_pass() -> None:
    first = finding(edit(1, 4, 4, ", a=1"), rule="a")
    second = finding(edit(1, 4, 4, ", b=2"), rule="b")
    outcome = fixed("f(x)\n", second, first)
    assert (outcome.text, outcome.applied) == ("f(x, a=1)\n", (first,))


def test_one_fix_does_for_all_findings_that_have_it() -> None:
    one, other = finding(edit(1, 4, 4, ", a=1"), rule="a"), finding(edit(1, 4, 4, ", a=1"), rule="b")
    outcome = fixed("f(x)\n", one, other)
    assert (outcome.text, outcome.applied) == ("f(x, a=1)\n", (one, other))


def test_a_fix_that_would_spoil_the_text_is_left_out_and_the_others_are_not() -> None:
    good, bad = finding(edit(1, 1, 2, "g")), finding(edit(2, 2, 3, ""))
    outcome = fixed("f(x)\nf(x)\n", good, bad)
    assert (outcome.text, outcome.applied, outcome.refused) == ("g(x)\nf(x)\n", (good,), (bad,))


@pytest.mark.parametrize(
    "edits",
    [
        (edit(9, 1, 1, "x"),),
        (edit(1, 6, 7, "x"),),
        (edit(0, 1, 1, "x"),),
        (edit(1, 3, 2, "x"),),
        (edit(1, 1, 3, "x"), edit(1, 2, 4, "y")),
        (edit(1, 1, 2, "f"),),
    ],
    ids=["no such line", "no such column", "line 0", "ends before it begins", "overlaps itself", "changes nothing"],
)
def test_a_fix_that_does_not_fit_the_text_is_refused(edits: tuple[Edit, ...]) -> None:
    wrong = finding(*edits)
    outcome = fixed("f(x)\n", wrong)
    assert (outcome.text, outcome.applied, outcome.refused) == ("f(x)\n", (), (wrong,))


def test_a_rule_that_asks_for_the_same_once_more_is_refused() -> None:
    growing = finding(edit(1, 4, 4, ", a=1"))
    other = finding(edit(1, 1, 2, "gg"), rule="another-rule")
    first = fixed("f(x)\n", growing)
    second = fix_text(first.text, [other], parses, first.traces)
    assert second.text == "gg(x, a=1)\n"
    again = finding(edit(1, 10, 10, ", a=1"))
    third = fix_text(second.text, [again], parses, second.traces)
    assert (third.text, third.refused) == (second.text, (again,))


def test_an_edit_takes_the_line_ends_of_the_text() -> None:
    assert fixed("a\r\nb\r\n", finding(edit(2, 1, 1, "\nc\n"))).text == "a\r\n\r\nc\r\nb\r\n"
    assert fixed("a\rb\r", finding(edit(2, 1, 1, "c\n"))).text == "a\rc\rb\r"


def test_a_last_line_without_an_end_can_be_removed_and_written_below() -> None:
    last = Edit(Span(2, 1, 3, 1), "")
    assert fixed("a\nb", finding(last)).text == "a\n"
    assert fixed("a", finding(edit(2, 1, 1, "\nb\n"))).text == "a\nb\n"


def test_safe_fixes_may_be_applied_and_unsafe_ones_if_that_is_said() -> None:
    safe, unsafe = finding(edit(1, 1, 1, "x")), finding(edit(1, 1, 1, "x"), safety=Safety.UNSAFE)
    without = Finding("r", Severity.NOTE, Confidence.HIGH, Place("a.py"), "wrong; mend it")
    assert [is_applicable(each, unsafe=False) for each in (safe, unsafe, without)] == [True, False, False]
    assert [is_applicable(each, unsafe=True) for each in (safe, unsafe, without)] == [True, True, False]


characters = st.characters(codec="utf-8", exclude_characters="\r\n\0") | st.sampled_from("\t é\u2028\x0c😀𝔘")
lines = st.lists(st.text(characters, max_size=8), min_size=1, max_size=6)


@st.composite
def texts_and_offsets(draw: st.DrawFn) -> tuple[str, str, list[int]]:
    """A text, its line end, and offsets in it, in order, none inside of a line end."""
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    text = end.join(draw(lines))
    places = [place for place in range(len(text) + 1) if text[place - 1 : place + 1] != "\r\n"]
    return text, end, sorted(draw(st.lists(st.sampled_from(places), unique=True, max_size=8)))


def position(text: str, offset: int) -> tuple[int, int]:
    """The line and column of an offset, found by cutting the text there."""
    before = re.split("\r\n|\r|\n", text[:offset])
    return len(before), len(before[-1]) + 1


@given(texts_and_offsets(), st.lists(st.sampled_from(["", "x", "😀", "\n", "a\nb"]), min_size=4, max_size=4))
def test_edits_that_do_not_meet_are_applied_where_they_say(
    case: tuple[str, str, list[int]], replacements: list[str]
) -> None:
    text, end, offsets = case
    pairs = list(zip(offsets[::2], offsets[1::2], strict=False))
    edits = [
        Edit(Span(*position(text, a), *position(text, b)), new)
        for (a, b), new in zip(pairs, replacements, strict=False)
    ]
    expected, done = "", 0
    for (start, stop), new in zip(pairs, replacements, strict=False):
        expected += text[done:start] + new.replace("\n", end if end in text else "\n")
        done = stop
    expected += text[done:]
    outcome = fix_text(text, [finding(each) for each in edits], lambda _: True)
    assert outcome.text == expected


@given(texts_and_offsets(), st.data())
def test_every_fix_is_applied_refused_or_in_the_way_of_an_applied_one(
    case: tuple[str, str, list[int]], data: st.DataObject
) -> None:
    text, _, offsets = case
    findings = []
    for number in range(data.draw(st.integers(0, 6))):
        ends = sorted(data.draw(st.lists(st.sampled_from([0, *offsets]), min_size=2, max_size=2)))
        span = Span(*position(text, ends[0]), *position(text, ends[1]))
        findings.append(finding(Edit(span, data.draw(st.sampled_from(["", "x", "yy"]))), rule=f"rule-{number}"))
    outcome = fix_text(text, findings, lambda _: True)
    in_place = [change for each in outcome.applied for change in _changes(text, each)]
    for each in findings:
        if each not in outcome.applied and each not in outcome.refused:
            assert any(change.touches(other) for change in _changes(text, each) for other in in_place)
    grown = {change for each in outcome.applied for change in _changes(text, each)}
    assert len(outcome.text) == len(text) + sum(len(c.text) - (c.end - c.start) for c in grown)
    assert {outcome.text[trace.start : trace.end] for trace in outcome.traces} <= {"x", "yy"}
    assert all(outcome.text[trace.start : trace.end] == trace.text for trace in outcome.traces)


def _changes(text: str, each: Finding) -> tuple[object, ...]:
    return changes_of(text, each.fix.edits if each.fix else ())  # type: ignore[return-value]


def test_a_span_that_is_not_of_the_text_is_an_error() -> None:
    with pytest.raises(SpanError, match="no line 3"):
        changes_of("a\n", [edit(3, 2, 2, "x")])


@given(lines, st.sampled_from(["\n", "\r\n", "\r"]), st.sampled_from(["utf-8", "utf-8-sig", "utf-8 by declaration"]))
def test_a_text_is_written_back_byte_by_byte(content: list[str], end: str, encoding: str) -> None:
    declaration = [f"# coding: {encoding.split()[0]}"] if "declaration" in encoding else []
    data = end.join((*declaration, *content)).encode(encoding.split()[0])
    text = source_text(data)
    if text is not None:  # a text may happen to declare another encoding
        assert source_bytes(text, data) == data
        assert not text.startswith("\ufeff") or content[0].startswith("\ufeff")


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "shift_jis", "koi8-r", "utf-8"])
def test_a_declared_encoding_is_kept(encoding: str) -> None:
    word = {"shift_jis": "日本", "koi8-r": "слово"}.get(encoding, "é")
    data = f"# -*- coding: {encoding} -*-\nx = '{word}'\r\n".encode(encoding)
    text = source_text(data)
    assert text is not None
    assert source_bytes(f"{text}y = 1\r\n", data) == data + b"y = 1\r\n"


def test_what_an_encoding_cannot_write_is_not_written() -> None:
    data = b"# coding: latin-1\nx = 1\n"
    assert source_bytes("# coding: latin-1\nx = '😀'\n", data) is None
    assert source_text(b"# coding: utf-9\n") is None
    assert source_text(b"x = '\xff'\n") is None
