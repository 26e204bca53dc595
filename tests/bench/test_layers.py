"""Every strategy on a network of two decoder layers, added up by hand with plain numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import log
from typing import NamedTuple

import layered_fakes as fake
import pytest
import torch
from layered_fakes import Layered, two_sample_setting, two_samples

from actiseg_bench.losses import LossConfig, combine
from actiseg_bench.results.result import YARDSTICKS
from actiseg_bench.strategies.base import STRATEGIES, Strategy
from actiseg_bench.strategies.elr import ELR, unpack
from actiseg_bench.strategies.npn import NPN

WEIGHTS = [[1.0, 5.0], [2.0, 1.0]]
EVEN = [[1.0, 1.0], [1.0, 1.0]]
LATE = 1.9


class Pixel(NamedTuple):
    """A pixel's label, what the layer says of it in both views, and what the last layer says."""

    y: float
    p: float
    strong: float
    last: float


def cross_entropy(p: float, y: float) -> float:
    return -log(p if y == 1 else 1 - p)


def focal(p: float, y: float) -> float:
    p_y, alpha = (p, 0.25) if y == 1 else (1 - p, 0.75)
    return -alpha * (1 - p_y) ** 2 * log(p_y)


def sce(pixel: Pixel) -> float:
    return 0.1 * cross_entropy(pixel.p, pixel.y) - log(1e-4) * abs(pixel.p - pixel.y)


def gce(pixel: Pixel) -> float:
    p_y = pixel.p if pixel.y == 1 else 1 - pixel.p
    return (1 - p_y**0.7) / 0.7


def apl(pixel: Pixel) -> float:
    active = cross_entropy(pixel.p, pixel.y) / (cross_entropy(pixel.p, 0) + cross_entropy(pixel.p, 1))
    return active - log(1e-4) * abs(pixel.p - pixel.y)


def elr(pixel: Pixel) -> float:
    t = 0.3 * pixel.last * pixel.p + 0.3 * (1 - pixel.last) * (1 - pixel.p)
    return cross_entropy(pixel.p, pixel.y) + 3 * log(1 - t)


def npn_early(pixel: Pixel) -> float:
    return cross_entropy(pixel.p, pixel.y) + pixel.p * log(pixel.p) + (1 - pixel.p) * log(1 - pixel.p)


def npn_late(pixel: Pixel) -> float:
    counted, predicted = float(pixel.last > 0.5), float(pixel.p > 0.5)
    complement = cross_entropy(pixel.p, pixel.y) if predicted == pixel.y else 0
    return cross_entropy(pixel.p, counted) + complement + 2 * cross_entropy(pixel.strong, predicted)


def by_hand(term: Callable[[Pixel], float], weights: list[list[float]]) -> float:
    """Return the mean over samples of Σ over layers of 2·term + 5·dice, of positives, + 2·CE(positive), and its own."""
    layers = [
        (fake.LAST, fake.STRONG_LAST, fake.LAST_SCORES),
        (fake.EARLY, fake.STRONG_EARLY, fake.EARLY_SCORES),
    ]
    total = sum(fake.OWN)
    for weak, strong, scores in layers:
        for n, labels in enumerate(fake.LABELS):
            pixels = [Pixel(*values) for values in zip(labels, weak[n], strong[n], fake.LAST[n], strict=True)]
            mask = sum(w * term(pixel) for w, pixel in zip(weights[n], pixels, strict=True)) / 2
            hit = sum(pixel.p * pixel.y for pixel in pixels)
            dice = 1 - (2 * hit + 1) / (sum(weak[n]) + sum(labels) + 1)
            total += 2 * mask + 5 * dice * fake.POSITIVE[n] + 2 * cross_entropy(scores[n], fake.POSITIVE[n])
    return total / 2


def make(name: str, variant: str = "faithful", loss: LossConfig | None = None, **options: object) -> Strategy:
    return STRATEGIES[name](two_sample_setting(loss), options, variant)


def run(strategy: Strategy, weights: list[list[float]] | None = None, epoch: float = 0.0) -> float:
    """Return the loss of the first network after one step of fresh ones."""
    networks = [Layered() for _ in range(strategy.card.networks)]
    strategy.prepare(networks)
    torch.manual_seed(0)
    batch = replace(two_samples(), weights=None if weights is None else fake.maps(weights))
    return strategy.step(networks, batch, epoch).losses[0].item()


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["even", "guided"])
@pytest.mark.parametrize(
    ("name", "epoch", "term"),
    [
        ("baseline", 0.0, lambda pixel: focal(pixel.p, pixel.y)),
        ("co_teaching", 0.0, lambda pixel: focal(pixel.p, pixel.y)),
        ("sce", 0.0, sce),
        ("gce", 0.0, gce),
        ("apl", 0.0, apl),
        ("elr", 0.0, elr),
        ("npn", 0.0, npn_early),
        ("npn", LATE, npn_late),
    ],
)
def test_the_loss_is_the_sum_over_the_layers_and_the_networks_own(
    name: str, epoch: float, term: Callable[[Pixel], float], weights: list[list[float]] | None
) -> None:
    expected = by_hand(term, weights or EVEN)
    assert run(make(name), weights, epoch) == pytest.approx(expected, rel=1e-4 if name == "elr" else 1e-6)


