"""Robust pixel losses against their closed forms."""

import math

import pytest
import torch

from actiseg_bench.losses import LossConfig, focal
from actiseg_bench.records import NoiseRates
from actiseg_bench.strategies.apl import active_loss, cross_entropy, mean_absolute_error, normalized
from actiseg_bench.strategies.base import STRATEGIES, PixelStrategy, Setting
from actiseg_bench.strategies.gce import generalized_cross_entropy
from actiseg_bench.strategies.sce import reverse_cross_entropy, symmetric_cross_entropy
from actiseg_noise.errors import ActisegError

P = torch.tensor([0.1, 0.3, 0.5, 0.7, 0.9])
LOGITS = P.logit()
ONES, ZEROS = torch.ones(5), torch.zeros(5)


@pytest.mark.parametrize("target", [ONES, ZEROS])
def test_reverse_cross_entropy_is_minus_a_times_the_distance(target: torch.Tensor) -> None:
    expected = 9.2103 * (P - target).abs()
    assert torch.allclose(reverse_cross_entropy(LOGITS, target), expected, atol=1e-4)


def test_reverse_cross_entropy_is_what_clamping_the_label_gives() -> None:
    label = torch.stack([ONES.clamp(1e-4, 1), ZEROS.clamp(1e-4, 1)])
    written_out = -(P * label[0].log() + (1 - P) * label[1].log())
    assert torch.allclose(reverse_cross_entropy(LOGITS, ONES), written_out, atol=1e-5)


def test_a_soft_label_is_a_mixture_of_hard_ones() -> None:
    soft = reverse_cross_entropy(LOGITS, torch.full((5,), 0.25))
    mixed = 0.25 * reverse_cross_entropy(LOGITS, ONES) + 0.75 * reverse_cross_entropy(LOGITS, ZEROS)
    assert torch.allclose(soft, mixed)


def test_symmetric_cross_entropy_adds_the_two() -> None:
    found = symmetric_cross_entropy(LOGITS, ONES, alpha=0.1, beta=1.0)
    assert torch.allclose(found, -0.1 * P.log() + 9.2103 * (1 - P), atol=1e-4)


def test_gce_with_q_one_is_mean_absolute_error() -> None:
    assert torch.allclose(generalized_cross_entropy(LOGITS, ONES, q=1.0), (1 - P))
    assert torch.allclose(generalized_cross_entropy(LOGITS, ZEROS, q=1.0), P)


def test_gce_with_small_q_is_cross_entropy() -> None:
    assert torch.allclose(generalized_cross_entropy(LOGITS, ONES, q=1e-4), -P.log(), atol=1e-3)


@pytest.mark.parametrize("name", ["nce", "nfl", "ngce"])
def test_a_normalised_loss_of_both_labels_sums_to_one(name: str) -> None:
    both = active_loss(name, LOGITS, ONES, q=0.7) + active_loss(name, LOGITS, ZEROS, q=0.7)
    assert torch.allclose(both, ONES)


def test_plain_gce_of_both_labels_is_not_constant() -> None:
    both = active_loss("gce", LOGITS, ONES, q=0.7) + active_loss("gce", LOGITS, ZEROS, q=0.7)
    assert both.std() > 0.05


@pytest.mark.parametrize("loss", [mean_absolute_error, reverse_cross_entropy])
def test_a_passive_loss_is_symmetric(loss) -> None:
    both = loss(LOGITS, ONES) + loss(LOGITS, ZEROS)
    assert torch.allclose(both, both[0].expand(5))


def test_nce_lies_in_the_unit_interval() -> None:
    far = torch.tensor([-80.0, -20.0, 0.0, 20.0, 80.0])
    for target in (ONES, ZEROS):
        found = normalized(cross_entropy, far, target)
        assert ((found >= 0) & (found <= 1)).all()


def test_nce_at_seven_tenths() -> None:
    expected = math.log(0.7) / (math.log(0.7) + math.log(0.3))
    assert normalized(cross_entropy, LOGITS[3], torch.tensor(1.0)).item() == pytest.approx(expected)


def test_the_normalised_gce_is_the_written_out_one() -> None:
    q = 0.7
    expected = (1 - P**q) / (2 - P**q - (1 - P) ** q)
    assert torch.allclose(active_loss("ngce", LOGITS, ONES, q=q), expected)


@pytest.mark.parametrize("name", ["sce", "gce", "apl"])
@pytest.mark.parametrize("variant", ["faithful", "released"])
def test_saturated_logits_have_finite_gradients(name: str, variant: str) -> None:
    strategy = STRATEGIES[name](Setting(LossConfig(), NoiseRates(0.4, 0.4, 0.4), 1), {}, variant)
    assert isinstance(strategy, PixelStrategy)
    logits = torch.tensor([-200.0, -30.0, 0.0, 30.0, 200.0], requires_grad=True)
    for target in (ONES, ZEROS):
        strategy.pixels(logits, target).sum().backward()
    assert logits.grad is not None and torch.isfinite(logits.grad).all()


