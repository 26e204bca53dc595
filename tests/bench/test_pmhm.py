"""PMHM on maps drawn so that a reader sees the answer."""

import pytest
import torch
from layered_fakes import Layered, two_sample_setting, two_samples
from train_fakes import make_batch

from actiseg_bench.losses import LossConfig, dice
from actiseg_bench.models.tiny import Tiny
from actiseg_bench.records import AuxiliaryHeads, NoiseRates
from actiseg_bench.strategies.base import STRATEGIES, Setting
from actiseg_bench.strategies.pmhm import (
    annealed,
    dice_inside,
    find_regions,
    quantiles,
    sobel,
    symmetric_kl,
    tversky,
)
from actiseg_noise.errors import ActisegError

SURE, UNSURE = 0.99, 0.52


def frame(rows: list[list[float]]) -> torch.Tensor:
    """Return a map ``[1, 1, h, w]``."""
    return torch.tensor(rows)[None, None]


def picture(mask: torch.Tensor) -> list[str]:
    """Return a bool map as rows of # and ."""
    return ["".join("#" if cell else "." for cell in row) for row in mask[0, 0].tolist()]


PLATEAU = frame(
    [
        [0.01, 0.01, 0.01, 0.01, 0.01],
        [0.01, 0.01, 0.01, 0.01, 0.01],
        [0.01, 0.01, 0.48, 0.52, 0.55],
        [0.01, 0.01, 0.45, 0.99, 0.99],
        [0.01, 0.01, 0.40, 0.99, 0.99],
    ]
)
KEEP = {"margin": 0.2, "edge": 1.0, "confidence": 0.6, "agree": 2}


def test_the_least_sure_fifth_is_uncertain() -> None:
    regions = find_regions(PLATEAU, PLATEAU[None], **KEEP)
    assert picture(regions.uncertain) == [".....", ".....", "..###", "..#..", "..#.."]


def test_where_both_heads_agree_and_the_main_head_is_sure_the_label_is_trusted() -> None:
    regions = find_regions(PLATEAU, PLATEAU[None], **KEEP)
    assert picture(regions.confident) == ["#####", "#####", "##...", "##.##", "##.##"]


def test_a_head_that_votes_otherwise_takes_the_trust_away() -> None:
    other = PLATEAU.clone()
    other[0, 0, 4] = 1 - other[0, 0, 4]
    regions = find_regions(PLATEAU, other[None], **KEEP)
    assert picture(regions.confident) == ["#####", "#####", "##...", "##.##", "....."]


def test_one_head_alone_needs_no_second() -> None:
    alone = find_regions(PLATEAU, PLATEAU[None][:0], **KEEP)
    assert torch.equal(alone.confident, find_regions(PLATEAU, PLATEAU[None], **KEEP).confident)


def test_steep_pixels_are_uncertain() -> None:
    regions = find_regions(PLATEAU, PLATEAU[None], **{**KEEP, "margin": 0.0, "edge": 0.85})
    slope = sobel(PLATEAU)[0, 0]
    assert regions.uncertain.sum() == 4  # 15 % of 25 pixels, rounded up
    assert slope[regions.uncertain[0, 0]].min() > slope[~regions.uncertain[0, 0]].max()


def test_the_slope_of_a_step_is_half_its_height() -> None:
    step = frame([[0.0, 0.0, 1.0, 1.0]] * 4)
    assert sobel(step)[0, 0, 1].tolist() == pytest.approx([0, 0.5, 0.5, 0.5])  # the last: p is 0 outside the frame


def test_quantiles_are_of_each_sample_over_all_its_frames() -> None:
    values = torch.tensor([[[[0.0]], [[1.0]]], [[[10.0]], [[30.0]]]])
    (found,) = quantiles(values, 0.25)
    assert found.flatten().tolist() == [0.25, 15.0]