def symmetric_kl(p: float, q: float) -> float:
    return (p - q) * (log(p / (1 - p)) - log(q / (1 - q)))


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["even", "guided"])
def test_pmhm_trusts_in_every_layer_what_that_layer_is_sure_of(weights: list[list[float]] | None) -> None:
    """Of two pixels the surer one is trusted, the other one unsure; the auxiliary head of the last layer agrees."""
    trusted = [(fake.LAST, (0, 1)), (fake.EARLY, (0, 0))]  # of each sample
    total = sum(fake.OWN)
    for p, sure in trusted:
        for n, at in enumerate(sure):
            labels, q, w = fake.LABELS[n], p[n], (weights or EVEN)[n]
            total += 2 * w[at] * focal(q[at], labels[at]) / 2
            total += 5 * fake.POSITIVE[n] * (1 - (2 * q[at] * labels[at] + 1) / (q[at] + labels[at] + 1))
            hit, extra, missed = q[1 - at] * labels[1 - at], q[1 - at] * (1 - labels[1 - at]), (1 - q[1 - at])
            total += 0.3 * (1 - hit / (hit + 0.7 * extra + 0.5 * missed * labels[1 - at]))
    for scores in (fake.LAST_SCORES, fake.EARLY_SCORES):
        total += 2 * sum(cross_entropy(*pair) for pair in zip(scores, fake.POSITIVE, strict=True))
    heads = (symmetric_kl(0.3, 0.4) + symmetric_kl(0.4, 0.3)) / 2  # where the last layer is unsure
    layers = (symmetric_kl(0.3, 0.55) + symmetric_kl(0.4, 0.2)) / 2
    expected = total / 2 + 0.1 * heads + 0.1 * layers
    assert run(make("pmhm", edge=1.0), weights) == pytest.approx(expected, abs=1e-4)


def test_agreement_of_layers_has_a_coefficient_of_its_own() -> None:
    found = [run(make("pmhm", edge=1.0, layer_consistency=value)) for value in (0.0, 0.1)]
    layers = (symmetric_kl(0.3, 0.55) + symmetric_kl(0.4, 0.2)) / 2
    assert found[1] - found[0] == pytest.approx(0.1 * layers, abs=1e-5)


LEARNERS = [name for name in STRATEGIES if name not in YARDSTICKS]
METHODS = [(name, variant) for name in LEARNERS for variant in STRATEGIES[name].card.variants]
every_variant = pytest.mark.parametrize(("name", "variant"), METHODS, ids=["@".join(method) for method in METHODS])


@pytest.mark.parametrize("epoch", [0.0, LATE])
@every_variant
def test_weights_of_one_are_no_weights(name: str, variant: str, epoch: float) -> None:
    assert run(make(name, variant), EVEN, epoch) == run(make(name, variant), None, epoch)


@pytest.mark.parametrize("epoch", [0.0, LATE])
@pytest.mark.parametrize("name", LEARNERS)
def test_weights_multiply_the_mask_term_and_nothing_else(name: str, epoch: float) -> None:
    triple = [[3.0, 3.0], [3.0, 3.0]]
    rest = run(make(name, loss=LossConfig(mask=0.0)), triple, epoch)
    one, three = (run(make(name), weights, epoch) for weights in (None, triple))
    assert rest == run(make(name, loss=LossConfig(mask=0.0)), None, epoch)
    assert three - rest == pytest.approx(3 * (one - rest), rel=1e-4)


@pytest.mark.parametrize(("name", "focal_share"), [("sce", 1), ("gce", 1), ("elr", 1), ("npn", 0), ("pmhm", 0)])
def test_published_weights_reach_the_focal_term_at_most(name: str, focal_share: int) -> None:
    difference = run(make(name, "released"), WEIGHTS) - run(make(name, "released"), None)
    expected = by_hand(lambda pixel: focal(pixel.p, pixel.y), WEIGHTS) - by_hand(lambda p: focal(p.p, p.y), EVEN)
    assert difference == pytest.approx(focal_share * expected, abs=1e-4)


