"""Batches are the same whoever reads them, from wherever a training goes on; what breaks is named, nothing is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from multiprocessing import active_children
from pathlib import Path

import pytest
import torch
from loading_fakes import FATAL_STEP, FatalReader, OneOf
from torch.utils.data import _utils
from unplugged import UnpluggedError

from actiseg_bench.data.distort import DistortConfig
from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_bench.data.scales import ScaleConfig
from actiseg_bench.data.transforms import AugmentConfig
from actiseg_bench.records import Batch
from actiseg_bench.training.batches import make_batch, read_batch
from actiseg_bench.training.checkpoint import read_tensors
from actiseg_bench.training.config import RunConfig, TrainConfig
from actiseg_bench.training.devices import Devices
from actiseg_bench.training.folder import train_to
from actiseg_bench.training.items import make_sampler, open_training
from actiseg_bench.training.loading import (
    BatchReader,
    Loaded,
    LoadingProcessError,
    Request,
    count_workers,
    default_workers,
    iter_loaded,
    iter_requests,
)
from actiseg_bench.training.options import TrainOptions
from actiseg_bench.training.train import train_run
from actiseg_noise.errors import DataError

SCALES = ScaleConfig(sides=(48, 64), long_side=96, crop_from=(80, 96), crop_sides=(40, 80))
CUTS = AugmentConfig(brightness=0, contrast=0, colour=0, scales=SCALES, distort=DistortConfig())
WINDOWS = TrainConfig(steps=5, item="window", frames_per_clip=2, clips_per_batch=24, action_weights=True, augment=CUTS)
CLIPS = TrainConfig(steps=5, clips_per_batch=4, samples_per_clip=2, frames_per_clip=2)
CONFIG = RunConfig(start_weights="none", threads=1, device="cpu", train=WINDOWS)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Compute with one thread, as the trainings here do: equal threads, equal sums of floats."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no item stay in memory, and a dead process be noticed at once."""
    monkeypatch.setattr(ManifestDataset, "_fits", lambda self: False)
    monkeypatch.setattr(_utils, "MP_STATUS_CHECK_INTERVAL", 0.2)


@pytest.fixture
def data(noisy_val: Path, kitchen_root: Path) -> ManifestDataset:
    return open_training(CONFIG, noisy_val, kitchen_root, diagnose=True)


def requests(data: ManifestDataset, config: RunConfig, step: int = 0) -> Iterator[Request]:
    """Yield the requests of a training from a step on: an epoch is 96 windows, 4 updates, or 8 clips, 2 updates."""
    sampler = make_sampler(data, config)
    per_epoch = len(list(sampler))
    return iter_requests(sampler, step, *divmod(step, per_epoch), config.train.steps)


def load(data: ManifestDataset, config: RunConfig, workers: int, step: int = 0, views: int = 2) -> list[Loaded]:
    return list(iter_loaded(BatchReader(data, config, views), requests(data, config, step), workers))


def assert_equal(one: Batch, two: Batch) -> None:
    for name in (field.name for field in fields(Batch)):
        a, b = getattr(one, name), getattr(two, name)
        assert torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b, name


@pytest.mark.parametrize("train", [WINDOWS, CLIPS], ids=["windows", "clips"])
def test_any_number_of_processes_from_any_step_gives_the_same_batches(
    data: ManifestDataset, train: TrainConfig
) -> None:
    config = replace(CONFIG, train=train)
    whole = load(data, config, 0)
    assert [one.request.step for one in whole] == [0, 1, 2, 3, 4]
    assert [one.request.epoch for one in whole] == ([0, 0, 0, 0, 1] if train is WINDOWS else [0, 0, 1, 1, 2])
    begun = [(workers, step) for workers, steps in {0: range(1, 5), 1: [3], 4: [0]}.items() for step in steps]
    for workers, step in begun:
        rest = load(data, config, workers, step)
        assert [one.request for one in rest] == [one.request for one in whole[step:]]
        assert [one.clip_ids for one in rest] == [one.clip_ids for one in whole[step:]]
        for one, two in zip(whole[step:], rest, strict=True):
            assert one.batch is not None and two.batch is not None
            assert_equal(one.batch, two.batch)


def test_clips_are_read_as_they_are_made_of_whole_items(data: ManifestDataset) -> None:
    plain = ManifestDataset(data.manifest, data.root, size=(48, 80), mask_stride=2, diagnose=True)
    config = replace(CONFIG, train=CLIPS)
    assert_equal(read_batch(plain, [0, 1, 4], config, 7)[0], make_batch([plain[i] for i in (0, 1, 4)], config, 7))


@pytest.mark.parametrize("step", range(6))
def test_windows_are_read_in_their_cut_as_whole_pictures_are_cut(data: ManifestDataset, step: int) -> None:
    views = [view for batch in make_sampler(data, CONFIG) for view in batch][step * 8 : step * 8 + 3]
    read, _ = read_batch(data, views, CONFIG, step, views=2)
    made = make_batch([data[view] for view in views], CONFIG, step, views=2, stride=data.mask_stride)
    assert (read.expressions, read.sample_ids, read.frame_idx) == (made.expressions, made.sample_ids, made.frame_idx)
    assert read.agrees is not None and made.agrees is not None
    assert (read.agrees != made.agrees).float().mean() < 1e-3  # a cell that is half wrong may be either
    for name in ("frames", "strong", "masks", "weights", "affine", "is_positive", "frames_of"):
        assert torch.allclose(getattr(read, name), getattr(made, name), atol=3e-6), name


