"""Rows that are no methods: what is there without learning, and what perfect selection reaches."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from bench_fakes import make_result
from torch import nn
from train_fakes import Fixed, make_batch

from actiseg_bench.losses import LossConfig, base_loss
from actiseg_bench.models.tiny_decoder import TinyDecoder
from actiseg_bench.records import Batch, NoiseRates
from actiseg_bench.report.table import make_leaderboards
from actiseg_bench.results.result import YARDSTICKS
from actiseg_bench.strategies.base import STRATEGIES, Setting, Strategy
from actiseg_noise.errors import ActisegError


def make(name: str) -> Strategy:
    return STRATEGIES[name](Setting(LossConfig(), NoiseRates(), 3))


def random_on(batch: Batch) -> Fixed:
    """Return a network with random logits."""
    random = torch.Generator().manual_seed(0)
    return Fixed(torch.randn(batch.masks.shape, generator=random), torch.randn(len(batch), generator=random))


def test_frozen_trains_what_decides_and_nothing_else() -> None:
    network = TinyDecoder()
    make("frozen").prepare([network])
    learns = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    assert learns == {name for name, _ in network.named_parameters() if name.startswith("action.decide.")} != set()


def test_frozen_needs_a_model_that_says_what_decides() -> None:
    network = nn.Linear(1, 1)
    network.card = replace(TinyDecoder.card, name="own", decides=())  # type: ignore[assignment]
    with pytest.raises(ActisegError, match="model 'own' does not say which of its parts decide"):
        make("frozen").prepare([network])


def test_of_right_labels_alone_the_clean_subset_is_all_and_its_loss_the_baselines() -> None:
    batch = make_batch()
    right = replace(batch, agrees=torch.ones_like(batch.masks, dtype=torch.bool))
    network = random_on(batch)
    step = make("clean_subset").step([network], right, 0.0)
    expected = base_loss(network(batch.frames, [], batch.frames_of), batch, LossConfig()).mean()
    assert step.losses[0].item() == pytest.approx(expected.item(), rel=1e-6)
    assert step.kept == [batch.sample_ids]


def test_wrong_samples_and_pixels_move_nothing() -> None:
    batch = make_batch()
    agrees = torch.ones_like(batch.masks, dtype=torch.bool)
    agrees[0] = False  # a wrong text
    agrees[2, :, :4] = False  # a wrong part of a mask
    network = random_on(batch)
    step = make("clean_subset").step([network], replace(batch, agrees=agrees), 0.0)
    assert step.kept == [batch.sample_ids[1:]]
    step.losses[0].backward()
    assert network.logits.grad is not None and network.positive.grad is not None
    assert not network.logits.grad[~agrees].any() and network.logits.grad[2][agrees[2]].any()
    assert network.positive.grad[0] == 0 and network.positive.grad[1:].all()


def test_without_any_right_label_there_is_nothing_to_descend() -> None:
    batch = make_batch()
    wrong = replace(batch, agrees=torch.zeros_like(batch.masks, dtype=torch.bool))
    assert make("clean_subset").step([random_on(batch)], wrong, 0.0).losses[0].item() == 0


def test_the_clean_subset_is_told_what_is_right_or_says_so() -> None:
    with pytest.raises(ValueError, match="which labels are right: open the dataset with diagnose=True"):
        make("clean_subset").step([random_on(make_batch())], make_batch(), 0.0)


def test_yardsticks_are_strategies() -> None:
    assert set(YARDSTICKS) <= set(STRATEGIES)


def test_a_yardstick_is_never_best_nor_compared() -> None:
    scores = {"baseline": 0.5, "gce": 0.4, "clean_subset": 0.9, "frozen": 0.01}
    results = []
    for name, score in scores.items():
        for seed in (0, 1):
            made = make_result(strategy=name, seed=seed)
            results.append(replace(made, scores={**made.scores, "p_miou": score}, run_key=f"{name}{seed}"))
    (board,) = make_leaderboards(results)
    rows = {row.strategy: row for row in board.blocks[0].rows}
    assert list(rows) == ["frozen", "clean_subset", "baseline", "gce"]
    assert "p_miou" in rows["baseline"].best
    assert not rows["clean_subset"].best and not rows["frozen"].best
    assert any("perfect selection" in note and "never marked" in note for note in board.notes)
