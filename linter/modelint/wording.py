"""Facts in the words of a message: layers by kind, functions as they are written, ranges of Keras versions.

Takes facts, gives text without a full stop, to be put into a sentence. It knows no rule.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from modelint.facts import KerasVersion, Layer

_SHORT = {"numpy": "np", "tensorflow": "tf"}

MOST_NAMED = 3
"""How many things are named before the rest is only counted."""


def enumeration(words: Iterable[str]) -> str:
    """``"a"``, ``"a and b"``, ``"a, b and c"``, ``"a, b, c and 2 more"``; each word once, in order."""
    distinct = list(dict.fromkeys(words))
    named, rest = distinct[:MOST_NAMED], len(distinct) - MOST_NAMED
    if rest > 0:
        named.append(f"{rest} more")
    return " and ".join(filter(None, (", ".join(named[:-1]), *named[-1:])))


def kinds(layers: Iterable[Layer]) -> str:
    """The kinds of the layers, each once, in the order of execution: ``"BatchNormalization and Dropout"``."""
    return enumeration(layer.kind for layer in layers)


def api(name: str) -> str:
    """A function or class as it is mostly written: ``"np.random.seed"``, ``"Dataset.shuffle"``, ``"Dropout"``."""
    package, _, rest = name.partition(".")
    if name.startswith("tensorflow.data."):
        return name.removeprefix("tensorflow.data.")
    if package in _SHORT:
        return f"{_SHORT[package]}.{rest}"
    whole = package in ("random", "torch") or name.startswith(("keras.utils.", "keras.random."))
    return name if whole else name.rpartition(".")[2]


def seeding_function(versions: Collection[KerasVersion], *drawn: str) -> str:
    """What seeds what is drawn: one function for all, or, where Keras may be older than 2.7, the generators' own."""
    if set(versions) != {KerasVersion.KERAS_2}:
        return "keras.utils.set_random_seed"
    own = {"numpy": "np.random.seed", "random": "random.seed"}
    return enumeration(own.get(name.partition(".")[0], "tf.random.set_seed") for name in drawn)


def version_ranges(versions: Collection[KerasVersion]) -> str:
    """The versions as a user knows them, with neighbouring ranges joined: ``"Keras 2 and 3.6-3.15"``."""
    runs: list[list[KerasVersion]] = []
    before = None
    for version in KerasVersion:
        if version in versions:
            if before in versions and version is not KerasVersion.KERAS_3_0:  # Keras 2 and 3 are never joined
                runs[-1].append(version)
            else:
                runs.append([version])
        before = version
    return "Keras " + enumeration(_range(run[0], run[-1]) for run in runs)


def _range(first: KerasVersion, last: KerasVersion) -> str:
    if (first, last) == (KerasVersion.KERAS_3_0, list(KerasVersion)[-1]):
        return "3"
    start = first.value.removeprefix("Keras ").split("-")[0]
    end = last.value.removeprefix("Keras ").split("-")[-1]
    return start if start == end else f"{start}-{end}"
