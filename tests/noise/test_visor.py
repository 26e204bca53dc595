"""VISOR's deposit: the same clips as ActionVOS's preparation of it, which actions are clips, and what is read when."""

from __future__ import annotations

import dataclasses
import gc
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deposit_visor import CLASSES, Deposit, Json, action_row, annotated, entity, write_images, write_visor
from slow_visor import write_actionvos_layout
from visor_actions import VIDEO, cell, clips_of, one_action, only_clip

import actiseg_noise
from actiseg_noise.borders.images import read_index_mask
from actiseg_noise.check.rebuild import compare_with_dataset
from actiseg_noise.datasets.actionvos import ActionVos
from actiseg_noise.datasets.visor import Visor, adapter
from actiseg_noise.datasets.visor import video as video_module
from actiseg_noise.errors import DataError
from actiseg_noise.exchange.export_actionvos import export_actionvos
from actiseg_noise.records import Clip, FrameRecord, ObjectRecord

TABLES = "epic-kitchens-100-annotations"


# --- the same as ActionVOS's preparation


@pytest.fixture(scope="module")
def layouts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ActionVos, Visor]:
    """Return one deposit in two layouts: as ActionVOS prepares it, and as it is."""
    folder = tmp_path_factory.mktemp("layouts")
    visor = Visor(write_visor(folder / "visor"))
    return ActionVos(write_actionvos_layout(visor.root, folder / "actionvos", visor.root / TABLES)), visor


@pytest.mark.parametrize("split", ["train", "val"])
def test_clips_are_those_of_actionvos(layouts: tuple[ActionVos, Visor], split: str) -> None:
    prepared, deposit = (clips_of(dataset, split) for dataset in layouts)
    assert [dataclasses.replace(c, frames=()) for c in deposit] == [dataclasses.replace(c, frames=()) for c in prepared]
    assert [[f.frame_id for f in c.frames] for c in deposit] == [[f.frame_id for f in c.frames] for c in prepared]
    assert {dataset.card.source for dataset in layouts} == {"visor"}


@pytest.mark.parametrize("split", ["train", "val"])
def test_masks_and_weights_are_those_of_actionvos(layouts: tuple[ActionVos, Visor], split: str) -> None:
    prepared, deposit = layouts
    values = set()
    for theirs, ours in zip(clips_of(prepared, split), clips_of(deposit, split), strict=True):
        for their_frame, frame in zip(theirs.frames, ours.frames, strict=True):
            assert np.array_equal(prepared.read_index_mask(theirs, their_frame), deposit.read_index_mask(ours, frame))
            weights = deposit.weight_map(ours, frame)
            place = str(their_frame.mask_path).replace("Annotations_Sparse", "Weights_Sparse")
            assert np.array_equal(read_index_mask(prepared.root / place), weights)
            values.update(np.unique(weights).tolist())
    assert values == ({1, 2, 3, 4} if split == "train" else {1, 2, 3})


def test_vocabularies_are_the_same(layouts: tuple[ActionVos, Visor]) -> None:
    prepared, deposit = (list(dataset.iter_vocabulary(("train", "val"))) for dataset in layouts)
    assert deposit == prepared
    assert ObjectRecord(1, 18, "bin/garbage can/recycling bin", "bin/garbage can/recycling bin", True) in deposit


def test_both_layouts_build_one_manifest(layouts: tuple[ActionVos, Visor], tmp_path: Path) -> None:
    digests = set()
    for dataset in layouts:
        path = actiseg_noise.build(
            dataset, recipe="mixed-40-15", out=tmp_path / dataset.card.name, workers=1, gate=False
        )
        manifest = actiseg_noise.read_manifest(path)
        assert manifest.info.counts == {"clips": 6, "frames": 13, "samples": 36, "masks": 79}
        assert compare_with_dataset(manifest, root=dataset.root) == []
        digests.add(manifest.info.digest)
    assert len(digests) == 1


