"""Long trainings: checkpoints beside the steps, a system that takes its machine back, a card that is too small."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from unplugged import UnpluggedError, are_same, check_goes_on, unplug_at

from actiseg_bench.strategies.base import Step
from actiseg_bench.strategies.baseline import Baseline
from actiseg_bench.training import checkpoint
from actiseg_bench.training.checkpoint import read_tensors, write_tensors
from actiseg_bench.training.config import RunConfig, TrainConfig
from actiseg_bench.training.failures import TooLargeError
from actiseg_bench.training.folder import train_to
from actiseg_bench.training.progress import Progress
from actiseg_bench.training.train import train_run
from actiseg_noise.borders.preemption import PreemptedError, preemptible
from actiseg_noise.borders.writing import WriteError
from actiseg_noise.errors import ActisegWarning

CONFIG = RunConfig(
    start_weights="none", threads=1, device="cpu", train=TrainConfig(steps=5, clips_per_batch=4, samples_per_clip=2)
)
QUICK = ["--weights", "none", "--threads", 1, "--device", "cpu", "--clips", 4]


class SlowDisk:
    """Writes nothing before it is let; says what it was given to write."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened, self.begun = threading.Event(), threading.Event()
        monkeypatch.setattr(checkpoint, "write_tensors", self)

    def __call__(self, *given: object) -> None:
        self.begun.set()
        assert self.opened.wait(60)
        write_tensors(*given)  # type: ignore[arg-type]


