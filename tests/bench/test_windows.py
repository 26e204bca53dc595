"""Windows of a clip, against the published rule written down slowly, and what an epoch visits."""

import random as python_random
from collections.abc import Callable
from itertools import combinations, product

import pytest
import torch

from actiseg_bench.training.windows import WindowSampler, count_batches, draw_window, list_items

Draw = Callable[[list[int], int], list[int]]


def published_window(frame: int, length: int, count: int, before: int, after: int, draw: Draw) -> list[int]:
    """The rule of ActionVOS's loader, line by line, with its three draws handed in."""
    sample = [frame]
    if count != 1:
        sample += [max(0, frame - before), min(length - 1, frame + after)]
        if count > 3:
            everything = list(range(length))
            others = everything[: min(sample)] + everything[max(sample) :]
            missing = count - len(sample)
            if len(others) > missing:
                sample += [others[i] for i in draw(list(range(len(others))), missing)]
            elif length >= missing:
                sample += [everything[i] for i in draw(list(range(length)), missing)]
            else:
                chosen = draw(list(range(length)), missing - length) + list(range(length))
                sample += [everything[i] for i in chosen]
    sample.sort()
    return [sample[j] for j in range(count)]


def every_published_window(frame: int, length: int, count: int) -> set[tuple[int, ...]]:
    """Every outcome of the published rule, by trying all draws."""
    found = set()
    for before, after in product((1, 2, 3), repeat=2):
        asked: list[tuple[list[int], int]] = []

        def ask(places: list[int], wanted: int, asked: list[tuple[list[int], int]] = asked) -> list[int]:
            asked.append((places, wanted))
            return places[:wanted]

        found.add(tuple(published_window(frame, length, count, before, after, ask)))
        for places, wanted in asked:
            for chosen in combinations(places, wanted):
                picked = list(chosen)
                found.add(tuple(published_window(frame, length, count, before, after, lambda *_, p=picked: p)))
    return found


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("length", [1, 2, 3, 5, 8, 12])
def test_windows_are_those_of_the_published_rule_and_all_of_them(length: int, count: int) -> None:
    if count == 6 and length == 1:
        return  # the published rule draws 2 of 1 frames and fails; see below
    random = torch.Generator().manual_seed(0)
    for anchor in range(0, length, count):
        expected = every_published_window(anchor, length, count)
        found = {tuple(draw_window(anchor, length, count, random)) for _ in range(60 * len(expected))}
        assert found == expected


def test_a_clip_of_one_frame_shows_it_as_often_as_asked() -> None:
    random = torch.Generator().manual_seed(0)
    assert draw_window(0, 1, 5, random) == [0] * 5
    assert draw_window(0, 1, 9, random) == [0] * 9


def test_how_often_a_frame_is_shown_is_published_too() -> None:
    random, dice = torch.Generator().manual_seed(0), python_random.Random(0)  # noqa: S311 — no secret
    ours, theirs = torch.zeros(12), torch.zeros(12)
    for _ in range(4000):
        for place in draw_window(5, 12, 5, random):
            ours[place] += 1
        drawn = published_window(5, 12, 5, dice.randint(1, 3), dice.randint(1, 3), dice.sample)
        for place in drawn:
            theirs[place] += 1
    assert ((ours - theirs).abs() < 6 * theirs.sqrt().clamp_min(1)).all()


def test_an_item_is_a_sample_of_a_clip_and_every_fifth_frame() -> None:
    expected = [(0, (0,), 0), (0, (0,), 5), (0, (1,), 0), (0, (1,), 5), (1, (0,), 0)]
    assert list_items([(2, 6), (1, 1)], 5) == expected


def test_an_item_may_have_several_samples_of_its_clip_or_all() -> None:
    assert list_items([(5, 6), (1, 1)], 5, 2) == [
        *((0, (0, 1), 0), (0, (0, 1), 5), (0, (2, 3), 0), (0, (2, 3), 5), (0, (4,), 0), (0, (4,), 5)),
        (1, (0,), 0),
    ]
    assert list_items([(5, 6), (1, 1)], 5, None) == [(0, (0, 1, 2, 3, 4), 0), (0, (0, 1, 2, 3, 4), 5), (1, (0,), 0)]


EXTENTS = [(2, 6), (1, 1), (3, 2)]  # 4 + 1 + 3 items


def visited(sampler: WindowSampler) -> list[tuple[int, int]]:
    return [(view.clip, view.samples[0]) for batch in sampler for view in batch]


def test_an_epoch_visits_every_item_once_in_an_order_of_its_own() -> None:
    sampler = WindowSampler(EXTENTS, frames=5, items=1, seed=0)
    first = visited(sampler)
    assert sorted(first) == [(0, 0), (0, 0), (0, 1), (0, 1), (1, 0), (2, 0), (2, 1), (2, 2)]
    assert visited(sampler) == first
    sampler.epoch = 1
    assert visited(sampler) != first
    assert sorted(visited(sampler)) == sorted(first)


def test_the_last_batch_is_filled_up_from_the_start_of_the_order() -> None:
    batches = list(WindowSampler(EXTENTS, frames=5, items=3, seed=0))
    assert [len(batch) for batch in batches] == [3, 3, 3]
    assert batches[2][2] == batches[0][0]


def test_windows_differ_from_epoch_to_epoch_and_not_with_the_size_of_a_batch() -> None:
    one, three = (WindowSampler([(1, 40)], frames=5, items=items, seed=0) for items in (1, 4))
    assert [view for batch in one for view in batch] == [view for batch in three for view in batch]
    first = {view.frames for batch in one for view in batch}
    one.epoch = 1
    assert first != {view.frames for batch in one for view in batch}
    assert all(len(frames) == 5 and list(frames) == sorted(frames) for frames in first)


def test_a_sampler_goes_on_in_the_middle_of_an_epoch() -> None:
    whole, rest = (WindowSampler(EXTENTS, frames=5, items=2, seed=3) for _ in range(2))
    rest.skip = 2
    assert list(rest) == list(whole)[2:]


def test_windows_of_one_update_have_one_size_and_every_item_is_visited() -> None:
    sizes = [(48, 80), (60, 60), (48, 80)]
    sampler = WindowSampler(EXTENTS, frames=5, items=3, seed=0, sizes=sizes)
    batches = list(sampler)
    assert [len({sizes[view.clip] for view in batch}) for batch in batches] == [1] * len(batches)
    assert [len(batch) for batch in batches] == [3] * 4
    assert len(batches) == count_batches(sampler.items, sizes, 3)  # 7 of one size and 1 of the other
    seen = {(view.clip, view.samples) for batch in batches for view in batch}
    assert seen == {(item.clip, item.samples) for item in sampler.items}
    rest = WindowSampler(EXTENTS, frames=5, items=3, seed=0, sizes=sizes)
    rest.skip = 2
    assert list(rest) == batches[2:]


def test_one_size_is_as_none_was_asked_for() -> None:
    plain, sized = (WindowSampler(EXTENTS, frames=5, items=3, seed=2, sizes=it) for it in (None, [(48, 80)] * 3))
    assert list(plain) == list(sized)
