"""Co-teaching: how much is kept, which samples, and who learns from whom."""

import numpy as np
import pytest
import torch
from scipy.stats import norm
from torch import Tensor
from train_fakes import Fixed, make_batch

from actiseg_bench.losses import LossConfig, base_loss
from actiseg_bench.records import NoiseRates
from actiseg_bench.strategies.base import STRATEGIES, Setting
from actiseg_bench.strategies.co_teaching import CoTeaching, easiest, easiest_within, keep_rate
from actiseg_bench.strategies.loss_mixture import LossWindows, fit_mixture, wrong_share
from actiseg_noise.errors import ActisegError

RATES = NoiseRates(positives=0.4, negatives=0.1, samples=0.25)


def make(variant: str = "faithful", epochs: int = 6, known: NoiseRates = RATES, **options: object) -> CoTeaching:
    return CoTeaching(Setting(LossConfig(dice_over="all"), known, epochs), options, variant)


def right_on(samples: list[bool]) -> Fixed:
    """Return a network that gives the right mask of some samples and the wrong one of the others."""
    sign = torch.tensor([1.0 if is_right else -1.0 for is_right in samples])[:, None, None, None]
    return Fixed(sign * (make_batch().masks * 2 - 1), torch.zeros(len(samples)))


def test_the_share_kept_falls_by_the_noise_rate_over_the_warm_up() -> None:
    found = [keep_rate(epoch, noise_rate=0.4, warmup=10) for epoch in (0, 2.5, 5, 10, 50)]
    assert found == pytest.approx([1.0, 0.9, 0.8, 0.6, 0.6])


def test_without_a_warm_up_it_is_there_at_once() -> None:
    assert keep_rate(0.0, noise_rate=0.4, warmup=0) == pytest.approx(0.6)


def test_the_warm_up_is_a_third_of_the_run() -> None:
    strategy = make(epochs=6)
    assert [strategy.shares(epoch)[0] for epoch in (0, 1, 2, 5.9)] == pytest.approx([1.0, 0.8, 0.6, 0.6])


def test_positives_and_negatives_have_rates_of_their_own() -> None:
    assert make().shares(6.0) == pytest.approx((0.6, 0.9))
    assert make(select="batch").shares(6.0) == pytest.approx((0.75, 0.75))
    assert make(forget=0.3).shares(6.0) == pytest.approx((0.7, 1.0))
    assert make(forget=0.3, forget_negatives=0.2).shares(6.0) == pytest.approx((0.7, 0.8))
    assert make(forget_negatives=0.2).shares(6.0) == pytest.approx((0.6, 0.8))


def test_the_published_schedule() -> None:
    strategy = make("released", epochs=6)
    found = [round(strategy.shares(epoch)[0], 3) for epoch in range(8)]
    assert found == [0.95, 0.933, 0.917, 0.9, 0.883, 0.867, 0.85, 0.85]
    assert strategy.shares(2.9) == strategy.shares(2.0)


def test_the_published_schedule_does_not_know_the_noise() -> None:
    quiet, loud = make("released", known=NoiseRates()), make("released", known=NoiseRates(0.6, 0.6, 0.6))
    assert [quiet.shares(e) for e in range(6)] == [loud.shares(e) for e in range(6)]
    assert quiet.oracle() == loud.oracle() == ""


def test_only_the_manifests_noise_rate_is_an_oracle() -> None:
    assert make().oracle() == "noise rates of positives and negatives 0.400, 0.100"
    assert make(forget_negatives=0.0).oracle().endswith(" 0.400, 0.000")
    for options in ({"forget": 0.3}, {"rates": "mixture"}, {"rates": "mixture", "forget": 0.3}):
        assert make(**options).oracle() == make(**options).card.oracle == ""
    assert STRATEGIES["co_teaching"].card.oracle == "noise rates of positives and negatives"


