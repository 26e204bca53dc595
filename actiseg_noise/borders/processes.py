"""Worker processes: they end with their parent, and Ctrl-C is the parent's business."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import parent_process

_WATCHED_EVERY_S = 0.5


def end_with_parent() -> None:
    """End this process at once when its parent does, however that ends: the system lets go of this process's locks."""
    threading.Thread(target=_wait_and_end, daemon=True).start()


def _wait_and_end() -> None:
    """Wait for the parent to end, then end."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def end_with_launcher() -> None:
    """End this process within a second after the one that started it, however that was started and ends."""
    threading.Thread(target=_watch_and_end, args=(os.getppid(),), daemon=True).start()


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
