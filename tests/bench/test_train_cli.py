"""``actiseg-bench train``: a training in a folder, stopped and gone on from, and what it refuses."""

from __future__ import annotations

import errno
import json
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from bench_fakes import perfect, predict
from unplugged import UnpluggedError, unplug_at

import actiseg_noise
from actiseg_bench.results.predictions import write_predictions
from actiseg_bench.training.checkpoint import CheckpointError, load_networks, read_tensors, write_tensors
from actiseg_bench.training.config import RunConfig, TrainConfig
from actiseg_bench.training.folder import train_to
from actiseg_noise.borders.images import write_index_mask
from actiseg_noise.borders.locks import locked
from actiseg_noise.borders.writing import whole_file
from actiseg_noise.errors import ActisegError

Cli = Callable[..., tuple[int, str, str]]
CONFIG = RunConfig(
    start_weights="none", threads=1, device="cpu", train=TrainConfig(steps=5, clips_per_batch=4, samples_per_clip=2)
)
QUICK = ["--weights", "none", "--threads", 1, "--device", "cpu", "--clips", 4]


def test_train_keeps_the_networks_and_what_made_them(
    cli: Cli, noisy_val: Path, kitchen_root: Path, tmp_path: Path
) -> None:
    command = ["train", "--manifest", noisy_val, "--root", kitchen_root, "--out", tmp_path / "a", *QUICK]
    options = ["--strategy", "gce", "--option", "q=0.5", "--steps", 2, "--seed", 7]
    code, printed, told_next = cli(*command, *options)
    assert code == 0
    assert "2 steps in" in printed
    assert f"next: actiseg-bench predict --checkpoint {tmp_path / 'a' / 'checkpoint.safetensors'} --man" in told_next
    digest = actiseg_noise.read_manifest(noisy_val).digest
    networks, config, labels = load_networks(tmp_path / "a" / "checkpoint.safetensors")
    assert (config.strategy, config.strategy_options, config.seed, labels) == ("gce", {"q": 0.5}, 7, digest)
    assert len(networks) == 1
    told = json.loads((tmp_path / "a" / "train.json").read_text())
    assert (told["manifest"], told["config"]["train"]["steps"], told["steps"]) == (digest, 2, 2)
    assert [fit["step"] for fit in told["fits"]] == [1, 2]
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == ["checkpoint.safetensors", "curve.csv", "train.json"]
    code, printed, error = cli(*command, *options, "--json")
    assert (code, json.loads(printed), "next:" in error) == (0, told, False)
    assert f"{tmp_path / 'a'} is already trained" in error
    code, printed, error = cli(*command, *options, "--seed", 8, "--precision", "bf16-mixed")
    assert (code, printed) == (2, "")
    assert "these differ: config.precision (32-true there, bf16-mixed here), config.seed (" in error


def test_a_stopped_training_goes_on_to_the_same_file(noisy_val: Path, kitchen_root: Path, tmp_path: Path) -> None:
    config = replace(CONFIG, strategy="npn", train=replace(CONFIG.train, steps=3))
    whole = train_to(tmp_path / "whole", config, noisy_val, kitchen_root, save_every=2)
    with pytest.raises(UnpluggedError):
        train_to(tmp_path / "part", config, noisy_val, kitchen_root, save_every=2, on_progress=unplug_at(3, config))
    assert (tmp_path / "part" / "training.safetensors").is_file()
    part = train_to(tmp_path / "part", config, noisy_val, kitchen_root, save_every=2)
    assert {n: v for n, v in part.items() if n not in ("train_s", "provenance")} == {
        n: v for n, v in whole.items() if n not in ("train_s", "provenance")
    }
    assert [fit["step"] for fit in whole["fits"]] == [1, 2, 3]
    (one, said), (two, same) = (read_tensors(tmp_path / name / "checkpoint.safetensors") for name in ("whole", "part"))
    assert said == same
    assert one.keys() == two.keys()
    assert all(torch.equal(value, two[name]) for name, value in one.items())


def test_two_devices_share_a_training_and_one_of_them_writes(
    noisy_val: Path, kitchen_root: Path, tmp_path: Path
) -> None:
    script = tmp_path / "actiseg-bench.py"  # devices beyond the first run the same command line again
    script.write_text("from actiseg_bench.cli import main\nmain()\n")
    options = ["--strategy", "elr", "--devices", 2, "--steps", 2, "--save-every", 1, *QUICK]
    labels = ["--manifest", noisy_val, "--root", kitchen_root]
    command = [sys.executable, script, "train", *labels, *options, "--out", tmp_path / "a"]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("2 steps in") == 1
    assert load_networks(tmp_path / "a" / "checkpoint.safetensors")[1].devices == 2
    assert not list((tmp_path / "a").glob("*.npy"))


