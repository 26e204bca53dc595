"""``Manifest.iter_clips``: the tables walked by clip, in step, with null decided once."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from toys import Toy

import actiseg_noise
from actiseg_noise.errors import ActisegError, ManifestError, UnknownNameError
from actiseg_noise.manifest.clips import CLIP_COLUMNS, FRAME_COLUMNS, MASK_COLUMNS, SAMPLE_COLUMNS
from actiseg_noise.manifest.schema import ACTION_CLIPS, ACTION_SAMPLES, FRAMES, MASKS, Table
from actiseg_noise.masks import Rle
from actiseg_noise.publishing.publication import publish
from actiseg_noise.recipe import NoiseSpec, Recipe

RECIPE = Recipe(
    "toy-mix",
    (NoiseSpec("category_flip-v1", 0.4), NoiseSpec("dilate-v1", 0.5, {"kernel": 3, "unit": "px"})),
)


@pytest.mark.parametrize(
    ("table", "columns", "left_out"),
    [
        (ACTION_CLIPS, CLIP_COLUMNS, {"row_digest"}),
        (ACTION_SAMPLES, SAMPLE_COLUMNS, {"row_digest"}),
        (FRAMES, FRAME_COLUMNS, {"row_digest"}),
        (MASKS, MASK_COLUMNS, {"row_digest", "frame_id"}),
    ],
)
def test_the_records_have_every_column_but_the_digest(
    table: Table, columns: tuple[str, ...], left_out: set[str]
) -> None:
    assert {column.name for column in table.columns} - set(columns) == left_out


def test_every_row_is_in_the_walk_once_and_in_order(built: Path) -> None:
    manifest = actiseg_noise.read_manifest(built)
    clips = list(manifest.iter_clips())
    rows = {name: manifest.table(name).to_pylist() for name in ("clips", "frames", "samples", "masks")}
    assert [(clip.clip_id, clip.narration, clip.source_order) for clip in clips] == [
        (row["clip_id"], row["narration"], row["source_order"]) for row in rows["clips"]
    ]
    assert [(c.clip_id, f.frame_idx, f.image_path, f.size, f.void_digest) for c in clips for f in c.frames] == [
        (row["clip_id"], row["frame_idx"], row["image_path"], (row["height"], row["width"]), row["void_digest"])
        for row in rows["frames"]
    ]
    assert [(s.sample_id, s.noun, s.noisy_noun, s.is_harmful) for clip in clips for s in clip.samples] == [
        (row["sample_id"], row["noun"], row["noisy_noun"], row["is_harmful"]) for row in rows["samples"]
    ]
    assert [(m.sample_id, m.frame_idx, m.iou, m.parameters, m.noisy_area) for clip in clips for m in clip.masks] == [
        (row["sample_id"], row["frame_idx"], row["iou"], row["parameters"], row["noisy_area"]) for row in rows["masks"]
    ]


def test_a_noisy_mask_that_is_null_is_the_clean_one(built: Path) -> None:
    manifest = actiseg_noise.read_manifest(built)
    rows = manifest.table("masks").to_pylist()
    masks = [mask for clip in manifest.iter_clips() for mask in clip.masks]
    assert {row["noisy_rle"] is None for row in rows} == {True, False}
    for row, mask in zip(rows, masks, strict=True):
        assert mask.clean is not None
        assert mask.clean.counts == row["clean_rle"]
        assert (mask.noisy is mask.clean) == (row["noisy_rle"] is None)
        noisy = row["clean_rle"] if row["noisy_rle"] is None else row["noisy_rle"]
        assert mask.noisy == Rle(24, 32, noisy, row["noisy_area"])
        assert mask.rle("clean") is mask.clean
        assert (mask.decode().sum(), mask.decode("clean").sum()) == (mask.area(), mask.area("clean"))


def test_masks_and_void_are_those_of_the_dataset(built: Path, toy: Toy) -> None:
    for clip, source in zip(actiseg_noise.read_manifest(built).iter_clips(), toy.clips, strict=True):
        for frame, record in zip(clip.frames, source.frames, strict=True):
            index_mask = toy.read_index_mask(source, record)
            void = frame.void_mask()
            assert void is not None
            assert np.array_equal(void, index_mask == 255)
            for object_id, mask in frame.masks.items():
                assert np.array_equal(mask.decode("clean"), index_mask == object_id)


def test_a_sample_has_two_texts(built: Path) -> None:
    sample = next(
        s for c in actiseg_noise.read_manifest(built).iter_clips() for s in c.samples if s.text_noise != "none"
    )
    assert sample.text() == (sample.noisy_category_id, sample.noisy_noun, sample.noisy_expression)
    assert sample.text("clean") == (sample.category_id, sample.noun, sample.expression)
    assert sample.text("clean").noun != sample.text("noisy").noun
    with pytest.raises(UnknownNameError, match="unknown labels 'nosiy'. Did you mean 'noisy'?"):
        sample.text("nosiy")


def test_some_clips_alone(built: Path) -> None:
    manifest = actiseg_noise.read_manifest(built)
    everything = {clip.clip_id: clip for clip in manifest.iter_clips()}
    for names in (["clip007", "clip002"], ["clip000"], [], list(everything)):
        assert list(manifest.iter_clips(names)) == [everything[name] for name in sorted(names)]
    with pytest.raises(ActisegError, match=r"m: no clip 'clip99' in this manifest"):
        next(manifest.iter_clips(["clip99", "clip001"]))


def test_without_masks_none_is_read(folder: Path) -> None:
    manifest = actiseg_noise.read_manifest(folder)
    (folder / "masks.parquet").unlink()
    clips = list(manifest.iter_clips(with_masks=False))
    assert [len(clip.frames) for clip in clips] == [2] * 12
    assert [mask for clip in clips for mask in clip.masks] == []


def test_text_has_frames_without_size_and_no_masks(toy: Toy, tmp_path: Path) -> None:
    path = actiseg_noise.build(toy, recipe="text-40", content="text", out=tmp_path / "m")
    clips = list(actiseg_noise.read_manifest(path).iter_clips())
    assert {frame.size for clip in clips for frame in clip.frames} == {None}
    assert {frame.void_mask() for clip in clips for frame in clip.frames} == {None}
    assert [mask for clip in clips for mask in clip.masks] == []


def test_withheld_masks_are_none_and_say_so_when_decoded(built: Path, tmp_path: Path) -> None:
    published = publish([built], tmp_path / "p", labels="recipe-only")
    manifest = actiseg_noise.read_manifest(tmp_path / "p" / published.manifests[0].folder)
    mask = next(manifest.iter_clips()).masks[0]
    assert (mask.clean, mask.noisy) == (None, None)
    assert mask.clean_area > 0
    with pytest.raises(ManifestError, match=rf"sample {mask.sample_id}, frame_idx 0: the mask was withheld"):
        mask.decode()


def test_records_cannot_be_changed(built: Path) -> None:
    clip = next(actiseg_noise.read_manifest(built).iter_clips())
    for record in (clip, clip.samples[0], clip.frames[0], clip.masks[0]):
        with pytest.raises(FrozenInstanceError):
            setattr(record, fields(record)[0].name, 1)


def drop(folder: Path, table: str, column: str, value: object) -> None:
    """Remove the rows of a table with a value."""
    path = folder / f"{table}.parquet"
    stored = pq.read_table(path)
    kept = [index for index, cell in enumerate(stored[column].to_pylist()) if cell != value]
    pq.write_table(stored.take(kept), path)


@pytest.mark.parametrize("clip_id", ["clip000", "clip005", "clip011"])
def test_rows_of_a_clip_that_is_not_listed_are_an_error(folder: Path, clip_id: str) -> None:
    drop(folder, "clips", "clip_id", clip_id)
    with pytest.raises(ManifestError, match=rf"table \w+: rows of clip '{clip_id}', which clips.parquet does not list"):
        list(actiseg_noise.read_manifest(folder).iter_clips())


def test_a_clip_without_rows_elsewhere_is_empty(folder: Path) -> None:
    for table in ("frames", "samples", "masks"):
        drop(folder, table, "clip_id", "clip005")
    clips = list(actiseg_noise.read_manifest(folder).iter_clips())
    assert [(len(clip.frames), len(clip.samples)) for clip in clips if clip.clip_id == "clip005"] == [(0, 0)]
    assert len(clips) == 12


def test_a_mask_without_a_frame_is_an_error(folder: Path) -> None:
    drop(folder, "frames", "frame_idx", 1)
    with pytest.raises(ManifestError, match=r"clip 'clip000', frame_idx 1: a mask of object \d, but frames.parquet"):
        list(actiseg_noise.read_manifest(folder).iter_clips())