def test_the_published_apl_is_ten_gce_and_one_mae() -> None:
    strategy = STRATEGIES["apl"](Setting(LossConfig(), NoiseRates(0.4, 0.4, 0.4), 1), {}, "released")
    expected = 10 * (1 - P**0.7) / 0.7 + (1 - P)
    assert torch.allclose(strategy.pixels(LOGITS, ONES), expected, atol=1e-5)


def test_an_unknown_part_of_apl_is_refused_with_the_nearest() -> None:
    with pytest.raises(ActisegError, match="'apl', option active: expected .*, got 'ncee'. Did you mean 'nce'"):
        STRATEGIES["apl"](Setting(LossConfig(), NoiseRates(0.4, 0.4, 0.4), 1), {"active": "ncee"})


def test_the_focal_loss_of_gamma_zero_is_half_the_cross_entropy() -> None:
    assert torch.allclose(2 * focal(LOGITS, ONES, alpha=0.5, gamma=0.0), cross_entropy(LOGITS, ONES))


def official(name: str, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return a loss as its authors' code has it, for two classes: softmax over (0, x), one-hot labels.

    SCE: YisenWang/symmetric_cross_entropy_for_noisy_labels. The others: HanxunH/Active-Passive-Losses, whose MAE is the
    reduced one. Written again from what they compute, not from how they are written here.
    """
    log_p = torch.stack([torch.zeros_like(x), x], 1).log_softmax(1)
    p, label = log_p.exp(), torch.stack([1 - y, y], 1)
    own = (label * log_p).sum(1)
    reverse = -(p.clamp(1e-7, 1) * label.clamp(1e-4, 1).log()).sum(1)
    focal_all = -((1 - p) ** 0.5) * log_p
    gce_all = (1 - p**0.7) / 0.7
    return {
        "ce": -own,
        "sce": -0.1 * own + reverse,
        "rce": reverse,
        "gce": (1 - own.exp() ** 0.7) / 0.7,
        "mae": 1 - (label * p).sum(1),
        "nce": own / log_p.sum(1),
        "nfl": (label * focal_all).sum(1) / focal_all.sum(1),
        "ngce": (label * gce_all).sum(1) / gce_all.sum(1),
    }[name]


def ours(name: str, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    if name in ("nce", "nfl", "ngce"):
        return active_loss(name, x, y, q=0.7)
    one = {
        "ce": cross_entropy,
        "rce": reverse_cross_entropy,
        "mae": mean_absolute_error,
        "gce": lambda a, b: generalized_cross_entropy(a, b, q=0.7),
        "sce": lambda a, b: symmetric_cross_entropy(a, b, alpha=0.1, beta=1.0),
    }
    return one[name](x, y)


@pytest.mark.parametrize("name", ["ce", "sce", "rce", "gce", "mae", "nce", "nfl", "ngce"])
def test_losses_and_slopes_are_those_of_the_official_code(name: str) -> None:
    x = torch.linspace(-6, 6, 101, dtype=torch.float64).repeat(2)
    y = (torch.arange(202) < 101).double()
    found = []
    for loss in (ours, official):
        logits = x.clone().requires_grad_()
        values = loss(name, logits, y)
        values.sum().backward()
        assert logits.grad is not None
        found.append((values.detach(), logits.grad))
    for one, two in zip(*found, strict=True):
        assert torch.allclose(
            one, two, rtol=1e-5, atol=1e-6
        )  # labels and probabilities are clamped in different places


def test_nfl_has_the_slope_of_its_equation_where_the_official_code_holds_a_factor_constant() -> None:
    def detached(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        log_p = torch.stack([-x, x], 1).mul(0.5).log_softmax(1)
        terms = -((1 - log_p.exp().detach()) ** 0.5) * log_p
        return torch.where(y > 0, terms[:, 1], terms[:, 0]) / terms.sum(1)

    slopes, values = [], []
    for loss in (lambda x, y: active_loss("nfl", x, y, q=0.7), detached):
        logits = LOGITS.clone().requires_grad_()
        value = loss(logits, ONES)
        value.sum().backward()
        values.append(value.detach())
        slopes.append(logits.grad)
    assert torch.allclose(*values, atol=1e-6)
    step = 1e-3
    ends = [active_loss("nfl", (LOGITS + d).double(), ONES.double(), q=0.7) for d in (-step, step)]
    assert torch.allclose(slopes[0].double(), (ends[1] - ends[0]) / (2 * step), atol=1e-4)
    assert not torch.allclose(*slopes, rtol=0.05)
