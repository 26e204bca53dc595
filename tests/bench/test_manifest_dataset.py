import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from deposits import save_frame, save_mask
from forging import edit_info
from PIL import Image
from torch.utils.data import DataLoader

import actiseg_noise
from actiseg_bench.data.coverage import action_weights, coverage
from actiseg_bench.data.manifest_dataset import ManifestDataset, View
from actiseg_bench.records import collate
from actiseg_noise.datasets.kitchen import plan_video, render_video
from actiseg_noise.errors import ActisegError, DataError, ManifestError
from actiseg_noise.manifest.clips import ManifestSample
from actiseg_noise.masks import Box, encode_rle

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


def test_with_all_targets_every_object_has_its_mask_and_another_clips_narration(
    clean_val: Path, kitchen_root: Path
) -> None:
    data = open_clean(clean_val, kitchen_root, targets="all")
    item = data[0]
    assert item.masks.flatten(1).any(1).all()
    clips = {row["clip_id"]: row["narration"] for row in data.manifest.table("clips").to_pylist()}
    assert item.expressions[0].endswith(clips[data.other_clip("val_00000a")])


def test_noisy_labels_are_read_from_the_manifest(noisy_val: Path, kitchen_root: Path) -> None:
    noisy = ManifestDataset(noisy_val, kitchen_root, size=SIZE, mask_stride=2)
    clean = ManifestDataset(noisy_val, kitchen_root, size=SIZE, mask_stride=2, labels="clean")
    rows = noisy.manifest.table("samples").to_pylist()
    texts = [text for i in range(len(noisy)) for text in noisy[i].expressions]
    assert texts == [row["noisy_expression"] for row in rows]
    assert texts != [text for i in range(len(clean)) for text in clean[i].expressions]
    grown = [noisy[i].masks.double().sum() > clean[i].masks.double().sum() for i in range(len(noisy))]
    assert all(grown)


def test_labels_are_read_from_an_address(
    noisy_val: Path, kitchen_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fsspec")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    digest = actiseg_noise.read_manifest(noisy_val).digest
    address = f"file://{noisy_val}#digest={digest}"
    here, there = (ManifestDataset(place, kitchen_root, size=(24, 40)) for place in (noisy_val, address))
    assert there.manifest.path.is_relative_to(tmp_path)
    assert torch.equal(here[0].masks, there[0].masks)


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
    (tmp_path / "elsewhere/val").mkdir(parents=True)
    with pytest.raises(DataError, match=r"00000\.jpg: the image is missing \(clip val_00000a.*Point --root"):
        open_clean(clean_val, tmp_path / "elsewhere")[0]


def test_a_damaged_image_is_named(clean_val: Path, tmp_path: Path) -> None:
    image = tmp_path / "val/images/val_00000/00000.jpg"
    image.parent.mkdir(parents=True)
    image.write_bytes(b"\xff\xd8 no picture")
    with pytest.raises(DataError, match=r"00000\.jpg: not a readable image"):
        open_clean(clean_val, tmp_path)[0]


def test_a_truncated_image_is_named_and_no_half_of_it_is_shown(
    clean_val: Path, kitchen_root: Path, tmp_path: Path
) -> None:
    name = "val/images/val_00000/00000.jpg"
    whole = (kitchen_root / name).read_bytes()
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"00000\.jpg: not a readable image .*truncated.* \(clip val_00000a"):
        open_clean(clean_val, tmp_path)[0]


def test_frames_are_decoded_as_opencv_does(kitchen_root: Path, clean_val: Path) -> None:
    data = ManifestDataset(clean_val, kitchen_root)
    for frame, picture in zip(data.shown_frames("val_00000a"), data[0].frames, strict=True):
        drawn = cv2.imread(str(kitchen_root / str(frame.image_path)), cv2.IMREAD_COLOR_RGB)
        assert np.array_equal(picture.permute(1, 2, 0).numpy(), drawn)


