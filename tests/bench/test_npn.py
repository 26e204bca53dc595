"""NPN: how counts grow, what becomes of a label, and the three terms against their closed forms."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from train_fakes import make_batch

from actiseg_bench.data.transforms import flip
from actiseg_bench.losses import LossConfig, base_loss, combine, mean_over_pixels
from actiseg_bench.records import Batch, NoiseRates, Prediction, Targets
from actiseg_bench.strategies.base import Setting
from actiseg_bench.strategies.memory import as_seen
from actiseg_bench.strategies.npn import (
    NPN,
    candidates,
    confidence_penalty,
    count,
    count_warmup,
    halve_full,
    is_sure,
    negative_loss,
    one_hot,
    relabelled,
)
from actiseg_noise.errors import ActisegError

YES, NO = torch.tensor(True), torch.tensor(False)
WARMUP, LATE = 0.0, 1.9


def make(variant: str = "faithful", **options: object) -> NPN:
    """Return NPN on one sample of one frame of one pixel, two epochs long."""
    return NPN(Setting(LossConfig(), NoiseRates(0.4, 0.4, 0.4), 2, {"a/1": (0,)}, (1, 1)), options, variant)


def pixel(label: float) -> Batch:
    """Return a batch of one pixel with this coverage."""
    return Batch(
        frames=torch.zeros(1, 1, 3, 2, 2),
        expressions=["onion used in the action of cut onion"],
        frames_of=torch.tensor([0]),
        masks=torch.full((1, 1, 1, 1), label),
        is_positive=torch.ones(1),
        sample_ids=("a/1",),
        frame_idx=((0,),),
        affine=torch.eye(2, 3)[None],
        strong=torch.ones(1, 1, 3, 2, 2),
    )


class Answers:
    """A network that says ``weak`` of plain frames and ``strong`` of the strong ones, probabilities of the object."""

    def __init__(self, weak: float, strong: float = 0.5) -> None:
        self.weak, self.strong, self.forwards = weak, strong, 0

    def __call__(
        self, frames: Tensor, expressions: list[str], frames_of: Tensor, targets: Targets | None = None
    ) -> Prediction:
        self.forwards += 1
        p = self.strong if frames.max() > 0 else self.weak
        return Prediction(torch.full((1, 1, 1, 1), p).logit(), torch.zeros(1))


def counts(strategy: NPN, label: float) -> list[int]:
    """Return the pixel's counts: background, object."""
    return strategy.memory.read(pixel(label)).flatten().tolist()


def evolution(strategy: NPN, label: float, weak: list[float], epoch: float) -> list[list[int]]:
    """Return the counts after each of these predictions."""
    found = []
    for p in weak:
        strategy.step([Answers(p)], pixel(label), epoch)
        found.append(counts(strategy, label))
    return found


def mask_term(strategy: NPN, network: Answers, label: float, epoch: float) -> float:
    """Return the step's mask term: its loss without dice and positive head."""
    batch, config = pixel(label), LossConfig()
    loss = strategy.step([network], batch, epoch).losses[0]
    rest = combine([torch.zeros(1)], network(batch.frames, [""], batch.frames_of), batch, config).mean()
    return (loss - rest).item() / config.mask


def test_predictions_alone_are_counted() -> None:
    strategy = make()
    assert evolution(strategy, 1.0, [0.6, 0.4, 0.2], WARMUP) == [[0, 1], [1, 1], [2, 1]]
    assert evolution(strategy, 1.0, [0.1, 0.9], LATE) == [[3, 1], [3, 2]]


def test_a_pixel_predicted_otherwise_more_often_is_relabelled() -> None:
    strategy = make()
    evolution(strategy, 1.0, [0.6, 0.4, 0.2], WARMUP)
    assert not strategy.step([Answers(0.1)], pixel(1.0), LATE).trusted
    for _ in range(2):
        strategy.step([Answers(0.9)], pixel(1.0), LATE)
    assert strategy.step([Answers(0.9)], pixel(1.0), LATE).trusted  # counts are 3 and 4 now


def test_in_the_published_warm_up_the_label_is_set_to_one_and_a_sure_prediction_added() -> None:
    strategy = make("released")
    assert evolution(strategy, 1.0, [0.2, 0.4, 0.2, 0.9, 0.9, 0.2], WARMUP) == [
        [1, 1],
        [1, 1],
        [2, 1],
        [2, 2],
        [2, 2],
        [3, 1],
    ]


