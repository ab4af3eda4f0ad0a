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
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from modelint.analysis import Analysis
from modelint.confirm.subjects import Target
from modelint.confirm.worker import Worker
from modelint.facts import HardWiredMode, KerasVersion, Mode, ModelCall, Passing, Program, Settings
from modelint.workspace.sources import FileSources

VERSION = KerasVersion.KERAS_3_10
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
CALLS = {
    "model(x)": "call",
    "model(x, training=True)": "true",
    "model(x, training=False)": "false",
    "model.predict(x, verbose=0)": "predict",
}

stacks = st.lists(st.sampled_from(LAYERS), min_size=1, max_size=5)


@st.composite
def functional(draw: st.DrawFn, name: str, inner: str | None = None, units: int = 3) -> str:
    """Statements that make a functional model, perhaps around another one, with modes written into some calls."""
    lines = ["inputs = keras.Input((6,))", "x = layers.Dense(4)(inputs)"]
    for layer in draw(stacks):
        mode = draw(st.sampled_from(MODES)) if "Normalization()" in layer or "(0." in layer else ""
        lines.append(f"x = {layer}(x{'' if 'LayerN' in layer else mode})")
    if inner is not None:
        lines += ["x = layers.Dense(6)(x)", f"x = {inner}(x{draw(st.sampled_from(MODES))})"]
        lines += [f"x = {layer}(x)" for layer in draw(stacks)]
    return "\n    ".join([*lines, f"{name} = keras.Model(inputs, layers.Dense({units})(x))"])


@st.composite
def sequential(draw: st.DrawFn, name: str) -> str:
    held = ", ".join(["keras.Input((6,))", "layers.Dense(4)", *draw(stacks), "layers.Dense(6)"])
    return f"{name} = keras.Sequential([{held}])"


@st.composite
def scripts(draw: st.DrawFn) -> tuple[str, str]:
    """A script that makes a model and calls it, and how it calls it."""
    match draw(st.sampled_from(("sequential", "functional", "nested"))):
        case "sequential":
            made = draw(sequential("model"))
        case "functional":
            made = draw(functional("model"))
        case _:
            made = draw(st.one_of(sequential("part"), functional("part", units=6)))
            made += "\n    " + draw(functional("model", "part"))
    call = draw(st.sampled_from(tuple(CALLS)))
    text = (
        "import keras\nimport numpy as np\nfrom keras import layers\n\n\n"
        f"def build():\n    {made}\n    return model\n\n\n"
        f'if __name__ == "__main__":\n    model = build()\n    x = np.load("x.npy")\n'
        f"    print(np.argmax({call}, axis=1))\n"
    )
    return text, CALLS[call]


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker() as worker:
        yield worker


def program_of(path: Path) -> Program:
    return Analysis(FileSources({}), lambda _: Settings((VERSION,), versions_known=True)).program(str(path))


def read(program: Program, entry: str) -> dict[str, bool | None]:
    """What the facts say: whether something is in train mode, whether rows depend on each other; None: unknown."""
    call = next(program.all(ModelCall), None)
    if call is None or call.model.opaque:
        return {"train mode": None, "mixes": None}
    mode = call.modes[VERSION]
    wired = [
        (one.modes_in_predict if entry in ("predict", "false") else one.modes_when_called)[VERSION]
        for one in program.all(HardWiredMode)
    ]
    told = Mode.TRAIN in ([mode, *wired] if call.affected else wired)
    train = None if call.affected and mode is Mode.UNKNOWN and not told else told
    written = {layer.training for layer in call.model.layers}
    if entry == "true":  # which overrides what is written into the calls; the fact speaks of the others only
        train = None if Passing.FALSE in written else bool(call.model.mode_sensitive)
    if entry == "call" and any(layer.path and layer.training is Passing.TRUE for layer in call.model.layers):
        train = None  # the fact of a nested model speaks of calling that model by itself
    mixes = any(layer.traits.couples_batch_at_inference for layer in call.model.layers) if train is False else None
    return {"train mode": train, "mixes": mixes}


def run(worker: Worker, path: Path, entry: str) -> dict[str, bool]:
    """What running it says."""
    description = Target(str(path), "build", str(path.parent), inputs=(((None, 6), "float32"),)).subject().description
    answer = worker.ask({"do": "screen", "subject": description, "device": "cpu", "entry": entry, "rows": 8}, 120)
    screening: Mapping[str, Any] = answer["screening"]
    drawn, mixed = screening["redrawn"]["absolute"] > 0, screening["content"]["absolute"] > 0
    written = any("moving" in name for name in screening["written"])
    mixes_always = "UnitNormalization(axis=0)" in path.read_text(encoding="utf-8")
    return {"train mode": drawn or written or (mixed and not mixes_always), "mixes": mixed}


@pytest.mark.parametrize("number", [40, pytest.param(10_000, marks=pytest.mark.nightly)])
def test_what_is_read_of_a_random_model_is_what_running_it_shows(
    tmp_path: Path, worker: Worker, number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[str] = []
    apart: list[str] = []

    @settings(
        max_examples=number,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(scripts())
    def judge(script: tuple[str, str]) -> None:
        text, entry = script
        path = tmp_path / f"random_model_{len(seen)}_{number}.py"
        path.write_text(text, encoding="utf-8")
        said, shown = read(program_of(path), entry), run(worker, path, entry)
        judged = [name for name, value in said.items() if value is not None]
        seen.append(entry if judged else "")
        apart.extend(
            f"{name}: read {said[name]}, run {shown[name]}\n{text}" for name in judged if said[name] != shown[name]
        )

    judge()
    judged = sum(map(bool, seen))
    with capsys.disabled():
        sys.stdout.write(f"{len(apart)} disagreements in {judged} of {len(seen)} random models\n")
    assert judged > len(seen) // 2
    assert not apart, "\n".join(apart[:3])
