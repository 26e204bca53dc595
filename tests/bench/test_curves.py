"""Learning curves: every step once, whatever stopped the training between two of them."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from unplugged import UnpluggedError, unplug_at

from actiseg_bench.cli.progress import Speed, step_progress
from actiseg_bench.training.config import RunConfig, TrainConfig
from actiseg_bench.training.curves import CSV_NAME, make_curves
from actiseg_bench.training.folder import train_to
from actiseg_bench.training.options import TrainOptions
from actiseg_bench.training.progress import Pace, StepRecord
from actiseg_noise import progress_bars
from actiseg_noise.borders.writing import GrowingCsv
from actiseg_noise.errors import ActisegError, DataError, UnknownNameError

Cli = Callable[..., tuple[int, str, str]]
CONFIG = RunConfig(
    start_weights="none", threads=1, device="cpu", train=TrainConfig(steps=5, clips_per_batch=4, samples_per_clip=2)
)


def rows(folder: Path) -> list[list[str]]:
    return [line.split(",") for line in (folder / CSV_NAME).read_text().splitlines()]


def test_every_step_of_a_training_is_a_row(noisy_val: Path, kitchen_root: Path, tmp_path: Path) -> None:
    losses: list[float] = []
    report = train_to(
        tmp_path, CONFIG, noisy_val, kitchen_root, on_progress=lambda done, total, loss: losses.append(loss)
    )
    header, *steps = rows(tmp_path)
    assert header == ["step", "epoch", "loss", "learning_rate", "items_per_s", "gpu_memory_mib"]
    assert [row[0] for row in steps] == ["1", "2", "3", "4", "5"]
    assert [row[1] for row in steps] == ["0", "0", "1", "1", "2"]
    assert [float(row[2]) for row in steps] == losses
    assert report["losses"][0] == sum(losses[:2]) / 2
    assert float(steps[0][3]) == CONFIG.train.learning_rate
    assert steps[0][4] == ""
    assert all(float(row[4]) > 0 for row in steps[1:])
    assert {row[5] for row in steps} == {""}, "no GPU here"


def test_a_curve_goes_on_without_repeated_or_missing_steps_after_a_stop_past_the_checkpoint(
    noisy_val: Path, kitchen_root: Path, tmp_path: Path
) -> None:
    train_to(tmp_path / "whole", CONFIG, noisy_val, kitchen_root)
    part = tmp_path / "part"
    with pytest.raises(UnpluggedError):
        train_to(part, CONFIG, noisy_val, kitchen_root, save_every=2, on_progress=unplug_at(4, CONFIG))
    with (part / CSV_NAME).open("a") as file:
        file.write("5,2,0.1")  # a line that a kill cut
    assert [row[0] for row in rows(part)[1:]] == ["1", "2", "3", "4", "5"]
    train_to(part, CONFIG, noisy_val, kitchen_root, save_every=2)
    assert [row[:4] for row in rows(part)] == [row[:4] for row in rows(tmp_path / "whole")]


def test_a_training_that_begins_anew_begins_its_curve_anew(noisy_val: Path, kitchen_root: Path, tmp_path: Path) -> None:
    with pytest.raises(UnpluggedError):
        train_to(tmp_path, CONFIG, noisy_val, kitchen_root, on_progress=unplug_at(3, CONFIG))
    assert len(rows(tmp_path)) == 4
    with pytest.raises(UnpluggedError):
        train_to(tmp_path, CONFIG, noisy_val, kitchen_root, on_progress=unplug_at(1, CONFIG))
    assert len(rows(tmp_path)) == 2


def test_somebody_else_s_table_is_refused_and_not_overwritten(
    noisy_val: Path, kitchen_root: Path, tmp_path: Path
) -> None:
    with pytest.raises(UnpluggedError):
        train_to(tmp_path, CONFIG, noisy_val, kitchen_root, save_every=1, on_progress=unplug_at(2, CONFIG))
    (tmp_path / CSV_NAME).write_text("day,rain\n1,0\n")
    with pytest.raises(DataError, match=r"curve.csv: expected the columns step, epoch, .*, found day, rain: move"):
        train_to(tmp_path, CONFIG, noisy_val, kitchen_root, save_every=1)
    assert (tmp_path / CSV_NAME).read_text() == "day,rain\n1,0\n"


def test_none_logs_nothing(noisy_val: Path, kitchen_root: Path, tmp_path: Path) -> None:
    config = replace(CONFIG, train=replace(CONFIG.train, steps=1))
    train_to(tmp_path, config, noisy_val, kitchen_root, logs=("none",))
    assert not (tmp_path / CSV_NAME).exists()


def test_a_table_that_grows_is_whole_after_every_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    table = GrowingCsv(path, ("step", "what"), [{"step": 1, "what": "kept"}])
    table.add({"step": 2, "what": "=1+1"})
    assert path.read_text() == "step,what\n1,kept\n2,'=1+1\n"
    table.add({"step": 3, "what": "a, b"})
    table.close()
    assert path.read_text().splitlines()[3:] == ['3,"a, b"']


@pytest.mark.parametrize(
    ("log", "kind", "message"),
    [
        (("cvs",), UnknownNameError, "unknown log 'cvs'. Did you mean 'csv'"),
        (("none", "csv"), ActisegError, "--log none and other logs contradict each other"),
    ],
)
def test_a_log_that_there_is_not_is_refused(log: tuple[str, ...], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        TrainOptions(manifest=Path("m"), out=Path("o"), log=log)


@pytest.mark.parametrize(("library", "brought_by"), [("tensorboard", '"actiseg-nl[log]"'), ("wandb", "wandb")])
def test_a_library_that_is_not_there_is_named_before_anything_trains(
    library: str,
    brought_by: str,
    noisy_val: Path,
    kitchen_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, library, None)

    def never(*_: object) -> None:
        raise AssertionError("a step was made")

    said = f"--log {library} needs {library}, which is not installed: pip install {brought_by}"
    with pytest.raises(ActisegError, match=re.escape(said)):
        train_to(tmp_path, CONFIG, noisy_val, kitchen_root, logs=(library,), on_progress=never)


class FakeWriter:
    """What TensorBoard's writer is asked to do; a new one drops what its ``purge_step`` says, as TensorBoard does."""

    seen: dict[int, set[str]] = {}  # noqa: RUF012 - of one test

    def __init__(self, folder: str, purge_step: int) -> None:
        self.folder = folder
        for step in [one for one in self.seen if one >= purge_step]:
            del self.seen[step]

    def add_scalar(self, name: str, value: float, step: int) -> None:
        assert name not in self.seen.setdefault(step, set()), "a step twice"
        self.seen[step].add(name)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass


