"""The output formats, from findings made by hand."""

from __future__ import annotations

import json
import re

import jsonschema
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot

from modelint import Confidence, Edit, Evidence, Finding, Fix, Place, Safety, Severity, Span
from modelint.render import concise, full
from modelint.render import json as json_format
from modelint.render.fingerprint import fingerprints
from modelint.render.results import Lines, Results
from modelint.render.summary import statistics, statistics_json, summary
from modelint.render.terminal import PLAIN, Terminal, width

SOURCES = {
    "train.py": """import keras

from model import make

model = make()

def train_step(x, y):
    with tf.GradientTape() as tape:
        loss = loss_fn(y, model(x))
    return tape.gradient(loss, model.trainable_variables)
""",
    "model.py": """def make():
    return keras.Sequential([
        keras.layers.Dense(8),
        keras.layers.BatchNormalization(),
    ])
""",
}
SCHEMA = {
    "type": "array",
    "items": {
        "type": "object",
        "required": [
            *("rule", "severity", "confidence", "path", "cell", "node", "line", "column", "end_line", "end_column"),
            *("message", "because", "fix", "confirmation", "fixed", "fingerprint"),
        ],
        "additionalProperties": False,
        "properties": {
            "rule": {"type": "string", "pattern": "^[a-z][a-z0-9-]*$"},
            "severity": {"enum": ["note", "warning", "error"]},
            "confidence": {"enum": ["low", "medium", "high"]},
            "path": {"type": "string"},
            "cell": {"type": ["integer", "null"]},
            "node": {"type": ["string", "null"]},
            **{
                name: {"type": ["integer", "null"], "minimum": 1}
                for name in ("line", "column", "end_line", "end_column")
            },
            "message": {"type": "string"},
            "because": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["path", "cell", "line", "column", "message"],
                    "additionalProperties": False,
                    "properties": {
                        "path": {"type": "string"},
                        "cell": {"type": ["integer", "null"]},
                        "line": {"type": ["integer", "null"]},
                        "column": {"type": ["integer", "null"]},
                        "message": {"type": "string"},
                    },
                },
            },
            "fix": {
                "type": ["object", "null"],
                "required": ["title", "safety", "edits"],
                "additionalProperties": False,
                "properties": {
                    "title": {"type": "string"},
                    "safety": {"enum": ["safe", "unsafe"]},
                    "edits": {
                        "type": "array",
                        "items": {"required": ["cell", "line", "column", "end_line", "end_column", "text"]},
                    },
                },
            },
            "confirmation": {"type": "null"},
            "fixed": {"const": False},
            "fingerprint": {"type": "string"},
        },
    },
}
"""The machine-readable format, as it is promised to programs."""


def lines(place: Place) -> list[str]:
    """The source lines of the example files."""
    return SOURCES.get(place.path, "").splitlines()


def finding(span: Span | None = Span(9, 27, 9, 35), path: str = "train.py", **changes: object) -> Finding:
    """The example's finding."""
    values: dict[str, object] = {
        "rule": "inference-mode-in-training",
        "severity": Severity.ERROR,
        "confidence": Confidence.HIGH,
        "message": "the training step runs the model in inference mode; pass training=True",
        "because": (
            Evidence(Place("train.py", Span(5, 9, 5, 15)), "the model is made here"),
            Evidence(Place("model.py", Span(4, 9, 4, 42)), "it contains BatchNormalization"),
            Evidence(Place("train.py", Span(8, 10, 8, 27)), "the gradient is recorded here"),
        ),
    }
    return Finding(place=Place(path, span), **(values | changes))  # type: ignore[arg-type]


def shown(*findings: Finding, source: str | None = None, columns: int = 120) -> str:
    """The full format, of the example files or of one source."""
    of_file = lines if source is None else (lambda place: re.split("\n", source))
    return full.render(Results(findings, of_file), Terminal(columns=columns))


def results(*findings: Finding, of: Lines = lines) -> Results:
    """A run with these findings in the example files."""
    return Results(findings, of)


def test_the_full_format_shows_the_finding_its_reasons_where_they_are_and_what_to_do() -> None:
    assert shown(finding()) == snapshot("""\
error[inference-mode-in-training]: the training step runs the model in inference mode
  --> train.py:9:27
   |
 5 | model = make()
   |         ------ 1. the model is made here
...
 8 |     with tf.GradientTape() as tape:
   |          ----------------- 3. the gradient is recorded here
 9 |         loss = loss_fn(y, model(x))
   |                           ^^^^^^^^
10 |     return tape.gradient(loss, model.trainable_variables)
   |
  ::: model.py:4:9
   |
 4 |         keras.layers.BatchNormalization(),
   |         --------------------------------- 2. it contains BatchNormalization
   |
   = help: pass training=True

""")