def test_after_the_published_warm_up_no_prediction_overtakes_the_label_any_more() -> None:
    strategy = make("released")
    evolution(strategy, 1.0, [0.2], WARMUP)
    late = evolution(strategy, 1.0, [0.1] * 5, LATE)
    assert late == [[2, 2], [3, 3], [4, 4], [5, 5], [6, 6]]
    assert strategy.step([Answers(0.1)], pixel(1.0), LATE).trusted
    faithful = make()
    evolution(faithful, 1.0, [0.2], WARMUP)
    evolution(faithful, 1.0, [0.1] * 5, LATE)
    assert not faithful.step([Answers(0.1)], pixel(1.0), LATE).trusted


def test_full_counts_are_halved_and_keep_their_order() -> None:
    assert halve_full(torch.tensor([256, 101])).tolist() == [128, 50]
    assert halve_full(torch.tensor([255, 101])).tolist() == [255, 101]
    strategy = make()
    for _ in range(300):
        strategy.remember(pixel(1.0), torch.full((1, 1, 1, 1), 0.9), True)
    assert counts(strategy, 1.0) == [0, 172]  # 256 → 128, then 44 more


def test_the_rules_of_counting() -> None:
    before = torch.tensor([3, 5])
    assert count(before, one_hot(NO)).tolist() == [4, 5]
    assert count_warmup(before, label=YES, predicted=NO, sure=YES).tolist() == [4, 1]
    assert count_warmup(before, label=YES, predicted=NO, sure=NO).tolist() == [3, 1]


@pytest.mark.parametrize(
    ("label", "predicted", "sure", "expected"),
    [
        (YES, YES, YES, [False, True]),
        (YES, NO, YES, [True, True]),
        (YES, NO, NO, [False, True]),
        (NO, NO, YES, [True, False]),
    ],
)
def test_the_candidates_are_the_label_and_the_prediction(
    label: Tensor, predicted: Tensor, sure: Tensor, expected: list[bool]
) -> None:
    assert candidates(label, predicted, sure).tolist() == expected


def test_the_larger_count_is_the_label_and_a_tie_keeps_the_given_one() -> None:
    found = relabelled(torch.tensor([[3, 1, 2, 2], [1, 3, 2, 2]]), torch.tensor([True, False, True, False]))
    assert found.tolist() == [False, True, True, False]


def test_negative_learning_is_cross_entropy_where_one_label_is_left_and_nothing_elsewhere() -> None:
    logit = torch.tensor(0.8).logit()
    assert negative_loss(logit, torch.tensor([False, True])).item() == pytest.approx(-math.log(0.8))
    assert negative_loss(logit, torch.tensor([True, False])).item() == pytest.approx(-math.log(0.2))
    assert negative_loss(logit, torch.tensor([True, True])).item() == 0


def test_the_confidence_penalty_is_the_negative_entropy() -> None:
    p = torch.tensor([0.5, 0.9, 0.1])
    written_out = p * p.log() + (1 - p) * (1 - p).log()
    assert torch.allclose(confidence_penalty(p.logit()), written_out)
    assert confidence_penalty(torch.tensor([-200.0, 200.0])).tolist() == [0, 0]


def test_a_confidence_of_one_half_is_always_reached() -> None:
    p = torch.tensor([0.5, 0.6, 0.25, 0.9])
    assert is_sure(p, 0.5).all()
    assert is_sure(p, 0.7).tolist() == [False, False, True, True]


def test_the_warm_up_is_cross_entropy_with_confidence_penalty_and_one_forward() -> None:
    network = Answers(0.8)
    batch = pixel(1.0)
    assert mask_term(make(), network, 1.0, WARMUP) == pytest.approx(
        -math.log(0.8) + 0.8 * math.log(0.8) + 0.2 * math.log(0.2), abs=1e-5
    )
    lone = Answers(0.8)
    make().step([lone], batch, WARMUP)
    assert lone.forwards == 1


def test_after_it_come_the_relabelled_target_the_complement_and_the_strong_view() -> None:
    strategy = make()
    evolution(strategy, 1.0, [0.2, 0.2], WARMUP)
    found = mask_term(strategy, Answers(0.4, 0.7), 1.0, LATE)  # counts 3 and 0, both labels are candidates
    assert found == pytest.approx(-math.log(0.6) - 2 * math.log(0.3), abs=1e-5)
    agreed = mask_term(make(), Answers(0.8, 0.7), 1.0, LATE)  # counts 0 and 1, the background is complementary
    assert agreed == pytest.approx(-math.log(0.8) - math.log(0.8) - 2 * math.log(0.7), abs=1e-5)


