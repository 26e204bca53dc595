"""The ends of a column's numbers and its longest text, read without Arrow's functions and equal to theirs."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from actiseg_noise.manifest.parquet import _ends, _longest

NUMBERS = [
    pa.array([3, -7, 12], pa.int32()),
    pa.array([3, 250], pa.uint8()),
    pa.array([2**40, None, 1], pa.int64()),
    pa.array([0.5, -2.25], pa.float64()),
    pa.array([0.5, 3.0], pa.float32()),
    pa.chunked_array([pa.array([5, 6], pa.int64()), pa.array([], pa.int64()), pa.array([-1], pa.int64())]),
    pa.array(range(100), pa.int64()).slice(10, 5),
]


@pytest.mark.parametrize("array", NUMBERS, ids=str)
def test_ends_are_those_of_arrow(array: pa.Array | pa.ChunkedArray) -> None:
    expected = pc.min_max(array).as_py()
    assert _ends(array) == (expected["min"], expected["max"], False)


def test_a_column_of_nothing_has_no_ends_and_nan_is_said() -> None:
    assert _ends(pa.array([], pa.int64())) == (None, None, False)
    assert _ends(pa.array([1.0, math.nan, -1.0])) == (-1.0, 1.0, True)
    assert _ends(pa.array([math.nan])) == (None, None, True)
    assert _ends(pa.array([math.nan, None]))[2]
    assert _ends(pa.array([None], pa.int64())) == (None, None, False)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_the_longest_text_is_that_of_arrow(kind: pa.DataType) -> None:
    random = np.random.default_rng(0)
    texts = ["é" * int(n) for n in random.integers(0, 50, 200)]
    for array in (
        pa.array(texts, kind),
        pa.array(texts, kind).slice(17, 30),
        pa.array(["a", None, "bcd"], kind),
        pa.chunked_array([pa.array(texts[:9], kind), pa.array([], kind), pa.array(texts[9:], kind)]),
    ):
        assert _longest(array) == pc.max(pc.binary_length(array)).as_py()
    assert _longest(pa.array([], kind)) == 0