SHARED = replace(WINDOWS, expressions_per_window="all", clips_per_batch=2)


@pytest.mark.parametrize("world", [2, 3])
@pytest.mark.parametrize("train", [WINDOWS, SHARED, CLIPS], ids=["windows", "all expressions", "clips"])
def test_a_process_of_several_reads_its_share_and_nothing_else(
    data: ManifestDataset, train: TrainConfig, world: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, read = replace(CONFIG, train=train), []
    plain = ManifestDataset.read_picture
    monkeypatch.setattr(ManifestDataset, "read_picture", lambda *given: read.append(1) or plain(*given))
    request = next(requests(data, config))
    whole, counts, pictures = BatchReader(data, config, 2)[request], [], len(read)
    assert whole.batch is not None and whole.samples is None
    for rank in range(world):
        read.clear()
        part = BatchReader(data, config, 2, rank, world)[request]
        counts.append(len(read))
        assert part.batch is not None and part.samples == len(whole.batch)
        assert_equal(part.batch, Devices(OneOf(rank, world)).share(whole.batch))  # type: ignore[arg-type]
    if len(whole.batch.frames) < world:  # a sequence is read by all that have a sample on it
        assert max(counts) <= pictures
    else:
        assert sum(counts) == pictures


def test_a_training_goes_on_from_every_step_with_another_number_of_processes(
    noisy_val: Path, kitchen_root: Path, tmp_path: Path
) -> None:
    config = replace(CONFIG, train=replace(WINDOWS, steps=4, clips_per_batch=2))
    whole = train_to(tmp_path / "whole", config, noisy_val, kitchen_root, save_every=1, workers=0)
    networks, _ = read_tensors(tmp_path / "whole" / "checkpoint.safetensors")
    for step, (before, after) in {1: (0, 2), 2: (1, 0), 3: (2, 1)}.items():

        def pull(done: int, total: int, loss: float, step: int = step) -> None:
            if done == step + 1:  # the checkpoint of this update is not written any more
                raise UnpluggedError

        folder = tmp_path / str(step)
        with pytest.raises(UnpluggedError):
            train_to(folder, config, noisy_val, kitchen_root, save_every=1, on_progress=pull, workers=before)
        assert read_tensors(folder / "training.safetensors")[1]["step"] == step
        again = train_to(folder, config, noisy_val, kitchen_root, save_every=1, workers=after)
        assert again["losses"] == whole["losses"]
        found, _ = read_tensors(folder / "checkpoint.safetensors")
        assert all(torch.equal(value, found[name]) for name, value in networks.items())


def test_a_picture_that_breaks_stops_a_training_whole(noisy_val: Path, kitchen_root: Path, tmp_path: Path) -> None:
    config = replace(CONFIG, train=replace(CLIPS, steps=9, clips_per_batch=2))
    whole = train_to(tmp_path / "whole", config, noisy_val, kitchen_root, workers=0)
    root = tmp_path / "root"
    shutil.copytree(kitchen_root, root)

    def break_all(done: int, total: int, loss: float) -> None:
        for path in root.rglob("*.jpg") if done == 1 else ():
            path.write_bytes(path.read_bytes()[:2000])

    message = r"\.jpg: not a readable image .*truncated.* The (\d) updates before it are in .*training\.safetensors"
    before = set(active_children())
    with pytest.raises(DataError, match=message) as caught:
        train_to(tmp_path / "part", config, noisy_val, root, workers=1, on_progress=break_all)
    assert not set(active_children()) - before
    assert caught.tb is not None
    assert 1 <= read_tensors(tmp_path / "part" / "training.safetensors")[1]["step"] < 9
    shutil.copytree(kitchen_root, root, dirs_exist_ok=True)
    assert train_to(tmp_path / "part", config, noisy_val, root, workers=0)["losses"] == whole["losses"]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_process_that_dies_is_named_with_what_it_read(data: ManifestDataset, workers: int) -> None:
    loading = iter_loaded(FatalReader(data, CONFIG, 1), requests(data, CONFIG), workers)
    message = rf"a process that loads batches was killed by SIGKILL while it read update {FATAL_STEP} \(clips val_0"
    seen: list[int] = []
    with pytest.raises(LoadingProcessError, match=message):
        for one in loading:
            seen.append(one.request.step)
    assert seen == list(range(FATAL_STEP))[: len(seen)]  # a batch that the process had not handed over is lost with it


def test_the_processes_end_with_a_training_that_fails(noisy_val: Path, kitchen_root: Path) -> None:
    def stop(done: int, total: int, loss: float) -> None:
        raise DataError("stopped by the test")

    config = replace(CONFIG, train=CLIPS)
    before = set(active_children())
    with pytest.raises(DataError) as caught:
        train_run(config, noisy_val, kitchen_root, on_progress=stop, workers=1)
    assert not set(active_children()) - before
    assert caught.tb is not None  # which holds the frames of the training


SCRIPT = """
import sys
from pathlib import Path
from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_bench.training.config import RunConfig, TrainConfig
from actiseg_bench.training.train import train_run
ManifestDataset._fits = lambda self: False
print("begun")
train = TrainConfig(steps=2, clips_per_batch=2)
config = RunConfig(start_weights="none", threads=1, device="cpu", train=train)
print(len(train_run(config, Path(sys.argv[1]), Path(sys.argv[2]), workers=1).networks), "network")
"""

KILLED = (
    SCRIPT.replace("steps=2", "steps=9")
    .replace(
        "workers=1",
        "workers=2, on_progress=lambda *_: (print('one update', flush=True), __import__('time').sleep(600))",
    )
    .replace('print("begun")', "")
)

LEFT_OPEN = """
import gc
import sys
from actiseg_bench.data.manifest_dataset import ManifestDataset
from actiseg_bench.training.config import RunConfig, TrainConfig
from actiseg_bench.training.loading import BatchReader, Request, iter_loaded
gc.disable()
ManifestDataset._fits = lambda self: False
data = ManifestDataset(sys.argv[1], sys.argv[2], frames=2)
config = RunConfig(start_weights="none", threads=1, train=TrainConfig(steps=9, clips_per_batch=1, frames_per_clip=2))
loading = iter_loaded(BatchReader(data, config, 1), [Request(step, 0, (0,)) for step in range(9)], workers=2)
print(next(loading).request.step)
"""


def test_a_script_ends_whose_processes_are_still_there(noisy_val: Path, kitchen_root: Path, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(LEFT_OPEN)
    command = [sys.executable, str(tmp_path / "script.py"), str(noisy_val), str(kitchen_root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")


def test_a_script_without_a_guard_is_not_run_again(noisy_val: Path, kitchen_root: Path, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, str(tmp_path / "script.py"), str(noisy_val), str(kitchen_root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "begun\n1 network\n", "")


def test_no_process_outlives_a_training_that_is_killed(noisy_val: Path, kitchen_root: Path, tmp_path: Path) -> None:
    """All that a training starts holds its output open, so that this is closed when the last one has ended."""
    (tmp_path / "script.py").write_text(KILLED)
    command = [sys.executable, str(tmp_path / "script.py"), str(noisy_val), str(kitchen_root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as training:
        assert training.stdout is not None
        assert training.stdout.readline() == "one update\n"
        training.kill()
        assert training.communicate(timeout=30)[0] == ""


SERVER_LOST = (
    KILLED.replace("steps=9", "steps=400")
    .replace("import sys\n", "import os, signal, sys\nfrom multiprocessing import forkserver\n")
    .replace(
        "lambda *_: (print('one update', flush=True), __import__('time').sleep(600))",
        "lambda done, *_: done == 1 and os.kill(forkserver._forkserver._forkserver_pid, signal.SIGKILL)",
    )
)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a server of forks")
@pytest.mark.parametrize("moment", ["start", "update"])
def test_a_server_of_forks_that_is_killed_is_told_in_one_error(
    noisy_val: Path, kitchen_root: Path, tmp_path: Path, moment: str
) -> None:
    script = SERVER_LOST if moment == "update" else SERVER_LOST.replace("train = ", LOST_AT_START + "train = ")
    (tmp_path / "script.py").write_text(script)
    command = [sys.executable, str(tmp_path / "script.py"), str(noisy_val), str(kitchen_root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 1
    assert done.stderr.count("Traceback (most recent call last)") == 1  # the script's own, which catches nothing
    assert "LoadingProcessError: a process that loads batches ended with the server that forks it" in done.stderr
    assert "Process ForkServerProcess" not in done.stderr


LOST_AT_START = """
from actiseg_bench.training import loading
listed = loading.multiprocessing.active_children
def kill_first():
    if forkserver._forkserver._forkserver_pid:
        os.kill(forkserver._forkserver._forkserver_pid, signal.SIGKILL)
        __import__("time").sleep(0.5)
    return listed()
loading.multiprocessing.active_children = kill_first
"""


def test_processes_are_as_many_as_are_of_use(data: ManifestDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(12)), raising=False)
    assert default_workers(data, threads=2) == count_workers(None, data, 2) == 10
    assert count_workers(3, data, 2) == 3
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert default_workers(data, threads=2) == 1
    assert default_workers(data, threads=8) == 0
    kept = ManifestDataset(data.manifest, data.root, cache=True)
    assert default_workers(kept, threads=2) == 0
    assert count_workers(1, kept, 2) == 1
    kept.show_features(lambda name, read: read())
    assert count_workers(1, kept, 2) == 0  # what was computed once lies in this process


def test_the_number_of_processes_is_no_part_of_a_training() -> None:
    one, two = (TrainOptions(manifest=Path("m"), out=Path("o"), workers=workers).run_config() for workers in (None, 7))
    assert one.to_dict() == two.to_dict()
