"""One process at a time in an output folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from actiseg_noise.errors import ActisegError

LOCK_NAME = ".lock"


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """Hold ``out`` for this process; the system lets go of it when the process ends, however it ends.

    Raises:
        ActisegError: another process holds it, or it cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = (out / LOCK_NAME).open("a+", encoding="utf-8")
    except OSError as error:
        raise ActisegError(f"--out {out}: cannot be written ({error}); use another --out") from None
    with lock as file:
        if not _try_lock(file.fileno()):
            file.seek(0)
            owner = file.read().strip() or "unknown"
            raise ActisegError(
                f"{out}: another run (process {owner}) is working here; wait for it or use another --out"
            )
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _try_lock(descriptor: int) -> bool:
    """Lock an open file without waiting. Where the system has no such locks (Windows) nothing is locked."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