def test_another_model_s_or_manifest_s_training_is_not_gone_on_from(
    noisy_val: Path, clean_val: Path, kitchen_root: Path, tmp_path: Path
) -> None:
    config = replace(CONFIG, train=replace(CONFIG.train, steps=1))
    train_to(tmp_path, config, noisy_val, kitchen_root)
    with pytest.raises(
        CheckpointError,
        match=r"train.json: .* these differ: manifest \(\w{24}… there, \w{24}… here\)\. Use another --out",
    ):
        train_to(tmp_path, config, clean_val, kitchen_root)
    with pytest.raises(CheckpointError, match=r"these differ: config\.model \(tiny there, large here\)\."):
        train_to(tmp_path, replace(config, model="large"), noisy_val, kitchen_root)
    (tmp_path / "train.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"train.json: malformed JSON"):
        train_to(tmp_path, config, noisy_val, kitchen_root)


def test_a_training_whose_checkpoint_was_removed_is_made_again(
    noisy_val: Path, kitchen_root: Path, tmp_path: Path
) -> None:
    config = replace(CONFIG, train=replace(CONFIG.train, steps=1))
    train_to(tmp_path, config, noisy_val, kitchen_root)
    (tmp_path / "checkpoint.safetensors").unlink()
    train_to(tmp_path, config, noisy_val, kitchen_root)
    assert (tmp_path / "checkpoint.safetensors").is_file()


def test_nothing_is_trained_into_a_manifest(cli: Cli, noisy_val: Path, kitchen_root: Path) -> None:
    before = sorted(noisy_val.iterdir())
    labels = ("--manifest", noisy_val, "--root", kitchen_root)
    for command in (("train", *labels), ("audit", *labels), ("run", *labels, "--eval-manifest", noisy_val), ("tune",)):
        code, _, error = cli(*command, "--out", noisy_val)
        assert (code, f"--out {noisy_val}: holds a manifest, whose folder stays as it is" in error) == (2, True)
    assert sorted(noisy_val.iterdir()) == before


def test_two_processes_in_one_folder_are_refused(cli: Cli, noisy_val: Path, kitchen_root: Path, tmp_path: Path) -> None:
    with locked(tmp_path):
        code, _, error = cli("train", "--manifest", noisy_val, "--root", kitchen_root, "--out", tmp_path, *QUICK)
    assert code == 2
    assert "is working here; wait for it or use another --out" in error


def test_ctrl_c_exits_with_130(
    cli: Cli, noisy_val: Path, kitchen_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from actiseg_bench.strategies.baseline import Baseline

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Baseline, "step", interrupt)
    code, _, error = cli("train", "--manifest", noisy_val, "--root", kitchen_root, "--out", tmp_path, *QUICK)
    assert code == 130
    assert "the same command continues" in error


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--strategy", "gec"], "unknown strategy 'gec'. Did you mean 'gce'?"),
        (["--strategy", "gce", "--option", "p=1"], "strategy 'gce' has no option 'p'. Known: additive"),
        (["--variant", "relased"], "has no variant 'relased'"),
        (["--model", "tinny"], "unknown model 'tinny'. Did you mean 'tiny'?"),
        (["--weights", "nowhere.safetensors"], "nowhere.safetensors: no such weights file"),
        (["--device", "warp"], "--device warp: expected cpu, cuda, cuda:N or auto"),
    ],
)
def test_bad_usage_is_told_and_leaves_no_folder(
    cli: Cli, noisy_val: Path, kitchen_root: Path, tmp_path: Path, words: list[str], message: str
) -> None:
    command = ["train", "--manifest", noisy_val, "--root", kitchen_root, "--out", tmp_path / "a", *QUICK]
    code, printed, error = cli(*command, *words)
    assert (code, printed) == (2, "")
    assert message in error
    assert not (tmp_path / "a").exists()


def test_a_manifest_without_masks_trains_nothing(cli: Cli, kitchen_root: Path, tmp_path: Path) -> None:
    text = actiseg_noise.build(
        "kitchen", root=kitchen_root, split="val", content="text", out=tmp_path / "text", limit=2, workers=1
    )
    code, _, error = cli("train", "--manifest", text, "--root", kitchen_root, "--out", tmp_path / "a", *QUICK)
    assert code == 2
    assert "the manifest has content 'text', training and scoring need masks" in error


def test_clips_of_several_lengths_need_a_number_of_frames() -> None:
    from actiseg_bench.training.folder import _check_lengths

    rows = [{"clip_id": clip, "is_annotated": True} for clip in ("a", "a", "b", "b", "b")]
    with pytest.raises(ActisegError, match=r"clips have 2 to 3 frames, .*: pass --frames N, or --clips 1"):
        _check_lengths(CONFIG, rows)
    _check_lengths(replace(CONFIG, train=replace(CONFIG.train, frames_per_clip=2)), rows)
    _check_lengths(CONFIG, [*rows, {"clip_id": "a", "is_annotated": True}, {"clip_id": "a", "is_annotated": False}])


@contextmanager
def small_disk(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond ``size`` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def write_a_mask(path: Path) -> None:
    write_index_mask(path, np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8))


def write_a_checkpoint(path: Path) -> None:
    write_tensors(path, {"weight": torch.zeros(1000)}, {"step": 1})


def write_some_predictions(path: Path) -> None:
    write_predictions(path, predict(perfect()))


@pytest.mark.parametrize("write", [write_a_mask, write_a_checkpoint, write_some_predictions])
def test_a_write_that_the_system_refuses_leaves_the_old_file_and_says_where(
    write: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / "kept"
    path.write_text("old")
    with small_disk(500), pytest.raises(ActisegError, match=r"kept: cannot be written \(.*; nothing half-written"):
        write(path)
    assert [item.name for item in tmp_path.iterdir()] == ["kept"]
    assert path.read_text() == "old"
    write(path)
    assert path.stat().st_size > 500


def test_a_full_disk_is_called_one(tmp_path: Path) -> None:
    with (
        pytest.raises(ActisegError, match=r"a.bin: cannot be written \(no room to write: No space left on device\)"),
        whole_file(tmp_path / "a.bin") as partial,
    ):
        partial.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []
