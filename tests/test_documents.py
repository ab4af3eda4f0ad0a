"""Bytes to scripts: whatever the bytes, a script or the reason why there is none."""

from __future__ import annotations

import ast
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelint.documents import Script, Unreadable, check_script, read_script
from modelint.documents.script import LARGEST_SOURCE
from modelint.documents.trees import NodePart, descendants_of
from modelint.finding import Span
from modelint.workspace.stack import on_a_deep_stack


def script(data: bytes) -> Script:
    """A script that can be read."""
    document = read_script("file.py", data)
    assert isinstance(document, Script), document
    return document


def refusal(data: bytes) -> Unreadable:
    """The reason why there is no script."""
    document = on_a_deep_stack(lambda: read_script("file.py", data))
    assert isinstance(document, Unreadable)
    return document


def calls_of(document: Script) -> list[ast.Call]:
    """The calls of a script, in the order of the text."""
    calls = [node for node in descendants_of(document.module) if isinstance(node, ast.Call)]
    return sorted(calls, key=lambda call: (call.lineno, call.col_offset))


def first_call(document: Script) -> Span:
    """Where the first call in a script stands."""
    span = document.site(calls_of(document)[0]).resolve().span
    assert span is not None
    return span


STATEMENTS = """\
@decorate(1)
class A(base()):
    @decorate(  # é
      2)
    async def f(self, a=default(3)):
        async with open(4) as b, (open(5)) as c:
            if f(6): g('ä', f(7)); x = [
  f(8), f(9,
    10)]
            elif f(11):
                pass
            else: f(12)
\tfor i in f(13):
\t    while f(14): f(15)
\t    else:
\t      return (f)(16), \\
  f(17)
\telse: x = lambda: f(18)
try:
  f(19)
except E as e:
  f(20)
else:
  f(21)
finally:
  f(22)
try: f(23)
except* f(24): f(25)
match f(26):
    case 1 if f(27): f(28)
    case _:
        (f(29)); f(30)
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_every_call_is_where_its_text_is(newline: str) -> None:
    data = STATEMENTS.replace("\t", "    ").replace("\n", newline).encode()
    document = script(data)
    calls = calls_of(document)
    assert len(calls) == 31
    for call in calls:
        code = document.code(call)
        assert ast.unparse(ast.parse(f"({code})")) == ast.unparse(call)


@pytest.mark.parametrize(
    ("text", "line"),
    [("f(1)\nprint(f(2))  # \u2028 no line end\nx = f(3)\n", 3), ("if a:\n\x0c  f(1)\n\x0c  f(2)\n", 3)],
)
def test_what_is_no_line_end_to_an_editor_moves_no_place(text: str, line: int) -> None:
    document = script(text.encode())
    span = document.site(calls_of(document)[-1]).resolve().span
    assert span is not None
    assert span.line == line


@pytest.mark.parametrize(
    ("data", "span"),
    [
        (b"x = f(1)\n", Span(1, 5, 1, 9)),
        (b"\xef\xbb\xbfx = f(1)\n", Span(1, 5, 1, 9)),
        (b"# -*- coding: latin-1 -*-\nx = f('\xe9')\n", Span(2, 5, 2, 11)),
        (b"\r\n\r\nx = f(1)\r\n", Span(3, 5, 3, 9)),
        (b"a = 1\rx = f(1)\r", Span(2, 5, 2, 9)),
        (b"\n\nif a:\n\tx = f(\n\t\t1)", Span(4, 6, 5, 5)),
        ("äöü = '🌿'; x = f(1)\n".encode(), Span(1, 16, 1, 20)),
    ],
    ids=["plain", "bom", "declared", "crlf", "cr", "tabs", "wide"],
)
def test_a_place_counts_lines_and_characters_as_editors_do(data: bytes, span: Span) -> None:
    assert first_call(script(data)) == span


@pytest.mark.parametrize("data", [b"", b"\n\n", b"# nothing\n", b"\xef\xbb\xbf", b"\r\n"])
def test_a_file_without_code_is_an_empty_script(data: bytes) -> None:
    assert len(script(data).module.body) == 0


@pytest.mark.parametrize(
    ("data", "line", "column", "part"),
    [
        (b"x = 1\nprint 'hello'\n", 2, 1, "Missing parentheses in call to 'print'"),
        (b"raise E, 'text'\n", 1, 8, "not valid Python 3"),
        (b"exec 'x'\n", 1, 1, "not valid Python 3"),
        (b"x = 0777\n", 1, 5, "not valid Python 3"),
        (b"import {{ cookiecutter.name }}.models\n", 1, 8, "not valid Python 3"),
        (b"{% if use_gpu %}\nx = 1\n{% endif %}\n", 1, 2, "not valid Python 3"),
        (b"<<<<<<< HEAD\nx = 1\n=======\n", 1, 1, "not valid Python 3"),
        (b"def f(:\n    pass\n", 1, 7, "not valid Python 3"),
        (b"if x:\npass\n", 2, 1, "expected an indented block"),
        (b"x = 1\ny = (\n", 2, 5, "'(' was never closed"),
        (b"x = 'a\xffb'\n", 1, 7, "byte 0xff, which is not utf-8"),
        (b"x = 1\n" * 50 + b"y = '\xe9'\n", 51, 6, "byte 0xe9, which is not utf-8"),
        (b"# coding: no-such-code\nx = 1\n", 1, 1, "cannot be decoded: unknown encoding"),
        (b"x = 1\ny = '\0'\n", 2, 6, "null byte"),
        ("x = 1\n".encode("utf-16"), 1, 1, "byte 0xff, which is not utf-8"),
        (b"x = 1\n\x80\x04\x95\n", 2, 1, "byte 0x80, which is not utf-8"),
    ],
)
def test_what_is_not_python_3_is_refused_with_its_place(data: bytes, line: int, column: int, part: str) -> None:
    document = refusal(data)
    assert part in document.message
    assert (document.line, document.column) == (line, column)


NEWER = """\
type Pairs[T: (int, str)] = dict[
    T, T]
