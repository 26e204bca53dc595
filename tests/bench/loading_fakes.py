"""A reader of batches whose process is killed at one of them. Processes that load import it by name."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass

from actiseg_bench.training.loading import BatchReader, Loaded, Request

FATAL_STEP = 3


class FatalReader(BatchReader):
    def __getitem__(self, request: Request) -> Loaded:
        if request.step == FATAL_STEP:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitem__(request)


@dataclass
class OneOf:
    """What a process sees of several."""

    global_rank: int
    world_size: int
