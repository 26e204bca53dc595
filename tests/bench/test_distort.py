import pytest
import torch
from torch import Tensor

from actiseg_bench.data.distort import DistortConfig, distort
from actiseg_bench.data.transforms import AugmentConfig, add_strong_view

STILL = {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "hue_deg": 0.0, "swap": False, "chance": 1.0}


def apply(frames: Tensor, seed: int = 0, **changes: object) -> Tensor:
    return distort(frames, DistortConfig(**{**STILL, **changes}), torch.Generator().manual_seed(seed))  # type: ignore[arg-type]


def colour(red: float, green: float, blue: float, count: int = 1) -> Tensor:
    """Return frames of one pixel."""
    return torch.tensor([red, green, blue]).view(1, 3, 1, 1).repeat(count, 1, 1, 1)


def test_nothing_at_all_changes_nothing() -> None:
    frames = torch.rand(2, 3, 3, 4, 5)
    assert torch.allclose(apply(frames), frames, atol=1e-5)
    assert torch.equal(apply(frames, brightness=0.5, contrast=0.5, hue_deg=90, swap=True, chance=0.0), frames)


def test_brightness_is_added_within_its_bound_to_every_frame_by_itself() -> None:
    shifts = (apply(colour(0.5, 0.4, 0.3, 200), brightness=0.1) - colour(0.5, 0.4, 0.3)).flatten(1)
    assert torch.allclose(shifts, shifts[:, :1].expand(-1, 3), atol=1e-5)
    assert -0.1 <= shifts.min() < -0.08 and 0.08 < shifts.max() <= 0.1


def test_contrast_scales_all_values() -> None:
    factors = apply(colour(0.5, 0.4, 0.2, 200), contrast=0.5) / colour(0.5, 0.4, 0.2)
    assert torch.allclose(factors, factors[:, :1].expand(-1, 3, 1, 1), atol=1e-4)
    assert 0.5 <= factors.min() < 0.55 and 1.45 < factors.max() <= 1.5


def test_saturation_keeps_the_brightest_colour_and_moves_the_others() -> None:
    found = apply(colour(0.8, 0.6, 0.4, 200), saturation=0.5)
    assert torch.allclose(found[:, 0], torch.tensor(0.8), atol=1e-4)
    assert 0.2 <= found[:, 2].min() < 0.25 and 0.55 < found[:, 2].max() <= 0.6  # V (1 - S), S from .25 to .75


def test_hue_turns_red_towards_yellow_or_magenta() -> None:
    found = apply(colour(1.0, 0.0, 0.0, 200), hue_deg=18).view(200, 3)
    assert torch.allclose(found[:, 0], torch.tensor(1.0), atol=1e-4)
    assert 0.25 < found[:, 1].max() <= 0.301 and 0.25 < found[:, 2].max() <= 0.301  # 18 of 60 degrees
    assert (found[:, 1:].min(1).values < 1e-4).all()


def test_colours_change_places_in_all_six_ways() -> None:
    found = apply(colour(0.1, 0.2, 0.3, 100), swap=True).view(100, 3)
    orders = {tuple(round(10 * value) for value in frame) for frame in found.tolist()}
    assert orders == {(1, 2, 3), (1, 3, 2), (2, 1, 3), (2, 3, 1), (3, 1, 2), (3, 2, 1)}


def test_a_chance_of_a_half_leaves_half_of_the_frames() -> None:
    found = apply(colour(0.5, 0.5, 0.5, 400), brightness=0.2, chance=0.5)
    assert 0.42 < (found == 0.5).flatten(1).all(1).float().mean() < 0.58


@pytest.mark.parametrize("seed", range(3))
def test_frames_stay_between_black_and_white(seed: int) -> None:
    frames = torch.rand(4, 3, 8, 8)
    found = distort(frames, DistortConfig(brightness=0.9, contrast=0.9), torch.Generator().manual_seed(seed))
    assert found.min() >= 0 and found.max() <= 1
    assert not torch.equal(found, frames)


def test_the_second_view_is_distorted_once_more() -> None:
    from train_fakes import make_batch

    batch = make_batch()
    config = AugmentConfig(brightness=0, contrast=0, colour=0, distort=DistortConfig(chance=1.0))
    seen = add_strong_view(batch, config, torch.Generator().manual_seed(0))
    assert seen.strong is not None
    assert not torch.allclose(seen.strong, batch.frames, atol=0.01)
    assert torch.equal(seen.frames, batch.frames)
