"""Finish chunks in order, in this process or in several, keeping those that an earlier build finished."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from actiseg_noise.building.chunk import Job, Worker, is_finished, start_process, write_in_process
from actiseg_noise.errors import ActisegError
from actiseg_noise.records import Clip

if TYPE_CHECKING:
    from concurrent.futures import Future

CHUNKS_AHEAD = 2  # per worker
CHUNKS_WORTH_A_PROCESS = 2


def finished_chunks(
    job: Job, chunks: Iterable[tuple[Clip, ...]], folder: Path, workers: int
) -> Iterator[tuple[Path, int]]:
    """Yield (chunk folder, clips in it) in order, making those that are not there.

    A few chunks are made in this process: they are done before others have started.
    """
    numbered = ((folder / f"{index:06d}", clips) for index, clips in enumerate(chunks))
    first = list(islice(numbered, workers * CHUNKS_WORTH_A_PROCESS))
    places = chain(first, numbered)
    if workers == 1 or len(first) < workers * CHUNKS_WORTH_A_PROCESS:
        worker = Worker(job)
        for place, clips in places:
            if not is_finished(job, place, clips):
                worker.write(place, clips)
            yield place, len(clips)
        return
    yield from _in_processes(job, places, workers)


def _in_processes(
    job: Job, places: Iterator[tuple[Path, tuple[Clip, ...]]], workers: int
) -> Iterator[tuple[Path, int]]:
    """Make chunks in worker processes, a few ahead of what is consumed."""
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    context = get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=start_process, initargs=(job,))
    waiting: deque[tuple[Future[None] | None, Path, int]] = deque()
    try:
        for place, clips in places:
            with _no_interrupts():  # a submission may start a process, which is deaf to Ctrl-C from its first moment
                future = None if is_finished(job, place, clips) else pool.submit(write_in_process, place, clips)
            waiting.append((future, place, len(clips)))
            if len(waiting) > workers * CHUNKS_AHEAD:
                yield _wait(*waiting.popleft())
        while waiting:
            yield _wait(*waiting.popleft())
    except BrokenProcessPool:
        raise ActisegError(
            "a worker process died, perhaps for want of memory. Finished work is kept: run the same command again "
            "with fewer --workers."
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """Hold Ctrl-C back until the end; processes started meanwhile never get it. Windows has no such thing."""
    import signal

    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _wait(future: Future[None] | None, place: Path, clips: int) -> tuple[Path, int]:
    """Return the chunk once it is finished."""
    if future is not None:
        future.result()
    return place, clips
