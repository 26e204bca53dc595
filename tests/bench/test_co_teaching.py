"""Co-teaching: how much is kept, which samples, and who learns from whom."""

import pytest
import torch
from torch import Tensor
from train_fakes import make_batch

from actiseg_bench.losses import LossConfig, base_loss
from actiseg_bench.records import Prediction, Targets
from actiseg_bench.strategies.base import STRATEGIES, Setting
from actiseg_bench.strategies.co_teaching import CoTeaching, easiest, keep_rate
from actiseg_noise.errors import ActisegError


def make(variant: str = "faithful", epochs: int = 6, noise_rate: float = 0.4, **options: object) -> CoTeaching:
    return CoTeaching(Setting(LossConfig(dice_over="all"), noise_rate, epochs), options, variant)


class Fixed:
    """A network that gives the right mask of some samples and the wrong one of the others."""

    def __init__(self, right: list[bool]) -> None:
        masks = make_batch().masks
        sign = torch.tensor([1.0 if is_right else -1.0 for is_right in right])[:, None, None, None]
        self.logits = (sign * (masks * 2 - 1)).requires_grad_()

    def __call__(
        self, frames: Tensor, expressions: list[str], frames_of: Tensor, targets: Targets | None = None
    ) -> Prediction:
        return Prediction(self.logits, torch.zeros(len(self.logits)))


def test_the_share_kept_falls_by_the_noise_rate_over_the_warm_up() -> None:
    found = [keep_rate(epoch, noise_rate=0.4, warmup=10) for epoch in (0, 2.5, 5, 10, 50)]
    assert found == pytest.approx([1.0, 0.9, 0.8, 0.6, 0.6])


def test_without_a_warm_up_it_is_there_at_once() -> None:
    assert keep_rate(0.0, noise_rate=0.4, warmup=0) == pytest.approx(0.6)


def test_the_warm_up_is_a_twentieth_of_the_run_as_ten_of_two_hundred_epochs_are() -> None:
    strategy = make(epochs=200)
    assert [strategy.share(epoch) for epoch in (0, 5, 10, 199)] == pytest.approx([1.0, 0.8, 0.6, 0.6])


def test_the_published_schedule() -> None:
    strategy = make("released", epochs=6)
    found = [round(strategy.share(epoch), 3) for epoch in range(8)]
    assert found == [0.95, 0.933, 0.917, 0.9, 0.883, 0.867, 0.85, 0.85]
    assert strategy.share(2.9) == strategy.share(2.0)


def test_the_published_schedule_does_not_know_the_noise() -> None:
    quiet, loud = make("released", noise_rate=0.0), make("released", noise_rate=0.6)
    assert [quiet.share(e) for e in range(6)] == [loud.share(e) for e in range(6)]
    assert quiet.card.oracle == loud.card.oracle == ""


def test_only_the_manifests_noise_rate_is_an_oracle() -> None:
    assert make().card.oracle == STRATEGIES["co_teaching"].card.oracle == "noise rate"
    assert make(forget=0.3).card.oracle == ""
    assert make(forget=0.3).share(5.0) == pytest.approx(0.7)


def test_the_easiest_are_those_of_smallest_loss() -> None:
    losses = torch.tensor([0.5, 0.1, 0.9, 0.1, 0.4])
    assert easiest(losses, 0.6).tolist() == [1, 3, 4]
    assert easiest(losses, 0.0).tolist() == [1]


def test_each_network_learns_what_its_peer_finds_easy() -> None:
    first, second = Fixed([True, True, True, False, False, False]), Fixed([False, False, False, True, True, True])
    batch = make_batch()
    step = make(epochs=1, noise_rate=0.5).step([first, second], batch, 1.0)
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
        make(keep_first=0.3, noise_rate=0.6)
