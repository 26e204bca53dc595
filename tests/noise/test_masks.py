"""Index masks and run-length codes, against pycocotools and against what a reader can count."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from pycocotools import mask as coco

from actiseg_noise.borders.images import read_index_mask
from actiseg_noise.errors import DataError
from actiseg_noise.masks import Box, Rle, coco_code, decode_rle, empty_rle, encode_rle
from actiseg_noise.runs import find_boxes

shapes = st.tuples(st.integers(1, 9), st.integers(1, 9))
index_masks = shapes.flatmap(lambda shape: arrays(np.uint8, shape, elements=st.sampled_from([0, 0, 1, 2, 255])))


@given(index_masks)
def test_boxes_are_tight_around_every_id(index_mask: np.ndarray) -> None:
    expected = {}
    for value in sorted(set(index_mask.ravel().tolist()) - {0}):
        rows, columns = np.nonzero(index_mask == value)
        expected[value] = Box(int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1)
    assert find_boxes(index_mask) == expected


@given(index_masks, st.integers(0, 3))
def test_a_code_from_a_crop_is_that_of_pycocotools(index_mask: np.ndarray, margin: int) -> None:
    height, width = index_mask.shape
    for value, box in find_boxes(index_mask).items():
        area = box.padded(margin, height, width)
        rle = encode_rle(index_mask[area.slices] == value, area, height, width)
        whole = coco.encode(np.asfortranarray((index_mask == value).astype(np.uint8)))
        assert rle == Rle(height, width, whole["counts"].decode(), int((index_mask == value).sum()))


@given(index_masks)
def test_decoding_gives_the_mask_back(index_mask: np.ndarray) -> None:
    height, width = index_mask.shape
    rle = encode_rle(index_mask == 1, Box(0, 0, height, width), height, width)
    assert np.array_equal(decode_rle(rle), index_mask == 1)


@given(st.lists(st.integers(0, 40_000), min_size=2, max_size=12))
def test_long_runs_decode_as_pycocotools_wrote_them(runs: list[int]) -> None:
    height, width = sum(runs) + 1, 1
    counts = coco.frPyObjects({"counts": [*runs, 1], "size": [height, width]}, height, width)["counts"].decode()
    expected = np.repeat(np.arange(len(runs) + 1) % 2 == 1, [*runs, 1])
    assert np.array_equal(decode_rle(Rle(height, width, counts, 0))[:, 0], expected)


def test_a_code_that_does_not_fill_the_canvas_is_refused() -> None:
    with pytest.raises(DataError, match=r"do not fill a canvas of 5×3 pixels"):
        decode_rle(Rle(3, 5, empty_rle(4, 5).counts, 0))


def test_an_empty_mask_has_a_code() -> None:
    assert not decode_rle(empty_rle(4, 5)).any()
    assert empty_rle(4, 5).area == 0


def test_the_digest_knows_the_canvas() -> None:
    assert empty_rle(4, 5).digest() != empty_rle(5, 4).digest()


def test_palette_and_grey_masks_are_ids(tmp_path: Path) -> None:
    ids = np.array([[0, 1, 2], [2, 255, 0]], np.uint8)
    grey = Image.fromarray(ids)
    grey.save(tmp_path / "grey.png")
    grey.putpalette([7, 8, 9] * 256)
    grey.save(tmp_path / "palette.png")
    for name in ("grey.png", "palette.png"):
        assert read_index_mask(tmp_path / name).tolist() == ids.tolist()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "I;16"])
def test_a_mask_with_colours_is_refused(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "mask.png"
    Image.new(mode, (4, 4)).save(path)
    with pytest.raises(DataError, match=rf"mask\.png: expected an index mask .*found mode {mode}"):
        read_index_mask(path)


def test_a_truncated_mask_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 9, (64, 64), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match=r"mask\.png: not a readable PNG .*truncated, fetch it again"):
        read_index_mask(path)


def test_a_missing_mask_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.png: the mask file is missing"):
        read_index_mask(tmp_path / "none.png")


@pytest.mark.parametrize(
    ("counts", "size", "message"),
    [
        ("", (4, 6), "no code of COCO's"),
        ("é", (4, 6), "no code of COCO's"),
        ("1\0", (4, 6), "no code of COCO's"),
        ("P", (4, 6), "cut off"),
        ("PPPPPPPP0", (4, 6), "more than 7 characters"),
        ("5", (4, 6), "do not fill a canvas of 6×4 pixels"),
        ("\u00689", (4, 6), "do not fill a canvas of 6×4 pixels"),
        ("O1", (4, 6), "do not fill a canvas"),
        ("0", (10**9, 10**9), "expected 1 to 268,435,456 pixels"),
        ("0", (0, 6), "expected 1 to"),
        ("0", (-4, -6), "expected 1 to"),
    ],
)
def test_run_lengths_of_a_file_are_held_against_the_canvas_before_c_code_sees_them(
    counts: str, size: tuple[int, int], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        coco_code(counts, *size)
    with pytest.raises(DataError, match=message):
        decode_rle(Rle(*size, counts, 0))