def published_step(networks: list[Fixed], epoch: float) -> tuple[list[Tensor], list[tuple[str, ...]]]:
    """Return losses and picks of the published code's step: the smallest losses of the batch, whatever their flag."""
    batch = make_batch()
    losses = [base_loss(n(batch.frames, [], batch.frames_of), batch, LossConfig(dice_over="all")) for n in networks]
    share = 0.95 - 0.1 * min(int(epoch) / 6, 1.0)
    picks = [loss.detach().argsort(stable=True)[: max(1, round(share * 6))].sort().values for loss in losses]
    kept = [tuple(batch.sample_ids[i] for i in pick.tolist()) for pick in picks[::-1]]
    return [loss[pick].mean() for loss, pick in zip(losses, picks[::-1], strict=True)], kept


@pytest.mark.parametrize("epoch", [0.0, 2.5, 5.9])
def test_the_published_variant_is_what_it_was_to_the_last_bit(epoch: float) -> None:
    networks = [right_on([True, True, False, False, True, False]), right_on([False, True, True, False, False, True])]
    losses, kept = published_step(networks, epoch)
    step = make("released").step(networks, make_batch(), epoch)
    assert step.kept == kept
    assert all(torch.equal(one, two) for one, two in zip(step.losses, losses, strict=True))


@pytest.mark.parametrize("tau", [0.1, 0.41047745358090193])
def test_options_bring_the_first_protocols_selection_back_to_the_last_bit(tau: float) -> None:
    networks = [right_on([True, True, False, False, True, False]), right_on([False, True, True, False, False, True])]
    batch = make_batch()
    losses = [base_loss(n(batch.frames, [], batch.frames_of), batch, LossConfig(dice_over="all")) for n in networks]
    picks = [easiest(loss.detach(), keep_rate(0.02, noise_rate=tau, warmup=0.05)) for loss in losses][::-1]
    step = make(epochs=1, select="batch", forget=tau, warmup_share=0.05).step(networks, batch, 0.02)
    assert all(torch.equal(a, loss[pick].mean()) for a, loss, pick in zip(step.losses, losses, picks, strict=True))


def test_the_easiest_of_each_flag_are_kept_whichever_flag_is_harder() -> None:
    losses = torch.tensor([0.9, 0.1, 0.8, 0.2, 0.7, 0.3])
    is_positive = torch.tensor([True, False, True, False, True, False])
    assert easiest_within(losses, is_positive, (2 / 3, 2 / 3)).tolist() == [1, 2, 3, 4]
    assert easiest_within(losses, is_positive, (1 / 3, 1.0)).tolist() == [1, 3, 4, 5]
    assert easiest_within(losses[:1], is_positive[:1], (0.0, 1.0)).tolist() == [0]


def two_modes(wrong: int, right: int) -> np.ndarray:
    """Return losses whose logarithms are quantiles of two bells, wrong ones around log 4, right ones around 0."""
    bell = [norm.ppf((np.arange(n) + 0.5) / n) for n in (right, wrong)]
    return np.exp(np.concatenate([0.3 * bell[0], np.log(4) + 0.2 * bell[1]]))


@pytest.mark.parametrize("wrong", [30, 60, 120])
def test_the_upper_mode_of_losses_is_the_wrong_share(wrong: int) -> None:
    assert wrong_share(two_modes(wrong, 300 - wrong)) == pytest.approx(wrong / 300, abs=0.01)


def test_a_majority_is_never_called_wrong() -> None:
    assert wrong_share(two_modes(200, 100)) == 0.5


def test_one_mode_a_long_tail_and_few_losses_say_nothing() -> None:
    assert wrong_share(two_modes(0, 300)) == 0.0
    tail = -np.log((np.arange(300) + 0.5) / 300)  # an exponential density, which two normal ones fit better than one
    assert wrong_share(tail) == 0.0
    assert not fit_mixture(np.log(tail)).has_valley and fit_mixture(np.log(two_modes(60, 240))).has_valley
    assert wrong_share(two_modes(10, 21)) == 0.0
    assert wrong_share(np.full(100, 0.5)) == 0.0


