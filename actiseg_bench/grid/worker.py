"""A worker process of a grid. This module imports nothing heavy: a worker that its parent left ends while it starts."""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import Connection

from actiseg_noise.borders.preemption import PreemptedError, preemptible
from actiseg_noise.borders.processes import end_with_parent, loading
from actiseg_noise.logs import show_logs_of_parent

VISIBLE = "CUDA_VISIBLE_DEVICES"


def start_work(pipe: Connection, work: bytes, environment: Mapping[str, str], log_level: int | None = None) -> None:
    """Do what is to be done with ``pipe``, and end with the parent, however that ends; Ctrl-C is its business.

    Asked to stop, a training ends after its step and keeps a checkpoint; all else ends at once. While modules load,
    that is left to the system: an error raised in the middle of an import may be caught there, and nobody would stop.

    Args:
        work: a pickled function of the pipe; unpacking it may import torch, which takes seconds.
        environment: variables of this process, such as the GPUs that it shall see.
        log_level: what the parent shows of what is logged.
    """
    os.environ.update(environment)  # before torch looks for GPUs
    show_logs_of_parent(log_level)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    with loading():
        do = pickle.loads(work)  # noqa: S301 - of the parent process
    with suppress(PreemptedError), preemptible():
        do(pipe)
