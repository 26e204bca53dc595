"""A worker process of a grid. This module imports nothing heavy: a worker that its parent left ends while it starts."""

from __future__ import annotations

import os
import pickle
import threading
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from pathlib import Path


def start_work(pipe: Connection, runner: bytes, out: Path) -> None:
    """Make the runs that come through ``pipe``, and end with the parent, however that ends.

    Args:
        runner: pickled; unpacking it may import torch, which takes seconds.
    """
    threading.Thread(target=_end_with_parent, daemon=True).start()
    made = pickle.loads(runner)  # noqa: S301 - of the parent process
    from actiseg_bench.grid.jobs import work

    work(pipe, made, out)


def _end_with_parent() -> None:
    """Wait for the parent to end, then end at once: the system lets go of this process's locks."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
