"""Batches to run layers on, and others to replace rows of them by."""

from collections.abc import Callable
from typing import Any

import numpy as np

ROWS = 8


def floats(*shape: int) -> Callable[[np.random.Generator, bool], Any]:
    """Rows of normal numbers; the replacements differ by orders of magnitude."""

    def draw(rng: np.random.Generator, replacement: bool) -> Any:
        values = rng.normal(size=(ROWS, *shape))
        scales = 10.0 ** rng.uniform(-2, 2, size=(ROWS, *[1] * len(shape))) if replacement else 1.0
        return (values * scales).astype("float32")

    return draw


def image(rng: np.random.Generator, replacement: bool) -> Any:
    high = rng.uniform(5, 80, size=(ROWS, 1, 1, 1)) if replacement else 255
    return (rng.uniform(size=(ROWS, 12, 12, 3)) * high).astype("float32")


def texts(rng: np.random.Generator, replacement: bool) -> Any:
    words = ["some", "words", "of", "a", "text"]
    return np.array([" ".join(rng.choice(words, 9 if replacement else 3)) for _ in range(ROWS)], object)


def words(rng: np.random.Generator, replacement: bool) -> Any:
    return np.array([[text] for text in rng.choice(["some", "words", "never seen"], ROWS)], object)


def integers(rng: np.random.Generator, replacement: bool) -> Any:
    return rng.integers(0, 10, size=(ROWS, 5))


Draw = Callable[[np.random.Generator, bool], Any]
VECTOR, SEQUENCE, STATE = floats(6), floats(5, 6), floats(3)


def audio(rng: np.random.Generator, replacement: bool) -> Any:
    return (rng.normal(size=(ROWS, 1024)) * (10.0 if replacement else 1e-4)).astype("float32")


def several(*draws: Draw) -> Draw:
    return lambda rng, replacement: [draw(rng, replacement) for draw in draws]


def column(rng: np.random.Generator, replacement: bool) -> Any:
    return integers(rng, replacement)[:, :1]


def labelled(rng: np.random.Generator, replacement: bool) -> Any:
    return {"images": image(rng, replacement), "labels": np.eye(ROWS, dtype="float32")}


# For each name the positional arguments of the call.
INPUTS: dict[str, tuple[Draw, ...]] = {
    "vector": (VECTOR,),
    "sequence": (SEQUENCE,),
    "sequence1": (floats(3, 6, 2),),
    "sequence2": (floats(3, 6, 6, 2),),
    "sequence3": (floats(3, 4, 4, 4, 2),),
    "image": (image,),
    "volume": (floats(6, 6, 6, 2),),
    "ids": (integers,),
    "pair": (several(VECTOR, VECTOR),),
    "two_ids": (several(column, column),),
    "attention": (several(SEQUENCE, SEQUENCE),),
    "query_value": (SEQUENCE, SEQUENCE),
    "cell": (VECTOR, several(STATE)),
    "cell2": (VECTOR, several(STATE, STATE)),
    "stacked": (VECTOR, several(several(STATE, STATE), several(STATE, STATE))),
    "text": (texts,),
    "words": (words,),
    "audio": (audio,),
    "signal": (floats(512, 1),),
    "labelled": (labelled,),
}


def replaced(first: Any, second: Any) -> Any:
    """Give ``first`` with its even rows from ``second``."""
    if isinstance(first, list):
        return [replaced(a, b) for a, b in zip(first, second, strict=True)]
    if isinstance(first, dict):
        return {key: replaced(first[key], second[key]) for key in first}
    mixed = first.copy()
    mixed[::2] = second[::2]
    return mixed
