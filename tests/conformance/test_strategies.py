"""Judges every registered strategy: a newcomer is picked up by itself."""

from dataclasses import replace

import pytest
import torch
import train_fakes
from layered_fakes import Layered, two_sample_setting, two_samples
from torch import Tensor, nn

from actiseg_bench.losses import LossConfig
from actiseg_bench.models.tiny import Tiny
from actiseg_bench.records import AuxiliaryHeads, Batch, NoiseRates, Prediction, Targets
from actiseg_bench.results.result import YARDSTICKS
from actiseg_bench.strategies.base import STRATEGIES, OutOfFold, Setting, Strategy
from actiseg_noise.errors import ActisegError, UnknownNameError

NAMES = list(STRATEGIES)
RATES = NoiseRates(0.4, 0.2, 0.3, 0.2, 0.1)
ASKED = OutOfFold(
    tuple(f"{clip}/{k}" for clip in "ab" for k in (1, 2, 3)),
    torch.tensor([True, False, True] * 2),
    torch.tensor([0.9, 0.1, 0.9, 0.9, 0.1, 0.1]),  # the last one is not believed
)
METHODS = [(name, variant) for name in NAMES for variant in STRATEGIES[name].card.variants]
every_variant = pytest.mark.parametrize(("name", "variant"), METHODS, ids=["@".join(method) for method in METHODS])
LEARNERS = [name for name in NAMES if name not in YARDSTICKS]
"""Strategies that learn masks from the labels as given; yardsticks are judged in tests/bench/test_yardsticks.py."""
LEARNING = [(name, variant) for name, variant in METHODS if name in LEARNERS]
every_learner = pytest.mark.parametrize(("name", "variant"), LEARNING, ids=["@".join(method) for method in LEARNING])


def make(name: str, variant: str = "faithful", **options: object) -> Strategy:
    batch = make_batch()
    frames = dict(zip(batch.sample_ids, batch.frame_idx, strict=True))
    setting = Setting(LossConfig(), noise_rates=RATES, epochs=2, frames=frames, mask_size=(8, 8), out_of_fold=ASKED)
    return STRATEGIES[name](setting, options, variant)


def make_batch() -> Batch:
    batch = train_fakes.make_batch()
    return replace(batch, strong=batch.frames / 2, agrees=torch.ones_like(batch.masks, dtype=torch.bool))


def make_networks(strategy: Strategy) -> list[nn.Module]:
    networks: list[nn.Module] = []
    for seed in range(strategy.card.networks):
        torch.manual_seed(seed)
        networks.append(Tiny().train())
    strategy.prepare(networks)
    return networks


@pytest.mark.parametrize("name", NAMES)
def test_the_card_is_complete(name: str) -> None:
    card = STRATEGIES[name].card
    assert card.name == name
    assert card.title and card.formula and card.source and card.cost
    assert "faithful" in card.variants
    assert card.networks >= 1
    assert all(one.meaning for one in card.list_options())
    for variant in card.variants:
        strategy = STRATEGIES[name](Setting(LossConfig(), RATES, 1), {}, variant)
        assert strategy.options == card.make_options(variant, {})


@pytest.mark.parametrize("epoch", [0.0, 1.9])
@every_variant
def test_every_network_gets_a_finite_loss_and_a_gradient_of_its_own(name: str, variant: str, epoch: float) -> None:
    strategy = make(name, variant)
    networks = make_networks(strategy)
    losses = strategy.step(networks, make_batch(), epoch).losses
    assert len(losses) == len(networks)
    for own, loss in zip(networks, losses, strict=True):
        for network in networks:
            network.zero_grad()
        loss.backward(retain_graph=True)
        touched = [any(p.grad is not None and p.grad.any() for p in network.parameters()) for network in networks]
        assert torch.isfinite(loss)
        assert touched == [network is own for network in networks]


@pytest.mark.parametrize("epoch", [0.0, 1.9])
@every_learner
def test_every_decoder_layer_and_the_networks_own_loss_are_learned_from(name: str, variant: str, epoch: float) -> None:
    strategy = STRATEGIES[name](two_sample_setting(), {}, variant)
    networks = [Layered() for _ in range(strategy.card.networks)]
    strategy.prepare(networks)
    sum(strategy.step(networks, two_samples(), epoch).losses).backward()
    for network in networks:
        learned = (network.last, network.early, network.last_scores, network.early_scores, network.own)
        assert all(p.grad is not None and p.grad.any() for p in learned)


@every_variant
def test_the_batch_is_left_as_it_was(name: str, variant: str) -> None:
    strategy, batch, untouched = make(name, variant), make_batch(), make_batch()
    strategy.step(make_networks(strategy), batch, 0.0)
    assert torch.equal(batch.masks, untouched.masks)
    assert torch.equal(batch.frames, untouched.frames)
    assert batch.expressions == untouched.expressions


