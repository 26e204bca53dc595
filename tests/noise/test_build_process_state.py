"""A build leaves the process as it found it: collector, allocator, threads, environment, signals, random numbers."""

from __future__ import annotations

import gc
import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pytest
import torch
from builds import Stopping
from toys import Toy, make_toy, write_toy

import actiseg_noise
from actiseg_noise import entry
from actiseg_noise.building import chunk
from actiseg_noise.cli import main
from actiseg_noise.errors import ActisegError


def state() -> dict[str, Any]:
    """Return what a build might change."""
    return {
        "collector": (gc.isenabled(), gc.get_threshold()),
        "allocator": pa.default_memory_pool().backend_name,
        "threads": (cv2.getNumThreads(), torch.get_num_threads(), pa.cpu_count(), pa.io_thread_count()),
        "environment": {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"},
        "folder": Path.cwd(),
        "signals": (signal.pthread_sigmask(signal.SIG_BLOCK, ()), signal.getsignal(signal.SIGINT)),
        "random": (random.getstate(), repr(np.random.get_state(legacy=False)), torch.get_rng_state().tolist()),  # noqa: NPY002
        "children": active_children(),
    }


@pytest.fixture(autouse=True)
def unusual(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Give the process settings that nobody has by default; return its state."""
    monkeypatch.setattr(chunk, "FRAMES_PER_CHUNK", 5)
    thresholds, threads = gc.get_threshold(), cv2.getNumThreads()
    gc.set_threshold(123, 4, 5)
    cv2.setNumThreads(3)
    assert pa.default_memory_pool().backend_name != "system", "a build takes the system's"
    yield state()
    gc.set_threshold(*thresholds)
    cv2.setNumThreads(threads)


def in_a_child() -> None:
    """Wait for ever."""
    signal.pause()


@contextmanager
def child() -> Iterator[None]:
    process = get_context("spawn").Process(target=in_a_child, daemon=True)
    process.start()
    yield
    process.kill()
    process.join()


@contextmanager
def undone(change: Callable[[], object], undo: Callable[[], object]) -> Iterator[None]:
    change()
    yield
    undo()


def drawn(
    draw: Callable[[], object], get: Callable[[], Any], put: Callable[[Any], object]
) -> AbstractContextManager[None]:
    """Draw a number, and take it back."""
    before = get()
    return undone(draw, lambda: put(before))


CHANGES: dict[str, list[Callable[[], AbstractContextManager[None]]]] = {
    "collector": [lambda: undone(gc.disable, gc.enable), lambda: undone(lambda: gc.set_threshold(9), lambda: None)],
    "allocator": [
        lambda: drawn(lambda: pa.set_memory_pool(pa.system_memory_pool()), pa.default_memory_pool, pa.set_memory_pool)
    ],
    "threads": [
        lambda: drawn(lambda: cv2.setNumThreads(1), cv2.getNumThreads, cv2.setNumThreads),
        lambda: drawn(lambda: pa.set_cpu_count(7), pa.cpu_count, pa.set_cpu_count),
        lambda: drawn(lambda: pa.set_io_thread_count(3), pa.io_thread_count, pa.set_io_thread_count),
        lambda: drawn(lambda: torch.set_num_threads(5), torch.get_num_threads, torch.set_num_threads),
    ],
    "environment": [
        lambda: undone(lambda: os.environ.update(ACTISEG_NEW="1"), lambda: os.environ.pop("ACTISEG_NEW")),
    ],
    "folder": [lambda: drawn(lambda: os.chdir("/"), Path.cwd, os.chdir)],
    "signals": [
        lambda: drawn(
            lambda: signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1}),
            lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ()),
            lambda mask: signal.pthread_sigmask(signal.SIG_SETMASK, mask),
        ),
        lambda: drawn(
            lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
            lambda: signal.getsignal(signal.SIGINT),
            lambda handler: signal.signal(signal.SIGINT, handler),
        ),
    ],
    "random": [
        lambda: drawn(random.random, random.getstate, random.setstate),
        lambda: drawn(np.random.random, np.random.get_state, np.random.set_state),
        lambda: drawn(lambda: torch.rand(1), torch.get_rng_state, torch.set_rng_state),
    ],
    "children": [child],
}


@pytest.mark.parametrize(
    ("name", "change"), [(name, change) for name, changes in CHANGES.items() for change in changes]
)
def test_every_part_of_the_state_sees_a_change(unusual: dict[str, Any], name: str, change: Any) -> None:
    with change():
        now = state()
    assert [part for part, value in now.items() if value != unusual[part]] == [name]


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return write_toy(make_toy(), tmp_path / "data")


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


def test_the_command_line_leaves_no_variable_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    inside = []
    monkeypatch.setattr(entry, "run_app", lambda *_: inside.append(os.environ.get("OPENBLAS_NUM_THREADS")))
    before = state()["environment"]
    main()
    assert inside == ["1"], "it is set while the command runs"
    assert state()["environment"] == before
