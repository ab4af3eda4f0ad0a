"""Files made to crash, hang, fill memory or run a command: they are refused, or read as far as they make sense."""

from __future__ import annotations

import io
import json
import pickle
import pickletools
import struct
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import torch_models
from model_bytes import ModelBytes, read, refusal
from modelint.artifacts import inventory, torch_export, torchscript
from modelint.artifacts.limits import Budget, MalformedError

pytestmark = pytest.mark.filterwarnings("ignore")

PROTOCOL = b"\x80\x02"
MANY = settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def archive(members: Mapping[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as written:
        for name, content in members.items():
            written.writestr(name, content)
    return file.getvalue()


def checkpoint(content: bytes) -> bytes:
    return archive({"net/data.pkl": content, "net/version": b"3"})


class Runs:
    """An object whose unpickling runs a command."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        import os

        return os.system, (self.command,)


def test_a_pickle_cannot_run_a_command(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    content = pickle.dumps({"weight": Runs(f"touch {marker}")})
    pickle.loads(content)
    assert marker.exists(), "the command would run"
    marker.unlink()
    read(content)
    read(checkpoint(content))
    refusal(archive({"net/data.pkl": content, "net/code/__torch__.py": b""}))
    assert not marker.exists()


def laughs(opcode: bytes, levels: int) -> bytes:
    """A value that holds the one before twice, again and again."""
    return PROTOCOL + b")" + opcode * levels + b"."


HOSTILE_PICKLES = {
    "memo of 2 GB from 8 bytes": (PROTOCOL + b"Nr\x00\x00\x00\x08.", False),
    "memo at a negative place": (PROTOCOL + b"Np-1\n.", True),
    "memo at a huge place": (PROTOCOL + b"Np99999999999999999999\n.", True),
    "number longer than the file": (PROTOCOL + b"\x8b\xff\xff\xff\x7f1.", True),
    "text longer than the file": (b"\x80\x04\x8d" + b"\xff" * 7 + b"\x7f.", True),
    "bytes longer than the file": (b"\x80\x05\x96" + b"\xff" * 7 + b"\x3f.", True),
    "frame longer than the file": (b"\x80\x04\x95" + b"\xff" * 7 + b"\x7fN.", False),
    "line without an end": (PROTOCOL + b"I" + b"9" * 2_000_000, True),
    "number of thousands of digits": (PROTOCOL + b"L" + b"9" * 100_000 + b"L\n.", True),
    "nothing on the stack": (PROTOCOL + b".", True),
    "no mark on the stack": (PROTOCOL + b"Nt.", True),
    "no end": (PROTOCOL + b"N" * 1000, True),
    "a million opcodes": (PROTOCOL + b"N0" * 4_000_000 + b".", True),
    "deep lists": (PROTOCOL + b"]" * 100_000 + b"a" * 99_999 + b".", False),
    "deep tuples": (PROTOCOL + b")" + b"\x85" * 100_000 + b".", False),
    "shared tuples": (laughs(b"2\x86", 200), False),
    "shared tuples as a key": (PROTOCOL + b"})" + b"2\x86" * 200 + b"Ns.", False),
    "shared tuples in a set": (b"\x80\x04\x8f()" + b"2\x86" * 200 + b"\x90.", False),
    "a list in itself": (PROTOCOL + b"]q\x00h\x00a.", False),
    "an object that builds itself": (PROTOCOL + b"cos\nsystem\nq\x00)Rq\x01h\x01b.", False),
    "a call of a number": (PROTOCOL + b"K\x01)R.", False),
    "an extension": (PROTOCOL + b"\x82\x01.", False),
    "a buffer that is not there": (b"\x80\x05\x97.", True),
    "keys that collide": (
        PROTOCOL + b"}(" + b"".join(b"L%dL\nN" % (n * (2**61 - 1)) for n in range(20_000)) + b"u.",
        False,
    ),
}


@pytest.mark.parametrize(("content", "refused"), HOSTILE_PICKLES.values(), ids=HOSTILE_PICKLES)
def test_a_hostile_pickle_is_refused_or_an_inventory(content: bytes, refused: bool) -> None:
    for file in (content, checkpoint(content)):
        if refused:
            assert refusal(file)
        else:
            assert read(file).unexamined


def test_a_damaged_pickle_says_where() -> None:
    assert "at byte 2" in refusal(PROTOCOL + b"." + b"N" * 100)


def torchscript_of(code: str, attributes: Mapping[str, object] | None = None) -> bytes:
    """An archive whose top module is ``__torch__.Net``."""
    state = pickle.dumps(dict(attributes or {"training": False}), protocol=2)[2:-1]
    data = PROTOCOL + b"c__torch__\nNet\n)\x81" + state + b"b."
    return archive({"net/data.pkl": data, "net/code/__torch__.py": code.encode(), "net/version": b"3"})


def method(*lines: str) -> str:
    return "\n".join(
        ["class Net(Module):", "  def forward(self, x: Tensor) -> Tensor:", *(f"    {line}" for line in lines)]
    )


def nested_loops(depth: int) -> str:
    lines = [f"{'  ' * level}for i{level} in range(16):" for level in range(depth)]
    return method(*lines, "  " * depth + "x = torch.relu(x)", "return x")


DOUBLING = "\n".join(
    f"def f{n}(x: Tensor) -> Tensor:\n  return __torch__.f{n + 1}(__torch__.f{n + 1}(x, ), )" for n in range(50)
)

HOSTILE_CODE = {
    "many signs": method(f"return {'-' * 200_000}x"),
    "many nots": method(f"return {'not ' * 100_000}x"),
    "many attributes": method(f"return {'x.' * 300_000}x"),
    "many attributes, fewer": method(f"return {'x.' * 499}x"),
    "many calls": method(f"return {'torch.relu(' * 150}x{')' * 150}"),
    "many brackets": method(f"return {'[' * 10_000}x{']' * 10_000}"),
    "many sums": method(f"return {'x + ' * 100_000}x"),
    "many items": method(f"return x{'[0]' * 20_000}"),
    "many strings": method(f"return {'x if x else ' * 3_000}x"),
    "a function of itself": method("return (self).forward(x, )"),
    "calls that double": f"{DOUBLING}\n{method('return __torch__.f0(x, )')}",
    "loops in loops": nested_loops(12),
    "a syntax error": "class Net(:",
    "a null byte": "class Net(Module):\0",
    "no method": "class Net(Module):\n  pass",
    "no parameter": "class Net(Module):\n  def forward() -> Tensor:\n    return 1",
    "an unknown class": "class Other(Module):\n  pass",
    "a default of nothing": "class Net(Module):\n  def forward(self, x=[][0]):\n    return x",
}


@pytest.mark.parametrize("code", HOSTILE_CODE.values(), ids=HOSTILE_CODE)
def test_hostile_code_is_refused_or_followed_within_bounds(code: str) -> None:
    read_or_refuse(torchscript, torchscript_of(code))


def test_lists_that_hold_one_another_many_times_cost_little() -> None:
    lines = ["_0 = [x, x, x, x, x, x, x, x]", *(f"_{n} = [{', '.join([f'_{n - 1}'] * 8)}]" for n in range(1, 20))]
    assert read(torchscript_of(method(*lines, "return torch.cat(_19)"))).entries
    assert read(torchscript_of(method("_0 = [x]", "_1 = torch.append(_0, _0)", "return torch.cat(_0)"))).entries


def test_branches_that_are_all_taken_cost_what_they_are_long() -> None:
    lines = [line for n in range(300) for line in ("if bool(x):", f"  _{n} = torch.relu(x)", "else:", f"  _{n} = x")]
    assert read(torchscript_of(method(*lines, "return _299"))).entries


def test_constants_do_not_hide_what_runs() -> None:
    code = method("training = self.training", "return torch.dropout(x, 0.5, training)")
    assert read(torchscript_of(code, {"training": True})).problems
    assert not read(torchscript_of(code, {"training": False})).problems


HOSTILE_HEADERS = {
    "longer than the file": struct.pack("<Q", 2**62) + b"{}",
    "of nothing": struct.pack("<Q", 0) + b"{",
    "of lists": struct.pack("<Q", 400_000) + b'{"a":' + b"[" * 199_990 + b"]" * 199_990 + b"}" + b" " * 20,
    "without shapes": struct.pack("<Q", 10) + b'{"a": {} }',
    "of a list": struct.pack("<Q", 10) + b'{"a": [1]}',
}


@pytest.mark.parametrize("content", HOSTILE_HEADERS.values(), ids=HOSTILE_HEADERS)
def test_a_hostile_header_of_safetensors_is_refused(content: bytes) -> None:
    assert refusal(content)


def test_arrays_outside_of_the_file_are_a_problem() -> None:
    header = json.dumps({"w": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}).encode()
    assert read(struct.pack("<Q", len(header)) + header).problems


def test_a_program_that_unpacks_to_a_thousand_times_its_size_is_refused() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as written:
        written.writestr("net/models/model.json", b" " * 200_000_000)
    assert "unpacks" in refusal(file.getvalue())


@cache
def samples() -> dict[str, tuple[ModuleType, dict[str, bytes]]]:
    """A file of each kind: its reader and its members, without the arrays."""
    model, rows = torch_models.Nested().train(), torch.randn(4, 3, 8, 8)
    files = {name: io.BytesIO() for name in ("exported", "lowered", "scripted", "traced", "module", "state")}
    program = torch.export.export(model, (rows,), dynamic_shapes={"x": {0: torch.export.Dim("batch")}})
    torch.export.save(program, files["exported"])
    torch.export.save(torch.export.export(model, (rows,)).run_decompositions(), files["lowered"])
    torch.jit.save(torch.jit.script(model), files["scripted"])
    torch.jit.save(torch.jit.trace(model, rows, check_trace=False), files["traced"])
    torch.save(model, files["module"])
    torch.save(model.state_dict(), files["state"])
    readers = {"exported": torch_export, "lowered": torch_export, "scripted": torchscript, "traced": torchscript}
    return {name: (readers.get(name, inventory), _members(file.getvalue())) for name, file in files.items()}


def _members(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as written:
        return {
            name: written.read(name)
            for name in written.namelist()
            if name.endswith((".py", "data.pkl", "model.json", "version"))
        }


def read_or_refuse(reader: ModuleType, content: bytes) -> None:
    """Only the readers' own exception may come out."""
    with suppress(MalformedError):
        reader.read(ModelBytes(content), Budget())


KINDS = st.sampled_from(["exported", "lowered", "scripted", "traced", "module", "state"])


@MANY
@given(kind=KINDS, data=st.data())
def test_a_file_with_changed_bytes_is_read_or_refused(kind: str, data: st.DataObject) -> None:
    reader, members = samples()[kind]
    name = data.draw(st.sampled_from(sorted(members)))
    content = bytearray(members[name])
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(content) - 1))
        width = data.draw(st.integers(0, 8))
        content[position : position + width] = data.draw(st.binary(max_size=8))
        if not content:
            break
    read_or_refuse(reader, archive({**members, name: bytes(content)}))