@every_variant
def test_equal_networks_and_batches_give_equal_losses(name: str, variant: str) -> None:
    found = []
    for _ in range(2):
        strategy = make(name, variant)
        found.append([loss.item() for loss in strategy.step(make_networks(strategy), make_batch(), 0.5).losses])
    assert found[0] == found[1]


@every_variant
def test_a_strategy_goes_on_from_its_state_as_if_nothing_had_happened(name: str, variant: str) -> None:
    first, second = make(name, variant), make(name, variant)
    networks = make_networks(first)
    make_networks(second)
    first.step(networks, make_batch(), 0.0)
    second.load_state({key: value.clone() for key, value in first.state().items()})
    found = []
    for strategy in (first, second):
        torch.manual_seed(0)
        found.append([loss.item() for loss in strategy.step(networks, make_batch(), 1.9).losses])
    assert found[0] == found[1]


class Memory(nn.Module):
    """A network that can only learn this batch: its answer is its parameters."""

    def __init__(self, masks: Tensor) -> None:
        super().__init__()
        self.masks = nn.Parameter(torch.zeros_like(masks))
        self.positive = nn.Parameter(torch.zeros(len(masks)))
        self.heads: AuxiliaryHeads | None = None

    def forward(
        self, frames: Tensor, expressions: list[str], frames_of: Tensor, targets: Targets | None = None
    ) -> Prediction:
        return Prediction(self.masks, self.positive, self.masks[None] if self.heads else None)

    def add_heads(self, heads: AuxiliaryHeads) -> None:
        self.heads = heads

    def let_heads_learn(self, learning: bool) -> None:
        pass


def gradients(strategy: Strategy) -> tuple[Tensor, Tensor]:
    """Return the slopes of mask and positive logits, late in the run, of a network that is wrong about some pixels."""
    batch = make_batch()
    networks = [Memory(batch.masks) for _ in range(strategy.card.networks)]
    for network in networks:
        with torch.no_grad():
            network.masks.copy_(4 * torch.rand(batch.masks.shape, generator=torch.Generator().manual_seed(0)) - 2)
            network.positive.copy_(torch.linspace(-1, 1, len(batch)))
    strategy.prepare(networks)
    strategy.step(networks, batch, 1.9).losses[0].backward()
    masks, positive = networks[0].masks.grad, networks[0].positive.grad
    assert masks is not None
    assert positive is not None
    return masks, positive


@pytest.mark.parametrize("term", ["mask", "dice", "positive"])
@pytest.mark.parametrize("name", LEARNERS)
def test_the_card_says_which_terms_are_protected(name: str, term: str) -> None:
    """A term that is protected learns something else than the baseline's; one that is not learns the very same."""
    loss = LossConfig(**{one: float(one == term) for one in ("mask", "dice", "positive")})
    ours, plain = (
        gradients(STRATEGIES[strategy](replace(make(name).setting, loss=loss))) for strategy in (name, "baseline")
    )
    place = int(term == "positive")
    is_same = torch.allclose(ours[place], plain[place], atol=1e-7)
    if getattr(STRATEGIES[name].card.robust, term):
        assert not is_same
    elif term != "mask" and STRATEGIES[name].__module__.startswith("actiseg_bench."):
        assert is_same


@every_learner
def test_descending_the_loss_learns_clean_labels(name: str, variant: str) -> None:
    strategy, batch = make(name, variant), make_batch()
    networks = [Memory(batch.masks) for _ in range(strategy.card.networks)]
    strategy.prepare(networks)
    optimizers = [torch.optim.Adam(network.parameters(), lr=0.1) for network in networks]
    for step in range(150):
        losses = strategy.step(networks, batch, step / 75).losses
        for optimizer, loss in zip(optimizers, losses, strict=True):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    kept = networks[0].positive.detach() != 0
    right = (networks[0].masks.detach() > 0) == (batch.masks > 0.5)
    assert kept.float().mean() >= 0.5
    assert right[kept].float().mean() > 0.95
    assert torch.equal(networks[0].positive.detach()[kept] > 0, batch.is_positive[kept] > 0.5)


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_option_is_refused_by_name(name: str) -> None:
    with pytest.raises(UnknownNameError, match=f"strategy '{name}' has no option 'no_such_option'"):
        make(name, no_such_option=1)


@pytest.mark.parametrize("name", NAMES)
def test_a_value_that_an_option_cannot_have_is_refused_with_what_is_allowed(name: str) -> None:
    for one in STRATEGIES[name].card.list_options():
        for value in ({"a": 1}, float("nan")):
            with pytest.raises(ActisegError) as refused:
                make(name, **{one.key: value})
            assert f"strategy '{name}', option {one.key}: expected {one.allowed}, got " in str(refused.value)


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_variant_is_refused(name: str) -> None:
    with pytest.raises(ActisegError, match="has no variant 'odd'"):
        STRATEGIES[name](Setting(LossConfig(), NoiseRates(), 1), {}, "odd")


def test_an_unknown_strategy_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'co_teaching'"):
        STRATEGIES["coteaching"]
