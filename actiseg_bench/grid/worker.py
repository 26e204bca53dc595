"""A worker process of a grid. This module imports nothing heavy: a worker that its parent left ends while it starts."""

from __future__ import annotations

import os
import pickle
import signal
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from actiseg_noise.borders.preemption import PreemptedError, preemptible
from actiseg_noise.borders.processes import end_with_parent

VISIBLE = "CUDA_VISIBLE_DEVICES"


def start_work(pipe: Connection, runner: bytes, out: Path, gpu: str | None = None) -> None:
    """Make the runs that come through ``pipe``, and end with the parent, however that ends; Ctrl-C is its business.

    Asked to stop, a training ends after its step and keeps a checkpoint; all else ends at once. While modules load,
    that is left to the system: an error raised in the middle of an import may be caught there, and nobody would stop.

    Args:
        runner: pickled; unpacking it may import torch, which takes seconds.
        gpu: the only one that this process shall see; None leaves that as it is.
    """
    if gpu is not None:
        os.environ[VISIBLE] = gpu  # before torch looks for them
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    made = pickle.loads(runner)  # noqa: S301 - of the parent process
    from actiseg_bench.grid.jobs import work
    from actiseg_bench.results.provenance import set_loaded_aside

    set_loaded_aside()
    with suppress(PreemptedError), preemptible():
        work(pipe, made, out)
