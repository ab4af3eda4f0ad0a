"""The accuracy benchmark counts right: made-up sites and findings, and a made-up checkout through the real linter."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "accuracy"
sys.path.insert(0, str(BENCHMARK))

import report  # noqa: E402
from counting import Reported, Verdict, compare, tally  # noqa: E402
from notebooks import JoinedCells  # noqa: E402
from run import examine, locate  # noqa: E402
from sites import Expectation, LabelFileError, Lines, Site, corresponding_lines, read_label_files  # noqa: E402

RULE = "inference-mode-in-training"
COMMIT = "0123456789abcdef"


def site(
    line: int, *, speaks: bool = True, rule: str | None = RULE, path: str = "train.py", counted: bool = True
) -> Site:
    return Site(
        repository="someone/something",
        commit=COMMIT,
        path=path,
        line=line,
        end_line=line,
        rule=rule,
        expectation=Expectation.SPEAK if speaks else Expectation.SILENCE,
        counted=counted,
        standing="true" if speaks else "harmless",
        framework="tf.keras",
        reason="because",
    )


def finding(line: int, *, end_line: int | None = None, rule: str = RULE, path: str = "train.py") -> Reported:
    return Reported(path, line, end_line or line, rule, "wrong")


def verdicts(sites: list[Site], findings: list[Reported], tolerance: int = 2) -> list[Verdict]:
    outcomes, _ = compare(sites, findings, tolerance)
    return [outcome.verdict for outcome in outcomes]


def test_a_finding_on_the_line_of_a_true_label_is_a_true_positive() -> None:
    assert verdicts([site(10)], [finding(10)]) == [Verdict.TRUE_POSITIVE]


def test_a_missed_site_that_a_finding_of_the_rule_gives_as_a_reason_is_named() -> None:
    reasons = (("train.py", 30, 32), ("other.py", 50, 50))
    reported = replace(finding(10), reasons=reasons)
    sites = [site(10), site(32), site(40), site(30, rule="bypassed-call"), site(50), site(31, speaks=False)]
    expected = [Verdict.TRUE_POSITIVE, Verdict.NAMED, Verdict.FALSE_NEGATIVE, Verdict.FALSE_NEGATIVE]
    assert verdicts(sites, [reported]) == [*expected, Verdict.FALSE_NEGATIVE, Verdict.TRUE_NEGATIVE]
    counted = tally(compare(sites[:3], [reported], 2)[0], lambda outcome: "all")["all"]
    assert (counted.recall, counted.recall_with_named) == (1 / 3, 2 / 3)


def test_a_finding_within_the_tolerance_counts_and_one_beyond_does_not() -> None:
    assert verdicts([site(10)], [finding(12)]) == [Verdict.TRUE_POSITIVE]
    assert verdicts([site(10)], [finding(13)]) == [Verdict.FALSE_NEGATIVE]
    assert verdicts([site(10)], [finding(11)], tolerance=0) == [Verdict.FALSE_NEGATIVE]


def test_a_finding_that_covers_the_label_counts_however_far_it_begins() -> None:
    assert verdicts([site(10)], [finding(3, end_line=11)]) == [Verdict.TRUE_POSITIVE]


def test_a_finding_of_another_rule_or_in_another_file_does_not_count() -> None:
    assert verdicts([site(10)], [finding(10, rule="other"), finding(10, path="other.py")]) == [Verdict.FALSE_NEGATIVE]


def test_a_finding_at_a_harmless_label_is_a_false_positive_and_silence_a_true_negative() -> None:
    assert verdicts([site(10, speaks=False)], [finding(10)]) == [Verdict.FALSE_POSITIVE]
    assert verdicts([site(10, speaks=False)], []) == [Verdict.TRUE_NEGATIVE]


def test_one_finding_counts_for_the_nearest_of_two_labels_only() -> None:
    assert verdicts([site(10), site(11)], [finding(11)]) == [Verdict.FALSE_NEGATIVE, Verdict.TRUE_POSITIVE]
    assert verdicts([site(10, speaks=False), site(12)], [finding(12)]) == [Verdict.TRUE_NEGATIVE, Verdict.TRUE_POSITIVE]
    assert verdicts([site(10, speaks=False), site(12)], [finding(10)]) == [
        Verdict.FALSE_POSITIVE,
        Verdict.FALSE_NEGATIVE,
    ]


def test_of_two_labels_equally_near_the_one_that_expects_a_finding_gets_it() -> None:
    assert verdicts([site(9, speaks=False), site(11)], [finding(10)]) == [Verdict.TRUE_NEGATIVE, Verdict.TRUE_POSITIVE]


def test_a_second_finding_beside_a_taken_label_is_neither_wrong_nor_unlabelled() -> None:
    outcomes, unlabelled = compare([site(10)], [finding(10), finding(11)], 2)
    assert [outcome.verdict for outcome in outcomes] == [Verdict.TRUE_POSITIVE]
    assert unlabelled == []


def test_a_finding_at_no_label_is_listed_if_its_file_is_labelled() -> None:
    stray = finding(50)
    _, unlabelled = compare([site(10)], [stray, finding(50, path="elsewhere.py")], 2)
    assert unlabelled == [stray]


def test_where_no_rule_is_named_any_finding_on_that_very_line_is_a_false_positive_of_its_own_rule() -> None:
    null = site(10, speaks=False, rule=None)
    outcomes, _ = compare([null], [finding(9, end_line=10, rule="hard-wired-training")], 2)
    assert [(outcome.verdict, outcome.rule) for outcome in outcomes] == [
        (Verdict.FALSE_POSITIVE, "hard-wired-training")
    ]
    assert verdicts([null], [finding(11)]) == [Verdict.TRUE_NEGATIVE]


def test_what_is_not_counted_enters_no_tally_but_keeps_its_finding() -> None:
    outcomes, _ = compare([site(10, counted=False), site(20)], [finding(10), finding(20)], 2)
    assert outcomes[0].finding == finding(10)
    tallies = tally(outcomes, lambda outcome: outcome.rule)
    assert tallies[RULE].counts[Verdict.TRUE_POSITIVE] == 1
    assert (tallies[RULE].precision, tallies[RULE].recall) == (1.0, 1.0)


def test_precision_and_recall_are_shares_and_unknown_without_a_denominator() -> None:
    sites = [site(10), site(20), site(30), site(40, speaks=False), site(50, speaks=False)]
    outcomes, _ = compare(sites, [finding(10), finding(20), finding(40)], 2)
    whole = report.total(tally(outcomes, lambda outcome: outcome.rule).values())
    assert (whole.precision, whole.recall) == (2 / 3, 2 / 3)
    silent, _ = compare([site(50, speaks=False)], [], 2)
    nothing = tally(silent, lambda outcome: outcome.rule)[RULE]
    assert (nothing.precision, nothing.recall) == (None, None)


LABEL = {
    "repo": "a/b",
    "commit": COMMIT,
    "path": "m.py",
    "line": 3,
    "framework": "tf.keras",
    "rule": RULE,
    "reason": "r",
}
FIX = {
    "repo": "a/b",
    "buggy_commit": COMMIT,
    "fixed_commit": "fedcba9876543210",
    "path": "m.py",
    "line_buggy": 2,
    "framework": "tf.keras",
    "rule": RULE,
    "confidence": "certain",
}


def read(tmp_path: Path, *entries: object, confidences: frozenset[str] = frozenset({"certain"})) -> list[Site]:
    file = tmp_path / "labels.jsonl"
    file.write_text("\n".join(json.dumps(entry) for entry in entries), encoding="utf-8")
    return read_label_files([file], confidences)


@pytest.mark.parametrize(
    ("verdict", "rule", "expectation", "counted"),
    [
        ("true", RULE, Expectation.SPEAK, True),
        ("harmless", RULE, Expectation.SILENCE, True),
        ("debatable", RULE, Expectation.SILENCE, False),
        ("true", None, Expectation.SILENCE, True),
        ("harmless", None, Expectation.SILENCE, True),
    ],
)
def test_a_verdict_says_what_is_expected(
    tmp_path: Path, verdict: str, rule: str | None, expectation: Expectation, counted: bool
) -> None:
    (label,) = read(tmp_path, {**LABEL, "verdict": verdict, "rule": rule})
    assert (label.expectation, label.counted) == (expectation, counted)


def test_a_bug_fix_expects_a_finding_before_and_silence_after(tmp_path: Path) -> None:
    before, after = read(tmp_path, FIX)
    assert (before.expectation, before.commit[:4]) == (Expectation.SPEAK, "0123")
    assert (after.expectation, after.commit[:4]) == (Expectation.SILENCE, "fedc")
    assert before.counted
    assert after.counted


def test_a_bug_fix_of_another_confidence_or_without_rule_is_not_counted(tmp_path: Path) -> None:
    sites = read(tmp_path, {**FIX, "confidence": "likely"}, {**FIX, "rule": None})
    assert not any(each.counted for each in sites)
    assert all(
        each.counted for each in read(tmp_path, {**FIX, "confidence": "likely"}, confidences=frozenset({"likely"}))
    )


def test_a_label_without_a_key_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(LabelFileError, match=r"labels\.jsonl:2: the key 'verdict' is missing"):
        read(tmp_path, {**LABEL, "verdict": "true"}, LABEL)


def test_a_line_is_followed_through_insertions_replacements_and_deletions() -> None:
    before = "a\nb\nc\nd\n"
    assert corresponding_lines(before, "new\na\nb\nc\nd\n", 2) == (3, 3)
    assert corresponding_lines(before, "a\nB\nc\nd\n", 2) == (2, 2)
    assert corresponding_lines(before, "a\nB1\nB2\nc\nd\n", 2) == (2, 3)
    assert corresponding_lines(before, "a\nc\nd\n", 2) == (2, 2)


NOTEBOOK = json.dumps(
    {
        "cells": [
            {"cell_type": "markdown", "source": ["text\n"]},
            {"cell_type": "code", "source": ["%matplotlib inline\n", "x = 1\n", "if x:\n", "    !ls"]},
            {"cell_type": "code", "source": ["%%bash\n", "ls"]},
            {"cell_type": "code", "source": "y = 2"},
        ]
    },
    indent=1,
)


def test_a_line_in_a_cell_or_in_the_notebooks_file_is_found_in_the_joined_cells() -> None:
    own_line = next(number for number, text in enumerate(NOTEBOOK.splitlines(), 1) if '"x = 1' in text)
    joined = JoinedCells.of(NOTEBOOK.encode())
    assert joined is not None
    assert joined.line_in_file(own_line) == 2
    assert joined.line_in_file(1) is None
    assert joined.line(2, 2) == 2
    assert joined.line(4, 1) == 7


def test_a_missing_checkout_and_a_missing_file_are_named(tmp_path: Path) -> None:
    assert locate(site(3), tmp_path) == "someone+something@0123456789"
    (tmp_path / "someone+something@0123456789").mkdir()
    assert locate(site(3), tmp_path) == "someone+something@0123456789:train.py"


def test_a_linter_that_cannot_run_is_reported_and_its_sites_are_not_counted(tmp_path: Path) -> None:
    from checkouts import Linter

    (tmp_path / "someone+something@0123456789").mkdir()
    (tmp_path / "someone+something@0123456789" / "train.py").write_text("x = 1\n")
    result = examine(Linter((sys.executable, "-c", "print('oops')"), (), 60), tmp_path, [site(1)], 2, True)
    assert not result.complete
    assert result.outcomes == []
    assert "no JSON: oops" in result.failed["someone+something@0123456789"]


def test_the_lines_of_a_fix_are_found_in_the_fixed_file(tmp_path: Path) -> None:
    for commit, text in (("0123456789", "a\nb\n"), ("fedcba9876", "new\na\nB\n")):
        folder = tmp_path / f"a+b@{commit}"
        folder.mkdir()
        (folder / "m.py").write_text(text)
    _, after = read(tmp_path, FIX)
    located = locate(after, tmp_path)
    assert isinstance(located, Site)
    assert (located.line, located.lines) == (3, Lines.FILE)


SCRIPT = """\
import tensorflow as tf
from tensorflow.keras import Sequential, layers

