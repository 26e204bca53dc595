"""Tries in several processes, which have imported the commands by being forked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import islice
from multiprocessing import get_context
from typing import TypeVar

Result = TypeVar("Result")


def in_processes(
    one: Callable[[int], Result], indices: range, jobs: int, minutes: float | None = None
) -> Iterator[Result]:
    """Yield what ``one`` gives for every index, as they come.

    Args:
        minutes: after so long, none begins any more.
    """
    until = None if minutes is None else time.monotonic() + 60 * minutes
    waiting = iter(indices)
    running: set[Future[Result]] = set()
    # No process of an executor is a daemon, which could have no children, as commands have.
    with ProcessPoolExecutor(jobs, mp_context=get_context("fork")) as pool:
        while True:
            is_time = until is None or time.monotonic() < until
            running |= {pool.submit(one, index) for index in islice(waiting, 2 * jobs - len(running) if is_time else 0)}
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