def test_a_root_one_level_off_is_met_with_the_right_one(clean_val: Path, kitchen_root: Path, tmp_path: Path) -> None:
    for wrong in (kitchen_root / "val", kitchen_root.parent):
        with pytest.raises(
            DataError, match=rf"--root {wrong}: split 'val' .* is not drawn there.*Did you mean {kitchen_root}\?"
        ):
            open_clean(clean_val, wrong)[0]


def with_frames(manifest: Path, out: Path, **values: object) -> Path:
    """A copy of a manifest whose rows of frames say something else; the labels are the same."""
    shutil.copytree(manifest, out)
    table = pq.read_table(out / "frames.parquet")
    rows = [row | values for row in table.to_pylist()]
    pq.write_table(pa.Table.from_pylist(rows, table.schema), out / "frames.parquet")
    return out


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("frames", "frame_idx 0: a mask of object 1, but frames.parquet has no size of such a frame"),
        ("samples", "frame_idx 0: a mask of object 1, but samples.parquet has no such object"),
    ],
)
def test_masks_of_things_that_are_not_listed_are_named(
    clean_val: Path, kitchen_root: Path, tmp_path: Path, table: str, message: str
) -> None:
    shutil.copytree(clean_val, tmp_path / "m")
    rows = pq.read_table(tmp_path / "m" / f"{table}.parquet")
    kept = [row for row in rows.to_pylist() if (row["clip_id"], row.get("object_id", 1)) != ("val_00000a", 1)]
    pq.write_table(pa.Table.from_pylist(kept, rows.schema), tmp_path / "m" / f"{table}.parquet")
    edit_info(tmp_path / "m", lambda data: data["counts"].update({table: len(kept)}))
    with pytest.raises(ManifestError, match=f"clip 'val_00000a', {message}"):
        open_clean(tmp_path / "m", kitchen_root, cache=False)[0]


def test_a_clip_listed_twice_is_named(clean_val: Path, kitchen_root: Path, tmp_path: Path) -> None:
    shutil.copytree(clean_val, tmp_path / "m")
    rows = pq.read_table(tmp_path / "m/clips.parquet")
    pq.write_table(pa.concat_tables([rows.slice(0, 1), rows]), tmp_path / "m/clips.parquet")
    edit_info(tmp_path / "m", lambda data: data["counts"].update(clips=len(rows) + 1))
    with pytest.raises(ManifestError, match="clips.parquet has 2 rows of clip 'val_00000a', expected one"):
        open_clean(tmp_path / "m", kitchen_root, cache=False)[0]


def test_a_clip_without_annotated_frames_is_named(clean_val: Path, kitchen_root: Path, tmp_path: Path) -> None:
    labels = with_frames(clean_val, tmp_path / "m", is_annotated=False)
    with pytest.raises(ManifestError, match="clip 'val_00000a' has no annotated frame"):
        _ = open_clean(labels, kitchen_root, cache=False).sizes


@pytest.mark.parametrize(
    "path", ["/etc/picture.jpg", "../picture.jpg", "val/../../picture.jpg", "C:\\p.jpg", "..\\p.jpg"]
)
def test_an_image_outside_the_root_is_refused(clean_val: Path, kitchen_root: Path, tmp_path: Path, path: str) -> None:
    labels = with_frames(clean_val, tmp_path / "m", image_path=path)
    with pytest.raises(
        DataError, match="clip val_00000a, frame 00000: image_path .* leads out of the dataset's folder"
    ):
        ManifestDataset(labels, kitchen_root)[0]


@pytest.mark.parametrize("path", ["a\0.jpg", "y/" * 3000 + "a.jpg", "y" * 5000, "é" * 200 + ".jpg"])
def test_an_image_path_that_no_file_can_have_is_refused(
    clean_val: Path, kitchen_root: Path, tmp_path: Path, path: str
) -> None:
    labels = with_frames(clean_val, tmp_path / "m", image_path=path)
    with pytest.raises(DataError, match=r"clip val_00000a, frame 00000: image_path .* cannot be the path of a file"):
        ManifestDataset(labels, kitchen_root)[0]