model = Sequential([layers.Dense(8), layers.BatchNormalization(), layers.Dense(1)])
plain = Sequential([layers.Dense(8), layers.Dense(1)])
optimizer = tf.keras.optimizers.Adam()
loss_of = tf.keras.losses.MeanSquaredError()

for x, y in tf.data.Dataset.from_tensor_slices((tf.zeros((64, 4)), tf.zeros((64, 1)))).batch(32):
    with tf.GradientTape() as tape:
        loss = loss_of(y, model(x))
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    with tf.GradientTape() as tape:
        loss = loss_of(y, plain(x))
    gradients = tape.gradient(loss, plain.trainable_variables)
    optimizer.apply_gradients(zip(gradients, plain.trainable_variables))
"""


def test_a_whole_run_over_a_made_up_checkout_finds_the_true_site_and_names_what_is_missing(tmp_path: Path) -> None:
    folder = tmp_path / "checkouts" / "a+b@0123456789"
    folder.mkdir(parents=True)
    (folder / "m.py").write_text(SCRIPT)
    labels = tmp_path / "labels.jsonl"
    entries = [
        {**LABEL, "line": 11, "verdict": "true"},
        {**LABEL, "line": 15, "verdict": "harmless"},
        {**LABEL, "repo": "c/d", "verdict": "true"},
    ]
    labels.write_text("\n".join(json.dumps(entry) for entry in entries))
    command = [sys.executable, str(BENCHMARK / "run.py"), str(tmp_path / "checkouts"), str(labels), "--json"]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    printed = json.loads(process.stdout)
    assert process.returncode == 1
    assert [(each["line"], each["outcome"]) for each in printed["sites"]] == [(11, "found"), (15, "silent")]
    assert list(printed["missing"]) == ["c+d@0123456789"]
