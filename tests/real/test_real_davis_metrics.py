"""J and F on real videos: OSVOS masks against human masks, and against an independent slow reference."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from skimage.morphology import dilation, disk

from actiseg_bench.scoring.davis_folders import evaluate_davis
from actiseg_noise.borders.images import read_index_mask


def reference_boundary(mask: np.ndarray) -> np.ndarray:
    found = np.zeros_like(mask)
    found[:, :-1] |= mask[:, :-1] != mask[:, 1:]
    found[:-1] |= mask[:-1] != mask[1:]
    found[:-1, :-1] |= mask[:-1, :-1] != mask[1:, 1:]
    return found


def reference(pred: np.ndarray, gt: np.ndarray) -> tuple[float, float]:
    """J and F with the boundaries dilated by a disk, as the definition says it."""
    footprint = disk(math.ceil(0.008 * math.hypot(*gt.shape)))
    one, two = reference_boundary(pred), reference_boundary(gt)
    precision = (one & dilation(two, footprint)).sum() / one.sum()
    recall = (two & dilation(one, footprint)).sum() / two.sum()
    return (pred & gt).sum() / (pred | gt).sum(), 2 * precision * recall / (precision + recall)


def test_osvos_masks_score_on_human_masks_as_the_reference_says(real_davis: Path, tmp_path: Path) -> None:
    pred, gt = real_davis / "Annotations" / "480p", real_davis / "Annotations_human" / "480p"
    (tmp_path / "one.txt").write_text("soapbox\n")
    found = evaluate_davis(pred, gt, tmp_path / "one.txt", merge=True)
    names = sorted(path.name for path in (gt / "soapbox").glob("*.png"))[1:-1]
    pairs = [
        (read_index_mask(pred / "soapbox" / name) > 0, read_index_mask(gt / "soapbox" / name) > 0) for name in names
    ]
    j, f = np.array([reference(*pair) for pair in pairs]).T
    (one,) = found.objects
    assert (one.j, one.f) == (pytest.approx(j.mean(), abs=1e-12), pytest.approx(f.mean(), abs=1e-12))
    assert one.j_last == pytest.approx(j[int(0.75 * len(j)) :].mean(), abs=1e-12)


def test_four_videos_are_scored_as_one_foreground_each(real_davis: Path) -> None:
    folders = (real_davis / "Annotations" / "480p", real_davis / "Annotations_human" / "480p")
    found = evaluate_davis(*folders, merge=True)
    assert found.counts_dict() == {"clips": 4, "objects": 4, "object_frames": 81 - 8, "short_clips": 0}
    assert all(0 < value < 1 for value in found.scores_dict().values())


def test_ten_objects_score_one_on_themselves(real_davis: Path) -> None:
    folder = real_davis / "Annotations" / "480p"
    found = evaluate_davis(folder, folder)
    assert len(found.objects) == 10
    assert set(found.scores_dict().values()) == {1}
