"""Small-loss pixels: which pixels a trimmed loss keeps, counted."""

from dataclasses import replace

import pytest
import torch
from layered_fakes import Layered, two_sample_setting, two_samples

from actiseg_bench.losses import LossConfig, base_loss, mean_where
from actiseg_bench.records import NoiseRates, predict_view
from actiseg_bench.strategies.small_loss_pixels import SmallLossPixels, smallest, trimmed

RATES = NoiseRates(foreground=0.25, background=0.1)
LOSSES = torch.tensor([[9.0, 1.0, 2.0, 3.0, 8.0, 4.0, 5.0, 6.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]])
LABEL = torch.tensor([[1, 1, 1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 1, 1]]).bool()


def make(rates: NoiseRates = RATES, **options: object) -> SmallLossPixels:
    return SmallLossPixels(replace(two_sample_setting(), noise_rates=rates), options)


def test_the_largest_losses_of_each_label_are_dropped_sample_by_sample() -> None:
    kept = trimmed(LOSSES, LABEL, 0.25, 0.5)
    assert kept.int().tolist() == [[0, 1, 1, 1, 0, 1, 1, 0], [1, 1, 1, 0, 0, 0, 1, 1]]


def test_an_object_is_dropped_by_its_own_share_however_small_it_is() -> None:
    whole = trimmed(LOSSES, LABEL, 0.0, 0.0)
    assert whole.all()
    assert trimmed(LOSSES, LABEL, 0.5, 0.0).int().sum(1).tolist() == [6, 7]


def test_equal_losses_are_dropped_to_the_exact_number() -> None:
    kept = smallest(torch.ones(1, 10), torch.ones(1, 10, dtype=torch.bool), 0.3)
    assert kept.int().tolist() == [[0] * 3 + [1] * 7]


def test_losses_of_zero_are_dropped_before_what_is_outside() -> None:
    region = torch.tensor([[False, True, True, False]])
    assert smallest(torch.zeros(1, 4), region, 0.5).tolist() == [[False, False, True, False]]


def test_the_mean_is_over_what_is_kept() -> None:
    kept = torch.tensor([[True, False, True], [False, False, False]])
    assert mean_where(torch.tensor([[2.0, 9.0, 4.0], [1.0, 1.0, 1.0]]), kept).tolist() == [3.0, 0.0]


def test_the_shares_grow_over_the_warm_up() -> None:
    strategy = make(foreground=0.5, background=0.5)
    losses, label = LOSSES[:1], LABEL[:1]
    dropped = [8 - int(strategy.kept(losses, label, epoch).sum()) for epoch in (0, 1 / 3, 2 / 3, 1.9)]
    assert dropped == [0, 2, 4, 4]


def test_shares_that_are_not_given_are_the_manifests_and_said() -> None:
    assert (make().foreground, make().background) == (0.25, 0.1)
    assert make().oracle() == "noise rates of object and background pixels 0.250, 0.100"
    assert make(foreground=0.4).oracle().endswith(" 0.400, 0.100")
    assert make(foreground=0.4, background=0.0).oracle() == ""


def test_clean_labels_are_the_baseline() -> None:
    network, batch = Layered(), two_samples()
    loss = make(NoiseRates()).step([network], batch, 1.9).losses[0]
    assert loss.item() == pytest.approx(base_loss(predict_view(network, batch), batch, LossConfig()).mean().item())


def test_a_dropped_pixel_gives_no_gradient_and_is_not_trusted() -> None:
    """Of two samples of two pixels the second one's background loses its larger loss in each layer."""
    network = Layered()
    config = replace(two_sample_setting(LossConfig(dice=0, positive=0)), noise_rates=NoiseRates())
    step = SmallLossPixels(config, {"foreground": 0.0, "background": 0.5}).step([network], two_samples(), 1.9)
    assert step.trusted is not None
    assert step.trusted[:, 0, 0].tolist() == [[True, True], [False, True]]
    step.losses[0].backward()
    assert network.last.grad is not None and network.early.grad is not None
    assert network.last.grad[1, 0, 0].ne(0).tolist() == [False, True]
    assert network.early.grad[1, 0, 0].ne(0).tolist() == [True, False]  # a layer trims by its own losses
