"""Several devices on one training: what one with the batch of all would learn; a checkpoint that either continues."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from loading_fakes import OneOf
from train_fakes import make_batch, make_item

from actiseg_bench.records import Batch, collate
from actiseg_bench.training import devices as devices_module
from actiseg_bench.training.batches import step_seed
from actiseg_bench.training.checkpoint import CheckpointError, check_identity, load_networks, read_tensors, run_identity
from actiseg_bench.training.config import RunConfig
from actiseg_bench.training.devices import Devices, deal
from actiseg_bench.training.diagnosis import LabelCounts, TrainingMonitor
from actiseg_noise.borders.text import read_json_object
from actiseg_noise.errors import ActisegError

Cli = Callable[..., tuple[int, str, str]]
MAIN = "from actiseg_bench.cli import main\nmain()\n"  # devices beyond the first run the same script again
STOPPED_AFTER_2 = """
import os, signal
from actiseg_bench.training.journal import Journal

plain = Journal.end_step

def end_step(self, *given):
    if self._now.step == 2 and os.environ.get("LOCAL_RANK") == "1":
        os.kill(os.getpid(), signal.SIGTERM)
    plain(self, *given)

Journal.end_step = end_step
"""


def train(out: Path, manifest: Path, root: Path, devices: int, *more: object, before: str = "") -> tuple[int, str]:
    """Return exit code and standard error of a training of four steps; ``before``: code of every process."""
    script = out.with_suffix(".py")
    script.write_text(before + MAIN)
    options = ["--model", "tiny-decoder", "--clips", 4, "--threads", 1, "--device", "cpu", "--steps", 4]
    labels = ["--manifest", manifest, "--root", root, "--out", out, "--devices", devices]
    command = [sys.executable, script, "train", *labels, *options, *more]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, timeout=240)
    return done.returncode, done.stderr


def losses(folder: Path) -> list[float]:
    return [float(line.split(",")[2]) for line in (folder / "curve.csv").read_text().splitlines()[1:]]


@pytest.mark.parametrize("strategy", ["baseline", "elr"])
def test_two_devices_learn_what_one_does_with_the_batch_of_both_and_one_continues_what_two_began(
    strategy: str, noisy_val: Path, kitchen_root: Path, tmp_path: Path
) -> None:
    one, two, changed = (tmp_path / name for name in ("one", "two", "changed"))
    how = ["--strategy", strategy]
    for folder, devices in ((one, 1), (two, 2)):
        code, error = train(folder, noisy_val, kitchen_root, devices, *how)
        assert code == 0, error
    assert len(set(losses(one))) == 4
    assert losses(two) == pytest.approx(losses(one), rel=1e-6)
    left, right = (load_networks(folder / "checkpoint.safetensors")[0][0].state_dict() for folder in (one, two))
    for name, value in left.items():
        torch.testing.assert_close(right[name], value, rtol=0, atol=1e-4)

    code, error = train(changed, noisy_val, kitchen_root, 2, *how, before=STOPPED_AFTER_2)
    assert code == 75, error
    assert "after step 2 of 4; the same command continues" in error
    assert read_tensors(changed / "training.safetensors")[1]["step"] == 2
    code, error = train(changed, noisy_val, kitchen_root, 1, *how)
    assert code == 0, error
    assert losses(changed) == pytest.approx(losses(one), rel=1e-6)


def test_more_processes_than_cores_are_refused_before_anything_is_written(
    cli: Cli, noisy_val: Path, kitchen_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices_module, "usable_cores", lambda: 1)
    words = ["train", "--manifest", str(noisy_val), "--root", str(kitchen_root), "--out", str(tmp_path / "out")]
    code, _, error = cli(*words, "--device", "cpu", "--devices", "3")
    assert code == 2
    assert "--devices 3 on a CPU" in error
    assert "this machine has 1 core for them; give at most 2" in " ".join(error.split())
    assert not (tmp_path / "out").exists()


HELPER = f"""
import time
from {devices_module.__name__} import helping
with helping():
    {{}}
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a parent is looked up")
@pytest.mark.parametrize("goes", ["time.sleep(60)", "raise RuntimeError('connection closed by the first process')"])
def test_a_helper_whose_first_process_ended_before_it_was_up_ends_without_a_word(goes: str) -> None:
    own = {**os.environ, "LOCAL_RANK": "1", devices_module._LAUNCHER: str(2**22)}  # above every process id
    command = [sys.executable, "-c", HELPER.format(goes)]
    done = subprocess.run(command, env=own, capture_output=True, check=False, timeout=50)
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")


def test_selection_is_counted_over_all_devices(noisy_val: Path, kitchen_root: Path, tmp_path: Path) -> None:
    found = []
    for devices in (1, 2):
        out = tmp_path / f"{devices}"
        code, error = train(out, noisy_val, kitchen_root, devices, "--strategy", "clean_subset", "--save-every", 1)
        assert code == 0, error
        found.append(read_json_object(out / "train.json")["selection"])
    assert found[0] == found[1]
    assert found[0][0]["samples"]["precision"] is not None


WINDOWS = """
title = "windows"
[train]
item = "window"
frames_per_clip = 2
clips_per_batch = 2
[train.augment.scales]
sides = [48, 64]
long_side = 96
crop_from = [80, 96]
crop_sides = [40, 80]
[train.augment.distort]
chance = 0.5
"""
NOTHING_KEPT = """
from actiseg_bench.data.manifest_dataset import ManifestDataset
ManifestDataset._fits = lambda self: False
"""
BROKEN_IN_THE_SECOND = (
    NOTHING_KEPT
    + """
import os
from actiseg_bench.data import cut_items
from actiseg_noise.errors import DataError
from actiseg_bench.training.loading import BatchReader, Loaded

plain = BatchReader.__getitem__

def read(self, request):
    if request.step == 2 and os.environ.get("LOCAL_RANK") == "1":
        return Loaded(request, (), None, error=DataError("broken.jpg: not a readable image."))
    return plain(self, request)

BatchReader.__getitem__ = read
"""
)


