"""One process at a time at an output.

The lock is the system's (``flock``), which lets go of it when the process ends, however it ends. Where a file system
has none, a file with the process's id and host stands for it; that of a process that is gone counts for nothing.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from actiseg_noise.errors import ActisegError, ActisegWarning

if TYPE_CHECKING:
    from filelock import BaseFileLock

_LOG = logging.getLogger(__name__)

LOCK_NAME = ".lock"
_PATIENCE_S = 0.3  # for a holder that is just leaving, or has not yet said who it is
_LONGEST_WAIT_S = 600
_SOFT = ".held"
_TRIES = 100


class BusyError(ActisegError):
    """An output at which another process works."""


class Holder(NamedTuple):
    """The process that holds a lock, as it wrote it into the lock file."""

    pid: int
    host: str

    def __str__(self) -> str:
        where = "" if self.host == host_name() else f" on {self.host}"
        return f"process {self.pid}{where}"


def host_name() -> str:
    """Return the name of this machine, one word."""
    return "-".join(socket.gethostname().replace("/", " ").split()) or "localhost"


@contextmanager
def locked(out: Path, *, what: str = "run") -> Iterator[None]:
    """Hold the output folder ``out`` for this process; it is made if it is not there, and goes if it stays empty.

    Raises:
        BusyError: another process holds it. ActisegError: it cannot be written.
    """
    is_new = not out.exists()
    try:
        with hold(out / LOCK_NAME, out, what=what):
            yield
    except _FolderRefusedError as error:
        raise ActisegError(f"--out {out}: cannot be written ({error.strerror}); use another --out") from None
    finally:
        if is_new:
            with suppress(OSError):  # what was written there stays
                out.rmdir()


class _FolderRefusedError(OSError):
    """The lock file itself cannot be made: the folder is not writable."""


@contextmanager
def hold(
    path: Path, place: Path, *, what: str = "run", advice: str = "use another --out", wait: bool = False
) -> Iterator[bool]:
    """Hold the lock file ``path``, which stands for ``place``; yield False where nothing can be locked.

    Args:
        what, advice: what works there and what to do about it, in messages.
        wait: until the holder lets go, ten minutes at most.

    Raises:
        BusyError: another process holds it. OSError: the file cannot be made.
    """
    lock = _acquire(path, place, what, advice, wait)
    if lock is None:
        warnings.warn(
            f"{place}: files cannot be locked there; see to it that no other {what} works at it",
            ActisegWarning,
            stacklevel=2,
        )
    _LOG.debug("holding %s", place)
    try:
        yield lock is not None
    finally:
        _release(lock, path)


def read_holder(path: Path) -> Holder | None:
    """Return who holds the lock file ``path``; None when it does not say."""
    for place in (path, _soft(path)):
        try:
            pid, host = place.read_text("utf-8").split()[:2]
            return Holder(int(pid), host)
        except (OSError, ValueError):
            continue
    return None


def _soft(path: Path) -> Path:
    return path.with_name(path.name + _SOFT)


def _acquire(path: Path, place: Path, what: str, advice: str, wait: bool) -> BaseFileLock | None:
    """Take the lock; None where the file system has none."""
    from filelock import FileLock, SoftFileLock, Timeout

    until = time.monotonic() + (_LONGEST_WAIT_S if wait else 0)
    for kind, file in ((FileLock, path), (SoftFileLock, _soft(path))):
        is_native = kind is FileLock
        lock = kind(file, timeout=_PATIENCE_S, thread_local=False, fallback_to_soft=False)
        try:
            _take(lock, file, lambda: time.monotonic() < until and read_holder(path) is not None)
        except Timeout:
            holder = read_holder(path)
            if is_native and holder is None and not _can_lock(path):
                continue
            raise BusyError(
                f"{place}: another {what} ({holder or 'unknown process'}) is working here; wait for it or {advice}"
                + (f". If it is gone, remove {file}" if not is_native else "")
            ) from None
        except _FolderRefusedError:
            raise
        except OSError:
            continue
        if is_native:
            _sign(file)
        return lock
    return None


def _can_lock(path: Path) -> bool:
    """Say whether files beside ``path`` can be locked at all: some file systems answer as if another held each."""
    from filelock import FileLock

    probe = path.with_name(f"{path.name}.{os.getpid()}.probe")
    try:
        with FileLock(probe, timeout=0, fallback_to_soft=False):
            return True
    except OSError:
        return False
    finally:
        with suppress(OSError):
            probe.unlink()


def _take(lock: BaseFileLock, file: Path, while_held: Callable[[], bool]) -> None:
    """Acquire a lock whose folder may go away meanwhile, with the process that held it.

    Args:
        while_held: whether to try again when another process holds it.

    Raises:
        Timeout: held by another. _FolderRefusedError: the file cannot be made. OSError: no locks on this file system.
    """
    gone: OSError | None = None
    tries = _TRIES
    while tries:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
            return
        except FileNotFoundError as error:
            gone = error
            time.sleep(0.01)
            tries -= 1
        except TimeoutError:
            if not while_held():
                raise
        except OSError as error:
            if error.filename is not None:  # the file, not the lock
                raise _FolderRefusedError(error.errno, error.strerror, error.filename) from None
            raise
    raise _FolderRefusedError(errno.ENOENT, gone.strerror if gone else os.strerror(errno.ENOENT), str(file.parent))


def _sign(file: Path) -> None:
    """Write into a lock file that this process holds who that is, without ever leaving it empty."""
    data = f"{os.getpid()}\n{host_name()}\n".encode()
    with suppress(OSError):
        descriptor = os.open(file, os.O_WRONLY)
        try:
            os.write(descriptor, data)
            os.ftruncate(descriptor, len(data))
        finally:
            os.close(descriptor)


def _release(lock: BaseFileLock | None, path: Path) -> None:
    """Let go; the file goes first, while it is held: who waits for it sees that it is gone and makes a new one."""
    with suppress(OSError):
        path.unlink(missing_ok=True)
    if lock is not None:
        with suppress(OSError):
            lock.release()