@pytest.mark.parametrize("strategy", ["baseline", "elr", "ema_teacher"])
def test_steps_go_on_while_a_checkpoint_is_written_and_do_not_move_what_it_holds(
    strategy: str, noisy_val: Path, kitchen_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(CONFIG, strategy=strategy)
    with pytest.raises(UnpluggedError):
        train_run(
            config, noisy_val, kitchen_root, folder=tmp_path / "a", save_every=2, on_progress=unplug_at(3, config)
        )
    disk, path = SlowDisk(monkeypatch), tmp_path / "b" / "training.safetensors"
    seen: list[tuple[int, bool]] = []

    def watch(done: int, total: int, loss: float) -> None:
        seen.append((done, path.exists()))
        if done == 3:
            assert disk.begun.wait(60)
            disk.opened.set()
            raise UnpluggedError

    with pytest.raises(UnpluggedError):
        train_run(config, noisy_val, kitchen_root, folder=tmp_path / "b", save_every=2, on_progress=watch)
    assert seen == [(1, False), (2, False), (3, False)]
    (one, said), (two, same) = (read_tensors(tmp_path / name / "training.safetensors") for name in "ab")
    assert said.pop("seconds") > 0 < same.pop("seconds")
    assert said == same
    assert said["step"] == 2
    assert one.keys() == two.keys()
    assert all(torch.equal(value, two[name]) for name, value in one.items())


def test_the_end_of_a_training_waits_for_its_last_checkpoint(
    noisy_val: Path, kitchen_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = SlowDisk(monkeypatch)
    threading.Timer(0.5, disk.opened.set).start()
    train_run(CONFIG, noisy_val, kitchen_root, folder=tmp_path, save_every=5)
    assert read_tensors(tmp_path / "training.safetensors")[1]["step"] == 5


def refuse(path: Path, *_: object) -> None:
    raise WriteError(path, OSError(28, "No space left on device"))


@pytest.mark.parametrize(("save_every", "steps"), [(2, 3), (5, 5)])
def test_a_checkpoint_that_cannot_be_written_stops_the_training_at_the_next_step_or_the_end(
    save_every: int, steps: int, noisy_val: Path, kitchen_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "write_tensors", refuse)
    made: list[int] = []

    def count(done: int, *_: object) -> None:
        time.sleep(0.1)  # the thread has failed by the next step
        made.append(done)

    with pytest.raises(WriteError, match="training.safetensors: cannot be written .*No space left"):
        train_run(CONFIG, noisy_val, kitchen_root, folder=tmp_path, save_every=save_every, on_progress=count)
    assert made[-1] == steps


def test_a_checkpoint_that_failed_is_said_beside_the_error_that_came_first(
    noisy_val: Path, kitchen_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "write_tensors", refuse)
    with pytest.warns(ActisegWarning, match="No space left"), pytest.raises(UnpluggedError):
        train_run(CONFIG, noisy_val, kitchen_root, folder=tmp_path, save_every=1, on_progress=unplug_next(1))


def unplug_next(step: int) -> Progress:
    """Stop in the step after a checkpoint, before its failure can be raised."""

    def on_progress(done: int, total: int, loss: float) -> None:
        if done > step:
            raise UnpluggedError

    return on_progress


def test_a_state_too_large_to_be_copied_is_written_before_the_next_step(
    noisy_val: Path, kitchen_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("copied")

    monkeypatch.setattr(checkpoint, "MOST_COPIED", 1000)
    monkeypatch.setattr(checkpoint, "copy_to_host", never)
    config = replace(CONFIG, strategy="elr")
    check_goes_on(config, noisy_val, kitchen_root, tmp_path, stop=4, save_every=3, kept=3)


# --- killed


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "actiseg_bench", *map(str, words)]


def wait_for(holds: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 90
    while not holds():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.005)


def steps_logged(folder: Path) -> list[int]:
    path = folder / "curve.csv"
    lines = path.read_text().splitlines()[1:] if path.is_file() else []
    return [int(line.partition(",")[0]) for line in lines if line.count(",") == 5]


def start(out: Path, manifest: Path, root: Path, *more: object) -> subprocess.Popen[str]:
    words = command("train", "--manifest", manifest, "--root", root, "--out", out, *QUICK, *more)
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> None:
    """Wait for a command, which must succeed."""
    _, error = process.communicate(timeout=120)
    assert process.returncode == 0, error


STEPS = 12
LONG = ["--strategy", "elr", "--steps", STEPS, "--save-every", 1]


@pytest.fixture(scope="module")
def in_one_go(noisy_val: Path, kitchen_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The training of ``LONG``, which nobody stopped."""
    out = tmp_path_factory.mktemp("whole")
    finish(start(out, noisy_val, kitchen_root, *LONG))
    return out


def losses_of(folder: Path) -> list[list[str]]:
    """Return step, epoch, loss and learning rate of every row of a curve."""
    return [line.split(",")[:4] for line in (folder / "curve.csv").read_text().splitlines()]


def check_same_end(one: Path, two: Path) -> None:
    """Two folders hold the same networks and the same curve."""
    left, right = (read_tensors(folder / "checkpoint.safetensors")[0] for folder in (one, two))
    assert left.keys() == right.keys()
    assert all(torch.equal(value, right[name]) for name, value in left.items())
    assert losses_of(one) == losses_of(two)


@pytest.mark.parametrize("delay_s", [0.0, 0.02])
def test_a_kill_at_any_moment_leaves_a_whole_checkpoint_and_the_same_command_goes_on(
    in_one_go: Path, noisy_val: Path, kitchen_root: Path, tmp_path: Path, delay_s: float
) -> None:
    process = start(tmp_path, noisy_val, kitchen_root, *LONG)
    wait_for(lambda: len(steps_logged(tmp_path)) > 4, process)
    time.sleep(delay_s)
    process.kill()
    process.communicate()
    kept = read_tensors(tmp_path / "training.safetensors")[1]["step"]
    assert 0 < kept <= steps_logged(tmp_path)[-1] < STEPS
    finish(start(tmp_path, noisy_val, kitchen_root, *LONG))
    check_same_end(in_one_go, tmp_path)


# --- preempted


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGUSR1])
def test_a_preempted_training_exits_with_75_and_the_same_command_goes_on_to_the_same_end(
    in_one_go: Path, noisy_val: Path, kitchen_root: Path, tmp_path: Path, sent: signal.Signals
) -> None:
    rarely = [*LONG[:-1], 1000]
    process = start(tmp_path, noisy_val, kitchen_root, *rarely)
    wait_for(lambda: len(steps_logged(tmp_path)) > 2, process)
    process.send_signal(sent)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 75, error
    kept = read_tensors(tmp_path / "training.safetensors")[1]["step"]
    assert kept == steps_logged(tmp_path)[-1] < STEPS
    assert f"error: stopped by {sent.name} after step {kept} of {STEPS}; the same command continues from" in error
    finish(start(tmp_path, noisy_val, kitchen_root, *rarely))
    check_same_end(in_one_go, tmp_path)


def ask_to_stop_at(step: int) -> Progress:
    def on_progress(done: int, total: int, loss: float) -> None:
        if done == step:
            os.kill(os.getpid(), signal.SIGTERM)

    return on_progress


@pytest.mark.parametrize("step", [1, 3, 5])
def test_a_training_finishes_its_step_before_it_stops(
    step: int, noisy_val: Path, kitchen_root: Path, tmp_path: Path
) -> None:
    config = replace(CONFIG, strategy="co_teaching")
    whole = train_run(config, noisy_val, kitchen_root)
    with pytest.raises(PreemptedError, match=f"SIGTERM after step {step} of 5"), preemptible():
        train_run(config, noisy_val, kitchen_root, folder=tmp_path, on_progress=ask_to_stop_at(step))
    assert read_tensors(tmp_path / "training.safetensors")[1]["step"] == step
    assert are_same(whole, train_run(config, noisy_val, kitchen_root, folder=tmp_path))


def test_a_preempted_training_without_a_folder_stops_too(noisy_val: Path, kitchen_root: Path) -> None:
    with pytest.raises(PreemptedError), preemptible():
        train_run(CONFIG, noisy_val, kitchen_root, on_progress=ask_to_stop_at(2))


def test_a_checkpoint_that_cannot_be_written_is_no_preemption(
    noisy_val: Path, kitchen_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "write_tensors", refuse)
    with pytest.raises(WriteError), preemptible():
        train_run(CONFIG, noisy_val, kitchen_root, folder=tmp_path, on_progress=ask_to_stop_at(2))


# --- too large


def out_of_memory_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the baseline run out of memory in a step, as torch says it."""
    sound, calls = Baseline.step, []

    def breaks(self: Baseline, networks, batch, epoch) -> Step:
        calls.append(epoch)
        if len(calls) == step:
            raise torch.cuda.OutOfMemoryError(
                "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 11.76 GiB of which …"
            )
        return sound(self, networks, batch, epoch)

    monkeypatch.setattr(Baseline, "step", breaks)


def test_an_item_too_large_for_the_card_is_named_with_what_to_change_and_the_checkpoint_is_kept(
    noisy_val: Path, kitchen_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train_run(CONFIG, noisy_val, kitchen_root)
    with monkeypatch.context() as patch:
        out_of_memory_at(4, patch)
        with pytest.raises(TooLargeError) as found:
            train_to(tmp_path, CONFIG, noisy_val, kitchen_root, save_every=2)
    message = str(found.value)
    assert message.startswith(
        "out of memory at step 3, epoch 1, on 4 items (2 × 3 frames of 96 × 160, 8 expressions; samples val_"
    )
    assert "Tried to allocate 2.00 GiB. The checkpoint of step 2 is kept in " in message
    assert "training.safetensors; the same command continues from it where there is more memory" in message
    assert "fewer --clips, fewer --frames, --precision bf16-mixed, or a smaller --model" in message
    assert are_same(whole, train_run(CONFIG, noisy_val, kitchen_root, folder=tmp_path, save_every=2))


def test_an_item_too_large_before_the_first_checkpoint_promises_none(
    noisy_val: Path, kitchen_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out_of_memory_at(1, monkeypatch)
    with pytest.raises(TooLargeError) as found:
        train_run(CONFIG, noisy_val, kitchen_root, folder=tmp_path)
    assert "checkpoint" not in str(found.value)
    assert "out of memory at step 0" in str(found.value)