class Box[T](Base):
    def put[S: int](self, item: S): return f"{f(1)!r} and {self.d["key"]:>{f(2)}} {f"{f(3)}"}"
def apply[
    T,

    S
](x: T) -> S:
    try:
        return f(4), "a" f'''
  {f(5,
     6)}{{}}''' "b"
    except ValueError, TypeError:
        return f(7)
"""


def test_syntax_newer_than_the_running_python_is_read_and_its_calls_stay_where_they_are() -> None:
    text = NEWER.replace("    T,\n\n    S\n", "    T, S\n")
    document = script(text.encode())
    found = {document.code(call) for call in calls_of(document) if document.code(call).startswith("f(")}
    assert found == {"f(1)", "f(2)", "f(3)", "f(4)", "f(5,\n     6)", "f(7)"}


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python reads it itself")
def test_newer_syntax_that_cannot_be_rewritten_is_refused() -> None:
    assert refusal(NEWER.encode()).line == 1


@pytest.mark.parametrize(
    "data",
    [
        b"x = " + b"(" * 2_000 + b"1" + b")" * 2_000,
        b"x = " + b"[" * 2_000 + b"]" * 2_000,
        b"x = " + b"-" * 20_000 + b"1",
        b"x = " + b"not " * 5_000 + b"1",
        b"x = " + b"f(" * 2_000 + b")" * 2_000,
        b"".join(b" " * depth + b"if x:\n" for depth in range(2_000)),
        b"x = " + b"lambda: " * 2_000 + b"1",
    ],
    ids=["parentheses", "lists", "minus", "not", "calls", "blocks", "lambdas"],
)
def test_nesting_of_thousands_of_levels_is_refused(data: bytes) -> None:
    assert "nested too deeply" in refusal(data).message


@pytest.mark.parametrize(
    "data",
    [
        b"x = (1\n" + b" + 1\n" * 3_000 + b")\n",
        b"x = a" + b".b" * 700 + b"\n",
        b"x = (a\n" + b".b()\n" * 400 + b")\n",
        b"if x:\n    pass\n" + b"elif y:\n    pass\n" * 1_500,
    ],
    ids=["sum", "attributes", "chained calls", "elif"],
)
def test_long_chains_are_read_or_refused_but_never_crash(data: bytes) -> None:
    document = on_a_deep_stack(lambda: read_script("file.py", data))
    assert isinstance(document, Script | Unreadable)
    if isinstance(document, Script):
        last = document.module.body[-1]
        assert on_a_deep_stack(lambda: document.site(last).resolve()).span is not None


def test_a_chain_of_thousands_of_calls_over_as_many_lines_is_refused() -> None:
    assert "nested too deeply" in refusal(b"def f():\n    x = (a\n" + b"    .b()\n" * 5_000 + b"    )\n").message


def test_a_generated_file_of_fifty_thousand_lines_is_read() -> None:
    data = b"".join(b"value_%d = %d\n" % (n, n) for n in range(50_000))
    assert len(script(data).module.body) == 50_000


def test_a_file_larger_than_the_limit_is_refused_without_being_parsed() -> None:
    size = f"{LARGEST_SOURCE + 8:,}"
    assert f"too large to examine ({size} bytes" in refusal(b"x = 1  #" + b"-" * LARGEST_SOURCE).message


@given(st.binary(max_size=200))
def test_any_bytes_give_a_document_and_the_cheap_check_agrees(data: bytes) -> None:
    document = read_script("file.py", data)
    assert check_script("file.py", data) == (document if isinstance(document, Unreadable) else None)


@given(st.text(alphabet="ab1 =()[]{}:,.'\"\n\t\\#@*+-lambdaefify\r\u00e4\u2028", max_size=80))
def test_any_text_gives_a_document(text: str) -> None:
    document = read_script("file.py", text.encode())
    assert isinstance(document, Script | Unreadable)


def test_tabs_beside_spaces_are_followed_as_python_does() -> None:
    text = "def train():\n\tfor image in [1]:\n    \t\timage = f(2)\n\ntrain()\n"
    compile(text, "train.py", "exec")
    assert first_call(script(text.encode())) == Span(3, 15, 3, 19)


@pytest.mark.parametrize(
    ("text", "function", "arguments"),
    [
        ("f(1)", "f", ["1"]),
        ("(f)((1), *a, b=(2), **{'c': 3})", "(f)", ["(1)", "*a", "b=(2)", "**{'c': 3}"]),
        ("a.b(1)(c [d, 2],  # a comment, with (\n  lambda e, g=3: e,\n)", "a.b(1)", ["c [d, 2]", "lambda e, g=3: e"]),
        ("x = (a\n  .b\n  (1, 'é,(' 'f'))", "a\n  .b", ["1", "'é,(' 'f'"]),
        ("é = f(\n(1),\n\t2 ,)", "f", ["(1)", "2"]),
        ("f(x[1:2, ...], y if z else w)", "f", ["x[1:2, ...]", "y if z else w"]),
        ("f((i for i in x))", "f", ["(i for i in x)"]),
        ("f()", "f", []),
    ],
)
def test_a_call_is_known_as_it_is_written(text: str, function: str, arguments: list[str]) -> None:
    document = script(text.encode())
    outermost = max(calls_of(document), key=lambda call: len(document.code(call)))
    written = document.site(outermost).written()
    assert written is not None
    assert (written.function, [read(document, each.span) for each in written.arguments]) == (function, arguments)
    for each, whole in zip(written.arguments, arguments, strict=True):
        before = each.star or (f"{each.keyword}=" if each.keyword else "")
        assert before + each.text == whole


def read(document: Script, span: Span) -> str:
    """The text at a place."""
    lines = document.lines[span.line - 1 : span.end_line]
    lines[-1] = lines[-1][: span.end_column - 1]
    return "\n".join([lines[0][span.column - 1 :], *lines[1:]])


@pytest.mark.parametrize("text", ["f(i for i in x)", "f(await i async for i in x)", "x = 1"])
def test_of_a_bare_generator_and_of_no_call_nothing_is_known(text: str) -> None:
    document = script(text.encode())
    assert document.site(document.module.body[0]).written() is None
    assert all(document.site(call).written() is None for call in calls_of(document))


@pytest.mark.parametrize(
    ("text", "head"),
    [
        ("def f(a, b=(1)): pass", "f(a, b=(1))"),
        ("async  def f(a: 'x)' = g(1),  # )\n  *, b\n) -> (None): pass", "f(a: 'x)' = g(1),  # )\n  *, b\n)"),
        ("@g()\ndef f(): pass", "f()"),
        ("def f( # é\n): pass", "f( # é\n)"),
    ],
)
def test_the_head_of_a_function_ends_with_the_parenthesis_of_its_parameters(text: str, head: str) -> None:
    document = script(text.encode())
    assert read(document, document.span(document.module.body[0], NodePart.HEAD)) == head