def test_a_frame_without_an_image_is_named(clean_val: Path, kitchen_root: Path, tmp_path: Path) -> None:
    labels = with_frames(clean_val, tmp_path / "m", image_path=None)
    with pytest.raises(DataError, match="clip val_00000a, frame 00000: image_path is null.*--images DIR"):
        ManifestDataset(labels, kitchen_root)[0]


def test_an_image_of_another_shape_than_its_masks_is_refused(
    clean_val: Path, kitchen_root: Path, tmp_path: Path
) -> None:
    shown = with_frames(clean_val, tmp_path / "half", height=120, width=200)
    data = ManifestDataset(shown, kitchen_root)
    frame = data.shown_frames("val_00000a")[0]
    assert data.read_picture("val_00000a", frame).shape == (240, 400, 3), "masks of half its size fit"
    turned = with_frames(clean_val, tmp_path / "turned", height=400, width=240)
    with pytest.raises(DataError, match=r"00000.jpg \(clip val_00000a, frame 00000\): .* lies on its side"):
        ManifestDataset(turned, kitchen_root)[0]


def test_a_frame_of_another_size_than_its_clips_is_named(clean_val: Path, kitchen_root: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(kitchen_root / "val", tmp_path / "root" / "val")).parent
    data = ManifestDataset(clean_val, root, size=(48, 80))
    first, second, *_ = data.shown_frames("val_00000a")
    path = root / str(second.image_path)
    with Image.open(path) as picture:
        picture.resize((200, 120)).save(path)
    message = rf"val_00000a: .* 400×240 \({first.image_path}\) and 200×120 \({second.image_path}; width×height\)"
    with pytest.raises(DataError, match=message):
        data[0]


def test_a_frame_is_shown_upright(tmp_path: Path) -> None:
    """The file lies on its side and says so; the masks were drawn on what a viewer shows."""
    upright = np.zeros((48, 32, 3), np.uint8)
    upright[8:24, 4:20] = (250, 30, 30)
    exif = Image.Exif()
    exif[0x0112] = 6
    for number in range(2):
        for folder in ("clean", "noisy"):
            save_mask(tmp_path / folder / "a" / f"{number:05d}.png", (upright[..., 0] > 0).astype(np.uint8))
        (tmp_path / "images" / "a").mkdir(parents=True, exist_ok=True)
        stored = Image.fromarray(np.ascontiguousarray(np.rot90(upright)))
        stored.save(tmp_path / "images" / "a" / f"{number:05d}.jpg", quality=98, exif=exif.tobytes())
    import_folders(tmp_path)
    item = ManifestDataset(tmp_path / "m", tmp_path, labels="clean")[0]
    red = item.frames[0, 0] > 128
    assert (item.canvas, item.frames.shape[2:]) == ((48, 32), (48, 32))
    assert ((red & (item.masks[0, 0] > 0)).sum() / (red | (item.masks[0, 0] > 0)).sum()) > 0.9


@pytest.mark.parametrize("workers", [0, 2])
def test_a_data_loader_gives_batches_as_a_user_would_write_it(
    clean_val: Path, kitchen_root: Path, workers: int
) -> None:
    data = ManifestDataset(clean_val, kitchen_root, size=SIZE, mask_stride=2)
    batches = list(DataLoader(data, batch_size=2, num_workers=workers))
    assert len(batches) == 4
    for number, batch in enumerate(batches):
        expected = collate([data[2 * number], data[2 * number + 1]])
        assert batch.sample_ids == expected.sample_ids
        assert torch.equal(batch.frames, expected.frames)
        assert torch.equal(batch.masks, expected.masks)


@pytest.mark.parametrize("start", ["spawn", "forkserver"])
def test_workers_may_be_started_anew(clean_val: Path, kitchen_root: Path, start: str) -> None:
    data = ManifestDataset(clean_val, kitchen_root, size=(24, 40), mask_stride=8)
    loader = DataLoader(data, batch_size=4, num_workers=1, multiprocessing_context=start)
    assert [len(batch.frames) for batch in loader] == [2, 2]  # two clips on one video share its frames


