"""ELR against its closed forms."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from train_fakes import make_batch

from actiseg_bench.data.transforms import flip
from actiseg_bench.losses import LossConfig, base_loss, combine, mean_over_pixels
from actiseg_bench.records import Batch, NoiseRates, Prediction, Targets
from actiseg_bench.strategies.base import Setting
from actiseg_bench.strategies.elr import ELR, both, elr_regularizer, pack, unpack, update_target
from actiseg_bench.strategies.memory import as_seen
from actiseg_noise.errors import ActisegError


def make(variant: str = "faithful", **options: object) -> ELR:
    batch = make_batch()
    frames = dict(zip(batch.sample_ids, batch.frame_idx, strict=True))
    return ELR(Setting(LossConfig(), NoiseRates(0.4, 0.4, 0.4), 2, frames, (8, 8)), options, variant)


class Constant:
    """A network with one answer for every pixel."""

    def __init__(self, p: float) -> None:
        self.logit = torch.tensor(p).logit().requires_grad_()

    def __call__(
        self, frames: Tensor, expressions: list[str], frames_of: Tensor, targets: Targets | None = None
    ) -> Prediction:
        samples, time, _, height, width = len(frames_of), *frames.shape[1:]
        shape = (samples, time, height // 2, width // 2)
        return Prediction(self.logit.expand(shape), torch.zeros(samples))


def belief(strategy: ELR, batch: Batch) -> Tensor:
    """Return t of the object, ``[N, T, h, w]``."""
    assert strategy.memory is not None
    return as_seen(strategy.target(strategy.memory.read(batch)[0]), batch)[1]


def slope(p: float, t: float) -> float:
    x = torch.tensor(p, requires_grad=True)
    elr_regularizer(both(x), both(torch.tensor(t))).backward()
    assert x.grad is not None
    return x.grad.item()


def test_a_belief_that_disagrees_with_the_label_pulls_towards_the_belief() -> None:
    assert slope(p=0.3, t=0.2) == pytest.approx(0.6 / 0.38)  # descends to a smaller p


def test_the_published_regulariser_pulls_towards_the_label() -> None:
    assert slope(p=0.3, t=1.0) == pytest.approx(-1 / 0.7)


def test_the_regulariser_is_the_written_out_one() -> None:
    p, t = torch.tensor([0.1, 0.5, 0.9]), torch.tensor([0.9, 0.2, 0.9])
    written_out = (1 - t * p - (1 - t) * (1 - p)).log()
    assert torch.allclose(elr_regularizer(both(p), both(t)), written_out)


def test_no_belief_does_not_regularise() -> None:
    p = torch.tensor([0.1, 0.9])
    assert elr_regularizer(both(p), torch.zeros(2, 2)).tolist() == [0, 0]


def test_a_target_is_the_running_mean_of_the_predictions() -> None:
    t = torch.zeros(2)
    for p in (0.8, 0.6, 0.9):
        t = update_target(t, both(torch.tensor(p)), 0.7)
    assert t[1].item() == pytest.approx(0.49 * 0.3 * 0.8 + 0.7 * 0.3 * 0.6 + 0.3 * 0.9)
    assert t.sum().item() == pytest.approx(1 - 0.7**3)


def test_sixteen_bits_hold_a_belief_to_a_four_thousandth_and_thirty_one_visits() -> None:
    beliefs = torch.linspace(0, 1, 4001)
    for visits in (0, 1, 31):
        packed = pack(beliefs, torch.full((4001,), visits, dtype=torch.int32))
        found, counted = unpack(packed)
        assert packed.max() < 2**16
        assert (found - beliefs).abs().max() <= 0.5 / 2047 + 1e-6
        assert (counted == visits).all()
    assert unpack(pack(torch.tensor(0.5), torch.tensor(32)))[1] == 31


@pytest.mark.parametrize("beta", [0.0, 0.7, 0.9])
def test_the_memory_follows_the_target_in_full_precision(beta: float) -> None:
    strategy, batch = make(beta=beta), make_batch()
    random, exact = torch.Generator().manual_seed(0), torch.zeros(2, 6, 3, 8, 8)
    for _ in range(20):
        p = torch.rand(6, 3, 8, 8, generator=random)
        exact = update_target(exact, both(p), beta)
        assert strategy.memory is not None
        found = strategy.running_target(strategy.memory, batch, p)
        assert (found - exact).abs().max() < 0.25e-3 / (1 - beta) + 1e-5


def test_the_target_is_updated_before_it_is_used_and_once_a_step() -> None:
    strategy, batch, network = make(), make_batch(), Constant(0.8)
    loss = strategy.step([network], batch, 0.0).losses[0]
    p, t = (
        torch.full((6, 3, 8, 8), 0.8),
        torch.full((2, 6, 3, 8, 8), 0.3) * torch.tensor([0.2, 0.8]).view(2, 1, 1, 1, 1),
    )
    entropy = -(batch.masks * p.log() + (1 - batch.masks) * (1 - p).log())
    pixels = entropy + 3 * elr_regularizer(both(p), t)
    prediction = Prediction(p.logit(), torch.zeros(6))
    expected = combine([mean_over_pixels(pixels)], prediction, batch, LossConfig()).mean()
    assert loss.item() == pytest.approx(expected.item(), abs=1e-3)
    assert torch.allclose(belief(strategy, batch), torch.full((6, 3, 8, 8), 0.24), atol=1e-3)


def test_the_target_takes_no_gradient() -> None:
    strategy, batch = make(), make_batch()
    assert strategy.memory is not None
    p = torch.full((6, 3, 8, 8), 0.8, requires_grad=True)
    assert not strategy.running_target(strategy.memory, batch, p.detach()).requires_grad


def test_a_mirrored_batch_updates_the_pixels_that_it_shows() -> None:
    strategy, plain = make(), make_batch()
    mirrored = flip(plain, torch.tensor([True, True]))
    p = torch.linspace(0.1, 0.8, 8).expand(6, 3, 8, 8)
    assert strategy.memory is not None
    seen = strategy.running_target(strategy.memory, mirrored, p)
    assert torch.allclose(seen[1], 0.3 * p, atol=1e-3)
    assert torch.allclose(belief(strategy, plain), 0.3 * p.flip(-1), atol=1e-3)


def test_the_published_variant_is_focal_and_a_reward_for_the_label() -> None:
    strategy, batch, network = make("released"), make_batch(), Constant(0.3)
    assert strategy.memory is None
    prediction = network(batch.frames, batch.expressions, batch.frames_of)
    p = torch.full((6, 3, 8, 8), 0.3)
    reward = 5e-4 * (1 - batch.masks * p - (1 - batch.masks) * (1 - p)).log()
    expected = base_loss(prediction, batch, LossConfig()).mean() + 2 * mean_over_pixels(reward).mean()
    assert strategy.step([network], batch, 0.0).losses[0].item() == pytest.approx(expected.item(), abs=1e-6)


def test_the_published_target_believes_in_the_background_at_first_touch() -> None:
    strategy, batch = make("released", regularise="target"), make_batch()
    assert (belief(strategy, batch) == 0).all()
    assert strategy.memory is not None
    assert strategy.target(strategy.memory.read(batch)[0])[0].min() == 1
    t = strategy.running_target(strategy.memory, batch, torch.full((6, 3, 8, 8), 0.5))
    assert torch.allclose(t[1], torch.full((6, 3, 8, 8), 0.495), atol=1e-3)
    assert torch.allclose(t.sum(0), torch.ones(6, 3, 8, 8))


@pytest.mark.parametrize("variant", ["faithful", "released"])
def test_saturated_logits_have_finite_gradients(variant: str) -> None:
    strategy, batch = make(variant), make_batch()
    for logit in (-200.0, 200.0):
        network = Constant(0.5)
        network.logit = torch.tensor(logit, requires_grad=True)
        strategy.step([network], batch, 0.0).losses[0].backward()
        assert network.logit.grad is not None and network.logit.grad.isfinite()


def test_memory_in_a_folder_goes_away_at_the_end(tmp_path) -> None:
    batch = make_batch()
    frames = dict(zip(batch.sample_ids, batch.frame_idx, strict=True))
    strategy = ELR(Setting(LossConfig(), NoiseRates(0.4, 0.4, 0.4), 2, frames, (8, 8), folder=tmp_path))
    strategy.step([Constant(0.8)], batch, 0.0)
    assert (tmp_path / "elr.npy").stat().st_size == 128 + 2 * 6 * 3 * 8 * 8
    strategy.finish([])
    assert not list(tmp_path.iterdir())


def test_options_that_cannot_be_are_refused() -> None:
    with pytest.raises(
        ActisegError, match=r"'elr', option beta: expected a number of at least 0 and of at most 0.9, got 0.99"
    ):
        make(beta=0.99)
    with pytest.raises(ActisegError, match="regularise: expected target or label, got 'labels'. Did you mean 'label'"):
        make(regularise="labels")


def test_a_batch_of_unknown_samples_is_refused() -> None:
    batch = replace(make_batch(), sample_ids=tuple("uvwxyz"))
    with pytest.raises(ActisegError, match="sample u, frames"):
        make().step([Constant(0.5)], batch, 0.0)