def test_a_reason_at_the_findings_own_place_is_said_there() -> None:
    here = Evidence(Place("train.py", Span(9, 27, 9, 35)), "this call has no training argument")
    assert shown(finding(because=(here,))) == snapshot("""\
error[inference-mode-in-training]: the training step runs the model in inference mode
  --> train.py:9:27
   |
 8 |     with tf.GradientTape() as tape:
 9 |         loss = loss_fn(y, model(x))
   |                           ^^^^^^^^ this call has no training argument
10 |     return tape.gradient(loss, model.trainable_variables)
   |
   = help: pass training=True

""")


def test_several_reasons_on_one_line_have_an_underline_each() -> None:
    because = (
        Evidence(Place("train.py", Span(9, 9, 9, 13)), "this is differentiated"),
        Evidence(Place("train.py", Span(9, 16, 9, 23)), "through this"),
    )
    assert shown(finding(because=because)) == snapshot("""\
error[inference-mode-in-training]: the training step runs the model in inference mode
  --> train.py:9:27
   |
 8 |     with tf.GradientTape() as tape:
 9 |         loss = loss_fn(y, model(x))
   |                           ^^^^^^^^
   |         ---- 1. this is differentiated
   |                ------- 2. through this
10 |     return tape.gradient(loss, model.trainable_variables)
   |
   = help: pass training=True

""")


def test_a_piece_of_several_lines_is_marked_on_its_first() -> None:
    assert shown(finding(Span(2, 12, 5, 7), "model.py", because=())) == snapshot("""\
error[inference-mode-in-training]: the training step runs the model in inference mode
 --> model.py:2:12
  |
1 | def make():
2 |     return keras.Sequential([
  |            ^^^^^^^^^^^^^^^^^^...
3 |         keras.layers.Dense(8),
  |
  = help: pass training=True

""")


def test_a_finding_about_a_file_as_a_whole_has_no_excerpt() -> None:
    whole = finding(None, because=(Evidence(Place("model.py"), "it is imported from here"),))
    assert shown(whole) == snapshot("""\
error[inference-mode-in-training]: the training step runs the model in inference mode
 --> train.py
  = because: model.py: it is imported from here
  = help: pass training=True

""")


def test_a_finding_that_is_not_sure_says_so() -> None:
    assert "inference mode (medium confidence)\n" in shown(finding(confidence=Confidence.MEDIUM))


def test_a_finding_whose_file_is_gone_is_still_shown() -> None:
    text = full.render(results(finding(path="gone.py", because=()), of=lambda path: ()), PLAIN)
    assert "--> gone.py:9:27" in text
    past_the_end = full.render(results(finding(Span(99, 1, 99, 5), because=())), PLAIN)
    assert "--> train.py:99:1" in past_the_end


def test_wide_characters_and_tabs_keep_the_underline_under_what_it_marks() -> None:
    source = "\tü = '日本語🌿'; model(x)"
    column = source.index("model") + 1
    text = shown(finding(Span(1, column, 1, column + 8), because=()), source=source)
    code, mark = text.splitlines()[3:5]
    assert width(code[: code.index("model")]) == mark.index("^")


def test_a_long_line_is_cropped_around_what_is_marked() -> None:
    source = "x = [" + "1, " * 1_000 + "model(x), " + "2, " * 1_000 + "]"
    column = source.index("model") + 1
    text = shown(finding(Span(1, column, 1, column + 8), because=()), source=source, columns=80)
    code, mark = text.splitlines()[3:5]
    assert len(code) <= 80
    assert code[mark.index("^") : mark.index("^") + 8] == "model(x)"
    assert "…" in code


def test_nothing_in_a_source_a_name_or_a_message_acts_on_the_terminal() -> None:
    hostile = "\x1b[2J\x07\r\x9b31m\u202e\u2028\udcff"
    bad = finding(Span(1, 1, 1, 2), f"a{hostile}\n.py", message=f"x{hostile}; y{hostile}", because=())
    for text in (
        full.render(results(bad, of=lambda path: [f"x = '{hostile}'"]), PLAIN),
        concise.render(results(bad), PLAIN),
        json_format.render(results(bad), PLAIN),
    ):
        assert not set(text) & {"\x1b", "\x07", "\r", "\x9b", "\u202e", "\u2028", "\udcff"}
    assert concise.render(results(bad), PLAIN).count("\n") == 1


