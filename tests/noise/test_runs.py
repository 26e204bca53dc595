"""Labels as runs: boxes, codes and shared pixels are those of the pixels, and codes are pycocotools'."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco

from actiseg_noise.codes import encode_codes
from actiseg_noise.masks import Rle, compress_runs, find_nonzero
from actiseg_noise.runs import LabelRuns, shared_pixels
from tools.soak.tables import rle_code

shapes = st.tuples(st.integers(1, 9), st.integers(1, 9))
ids = st.sampled_from([0, 0, 1, 2, 255])
several = shapes.flatmap(lambda shape: st.lists(arrays(np.uint8, shape, elements=ids), min_size=1, max_size=4))
pairs = shapes.flatmap(lambda shape: st.tuples(*(arrays(np.uint8, shape, elements=ids) for _ in range(2))))


@given(several)
def test_codes_of_several_masks_are_those_of_pycocotools(masks: list[np.ndarray]) -> None:
    found = LabelRuns.of(*masks).codes()
    for mask, codes in zip(masks, found, strict=True):
        assert list(codes) == sorted(set(mask.ravel().tolist()) - {0})
        for value, rle in codes.items():
            code = coco.encode(np.asfortranarray((mask == value).astype(np.uint8)))["counts"].decode()
            assert rle == Rle(*mask.shape, code, int((mask == value).sum()))


@given(pairs)
def test_shared_pixels_are_counted(masks: tuple[np.ndarray, np.ndarray]) -> None:
    one, other = masks
    expected = [int(((one == i) & (other == i)).sum()) for i in range(256)]
    assert shared_pixels(LabelRuns.of(one, other), LabelRuns.of(other, one)) == [expected, expected]


def test_a_strip_of_a_larger_mask_has_runs_too() -> None:
    mask = np.arange(60, dtype=np.uint8).reshape(6, 10) // 7
    strip = mask[1:5, 2:9]
    assert LabelRuns.of(strip).boxes == LabelRuns.of(strip.copy()).boxes


@given(arrays(np.uint8, st.integers(0, 40), elements=st.sampled_from([0, 0, 0, 1, 255])))
def test_few_that_are_not_zero_are_found(values: np.ndarray) -> None:
    assert find_nonzero(values).tolist() == np.flatnonzero(values).tolist()


def many(longest: int) -> st.SearchStrategy[list[list[int]]]:
    return st.lists(st.lists(st.integers(0, longest), min_size=1, max_size=9), min_size=1, max_size=4)


@given(many(2**31))
def test_runs_of_any_length_are_written_as_one_by_one(lengths: list[list[int]]) -> None:
    flat = np.array([length for runs in lengths for length in runs])
    assert encode_codes(flat, np.array([len(runs) for runs in lengths])) == [rle_code(runs) for runs in lengths]


@given(many(2**24 - 1))
def test_runs_are_written_as_pycocotools_writes_them(lengths: list[list[int]]) -> None:
    """Of longer runs, six characters each, pycocotools writes beyond the memory that it has."""
    for runs in lengths:
        code = coco.frPyObjects({"counts": runs, "size": [1, 1]}, 1, 1)["counts"].decode()
        assert code == rle_code(runs) == compress_runs(runs)
