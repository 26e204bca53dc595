"""Label smoothing: soft labels of pixels and flags, added up by hand."""

from math import log

import layered_fakes as fake
import pytest
import torch
from layered_fakes import Layered, two_sample_setting, two_samples

from actiseg_bench.losses import LossConfig, focal
from actiseg_bench.strategies.base import STRATEGIES
from actiseg_bench.strategies.label_smoothing import LabelSmoothing, smooth


def run(loss: LossConfig | None = None, **options: object) -> float:
    strategy = LabelSmoothing(two_sample_setting(loss), options)
    return strategy.step([Layered()], two_samples(), 0.0).losses[0].item()


def soft_cross_entropy(p: float, y: float) -> float:
    return -y * log(p) - (1 - y) * log(1 - p)


def test_a_smoothed_label_of_two_classes() -> None:
    assert smooth(torch.tensor([0.0, 0.5, 1.0]), 0.1).tolist() == pytest.approx([0.05, 0.5, 0.95])
    assert smooth(torch.tensor([0.0, 1.0]), 0.0).tolist() == [0.0, 1.0]


def test_pixels_of_every_layer_fit_the_smoothed_label() -> None:
    terms = []
    for layer in (fake.LAST, fake.EARLY):
        for p, labels in zip(layer, fake.LABELS, strict=True):
            terms += [soft_cross_entropy(a, 0.9 * y + 0.05) for a, y in zip(p, labels, strict=True)]
    expected = (2 * sum(terms) / 2 + sum(fake.OWN)) / 2  # mean over 2 pixels, of 2 samples
    assert run(LossConfig(dice=0, positive=0)) == pytest.approx(expected, rel=1e-6)


def test_flags_of_every_layer_fit_the_smoothed_label() -> None:
    pairs = [*zip(fake.LAST_SCORES, fake.POSITIVE, strict=True), *zip(fake.EARLY_SCORES, fake.POSITIVE, strict=True)]
    expected = (2 * sum(soft_cross_entropy(p, 0.8 * y + 0.1) for p, y in pairs) + sum(fake.OWN)) / 2
    assert run(LossConfig(dice=0, mask=0), alpha_positive=0.2) == pytest.approx(expected, rel=1e-6)


def test_nothing_smoothed_with_focal_is_the_baseline() -> None:
    plain = STRATEGIES["baseline"](two_sample_setting()).step([Layered()], two_samples(), 0.0).losses[0].item()
    assert run(alpha=0.0, alpha_positive=0.0, fit="focal") == pytest.approx(plain, rel=1e-6)
    assert run(fit="focal") > plain


def test_focal_takes_the_smoothed_label() -> None:
    strategy = LabelSmoothing(two_sample_setting(), {"fit": "focal", "alpha": 0.4})
    logits, ones = torch.tensor([-1.0, 2.0]), torch.ones(2)
    assert torch.equal(strategy.pixels(logits, ones), focal(logits, torch.full((2,), 0.8)))


def test_a_smoothed_label_is_fitted_best_by_itself() -> None:
    strategy = LabelSmoothing(two_sample_setting())
    logits = torch.linspace(-6, 6, 2401)
    best = logits[strategy.pixels(logits, torch.ones_like(logits)).argmin()].sigmoid()
    assert best.item() == pytest.approx(0.95, abs=1e-3)
