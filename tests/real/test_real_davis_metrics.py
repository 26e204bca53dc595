"""J and F on real videos: OSVOS masks against human masks, and against an independent slow reference."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage.morphology import dilation, disk

from actiseg_bench.scoring.davis_folders import evaluate_davis
from actiseg_bench.scoring.davis_forms import evaluate_davis_of_any_form
from actiseg_noise.borders.images import read_index_mask, write_index_mask


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


TOOLS = {"foreground": (0.7068926368942532, 0.7468272268355897), "objects": (0.6919297583024134, 0.8504523224367638)}
"""J and F that davis2017-evaluation (semi-supervised) gave for the masks that the next tests write. vos-benchmark gave
the same to 1e-15, and so did SA-V's program for the objects in folders."""


def nearest_ids(foreground: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Give every pixel of a foreground the id of the nearest pixel that has one."""
    _, nearest = cv2.distanceTransformWithLabels(
        (ids == 0).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE, labelType=cv2.DIST_LABEL_PIXEL
    )
    of_label = np.zeros(nearest.max() + 1, np.uint8)
    of_label[nearest[ids > 0]] = ids[ids > 0]
    return np.where(foreground, of_label[nearest], 0).astype(np.uint8)


def test_the_foreground_of_people_against_osvos_has_the_numbers_of_the_challenge_s_programs(real_davis: Path) -> None:
    folders = (real_davis / "Annotations_human" / "480p", real_davis / "Annotations" / "480p")
    scores = evaluate_davis(*folders, merge=True).scores_dict()
    assert (scores["j"], scores["f"]) == pytest.approx(TOOLS["foreground"], abs=1e-4)


def test_objects_have_the_numbers_of_the_challenge_s_programs_as_index_masks_and_one_by_one(
    real_davis: Path, tmp_path: Path
) -> None:
    people, gt = real_davis / "Annotations_human" / "480p", real_davis / "Annotations" / "480p"
    for path in sorted(gt.glob("*/*.png")):
        place = path.relative_to(gt)
        ids = read_index_mask(path)
        mask = nearest_ids(read_index_mask(people / place) > 0, ids)
        write_index_mask(tmp_path / "index" / place, mask)
        if path.parent.name == "soapbox":
            for side, of in (("pred", mask), ("gt", ids)):
                for one in (1, 2, 3):
                    write_index_mask(tmp_path / side / "soapbox" / str(one) / path.name, (of == one).astype(np.uint8))
    index = evaluate_davis(tmp_path / "index", gt)
    scores = index.scores_dict()
    assert (scores["j"], scores["f"]) == pytest.approx(TOOLS["objects"], abs=1e-4)
    found = evaluate_davis_of_any_form(tmp_path / "pred", tmp_path / "gt")
    own = [replace(one, object_id=str(one.object_id)) for one in index.objects if one.clip == "soapbox"]
    assert found.objects == own