def test_co_teaching_ranks_by_all_layers_and_the_networks_own_loss() -> None:
    loss = LossConfig(dice_over="all")
    strategy, batch = make("co_teaching", loss=loss, select="batch", forget=0.5, warmup_share=0.0), two_samples()
    plain, own, early = Layered(), Layered(), Layered()
    with torch.no_grad():
        own.own[0] += 100
        early.early[0] = torch.tensor([20.0, -20.0])  # the first decoder layer is sure of the opposite of the label
    assert strategy.step([plain, plain], batch, 0.0).kept == [("a/1",), ("a/1",)]
    assert strategy.step([plain, own], batch, 0.0).kept == [
        ("a/2",),
        ("a/1",),
    ]  # the first learns what the second picks
    assert strategy.step([plain, early], batch, 0.0).kept == [("a/2",), ("a/1",)]


def test_a_strategy_asks_with_the_labels_and_the_strong_view_with_the_plain_ones_queries() -> None:
    network, batch = Layered(), two_samples()
    make("npn").step([network], batch, LATE)
    plain, strong = network.asked
    assert plain is not None and plain.queries is None and torch.equal(plain.masks, batch.masks)
    assert strong is not None and strong.queries is not None and strong.queries.tolist() == fake.QUERIES


@pytest.mark.parametrize(("updates", "times"), [("step", 1), ("layer", 2)])
def test_the_running_target_is_updated_once_a_step(updates: str, times: int) -> None:
    strategy, batch = ELR(two_sample_setting(), {"updates": updates}), two_samples()
    strategy.step([Layered()], batch, 0.0)
    assert strategy.memory is not None
    t, visits = strategy.target(strategy.memory.read(batch)[0]), unpack(strategy.memory.read(batch)[0])[1]
    last, early = fake.maps(fake.LAST), fake.maps(fake.EARLY)
    assert visits.unique().tolist() == [times]
    assert torch.allclose(t[1], 0.3 * last if times == 1 else 0.7 * 0.3 * last + 0.3 * early, atol=1e-3)


def test_each_layer_is_regularised_by_the_target_as_it_finds_it_where_the_published_code_updates_it_so() -> None:
    """Three layers, the last one first; the published code goes on with the first of them."""
    strategy, batch = ELR(two_sample_setting(), {"updates": "layer"}), two_samples()
    found = strategy.targets(batch, [torch.full((2, 1, 1, 2), p) for p in (0.9, 0.5, 0.1)])
    last = 0.3 * 0.9
    first = 0.7 * last + 0.3 * 0.1
    middle = 0.7 * first + 0.3 * 0.5
    assert [t[1, 0, 0, 0, 0].item() for t in found] == pytest.approx([last, middle, first], abs=1e-3)


@pytest.mark.parametrize("variant", ["faithful", "released"])
@pytest.mark.parametrize(("updates", "times"), [("step", 1), ("layer", 2)])
def test_predictions_are_counted_once_a_step(updates: str, times: int, variant: str) -> None:
    batch = two_samples()
    strategy = NPN(two_sample_setting(), {"updates": updates, "counted": "predictions", "tau": 0.5}, variant)
    strategy.step([Layered()], batch, LATE)
    assert strategy.memory.read(batch).sum(0).unique().tolist() == [times]


def test_each_layer_is_labelled_by_the_counts_as_it_finds_them_where_the_published_code_counts_so() -> None:
    strategy, batch = NPN(two_sample_setting(), {"updates": "layer"}), two_samples()
    found = strategy.count_layers(batch, [torch.full((2, 1, 1, 2), p) for p in (0.9, 0.2, 0.8)], True)
    assert [counts[:, 0, 0, 0, 0].tolist() for counts in found] == [[0, 1], [1, 2], [0, 2]]


@pytest.mark.parametrize(("name", "epoch"), [("npn", LATE), ("pmhm", 0.0)])
def test_what_is_trusted_is_what_the_last_layer_trusts(name: str, epoch: float) -> None:
    strategy, network = make(name), Layered()
    strategy.prepare([network])
    trusted = strategy.step([network], two_samples(), epoch).trusted
    expected = {"npn": [[False, False], [True, True]], "pmhm": [[True, False], [False, True]]}
    assert trusted is not None and trusted[:, 0, 0].tolist() == expected[name]


def test_terms_of_another_number_of_layers_are_refused() -> None:
    batch, one = two_samples(), [torch.zeros(2)]
    prediction = Layered()(batch.frames, batch.expressions, batch.frames_of)
    with pytest.raises(ValueError, match="1 mask terms for a prediction of 2 decoder layers: give one for each"):
        combine(one, prediction, batch, LossConfig())
    with pytest.raises(ValueError, match="1 overlap terms for a prediction of 2 decoder layers: give one for each"):
        combine(one * 2, prediction, batch, LossConfig(), one)
