"""Damaged and malicious Keras files: whatever is in them, reading ends soon, and in one kind of error.

The readers are called themselves, not through the boundary that would catch anything else they raise.
"""

from __future__ import annotations

import copy
import io
import json
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model_in_memory import InMemory
from modelint.artifacts import keras_archive, keras_hdf5, keras_json
from modelint.artifacts.archive import Archive
from modelint.artifacts.hdf5 import root_attributes
from modelint.artifacts.json_text import parse
from modelint.artifacts.limits import Budget, MalformedError
from modelint.artifacts.model_file import ModelFile
from modelint.artifacts.served import program_of
from modelint.facts import Settings

MODELS = Path(__file__).parent.parent / "fixtures" / "models"
READERS = {".keras": keras_archive, ".h5": keras_hdf5, ".json": keras_json}
MOST_BYTES = 200 * 2**20
"""What reading the worst file may take."""


def read(content: bytes, suffix: str) -> ModelFile:
    document: ModelFile = READERS[suffix].read(InMemory(content), Budget())
    program_of(document, Settings())
    return document


def samples(suffix: str) -> list[bytes]:
    found = [path.read_bytes() for path in sorted(MODELS.glob(f"keras_*{suffix}"))]
    assert found
    return found


def archive_of(config: bytes, *, method: int = zipfile.ZIP_STORED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        archive.writestr("metadata.json", '{"keras_version": "3.15.1"}')
        archive.writestr("config.json", config)
    return made.getvalue()


def functional(layers: list[Any], outputs: object, inputs: object = ("x", 0, 0)) -> bytes:
    config = {"name": "m", "layers": layers, "input_layers": inputs, "output_layers": outputs}
    return json.dumps({"class_name": "Functional", "config": config, "keras_version": "3.15.1"}).encode()


def an_input(name: str = "x") -> dict[str, Any]:
    config = {"name": name, "batch_shape": [None, 4]}
    return {"class_name": "InputLayer", "name": name, "config": config, "inbound_nodes": []}


def a_layer(name: str, *sources: tuple[str, int], kind: str = "Dense", **config: object) -> dict[str, Any]:
    nodes = [
        {
            "args": [{"class_name": "__keras_tensor__", "config": {"shape": [None, 4], "keras_history": [one, at, 0]}}],
            "kwargs": {},
        }
        for one, at in sources
    ]
    return {"class_name": kind, "name": name, "config": {"name": name, **config}, "inbound_nodes": nodes}


# Mutations


@pytest.mark.parametrize("suffix", READERS)
def test_the_samples_themselves_are_read(suffix: str) -> None:
    for content in samples(suffix):
        assert read(content, suffix).entries


@pytest.mark.parametrize("suffix", READERS)
@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_flipped_and_missing_bytes_end_in_one_kind_of_error(suffix: str, data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(samples(suffix))))
    # what is read of an archive stands at its ends, of HDF5 at its start
    places = st.one_of(st.integers(0, len(content) - 1), st.integers(0, min(900, len(content) - 1)))
    for at in data.draw(st.lists(places, min_size=1, max_size=8)):
        content[at] = data.draw(st.sampled_from((0, 1, 2, 7, 16, 64, 127, 128, 255)))
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    with contained():
        read(bytes(content), suffix)


ODD = (
    None,
    True,
    -1,
    0,
    1,
    10**30,
    1.5,
    float("nan"),
    "",
    "Dense",
    "x",
    [],
    [[]],
    ["x", 0, 0],
    {},
    {"class_name": "Dense"},
)


@settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_value_in_any_place_ends_in_one_kind_of_error(data: st.DataObject) -> None:
    config = copy.deepcopy(data.draw(st.sampled_from(CONFIGURATIONS)))
    for _ in range(data.draw(st.integers(1, 4))):
        holder: Any = config
        while True:
            keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            key = data.draw(st.sampled_from(keys))
            value = holder[key]
            if not isinstance(value, (dict, list)) or not value or data.draw(st.integers(0, 9)) == 0:
                break
            holder = value
        match data.draw(st.integers(0, 3)):
            case 0 if isinstance(holder, dict):
                del holder[key]
            case 1 if isinstance(holder, list):
                holder.append(copy.deepcopy(data.draw(st.sampled_from(holder))))
            case _:
                holder[key] = copy.deepcopy(data.draw(st.sampled_from(ODD)))
        if not config:
            break
    with contained():
        read(json.dumps(config).encode(), ".json")