def test_devices_that_read_their_shares_learn_what_one_does_and_stop_together(
    noisy_val: Path, kitchen_root: Path, tmp_path: Path
) -> None:
    one, two, broken = (tmp_path / name for name in ("one", "two", "broken"))
    (tmp_path / "windows.toml").write_text(WINDOWS)
    how = ["--config", tmp_path / "windows.toml", "--model", "referformer-mini", "--clips", 3, "--workers", 0]
    for folder, devices in ((one, 1), (two, 2)):
        code, error = train(folder, noisy_val, kitchen_root, devices, *how, before=NOTHING_KEPT)
        assert code == 0, error
    assert len(set(losses(one))) == 4
    assert losses(two) == pytest.approx(losses(one), rel=1e-5)

    code, error = train(broken, noisy_val, kitchen_root, 2, *how, before=BROKEN_IN_THE_SECOND)
    assert code == 2, error
    assert "broken.jpg: not a readable image. The 2 updates before it are in" in " ".join(error.split())
    code, error = train(broken, noisy_val, kitchen_root, 1, *how, before=NOTHING_KEPT)
    assert code == 0, error
    assert losses(broken) == pytest.approx(losses(one), rel=1e-5)


def test_an_update_is_shared_or_refused() -> None:
    batch = make_batch()  # two clips of three samples
    shares = [Devices(OneOf(rank, 4)).share(batch) for rank in range(4)]  # type: ignore[arg-type]
    assert sorted(name for share in shares for name in share.sample_ids) == sorted(batch.sample_ids)
    assert [len(share) for share in shares] == [2, 2, 1, 1]
    assert Devices(OneOf(0, 1)).share(batch) is batch  # type: ignore[arg-type]
    with pytest.raises(
        ActisegError, match="8 devices cannot share an update of 6 samples: give more --clips, or fewer"
    ):
        Devices(OneOf(0, 8)).share(batch)  # type: ignore[arg-type]


def test_processes_draw_apart_and_the_first_as_one_alone() -> None:
    seeds = [Devices(OneOf(rank, 2)).seed(7, 3) for rank in range(2)]  # type: ignore[arg-type]
    assert seeds[0] == step_seed(7, "step", 3) != seeds[1]


def test_a_checkpoint_of_another_number_of_devices_is_of_the_same_training() -> None:
    config = RunConfig()
    mine, theirs = run_identity(config, "labels"), run_identity(replace(config, devices=8), "labels")
    check_identity(Path("training.safetensors"), theirs, mine)
    with pytest.raises(CheckpointError, match=r"these differ: config.seed \(0 there, 1 here\)\."):
        check_identity(Path("training.safetensors"), theirs, run_identity(replace(config, seed=1), "labels"))


@pytest.mark.parametrize("world", [1, 2, 3, 5])
@pytest.mark.parametrize("frames_of", [[0], [0, 0, 0], [0, 0, 0, 1, 1, 2], [0, 1, 2, 3, 4, 5, 5, 5]])
def test_every_sample_goes_to_one_device_and_sequences_stay_whole_where_there_are_enough(
    frames_of: list[int], world: int
) -> None:
    dealt = deal(frames_of, world)
    assert sorted(sum(dealt, [])) == list(range(len(frames_of)))
    assert all(mine == sorted(mine) for mine in dealt)
    if len(set(frames_of)) >= world:
        owners = [{rank for rank, mine in enumerate(dealt) for i in mine if frames_of[i] == s} for s in set(frames_of)]
        assert all(len(one) == 1 for one in owners)
        assert all(dealt)


def test_a_share_of_a_batch_has_its_samples_and_the_sequences_that_they_are_on() -> None:
    whole = make_batch()
    whole = replace(whole, strong=whole.frames + 1, agrees=whole.masks > 0, weights=whole.masks + 1)
    share = whole.take([1, 4])
    assert share.frames_of.tolist() == [0, 1]
    assert (share.sample_ids, len(share)) == (("a/2", "b/2"), 2)
    second = whole.take([4])
    assert second.frames_of.tolist() == [0]
    for one in fields(Batch):
        mine, all_of_them = getattr(second, one.name), getattr(whole, one.name)
        if one.name in ("frames", "affine", "strong"):
            assert torch.equal(mine, all_of_them[1:])
        elif one.name != "frames_of":
            rest = all_of_them[4:5]
            assert torch.equal(mine, rest) if isinstance(rest, torch.Tensor) else mine == rest


def test_the_mean_over_shares_by_their_samples_is_that_of_the_batch() -> None:
    batch = collate([make_item("a"), make_item("b"), make_item("c")])
    values = torch.arange(9.0)
    shares = deal(batch.frames_of.tolist(), 2)
    weighed = [values[mine].mean() * len(mine) * 2 / len(batch) for mine in shares]
    assert sum(weighed) / 2 == values.mean()


def test_what_one_process_counted_is_handed_to_another() -> None:
    one, two = TrainingMonitor(None, 5), TrainingMonitor(None, 5)
    for monitor, epochs in ((one, 1), (two, 2)):
        monitor.load_state(
            {"fits": [], "epochs": [{"samples": {"believed": 2, "in_order": 0.5}, "pixels": {}}] * epochs}
        )
    one.take_over(two.hand_over())
    assert [epoch.samples for epoch in one.hand_over()] == [LabelCounts(4, in_order=1.0), LabelCounts(2, in_order=0.5)]
    assert two.hand_over() == []
