"""ADELE: the curve that says when memorising begins, and what is corrected from then on."""

from dataclasses import replace
from math import exp, log
from pathlib import Path

import numpy as np
import pytest
import torch
from layered_fakes import Layered, maps, two_sample_setting, two_samples
from scipy.optimize import curve_fit
from unplugged import check_goes_on

from actiseg_bench.losses import LossConfig
from actiseg_bench.records import resize_frames
from actiseg_bench.strategies.adele import (
    ADELE,
    bernoulli_kl,
    corrections,
    fit_curve,
    iou_curve,
    iou_slope,
    relative_change,
    scaled,
)
from actiseg_bench.training.config import RunConfig, TrainConfig

TIMES = np.arange(1.0, 13.0)


def make(loss: LossConfig | None = None, **options: object) -> ADELE:
    return ADELE(two_sample_setting(loss), options)


@pytest.mark.parametrize("true", [(0.7, 0.8, 2.0), (0.5, 1.0, 4.0), (0.9, 0.5, 1.0)])
def test_a_curve_is_found_again(true: tuple[float, float, float]) -> None:
    assert fit_curve(iou_curve(TIMES, *true)) == pytest.approx(true, rel=1e-2)


def test_the_fit_is_the_official_one() -> None:
    """scipy's curve_fit as the authors call it, with their weights, bounds and form of the curve."""
    ious = iou_curve(TIMES, 0.6, 0.9, 3.0) + 0.01 * np.sin(TIMES)
    official, _ = curve_fit(
        lambda x, a, b, c: a * (1 - np.exp(-1 / c * x**b)),
        TIMES,
        ious,
        p0=(0.9, 0.9, 1),
        method="trf",
        sigma=np.geomspace(1, 0.1, len(ious)),
        absolute_sigma=True,
        bounds=([0, 0, 1e-9], [1, 1, np.inf]),
    )
    assert fit_curve(ious) == pytest.approx(official, rel=1e-4)


def test_the_slope_is_the_curves() -> None:
    for t in (1.0, 3.0, 8.0):
        step = iou_curve(np.array([t - 1e-5, t + 1e-5]), 0.6, 0.9, 3.0)
        assert iou_slope(t, 0.6, 0.9, 3.0) == pytest.approx((step[1] - step[0]) / 2e-5, rel=1e-4)


def test_the_relative_change_grows_as_the_curve_flattens() -> None:
    ious = iou_curve(TIMES, 0.7, 1.0, 3.0)  # f'(t) is in proportion to exp(-t/3)
    found = [relative_change(ious[:n]) for n in (4, 8, 12)]
    assert found == pytest.approx([1 - exp(-(n - 1) / 3) for n in (4, 8, 12)], abs=0.02)


def test_a_network_that_fits_from_the_first_point_on_has_had_its_early_learning() -> None:
    assert relative_change(np.full(6, 0.7)) > 0.9


def test_confident_pixels_of_the_other_label_are_corrected() -> None:
    label = torch.tensor([[True, True, False, False, True]])
    q = torch.tensor([[0.9, 0.1, 0.95, 0.7, 0.3]])
    assert corrections(label, q, 0.8).tolist() == [[False, True, True, False, False]]


def test_an_object_is_not_taken_away() -> None:
    """Of 100 pixels 4 are the object's: one may go, three of them would leave a hundredth of the picture."""
    label, q = torch.zeros(1, 100, dtype=torch.bool), torch.full((1, 100), 0.01)
    label[:, :4] = True
    q[:, 1:4] = 0.99
    assert corrections(label, q, 0.8).sum() == 1
    q[:, 1:4] = 0.01
    assert corrections(label, q, 0.8).sum() == 0
    label[:, :40] = True
    q[:, :10] = 0.99
    assert corrections(label, q, 0.8).sum() == 30  # a tenth of the picture is left


def test_the_divergence_of_two_classes() -> None:
    p, q = 0.2, 0.4
    expected = p * log(p / q) + (1 - p) * log((1 - p) / (1 - q))
    assert bernoulli_kl(torch.tensor(p), torch.tensor(q)).item() == pytest.approx(expected)


def test_a_pixels_loss_is_the_mean_over_scales() -> None:
    p = torch.tensor([0.9, 0.6, 0.3])
    found = make(consistency=0.5).pixels(p.logit().view(3, 1, 1, 1, 1), torch.ones(1, 1, 1, 1)).item()
    q = 0.6  # below the gate of .8: scales need not agree
    fit = -sum(log(x) for x in (0.9, 0.6, 0.3)) / 3
    assert found == pytest.approx(fit)
    apart = sum(x * log(x / q) + (1 - x) * log((1 - x) / (1 - q)) for x in (0.9, 0.6, 0.3)) / 3
    gated = make(consistency=0.5, gate=0.5).pixels(p.logit().view(3, 1, 1, 1, 1), torch.ones(1, 1, 1, 1)).item()
    assert gated == pytest.approx(fit + 0.5 * apart)


def test_frames_are_resized_to_whole_cells() -> None:
    assert scaled((96, 160), 0.7) == (64, 112)
    assert scaled((96, 160), 1.5) == (144, 240)
    assert scaled((16, 16), 0.1) == (8, 8)
    assert resize_frames(torch.rand(2, 3, 3, 96, 160), (64, 112)).shape == (2, 3, 3, 64, 112)


def drive(strategy: ADELE, network: Layered, points: int, start: int = 0) -> list[bool]:
    """Make a step at the start of every point, with a prediction that fits the label better and better, then not."""
    found = []
    for n in range(start, points):
        step = strategy.step([network], two_samples(), n * 2 / strategy.options.points)
        found.append(step.trusted is not None)
    return found


def test_correction_begins_where_the_curve_is_flat_and_goes_on() -> None:
    strategy, network = make(), Layered()
    network.last.data = maps([[0.1, 0.9], [0.1, 0.1]]).logit()  # fits the one positive sample from the start
    assert drive(strategy, network, 6) == [False, False, False, True, True, True]
    assert strategy.ious == [1.0] * 3 + [1.0] * 2


def test_a_curve_that_still_rises_corrects_nothing() -> None:
    strategy = make()
    strategy.load_state(
        {
            "ious": torch.from_numpy(iou_curve(np.arange(1.0, 6.0), 0.9, 1.0, 20.0)),
            "areas": torch.tensor([0.9 * (1 - exp(-6 / 20)), 1.0], dtype=torch.float64),
            "progress": torch.tensor([1, 0]),
        }
    )
    assert drive(strategy, Layered(), 2, start=1) == [False]
    assert len(strategy.ious) == 6
    assert relative_change(np.array(strategy.ious)) == pytest.approx(1 - exp(-5 / 20), abs=0.02)


def test_a_positive_sample_learns_the_corrected_label_and_a_negative_the_given_one() -> None:
    batch, network = two_samples(), Layered()
    network.last.data = maps([[0.95, 0.9], [0.95, 0.1]]).logit()
    network.early.data = network.last.data.clone()
    strategy = make(LossConfig(dice=0, positive=0))
    strategy.is_correcting = True
    step = strategy.step([network], batch, 0.0)
    assert step.trusted is not None
    assert step.trusted[:, 0, 0].tolist() == [[False, True], [True, True]]
    layer = [-log(0.95) - log(0.9), -log(0.05) - log(0.9)]
    expected = (2 * (2 * sum(layer) / 2) + 0.75) / 2
    assert step.losses[0].item() == pytest.approx(expected, rel=1e-4)


def test_other_sizes_are_asked_for_with_the_plain_ones_queries() -> None:
    network = Layered()
    make().step([network], two_samples(), 0.0)
    plain, small, large = network.asked
    assert plain is not None and plain.queries is None
    for asked in (small, large):
        assert asked is not None and asked.queries is not None


def test_the_curve_goes_on_from_its_state_to_the_last_bit() -> None:
    first, second, network = make(), make(), Layered()
    drive(first, network, 4)
    second.load_state({name: value.clone() for name, value in first.state().items()})
    drive(first, network, 9, start=4)
    drive(second, network, 9, start=4)
    assert first.ious == second.ious and len(first.ious) == 8
    assert first.is_correcting == second.is_correcting
    assert all(torch.equal(value, second.state()[name]) for name, value in first.state().items())


def test_negatives_are_no_part_of_the_curve() -> None:
    strategy, network, batch = make(), Layered(), two_samples()
    for n in range(2):
        strategy.step([network], replace(batch, is_positive=torch.zeros(2)), n / 10)
    assert strategy.ious == []


def test_a_run_goes_on_from_its_checkpoint_to_the_last_bit(noisy_val: Path, kitchen_root: Path, tmp_path: Path) -> None:
    train = TrainConfig(steps=6, clips_per_batch=2, samples_per_clip=2)
    options = {"points": 3}
    config = RunConfig(strategy="adele", strategy_options=options, threads=1, device="cpu", train=train)
    check_goes_on(config, noisy_val, kitchen_root, tmp_path, stop=5, save_every=2, kept=4)
