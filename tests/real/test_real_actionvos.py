"""ActionVOS's real val_human.json and val_novel.json."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from actiseg_noise.datasets.actionvos import ActionVos
from actiseg_noise.errors import DataError
from actiseg_noise.records import Clip
from actiseg_noise.vocabulary import Vocabulary


def read(root: Path, split: str) -> list[Clip]:
    return list(ActionVos(root).iter_clips(split, with_frames=False))


def test_val_human_has_the_published_counts(real_actionvos: Path) -> None:
    clips = read(real_actionvos, "val_human")
    objects = [item for clip in clips for item in clip.objects]
    assert (len(clips), sum(len(c.frames) for c in clips)) == (353, 748)
    assert (len(objects), sum(o.is_positive for o in objects)) == (2096, 1241)
    assert sum(not (c.redundant or c.missing or c.other) for c in clips) == 294
    found = Counter((o.handbox, o.in_narration, o.is_positive) for o in objects)
    assert (found[True, False, False], found[False, False, True]) == (434, 58)  # positive is not handbox or narration
    assert sum(":" in c.clip_id for c in clips) == 79
    assert any("/" in o.noun for o in objects)


def test_val_novel_has_38_clips_that_are_none_of_another_address(real_actionvos: Path) -> None:
    novel = {c.clip_id: c.address for c in read(real_actionvos, "val_novel")}
    human = {c.clip_id: c.address for c in read(real_actionvos, "val_human")}
    assert len(novel) == 38
    assert novel.items() <= human.items()


def test_every_clip_has_an_address_of_its_own(real_actionvos: Path) -> None:
    addresses = [c.address for c in read(real_actionvos, "val_human")]
    assert len(set(addresses)) == len(addresses)
    assert "P01_107/952-992/close/fridge" in addresses


def test_the_vocabulary_has_the_nouns_of_each_class(real_actionvos: Path) -> None:
    vocabulary = Vocabulary.collect(ActionVos(real_actionvos).iter_vocabulary(ActionVos.card.splits))
    assert vocabulary.nouns[300] == ("left hand",)
    assert sum(map(len, vocabulary.nouns.values())) == 280


def test_the_masks_are_not_in_the_repository(real_actionvos: Path) -> None:
    with pytest.raises(DataError, match=r"353 of 353 clips of .*val_human\.json .* Use --content text"):
        list(ActionVos(real_actionvos).iter_clips("val_human", with_frames=True))
