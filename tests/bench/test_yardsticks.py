"""Rows that are no methods: what is there without learning, and what perfect selection reaches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from bench_fakes import make_result, make_track
from torch import nn
from train_fakes import Fixed, make_batch

from actiseg_bench.grid.run import RunSpec
from actiseg_bench.grid.runner import TorchRunner
from actiseg_bench.losses import LossConfig, base_loss
from actiseg_bench.models.tiny_decoder import TinyDecoder
from actiseg_bench.records import Batch, NoiseRates
from actiseg_bench.report.table import make_leaderboards
from actiseg_bench.results.result import YARDSTICKS, RunResult
from actiseg_bench.strategies.base import STRATEGIES, Setting, Strategy
from actiseg_bench.training.config import RunConfig, TrainConfig, lengthen
from actiseg_bench.training.options import TrainOptions
from actiseg_bench.training.schedule import learning_rate
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
    scores = {"baseline": 0.5, "gce": 0.4, "clean_subset": 0.9, "frozen": 0.01, "longer_baseline": 0.8}
    results = []
    for name, score in scores.items():
        for seed in (0, 1):
            made = make_result(strategy=name, seed=seed)
            results.append(replace(made, scores={**made.scores, "p_miou": score}, run_key=f"{name}{seed}"))
    (board,) = make_leaderboards(results)
    rows = {row.strategy: row for row in board.blocks[0].rows}
    assert list(rows) == ["frozen", "clean_subset", "longer_baseline", "baseline", "gce"]
    assert "p_miou" in rows["baseline"].best
    assert not any(rows[name].best or rows[name].to_best for name in YARDSTICKS)
    assert any("perfect selection" in note and "never marked" in note for note in board.notes)


def test_the_longer_baseline_makes_twice_the_updates_and_its_schedule_ends_as_the_baselines_does() -> None:
    train = TrainConfig(steps=12, schedule="steps", drops=(3, 5), warmup_share=0.25)
    runner = TorchRunner(RunConfig(start_weights="none", train=train))
    specs = [RunSpec(make_track(), "tiny", name, "faithful", 0) for name in ("baseline", "longer_baseline")]
    short, long = (runner.identity(spec).config["train"] for spec in specs)
    assert (long["steps"], long["drops"]) == (24, [6, 10])
    assert {key for key in short if short[key] != long[key]} == {"steps", "drops"}
    rates = [learning_rate(step, train, 2) for step in range(12)]
    stretched = [learning_rate(step, lengthen(train, 2), 2) for step in range(24)]
    assert stretched[7::2] == pytest.approx(rates[3:])  # after the warm-up: the same rate at the same share of the run
    assert stretched[5] == pytest.approx(rates[2]) == train.learning_rate


def test_where_epochs_rule_there_are_twice_as_many_of_them() -> None:
    longer = lengthen(TrainConfig(epochs=6, drops=(3, 5)), 2)
    assert (longer.epochs, longer.drops) == (12, (6, 10))


def test_one_training_of_the_longer_baseline_is_as_long_as_one_of_the_grid(tmp_path: Path) -> None:
    asked = TrainOptions(manifest=tmp_path, out=tmp_path, strategy="longer_baseline", steps=7)
    assert asked.run_config().train.steps == 14


def test_the_longer_baseline_is_no_difference_in_footing_and_another_row_is() -> None:
    def row(name: str, steps: int) -> RunResult:
        made = make_result(strategy=name, config={"train": {"steps": steps}})
        return replace(made, run_key=f"{name} {steps}")

    warning = "differ in their training configuration"
    (board,) = make_leaderboards([row("baseline", 90), row("gce", 90), row("longer_baseline", 180)])
    assert not any(warning in note for note in board.notes)
    assert any("as many as two networks make" in note for note in board.notes)
    (board,) = make_leaderboards([row("baseline", 90), row("gce", 180), row("longer_baseline", 180)])
    assert any(warning in note for note in board.notes)
