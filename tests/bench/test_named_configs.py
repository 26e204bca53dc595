"""Named configurations, and trainings as ``actionvos`` describes them, at sizes that take seconds."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from deposits import save_frame, save_mask
from unplugged import UnpluggedError

from actiseg_bench.data.distort import DistortConfig
from actiseg_bench.data.scales import ScaleConfig
from actiseg_bench.data.transforms import AugmentConfig
from actiseg_bench.models.tiny import Tiny
from actiseg_bench.training.checkpoint import read_tensors
from actiseg_bench.training.config import RunConfig, TrainConfig
from actiseg_bench.training.folder import train_to
from actiseg_bench.training.items import fit_to_data, memory_grid, open_probed, open_training, steps_per_epoch
from actiseg_bench.training.named_configs import config_names, load_config
from actiseg_bench.training.train import train_run
from actiseg_noise.errors import ActisegError, UnknownNameError

Cli = Callable[..., tuple[int, str, str]]
SCALES = ScaleConfig(sides=(48, 64), long_side=96, crop_from=(80, 96), crop_sides=(40, 80))
AUGMENT = AugmentConfig(brightness=0, contrast=0, colour=0, scales=SCALES, distort=DistortConfig())
TRAIN = TrainConfig(
    epochs=0.1,
    item="window",
    frames_per_clip=3,
    clips_per_batch=1,
    schedule="steps",
    drops=(0.05,),
    warmup_share=0,
    fresh_factor=1,
    rates={"text": 0.5},
    action_weights=True,
    augment=AUGMENT,
)
CONFIG = RunConfig(start_weights="none", threads=1, device="cpu", train=TRAIN)
QUICK = ["--weights", "none", "--threads", 1, "--device", "cpu"]


def test_actionvos_is_what_the_published_command_says() -> None:
    assert config_names() == ["actionvos", "actionvos-shared"]
    train = RunConfig.from_dict({"train": load_config("actionvos").train}).train
    assert (train.item, train.frames_per_clip, train.clips_per_batch) == ("window", 5, 1)
    assert (train.epochs, train.schedule, train.drops, train.drop_factor, train.warmup_share) == (
        *(6, "steps", (3, 5)),
        *(0.1, 0.0),
    )
    assert (train.learning_rate, train.rates, train.fresh_factor) == (1e-4, {"backbone.0": 0.5}, 1.0)
    assert (train.weight_decay, train.clip_norm, train.action_weights) == (5e-4, 0.1, True)
    assert train.loss.positive_loss == "focal"
    assert train.augment.scales == ScaleConfig()
    assert train.augment.distort == DistortConfig()
    assert (train.augment.brightness, train.augment.contrast, train.augment.colour) == (0, 0, 0)


def test_epochs_become_steps_and_the_schedule_knows_them(clean_val: Path, kitchen_root: Path) -> None:
    data = open_training(CONFIG, clean_val, kitchen_root)
    samples = sum(count for count, _ in data.extents)
    assert samples == 48
    assert steps_per_epoch(data, TRAIN) == samples  # three frames, so one anchor
    assert steps_per_epoch(data, replace(TRAIN, clips_per_batch=4)) == -(-samples // 4)
    assert steps_per_epoch(data, replace(TRAIN, frames_per_clip=2)) == 2 * samples
    assert fit_to_data(replace(CONFIG, train=replace(TRAIN, epochs=6)), data).train.steps == 6 * samples


@pytest.mark.parametrize("strategy", ["baseline", "elr", "npn", "pmhm"])
def test_windows_of_several_sizes_train_a_strategy(strategy: str, noisy_val: Path, kitchen_root: Path) -> None:
    config = replace(CONFIG, strategy=strategy, train=replace(TRAIN, epochs=0.04))
    outcome = train_run(config, noisy_val, kitchen_root)
    assert outcome.steps == 2
    assert np.isfinite(outcome.losses).all()


def test_a_stopped_training_on_windows_goes_on_to_the_same_file(
    noisy_val: Path, kitchen_root: Path, tmp_path: Path
) -> None:
    def pull(done: int, total: int, loss: float) -> None:
        if done == 3:
            raise UnpluggedError

    config = replace(CONFIG, strategy="npn", train=replace(TRAIN, epochs=0.08))
    whole = train_to(tmp_path / "whole", config, noisy_val, kitchen_root, save_every=2)
    with pytest.raises(UnpluggedError):
        train_to(tmp_path / "part", config, noisy_val, kitchen_root, save_every=2, on_progress=pull)
    part = train_to(tmp_path / "part", config, noisy_val, kitchen_root, save_every=2)
    assert part["losses"] == whole["losses"]
    one, two = (read_tensors(tmp_path / name / "checkpoint.safetensors")[0] for name in ("whole", "part"))
    assert all(torch.equal(value, two[name]) for name, value in one.items())
    assert "steps" not in whole["config"]["train"]
    assert whole["steps"] == whole["fits"][-1]["step"] == 4


@pytest.fixture(scope="module")
def two_sizes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of three clips, 48 × 84 and 72 × 60 pixels, and one frame alone, in a folder with its images."""
    root = tmp_path_factory.mktemp("sizes")
    for name, (rows, columns, count) in {"a": (48, 84, 7), "b": (72, 60, 3), "c": (48, 84, 1)}.items():
        for number in range(count):
            mask = np.zeros((rows, columns), np.uint8)
            mask[8:24, 10 + number : 30 + number] = 1
            for folder in ("clean", "noisy"):
                save_mask(root / folder / name / f"{number:05d}.png", mask)
            save_frame(root / "images" / name / f"{number:05d}.jpg", rows, columns)
    folders = ["--clean", root / "clean", "--noisy", root / "noisy", "--images", root / "images", "--root", root]
    command = ["import", *folders, "--name", "mine", "--out", root / "m"]
    subprocess.run([sys.executable, "-c", "from actiseg_noise.cli import main; main()", *map(str, command)], check=True)
    return root


