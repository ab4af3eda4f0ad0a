"""Models at random, judged twice: by reading the script that makes them, and by running it under the installed Keras.

Every script is written to disk, read by the linter, and imported by one worker for all. The two must agree on whether a
call of the model leaves something in train mode, and on whether a prediction depends on the rest of its batch.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import RUN
from modelint.analysis import Analysis
from modelint.confirm.subjects import Target
from modelint.confirm.worker import Worker, WorkerError
from modelint.facts import HardWiredMode, KerasVersion, Mode, ModelCall, Program, Settings
from modelint.workspace.sources import FileSources

VERSIONS = {"3": KerasVersion.KERAS_3_10, "2": KerasVersion.KERAS_2}
LAYERS = (
    "layers.Dense(4, activation='tanh')",
    "layers.BatchNormalization()",
    "layers.BatchNormalization(trainable=False)",
    "layers.Dropout(0.5)",
    "layers.Dropout(0.0)",
    "layers.GaussianNoise(0.5)",
    "layers.LayerNormalization()",
    "layers.UnitNormalization(axis=0)",
    "layers.Activation('tanh')",
)
MODES = ("", "", "", ", training=True", ", training=False")
CALLS = (
    ("model(x)", "call"),
    ("model(x)", "call"),
    ("model(x)", "call"),
    ("model(x, training=True)", "true"),
    ("model(x, training=False)", "false"),
    ("model(x, training=False)", "false"),
    ("model.predict(x, verbose=0)", "predict"),  # which takes as long as all others together
)
PARAMETERS = ("x", "x, training=None", "x, training=None", "x, training=False", "x, training=True")
KINDS = ("sequential", "functional", "nested", "nested", "nested", "subclassed", "of blocks")

stacks = st.lists(st.sampled_from(LAYERS), min_size=1, max_size=5)


@st.composite
def functional(draw: st.DrawFn, name: str, inner: str | None = None, units: int = 3) -> str:
    """Statements that make a functional model, perhaps around another one, with modes written into some calls."""
    lines = ["inputs = keras.Input((6,))", "x = layers.Dense(4)(inputs)"]
    stack = [(layer, draw(st.sampled_from(MODES)) if takes_mode(layer) else "") for layer in draw(stacks)]
    lines += [f"x = {layer}(x{mode})" for layer, mode in stack]
    if inner is not None:
        lines += ["x = layers.Dense(6)(x)", f"x = {inner}(x{draw(st.sampled_from(MODES))})"]
        lines += [f"x = {layer}(x)" for layer in draw(stacks)]
    return "\n    ".join([*lines, f"{name} = keras.Model(inputs, layers.Dense({units})(x))"])


@st.composite
def sequential(draw: st.DrawFn, name: str, block: str = "layers.Dense(6)") -> str:
    held = ", ".join(["keras.Input((6,))", "layers.Dense(4)", *draw(stacks), block])
    return f"{name} = keras.Sequential([{held}])"


@st.composite
def classes(draw: st.DrawFn, name: str, base: str, *, holds: bool = False) -> str:
    """A class with a forward pass, which hands the mode on or not; perhaps around a model that it is given."""
    parameters = draw(st.sampled_from(PARAMETERS))
    modes = MODES if parameters == "x" else (*MODES, ", training=training", ", training=training")
    made, called = [], []
    for number, layer in enumerate(draw(stacks)):
        made.append(f"self.layer_{number} = {layer}")
        called.append(f"x = self.layer_{number}(x{draw(st.sampled_from(modes)) if takes_mode(layer) else ''})")
    if holds:
        made += ["self.before = layers.Dense(6)", "self.part = part"]
        called += ["x = self.before(x)", f"x = self.part(x{draw(st.sampled_from(modes))})"]
    made += ["self.head = layers.Dense(6)"]
    called += ["return self.head(x)"]
    parts = [
        f"class {name}({base}):",
        f"    def __init__(self{', part' if holds else ''}):",
        "        super().__init__()",
        *(f"        {line}" for line in made),
        "",
        f"    def call(self, {parameters}):",
        *(f"        {line}" for line in called),
    ]
    return "\n".join([*parts, "", "", ""])


def takes_mode(layer: str) -> bool:
    return "BatchNormalization" in layer or "Dropout" in layer or "Noise" in layer


@st.composite
def scripts(draw: st.DrawFn) -> tuple[str, str]:
    """A script that makes a model and calls it, and how it calls it."""
    defined = ""
    match draw(st.sampled_from(KINDS)):
        case "sequential":
            made = draw(sequential("model"))
        case "functional":
            made = draw(functional("model"))
        case "nested":
            made = draw(st.one_of(functional("part", units=6), functional("part", units=6), sequential("part")))
            made += "\n    " + draw(functional("model", "part"))
        case "subclassed":
            holds = draw(st.booleans())
            defined = draw(classes("Net", "keras.Model", holds=holds))
            part = draw(st.one_of(sequential("part"), functional("part", units=6))) + "\n    " if holds else ""
            made = f"{part}model = Net({'part' if holds else ''})"
        case _:
            defined = draw(classes("Block", "layers.Layer"))
            made = draw(st.one_of(sequential("model", "Block()"), functional("model", "Block()")))
    call, entry = draw(st.sampled_from(CALLS))
    text = (
        f"import keras\nimport numpy as np\nfrom keras import layers\n\n\n{defined}"
        f"def build():\n    {made}\n    return model\n\n\n"
        f'if __name__ == "__main__":\n    model = build()\n    x = np.load("x.npy")\n'
        f"    print(np.argmax({call}, axis=1))\n"
    )
    return text, entry


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker() as worker:
        yield worker


def program_of(path: Path, version: KerasVersion) -> Program:
    return Analysis(FileSources({}), lambda _: Settings((version,), versions_known=True)).program(str(path))


def read(program: Program, entry: str, version: KerasVersion) -> dict[str, bool | None]:
    """What the facts say: whether something is in train mode, whether rows depend on each other; None: unknown."""
    call = next(program.all(ModelCall), None)
    if call is None or call.model.opaque:
        return {"train mode": None, "mixes": None}
    train = _in_train_mode(call, list(program.all(HardWiredMode)), entry, version)
    mixes = any(layer.traits.couples_batch_at_inference for layer in call.model.layers) if train is False else None
    return {"train mode": train, "mixes": mixes}


def _in_train_mode(call: ModelCall, wired: list[HardWiredMode], entry: str, version: KerasVersion) -> bool | None:
    """Whether a call leaves something in train mode: what no constant governs, and what one does."""
    mode = call.modes[version]
    if call.affected and mode is Mode.TRAIN:
        return True
    if call.affected and mode is Mode.UNKNOWN:
        return None
    if not wired:
        return False
    modes = {
        "predict": [one.modes_in_predict.get(version) for one in wired],
        "call": [one.modes_when_called.get(version) for one in wired],
    }.get(entry, [Mode.UNKNOWN])  # the fact does not speak of passing a mode
    return True if Mode.TRAIN in modes else None if set(modes) != {Mode.INFERENCE} else False


def run(worker: Worker, path: Path, entry: str, generation: str) -> dict[str, bool]:
    """What running it says."""
    target = Target(str(path), "build", str(path.parent), inputs=(((None, 6), "float32"),))
    description = target.subject(generation).description
    answer = worker.ask({"do": "screen", "subject": description, "device": "cpu", "entry": entry, "rows": 8}, 120)
    screening: Mapping[str, Any] = answer["screening"]
    drawn, mixed = screening["redrawn"]["absolute"] > 0, screening["content"]["absolute"] > 0
    written = any("moving" in name for name in screening["written"])
    mixes_always = "UnitNormalization(axis=0)" in path.read_text(encoding="utf-8")
    return {"train mode": drawn or written or (mixed and not mixes_always), "mixes": mixed}


@pytest.mark.parametrize(
    ("generation", "number"),
    [
        ("3", 250),
        ("2", 50),
        pytest.param("3", 10_000, marks=pytest.mark.nightly),
        pytest.param("2", 1_000, marks=pytest.mark.nightly),
    ],
)
def test_what_is_read_of_a_random_model_is_what_running_it_shows(
    tmp_path: Path, worker: Worker, generation: str, number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    version = VERSIONS[generation]
    seen: list[str] = []
    apart: list[str] = []

    def say(text: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()

    @settings(RUN, max_examples=number)
    @given(scripts())
    def judge(script: tuple[str, str]) -> None:
        text, entry = script
        if generation == "2":
            text = text.replace("import keras\n", "import tf_keras as keras\n").replace("from keras", "from tf_keras")
        path = tmp_path / f"random_model_{len(seen)}_{number}.py"
        path.write_text(text, encoding="utf-8")
        said = read(program_of(path, version), entry, version)
        judged = [name for name, value in said.items() if value is not None]
        seen.append(entry if judged else "")
        try:
            shown = run(worker, path, entry, generation)
        except WorkerError as error:
            found = [f"not run: {error.message}\n{text}"]
        else:
            found = [f"{one}: read {said[one]}, run {shown[one]}\n{text}" for one in judged if said[one] != shown[one]]
        apart.extend(found)
        for one in found:
            say(one)
        if len(seen) % 1_000 == 0:
            say(f"{len(apart)} disagreements in the first {len(seen)}")

    judge()
    judged = sum(map(bool, seen))
    say(f"{len(apart)} disagreements in {judged} judged of {len(seen)} random models of Keras {generation}")
    assert judged > len(seen) // 2
    assert not apart, "\n".join(apart[:3])