@MANY
@given(kind=KINDS, data=st.data())
def test_an_archive_with_changed_bytes_is_read_or_refused(kind: str, data: st.DataObject) -> None:
    reader, members = samples()[kind]
    content = bytearray(archive(members))
    position = data.draw(st.integers(0, len(content) - 1) | st.integers(max(0, len(content) - 600), len(content) - 1))
    content[position : position + data.draw(st.integers(1, 4))] = data.draw(st.binary(max_size=4))
    end = data.draw(st.none() | st.integers(0, len(content)))
    read_or_refuse(reader, bytes(content[:end]))


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
ANYTHING = st.recursive(
    SCALARS, lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=8), part, max_size=3)
)


@MANY
@given(kind=st.sampled_from(["exported", "lowered"]), data=st.data())
def test_a_program_with_anything_anywhere_is_read_or_refused(kind: str, data: st.DataObject) -> None:
    reader, members = samples()[kind]
    name = next(name for name in members if name.endswith("model.json"))
    program = json.loads(members[name])
    for _ in range(data.draw(st.integers(1, 3))):
        _replace_somewhere(program, data)
    read_or_refuse(reader, archive({name: json.dumps(program).encode()}))


def _replace_somewhere(tree: object, data: st.DataObject) -> None:
    """Replace, remove or repeat a part of a tree, some steps into it."""
    for step in range(12):
        if not isinstance(tree, dict | list) or not tree:
            return
        keys = sorted(tree) if isinstance(tree, dict) else list(range(len(tree)))
        key = data.draw(st.sampled_from(keys))
        inside = tree[key]
        if step and (not isinstance(inside, dict | list) or not inside or data.draw(st.integers(0, 5)) == 0):
            tree[key] = data.draw(ANYTHING)
            return
        tree = inside


