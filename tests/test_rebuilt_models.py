"""Models with models inside, rebuilt from what a script says, against the same imported: both run alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import RUN
from modelint.analysis import Analysis
from modelint.confirm.subjects import NoSubject, Subject, Target, of_model
from modelint.confirm.worker import Worker
from modelint.facts import KerasVersion, Model, ModelCall, Settings
from modelint.workspace.sources import FileSources

VERSIONS = {"3": KerasVersion.KERAS_3_10, "2": KerasVersion.KERAS_2}
LAYERS = (
    "layers.Dense(6, activation='tanh')",
    "layers.BatchNormalization()",
    "layers.Dropout(0.5)",
    "layers.GaussianNoise(0.5)",
    "layers.LayerNormalization()",
)
MODES = ("", "", ", training=True", ", training=False", ", training=None")
CALLS = {"model(x)": "call", "model(x, training=True)": "true", "model(x, training=False)": "false"}
WRITTEN = ("model(x)", "model(x)", "model(x)", *CALLS)  # others override what is written into the calls

SCRIPT = """
import {library} as keras
import numpy as np
from {library} import layers


def build():
    {made}
    return model


if __name__ == "__main__":
    model = build()
    x = np.load("x.npy")
    print(np.argmax({call}, axis=1))
"""


@st.composite
def parts(draw: st.DrawFn, name: str, depth: int) -> list[str]:
    """Statements that make a model, with models inside it down to some depth, and with some frozen."""
    inner = [f"{name}_{number}" for number in range(draw(st.integers(0, 2)) if depth else 0)]
    lines = [line for one in inner for line in draw(parts(one, depth - 1))]
    stack = draw(st.permutations([*draw(st.lists(st.sampled_from(LAYERS), min_size=1, max_size=3)), *inner]))
    if draw(st.booleans()):
        lines.append(f"{name} = keras.Sequential([{', '.join(['keras.Input((6,))', *stack])}])")
    else:
        lines.append(f"{name}_inputs = x = keras.Input((6,))")
        for layer in stack:
            mode = draw(st.sampled_from(MODES)) if layer in inner or "Drop" in layer or "Batch" in layer else ""
            added = layer in inner and draw(st.booleans())  # around the inner model
            called = f"{layer}(x{mode})"
            lines.append(f"x = layers.Add()([x, {called}])" if added and "Dense" in "".join(lines) else f"x = {called}")
        lines.append(f"{name} = keras.Model({name}_inputs, layers.Dense(6)(x))")
    if draw(st.integers(0, 4)) == 0 and name != "model":
        lines.append(f"{name}.trainable = False")
    return lines


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker() as worker:
        yield worker


def model_of(path: Path, version: KerasVersion) -> Model:
    """The model that the script calls, with models inside it told apart from its layers."""
    program = Analysis(FileSources({}), lambda _: Settings((version,), versions_known=True)).program(str(path))
    return next(program.all(ModelCall)).model


def shown(worker: Worker, subject: Subject, entry: str) -> Mapping[str, Any]:
    """What running a model shows: chance, dependence, and how many variables change, of how many."""
    request = {"do": "screen", "subject": dict(subject.description), "device": "cpu", "entry": entry, "rows": 8}
    found = worker.ask(request, 120)["screening"]
    moving = [name for name in found["written"] if "moving" in name]
    return {
        "drawn": found["redrawn"]["absolute"] > 0,
        "mixes": found["content"]["absolute"] > 0,
        "statistics written": len(moving),
    }


def imported(path: Path, generation: str) -> Subject:
    return Target(str(path), "build", str(path.parent)).subject(generation)


@pytest.mark.parametrize("generation", ["3", "2"])
@pytest.mark.parametrize(
    ("outer", "inner", "drawn"),
    [(", training=True", "", True), ("", "", False), (", training=False", ", training=True", None)],
    ids=["train mode", "no mode", "inference mode around train mode"],
)
def test_how_an_inner_model_is_called_is_kept(
    tmp_path: Path, worker: Worker, generation: str, outer: str, inner: str, drawn: bool | None
) -> None:
    lines = [
        "inner_inputs = keras.Input((6,))",
        f"inner = keras.Model(inner_inputs, layers.Dropout(0.5)(inner_inputs{inner}))",
        "part = keras.Sequential([keras.Input((6,)), layers.Dense(6), inner])",
        "inputs = keras.Input((6,))",
        f"model = keras.Model(inputs, layers.Dense(3)(part(inputs{outer})))",
    ]
    path = tmp_path / f"kept_{generation}_{len(outer)}_{len(inner)}.py"
    library = "keras" if generation == "3" else "tf_keras"
    path.write_text(SCRIPT.format(library=library, made="\n    ".join(lines), call="model(x)"), encoding="utf-8")
    rebuilt = of_model(model_of(path, VERSIONS[generation]), generation)
    assert isinstance(rebuilt, Subject)
    found = shown(worker, rebuilt, "call")
    assert found == shown(worker, imported(path, generation), "call")
    # Keras 3 overrides what the inner model has recorded, Keras 2 does not
    assert found["drawn"] is (generation == "2" if drawn is None else drawn)


@pytest.mark.parametrize(("generation", "number"), [("3", 25), ("2", 10)])
def test_a_model_with_models_inside_is_rebuilt_as_it_is(
    tmp_path: Path, worker: Worker, generation: str, number: int
) -> None:
    seen: list[bool] = []

    @settings(RUN, max_examples=number)
    @given(parts("model", 2), st.sampled_from(WRITTEN))
    def compare(lines: list[str], call: str) -> None:
        path = tmp_path / f"rebuilt_{generation}_{len(seen)}.py"
        library = "keras" if generation == "3" else "tf_keras"
        path.write_text(SCRIPT.format(library=library, made="\n    ".join(lines), call=call), encoding="utf-8")
        model = model_of(path, VERSIONS[generation])
        rebuilt = of_model(model, generation)
        seen.append(isinstance(rebuilt, Subject) and any(layer.path for layer in model.layers))
        if isinstance(rebuilt, NoSubject):
            assert "not all that Add merges is known" in rebuilt.reason
            return
        entry = CALLS[call]
        assert shown(worker, rebuilt, entry) == shown(worker, imported(path, generation), entry), path.read_text()

    compare()
    assert sum(seen) > len(seen) // 4