def scattered(rng: np.random.Generator, name: str, **fields: Any) -> Json:
    """Return an entity of up to three polygons, some crossing themselves, some outside the canvas."""
    polygons = []
    for _ in range(rng.integers(1, 4)):
        middle, spread = rng.uniform((300, 300), (900, 800)), rng.uniform(5, 160)
        polygons.append((middle + rng.normal(0, spread, (int(rng.integers(1, 9)), 2))).round(2).tolist())
    return entity(name, *polygons, **fields)


@pytest.mark.parametrize("split", ["train", "val"])
def test_random_frames_are_labelled_as_actionvos_does(split: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    names = sorted(CLASSES)
    frames = []
    for number in range(1, 11):
        shown = [name for name in rng.permutation(names).tolist() if rng.random() < 0.6]
        words = [*shown, "hand-not-in-contact", "none-of-the-above"]
        touch = {name: words[rng.integers(len(words))] for name in shown if "hand" in name or "glove" in name}
        worn = [None, "inconclusive", ["left hand"], ["right hand"], ["left hand", "rigth hand"]]
        fields = {name: {"touches": word} for name, word in touch.items()}
        for name in filter(lambda name: "glove" in name, shown):
            fields[name]["on_which_hand"] = worn[rng.integers(5)]
        frames.append(annotated(VIDEO, number, *(scattered(rng, name, **fields.get(name, {})) for name in shown)))
    rows = [action_row(VIDEO, n, 3 * n, 3 * n + 3, all_noun_classes=[2, 12]) for n in (1, 2, 3)]
    deposit = Visor(Deposit(train_rows=rows, **{split: {VIDEO: frames}}).write(tmp_path / "d"))
    prepared = ActionVos(write_actionvos_layout(deposit.root, tmp_path / "a", deposit.root))
    pairs = list(zip(clips_of(prepared, split), clips_of(deposit, split), strict=True))
    assert len(pairs) == 3
    for theirs, ours in pairs:
        assert ours.objects == theirs.objects
        for their_frame, frame in zip(theirs.frames, ours.frames, strict=True):
            assert np.array_equal(prepared.read_index_mask(theirs, their_frame), deposit.read_index_mask(ours, frame))
            place = str(their_frame.mask_path).replace("Annotations_Sparse", "Weights_Sparse")
            assert np.array_equal(read_index_mask(prepared.root / place), deposit.weight_map(ours, frame))


# --- which actions are clips


def test_an_action_becomes_a_clip(tmp_path: Path) -> None:
    clip = clips_of(Visor(write_visor(tmp_path)))[2]
    images = "GroundTruth-SparseAnnotations/rgb_frames/train/P01/P01_107"
    annotations = "GroundTruth-SparseAnnotations/annotations/train/P01_107.json"
    assert dataclasses.replace(clip, objects=()) == Clip(
        clip_id="00000003_P01_107_take_milk",
        address="P01_107/95-140/take/milk",
        video_id="P01_107",
        narration="take milk and",
        verb="take",
        noun="milk",
        objects=(),
        frames=(
            *(
                FrameRecord(f"frame_0000000{n + 2}", f"{images}/{name}", annotations, True, mask_key=name)
                for n, name in ((n, f"P01_107_frame_0000000{n}.jpg") for n in (100, 130))
            ),
        ),
        source_order=2,
        verb_class=0,
        noun_class=64,
        start_frame=95,
        stop_frame=140,
    )


def test_kept_actions_are_counted_in_the_order_of_the_mapping_and_of_narration_numbers(tmp_path: Path) -> None:
    dataset = Visor(write_visor(tmp_path))
    assert [clip.clip_id for clip in clips_of(dataset)] == [
        "00000001_P06_13_wash_plate",
        "00000002_P06_13_wear_glove",
        "00000003_P01_107_take_milk",
        "00000004_P01_107_close_fridge",
        "00000005_P01_107_put-into_bag:cereal",  # narration 10 comes after 3
        "00000006_P01_107_take_milk",
    ]
    assert [clip.clip_id[:15] for clip in clips_of(dataset, "val")] == ["00000001_P02_09", "00000002_P02_09"]


def test_the_same_action_narrated_twice_has_two_addresses(tmp_path: Path) -> None:
    addresses = [clip.address for clip in clips_of(Visor(write_visor(tmp_path)))]
    assert (addresses[2], addresses[5]) == ("P01_107/95-140/take/milk", "P01_107/95-140/take/milk/2")


def test_start_and_stop_frame_belong_to_the_action_and_one_frame_is_too_few(tmp_path: Path) -> None:
    frames = [annotated(VIDEO, n, entity("plate", cell(0, 0))) for n in (10, 20, 30)]  # 12, 22, 32 in EPIC-KITCHENS
    rows = [
        action_row(VIDEO, n, *bounds) for n, bounds in enumerate([(12, 22), (13, 31), (33, 99), (22, 32), (12, 32)])
    ]
    clips = clips_of(Visor(Deposit(train={VIDEO: frames}, train_rows=rows).write(tmp_path)))
    assert [[f.frame_id[-2:] for f in c.frames] for c in clips] == [["12", "22"], ["22", "32"], ["12", "22", "32"]]


def test_an_action_without_objects_is_dropped(tmp_path: Path) -> None:
    frames = [annotated(VIDEO, n, entity("plate", *([cell(0, 0)] if n > 25 else []))) for n in (10, 20, 30, 40)]
    rows = [action_row(VIDEO, 0, 1, 22), action_row(VIDEO, 1, 1, 42)]
    (clip,) = clips_of(Visor(Deposit(train={VIDEO: frames}, train_rows=rows).write(tmp_path)))
    assert (clip.clip_id[:8], clip.stop_frame) == ("00000001", 42)


def test_a_frame_that_the_mapping_lacks_is_in_no_action(tmp_path: Path) -> None:
    frames = [annotated(VIDEO, n, entity("plate", cell(0, 0))) for n in (10, 20, 30)]
    deposit = Deposit(train={VIDEO: frames}, train_rows=[action_row(VIDEO, 0, 1, 99)], mapped={VIDEO: (30, 10)})
    clip = only_clip(Visor(deposit.write(tmp_path)))
    assert [f.frame_id[-2:] for f in clip.frames] == ["12", "32"]


def test_a_mapped_frame_that_the_annotations_lack_has_no_mask(tmp_path: Path) -> None:
    frames = [annotated(VIDEO, 20, entity("plate", cell(1, 2)))]
    deposit = Deposit(train={VIDEO: frames}, train_rows=[action_row(VIDEO, 0, 1, 99)], mapped={VIDEO: (10, 20)})
    dataset = Visor(deposit.write(tmp_path))
    clip = only_clip(dataset)
    assert [(f.frame_id[-2:], f.is_annotated, f.mask_path is None) for f in clip.frames] == [
        ("12", False, True),
        ("22", True, False),
    ]
    with pytest.raises(DataError, match="frame_0000000012: the frame has no mask"):
        dataset.read_index_mask(clip, clip.frames[0])
    with pytest.raises(DataError, match="frame_0000000012: the frame has no mask"):
        dataset.weight_map(clip, clip.frames[0])


# --- what is read when


def test_images_are_where_the_disk_has_them(tmp_path: Path) -> None:
    dataset = Visor(write_visor(tmp_path))
    clips = [clip for split in ("train", "val") for clip in clips_of(dataset, split)]
    paths = [str(frame.image_path) for clip in clips for frame in clip.frames]
    assert "GroundTruth-SparseAnnotations/rgb_frames/train/P01/P01_107/P01_107_frame_0000000200.jpg" in paths
    assert "GroundTruth-SparseAnnotations/rgb_frames/val/P02_09/P02_09_frame_0000000120.jpg" in paths
    assert all((tmp_path / path).is_file() for path in paths if path != "None")
    assert paths.count("None") == sum(len(clip.frames) for clip in clips if clip.video_id == "P06_13")


def test_images_in_one_folder_per_video_are_found_too(tmp_path: Path) -> None:
    dataset = one_action(tmp_path, [entity("plate", cell(0, 0))])
    write_images(tmp_path / f"GroundTruth-SparseAnnotations/rgb_frames/train/{VIDEO}", VIDEO, (10,))
    image = tmp_path / str(only_clip(dataset).frames[0].image_path)
    assert image.is_file()


def test_every_frame_is_painted_once_per_iteration_and_never_for_the_vocabulary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    paint = video_module.touched_names
    monkeypatch.setattr(video_module, "touched_names", lambda *args: calls.append(args) or paint(*args))
    dataset = Visor(write_visor(tmp_path))
    assert len(list(dataset.iter_vocabulary(("train", "val")))) == 13
    assert calls == []
    shown = [frame.mask_key for clip in dataset.iter_clips("train", with_frames=False) for frame in clip.frames]
    assert (len(shown), len(set(shown)), len(calls)) == (13, 7, 7)


def test_at_most_two_videos_are_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that clips are made of, and the one that masks are read of."""
    made: weakref.WeakSet[Any] = weakref.WeakSet()
    most = 0

    class Counted(video_module.VideoAnnotations):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            made.add(self)

    monkeypatch.setattr(adapter, "VideoAnnotations", Counted)
    videos = [f"P01_{number:02d}" for number in range(6)]
    frames = {v: [annotated(v, n, entity("plate", cell(0, 0))) for n in (1, 2)] for v in videos}
    dataset = Visor(Deposit(train=frames, train_rows=[action_row(v, 0, 1, 9) for v in videos]).write(tmp_path))
    first = None
    for clip in dataset.iter_clips("train", with_frames=True):
        first = first or clip
        dataset.read_index_mask(first, first.frames[0])
        gc.collect()
        most = max(most, len(made))
    assert most == 2


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    dataset = one_action(tmp_path, [entity("plate", cell(0, 0))])
    clip = only_clip(dataset)
    dataset.read_index_mask(clip, clip.frames[0])
    one_action(tmp_path, [entity("plate", cell(2, 2)), entity("sponge", cell(3, 3))])
    with pytest.raises(
        DataError, match=r"P01_107\.json: clip '0.*milk', frame '.*12' has an object 'sponge', which is"
    ):
        dataset.read_index_mask(clip, clip.frames[0])
    frames = [annotated(VIDEO, 900, entity("plate", cell(2, 2)))]
    Deposit(train={VIDEO: frames}).write(tmp_path)
    with pytest.raises(DataError, match=r"P01_107\.json, frame 'P01_107_frame_0000000010\.jpg': no such frame"):
        dataset.weight_map(clip, clip.frames[0])


def test_an_export_has_the_masks_and_the_weights_that_actionvos_s_preparation_writes(tmp_path: Path) -> None:
    root = write_visor(tmp_path / "visor")
    slow = write_actionvos_layout(root, tmp_path / "slow", root / TABLES)
    folder = actiseg_noise.build("visor", root=root, recipe="clean", out=tmp_path / "m")
    report = export_actionvos(actiseg_noise.read_manifest(folder), tmp_path / "out", root=root)
    weights = sorted(
        path.relative_to(tmp_path / "out") for path in (tmp_path / "out" / "Weights_Sparse").rglob("*.png")
    )
    assert weights == sorted(path.relative_to(slow) for path in (slow / "Weights_Sparse" / "train").rglob("*.png"))
    assert len(weights) == report["counts"]["weights"] > 0
    for name in [*weights, *(Path("Annotations_Sparse", *path.parts[1:]) for path in weights)]:
        assert np.array_equal(read_index_mask(tmp_path / "out" / name), read_index_mask(slow / name)), name