def test_clips_that_cannot_share_a_batch_are_refused_with_what_helps(two_sizes: Path) -> None:
    with pytest.raises(ValueError, match=r"equal frames \[T, 3, H, W\], got .*frames=N and size=.*batch_size=1"):
        next(iter(DataLoader(ManifestDataset(two_sizes / "m", two_sizes), batch_size=2)))
    data = ManifestDataset(two_sizes / "m", two_sizes, size=(24, 40), frames=2)
    assert next(iter(DataLoader(data, batch_size=2))).frames.shape == (2, 2, 3, 24, 40)


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


@pytest.mark.parametrize(
    ("size", "stride", "expected"),
    [
        ((4, 8), 2, [[255, 128, 0, 0], [0, 0, 0, 255]]),
        ((4, 8), 4, [[96, 64]]),
        ((4, 8), 3, [[170, 0, 57], [0, 0, 57]]),  # the last column of cells sticks out by one, the last row by two
        ((2, 4), 2, [[96, 64]]),
    ],
)
def test_coverage_is_of_the_whole_mask_pixel_where_it_sticks_out_too(
    size: tuple[int, int], stride: int, expected: list[list[int]]
) -> None:
    mask = np.zeros((4, 8), bool)
    mask[:2, :3] = True
    mask[2:, 6:] = True
    found = coverage(encode_rle(mask, Box(0, 0, 4, 8), 4, 8), size, stride)
    assert found.tolist() == expected


FLAGS = [
    ({"is_positive": True, "handbox": True, "in_narration": False}, 2),
    ({"is_positive": True, "handbox": False, "in_narration": True}, 2),
    ({"is_positive": True, "handbox": True, "in_narration": True}, 5),
    ({"is_positive": True, "handbox": False, "in_narration": False}, 1),
    ({"is_positive": False, "handbox": False, "in_narration": False}, 5),
    ({"is_positive": False, "handbox": True, "in_narration": False}, 5),
]


def sample(*, is_positive: bool, handbox: bool | None, in_narration: bool | None) -> ManifestSample:
    """Return object 1 of clip a with these flags."""
    text = (1, "cup", "the cup")
    noisy = ("none", False, "none", is_positive, "none")
    return ManifestSample("a/1", 1, is_positive, handbox, in_narration, *text, *text, *noisy)


@pytest.mark.parametrize(("flags", "weight"), FLAGS)
def test_weights_are_action_vos_s_inside_the_object_and_one_outside(flags: dict[str, bool], weight: int) -> None:
    masks = np.array([[[[0, 255, 51]]]], np.uint8)
    found = action_weights(masks, [sample(**flags)])
    assert found.tolist() == [[[[1, weight, pytest.approx(1 + (weight - 1) / 5)]]]]


def test_a_manifest_that_does_not_say_what_hands_touch_has_no_weights() -> None:
    silent = sample(is_positive=True, handbox=None, in_narration=None)
    with pytest.raises(
        ManifestError, match="sample a/1: .* not say handbox and in_narration .* action_weights = false"
    ):
        action_weights(np.zeros((1, 1, 1, 1), np.uint8), [silent])


def test_items_carry_weights_of_their_own_noisy_masks_of_negative_objects_too(
    noisy_val: Path, kitchen_root: Path
) -> None:
    data = ManifestDataset(noisy_val, kitchen_root, size=SIZE, mask_stride=2, weigh_actions=True)
    item = data[0]
    rows = [row for row in data.manifest.table("samples").to_pylist() if row["clip_id"] == item.clip_id]
    own = ManifestDataset(noisy_val, kitchen_root, size=SIZE, mask_stride=2, targets="all")[0].masks
    assert item.weights is not None and item.weights.shape == item.masks.shape
    for row, weights, mask, target in zip(rows, item.weights, own, item.masks, strict=True):
        inside = [1, 2, 5][row["handbox"] + row["in_narration"]] if row["is_positive"] else 5
        assert torch.allclose(weights, 1 + (inside - 1) * (mask / 255))
        assert torch.equal(target, mask) == row["is_positive"]


