"""A build leaves the process as it found it: collector, allocator, threads, environment, signals, random numbers."""

from __future__ import annotations

import gc
import os
import random
import signal
from collections.abc import Iterator
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pytest
import torch
from toys import Toy, make_toy, write_toy

import actiseg_noise
from actiseg_noise.building import chunk
from actiseg_noise.cli import main
from actiseg_noise.errors import ActisegError
from actiseg_noise.records import Clip


def state() -> dict[str, Any]:
    """Return what a build might change."""
    return {
        "collector": (gc.isenabled(), gc.get_threshold()),
        "allocator": pa.default_memory_pool().backend_name,
        "threads": (cv2.getNumThreads(), torch.get_num_threads(), pa.cpu_count(), pa.io_thread_count()),
        "environment": {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"},
        "folder": Path.cwd(),
        "signals": (signal.pthread_sigmask(signal.SIG_BLOCK, ()), signal.getsignal(signal.SIGINT)),
        "random": (random.getstate(), np.random.get_state()[1].tobytes(), torch.get_rng_state().tolist()),  # type: ignore[union-attr, index]  # noqa: NPY002
        "children": active_children(),
    }


@pytest.fixture(autouse=True)
def unusual(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Give the process settings that nobody has by default; return its state."""
    monkeypatch.setattr(chunk, "FRAMES_PER_CHUNK", 5)
    thresholds, threads = gc.get_threshold(), cv2.getNumThreads()
    gc.set_threshold(123, 4, 5)
    cv2.setNumThreads(2)
    assert pa.default_memory_pool().backend_name != "system", "a build takes the system's"
    yield state()
    gc.set_threshold(*thresholds)
    cv2.setNumThreads(threads)


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return write_toy(make_toy(), tmp_path / "data")


class Stopping(Toy):
    """A toy whose masks cannot be read after the first few."""

    error: BaseException = KeyboardInterrupt()

    def read_index_mask(self, clip: Clip, frame: Any) -> Any:
        if clip.clip_id >= "clip008":
            raise self.error
        return super().read_index_mask(clip, frame)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("content", ["full", "text"])
def test_a_build_changes_nothing(toy: Toy, tmp_path: Path, unusual: dict[str, Any], workers: int, content: str) -> None:
    actiseg_noise.build(toy, flip=0.5, gate=False, workers=workers, content=content, out=tmp_path / "m")
    assert state() == unusual


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ActisegError("bad mask"), OSError(28, "no room")], ids=repr)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_build_that_fails_changes_nothing(
    toy: Toy, tmp_path: Path, unusual: dict[str, Any], error: BaseException, workers: int
) -> None:
    stopping = Stopping(toy.root, toy.clips)
    stopping.error = error
    with pytest.raises(type(error)):
        actiseg_noise.build(stopping, workers=workers, out=tmp_path / "m")
    assert state() == unusual


def test_an_abandoned_stream_of_clips_changes_nothing(toy: Toy, tmp_path: Path, unusual: dict[str, Any]) -> None:
    from actiseg_noise.building.options import BuildOptions
    from actiseg_noise.building.request import make_request

    clips = make_request(toy, BuildOptions(out=tmp_path / "m")).iter_clips()
    next(clips)
    del clips
    assert state() == unusual


def test_the_command_line_leaves_no_variable_behind(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    before = state()["environment"]
    monkeypatch.setattr("sys.argv", ["actiseg-noise", "recipes"])
    with pytest.raises(SystemExit, match="0"):
        main()
    assert state()["environment"] == before
