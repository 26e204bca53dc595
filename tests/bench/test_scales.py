"""A window of the picture, resized: what the affine says is where the pixels came from."""

from dataclasses import replace

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F  # noqa: N812
from train_fakes import make_batch

from actiseg_bench.data.scales import Cut, ScaleConfig, draw_cut, largest_whole, rescale
from actiseg_bench.data.sizes import grid_size, resize_short, shown_size, whole_cells
from actiseg_bench.data.transforms import AugmentConfig, augment, flip
from actiseg_bench.records import Batch

SMALL = ScaleConfig(sides=(16, 24), long_side=32, crop_from=(20, 30), crop_sides=(12, 24))


def fine_batch(rows: int = 16, columns: int = 24) -> Batch:
    """Return a batch whose masks have the frames' resolution: a dark frame, nothing covered."""
    batch = make_batch()
    frames, masks = torch.zeros(2, 3, 3, rows, columns), torch.zeros(6, 3, rows, columns)
    return replace(batch, frames=frames, masks=masks, weights=torch.ones_like(masks))


@pytest.mark.parametrize(
    ("size", "short", "longest", "expected"),
    [
        ((1080, 1920), 360, None, (360, 640)),
        ((480, 854), 360, None, (360, 640)),  # 640.5
        ((480, 853), 360, None, (360, 639)),  # 639.75
        ((854, 480), 360, None, (640, 360)),
        ((480, 854), 480, None, (480, 854)),
        ((480, 854), 512, 512, (288, 512)),  # 854 / 480 · 512 is 911: the short side becomes 287.8
        ((600, 384), 320, 512, (500, 320)),
        ((600, 384), 416, 512, (512, 328)),
    ],
)
def test_the_long_side_follows_as_in_torchvision_and_stays_below_its_limit(
    size: tuple[int, int], short: int, longest: int | None, expected: tuple[int, int]
) -> None:
    assert resize_short(size, short, longest) == expected


def test_a_model_sees_a_size_a_short_side_or_what_there_is() -> None:
    assert shown_size((96, 160), (480, 854)) == (96, 160)
    assert shown_size(240, (480, 854)) == (240, 427)
    assert shown_size(None, (480, 854)) == (480, 854)


def test_mask_pixels_cover_a_frame_and_whole_ones_fit_it() -> None:
    assert grid_size((360, 639), 4) == (90, 160)
    assert whole_cells((360, 639), 4) == (360, 640)
    assert whole_cells((1, 6), 4) == (4, 8)  # 1.5 strides go to the even number


def test_a_window_is_shown_resized_and_its_affine_leads_back() -> None:
    batch = fine_batch()
    batch.frames[:, :, :, 6, 15] = 1  # one dot
    cut = rescale(batch, Cut(top=4, left=8, rows=8, columns=16, size=(16, 32)), stride=2)
    assert cut.frames.shape == (2, 3, 3, 16, 32)
    assert cut.masks.shape == cut.weights.shape == (6, 3, 8, 16)  # type: ignore[union-attr]
    assert torch.allclose(cut.affine[0], torch.tensor([[2 / 3, 0, 1 / 3], [0, 0.5, 0]]))
    grid = F.affine_grid(cut.affine, [2, 3, 16, 32], align_corners=False)
    assert torch.allclose(F.grid_sample(batch.frames[:, 0], grid, align_corners=False), cut.frames[:, 0], atol=1e-5)


def brightest(frame: Tensor) -> tuple[float, float]:
    """Return (x, y), normalised, of the centre of what is bright."""
    rows, columns = frame.shape
    y, x = ((2 * torch.arange(side) + 1) / side - 1 for side in (rows, columns))
    total = frame.sum()
    return float((frame.sum(0) * x).sum() / total), float((frame.sum(1) * y).sum() / total)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), at=st.tuples(st.integers(0, 39), st.integers(0, 59)))
def test_a_dot_is_found_where_the_affine_says(seed: int, at: tuple[int, int]) -> None:
    batch = fine_batch(40, 60)
    batch.frames[:, :, :, at[0], at[1]] = 1
    config = AugmentConfig(brightness=0, contrast=0, colour=0, scales=SMALL)
    seen = augment(batch, config, torch.Generator().manual_seed(seed), stride=4)
    frame = seen.frames[0, 0, 0]
    edges = torch.cat([frame[0], frame[-1], frame[:, 0], frame[:, -1]])
    assume(frame.sum() > 0 and edges.max() == 0)  # a dot cut by the border has its centre elsewhere
    x, y = brightest(frame)
    found = seen.affine[0] @ torch.tensor([x, y, 1.0])
    drawn = torch.tensor([(2 * at[1] + 1) / 60 - 1, (2 * at[0] + 1) / 40 - 1])
    assert torch.allclose(found, drawn, atol=0.5 / 40)


