"""Dilation and overlap of a whole frame against the published merge, written down pixel by pixel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from toys import Toy, make_clip, thing

from actiseg_noise.building.chunk import Worker
from actiseg_noise.building.options import BuildOptions
from actiseg_noise.building.plan import Plan
from actiseg_noise.building.request import make_request
from actiseg_noise.key import Key
from actiseg_noise.manifest.schema import MASKS
from actiseg_noise.masks import Rle, decode_rle
from actiseg_noise.noises.base import NOISES, MaskNoise
from actiseg_noise.recipe import NoiseSpec, Recipe
from actiseg_noise.vocabulary import Vocabulary

VOID = 255
index_masks = st.tuples(st.integers(1, 14), st.integers(1, 14)).flatmap(
    lambda shape: arrays(np.uint8, shape, elements=st.sampled_from([0, 0, 0, 1, 2, 3, 4, VOID]))
)


def merge_slowly(index_mask: np.ndarray, positives: list[int], noised: list[int], side: int) -> np.ndarray:
    """Return the noisy index mask as published: positives in order, then negatives where it is free; void stays."""
    height, width = index_mask.shape
    half = side // 2
    out = np.zeros_like(index_mask)
    out[index_mask == VOID] = VOID
    for object_id in [*positives, *(i for i in (1, 2, 3, 4) if i not in positives)]:
        reach = half if object_id in noised else 0
        for row in range(height):
            for col in range(width):
                around = index_mask[max(row - reach, 0) : row + reach + 1, max(col - reach, 0) : col + reach + 1]
                if out[row, col] == 0 and (around == object_id).any():
                    out[row, col] = object_id
    return out


def build_rows(index_mask: np.ndarray, positives: list[int], recipe: Recipe) -> list[dict[str, object]]:
    """Return the rows of ``masks`` of one frame with four objects."""
    clip = make_clip("c", [thing(i, i, positive=i in positives) for i in (1, 2, 3, 4)], frames=1)
    toy = Toy(Path("toy"), [clip], {"c/f000.png": index_mask})
    rows, _ = Worker(make_request(toy, BuildOptions(recipe=recipe)).job()).rows([clip])
    names = [column.name for column in MASKS.columns]
    return [dict(zip(names, row, strict=True)) for row in rows["masks"]]


def dilation(rate: float, side: int = 3, **more: object) -> Recipe:
    """Return a recipe of one dilation."""
    return Recipe("toy", (NoiseSpec("dilate-v1", rate, {"kernel": side, "unit": "px"}),), **more)  # type: ignore[arg-type]


@given(index_masks, st.sets(st.sampled_from([1, 2, 3, 4])), st.sampled_from([3, 5]))
def test_every_positive_dilated_is_the_published_merge(index_mask: np.ndarray, chosen: set[int], side: int) -> None:
    positives = sorted(chosen)
    check_against(index_mask, positives, positives, side, dilation(1.0, side))


@given(index_masks, st.sets(st.sampled_from([1, 2, 3, 4])), st.integers(0, 50))
def test_some_positives_dilated_is_the_published_merge(index_mask: np.ndarray, chosen: set[int], seed: int) -> None:
    positives = sorted(chosen)
    base = Key("noise", seed, "dilate-v1", 0, "toy-source", "c")
    noised = [i for i in positives if base.child(i, "f000").uniform("decide") < 0.5]
    check_against(index_mask, positives, noised, 3, dilation(0.5, seed=seed))


def check_against(index_mask: np.ndarray, positives: list[int], noised: list[int], side: int, recipe: Recipe) -> None:
    """Compare every column of every row with the slow merge."""
    expected = merge_slowly(index_mask, positives, noised, side)
    height, width = index_mask.shape
    for object_id, row in enumerate(build_rows(index_mask, positives, recipe), start=1):
        clean, noisy = index_mask == object_id, expected == object_id
        assert np.array_equal(decode_rle(Rle(height, width, row["clean_rle"], 0)), clean)
        assert np.array_equal(decode_rle(Rle(height, width, row["noisy_rle"] or row["clean_rle"], 0)), noisy)
        assert (row["noisy_rle"] is None) == np.array_equal(clean, noisy)
        assert (row["clean_area"], row["noisy_area"]) == (clean.sum(), noisy.sum())
        union = (clean | noisy).sum()
        assert row["iou"] == ((clean & noisy).sum() / union if union else 1.0)
        is_hit = object_id in noised and bool(clean.any())
        assert row["mask_noise"] == ("dilate-v1" if is_hit else "none")
        assert row["changed_by_neighbour"] == (not is_hit and not np.array_equal(clean, noisy))
        assert (row["clean_digest"] == row["noisy_digest"]) == np.array_equal(clean, noisy)


def test_a_neighbour_loses_pixels_and_an_earlier_one_keeps_them() -> None:
    index_mask = np.array([[2, 0, 1, 0, 3, 3]], np.uint8)
    rows = build_rows(index_mask, [1, 2], dilation(1.0))
    noisy = [decode_rle(Rle(1, 6, row["noisy_rle"] or row["clean_rle"], 0)).astype(int).tolist()[0] for row in rows]
    assert noisy == [[0, 1, 1, 1, 0, 0], [1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 0, 0]]
    assert [row["changed_by_neighbour"] for row in rows] == [False, False, False, False]
    rows = build_rows(np.array([[0, 0, 1, 3, 3, 3]], np.uint8), [1], dilation(1.0))
    assert [row["changed_by_neighbour"] for row in rows] == [False, False, True, False]
    assert rows[2]["iou"] == 2 / 3


def test_void_is_never_painted() -> None:
    index_mask = np.array([[1, VOID, VOID, 0]], np.uint8)
    row = build_rows(index_mask, [1], dilation(1.0, 5))[0]
    assert row["noisy_rle"] is None
    assert row["mask_noise"] == "dilate-v1"


def test_a_noise_that_would_erase_an_object_leaves_it() -> None:
    def erase(key: Key, mask: np.ndarray) -> np.ndarray:
        return np.zeros_like(mask)

    noise = MaskNoise("erase-v1", erase, lambda *_: {}, lambda _: 0, "", "")
    if "erase-v1" not in list(NOISES):
        NOISES.add("erase-v1", noise)
    try:
        row = build_rows(np.array([[1, 1, 0]], np.uint8), [1], Recipe("toy", (NoiseSpec("erase-v1", 1.0),)))[0]
    finally:
        NOISES._things.pop("erase-v1")
    assert (row["noisy_area"], row["noisy_rle"], row["mask_noise"]) == (2, None, "erase-v1")


def test_several_mask_noises_are_one_per_draw_or_all_in_order() -> None:
    index_mask = np.zeros((9, 9), np.uint8)
    index_mask[4, 4] = 1
    twice = (NoiseSpec("dilate-v1", 1.0, {"kernel": 3, "unit": "px"}),) * 2
    one = build_rows(index_mask, [1], Recipe("toy", twice))[0]
    assert (one["mask_noise"], one["parameters"], one["noisy_area"]) == ("dilate-v1", '{"kernel_px": 3}', 9)
    both = build_rows(index_mask, [1], Recipe("toy", twice, sequential=True))[0]
    assert both["mask_noise"] == "dilate-v1+dilate-v1"
    assert both["parameters"] == '[{"kernel_px": 3}, {"kernel_px": 3}]'
    assert both["noisy_area"] == 25


def test_the_same_noise_twice_draws_independently() -> None:
    recipe = Recipe("toy", (NoiseSpec("dilate-v1", 0.5), NoiseSpec("dilate-v1", 0.5)))
    plan = Plan(recipe, "s", Vocabulary({}, {}))
    first, second = (slot.base for slot in plan.masks)
    assert first.uniform("decide") != second.uniform("decide")
