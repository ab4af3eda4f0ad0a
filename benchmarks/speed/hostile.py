"""Inputs made to be slow: each a name, and a function that writes it into an empty folder.

Time and memory must be bounded on these: a generated file of 50,000 lines, nesting 2,000 deep, import cycles,
recursion, branches that multiply, literals without end, links in a circle, text in no declared encoding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

_HEAD = "import tensorflow as tf\nfrom tensorflow.keras import Sequential, layers, Model, Input\n"


def generated(folder: Path) -> None:
    """50,000 lines of a functional model, calls and assignments, as a code generator writes them."""
    lines = ["x = inputs = Input((64,))"]
    for number in range(16_700):
        lines.append(f"x{number} = layers.Dense({number % 64 + 1}, activation='relu')(x)")
        lines.append(f"x = layers.BatchNormalization()(x{number})")
        lines.append(f"table_{number} = {{'rate': {number / 1000}, 'name': 'layer_{number}'}}")
    (folder / "generated.py").write_text(_HEAD + "\n".join(lines) + "\nmodel = Model(inputs, x)\nmodel.fit(1, 2)\n")


def generated_functions(folder: Path) -> None:
    """10,000 functions of five lines, each calling the two before it: entering every call would take for ever."""
    parts = ["def f0(x):\n    return x\n\ndef f1(x):\n    return x\n"]
    parts += [
        f"def f{number}(x):\n    y = f{number - 1}(x)\n    z = f{number - 2}(x)\n    return y + z\n"
        for number in range(2, 10_000)
    ]
    (folder / "functions.py").write_text(_HEAD + "\n".join(parts) + "\nf9999(Sequential([layers.Dropout(0.5)]))\n")


def nested_calls(folder: Path) -> None:
    """A call nested 2,000 deep."""
    (folder / "calls.py").write_text(f"{_HEAD}x = {'f(' * 2000}1{')' * 2000}\n")


def nested_lists(folder: Path) -> None:
    """A list nested 2,000 deep, of layers."""
    (folder / "lists.py").write_text(f"{_HEAD}x = {'[' * 2000}layers.Dropout(0.5){']' * 2000}\n")


def nested_blocks(folder: Path) -> None:
    """2,000 operators in a row, and 90 blocks inside each other (Python itself takes 100)."""
    lines = ["x = " + " + ".join(str(number) for number in range(2000))]
    lines += [" " * depth + f"if x > {depth}:" for depth in range(90)]
    (folder / "blocks.py").write_text(_HEAD + "\n".join(lines) + "\n" + " " * 90 + "model = Sequential()\n")


def import_cycle(folder: Path) -> None:
    """A package of 200 modules, each importing the next one and the last importing the first, with star imports."""
    package = folder / "cycle"
    package.mkdir()
    (package / "__init__.py").write_text("from .m0 import *\n")
    for number in range(200):
        following = (number + 1) % 200
        (package / f"m{number}.py").write_text(
            f"{_HEAD}from .m{following} import *\nfrom . import m{following}\n"
            f"def build_{number}():\n    return m{following}.build_{following}()\n"
        )
    (folder / "main.py").write_text(f"{_HEAD}from cycle import m0\nmodel = m0.build_0()\nmodel.fit(1, 2)\n")


def recursion(folder: Path) -> None:
    """Functions that call themselves and each other with growing arguments, and a class that contains itself."""
    (folder / "recursion.py").write_text(
        f"{_HEAD}def f(n, m):\n    return g(n + 1, [m, m]) or f(n + 2, (m,)) or g(n, m)\n"
        "def g(n, m):\n    return f(n + 1, {n: m}) or g(n - 1, m)\n"
        "class Block(Model):\n    def __init__(self, depth):\n        super().__init__()\n"
        "        self.inner = Block(depth - 1)\n        self.other = Block(depth - 2)\n"
        "    def call(self, x):\n        return self.inner(self.other(self(x)))\n"
        "f(0, 1)\nmodel = Block(50)\nmodel(1)\nf = lambda x: f(f(x))\nf(model)\n"
    )


def branches(folder: Path) -> None:
    """500 branches in a row, each giving a variable another value: two to the 500 paths."""
    lines = ["import sys", "model = Sequential()", "flag = None"]
    for number in range(500):
        lines += [
            f"if sys.argv[{number}]:",
            f"    model = Sequential([model, layers.Dropout(0.{number})])",
            f"    flag = {number}",
        ]
    lines += ["for epoch in range(10**9):", "    while flag:", "        model.add(layers.Dense(epoch))"]
    (folder / "branches.py").write_text(_HEAD + "\n".join(lines) + "\nmodel(1, training=flag)\n")


def literals(folder: Path) -> None:
    """A list of a million numbers, a string of ten million characters, and arithmetic that explodes."""
    (folder / "numbers.py").write_text(f"{_HEAD}data = [{', '.join('1' for _ in range(1_000_000))}]\n")
    (folder / "text.py").write_text(f"{_HEAD}data = '{'x' * 10_000_000}'\n")
    (folder / "power.py").write_text(
        f"{_HEAD}n = 10 ** 10 ** 10\ns = 'x' * n\nl = [0] * n\nt = 1 << n\nfor i in range(n):\n    l = l + l\n"
    )


def links_and_encodings(folder: Path) -> None:
    """Links in a circle, a file in no declared encoding, an empty one, one of zero bytes, one that is no Python."""
    (folder / "circle").symlink_to(folder, target_is_directory=True)
    (folder / "latin.py").write_bytes(b"import tensorflow\nname = '\xe9'\n")
    (folder / "empty.py").write_bytes(b"")
    (folder / "zeros.py").write_bytes(b"\0" * 4096)
    (folder / "template.py").write_text("import tensorflow as {{ name }}\n")
    (folder / "old.py").write_text("import tensorflow\nprint 'Python 2'\n")


HOSTILE: Mapping[str, Callable[[Path], None]] = {
    "generated file, 50,000 lines": generated,
    "10,000 functions calling each other": generated_functions,
    "calls nested 2,000 deep": nested_calls,
    "lists nested 2,000 deep": nested_lists,
    "long sum, blocks nested 90 deep": nested_blocks,
    "import cycle of 200 modules": import_cycle,
    "unbounded recursion": recursion,
    "500 branches in a row": branches,
    "huge literals": literals,
    "link circle, encodings, no Python": links_and_encodings,
}
"""The hostile inputs by name, in the order they are run."""
