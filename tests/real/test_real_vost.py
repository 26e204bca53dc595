"""VOST's real lists and some of its real masks."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from actiseg_noise.borders.images import read_index_mask
from actiseg_noise.datasets.vost import Vost, lexicon, merge_instances
from actiseg_noise.errors import DataError
from actiseg_noise.vocabulary import Vocabulary


def test_the_lists_have_572_train_and_70_val_videos(real_vost: Path) -> None:
    dataset = Vost(real_vost)
    train = list(dataset.iter_clips("train", with_frames=False))
    val = list(dataset.iter_clips("val", with_frames=False))
    assert (len(train), len(val)) == (572, 70)
    assert (len({c.verb for c in train}), len({c.noun for c in train}), len({c.noun for c in val})) == (46, 134, 32)
    assert len({c.address for c in train + val}) == 642


def test_the_lexicon_knows_every_noun_and_nothing_that_no_list_needs(real_vost: Path) -> None:
    clips = [c for s in ("train", "val") for c in Vost(real_vost).iter_clips(s, with_frames=False)]
    assert {c.noun for c in clips if c.noun not in lexicon()} == set()
    used = {o.category_id for c in clips for o in c.objects}
    assert used == {category.category_id for category in lexicon().categories}
    assert len(used) == 141


def test_the_vocabulary_of_the_dataset(real_vost: Path) -> None:
    vocabulary = Vocabulary.collect(Vost(real_vost).iter_vocabulary(Vost.card.splits))
    assert len(vocabulary.nouns) == 141
    assert sum(map(len, vocabulary.nouns.values())) == 242
    assert sum(len(nouns) > 1 for nouns in vocabulary.nouns.values()) == 76


def test_46_of_the_70_val_videos_have_masks(real_vost: Path) -> None:
    with pytest.raises(DataError, match=r"24 of 70 videos of .*val\.txt have no masks .* Pass --skip-missing"):
        list(Vost(real_vost).iter_clips("val", with_frames=True))
    dataset = Vost(real_vost, skip_missing=True)
    clips = list(dataset.iter_clips("val", with_frames=True))
    assert (len(clips), len(dataset.skipped)) == (46, 24)
    assert sum(frame.is_annotated for clip in clips for frame in clip.frames) == 154


@pytest.mark.parametrize("objects", ["merged", "instances"])
def test_all_154_masks_are_read(real_vost: Path, objects: str) -> None:
    dataset = Vost(real_vost, skip_missing=True, objects=objects)
    largest = 0
    for clip in dataset.iter_clips("val", with_frames=True):
        for frame in clip.frames:
            mask = dataset.read_index_mask(clip, frame)
            raw = read_index_mask(real_vost / str(frame.mask_path))
            assert np.array_equal(mask, merge_instances(raw) if objects == "merged" else raw)
            largest = max(largest, int(mask.max()))
    assert largest == (1 if objects == "merged" else 7)


def test_no_train_video_has_masks_so_text_content_is_what_is_left(real_vost: Path) -> None:
    message = re.compile(r"572 of 572 videos .* Use --content text")
    with pytest.raises(DataError, match=message):
        list(Vost(real_vost, skip_missing=True).iter_clips("train", with_frames=True))