def test_a_mixture_finds_means_and_variances() -> None:
    found = fit_mixture(np.log(two_modes(100, 200)))
    assert found.shares == pytest.approx([2 / 3, 1 / 3], abs=0.01)
    assert found.means == pytest.approx([0, np.log(4)], abs=0.02)
    assert found.variances == pytest.approx([0.09, 0.04], abs=0.01)


def test_a_window_keeps_the_last_losses() -> None:
    window = LossWindows(2, 4)
    window.add(1, torch.arange(3.0))
    assert (window.losses(0).tolist(), window.losses(1).tolist()) == ([], [0, 1, 2])
    window.add(1, torch.arange(3.0, 6.0))
    assert sorted(window.losses(1)) == [2, 3, 4, 5]
    window.add(1, torch.arange(10.0, 21.0))
    assert sorted(window.losses(1)) == [17, 18, 19, 20]


def test_an_estimate_is_made_of_each_networks_own_losses_of_a_flag() -> None:
    strategy = make(rates="mixture", epochs=1)
    easy, hard = right_on([True] * 6), right_on([True, True, False, True, True, True])  # one positive of four is wrong
    for _ in range(20):
        strategy.step([easy, hard], make_batch(), 1.0)
    assert strategy.forgets(0) == (0.0, 0.0)
    assert strategy.forgets(1) == pytest.approx((0.25, 0.0), abs=0.01)
    assert strategy.shares(1.0, 1) == pytest.approx((0.75, 1.0), abs=0.01)


def test_an_estimate_goes_on_from_its_state_to_the_last_bit() -> None:
    first, second = (make(rates="mixture", epochs=1) for _ in range(2))
    networks = [right_on([True, False, True] * 2), right_on([True, True, False] * 2)]
    for _ in range(10):
        first.step(networks, make_batch(), 1.0)
    second.load_state({name: value.clone() for name, value in first.state().items()})
    for strategy in (first, second):
        strategy.step(networks, make_batch(), 1.0)
    assert first.forgets(1) == second.forgets(1) and first.forgets(1)[0] > 0
    assert all(torch.equal(value, second.state()[name]) for name, value in first.state().items())


def test_the_easiest_are_those_of_smallest_loss() -> None:
    losses = torch.tensor([0.5, 0.1, 0.9, 0.1, 0.4])
    assert easiest(losses, 0.6).tolist() == [1, 3, 4]
    assert easiest(losses, 0.0).tolist() == [1]


def test_each_network_learns_what_its_peer_finds_easy() -> None:
    first, second = right_on([True, True, True, False, False, False]), right_on([False, False, False, True, True, True])
    batch = make_batch()
    step = make(epochs=1, select="batch", forget=0.5).step([first, second], batch, 1.0)
    assert step.kept == [("b/1", "b/2", "b/3"), ("a/1", "a/2", "a/3")]
    own = base_loss(first(batch.frames, [], batch.frames_of), batch, LossConfig(dice_over="all"))
    assert step.losses[0].item() == pytest.approx(own[3:].mean().item())
    step.losses[0].backward()
    assert first.logits.grad is not None and second.logits.grad is None
    assert first.logits.grad.flatten(1).any(1).tolist() == [False] * 3 + [True] * 3


@pytest.mark.parametrize("options", [{"forget": 1.2}, {"forget": -0.1}, {"keep_first": 1.5}])
def test_a_share_outside_the_unit_interval_is_refused(options: dict[str, float]) -> None:
    (name,) = options
    with pytest.raises(ActisegError, match=f"'co_teaching', option {name}: expected a number of at least 0 and of at"):
        make(**options)


def test_no_more_is_forgotten_than_is_kept_at_first() -> None:
    with pytest.raises(ActisegError, match="keep_first and forget: expected .*, got 0.3 and 0.4"):
        make(keep_first=0.3, forget=0.4)
    with pytest.raises(ActisegError, match="keep_first and forget: expected .*, got 0.3 and 0.6"):
        make(keep_first=0.3, known=NoiseRates(0.6))
