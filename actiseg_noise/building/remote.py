"""Chunks made by a worker that shares nothing with the build but the disk.

What goes to it: versions, the job, the folder of the chunks, their names and clips
(:mod:`actiseg_noise.executors.pieces`).
"""

from __future__ import annotations

import pickle
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from actiseg_noise.borders.writing import is_no_room
from actiseg_noise.building.chunk import Job, Worker, is_finished
from actiseg_noise.errors import ActisegError, DataError
from actiseg_noise.executors.pieces import differing_versions, is_shown, not_there, worker_name
from actiseg_noise.records import Clip

_open = threading.local()  # the job that this thread works at, as it was sent, and its Worker


def packed(value: Job | tuple[tuple[str, tuple[Clip, ...]], ...]) -> bytes:
    """Return a job, or the names and clips of chunks, as it is sent."""
    return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)


def write_piece(versions: Mapping[str, str], job: bytes, folder: str, chunks: bytes) -> str | None:
    """Write chunks where this is called; return None, or one line that says who could not and why.

    A chunk that is there is kept: of a worker that was lost, another makes what is left.

    Args:
        versions: of the build (``versions_here``). job, chunks: :func:`packed`. folder: of the chunks.
    """
    if differing := differing_versions(versions, of="build", what="digests"):
        return differing
    try:
        worker = _open_worker(job)
        if not is_shown(Path(folder), patience_s=5.0):
            return not_there(Path(folder), "build")
        for name, clips in _unpacked(chunks):
            if not is_finished(worker.job, Path(folder, name), clips):
                worker.write(Path(folder, name), clips)
    except (ActisegError, OSError) as error:
        room = f"; make room for {folder}" if is_no_room(error) else ""
        return f"{worker_name()}: {error}{room}"
    return None


def _open_worker(job: bytes) -> Worker:
    """Return this thread's worker for a job: the dataset stays open from one chunk to the next.

    Raises:
        ActisegError: this machine lacks the dataset, or what is needed to read it.
    """
    if getattr(_open, "job", None) != job:
        import cv2

        cv2.setNumThreads(1)
        found: Job = _unpacked(job)
        if found.content == "full":
            _check_dataset(found)
        _open.worker, _open.job = Worker(found), job
    return _open.worker


def _check_dataset(job: Job) -> None:
    """Raise DataError where the dataset is not on this machine."""
    root = job.dataset.root
    if not root.is_dir():
        raise DataError(
            f"{root}: the dataset {job.dataset.card.name!r} is not there; every worker needs it at this path"
        )
    job.dataset.check_root()


def _unpacked(data: bytes) -> Any:
    """Return what was packed.

    Raises:
        ActisegError: it needs a module that is not here.
    """
    try:
        return pickle.loads(data)  # noqa: S301 - whoever may send pieces may have anything called anyway
    except (ImportError, AttributeError) as error:
        raise ActisegError(f"{error}: a dataset or noise of your own must be installed on every worker") from None
