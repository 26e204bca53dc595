"""A chunk made by a worker that shares nothing with the build but the disk.

What goes to a worker are texts and bytes: versions, the job, the chunk's place and its clips. No open file, and nothing
that another version of this package could read wrongly before it has said which version it is.
"""

from __future__ import annotations

import os
import pickle
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from actiseg_noise.borders.folders import list_names
from actiseg_noise.borders.locks import host_name
from actiseg_noise.building.chunk import Job, Worker
from actiseg_noise.errors import ActisegError, DataError
from actiseg_noise.records import Clip
from actiseg_noise.version import tool_version

PATIENCE_S = 60.0  # a network's file system shows the folders of other machines after a minute at the latest
_LOOKED_EVERY_S = 0.2

_open = threading.local()  # the job that this thread works at, as it was sent, and its Worker


def versions_here() -> dict[str, str]:
    """Return the versions that digests may depend on."""
    return {"Python": f"{sys.version_info.major}.{sys.version_info.minor}", "actiseg-nl": tool_version()}


def packed(value: Job | tuple[Clip, ...]) -> bytes:
    """Return a job, or a chunk's clips, as it is sent."""
    return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)


def write_piece(versions: Mapping[str, str], job: bytes, place: str, clips: bytes) -> str | None:
    """Write one chunk where this is called; return None, or one line that says who could not and why.

    Args:
        versions: of the build (:func:`versions_here`). job, clips: :func:`packed`. place: the chunk's folder.
    """
    me = f"worker {host_name()} (process {os.getpid()})"
    own = versions_here()
    if differing := [name for name in {**versions, **own} if versions.get(name) != own.get(name)]:
        pairs = ", ".join(f"{name} {own.get(name)}, the build {versions.get(name)}" for name in differing)
        return f"{me} has {pairs}: digests could differ. Start workers of the same versions"
    try:
        worker = _open_worker(job)
        folder = Path(place)
        if not is_shown(folder.parent, patience_s=5.0):
            return f"{me}: {folder.parent} is not there; every worker needs the build's --out at this path"
        worker.write(folder, _unpacked(clips))
    except (ActisegError, OSError) as error:
        return f"{me}: {error}"
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


def is_shown(folder: Path, *, patience_s: float = PATIENCE_S) -> bool:
    """Return whether a folder is there, waiting for a file system that shows the work of other machines late."""
    until = time.monotonic() + patience_s
    while not folder.is_dir():
        if time.monotonic() > until:
            return False
        time.sleep(_LOOKED_EVERY_S)
        list_names(folder.parent)  # asks the server, where a look at the name alone may be answered from memory
    return True