def test_dice_does_not_see_what_lies_outside_the_region() -> None:
    region = frame([[1.0, 1.0, 0.0, 0.0]])
    target = frame([[1.0, 0.0, 1.0, 0.0]])
    logits = frame([[9.0, -9.0, 9.0, 9.0]])
    changed = frame([[9.0, -9.0, -3.0, 0.5]])
    found = [dice_inside(x, target, region, masked_logits=False) for x in (logits, changed)]
    assert torch.equal(*found)
    inside = dice(logits[..., :2], target[..., :2])
    assert found[0].item() == pytest.approx(inside.item())


def test_the_published_dice_counts_a_half_for_every_pixel_outside() -> None:
    """A perfect answer: 400 of 1,000 pixels trusted, 50 of them foreground, 600 outside at p = .5."""
    target = torch.zeros(1, 1, 1, 1000)
    target[..., :50] = 1
    region = torch.zeros(1, 1, 1, 1000)
    region[..., :400] = 1
    logits = 60 * target - 30
    assert dice_inside(logits, target, region, masked_logits=False).item() == pytest.approx(0, abs=1e-6)
    published = dice_inside(logits, target, region, masked_logits=True).item()
    assert published == pytest.approx(1 - 101 / (50 + 300 + 50 + 1))


def test_tversky_weighs_what_is_too_much_and_what_is_missing() -> None:
    everything = torch.ones(1, 1, 1, 4)
    p, y = frame([[1.0, 1.0, 0.0, 0.0]]), frame([[1.0, 0.0, 1.0, 0.0]])
    assert tversky(p, y, everything, alpha=0.7, beta=0.5).item() == pytest.approx(1 - 1 / 2.2)
    assert tversky(y, y, everything, alpha=0.7, beta=0.5).item() == pytest.approx(0, abs=1e-6)


def test_the_symmetric_divergence_is_the_sum_of_both() -> None:
    p, q = torch.tensor(0.8), torch.tensor(0.3)
    one = p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()
    other = q * (q / p).log() + (1 - q) * ((1 - q) / (1 - p)).log()
    assert symmetric_kl(p.logit(), q.logit()).item() == pytest.approx((one + other).item(), rel=1e-5)


def test_annealing_goes_from_the_first_epoch_to_the_last_and_stays() -> None:
    assert [round(annealed(0.7, 0.5, epoch, 3), 3) for epoch in (0, 0.9, 1.5, 2.0, 7.0)] == [0.7, 0.7, 0.6, 0.5, 0.5]


def prepared(variant: str = "faithful") -> Tiny:
    torch.manual_seed(0)
    network = Tiny().train()
    STRATEGIES["pmhm"](Setting(LossConfig(), NoiseRates(0.4, 0.4, 0.4), 3), {}, variant).prepare([network])
    return network


def test_heads_start_as_near_copies_of_the_main_one() -> None:
    network = prepared()
    for name, parameter in network.controller.named_parameters():
        copy = network.auxiliary[0].get_parameter(name)
        assert 0 < (copy - parameter).abs().max() < 0.01


def test_the_published_heads_start_unrelated() -> None:
    network = prepared("released")
    first = network.controller.get_parameter("write.0.weight")
    assert (network.auxiliary[0].get_parameter("write.0.weight") - first).abs().max() > 0.05


def test_heads_exist_in_training_alone() -> None:
    network, batch = prepared(), make_batch()
    size = len(Tiny().state_dict())
    assert network(batch.frames, batch.expressions, batch.frames_of).auxiliary.shape == (1, *batch.masks.shape)
    network.eval()
    assert network(batch.frames, batch.expressions, batch.frames_of).auxiliary is None
    STRATEGIES["pmhm"](Setting(LossConfig(), NoiseRates(0.4, 0.4, 0.4), 3)).finish([network])
    assert len(network.state_dict()) == size


