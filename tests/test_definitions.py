"""What may be imported of a notebook: its definitions, on the lines on which they stand, and nothing that it does."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelint.confirm.definitions import definitions, lines_of

FIXTURES = sorted((Path(__file__).parent.parent / "fixtures").rglob("*.py"))


@pytest.mark.parametrize(
    "text",
    [
        "import keras",
        "from keras import layers as l",
        "def build(units=4):\n    return units",
        "class Net:\n    size = print",
        "SIZE = (224, 224)",
        "SIZE: int = -2 * 3",
        "import keras\nlayers = keras.layers",
        "A = 1\nB = A if A > 2 else [A]",
        "import keras\n\n\n@keras.register\nclass Net(keras.Model):\n    pass",
        "twice = lambda x, y=2: x * y",
        "first, second = 1, 2",
        "import asyncio\n\n\nasync def run() -> asyncio.Task:\n    pass",
    ],
)
def test_what_is_defined_stays_as_it_is(text: str) -> None:
    assert definitions(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "print(1)",
        "model = build()",
        "data[0] = 1",
        "model.trainable = False",
        "if True:\n    import keras",
        "for x in range(3):\n    x\n",
        "COUNT = data.shape[0]",
        "total += 1",
        "class Net(Base):\n    pass",
        "@decorate\ndef build():\n    pass",
        "def build(units=UNITS):\n    pass",
        "later: int",
        "é = f()",
    ],
)
def test_what_is_done_is_left_out(text: str) -> None:
    left = definitions(text)
    assert [line.strip("0 ") for line in left.split("\n")] == [""] * len(text.split("\n"))
    ast.parse(left)


def test_statements_beside_each_other_stay_where_they_are() -> None:
    assert definitions('é = "é"; print("ü"); SIZE = 2') == 'é = "é"; 0         ; SIZE = 2'
    assert definitions("print(1); import keras") == "0       ; import keras"


def test_what_is_no_python_defines_nothing() -> None:
    assert definitions("def (") == ""
    assert lines_of("x", "def (") == ()


def test_the_lines_of_a_name_are_those_of_the_statements_that_bind_it() -> None:
    text = (
        "def build():\n    return 1\n\n\nmodel = build()\nmodel, other = 1, 2\nimport model.part\nmodel.trainable = 1\n"
    )
    assert lines_of("build", text) == ((1, 2),)
    assert lines_of("model", text) == ((5, 5), (6, 6), (7, 7))


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.name)
def test_the_definitions_of_a_program_stand_where_they_stand_in_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    left = definitions(text)
    assert [len(line) for line in left.split("\n")] == [len(line) for line in text.split("\n")]
    assert all(isinstance(one.value, ast.Constant) for one in ast.parse(left).body if isinstance(one, ast.Expr))
    assert set(placed(left)) <= set(placed(text))


def placed(source: str) -> list[tuple[str, int, int]]:
    """What a module defines, and where."""
    kinds = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
    defined = [one for one in ast.parse(source).body if isinstance(one, kinds)]
    return [(ast.unparse(one), one.lineno, one.col_offset) for one in defined]


@given(st.text(alphabet='ab=():;.\n é"0+', max_size=40))
def test_any_text_leaves_something_that_parses(text: str) -> None:
    ast.parse(definitions(text))
