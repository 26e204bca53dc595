"""Confident learning: the confident joint by hand, what is pruned, and where the networks out of fold come from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from bench_fakes import make_result
from train_fakes import Fixed, make_batch
from unplugged import UnpluggedError, are_same, unplug_at

import actiseg_noise
from actiseg_bench.check.statements import _all_steps
from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_bench.losses import LossConfig, base_loss
from actiseg_bench.records import NoiseRates
from actiseg_bench.strategies.base import (
    STRATEGIES,
    OutOfFold,
    OutOfFoldOptions,
    Setting,
    Step,
    StrategyCard,
    updates_before,
)
from actiseg_bench.strategies.confident_learning import ConfidentLearning, confident_issues, prune
from actiseg_bench.strategies.options import Options
from actiseg_bench.training import train as training
from actiseg_bench.training.checkpoint import CheckpointError
from actiseg_bench.training.config import RunConfig, TrainConfig
from actiseg_bench.training.folds import draw_folds
from actiseg_bench.training.train import OUT_OF_FOLD_NAME, train_run
from actiseg_noise.errors import ActisegError

CONFIG = RunConfig(
    strategy="confident_learning",
    strategy_options={"folds": 2},
    threads=1,
    device="cpu",
    train=TrainConfig(steps=4, clips_per_batch=4),
)
NAMES = tuple(f"{clip}/{k}" for clip in "ab" for k in (1, 2, 3))


def spread() -> Fixed:
    """Return a network with a logit of its own for every pixel and flag."""
    masks = make_batch().masks
    return Fixed(torch.linspace(-2, 2, masks.numel()).view_as(masks), torch.linspace(-1, 1, len(masks)))


def make(scores: list[float]) -> ConfidentLearning:
    found = OutOfFold(NAMES, make_batch().is_positive.bool(), torch.tensor(scores, dtype=torch.float64))
    return ConfidentLearning(Setting(LossConfig(), NoiseRates(), 1.0, out_of_fold=found))


def test_the_confident_joint_by_hand() -> None:
    given = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    negative = np.array([0.9, 0.8, 0.3, 0.45, 0.2, 0.1, 0.15, 0.75])
    # thresholds: (.9 + .8 + .3 + .45) / 4 = .6125 of class 0, (.8 + .9 + .85 + .25) / 4 = .7 of class 1. The third
    # reaches class 1 with .7, the fourth reaches neither (.45, .55), the last one reaches class 0 with .75. cleanlab
    # 2.9.0 finds the same (count.compute_confident_joint, its indices off the diagonal).
    found = confident_issues(np.stack([negative, 1 - negative], 1), given)
    assert np.flatnonzero(found).tolist() == [2, 7]


def test_of_one_flag_alone_nothing_is_pruned() -> None:
    found = OutOfFold(("a", "b", "c"), torch.ones(3, dtype=torch.bool), torch.tensor([0.9, 0.1, 0.5]))
    assert not prune(found).any()


def test_wrong_flags_of_both_kinds_are_pruned() -> None:
    # given: positive, negative, positive twice; thresholds .55 of positive, .55 of negative
    strategy = make([0.8, 0.9, 0.7, 0.6, 0.0, 0.1])
    assert strategy.pruned == {"a/2", "b/3"}


def test_a_pruned_sample_is_in_no_loss_and_the_others_weigh_the_same() -> None:
    strategy, network, batch = make([0.8, 0.9, 0.7, 0.6, 0.0, 0.1]), spread(), make_batch()
    step = strategy.step([network], batch, 0.0)
    assert step.kept == [("a/1", "a/3", "b/1", "b/2")]
    single = base_loss(network([], [], torch.empty(0)), batch, LossConfig())
    assert step.losses[0].item() == pytest.approx(single[[0, 2, 3, 4]].mean().item())
    step.losses[0].backward()
    for slope in (network.logits.grad, network.positive.grad):
        touched = slope.flatten(1).abs().sum(1) > 0 if slope.ndim > 1 else slope != 0
        assert touched.tolist() == [True, False, True, True, True, False]


def test_a_batch_of_pruned_samples_alone_changes_nothing() -> None:
    strategy, network = make([0.8, 0.9, 0.7, 0.6, 0.0, 0.1]), spread()
    strategy.pruned = frozenset(NAMES)
    step = strategy.step([network], make_batch(), 0.0)
    step.losses[0].backward()
    assert step.losses[0].item() == 0
    assert not network.logits.grad.any()


def test_what_is_pruned_comes_back_from_a_checkpoint_whatever_networks_say_then() -> None:
    first, second = make([0.8, 0.9, 0.7, 0.6, 0.0, 0.1]), make([0.9, 0.1, 0.9, 0.9, 0.1, 0.9])
    assert second.pruned == set()
    second.load_state(first.state())
    assert second.pruned == {"a/2", "b/3"}


def test_a_card_that_needs_networks_out_of_fold_has_their_options() -> None:
    odd = (("out_of_fold", Options), ("", OutOfFoldOptions), ("a_miracle", OutOfFoldOptions))
    for needs, options in odd:
        with pytest.raises(TypeError, match="expected 'out_of_fold' with options of OutOfFoldOptions, or neither"):
            StrategyCard("odd", "Odd", "x", "nobody", needs=needs, options=options)


def test_the_updates_before_the_run_are_those_of_all_folds() -> None:
    card = STRATEGIES["confident_learning"].card
    assert updates_before(card.make_options("faithful", {}), 800) == 3 * 400
    assert updates_before(card.make_options("faithful", {"folds": 5, "fold_updates": 0.1}), 4) == 5
    assert updates_before(STRATEGIES["gce"].card.make_options("faithful", {}), 800) == 0


def test_verify_knows_the_updates_before_a_run() -> None:
    config = {"strategy_options": {"folds": 2}, "train": {"steps": 100}}
    assert _all_steps(make_result(strategy="confident_learning", config=config), 100) == 2 * 50 + 100
    assert _all_steps(make_result(strategy="gce", config={}), 100) == 100
    assert _all_steps(make_result(strategy="of_another_package", config={}), 100) == 100


def ids_of(manifest: Path) -> set[str]:
    return set(actiseg_noise.read_manifest(manifest).table("samples")["sample_id"].to_pylist())


class Watching(ConfidentLearning):
    """Counts which samples were learned from; every other one is pruned, so that something is."""

    used: set[str] = set()  # noqa: RUF012 - one for all
    made: list[ConfidentLearning] = []  # noqa: RUF012

    def __init__(self, *args: object, **more: object) -> None:
        super().__init__(*args, **more)
        self.made.append(self)
        self._remember(torch.arange(len(self._names)) % 2 == 0)

    def step(self, *args: object) -> Step:
        step = super().step(*args)
        self.used.update(step.kept[0])
        return step


def test_a_run_judges_every_sample_out_of_fold_and_learns_from_no_pruned_one(
    flagged_val: Path, kitchen_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned: list[set[str]] = []
    opened = training.open_training

    def watch(config: RunConfig, *args: object, **more: object) -> ManifestDataset:
        data = opened(config, *args, **more)
        if config.strategy == "baseline":
            learned.append(set(data.clip_ids))
        return data

    monkeypatch.setattr(training, "open_training", watch)
    monkeypatch.setitem(STRATEGIES._things, "confident_learning", Watching)
    monkeypatch.setattr(Watching, "used", set())
    monkeypatch.setattr(Watching, "made", [])
    told: list[tuple[int, int]] = []
    outcome = train_run(
        CONFIG, flagged_val, kitchen_root, on_progress=lambda done, total, _: told.append((done, total)), diagnose=True
    )
    (strategy,) = Watching.made
    data = ManifestDataset(flagged_val, kitchen_root)
    folds = draw_folds(data, 2, CONFIG.seed)
    assert learned == [{clip for clip, fold in folds.items() if fold != k} for k in (0, 1)]
    assert set(strategy.setting.out_of_fold.sample_ids) == ids_of(flagged_val)
    given = {s.sample_id: s.noisy_is_positive for c in actiseg_noise.read_manifest(flagged_val) for s in c.samples}
    found = strategy.setting.out_of_fold
    assert dict(zip(found.sample_ids, found.is_positive.tolist(), strict=True)) == given
    assert ((found.positive_scores >= 0) & (found.positive_scores <= 1)).all()
    assert Watching.used.isdisjoint(strategy.pruned)
    assert Watching.used < ids_of(flagged_val)
    assert len(Watching.used) > 0.8 * len(ids_of(flagged_val) - strategy.pruned)  # the others were not drawn
    assert len(strategy.pruned) == (len(given) + 1) // 2
    assert outcome.steps == 2 * 2 + 4
    assert told == [(i + 1, 8) for i in range(8)]
    selected = outcome.selection[-1]["samples"]
    assert set(selected) == {"precision", "recall", "base_rate"}
    assert 0 < selected["recall"] < 1


def test_a_run_without_diagnosis_gives_the_same_networks(flagged_val: Path, kitchen_root: Path) -> None:
    plain, diagnosed = (train_run(CONFIG, flagged_val, kitchen_root, diagnose=yes) for yes in (False, True))
    assert plain.selection == []
    assert are_same(plain, diagnosed)


def test_a_run_that_goes_on_asks_nobody_again(
    flagged_val: Path, kitchen_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train_run(CONFIG, flagged_val, kitchen_root)
    with pytest.raises(UnpluggedError):
        train_run(CONFIG, flagged_val, kitchen_root, folder=tmp_path, save_every=1, on_progress=unplug_at(3, CONFIG))
    assert sorted(path.name for path in tmp_path.iterdir()) == [OUT_OF_FOLD_NAME, "training.safetensors"]
    monkeypatch.setattr(training, "ask_out_of_fold", None)
    told: list[int] = []
    again = train_run(
        CONFIG, flagged_val, kitchen_root, folder=tmp_path, on_progress=lambda done, *_: told.append(done)
    )
    assert told == [7, 8]
    assert again.steps == whole.steps
    assert are_same(whole, again)
    with pytest.raises(CheckpointError, match=r"out_of_fold.safetensors: of another training; .* config.seed"):
        train_run(replace(CONFIG, seed=1), flagged_val, kitchen_root, folder=tmp_path)


def test_more_folds_than_videos_are_refused(flagged_val: Path, kitchen_root: Path) -> None:
    config = replace(CONFIG, strategy_options={"folds": 5})
    with pytest.raises(ActisegError, match=r"strategy 'confident_learning', option folds: 5: .* has 4 videos"):
        train_run(config, flagged_val, kitchen_root)