@given(st.text(max_size=30), st.integers(1, 40), st.integers(0, 30))
def test_any_line_can_be_shown_with_any_mark_in_it(line: str, column: int, length: int) -> None:
    line = line.replace("\n", " ")
    text = shown(finding(Span(1, column, 1, column + length), because=()), source=line, columns=60)
    assert "^" in text
    assert "\x1b" not in text


def test_the_concise_format_is_a_line_in_the_form_of_a_compiler() -> None:
    assert concise.render(results(finding(rule="a-rule"), finding(None, rule="a-rule")), PLAIN) == snapshot("""\
train.py:9:27: error: the training step runs the model in inference mode; pass training=True [a-rule]
train.py: error: the training step runs the model in inference mode; pass training=True [a-rule]
""")


def test_the_json_has_all_that_is_known_and_keeps_to_its_schema() -> None:
    fix = Fix("pass training=True", Safety.UNSAFE, (Edit(Span(9, 34, 9, 34), ", training=True"),))
    text = json_format.render(results(finding(fix=fix), finding(None, because=())), PLAIN)
    objects = json.loads(text)
    jsonschema.validate(objects, SCHEMA)
    assert objects[0] == snapshot(
        {
            "rule": "inference-mode-in-training",
            "severity": "error",
            "confidence": "high",
            "path": "train.py",
            "cell": None,
            "node": None,
            "line": 9,
            "column": 27,
            "end_line": 9,
            "end_column": 35,
            "message": "the training step runs the model in inference mode; pass training=True",
            "because": [
                {"path": "train.py", "cell": None, "line": 5, "column": 9, "message": "the model is made here"},
                {"path": "model.py", "cell": None, "line": 4, "column": 9, "message": "it contains BatchNormalization"},
                {"path": "train.py", "cell": None, "line": 8, "column": 10, "message": "the gradient is recorded here"},
            ],
            "fix": {
                "title": "pass training=True",
                "safety": "unsafe",
                "edits": [
                    {"cell": None, "line": 9, "column": 34, "end_line": 9, "end_column": 34, "text": ", training=True"}
                ],
            },
            "confirmation": None,
            "fixed": False,
            "fingerprint": "718b46eef7cd1825:1",
        }
    )
    assert objects[1]["line"] is None


def test_no_findings_are_an_empty_array() -> None:
    assert json_format.render(results(), PLAIN) == "[]\n"


def test_a_fingerprint_survives_a_move_and_a_change_of_whitespace_but_not_of_the_code() -> None:
    def of(source: str, line: int) -> str:
        (mark,) = fingerprints(results(finding(Span(line, 1, line, 5)), of=lambda path: source.splitlines()))
        return mark

    assert of("model(x)\n", 1) == of("\n\nif a:\n    model( x )\n", 4)
    assert of("model(x)\n", 1) == of("model(x)  # type: ignore\n", 1)
    assert of("model(x)\n", 1) != of("model(y)\n", 1)


def test_equal_statements_have_different_fingerprints() -> None:
    marks = fingerprints(results(*(finding(Span(n, 1, n, 5)) for n in (1, 2, 3)), of=lambda path: ["model(x)"] * 3))
    assert len(set(marks)) == 3
    assert [mark.rpartition(":")[2] for mark in marks] == ["1", "2", "3"]


def test_the_summary_counts_by_severity_and_names_what_is_hidden() -> None:
    findings = [finding(), finding(severity=Severity.NOTE), finding(path="other.py", severity=Severity.WARNING)]
    assert summary(findings, 7, 0, PLAIN) == "3 findings (1 error, 1 warning, 1 note) in 2 files; 7 files examined\n"
    assert summary([], 1, 2, PLAIN) == (
        "All clear: 1 file examined\n2 findings of lower confidence not shown; --pedantic shows them\n"
    )


def test_the_summary_says_how_many_files_could_not_be_examined() -> None:
    text = summary([finding(rule="unreadable")], 3, 0, PLAIN)
    assert text == "1 finding (1 error) in 1 file; 1 of 3 files could not be examined\n"


def test_statistics_are_ordered_by_count() -> None:
    findings = [finding(rule="b-rule"), finding(rule="a-rule"), finding(rule="b-rule", path="x.py")]
    assert statistics(findings, {"a-rule": "Says a.", "b-rule": "Says b."}, PLAIN) == snapshot("""\
2  error    b-rule  Says b.
1  error    a-rule  Says a.
""")
    assert json.loads(statistics_json(findings))[0] == {"rule": "b-rule", "severity": "error", "count": 2, "files": 2}


def test_colour_adds_nothing_but_escape_sequences() -> None:
    coloured = full.render(results(finding()), Terminal(colour=True))
    assert coloured != shown(finding())
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == shown(finding())