def test_tensorboard_has_every_step_once(
    noisy_val: Path, kitchen_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", ModuleType("tensorboard"))
    fake = ModuleType("torch.utils.tensorboard")
    fake.SummaryWriter = FakeWriter  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", fake)
    FakeWriter.seen = {}
    logs: dict[str, Any] = {"logs": ("tensorboard",), "save_every": 2}
    with pytest.raises(UnpluggedError):
        train_to(tmp_path, CONFIG, noisy_val, kitchen_root, on_progress=unplug_at(3, CONFIG), **logs)
    train_to(tmp_path, CONFIG, noisy_val, kitchen_root, **logs)
    assert sorted(FakeWriter.seen) == [1, 2, 3, 4, 5]
    assert FakeWriter.seen[5] == {"train/epoch", "train/loss", "train/learning_rate", "train/items_per_s"}


def test_tensorboard_s_own_files_have_every_step_once(tmp_path: Path) -> None:
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    for begun, ended in ((0, 4), (2, 5)):
        with make_curves(["tensorboard"], tmp_path, {}) as curve:
            curve.begin(begun)
            for step in range(begun + 1, ended + 1):
                curve.add(StepRecord(step, 0, float(step), 0.1))
    found = accumulators.EventAccumulator(str(tmp_path / "tensorboard"))
    found.Reload()
    assert [(one.step, one.value) for one in found.Scalars("train/loss")] == [(step, step) for step in range(1, 6)]


def test_wandb_continues_the_run_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[dict[str, Any]] = []
    logged: list[tuple[int, float]] = []

    class Run:
        def log(self, values: dict[str, float], step: int) -> None:
            logged.append((step, values["train/loss"]))

        def finish(self) -> None:
            logged.append((0, 0))

    def init(**given: Any) -> Run:
        begun.append(given)
        return Run()

    fake = ModuleType("wandb")
    fake.init = init  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wandb", fake)
    for step in (0, 1, 0):
        with make_curves(["wandb"], tmp_path, {"seed": 3}) as curve:
            curve.begin(step)
            curve.add(StepRecord(step + 1, 0, 0.5, 0.1))
    first, again, anew = (one["id"] for one in begun)
    assert first == again != anew
    assert begun[0]["config"] == {"seed": 3}
    assert begun[0]["resume"] == "allow"
    assert logged == [(1, 0.5), (0, 0), (2, 0.5), (0, 0), (1, 0.5), (0, 0)]


# --- the progress bar


def test_speed_is_that_of_the_last_half_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 1.0, 2.0, 50.0, 51.0, 52.0])
    monkeypatch.setattr("actiseg_bench.cli.progress.time.monotonic", lambda: next(times))
    speed = Speed()
    assert [speed(done) for done in (1, 3, 5)] == [None, 2.0, 2.0]
    assert [speed(done) for done in (53, 57)] == [1.0, 4.0]
    assert speed(1) is None, "another training"


def test_pace_is_items_by_the_time_between_two_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([10.0, 12.0, 12.5])
    monkeypatch.setattr("actiseg_bench.training.progress.time.perf_counter", lambda: next(times))
    pace = Pace()
    assert [pace.count(8) for _ in range(3)] == [None, 4.0, 16.0]


@pytest.mark.parametrize(("memory", "told"), [(None, "loss 0.500, 8 clips/s"), (3072.0, "8 clips/s, 3.0 GiB")])
def test_the_bar_says_how_fast_a_training_is_and_what_memory_it_took(
    memory: float | None, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    times = iter([0.0, 1.0])
    monkeypatch.setattr("actiseg_bench.device.peak_gpu_memory_mib", lambda: memory)
    monkeypatch.setattr(progress_bars.ProgressBar, "move", lambda self, done, total, detail: shown.append(detail))
    with step_progress("a", 8, "clips") as move:
        monkeypatch.setattr("actiseg_bench.cli.progress.time.monotonic", lambda: next(times))
        move(1, 5, 0.5)
        move(2, 5, 0.5)
        monkeypatch.undo()
    assert shown[1].endswith(told)
