"""Facts in the words of a message."""

from __future__ import annotations

import pytest

from modelint.facts import KerasVersion
from modelint.wording import enumeration, version_ranges


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("", ""),
        ("a", "a"),
        ("aab", "a and b"),
        ("abc", "a, b and c"),
        ("abcde", "a, b, c and 2 more"),
    ],
)
def test_things_are_named_once_and_then_counted(words: str, text: str) -> None:
    assert enumeration(words) == text


@pytest.mark.parametrize(
    ("first", "last", "text"),
    [
        (0, 0, "Keras 2"),
        (1, 1, "Keras 3.0-3.5"),
        (2, 3, "Keras 3.6-3.15"),
        (4, 4, "Keras 3.16"),
        (1, 4, "Keras 3"),
        (0, 4, "Keras 2 and 3"),
        (0, 1, "Keras 2 and 3.0-3.5"),
    ],
)
def test_neighbouring_ranges_are_joined_but_never_across_a_major_version(first: int, last: int, text: str) -> None:
    assert version_ranges(list(KerasVersion)[first : last + 1]) == text


def test_ranges_apart_are_listed() -> None:
    assert version_ranges([KerasVersion.KERAS_3_16, KerasVersion.KERAS_2]) == "Keras 2 and 3.16"