def test_masks_and_weights_are_averaged_over_the_area_of_a_mask_pixel() -> None:
    batch = fine_batch(4, 8)
    batch.masks[:, :, :2, :3] = 1
    batch.weights[:, :, :2, :3] = 5  # type: ignore[index]
    seen = rescale(batch, Cut(0, 0, 4, 8, (4, 8)), stride=2)
    assert seen.masks[0, 0].tolist() == [[1, 0.5, 0, 0], [0, 0, 0, 0]]
    assert seen.weights is not None
    assert seen.weights[0, 0].tolist() == [[5, 3, 1, 1], [1, 1, 1, 1]]


def test_weights_are_mirrored_and_cropped_with_masks() -> None:
    batch = replace(make_batch(), weights=1 + 4 * make_batch().masks)
    for seen in (
        flip(batch, torch.tensor([True, False])),
        augment(batch, AugmentConfig(zoom=1.5), torch.Generator().manual_seed(2)),
        augment(batch, AugmentConfig(zoom=0.5), torch.Generator().manual_seed(2)),
    ):
        assert torch.allclose(seen.weights, 1 + 4 * seen.masks, atol=1e-5)


def test_where_labels_are_right_follows_the_masks() -> None:
    agrees = torch.ones(6, 3, 4, 8, dtype=torch.bool)
    agrees[:, :, :, :3] = False
    seen = rescale(replace(fine_batch(4, 8), agrees=agrees), Cut(0, 0, 4, 8, (4, 8)), stride=2)
    assert seen.agrees is not None
    assert seen.agrees[0, 0].tolist() == [[False, False, True, True]] * 2  # half right is not right


def test_masks_of_another_resolution_are_refused() -> None:
    with pytest.raises(ValueError, match=r"masks must be 16 × 16 as the frames are, got \[8, 8\]"):
        rescale(make_batch(), Cut(0, 0, 16, 16, (8, 8)), stride=2)


def test_drawn_cuts_are_inside_the_picture_and_as_large_as_published() -> None:
    random, picture = torch.Generator().manual_seed(0), (480, 854)
    cuts = [draw_cut(picture, ScaleConfig(), 4, random) for _ in range(500)]
    whole = [cut for cut in cuts if (cut.rows, cut.columns) == picture]
    assert 0.4 < len(whole) / len(cuts) < 0.6
    assert {cut.size for cut in whole} == {(288, 512)}  # no wide picture is larger under a long side of 512
    for cut in set(cuts) - set(whole):
        assert 0 <= cut.top <= cut.top + cut.rows <= 480
        assert 0 <= cut.left <= cut.left + cut.columns <= 854
        assert cut.rows >= 307 and 307 <= cut.columns <= 721  # 384 of a short side of 600, 600 of one of 400
        assert max(cut.size) <= 512
        shape = (cut.rows / cut.columns) / (cut.size[0] / cut.size[1])
        assert 0.97 < shape < 1.03
        assert cut.size[0] % 4 == cut.size[1] % 4 == 0
    assert len({min(cut.size) for cut in cuts}) > 8


def test_a_picture_smaller_than_a_crop_is_cut_no_smaller_than_it_is() -> None:
    random = torch.Generator().manual_seed(0)
    config = replace(ScaleConfig(), crop=1.0, crop_from=(40,))
    cuts = {draw_cut((30, 40), config, 4, random)[:4] for _ in range(20)}
    assert cuts == {(0, 0, 30, 40)}


def test_equal_generators_cut_equally() -> None:
    one, two = (draw_cut((480, 854), ScaleConfig(), 4, torch.Generator().manual_seed(5)) for _ in range(2))
    assert one == two


def test_the_largest_whole_picture_is_bounded_by_both_sides() -> None:
    assert largest_whole((480, 854), ScaleConfig(), 4) == (288, 512)
    assert largest_whole((480, 480), ScaleConfig(), 4) == (512, 512)
