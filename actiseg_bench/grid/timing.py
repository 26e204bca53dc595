"""How long a step of a run takes, and a prediction: both are made as the run makes them, for some seconds."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from actiseg_bench.device import pick_device
from actiseg_bench.grid import execution
from actiseg_bench.training.process import process_state
from actiseg_bench.training.train import make_networks
from actiseg_noise import read_manifest
from actiseg_noise.errors import ActisegError

if TYPE_CHECKING:
    from actiseg_bench.grid.tracks import Track
    from actiseg_bench.training.config import RunConfig

WARM_UP = 2
"""Updates that are not timed: the first ones pay for what is set up once."""


class _EnoughError(Exception):
    """Ends a training that is only timed."""


def time_steps(config: RunConfig, track: Track, seconds: float) -> float:
    """Return the seconds of one step of a run, loading included: the mean over at least ``seconds``, and two steps.

    Raises:
        ActisegError: the run has too few steps to time one.
    """
    ends: list[float] = []

    def on_progress(done: int, total: int, loss: float) -> None:
        ends.append(time.perf_counter())
        if len(ends) > WARM_UP + 1 and ends[-1] - ends[WARM_UP] >= seconds:
            raise _EnoughError

    with suppress(_EnoughError):
        execution.train(config, track, on_progress)
    if len(ends) < 2:
        raise ActisegError(f"strategy {config.strategy!r}: a run of {len(ends)} steps is too short to time one")
    first = min(WARM_UP, len(ends) - 2)
    return (ends[-1] - ends[first]) / (len(ends) - 1 - first)


def time_prediction(config: RunConfig, track: Track, seconds: float) -> float:
    """Return the seconds to predict all evaluation clips with one network, from those of the first ``seconds``."""
    with process_state(config.threads):
        networks, _ = make_networks(config, 1, pick_device(config.device))
        clips, last = 0, ""
        started = time.perf_counter()
        for row in next(execution.predict_clips(networks, config, track)):
            clips += row.clip_id != last
            last = row.clip_id
            if time.perf_counter() - started >= seconds:
                break
        took = time.perf_counter() - started
    return took / max(1, clips) * int(read_manifest(track.eval_manifest).info.counts["clips"])