@pytest.mark.parametrize("cache", [True, False])
def test_a_view_shows_some_samples_on_some_frames(noisy_val: Path, kitchen_root: Path, cache: bool) -> None:
    options = {"size": SIZE, "mask_stride": 2, "diagnose": True, "weigh_actions": True, "cache": cache}
    data = ManifestDataset(noisy_val, kitchen_root, **options)  # type: ignore[arg-type]
    whole, view = data[1], data[View(1, (2,), (0, 0, 2))]
    assert view.frame_idx == (0, 0, 2)
    assert view.sample_ids == whole.sample_ids[2:3]
    assert view.expressions == whole.expressions[2:3]
    assert view.frames_id == whole.take([2]).show([0, 0, 2]).frames_id
    assert torch.equal(view.frames, whole.frames[[0, 0, 2]])
    for name in ("masks", "agrees", "weights"):
        assert torch.equal(getattr(view, name), getattr(whole, name)[[2]][:, [0, 0, 2]])


@pytest.fixture(scope="module")
def two_sizes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of two clips, 24 × 42 pixels and 36 × 30, with one object each, in a folder with its images."""
    root = tmp_path_factory.mktemp("two_sizes")
    for name, (rows, columns) in {"a": (24, 42), "b": (36, 30)}.items():
        for number in range(3):
            mask = np.zeros((rows, columns), np.uint8)
            mask[4:12, 5:15] = 1
            for folder in ("clean", "noisy"):
                save_mask(root / folder / name / f"{number:05d}.png", mask)
            save_frame(root / "images" / name / f"{number:05d}.jpg", rows, columns)
    import_folders(root)
    return root


def import_folders(root: Path) -> None:
    """Make the manifest ``m`` of the folders ``clean``, ``noisy`` and ``images``."""
    folders = ["--clean", root / "clean", "--noisy", root / "noisy", "--images", root / "images", "--root", root]
    command = ["import", *folders, "--name", "mine", "--out", root / "m"]
    subprocess.run([sys.executable, "-c", "from actiseg_noise.cli import main; main()", *map(str, command)], check=True)


def test_clips_keep_their_shape_at_one_short_side(two_sizes: Path) -> None:
    data = ManifestDataset(two_sizes / "m", two_sizes, size=12, mask_stride=4)
    assert data.sizes == [(12, 21), (14, 12)]
    assert [tuple(data[i].frames.shape) for i in range(2)] == [(3, 3, 12, 21), (3, 3, 14, 12)]
    assert [tuple(data[i].masks.shape) for i in range(2)] == [(1, 3, 3, 6), (1, 3, 4, 3)]
    covered = data[1].masks[0, 0].double().sum() / 255 * 16
    assert covered == pytest.approx(80 * (14 / 36) * (12 / 30), rel=0.02)


def test_in_training_sides_are_whole_mask_pixels_and_fine_masks_as_large_as_frames(two_sizes: Path) -> None:
    data = ManifestDataset(two_sizes / "m", two_sizes, size=12, mask_stride=4, whole=True, fine=True)
    assert data.sizes == [(12, 20), (16, 12)]  # 14 is three and a half mask pixels: four
    assert [tuple(data[i].frames.shape[2:]) for i in range(2)] == data.sizes
    assert [tuple(data[i].masks.shape[2:]) for i in range(2)] == data.sizes


def test_an_import_says_nothing_of_hands_and_narration(two_sizes: Path) -> None:
    with pytest.raises(ManifestError, match="the manifest does not say handbox and in_narration"):
        ManifestDataset(two_sizes / "m", two_sizes, weigh_actions=True)[0]


@pytest.mark.parametrize("table", ["frames", "samples", "masks"])
def test_rows_of_a_clip_in_two_places_are_refused_not_half_of_them_read(
    clean_val: Path, kitchen_root: Path, tmp_path: Path, table: str
) -> None:
    shutil.copytree(clean_val, tmp_path / "m")
    path = tmp_path / "m" / f"{table}.parquet"
    rows = pq.read_table(path)
    pq.write_table(pa.concat_tables([rows.slice(2), rows.slice(0, 2)]), path)
    with pytest.raises(ManifestError, match=f"table {table}: rows of clip 'val_00000a' stand behind those of a later"):
        open_clean(tmp_path / "m", kitchen_root)
