"""Processes: workers end with their parent and leave Ctrl-C to it; how modules are loaded, and memory is kept."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import parent_process

_WATCHED_EVERY_S = 0.5
_PR_SET_PDEATHSIG = 1  # Linux: the signal that a process gets when the thread that forked it ends
_LARGEST_KEPT = 30 * 2**20  # bytes; glibc keeps no block of more than 32 MiB


def usable_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def end_with_parent() -> None:
    """End this process at once when its parent does, however that ends: the system lets go of this process's locks."""
    threading.Thread(target=_wait_and_end, daemon=True).start()


def _wait_and_end() -> None:
    """Wait for the parent to end, then end."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def end_with_launcher(launcher: int | None = None, *, at_once: bool = False) -> None:
    """End this process within a second after the one that started it, however that was started and ends.

    Args:
        launcher: the id of that process, which may have ended before this call; None is today's parent.
        at_once: let the kernel kill it in that very moment, which Linux alone can; it writes and says nothing then.
    """
    launcher = os.getppid() if launcher is None else launcher
    if at_once and sys.platform == "linux":
        import ctypes

        with suppress(OSError, AttributeError):  # a C library without it
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_watch_and_end, args=(launcher,), daemon=True).start()


def _watch_and_end(launcher: int) -> None:
    """Wait until this process has another parent than its launcher, then end."""
    while os.getppid() == launcher:
        time.sleep(_WATCHED_EVERY_S)
    os._exit(1)


@contextmanager
def no_interrupts() -> Iterator[None]:
    """Hold Ctrl-C back until the end; processes started meanwhile never get it. Windows has no such thing."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # here, as its start lets Ctrl-C through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def loading() -> Iterator[None]:
    """Import without the garbage collector; what is there in the end stays out of its rounds until this process ends.

    torch alone is a million things to walk, again and again while it is imported, and before every run of a grid.
    """
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def keep_freed_memory() -> None:
    """Let this process keep the memory that one picture took for the next.

    glibc gives blocks back to the system that are larger than any freed before, and the kernel then clears each page
    of the next one: a tenth of a mask build at 854×480, a fifth at 1920×1080. So a large one is taken and freed,
    untouched. Other C libraries are not changed by it.
    """
    import numpy as np

    np.empty(_LARGEST_KEPT, np.uint8)
