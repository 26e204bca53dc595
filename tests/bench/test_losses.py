import math

import pytest
import torch
from train_fakes import make_batch

from actiseg_bench.losses import LossConfig, base_loss, dice, focal, weigh
from actiseg_bench.records import Prediction
from actiseg_bench.strategies.co_teaching import easiest, keep_rate
from actiseg_bench.strategies.gce import generalized_cross_entropy
from actiseg_bench.training.config import RunConfig
from actiseg_noise.errors import UnknownNameError


def logit(p: float) -> float:
    return math.log(p / (1 - p))


@pytest.mark.parametrize(
    ("p", "y", "expected"), [(0.5, 1, 0.25 * 0.25 * math.log(2)), (0.9, 0, 0.75 * 0.81 * -math.log(0.1))]
)
def test_focal_is_alpha_times_the_miss_squared_times_cross_entropy(p: float, y: float, expected: float) -> None:
    assert focal(torch.tensor([logit(p)]), torch.tensor([float(y)])).item() == pytest.approx(expected, rel=1e-5)


def test_focal_without_focus_and_balance_is_half_the_cross_entropy() -> None:
    x, y = torch.tensor([0.3, -1.0]), torch.tensor([1.0, 0.0])
    expected = torch.nn.functional.binary_cross_entropy_with_logits(x, y, reduction="none") / 2
    assert torch.allclose(focal(x, y, alpha=0.5, gamma=0.0), expected)


def test_dice_of_a_perfect_mask_is_nearly_zero_and_of_a_missed_one_nearly_one() -> None:
    y = torch.zeros(2, 1, 4, 4)
    y[:, :, :2] = 1
    logits = torch.stack([40 * y[0] - 20, 20 - 40 * y[0]])
    assert dice(logits, y).tolist() == pytest.approx([0.0, 1 - 1 / 17], abs=1e-4)


def test_dice_of_silence_on_an_empty_target_is_zero() -> None:
    assert dice(torch.full((1, 1, 4, 4), -30.0), torch.zeros(1, 1, 4, 4)).item() == pytest.approx(0.0, abs=1e-6)


def test_the_base_loss_is_the_weighted_sum_of_its_three_terms() -> None:
    batch = make_batch()
    prediction = Prediction(torch.zeros_like(batch.masks), torch.zeros(len(batch)))
    parts = [
        base_loss(prediction, batch, LossConfig(**one))
        for one in (
            {"mask": 1, "dice": 0, "positive": 0},
            {"mask": 0, "dice": 1, "positive": 0},
            {"mask": 0, "dice": 0, "positive": 1},
        )
    ]
    whole = base_loss(prediction, batch, LossConfig(mask=2, dice=5, positive=2))
    assert torch.allclose(whole, 2 * parts[0] + 5 * parts[1] + 2 * parts[2])
    assert parts[2].tolist() == pytest.approx([math.log(2)] * len(batch))


def test_dice_counts_for_positive_samples_unless_it_is_published() -> None:
    batch = make_batch()
    prediction = Prediction(torch.zeros_like(batch.masks), torch.zeros(len(batch)))
    of_all = base_loss(prediction, batch, LossConfig(mask=0, positive=0, dice=1, dice_over="all"))
    of_positives = base_loss(prediction, batch, LossConfig(mask=0, positive=0, dice=1))
    assert torch.equal(of_all, dice(prediction.mask_logits, batch.masks))
    assert torch.equal(of_positives, of_all * batch.is_positive)
    assert 0 < batch.is_positive.sum() < len(batch)
    with pytest.raises(UnknownNameError, match="dice_over in .train.loss. 'positive'. Did you mean 'positives'"):
        LossConfig(dice_over="positive")


def test_the_positive_heads_loss_is_the_masks_focal_one_where_the_configuration_says_so() -> None:
    batch = make_batch()
    prediction = Prediction(torch.zeros_like(batch.masks), torch.full((len(batch),), logit(0.9)))
    found = base_loss(prediction, batch, LossConfig(mask=0, dice=0, positive=1, positive_loss="focal"))
    right, wrong = 0.25 * 0.01 * -math.log(0.9), 0.75 * 0.81 * -math.log(0.1)
    assert found.tolist() == pytest.approx([right, wrong, right] * 2, rel=1e-4)


def test_an_unknown_loss_of_the_positive_head_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"positive_loss in \[train.loss\] 'focl'. Did you mean 'focal'"):
        RunConfig.from_dict({"train": {"loss": {"positive_loss": "focl"}}})


def test_no_weights_leave_the_pixels_as_they_are() -> None:
    pixels = torch.tensor([0.5, 2.0])
    assert weigh(pixels, None) is pixels
    assert weigh(pixels, torch.tensor([5.0, 1.0])).tolist() == [2.5, 2.0]


@pytest.mark.parametrize("y", [0.0, 1.0])
def test_gce_with_q_one_is_the_mean_absolute_error(y: float) -> None:
    x = torch.linspace(-4, 4, 9)
    found = generalized_cross_entropy(x, torch.full_like(x, y), q=1.0)
    assert torch.allclose(found, (x.sigmoid() - y).abs(), atol=1e-6)


@pytest.mark.parametrize("y", [0.0, 1.0])
def test_gce_with_q_near_zero_is_cross_entropy(y: float) -> None:
    x = torch.linspace(-4, 4, 9, dtype=torch.float64)
    target = torch.full_like(x, y)
    cross_entropy = torch.nn.functional.binary_cross_entropy_with_logits(x, target, reduction="none")
    assert torch.allclose(generalized_cross_entropy(x, target, q=1e-6), cross_entropy, atol=1e-4)


def test_gce_has_a_gradient_even_where_the_label_is_wholly_unlikely() -> None:
    x = torch.tensor([-60.0], requires_grad=True)
    generalized_cross_entropy(x, torch.ones(1), q=0.7).sum().backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()


def test_co_teaching_keeps_everything_at_first_and_all_but_the_noise_rate_after_the_warmup() -> None:
    shares = [keep_rate(t, noise_rate=0.4, warmup=4) for t in (0, 1, 2, 3, 4, 100)]
    assert shares == pytest.approx([1.0, 0.9, 0.8, 0.7, 0.6, 0.6])


def test_the_easiest_are_the_smallest_losses_in_their_order() -> None:
    assert easiest(torch.tensor([3.0, 1.0, 2.0, 0.5]), 0.5).tolist() == [1, 3]


def test_at_least_one_sample_is_kept() -> None:
    assert easiest(torch.tensor([3.0, 1.0]), 0.0).tolist() == [1]
