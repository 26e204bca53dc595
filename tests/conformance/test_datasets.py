"""What every registered dataset owes the rest of the package; a newcomer is judged without being listed here.

A dataset that is not embedded needs a writer in ``tests/noise/deposits.py``; that of an outside package is read where
its ``ACTISEG_<DATASET>_ROOT`` says.
"""

from __future__ import annotations

import dataclasses
import pickle
import re
from functools import cache
from itertools import islice, pairwise
from operator import attrgetter
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from deposits import DEPOSITS, FORMS, dataset_of, writer_of

from actiseg_noise.borders.roots import find_root
from actiseg_noise.datasets.base import DATASETS, Dataset
from actiseg_noise.datasets.selection import ALL, Selection
from actiseg_noise.errors import ActisegError, DataError
from actiseg_noise.records import Clip, DatasetCard
from actiseg_noise.vocabulary import Vocabulary

NAMES = tuple(DATASETS)
ON_DISK = tuple(name for name in NAMES if not DATASETS[name].card.is_embedded)
READ = (*NAMES, *FORMS)  # what is read: a dataset, or files of another form that its adapter reads


def splits_of(name: str) -> tuple[str, ...]:
    """Return the splits that a deposit has."""
    return (name in FORMS and FORMS[name].splits) or DATASETS[dataset_of(name)].card.splits


SPLITS = tuple((name, split) for name in READ for split in splits_of(name))
# An embedded dataset draws its frames on first use: its evaluation splits, the small ones, speak for it.
SPLITS_WITH_FRAMES = tuple(
    (name, split)
    for name, split in SPLITS
    if not DATASETS[dataset_of(name)].card.is_embedded or split in DATASETS[name].card.eval_splits
)
MASKED_CLIPS = 20  # how many clips' masks are read per split


@pytest.fixture(scope="session")
def open_dataset(tmp_path_factory: pytest.TempPathFactory):
    """Return name → dataset on a deposit of its own, written once."""

    @cache
    def open_(name: str) -> Dataset:
        root = tmp_path_factory.mktemp(name)
        if name in DEPOSITS or name in FORMS:
            root = writer_of(name)(root / "deposit: ä folder")
        elif not DATASETS[name].card.is_embedded:
            ours = DATASETS[name].__module__.startswith("actiseg_noise.")
            assert not ours, f"write a deposit for dataset {name!r} in tests/noise/deposits.py"
            root = find_root(DATASETS[name].card)
        return DATASETS[dataset_of(name)](root)

    return open_


@pytest.fixture
def dataset(request: pytest.FixtureRequest, open_dataset) -> Dataset:
    return open_dataset(request.param)


@pytest.fixture
def with_split(request: pytest.FixtureRequest, open_dataset) -> tuple[Dataset, str]:
    name, split = request.param
    return open_dataset(name), split


every_dataset = pytest.mark.parametrize("dataset", READ, indirect=True)
every_dataset_with_splits = pytest.mark.parametrize(
    ("dataset", "splits"), [(name, splits_of(name)) for name in READ], indirect=["dataset"], ids=READ
)
every_split = pytest.mark.parametrize("with_split", SPLITS, indirect=True, ids="-".join)
every_split_with_frames = pytest.mark.parametrize("with_split", SPLITS_WITH_FRAMES, indirect=True, ids="-".join)


# --- the card


@pytest.mark.parametrize("name", NAMES)
def test_the_card_is_complete(name: str) -> None:
    card = DATASETS[name].card
    assert card.name == name
    for field in dataclasses.fields(DatasetCard):
        value = getattr(card, field.name)
        assert value not in ("", ()), f"{field.name} is empty"
    assert card.how_to_get.endswith("."), "how_to_get is printed as a sentence"
    assert set(card.eval_splits) <= set(card.splits)
    assert len(set(card.splits)) == len(card.splits)
    assert card.void_id is None or 1 <= card.void_id <= 255


@pytest.mark.parametrize("name", NAMES)
def test_the_class_says_what_it_is(name: str) -> None:
    assert DATASETS[name].__doc__


