"""What a build holds in memory: clips are set aside on disk, rows are written in groups and joined while they wait."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from toys import Toy, make_toy

import actiseg_noise
from actiseg_noise.building import chunk
from actiseg_noise.building.chunk import spooled
from actiseg_noise.manifest import write
from actiseg_noise.masks import IndexMask
from actiseg_noise.records import Clip, FrameRecord


def test_clips_come_back_in_order_with_their_number_and_leave_no_file(tmp_path: Path) -> None:
    clips = make_toy(clips=7).clips
    with spooled(iter(clips), tmp_path) as (found, total):
        assert total == 7
        assert tuple(found) == clips
    assert not list(tmp_path.iterdir())


def test_an_error_of_the_adapter_comes_through(tmp_path: Path) -> None:
    def broken() -> Iterator[Clip]:
        yield make_toy(clips=1).clips[0]
        raise ValueError("line 2")

    with pytest.raises(ValueError, match="line 2"), spooled(broken(), tmp_path):
        pass
    assert not list(tmp_path.iterdir())


class Endless(Toy):
    """Clips made when asked for; counts how many are alive whenever a mask is read."""

    alive = 0

    def iter_clips(self, split: str, *, with_frames: bool) -> Iterator[Clip]:
        """Yield 60 clips."""
        (first,) = self.clips
        yield from (replace(first, clip_id=f"clip{i:03d}", address=f"clip{i:03d}") for i in range(60))

    def read_index_mask(self, clip: Clip, frame: FrameRecord) -> IndexMask:
        """Return an empty mask."""
        self.alive = max(self.alive, sum(type(thing) is Clip for thing in gc.get_objects()))
        return np.zeros((4, 4), np.uint8)


def test_a_build_holds_the_clips_of_a_chunk_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunk, "FRAMES_PER_CHUNK", 9)  # three clips of two frames
    dataset = Endless(tmp_path, make_toy(clips=1).clips)
    gc.collect()
    gc.freeze()  # what is alive already, a million things beside torch, is not counted again at every mask
    manifest = actiseg_noise.read_manifest(actiseg_noise.build(dataset, out=tmp_path / "m"))
    assert manifest.info.counts["clips"] == 60
    assert 0 < dataset.alive <= 3 * 4


def test_mask_rows_have_smaller_groups_and_waiting_batches_joined_are_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy = make_toy()
    usual = actiseg_noise.read_manifest(actiseg_noise.build(toy, out=tmp_path / "usual"))
    monkeypatch.setattr(chunk, "FRAMES_PER_CHUNK", 3)
    monkeypatch.setattr(write, "BATCHES_WAITING", 2)
    monkeypatch.setattr(write, "MASKS_PER_GROUP", 7)
    small = actiseg_noise.read_manifest(actiseg_noise.build(toy, out=tmp_path / "small"))
    assert small.digest == usual.digest
    masks, samples = (pq.read_metadata(tmp_path / "small" / f"{name}.parquet") for name in ("masks", "samples"))
    assert masks.num_rows > 21
    assert [masks.row_group(i).num_rows for i in range(masks.num_row_groups)][:-1] == [7] * (masks.num_rows // 7)
    assert samples.num_row_groups == 1
