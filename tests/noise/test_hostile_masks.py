"""Run lengths and areas of strangers, edited with every digest made anew: refused or named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from forging import TOY_MIX, forge

from actiseg_noise.check.verify import verify
from actiseg_noise.errors import ActisegError
from actiseg_noise.masks import Box, Rle, empty_rle, encode_rle, read_areas, read_runs

RECIPE = TOY_MIX


def recode(row: dict[str, Any], counts: str, area: int) -> None:
    """Give a mask another code, with the digests that fit it."""
    digest = Rle(12, 16, counts, area).digest()
    row.update(clean_rle=counts, clean_area=area, clean_digest=digest, noisy_rle=None, noisy_area=area)
    row.update(noisy_digest=digest, iou=1.0)


def canvas(folder: Path) -> tuple[int, int]:
    frame = pq.read_table(folder / "frames.parquet").to_pylist()[0]
    return frame["height"], frame["width"]


@pytest.mark.parametrize("counts", ["::", "0", "10", "\0\0", "é", "o" * 99, "P" * 8 + "0", ""])
def test_run_lengths_that_do_not_fill_the_frame_are_a_finding_though_every_digest_fits(
    folder: Path, counts: str
) -> None:
    size = canvas(folder)

    def change(rows: list[dict[str, Any]]) -> None:
        recode(rows[0], counts, 0)
        rows[0]["clean_digest"] = rows[0]["noisy_digest"] = Rle(*size, counts, 0).digest()

    forge(folder, "masks", change)
    found = [finding for finding in verify(folder) if finding.where.endswith("_rle")]
    assert found[0].expected == f"run lengths of a canvas of {size[1]}×{size[0]} pixels"


def test_a_mask_on_pixels_without_label_is_a_finding_though_every_digest_fits(folder: Path) -> None:
    height, width = canvas(folder)
    everywhere = encode_rle(np.ones((height, width), bool), Box(0, 0, height, width), height, width).counts

    def hide(rows: list[dict[str, Any]]) -> None:
        rows[0] |= {"void_rle": everywhere, "void_digest": Rle(height, width, everywhere, 0).digest()}

    forge(folder, "frames", hide)
    (finding,) = verify(folder)
    assert "clean_rle" in finding.where and "void_rle of its frame" in finding.expected


def test_areas_are_read_many_at_once_and_what_is_no_code_is_none() -> None:
    good = empty_rle(4, 6).counts
    assert read_areas([good, "é", "5", good], [(4, 6)] * 3 + [(-4, -6)]) == [0, None, None, None]
    assert read_areas(["04`0"], [(4, 5)]) == [4]
    assert read_areas([], []) == []


def test_runs_whose_sum_overflows_do_not_pass() -> None:
    """2^35 again and again: a sum of 64 bits comes round to any number."""
    with pytest.raises(ActisegError, match="do not fill a canvas"):
        read_runs("oooooo?" * 40_000, 4, 6)