@pytest.mark.parametrize("name", ON_DISK)
def test_a_missing_root_says_where_to_get_the_data(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ACTISEG_DATA", raising=False)
    monkeypatch.delenv(f"ACTISEG_{name.upper()}_ROOT", raising=False)
    card = DATASETS[name].card
    for root in (None, tmp_path / "nowhere"):
        with pytest.raises(DataError) as caught:
            find_root(card, root)
        assert card.how_to_get in str(caught.value)
        assert f"ACTISEG_{name.upper()}_ROOT" in str(caught.value)


@pytest.mark.parametrize(("name", "split"), [(n, s) for n, s in SPLITS if n in ON_DISK])
@pytest.mark.parametrize("with_frames", [False, True])
def test_an_empty_root_is_a_data_error_that_names_a_file(
    name: str, split: str, with_frames: bool, tmp_path: Path
) -> None:
    with pytest.raises(DataError) as caught:
        list(DATASETS[name](tmp_path).iter_clips(split, with_frames=with_frames))
    assert str(tmp_path) in str(caught.value)


@every_dataset
def test_an_unknown_split_names_those_it_has(dataset: Dataset) -> None:
    with pytest.raises(ActisegError, match=f"has no split 'tset'. Known: {', '.join(dataset.card.splits)}"):
        list(dataset.iter_clips("tset", with_frames=False))


# --- clips


@every_split
def test_clips_are_ascending_and_unique(with_split: tuple[Dataset, str]) -> None:
    dataset, split = with_split
    clips = list(dataset.iter_clips(split, with_frames=False))
    assert clips, "the deposit has no clip in this split"
    assert all(first.clip_id < second.clip_id for first, second in pairwise(clips))
    assert len({clip.address for clip in clips}) == len(clips)
    orders = sorted(clip.source_order for clip in clips)
    assert orders == sorted(set(orders))
    assert orders[0] >= 0


@every_split
def test_clips_are_well_formed(with_split: tuple[Dataset, str]) -> None:
    dataset, split = with_split
    for clip in dataset.iter_clips(split, with_frames=False):
        check_texts(clip)
        ids = [item.object_id for item in clip.objects]
        assert ids == sorted(set(ids))
        assert all(1 <= object_id <= 255 and object_id != dataset.card.void_id for object_id in ids)
        assert all(0 <= item.category_id < 2**31 for item in clip.objects)
        assert all(type(item.is_positive) is bool for item in clip.objects)
        assert type(clip.objects) is tuple
        assert type(clip.frames) is tuple


def check_texts(clip: Clip) -> None:
    texts = [clip.clip_id, clip.address, clip.video_id, clip.narration, clip.verb, clip.noun]
    for text in texts + [text for item in clip.objects for text in (item.noun, item.category)]:
        assert text, clip.clip_id
        text.encode()


@every_split
def test_reading_again_gives_the_same_clips(with_split: tuple[Dataset, str]) -> None:
    dataset, split = with_split
    again = type(dataset)(dataset.root)
    assert list(again.iter_clips(split, with_frames=False)) == list(dataset.iter_clips(split, with_frames=False))


@every_split
def test_chosen_clips_are_those_of_the_whole(with_split: tuple[Dataset, str]) -> None:
    dataset, split = with_split
    clips = list(dataset.iter_clips(split, with_frames=False))
    for selection, expected in (
        (Selection(clips=(clips[-1].clip_id,)), clips[-1:]),
        (Selection(limit=1), clips[:1]),
        (Selection(limit=1, clips=tuple(clip.clip_id for clip in clips[-2:])), clips[-2:][:1]),
    ):
        found = dataset.select(selection).iter_clips(split, with_frames=False)
        chosen = found if dataset.chooses else selection.choose(found, attrgetter("clip_id"), split)
        assert list(chosen) == expected
    assert dataset.selection == ALL


@every_split_with_frames
def test_frames_change_nothing_else_in_a_clip(with_split: tuple[Dataset, str]) -> None:
    dataset, split = with_split
    plain = [dataclasses.replace(c, frames=()) for c in dataset.iter_clips(split, with_frames=False)]
    full = [dataclasses.replace(c, frames=()) for c in dataset.iter_clips(split, with_frames=True)]
    assert plain == full
    assert dataset.skipped == []


@every_split_with_frames
def test_frames_are_unique_relative_and_in_order(with_split: tuple[Dataset, str]) -> None:
    dataset, split = with_split
    for clip in dataset.iter_clips(split, with_frames=True):
        ids = [frame.frame_id for frame in clip.frames]
        assert ids == sorted(set(ids), key=lambda name: (len(name), name))
        assert any(frame.is_annotated for frame in clip.frames)
        for frame in clip.frames:
            assert (frame.mask_path is not None) or not frame.is_annotated
            for path in filter(None, (frame.image_path, frame.mask_path, frame.weight_path)):
                assert not PurePosixPath(path).is_absolute()
                assert ".." not in PurePosixPath(path).parts
                assert "\\" not in path


@every_split
def test_a_path_of_an_image_is_that_of_a_file(with_split: tuple[Dataset, str]) -> None:
    dataset, split = with_split
    for with_frames in (False, True) if not dataset.card.is_embedded else ():  # an embedded one draws what is missing
        for clip in dataset.iter_clips(split, with_frames=with_frames):
            paths = [frame.image_path for frame in clip.frames if frame.image_path is not None]
            assert [path for path in paths if not (dataset.root / path).is_file()] == []


@every_split_with_frames
def test_masks_hold_the_ids_of_the_clip(with_split: tuple[Dataset, str]) -> None:
    dataset, split = with_split
    seen: set[int] = set()
    for clip in islice(dataset.iter_clips(split, with_frames=True), MASKED_CLIPS):
        known = {0, *(item.object_id for item in clip.objects)} | ({dataset.card.void_id} - {None})
        for frame in clip.frames:
            if frame.is_annotated:
                mask = dataset.read_index_mask(clip, frame)
                assert mask.dtype == np.uint8
                assert mask.ndim == 2
                assert set(np.unique(mask).tolist()) <= known
                seen |= set(np.unique(mask).tolist())
    assert len(seen) > 1, "no object is visible anywhere"


@every_split_with_frames
def test_a_mask_that_is_gone_is_a_data_error(with_split: tuple[Dataset, str]) -> None:
    dataset, split = with_split
    clip = next(iter(dataset.iter_clips(split, with_frames=True)))
    frame = next(frame for frame in clip.frames if frame.is_annotated)
    path = dataset.root / str(frame.mask_path)
    hidden = path.rename(path.with_name("hidden"))
    try:
        with pytest.raises(DataError, match=re.escape(str(path))):
            dataset.read_index_mask(clip, frame)
    finally:
        hidden.rename(path)


@every_dataset_with_splits
def test_adapters_travel_to_worker_processes(dataset: Dataset, splits: tuple[str, ...]) -> None:
    list(islice(dataset.iter_clips(splits[0], with_frames=False), 1))
    copy = pickle.loads(pickle.dumps(dataset))  # noqa: S301
    assert (copy.root, copy.skip_missing, copy.skipped) == (dataset.root, dataset.skip_missing, dataset.skipped)
    assert len(pickle.dumps(dataset)) < 10_000


# --- vocabulary


@every_dataset_with_splits
def test_the_vocabulary_covers_every_object(dataset: Dataset, splits: tuple[str, ...]) -> None:
    vocabulary = Vocabulary.collect(dataset.iter_vocabulary(splits))
    assert len(vocabulary.category_ids) > 1
    for split in splits:
        for clip in dataset.iter_clips(split, with_frames=False):
            for item in clip.objects:
                assert item.noun in vocabulary.nouns[item.category_id]


@every_dataset_with_splits
def test_the_vocabulary_is_the_same_again(dataset: Dataset, splits: tuple[str, ...]) -> None:
    again = type(dataset)(dataset.root)
    assert list(again.iter_vocabulary(splits)) == list(dataset.iter_vocabulary(splits))