def test_frozen_heads_get_no_gradient_and_the_rest_does() -> None:
    network, batch = prepared(), make_batch()
    strategy = STRATEGIES["pmhm"](Setting(LossConfig(), NoiseRates(0.4, 0.4, 0.4), 3), {"freeze": (1.0, 1.0)})
    strategy.step([network], batch, 0.0).losses[0].backward()
    assert all(p.grad is None for p in network.auxiliary.parameters())
    assert any(p.grad is not None and p.grad.any() for p in network.controller.parameters())


@pytest.mark.parametrize(("unit", "zeros"), [("channel", {0.0, 1.0}), ("frame", {0.0, 1.0})])
def test_dropout_takes_whole_units_of_the_features(unit: str, zeros: set[float]) -> None:
    torch.manual_seed(1)
    features = torch.ones(2, 40, 3, 20)
    dropped = AuxiliaryHeads(1, dropout=0.5, unit=unit, noise=0.0).perturb(features) == 0
    per_channel = dropped.float().mean(3)
    assert set(per_channel.flatten().tolist()) == zeros
    whole_frames = per_channel.mean(1)
    assert (set(whole_frames.flatten().tolist()) <= {0.0, 1.0}) == (unit == "frame")


def test_a_model_without_heads_is_refused_by_name() -> None:
    class Plain(Tiny):
        make_head = Tiny.__mro__[1].make_head

    with pytest.raises(ActisegError, match="model 'tiny' has no auxiliary mask heads"):
        STRATEGIES["pmhm"](Setting(LossConfig(), NoiseRates(0.4, 0.4, 0.4), 3)).prepare([Plain()])


def step_loss(network: torch.nn.Module, loss: LossConfig | None = None, **options: object) -> float:
    """Return the loss of two decoder layers under options that leave one part alone."""
    strategy = STRATEGIES["pmhm"](two_sample_setting(loss), options)
    strategy.prepare([network])
    return strategy.step([network], two_samples(), 0.0).losses[0].item()


ALONE = {"tversky": 0.0, "consistency": 0.0, "layer_consistency": 0.0, "edge": 1.0}


def test_every_part_can_be_turned_off_alone_and_without_all_of_them_it_is_the_baseline() -> None:
    """Each part that is left changes the loss; none is left when focal and dice count everywhere."""
    plain = STRATEGIES["baseline"](two_sample_setting()).step([Layered()], two_samples(), 0.0).losses[0].item()
    off = {**ALONE, "focal_region": "all", "dice_region": "all", "heads": 0}
    assert step_loss(Layered(), **off) == pytest.approx(plain, rel=1e-6)
    for part in ("tversky", "layer_consistency", "focal_region", "dice_region"):
        assert step_loss(Layered(), **{k: v for k, v in off.items() if k != part}) != pytest.approx(plain, rel=1e-4)
    with_heads = {k: v for k, v in off.items() if k not in ("heads", "consistency")}
    assert step_loss(Layered(), **with_heads) != pytest.approx(plain, rel=1e-4)


def test_dice_and_focal_have_regions_of_their_own() -> None:
    for region, term in (("dice_region", {"mask": 0.0}), ("focal_region", {"dice": 0.0})):
        loss = LossConfig(positive=0.0, **term)
        plain = STRATEGIES["baseline"](two_sample_setting(loss)).step([Layered()], two_samples(), 0.0).losses[0].item()
        assert step_loss(Layered(), loss, **ALONE, **{region: "all"}) == pytest.approx(plain, rel=1e-6)
        other = {"dice_region": "focal_region", "focal_region": "dice_region"}[region]
        assert step_loss(Layered(), loss, **ALONE, **{other: "all"}) != pytest.approx(plain, rel=1e-4)


def test_without_heads_a_network_that_cannot_grow_any_is_trained() -> None:
    class Headless(Layered):
        def add_heads(self, heads: AuxiliaryHeads) -> None:
            raise AssertionError

        def let_heads_learn(self, learning: bool) -> None:
            raise AssertionError

    assert step_loss(Headless(), heads=0) > 0
