"""Calls that are not executed again: what they read may have changed, and what they set must be set again."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelint.rule import discover
from modelint.selection import Catalogue
from modelint.workspace.run import Request, Run

MODEL = """
import numpy as np
from tensorflow import keras

model = keras.Sequential([keras.layers.Dense(8), keras.layers.BatchNormalization(), keras.layers.Dense(1)])
model.compile(loss="mse")
x, y = np.zeros((64, 4)), np.zeros((64, 1))
"""


def tiny_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **sources: str) -> list[int]:
    """The lines of ``train.py`` that train with batches of which a BatchNorm makes nothing."""
    for name, source in sources.items():
        (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.chdir(tmp_path)
    report = Run(Request(("train.py",)), Catalogue(discover())).report()
    return [f.place.span.line for f in report.findings if f.rule == "batchnorm-tiny-batch" and f.place.span]


def test_a_call_that_reads_what_was_set_anew_is_executed_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = (
        MODEL
        + """
size = 64

def batch():
    return size

model.fit(x, y, batch_size=batch())
size = 1
model.fit(x, y, batch_size=batch())
size = 64
model.fit(x, y, batch_size=batch())
"""
    )
    lines = source.splitlines()
    expected = [number for number, line in enumerate(lines, 1) if "fit" in line][1:2]
    assert tiny_batches(tmp_path, monkeypatch, train=source) == expected


def test_a_call_that_is_not_executed_again_sets_what_it_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = (
        MODEL
        + """
class Settings:
    def __init__(self):
        self.size = 64

    def tiny(self):
        self.size = 1

    def usual(self):
        self.size = 64

settings = Settings()
settings.tiny()
settings.usual()
model.fit(x, y, batch_size=settings.size)
settings.tiny()
model.fit(x, y, batch_size=settings.size)
settings.usual()
model.fit(x, y, batch_size=settings.size)
settings.tiny()
model.fit(x, y, batch_size=settings.size)
"""
    )
    lines = source.splitlines()
    fits = [number for number, line in enumerate(lines, 1) if "fit" in line]
    assert tiny_batches(tmp_path, monkeypatch, train=source) == [fits[1], fits[3]]


def test_what_a_call_reads_through_others_counts_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = """
defaults = {"size": 64}

def value(name):
    return defaults[name]

def batch():
    return value("size")
"""
    source = (
        MODEL
        + """
import settings

settings.batch()
model.fit(x, y, batch_size=settings.batch())
settings.defaults["size"] = 1
model.fit(x, y, batch_size=settings.batch())
"""
    )
    lines = source.splitlines()
    expected = [number for number, line in enumerate(lines, 1) if "fit" in line][1:]
    assert tiny_batches(tmp_path, monkeypatch, settings=settings, train=source) == expected


def test_recursion_ends_where_it_ends_when_nothing_is_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = (
        MODEL
        + """
def halved(n):
    return n if n <= 1 else halved(n // 2)

def outer(n):
    return halved(n)

outer(2)
model.fit(x, y, batch_size=outer(2))
model.fit(x, y, batch_size=outer(64))
"""
    )
    lines = source.splitlines()
    expected = [number for number, line in enumerate(lines, 1) if "fit" in line][:1]
    assert tiny_batches(tmp_path, monkeypatch, train=source) == expected


def test_each_call_that_makes_a_model_makes_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = """
import numpy as np
from tensorflow import keras

def build(norm):
    return [keras.layers.Dense(8), keras.layers.BatchNormalization() if norm else keras.layers.LayerNormalization()]

plain = keras.Sequential(build(False))
normed = keras.Sequential(build(True))
x, y = np.zeros((64, 4)), np.zeros((64, 1))
for model in (plain, normed):
    model.compile(loss="mse")
plain.fit(x, y, batch_size=1)
normed.fit(x, y, batch_size=1)
"""
    lines = source.splitlines()
    assert tiny_batches(tmp_path, monkeypatch, train=source) == [len(lines)]