@pytest.fixture
def short_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``tiny`` see frames at a short side of 40, in training of 48."""
    monkeypatch.setattr(Tiny, "card", replace(Tiny.card, input_size=40, train_size=48))


@pytest.mark.usefixtures("short_side")
@pytest.mark.parametrize("strategy", ["elr", "npn"])
@pytest.mark.parametrize("augment", [AUGMENT, AugmentConfig()], ids=["several sizes", "one size"])
def test_memory_per_pixel_follows_clips_of_two_sizes_and_one_frame(
    strategy: str, augment: AugmentConfig, two_sizes: Path
) -> None:
    train = replace(TRAIN, epochs=2, frames_per_clip=5, action_weights=False, augment=augment)
    config = replace(CONFIG, strategy=strategy, train=train)
    data = open_training(config, two_sizes / "m", two_sizes)
    assert data.sizes == [(48, 84), (56, 48)]
    assert memory_grid(data, train) == ((37, 48) if augment.scales else (28, 42))
    outcome = train_run(config, two_sizes / "m", two_sizes, diagnose=True)
    assert outcome.steps == 8  # two anchors in the clip of seven frames, one in each of the others, twice
    assert np.isfinite(outcome.losses).all()


@pytest.mark.usefixtures("short_side")
def test_whole_clips_of_two_sizes_cannot_share_an_update(two_sizes: Path) -> None:
    config = replace(CONFIG, train=TrainConfig(clips_per_batch=2, frames_per_clip=2))
    with pytest.raises(
        ActisegError, match="clips in 2 sizes, from 48 × 84 to 56 × 48, .* must have one: pass --clips 1"
    ):
        open_training(config, two_sizes / "m", two_sizes)


@pytest.mark.usefixtures("short_side")
def test_windows_of_two_sizes_train_two_by_two(two_sizes: Path) -> None:
    config = replace(CONFIG, train=replace(TRAIN, epochs=2, clips_per_batch=2, action_weights=False))
    data = open_training(config, two_sizes / "m", two_sizes)
    assert steps_per_epoch(data, config.train) == 3  # 3 + 1 windows of one size, one of the other, twice
    outcome = train_run(config, two_sizes / "m", two_sizes)
    assert outcome.steps == 6
    assert np.isfinite(outcome.losses).all()


def test_a_shared_window_shows_all_expressions_of_its_clip_and_changes_nothing_else() -> None:
    shared, published = (load_config(name).train for name in ("actionvos-shared", "actionvos"))
    assert shared == {**published, "expressions_per_window": "all"}
    train = RunConfig.from_dict({"train": shared}).train
    assert train.window_samples is None
    assert RunConfig.from_dict({"train": published}).train.window_samples == 1


def test_an_epoch_of_shared_windows_has_an_update_for_every_window(clean_val: Path, kitchen_root: Path) -> None:
    config = replace(CONFIG, train=replace(TRAIN, epochs=1, expressions_per_window="all"))
    data = open_training(config, clean_val, kitchen_root)
    assert steps_per_epoch(data, config.train) == len(data)
    assert np.isfinite(
        train_run(replace(config, train=replace(config.train, epochs=0.3)), clean_val, kitchen_root).losses
    ).all()


def test_a_number_of_expressions_that_cannot_be_is_refused() -> None:
    with pytest.raises(ActisegError, match="expressions_per_window in .train. must be a whole number .* or all, got 0"):
        RunConfig.from_dict({"train": {"expressions_per_window": 0}})


def test_a_default_that_came_later_is_no_part_of_a_runs_identity() -> None:
    assert "expressions_per_window" not in CONFIG.to_dict()["train"]
    shared = replace(CONFIG, train=replace(TRAIN, expressions_per_window="all"))
    assert RunConfig.from_dict(shared.to_dict()) == shared
    assert shared.to_dict()["train"]["expressions_per_window"] == "all"


@pytest.mark.usefixtures("short_side")
def test_the_probe_reads_whole_clips_at_the_model_s_mask_resolution(two_sizes: Path) -> None:
    config = replace(CONFIG, train=replace(TRAIN, action_weights=False))
    data = open_training(config, two_sizes / "m", two_sizes)
    assert data[0].masks.shape == (1, 7, 48, 84)
    given, clean = open_probed(config, data)
    assert given[0].masks.shape == clean[0].masks.shape == (1, 3, 24, 42)


def write_config(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_options_on_the_command_line_win_over_a_configuration_file(
    cli: Cli, noisy_val: Path, kitchen_root: Path, tmp_path: Path
) -> None:
    file = write_config(
        tmp_path / "mine.toml",
        'title = "mine"\n[train]\nepochs = 3\nclips_per_batch = 4\nlearning_rate = 0.5\n[train.loss]\nmask = 1.0\n',
    )
    command = ["train", "--manifest", noisy_val, "--root", kitchen_root, *QUICK, "--config", file]
    code, printed, _ = cli(*command, "--steps", 1, "--clips", 2, "--dice", 3, "--out", tmp_path / "a", "--json")
    assert code == 0
    train = json.loads(printed)["config"]["train"]
    assert (train["steps"], train["epochs"], train["clips_per_batch"]) == (1, None, 2)
    assert (train["learning_rate"], train["loss"]["mask"], train["loss"]["dice"]) == (0.5, 1.0, 3.0)


def test_run_takes_a_configuration_and_keeps_its_runs_apart(
    cli: Cli, noisy_val: Path, clean_val: Path, kitchen_root: Path, tmp_path: Path
) -> None:
    file = write_config(tmp_path / "mine.toml", "[train]\nepochs = 0.25\nclips_per_batch = 4\n")
    labels = ["--manifest", noisy_val, "--eval-manifest", clean_val, "--root", kitchen_root]
    code, printed, _ = cli(
        "run", *labels, "--strategy", "baseline", "--config", file, *QUICK, "--out", tmp_path / "r", "--json"
    )
    assert code == 0
    (made,) = [result for result in json.loads(printed)["results"] if result["strategy"] == "baseline"]
    assert made["config"]["train"]["epochs"] == 0.25
    assert made["cost"]["steps"] == 1  # a quarter of 8 clips in steps of 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[train]\nepoch = 3\n", "mine.toml: unknown key of TrainConfig 'epoch'. Did you mean 'epochs'?"),
        ("[trian]\n", "mine.toml: 'trian'. Did you mean 'train'?"),
        ("train = 3\n", "mine.toml: [train] must be a table, got 3"),
        ("[train\n", "mine.toml: not a readable TOML file"),
    ],
)
def test_a_file_that_is_no_configuration_is_refused_by_name(
    cli: Cli, noisy_val: Path, kitchen_root: Path, tmp_path: Path, text: str, message: str
) -> None:
    file = write_config(tmp_path / "mine.toml", text)
    labels = ["--manifest", noisy_val, "--root", kitchen_root]
    code, printed, error = cli("train", *labels, *QUICK, "--config", file, "--out", tmp_path / "a")
    assert (code, printed) == (2, "")
    assert message in error
    assert not (tmp_path / "a").exists()


def test_an_unknown_configuration_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown configuration 'actionvoss'. Did you mean 'actionvos'"):
        load_config("actionvoss")
    with pytest.raises(ActisegError, match="nowhere.toml: no such configuration file. Named: actionvos"):
        load_config(tmp_path / "nowhere.toml")
