"""ReferFormer as a model of the bench: which query answers, what learns, auxiliary heads, and hard inputs."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from referformer_fakes import SMALL, SmallReferFormer
from referformer_method import fill_network
from torch import Tensor

from actiseg_bench.losses import LossConfig, base_loss
from actiseg_bench.models.base import MODELS, VosModel
from actiseg_bench.models.referformer import ReferFormer
from actiseg_bench.models.referformer.config import ALWAYS
from actiseg_bench.models.referformer.model import normalise
from actiseg_bench.models.referformer.text import tokenize
from actiseg_bench.records import AuxiliaryHeads, Batch, Prediction, Targets

SHORT, LONG = "knife", "left hand used in the action of cut onion"
ONE = torch.tensor([0])


@pytest.fixture
def network() -> SmallReferFormer:
    made = SmallReferFormer()
    fill_network(made)
    return made


def frames(count: int = 1, time: int = 2, height: int = 32, width: int = 48) -> Tensor:
    return torch.rand(count, time, 3, height, width, generator=torch.Generator().manual_seed(1))


def target(time: int = 2, height: int = 8, width: int = 12) -> Targets:
    """One object in the top left quarter of every frame."""
    masks = torch.zeros(1, time, height, width)
    masks[..., : height // 2, : width // 2] = 1
    return Targets(masks, torch.ones(1))


def batch_of(pictures: Tensor, targets: Targets, text: str = SHORT) -> Batch:
    time = pictures.shape[1]
    return Batch(
        pictures,
        [text],
        ONE,
        targets.masks,
        targets.is_positive,
        ("a/1",),
        (tuple(range(time)),),
        torch.eye(2, 3)[None],
    )


def same(found: Prediction, other: Prediction, rows: slice = slice(None), tolerance: float = 1e-5) -> bool:
    return torch.allclose(found.mask_logits[rows], other.mask_logits, atol=tolerance) and torch.allclose(
        found.positive_logits[rows], other.positive_logits, atol=tolerance
    )


@torch.no_grad()
def test_an_expression_answers_the_same_alone_and_beside_a_longer_one(network: SmallReferFormer) -> None:
    network.eval()
    both = network(frames(), [SHORT, LONG], torch.tensor([0, 0]))
    assert same(both, network(frames(), [SHORT], ONE), slice(0, 1))
    assert same(both, network(frames(), [LONG], ONE), slice(1, 2))
    assert not torch.allclose(both.mask_logits[0], both.mask_logits[1], atol=1e-3)


@torch.no_grad()
def test_a_sequence_that_two_samples_share_answers_as_for_each_alone(network: SmallReferFormer) -> None:
    network.eval()
    two = frames(2)
    found = network(two, [SHORT, LONG, SHORT], torch.tensor([0, 1, 1]))
    for i, (sequence, text) in enumerate(((0, SHORT), (1, LONG), (1, SHORT))):
        assert same(found, network(two[sequence : sequence + 1], [text], ONE), slice(i, i + 1))


@torch.no_grad()
def test_in_evaluation_the_query_answers_that_scores_best_over_the_frames(network: SmallReferFormer) -> None:
    network.eval()
    seen = frames()
    found = network.find(normalise(seen), tokenize([SHORT], network.config.text), ONE)
    best = int(found.logits[-1, 0].sigmoid().mean(0).argmax())
    answer = network(seen, [SHORT], ONE)
    assert answer.queries is not None and answer.queries.tolist() == [[best]]
    assert torch.allclose(answer.mask_logits[0], network.draw(found, -1)[0, :, best], atol=1e-5)
    assert answer.earlier == () and answer.own_loss is None and answer.auxiliary is None


def test_with_targets_every_layer_answers_with_the_query_that_fits(network: SmallReferFormer) -> None:
    seen, wanted = frames(), target()
    found = network.find(normalise(seen), tokenize([SHORT], network.config.text), ONE)
    answer = network(seen, [SHORT], ONE, wanted)
    assert answer.queries is not None and answer.queries.shape == (2, 1)
    for layer, said in enumerate((*answer.earlier, answer)):
        query = int(answer.queries[layer])
        assert torch.allclose(said.mask_logits[0], network.draw(found, layer)[0, :, query], atol=1e-5)
        assert torch.allclose(said.positive_logits, found.positives[layer], atol=1e-5)
    assert answer.own_loss is not None and answer.own_loss.shape == (1,)


def test_queries_chosen_before_are_used_again(network: SmallReferFormer) -> None:
    for queries in ([[0], [2]], [[1], [0]]):
        answer = network(frames(), [SHORT], ONE, target()._replace(queries=torch.tensor(queries)))
        assert answer.queries is not None and answer.queries.tolist() == queries


def test_a_network_without_the_positive_head_empties_nothing() -> None:
    network = ReferFormer(replace(SMALL, positive_head=False)).eval()
    assert not [name for name in network.state_dict() if "positive" in name]
    with torch.no_grad():
        found = network(frames(), [SHORT, LONG], torch.tensor([0, 0]))
    assert found.positive_logits.tolist() == [ALWAYS, ALWAYS]
    assert found.positive_logits.sigmoid().min() > 0.99


def test_gradients_reach_every_parameter(network: SmallReferFormer) -> None:
    seen, wanted = frames(height=64, width=64), target(height=16, width=16)
    answer = network(seen, [LONG], ONE, wanted)
    base_loss(answer, batch_of(seen, wanted), LossConfig()).sum().backward()
    learning = {name: p.grad for name, p in network.named_parameters() if not name.endswith("key.bias")}  # in a softmax
    assert [name for name, grad in learning.items() if grad is None or not grad.abs().sum() > 1e-7] == []


def heads(**options: float) -> AuxiliaryHeads:
    plain: dict[str, float] = {"init_std": 0.0, "dropout": 0.0, "noise": 0.0}
    return AuxiliaryHeads(count=2, **(plain | options))  # type: ignore[arg-type]


def test_copied_heads_on_unchanged_features_draw_what_the_own_one_draws(network: SmallReferFormer) -> None:
    network.add_heads(heads())
    answer = network.train()(frames(), [SHORT, LONG], torch.tensor([0, 0]), two_targets())
    assert answer.auxiliary is not None and answer.auxiliary.shape == (2, *answer.mask_logits.shape)
    for drawn in answer.auxiliary:
        assert torch.allclose(drawn, answer.mask_logits, atol=1e-4)


@pytest.mark.parametrize("option", [{"init_std": 0.1}, {"init_std": None}, {"dropout": 0.5}, {"noise": 0.5}])
def test_heads_differ_by_their_start_or_by_what_they_read(network: SmallReferFormer, option: dict[str, float]) -> None:
    torch.manual_seed(0)
    network.add_heads(heads(**option))
    first, second = network.train()(frames(), [SHORT], ONE, target()).auxiliary
    assert not torch.allclose(first, second, atol=1e-3)


def test_heads_exist_in_training_alone_learn_when_let_and_leave_nothing_behind(network: SmallReferFormer) -> None:
    published = network.state_dict().keys()
    network.add_heads(heads())
    assert network.state_dict().keys() - published == {
        f"auxiliary.{head}.layers.{layer}.{kind}"
        for head in (0, 1)
        for layer in (0, 1, 2)
        for kind in ("weight", "bias")
    }
    assert network.eval()(frames(), [SHORT], ONE, target()).auxiliary is None
    network.train().let_heads_learn(False)
    drawn = network(frames(), [SHORT], ONE, target()).auxiliary
    drawn.sum().backward()
    assert all(p.grad is None for p in network.auxiliary.parameters())
    network.let_heads_learn(True)
    network(frames(), [SHORT], ONE, target()).auxiliary.sum().backward()
    assert all(p.grad is not None for p in network.auxiliary.parameters())
    network.drop_heads()
    network.drop_heads()  # nothing left to drop
    assert network.state_dict().keys() == published
    assert network(frames(), [SHORT], ONE, target()).auxiliary is None


def two_targets() -> Targets:
    one = target()
    return Targets(one.masks.repeat(2, 1, 1, 1), one.is_positive.repeat(2))


@pytest.mark.parametrize(
    ("size", "cells"), [((8, 8), (2, 2)), ((1, 1), (1, 1)), ((33, 47), (9, 12)), ((4, 96), (1, 24))]
)
@pytest.mark.parametrize("time", [1, 3])
def test_frames_of_any_size_and_number_have_masks_and_finite_losses(
    network: SmallReferFormer, size: tuple[int, int], cells: tuple[int, int], time: int
) -> None:
    seen, wanted = frames(1, time, *size), target(time, *cells)
    answer = network(seen, [SHORT], ONE, wanted)
    assert answer.mask_logits.shape == (1, time, *cells)
    loss = base_loss(answer, batch_of(seen, wanted), LossConfig()).sum()
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)
    with torch.no_grad():
        assert network.eval()(seen, [SHORT], ONE).mask_logits.shape == (1, time, *cells)


def test_in_mixed_precision_answers_are_near_and_losses_finite(network: SmallReferFormer) -> None:
    seen, wanted = frames(), target()
    exact = network(seen, [SHORT], ONE, wanted)
    with torch.autocast("cpu", torch.bfloat16):
        near = network(seen, [SHORT], ONE, wanted._replace(queries=exact.queries))
    assert torch.allclose(near.mask_logits.float(), exact.mask_logits, atol=0.1)
    loss = base_loss(near, batch_of(seen, wanted), LossConfig()).sum()
    loss.backward()
    assert torch.isfinite(loss)


def test_an_object_never_visible_has_finite_losses_and_pulls_its_box_to_nothing(network: SmallReferFormer) -> None:
    seen, empty = frames(), Targets(torch.zeros(1, 2, 8, 12), torch.zeros(1))
    answer = network(seen, [SHORT], ONE, empty)
    loss = base_loss(answer, batch_of(seen, empty), LossConfig()).sum()
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)
    bias = network.bbox_embed[-1].layers[-1].bias.grad  # type: ignore[union-attr]
    assert (bias[2:] > 0).all(), "a step makes width and height smaller"  # type: ignore[index]


def test_frames_are_normalised_by_channel() -> None:
    grey = torch.full((1, 1, 3, 1, 1), 0.5)
    assert normalise(grey).flatten().tolist() == pytest.approx([0.0655, 0.1964, 0.4178], abs=1e-4)


@pytest.mark.parametrize("name", [name for name in MODELS if name.startswith("referformer")])
def test_what_a_card_calls_fresh_or_frozen_is_there(name: str) -> None:
    made: type[VosModel] = MODELS[name]
    with torch.device("meta"):
        network = made()
    for part in (*made.card.fresh, *made.card.frozen, *made.card.optional):
        assert list(network.get_submodule(part).parameters()), part
