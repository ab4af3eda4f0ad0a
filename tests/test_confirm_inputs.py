"""Inputs that models are probed with: valid for their specification, and other in every other row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelint.confirm.home.modelint_worker.inputs import InputSpec, draw, with_other_rows

SPECS = st.builds(
    InputSpec,
    shape=st.tuples(st.none(), st.sampled_from([None, 1, 3])) | st.just((None,)) | st.just((None, 4, 4, 3)),
    dtype=st.sampled_from(["float32", "float64", "float16", "bfloat16", "int32", "int64", "uint8", "bool"]),
    ids=st.none() | st.integers(2, 5),
    image=st.booleans(),
)


@given(SPECS, st.integers(1, 9), st.integers(0, 100))
def test_every_other_row_is_another_one(spec: InputSpec, rows: int, seed: int) -> None:
    inputs = draw(spec, rows, seed)
    mixed = with_other_rows(spec, inputs, seed)
    assert inputs.shape[0] == mixed.shape[0] == rows
    assert inputs.dtype == mixed.dtype == np.dtype("float32" if spec.dtype == "bfloat16" else spec.dtype)
    np.testing.assert_array_equal(inputs[1::2], mixed[1::2])
    holds_ids = spec.dtype != "bool" and (spec.ids is not None or "int" in spec.dtype)
    if holds_ids or spec.dtype == "bool":
        assert (inputs[::2] != mixed[::2]).all()
    else:
        assert all((one != other).any() for one, other in zip(inputs[::2], mixed[::2], strict=True))
    if holds_ids:
        for each in (inputs, mixed):
            assert each.min() >= 0
            assert each.max() < (spec.ids or 2)
            np.testing.assert_array_equal(each, np.round(each))
    elif spec.image and spec.dtype != "bool":
        assert min(inputs.min(), mixed.min()) >= 0
        assert max(inputs.max(), mixed.max()) <= 255


def test_text_is_not_drawn() -> None:
    with pytest.raises(ValueError, match="the input 'words' holds text"):
        draw(InputSpec((None,), "string", "words"), 8, 0)
