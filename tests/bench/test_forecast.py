"""``run --dry-run``: what is counted, what is measured, and what is left alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from deposits import save_frame, write_vost
from forging import edit_info

from actiseg_bench.grid.forecast import Forecast, StrategyForecast
from actiseg_bench.grid.timing import time_steps
from actiseg_bench.grid.tracks import open_track
from actiseg_bench.training.config import RunConfig, TrainConfig
from actiseg_noise.errors import ActisegError

Cli = Callable[..., tuple[int, str, str]]
SHARD = "masks-00000-of-00001.parquet"
PROTOCOL = """
id = "own-v1"
dataset = "vost"
noise_seeds = [0, 1]
seeds = 2
strategies = ["baseline", "longer_baseline", "co_teaching", "confident_learning"]
[tracks]
clean = "clean"
flip-40 = "flip-40"
[train]
steps = 6
clips_per_batch = 1
frames_per_clip = 2
"""


@pytest.fixture
def words(tmp_path: Path) -> list[object]:
    """Return a command on a tiny VOST whose frames all have images."""
    vost = write_vost(tmp_path / "vost")
    for masks in sorted((vost / "Annotations").iterdir()):
        save_frame(vost / "JPEGImages" / masks.name / "frame00018.jpg")
    (tmp_path / "own.toml").write_text(PROTOCOL)
    model = ["--model", "tiny", "--weights", "none", "--threads", 1, "--device", "cpu"]
    return ["run", "--protocol", tmp_path / "own.toml", "--root", vost, "--out", tmp_path / "out", *model]


def counted(cli: Cli, *words: object) -> dict[str, Any]:
    code, printed, told = cli(*words, "--dry-run", "--json")
    assert code == 0, told
    found: dict[str, Any] = json.loads(printed)
    return found


def test_runs_and_updates_are_counted_and_no_run_is_made(cli: Cli, words: list[object], tmp_path: Path) -> None:
    found = counted(cli, *words)
    assert found["tracks"] == ["clean", "flip-40", "flip-40 noise 1"]
    rows = {
        row["strategy"]: (row["networks"], row["steps"], row["updates"], row["runs"]) for row in found["strategies"]
    }
    assert rows == {
        "baseline": (1, 6, 6, 6),
        "longer_baseline": (1, 12, 12, 6),
        "co_teaching": (2, 6, 12, 6),
        "confident_learning": (1, 6 + 3 * 3, 15, 6),
    }
    assert (found["runs"], found["done"], found["updates"]) == (2 + 4 * 6, 0, 6 * (6 + 12 + 12 + 15))
    assert (found["clips"], found["samples"], found["items"], found["epoch_steps"]) == (3, 3, 3, 3)
    assert (found["manifests"], found["manifests_built"]) == (4, 2)
    assert (found["hours_left"], found["weight_bytes"]) == (None, 0)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["manifests"]


def test_what_is_finished_is_not_counted_as_left(cli: Cli, words: list[object]) -> None:
    some = [*words, "--strategy", "baseline", "--track", "flip-40", "--seeds", 1]
    assert cli(*some)[0] == 0
    found = counted(cli, *words)
    (baseline, *others) = found["strategies"]
    assert (baseline["runs"], baseline["done"], baseline["left"]) == (6, 2, 4)
    assert (found["references_done"], found["done"]) == (2, 4)
    assert not any(row["done"] for row in others)
    assert found["updates"] - found["updates_left"] == 2 * 6
    assert counted(cli, *words, "--steps", 5)["done"] == 0


def test_time_is_measured_by_training_every_strategy(cli: Cli, words: list[object], tmp_path: Path) -> None:
    some = [*words, "--strategy", "baseline", "--strategy", "co_teaching", "--track", "clean", "--time", "0.01"]
    found = counted(cli, *some, "--keep-weights")
    one, two = found["strategies"]
    assert one["step_s"] > 0 < two["step_s"]
    assert found["predict_s"] > 0
    assert found["device"] == "cpu"
    hours = [(6 * row["step_s"] + row["networks"] * found["predict_s"]) / 3600 for row in (one, two)]
    assert [one["hours_of_a_run"], two["hours_of_a_run"]] == pytest.approx(hours)
    assert found["hours_left"] == pytest.approx(2 * sum(hours))
    assert found["weight_bytes"] % (2 * 3) == 0 < found["weight_bytes"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["manifests"]
    code, printed, _ = cli(*some, "--dry-run")
    assert code == 0
    assert "about 1 minute on cpu, one run after another" in printed


def test_the_labels_that_training_is_watched_on_are_counted(cli: Cli, words: list[object], tmp_path: Path) -> None:
    protocol = tmp_path / "own.toml"
    protocol.write_text(f'validation_split = "test"\n{protocol.read_text()}')
    found = counted(cli, *words)
    assert (found["manifests"], found["manifests_built"]) == (5, 2)


def test_two_manifests_are_counted_too(cli: Cli, words: list[object], tmp_path: Path) -> None:
    counted(cli, *words)
    labels, truth = tmp_path / "out/manifests/vost/train/clean-s0", tmp_path / "out/manifests/vost/val/clean-s0"
    own = ["run", "--manifest", labels, "--eval-manifest", truth, "--root", tmp_path / "vost", "--strategy", "gce"]
    own += ["--steps", 4, "--threads", 1, "--out", tmp_path / "other"]
    found = counted(cli, *own)
    assert (found["runs"], found["updates"], found["manifests"]) == (3, 4, 2)
    assert not (tmp_path / "other").exists()
    size = (truth / "masks.parquet").stat().st_size
    assert found["run_bytes"] == size
    (truth / "masks.parquet").rename(truth / SHARD)
    edit_info(truth, lambda data: data["files"].update({SHARD: data["files"].pop("masks.parquet")}))
    assert counted(cli, *own)["run_bytes"] == size


def test_a_run_of_one_step_cannot_be_timed(cli: Cli, words: list[object], tmp_path: Path) -> None:
    counted(cli, *words)
    folder = tmp_path / "out/manifests/vost"
    track = open_track(folder / "train/clean-s0", folder / "val/clean-s0", tmp_path / "vost", tmp_path / "vost")
    config = RunConfig(
        start_weights="none", threads=1, train=TrainConfig(steps=1, clips_per_batch=1, frames_per_clip=1)
    )
    with pytest.raises(ActisegError, match="strategy 'baseline': a run of 1 steps is too short to time one"):
        time_steps(config, track, 0.01)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--time", "3"], "--time goes with --dry-run"),
        (["--dry-run", "--time", "0"], "--time: expected a number of seconds above 0, got 0"),
        (["--dry-run", "--strategy", "gec"], "unknown strategy 'gec'. Did you mean 'gce'"),
        (["--dry-run", "--eval-root", "nowhere"], "--eval-root nowhere: no such folder"),
    ],
)
def test_what_cannot_be_counted_is_refused(cli: Cli, words: list[object], more: list[str], message: str) -> None:
    code, printed, told = cli(*words, *more)
    assert (code, printed) == (2, "")
    assert message in told


def test_hours_are_of_the_runs_that_are_left() -> None:
    rows = (
        StrategyForecast("baseline", "faithful", 1, steps=3600, runs=3, done=1, step_s=1.0),
        StrategyForecast("co_teaching", "faithful", 2, steps=3600, runs=3, done=3, step_s=2.5),
    )
    found = Forecast("p", "tiny", Path("out"), ("clean",), 3, 1, 1, 1, 1, rows, 2, 2, 2, 2, 0, 0, 0, "cuda:0", 1800.0)
    assert [found.hours_of(row) for row in rows] == [1.5, 3.5]
    assert (found.hours_left, found.updates, found.updates_left) == (3.0, 32_400, 7_200)
