"""The embedded dataset's plans and pictures: deterministic, consistent, and no answer without looking."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from actiseg_noise.datasets.kitchen import CATEGORIES, SPLITS, PlannedVideo, plan_video, render_video
from actiseg_noise.datasets.kitchen.catalogue import LOOK_ALIKE_SHARE


@pytest.fixture(scope="module")
def videos() -> list[PlannedVideo]:
    return [plan_video("pretrain", index) for index in range(SPLITS["pretrain"])]


def test_a_plan_is_the_same_whenever_it_is_made() -> None:
    backwards = [plan_video("train", index) for index in reversed(range(5))][::-1]
    assert backwards == [plan_video("train", index) for index in range(5)]


def test_splits_and_numbers_give_different_videos() -> None:
    plans = [plan_video("train", 0), plan_video("train", 1), plan_video("val", 0)]
    assert len({plan.cameras for plan in plans}) == 3


def test_drawing_does_not_depend_on_what_was_drawn_before() -> None:
    plan = plan_video("val", 3)
    first = render_video(plan)
    render_video(plan_video("val", 4))
    for before, after in zip(first, render_video(plan), strict=True):
        assert np.array_equal(before.mask, after.mask)
        assert np.array_equal(before.image, after.image)


def test_frames_have_the_promised_shape_and_only_ids_of_their_objects() -> None:
    for index in range(6):
        plan = plan_video("val", index)
        frames = render_video(plan)
        assert len(frames) == 3
        for frame in frames:
            assert frame.image.shape == (240, 400, 3)
            assert frame.image.dtype == np.uint8
            assert frame.mask.shape == (240, 400)
            assert frame.mask.dtype == np.uint8
            assert set(np.unique(frame.mask)) <= {0, *(thing.object_id for thing in plan.objects)}
        assert not np.array_equal(frames[0].mask, frames[2].mask)


def test_every_object_is_seen_in_some_frame() -> None:
    for index in range(20):
        plan = plan_video("train", index)
        seen = set(np.unique(np.stack([frame.mask for frame in render_video(plan)])))
        assert seen >= {thing.object_id for thing in plan.objects}


def test_a_noun_occurs_once_in_a_video_and_ids_follow_its_order(videos: list[PlannedVideo]) -> None:
    for video in videos:
        nouns = [thing.noun for thing in video.objects]
        assert len(set(nouns)) == len(nouns)
        assert nouns == sorted(nouns)
        assert [thing.object_id for thing in video.objects] == list(range(1, len(nouns) + 1))


def test_the_two_actions_differ_and_share_no_positive_object(videos: list[PlannedVideo]) -> None:
    for video in videos:
        first, second = video.actions
        assert first.verb != second.verb
        assert not set(first.positive_ids) & set(second.positive_ids)
        by_id = {thing.object_id: thing for thing in video.objects}
        for action in video.actions:
            assert by_id[action.hand_id].category.endswith("hand")
            assert action.patient in {by_id[k].noun for k in action.positive_ids}
            assert set(action.held_ids) | {action.hand_id} <= set(action.positive_ids)


def test_a_full_narration_names_the_patient(videos: list[PlannedVideo]) -> None:
    for action in (action for video in videos for action in video.actions):
        assert (action.patient in action.narration) == bool(action.named_ids)
    share = np.mean([bool(action.named_ids) for video in videos for action in video.actions])
    assert 0.34 < share < 0.46


def test_look_alikes_are_as_rare_as_announced(videos: list[PlannedVideo]) -> None:
    twins = sum(len({thing.category for thing in video.objects}) < len(video.objects) for video in videos)
    assert abs(twins / len(videos) - LOOK_ALIKE_SHARE) < 0.045


def test_nouns_alone_say_nothing_about_who_is_positive(videos: list[PlannedVideo]) -> None:
    positive: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for video in videos:
        for action in video.actions:
            for thing in video.objects:
                total[thing.noun] += 1
                positive[thing.noun] += thing.object_id in action.positive_ids
    guessed = sum(max(positive[noun], total[noun] - positive[noun]) for noun in total)
    majority = total.total() - positive.total()
    assert positive["left hand"] * 2 == total["left hand"]
    assert 0.36 < positive.total() / total.total() < 0.48
    assert guessed - majority < 0.01 * total.total()


def test_category_ids_are_stable_with_the_hands_last() -> None:
    assert [category.category_id for category in CATEGORIES] == list(range(len(CATEGORIES)))
    assert [category.name for category in CATEGORIES[-2:]] == ["left hand", "right hand"]
    nouns = [noun for category in CATEGORIES for noun in category.nouns]
    assert len(set(nouns)) == len(nouns)


def test_a_number_outside_the_split_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no video 60 in split 'val'.*val \(0\.\.59\)"):
        plan_video("val", 60)
