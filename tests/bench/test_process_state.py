"""A training and a grid leave the process as they found it."""

from __future__ import annotations

import gc
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from actiseg_bench.grid.options import RunOptions
from actiseg_bench.grid.plan import make_runs
from actiseg_bench.strategies.base import Step
from actiseg_bench.strategies.baseline import Baseline
from actiseg_bench.training.config import RunConfig, TrainConfig
from actiseg_bench.training.pretrain import pretrain, pretraining_config
from actiseg_bench.training.process import process_state
from actiseg_bench.training.train import train_run

CONFIG = RunConfig(start_weights="none", threads=1, device="cpu", train=TrainConfig(steps=1, clips_per_batch=2))


def state() -> dict[str, Any]:
    """What a program that calls us may depend on."""
    return {
        "threads": torch.get_num_threads(),
        "torch": torch.get_rng_state().tolist(),
        "numpy": repr(np.random.get_state()),  # noqa: NPY002 — the default generator is what is meant
        "python": random.getstate(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "warn only": torch.is_deterministic_algorithms_warn_only_enabled(),
        "benchmark": torch.backends.cudnn.benchmark,
        "precision": torch.get_float32_matmul_precision(),
        "type": torch.get_default_dtype(),
        "gradients": torch.is_grad_enabled(),
        "environment": dict(os.environ),
        "collector": (gc.isenabled(), gc.get_threshold()),
    }


@pytest.fixture(autouse=True)
def unusual() -> Iterator[None]:
    """A process with settings of its own, which no default restores."""
    with process_state(3):
        torch.manual_seed(17)
        torch.rand(5)
        gc.set_threshold(1234, 5, 6)
        yield


def test_what_is_changed_inside_is_put_back_after_an_error_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTISEG_SOMETHING", "before")
    before = state()
    with pytest.raises(ZeroDivisionError), process_state(2):
        assert torch.get_num_threads() == 2
        torch.manual_seed(1)
        np.random.seed(1)  # noqa: NPY002
        random.seed(1)
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.backends.cudnn.benchmark = not torch.backends.cudnn.benchmark
        torch.set_float32_matmul_precision("medium")
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        os.environ["ACTISEG_SOMETHING"] = "after"
        os.environ["ACTISEG_NEW"] = "1"
        gc.set_threshold(1, 2, 3)
        gc.disable()
        1 / 0  # noqa: B018
    assert state() == before


@pytest.mark.parametrize("strategy", ["baseline", "pmhm"])
def test_a_training_leaves_the_process_as_it_was(noisy_val: Path, kitchen_root: Path, strategy: str) -> None:
    before = state()
    train_run(replace(CONFIG, strategy=strategy), noisy_val, kitchen_root)
    assert state() == before


def test_a_training_that_fails_leaves_the_process_as_it_was(
    noisy_val: Path, kitchen_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Step:
        raise RuntimeError("in the middle of a step")

    monkeypatch.setattr(Baseline, "step", fail)
    before = state()
    with pytest.raises(RuntimeError, match="in the middle"):
        train_run(CONFIG, noisy_val, kitchen_root)
    assert state() == before


def test_pretraining_leaves_the_process_as_it_was(clean_val: Path, kitchen_root: Path) -> None:
    before = state()
    pretrain(clean_val, pretraining_config(steps=1, threads=1), kitchen_root)
    assert state() == before


def test_a_grid_leaves_the_process_as_it_was_and_scores_with_the_threads_of_its_runs(
    noisy_val: Path, clean_val: Path, kitchen_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from actiseg_bench.grid import execution

    seen: list[int] = []
    original: Callable[..., Any] = execution.score_networks

    def score(*arguments: Any) -> Any:
        seen.append(torch.get_num_threads())
        return original(*arguments)

    monkeypatch.setattr(execution, "score_networks", score)
    before = state()
    options = RunOptions(
        manifest=noisy_val,
        eval_manifest=clean_val,
        root=kitchen_root,
        strategy=("baseline",),
        steps=1,
        threads=1,
        device="cpu",
        weights="none",
        out=tmp_path / "runs",
    )
    outcome = make_runs(options, lambda *_, **__: tmp_path)
    assert not outcome.failed
    assert state() == before
    assert set(seen) == {1}
    assert {r.provenance.threads for r in outcome.results if r.strategy != "silent"} == {1}