OPCODES = st.sampled_from([opcode.code.encode("latin-1") for opcode in pickletools.opcodes])


@MANY
@given(parts=st.lists(OPCODES | st.binary(max_size=6) | st.just(b"cbuiltins\nlist\n"), max_size=40))
def test_any_sequence_of_opcodes_is_read_or_refused(parts: list[bytes]) -> None:
    read_or_refuse(inventory, b"\x80\x04" + b"".join(parts) + b".")


STATEMENTS = st.sampled_from(
    """x = torch.relu(x)
x, y, = torch.max(x, 0)
y = [x, 1]
x = y[0]
self.training = x
y = self.z
x.y.z = x
y = (1, x)
x = -y
y = not x
y = __torch__.f(x, )
y = (self).forward(x, )
x = torch.batch_norm(x, y, y, y, y, True, 0.1, 1e-5, True)
x = torch.softmax(x, y)
y = torch.dropout_(x, 1, True)
y = torch.rand([2])
y = torch.size(x)
torch.append(y, y)
y = annotate(int, 3)
x = getattr(self, "0")
y = ops.other.thing(x)
y = CONSTANTS.c0
return (x, y)
ops.prim.RaiseException(x)
while x: y = x
for i in range(3): x = torch.cat(y)
if x: x = y""".splitlines()
)


@MANY
@given(st.lists(STATEMENTS, max_size=12))
def test_any_statements_are_followed_or_refused(statements: list[str]) -> None:
    read_or_refuse(torchscript, torchscript_of(method(*statements, "return x")))
