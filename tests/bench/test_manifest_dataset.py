from pathlib import Path

import numpy as np
import pytest
import torch

import actiseg_noise
from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_noise.datasets.kitchen import plan_video, render_video
from actiseg_noise.errors import ActisegError, DataError, ManifestError

SIZE = (96, 160)


def open_clean(manifest: Path, root: Path, **options: object) -> ManifestDataset:
    return ManifestDataset(manifest, root, size=SIZE, mask_stride=2, labels="clean", **options)  # type: ignore[arg-type]


def test_an_item_carries_frames_texts_masks_and_flags_of_one_clip(clean_val: Path, kitchen_root: Path) -> None:
    data = open_clean(clean_val, kitchen_root)
    item = data[0]
    video = plan_video("val", 0)
    assert len(data) == 8
    assert item.clip_id == "val_00000a"
    assert item.frame_idx == (0, 1, 2)
    assert item.canvas == (240, 400)
    assert item.frames.shape == (3, 3, 96, 160)
    assert item.frames.dtype == torch.uint8
    assert item.masks.shape == (len(video.objects), 3, 48, 80)
    narration = video.actions[0].narration
    assert item.expressions == tuple(f"{o.noun} used in the action of {narration}" for o in video.objects)
    assert item.is_positive.tolist() == [o.object_id in video.actions[0].positive_ids for o in video.objects]


def test_full_resolution_masks_are_the_drawn_ones(clean_val: Path, kitchen_root: Path) -> None:
    item = ManifestDataset(clean_val, kitchen_root, labels="clean")[0]
    drawn = render_video(plan_video("val", 0))
    for k, object_id in enumerate(item.object_ids):
        for t, frame in enumerate(drawn):
            expected = (frame.mask == object_id) & bool(item.is_positive[k])
            assert np.array_equal(item.masks[k, t].numpy() == 255, expected)


def test_coverage_is_the_share_of_each_cell(clean_val: Path, kitchen_root: Path) -> None:
    small = open_clean(clean_val, kitchen_root)[0].masks.double() / 255
    full = ManifestDataset(clean_val, kitchen_root, labels="clean")[0].masks.double() / 255
    assert torch.allclose(small.mean((-1, -2)), full.mean((-1, -2)), atol=2e-3)


def test_the_target_of_a_negative_object_is_empty(clean_val: Path, kitchen_root: Path) -> None:
    data = open_clean(clean_val, kitchen_root)
    for item in (data[i] for i in range(len(data))):
        assert not item.masks[~item.is_positive].any()
        assert item.masks[item.is_positive].flatten(1).any(1).all()


def test_with_all_targets_every_object_has_its_mask_and_a_strangers_narration(
    clean_val: Path, kitchen_root: Path
) -> None:
    data = open_clean(clean_val, kitchen_root, targets="all")
    item = data[0]
    assert item.masks.flatten(1).any(1).all()
    clips = {row["clip_id"]: row["narration"] for row in data.manifest.table("clips").to_pylist()}
    assert item.expressions[0].endswith(clips[data.stranger("val_00000a")])


def test_noisy_labels_are_read_from_the_manifest(noisy_val: Path, kitchen_root: Path) -> None:
    noisy = ManifestDataset(noisy_val, kitchen_root, size=SIZE, mask_stride=2)
    clean = ManifestDataset(noisy_val, kitchen_root, size=SIZE, mask_stride=2, labels="clean")
    rows = noisy.manifest.table("samples").to_pylist()
    texts = [text for i in range(len(noisy)) for text in noisy[i].expressions]
    assert texts == [row["noisy_expression"] for row in rows]
    assert texts != [text for i in range(len(clean)) for text in clean[i].expressions]
    grown = [noisy[i].masks.double().sum() > clean[i].masks.double().sum() for i in range(len(noisy))]
    assert all(grown)


def test_the_noise_rate_is_what_the_manifest_knows(noisy_val: Path, clean_val: Path, kitchen_root: Path) -> None:
    assert ManifestDataset(clean_val, kitchen_root).noise_rate == 0.0
    data = ManifestDataset(noisy_val, kitchen_root)
    harmful = np.mean([row["is_harmful"] for row in data.manifest.table("samples").to_pylist()])
    iou = np.mean([row["iou"] for row in data.manifest.table("masks").to_pylist()])
    assert data.noise_rate == pytest.approx(1 - (1 - harmful) * iou)


def test_clips_of_one_video_are_one_group(clean_val: Path, kitchen_root: Path) -> None:
    data = open_clean(clean_val, kitchen_root)
    assert data.groups == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert data[0].frames_id == data[1].frames_id != data[2].frames_id


def test_a_number_of_frames_is_spread_over_the_clip(clean_val: Path, kitchen_root: Path) -> None:
    assert open_clean(clean_val, kitchen_root, frames=2)[0].frame_idx == (0, 2)
    assert open_clean(clean_val, kitchen_root, frames=5)[0].frame_idx == (0, 0, 1, 2, 2)


def test_with_and_without_cache_items_are_equal(clean_val: Path, kitchen_root: Path) -> None:
    kept, read = open_clean(clean_val, kitchen_root, cache=True), open_clean(clean_val, kitchen_root, cache=False)
    assert kept[1] is kept[1]
    assert torch.equal(kept[1].frames, read[1].frames)
    assert torch.equal(kept[1].masks, read[1].masks)


def test_a_missing_image_is_named_with_clip_and_advice(clean_val: Path, kitchen_root: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(DataError, match=r"00000\.jpg: the image is missing \(clip val_00000a.*Point --root"):
        open_clean(clean_val, tmp_path / "elsewhere")[0]


def test_a_damaged_image_is_named(clean_val: Path, tmp_path: Path) -> None:
    image = tmp_path / "val/images/val_00000/00000.jpg"
    image.parent.mkdir(parents=True)
    image.write_bytes(b"\xff\xd8 no picture")
    with pytest.raises(DataError, match=r"00000\.jpg: not a readable image"):
        open_clean(clean_val, tmp_path)[0]


def test_a_text_manifest_cannot_be_trained_on(kitchen_root: Path, tmp_path: Path) -> None:
    text = actiseg_noise.build(
        "kitchen", root=kitchen_root, split="val", content="text", out=tmp_path / "m", limit=2, workers=1
    )
    with pytest.raises(ManifestError, match="content 'text'.*--content full"):
        ManifestDataset(text, kitchen_root)


@pytest.mark.parametrize("option", [{"labels": "dirty"}, {"targets": "none"}])
def test_an_unknown_word_is_refused(clean_val: Path, kitchen_root: Path, option: dict[str, str]) -> None:
    with pytest.raises(ActisegError, match="must be one of"):
        ManifestDataset(clean_val, kitchen_root, **option)  # type: ignore[arg-type]