def test_a_soft_target_is_the_share_of_the_counts() -> None:
    strategy = make(pll="soft")
    evolution(strategy, 1.0, [0.2, 0.8], WARMUP)
    found = mask_term(strategy, Answers(0.4, 0.7), 1.0, LATE)  # counts 2 and 1
    assert found == pytest.approx(-(math.log(0.4) + 2 * math.log(0.6)) / 3 - 2 * math.log(0.3), abs=1e-5)


def test_the_published_terms_are_sharpened_weighted_and_for_sure_pixels_only() -> None:
    strategy = make("released")
    evolution(strategy, 1.0, [0.2, 0.2], WARMUP)
    found = mask_term(strategy, Answers(0.2, 0.3), 1.0, LATE)  # counts 2 and 1, then 3 and 2
    pll, cr = math.log(1 / (1 + (0.2 / 0.8) ** 2)), math.log(1 / (1 + (0.3 / 0.7) ** 2))
    assert found == pytest.approx(-3 / 5 * pll - 0.2 * cr, abs=1e-5)
    unsure = mask_term(make("released"), Answers(0.6, 0.9), 1.0, LATE)  # only the label is a candidate and counted
    assert unsure == pytest.approx(math.log(1 + (0.4 / 0.6) ** 2) - 0.1 * math.log(0.6), abs=1e-5)


def test_the_published_warm_up_is_the_base_loss_and_a_third_of_the_run() -> None:
    strategy, network, batch = make("released"), Answers(0.8), pixel(1.0)
    expected = base_loss(network(batch.frames, [""], batch.frames_of), batch, LossConfig()).mean().item()
    assert strategy.step([network], batch, 0.6).losses[0].item() == pytest.approx(expected)
    assert strategy.step([network], batch, 0.6).trusted is None
    assert strategy.step([network], batch, 0.7).trusted is not None


def test_counts_are_of_the_stored_pixels_whatever_the_view() -> None:
    plain = make_batch()
    frames = dict(zip(plain.sample_ids, plain.frame_idx, strict=True))
    strategy = NPN(Setting(LossConfig(), NoiseRates(0.4, 0.4, 0.4), 2, frames, (8, 8)))
    mirrored = flip(plain, torch.tensor([True, False]))
    left = (torch.arange(8) < 4).float().expand(6, 3, 8, 8)
    strategy.remember(mirrored, left, True)
    found = as_seen(strategy.memory.read(plain), plain)[1]
    assert found[0, 0, 0].tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert found[3, 0, 0].tolist() == [1, 1, 1, 1, 0, 0, 0, 0]


def test_the_published_labels_are_counted_where_they_are_stored() -> None:
    plain = make_batch()
    frames = dict(zip(plain.sample_ids, plain.frame_idx, strict=True))
    strategy = NPN(Setting(LossConfig(), NoiseRates(0.4, 0.4, 0.4), 2, frames, (8, 8)), {}, "released")
    strategy.remember(flip(plain, torch.tensor([True, True])), torch.full((6, 3, 8, 8), 0.5), True)
    assert torch.equal(strategy.memory.read(plain)[1].float(), plain.masks)


def test_counts_go_on_from_a_state() -> None:
    first, second = make(), make()
    evolution(first, 1.0, [0.2, 0.2, 0.9], WARMUP)
    second.load_state({key: value.clone() for key, value in first.state().items()})
    assert counts(second, 1.0) == [2, 1]
    assert evolution(second, 1.0, [0.9], LATE) == [[2, 2]]
    assert counts(first, 1.0) == [2, 1]


def test_two_bytes_per_mask_pixel() -> None:
    assert make().memory.bytes_per_pixel == 2


def test_a_batch_without_a_strong_view_is_refused() -> None:
    with pytest.raises(ValueError, match="the batch has no strong view: the strategy's card must say views=2"):
        make().step([Answers(0.5)], replace(pixel(1.0), strong=None), LATE)


def test_an_unknown_way_is_refused_with_the_nearest() -> None:
    with pytest.raises(ActisegError, match="'npn', option pll: expected hard, soft or weighted, got 'softer'. Did you"):
        make(pll="softer")


def test_mean_terms_are_per_sample() -> None:
    strategy = make("released")
    weak, strong = torch.tensor([[2.0, 0.1], [0.1, 0.1]]).view(2, 1, 1, 2), torch.zeros(2, 1, 1, 2)
    assert torch.allclose(strategy.agreement(strong, weak), torch.tensor([math.log(2), 0.0]))
    assert mean_over_pixels(weak).shape == (2,)
