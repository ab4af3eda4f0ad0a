"""Files that are edited are parsed in pieces: the same trees, and only what an edit changed is parsed again."""

from __future__ import annotations

import ast
from pathlib import Path

import libcst
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelint.documents import Script, read_script
from modelint.documents.pieces import InPiecesError, Pieces
from modelint.documents.trees import descendants_of
from test_documents import STATEMENTS

TEXTS = {
    "empty": "",
    "comments only": "# a\n\n    # b\n",
    "blank lines": "\n\nx = 1\n\n\n# b\n\ny = 2\n\n",
    "no line end": "x = 1\ny = 2",
    "a block without a line end": "if x:\n    y = 1",
    "several on a line": "x = 1; y = (\n  2); z = 3\nw = 4\n",
    "comments after a block": "def f():\n    pass\n    # in it\n  # between\n# out of it\nx = 1\n",
    "comments at the end": "def f():\n    pass\n    # in it\n\n# out of it\n",
    "decorated": "# a\n@d\n# b\n@e(\n  1)\ndef f(): pass\n\n@d\nclass A:\n    x = 1\n",
    "continued": 'x = 1 + \\\n  2\ny = """\n  z\n"""\n',
    "two spaces": "if x:\n  y = 1\nelse:\n  z = 2\n",
    "one line": "if x: y = 1\nfor i in x: pass\n",
    "form feed": "x = 1\n\x0c\ny = 2\n",
}
WHOLE_LINES = [text for text in TEXTS.values() if text.endswith("\n")]


def module(pieces: Pieces, text: str) -> libcst.Module:
    return pieces.parse(text, ast.parse(text))


def kinds(tree: libcst.Module) -> list[str]:
    return [type(node).__name__ for node in descendants_of(tree)]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("name", TEXTS)
def test_the_tree_is_that_of_the_whole_text(name: str, newline: str) -> None:
    text = TEXTS[name].replace("\n", newline)
    found, whole = module(Pieces(), text), libcst.parse_module(text)
    assert found.code == text
    assert kinds(found) == kinds(whole)


def test_what_was_not_edited_is_not_parsed_again() -> None:
    pieces = Pieces()
    before = module(pieces, "x = f(1)\n\ndef g():\n    return 1\n\ny = f(2)\n")
    after = module(pieces, "x = f(1)\nnew = 3\n\ndef g():\n    return 12\n\ny = f(2)\n")
    assert [one in before.body for one in after.body] == [True, False, False, True]


def test_equal_statements_are_different_nodes() -> None:
    pieces = Pieces()
    for text in ("f()\nf()\nf()\n", "f()\nf()\nf()\nf()\n"):
        assert len({id(node) for node in module(pieces, text).body}) == text.count("\n")


@pytest.mark.parametrize(
    "text", ["x = 1\r\ny = 2\n", "x = 1\ry = 2", STATEMENTS.replace("\t", "    ")], ids=["windows", "old", "indents"]
)
def test_a_text_of_several_styles_is_parsed_as_a_whole(text: str) -> None:
    with pytest.raises(InPiecesError):
        module(Pieces(), text)
    script = read_script("file.py", text.encode(), Pieces())
    assert isinstance(script, Script)
    assert script.module.code == text


@given(
    st.lists(
        st.lists(st.sampled_from([text for text in TEXTS.values() if text.endswith("\n")]), max_size=4), max_size=4
    )
)
def test_a_file_that_is_edited_is_read_like_a_new_one(edits: list[list[str]]) -> None:
    pieces = Pieces()
    for edit in edits:
        data = "".join(edit).encode()
        again, anew = read_script("file.py", data, pieces), read_script("file.py", data)
        assert isinstance(again, Script)
        assert isinstance(anew, Script)
        assert again.module.code == anew.module.code
        assert kinds(again.module) == kinds(anew.module)


def test_the_fixtures_are_read_the_same(repository: Path) -> None:
    for path in sorted((repository / "fixtures").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        found = module(Pieces(), text)
        assert found.code == text, path
        assert kinds(found) == kinds(libcst.parse_module(text)), path