def _configurations() -> list[Any]:
    found = [json.loads(content) for content in samples(".json")]
    for content in samples(".keras"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            version = json.loads(archive.read("metadata.json"))["keras_version"]
            found.append({**json.loads(archive.read("config.json")), "keras_version": version})
    return found


CONFIGURATIONS = _configurations()


class contained:  # noqa: N801
    """Lets a malformed file pass, and nothing else."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> bool:
        if isinstance(error, MalformedError):
            assert str(error)
            return True
        return False


# By hand: configurations


def chain(length: int) -> bytes:
    layers = [a_layer(f"d{i}", (f"d{i - 1}" if i else "x", 0)) for i in range(length)]
    return functional([an_input(), *layers], [f"d{length - 1}", 0, 0])


def doubling(depth: int) -> bytes:
    """A model that holds a model twice that holds a model twice ..."""
    inner: dict[str, Any] = a_layer("core", ("x", 0))
    for level in range(depth):
        config = json.loads(functional([an_input(), {**inner, "inbound_nodes": twice(inner)}], [inner["name"], 1, 0]))
        inner = {**config, "name": f"m{level}", "inbound_nodes": a_layer("", ("x", 0))["inbound_nodes"]}
        inner["config"]["name"] = f"m{level}"
    return json.dumps({**inner, "keras_version": "3.15.1"}).encode()


def twice(layer: dict[str, Any]) -> list[Any]:
    return [*a_layer("", ("x", 0), (layer["name"], 0))["inbound_nodes"]]


def multiplying() -> bytes:
    """A model of a hundred layers that is called thirty times, with four hundred tensors for its one input."""
    inner = json.loads(
        functional(
            [an_input(), *(a_layer(f"i{n}", ("x", 0)) for n in range(100))], [[f"i{n}", 0, 0] for n in range(100)]
        )
    )
    feeding = [a_layer(f"d{n}", ("x", 0)) for n in range(400)]
    call = {"args": [[node for n in range(400) for node in a_layer("", (f"d{n}", 0))["inbound_nodes"][0]["args"]]]}
    inner |= {"name": "inner", "inbound_nodes": [{**call, "kwargs": {}}] * 30}
    return functional([an_input(), *feeding, inner], ["inner", 1, 0])


MALFORMED_CONFIGURATIONS: dict[str, bytes] = {
    "nothing": b"",
    "an unfinished object": b'{"class_name": "Functional"',
    "a list": b"[]",
    "other JSON": b'{"name": "left-pad", "version": "1.0.0"}',
    "200,000 lists in one another": b"[" * 200_000 + b"]" * 200_000,
    "200,000 objects in one another": b'{"config":' * 200_000,
    "deep in a string of brackets": b'{"class_name": "Sequential", "config": ' + b'["\\"[["' + b"[" * 500,
    "a number of 100,000 digits": b'{"class_name": "Dense", "config": {"units": ' + b"9" * 100_000 + b"}}",
    "a key twice": b'{"class_name": "Dense", "class_name": "Dropout", "config": {}}',
    "UTF-16": '{"class_name": "Dense", "config": {}}'.encode("utf-16"),
    "a surrogate in bytes": b'{"class_name": "\xed\xa0\x80", "config": {}}',
    "a layer fed by itself": functional([an_input(), a_layer("a", ("a", 0))], ["a", 0, 0]),
    "two layers in a circle": functional([an_input(), a_layer("a", ("b", 0)), a_layer("b", ("a", 0))], ["a", 0, 0]),
    "a circle beside the outputs": functional(
        [an_input(), a_layer("ok", ("x", 0)), a_layer("a", ("b", 0)), a_layer("b", ("a", 0))], ["ok", 0, 0]
    ),
    "a tensor from a ghost": functional([an_input(), a_layer("a", ("ghost", 0))], ["a", 0, 0]),
    "a call that was not made": functional([an_input(), a_layer("a", ("x", 0)), a_layer("b", ("a", 7))], ["b", 0, 0]),
    "an output that is not there": functional([an_input(), a_layer("a", ("x", 0))], ["ghost", 0, 0]),
    "an output of a call that was not made": functional([an_input(), a_layer("a", ("x", 0))], ["a", 4, 0]),
    "two layers of one name": functional([an_input(), a_layer("a", ("x", 0)), a_layer("a", ("x", 0))], ["a", 0, 0]),
    "a layer without input": functional([an_input(), {**a_layer("a"), "inbound_nodes": [[]]}], ["a", 0, 0]),
    "layers that are numbers": functional([1, 2, 3], ["a", 0, 0]),
    "a class that is a number": json.dumps({"class_name": 3, "config": {}}).encode(),
    "a million layer calls": chain(22_000),
    "2 to the 30 layer calls": doubling(30),
    "a million edges": multiplying(),
}

READABLE_CONFIGURATIONS: dict[str, bytes] = {
    "2,000 layers in a row": chain(2_000),
    "12 models in one another": doubling(8),
    "a terminal's escape and an annotation as names": functional(
        [an_input(), a_layer("\x1b[31m::error::\u202e", ("x", 0))], ["\x1b[31m::error::\u202e", 0, 0]
    ),
    "half a surrogate pair as name": functional([an_input(), a_layer("\ud800", ("x", 0))], ["\ud800", 0, 0]),
    "NaN and Infinity": functional(
        [an_input(), a_layer("a", ("x", 0), kind="Dropout", rate=float("nan"))], ["a", 0, 0]
    ),
    "a shape of impossible sizes": functional(
        [{**an_input(), "config": {"batch_shape": [-1, 10**30, 4]}}], ["x", 0, 0]
    ),
    "a module that is a program": json.dumps(
        {"module": "os", "class_name": "system", "config": {"name": "sh"}, "registered_name": "os>system"}
    ).encode(),
}


@pytest.mark.parametrize("content", MALFORMED_CONFIGURATIONS.values(), ids=MALFORMED_CONFIGURATIONS)
def test_a_malformed_configuration_is_refused(content: bytes) -> None:
    assert_refused(lambda: read(content, ".json"))


@pytest.mark.parametrize("content", READABLE_CONFIGURATIONS.values(), ids=READABLE_CONFIGURATIONS)
def test_an_odd_configuration_is_read_within_bounds(content: bytes) -> None:
    document = within_bounds(lambda: read(content, ".json"))
    for layer in document.entries[0].model.layers if document.entries else ():
        str(layer.name).encode()  # no half of a surrogate pair is left


def assert_refused(reading: Callable[[], object]) -> str:
    def refused() -> str:
        with pytest.raises(MalformedError) as caught:
            reading()
        return str(caught.value)

    message = within_bounds(refused)
    assert message[0].islower()
    assert not message.endswith(".")
    return message


def within_bounds(reading: Callable[[], Any]) -> Any:
    tracemalloc.start()
    try:
        result = reading()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MOST_BYTES
    return result


# By hand: archives


def a_bomb() -> bytes:
    return archive_of(b" " * (64 * 2**20), method=zipfile.ZIP_DEFLATED)


def lying_about_size(claimed: int) -> bytes:
    """The directory says another size than the member has."""
    content = bytearray(archive_of(CONFIGURED, method=zipfile.ZIP_DEFLATED))
    at = content.rfind(b"PK\x01\x02")
    content[at + 24 : at + 28] = struct.pack("<I", claimed)
    return bytes(content)


CONFIGURED = chain(3)


def packed_by_lzma() -> bytes:
    return archive_of(CONFIGURED, method=zipfile.ZIP_LZMA)


def twice_there() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("config.json", CONFIGURED)
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("config.json", chain(2))
        archive.writestr("metadata.json", "{}")
    return made.getvalue()


def changed(old: bytes, new: bytes, *, last: bool = True) -> bytes:
    content = archive_of(CONFIGURED)
    at = content.rfind(old) if last else content.find(old)
    return content[:at] + new + content[at + len(old) :]


def encrypted() -> bytes:
    content = bytearray(archive_of(CONFIGURED))
    content[content.rfind(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def of_many_members() -> bytes:
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    count = 10**12
    record = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, count * 46, 0)
    return record + struct.pack("<4sIQI", b"PK\x06\x07", 0, 0, 1) + end


MALFORMED_ARCHIVES: dict[str, Callable[[], bytes]] = {
    "cut off": lambda: archive_of(CONFIGURED)[:-30],
    "a bomb": a_bomb,
    "a size that is too small": lambda: lying_about_size(10),
    "a size that is too large": lambda: lying_about_size(1000 * 1000),
    "a size of 4 GiB": lambda: lying_about_size(0xFFFFFFF0),
    "packed by LZMA": packed_by_lzma,
    "a member that is there twice": twice_there,
    "a member of another name than the directory says": lambda: changed(b"config.json", b"konfig.json", last=False),
    "a wrong checksum": lambda: changed(b'"class_name": "Functional"', b'"class_name": "Sequential"'),
    "encrypted": encrypted,
    "a trillion members": of_many_members,
    "no configuration": lambda: changed(b"config.json", b"canfig.json"),
}


@pytest.mark.parametrize("made", MALFORMED_ARCHIVES.values(), ids=MALFORMED_ARCHIVES)
def test_a_malformed_archive_is_refused(made: Callable[[], bytes]) -> None:
    content = made()
    assert_refused(lambda: read(content, ".keras"))


def test_members_outside_of_the_archive_are_a_problem_and_not_followed() -> None:
    made = io.BytesIO(archive_of(CONFIGURED))
    with zipfile.ZipFile(made, "a") as archive:
        archive.writestr("../../etc/cron.d/x", "boo")
        archive.writestr("/etc/passwd", "boo")
    document = read(made.getvalue(), ".keras")

    assert len(document.problems) == 2
    assert "'../../etc/cron.d/x' would lie outside" in document.problems[0]
    assert document.entries


def test_an_archive_of_large_offsets_is_read() -> None:
    """Members written as if they might pass 4 GiB (zip64), packed or not."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (("config.json", CONFIGURED), ("metadata.json", b"{}")):
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(content)
    archive_read = Archive(made.getvalue(), Budget())

    assert archive_read.read("config.json") == CONFIGURED
    assert archive_read.span("config.json") is None
    stored = archive_of(CONFIGURED)
    span = Archive(stored, Budget()).span("config.json")
    assert span is not None
    assert stored[slice(*span)] == CONFIGURED


# By hand: HDF5


def hdf5_with(**attributes: object) -> bytes:
    import h5py

    made = io.BytesIO()
    with h5py.File(made, "w") as file:
        for name, value in attributes.items():
            file.attrs[name] = value
    return made.getvalue()


@pytest.mark.parametrize("version", ["earliest", "v108", "latest"])
@pytest.mark.parametrize("size", [3, 60_000, 300_000])
def test_attributes_are_those_that_libhdf5_reads(version: str, size: int) -> None:
    import h5py
    import numpy as np

    made = io.BytesIO()
    with h5py.File(made, "w", libver=version) as file:
        for index in range(5):
            file.attrs[f"other_{index}"] = np.arange(index + 1)
        file.attrs["variable"] = "ä" * size
        if size < 2**16:
            file.attrs["fixed"] = np.bytes_(b"a" * size)
        file.create_group("layers").attrs["variable"] = "not this one"

    found = root_attributes(made.getvalue(), ("variable", "fixed", "other_1", "missing"), Budget())
    expected = {"variable": ("ä" * size).encode()}
    assert found == (expected | {"fixed": b"a" * size} if size < 2**16 else expected)


def test_dense_attributes_are_refused_and_not_overlooked() -> None:
    import h5py

    made = io.BytesIO()
    with h5py.File(made, "w", libver="latest") as file:
        for index in range(20):
            file.attrs[f"a{index}"] = "text"

    message = assert_refused(lambda: root_attributes(made.getvalue(), ("a1",), Budget()))
    assert "dense storage" in message


def test_a_header_that_continues_in_itself_ends() -> None:
    content = bytearray(hdf5_with(**{f"a{index}": "text" * 20 for index in range(12)}))
    at = content.find(struct.pack("<HH", 0x10, 16))  # the message of a continuation
    while at >= 0:
        header = struct.unpack_from("<Q", content, 24 + 8 * 5)[0]
        struct.pack_into("<QQ", content, at + 8, header + 16, 4096)
        at = content.find(struct.pack("<HH", 0x10, 16), at + 1)

    assert_refused(lambda: root_attributes(bytes(content), ("missing",), Budget()))


def test_a_text_of_4_gib_is_refused() -> None:
    content = bytearray(hdf5_with(model_config="{}"))
    at = content.find(b"model_config\0")
    length = content.find(struct.pack("<I", 2), at + 32)
    struct.pack_into("<I", content, length, 0xFFFFFFFF)

    assert_refused(lambda: read(bytes(content), ".h5"))


# JSON by itself


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(), st.lists))
@settings(max_examples=150, deadline=None)
def test_json_is_read_as_python_reads_it(value: Any) -> None:
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
        encoded = text.encode("utf-8", "surrogatepass")
        if "\\ud" in text or encoded.decode("utf-8", "replace") != text:
            continue  # half of a surrogate pair
        assert parse(encoded, Budget()) == value


def test_a_half_surrogate_becomes_its_escape_and_a_pair_a_character() -> None:
    assert parse(rb'["\ud800", "\ud83d\ude00", "\\ud800", "\udc00x"]', Budget()) == [
        "\\ud800",
        "\N{GRINNING FACE}",
        "\\ud800",
        "\\udc00x",
    ]


def test_an_archive_that_inflates_to_more_than_it_says_is_cut_off() -> None:
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    stream = packed.compress(b"{}" + b" " * 10_000_000) + packed.flush()
    local = struct.pack("<4sHHHHHIIIHH", b"PK\x03\x04", 20, 0, 8, 0, 0, 0, len(stream), 2, 11, 0) + b"config.json"
    central = struct.pack(
        "<4sHHHHHHIIIHHHHHII", b"PK\x01\x02", 20, 20, 0, 8, 0, 0, 0, len(stream), 2, 11, 0, 0, 0, 0, 0, 0
    )
    body = local + stream
    directory = central + b"config.json"
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 1, 1, len(directory), len(body), 0)

    assert_refused(lambda: Archive(body + directory + end, Budget()).read("config.json"))
