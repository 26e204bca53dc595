"""Real videos in DAVIS's layout: OSVOS masks with ids, and human masks of grey levels 0 and 255."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import actiseg_noise
from actiseg_noise.borders.images import read_index_mask
from actiseg_noise.check.rebuild import compare_with_dataset
from actiseg_noise.datasets.davis import Davis

OBJECTS = {"bmx-trees": 2, "horsejump-high": 2, "paragliding-launch": 3, "soapbox": 3}


def test_four_videos_of_81_frames_have_ten_objects(real_davis: Path) -> None:
    clips = list(Davis(real_davis).iter_clips("val", with_frames=True))
    assert {c.clip_id: len(c.objects) for c in clips} == OBJECTS
    assert sum(f.is_annotated for c in clips for f in c.frames) == 81
    assert [f.frame_id for f in clips[1].frames][:3] == ["00000", "00003", "00006"]


def test_the_masks_are_the_ids_on_disk(real_davis: Path) -> None:
    dataset = Davis(real_davis)
    for clip in dataset.iter_clips("val", with_frames=True):
        for frame in clip.frames:
            assert np.array_equal(dataset.read_index_mask(clip, frame), read_index_mask(real_davis / frame.mask_path))


@pytest.mark.parametrize("objects", ["instances", "merged"])
def test_the_human_masks_are_one_foreground(real_davis: Path, objects: str) -> None:
    dataset = Davis(real_davis, masks="Annotations_human", objects=objects)
    for clip in dataset.iter_clips("val", with_frames=True):
        assert [o.object_id for o in clip.objects] == [1]
        mask = dataset.read_index_mask(clip, clip.frames[0])
        assert np.array_equal(mask * 255, read_index_mask(real_davis / str(clip.frames[0].mask_path)))


def test_mask_15_is_built_and_verified(real_davis: Path, tmp_path: Path) -> None:
    path = actiseg_noise.build(
        "davis", root=real_davis, split="val", recipe="mask-15", allow_eval=True, out=tmp_path / "mask-15"
    )
    manifest = actiseg_noise.read_manifest(path)
    counts = manifest.info.counts
    assert (counts["clips"], counts["frames"], counts["samples"], counts["masks"]) == (4, 81, 10, 202)
    assert compare_with_dataset(manifest, root=real_davis) == []
