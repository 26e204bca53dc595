"""Finish chunks in order, in this process, in several or by an executor; those of an earlier build are kept."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from actiseg_noise.borders.processes import no_interrupts
from actiseg_noise.building.chunk import Job, Place, Worker, is_finished, start_process, write_in_process
from actiseg_noise.building.remote import packed, write_piece
from actiseg_noise.errors import ActisegError
from actiseg_noise.executors.base import Engine, Executor
from actiseg_noise.executors.pieces import described, is_shown, versions_here
from actiseg_noise.logs import shown_level

if TYPE_CHECKING:
    from concurrent.futures import Future
    from multiprocessing.process import BaseProcess

_LOG = logging.getLogger(__name__)

AHEAD = 2  # chunks, or pieces of an executor, per worker
CHUNKS_WORTH_A_PROCESS = 2
CHUNKS_IN_A_PIECE = 8  # at most, of what an executor is given at once
OWN_PROCESSES = Engine()
Piece: TypeAlias = tuple[Place, ...]
"""Chunks that an executor is given at once."""

_KEPT = ". Finished work is kept: the same command continues from it."

_NO_MAIN_MODULE = (
    "{what}. A worker process imports the script that calls {call} as the module `__main__`, so the script must be a "
    'file, the call must stand under `if __name__ == "__main__":`, and a dataset or noise of your own must be in a '
    "module of its own. Or pass workers=1."
)


def no_main_module(what: str, call: str = "build") -> str:
    """Return what is said where worker processes cannot import the script that calls a function, and why."""
    return _NO_MAIN_MODULE.format(what=what, call=call)


def check_main_module(call: str = "build") -> None:
    """Raise ActisegError where a worker process calls a function because it imports a script that does."""
    from multiprocessing import current_process

    if getattr(current_process(), "_inheriting", False):  # the standard library's own test
        raise ActisegError(no_main_module(f"{call} was called while a worker process imported the script", call))


def check_script(call: str = "build") -> None:
    """Raise ActisegError for a script from standard input, which no worker process can import."""
    import sys

    main = sys.modules["__main__"]
    file = getattr(main, "__file__", None)
    if getattr(main, "__spec__", None) is None and file is not None and not Path(file).is_file():
        raise ActisegError(no_main_module(f"worker processes cannot import the script {file}", call))


def finished_chunks(
    job: Job, wanted: Iterable[Place], workers: int, engine: Engine = OWN_PROCESSES
) -> Generator[tuple[Path, int]]:
    """Yield (chunk folder, clips in it) in order, making those that are not there.

    In processes of our own a few chunks are made in this one: they are done before others have started.

    Args:
        engine: who makes them.
    """
    if not engine.is_own:
        yield from _by_executor(job, wanted, workers, engine)
        return
    remaining = iter(wanted)
    first = list(islice(remaining, workers * CHUNKS_WORTH_A_PROCESS))
    places = chain(first, remaining)
    if workers == 1 or len(first) < workers * CHUNKS_WORTH_A_PROCESS:
        worker = Worker(job)
        for place, clips in places:
            if not is_finished(job, place, clips):
                worker.write(place, clips)
            yield place, len(clips)
        return
    yield from _in_processes(job, places, workers)


def _in_processes(job: Job, places: Iterator[Place], workers: int) -> Generator[tuple[Path, int]]:
    """Make chunks in worker processes, a few ahead of what is consumed; the processes end with the generator."""
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import active_children, get_context

    check_script()
    context = get_context("spawn")
    _LOG.info("%d worker processes", workers)
    started, others = context.Event(), set(active_children())
    pool = ProcessPoolExecutor(
        workers, mp_context=context, initializer=start_process, initargs=(job, started, shown_level())
    )
    waiting: deque[tuple[Future[None] | None, Path, int]] = deque()
    processes: set[BaseProcess] = set()
    try:
        for place, clips in places:
            with no_interrupts():  # a submission may start a process, which ignores Ctrl-C from its start
                future = None if is_finished(job, place, clips) else pool.submit(write_in_process, place, clips)
            processes.update(set(active_children()) - others)
            waiting.append((future, place, len(clips)))
            if len(waiting) > workers * AHEAD:
                yield _wait(*waiting.popleft())
        while waiting:
            yield _wait(*waiting.popleft())
    except BrokenProcessPool:
        pool.shutdown(cancel_futures=True)
        raise ActisegError(_why_it_broke([p.exitcode for p in processes], has_started=started.is_set())) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _by_executor(job: Job, places: Iterable[Place], workers: int, engine: Engine) -> Generator[tuple[Path, int]]:
    """Have chunks made by an executor, a few pieces ahead of what is consumed for each that it works at at once.

    Raises:
        ActisegError: a worker that could not make a chunk says why, or the executor lost one.
    """
    versions, sent, remaining, begun = versions_here(), packed(job), iter(places), 0
    waiting: deque[tuple[Future[str | None] | None, Piece]] = deque()
    with engine.start(workers) as executor:
        slots = getattr(executor, "slots", workers)
        while piece := tuple(islice(remaining, _chunks_in_a_piece(begun, slots, job))):
            begun += len(piece)
            todo = tuple(place for place in piece if not is_finished(job, *place))
            waiting.append((_submit(executor, todo, engine, versions, sent) if todo else None, piece))
            if len(waiting) > AHEAD * (slots := getattr(executor, "slots", workers)):
                yield from _wait_for_piece(*waiting.popleft(), engine)
        while waiting:
            yield from _wait_for_piece(*waiting.popleft(), engine)


def _chunks_in_a_piece(begun: int, slots: int, job: Job) -> int:
    """Return how many chunks the next piece has: more as the build turns out to be long.

    So few workers wait for the last piece of a short build, and few pieces pass a scheduler in a long one. A text is
    made in the time that it takes to send it, and chunks of them are large as they are.
    """
    most = 1 if job.content == "text" else CHUNKS_IN_A_PIECE
    return max(1, min(most, begun // (CHUNKS_IN_A_PIECE * slots)))


def _submit(
    executor: Executor, piece: Piece, engine: Engine, versions: Mapping[str, str], job: bytes
) -> Future[str | None]:
    """Give a piece to an executor."""
    folder = str(piece[0][0].parent.absolute())
    chunks = tuple((place.name, clips) for place, clips in piece)
    try:
        return executor.submit(write_piece, versions, job, folder, packed(chunks))
    except Exception as error:
        raise _lost(piece, engine, error) from error


def _lost(piece: Piece, engine: Engine, error: Exception) -> ActisegError:
    """Return what is said of chunks that an executor did not make, for a reason of its own."""
    names = [place.name for place, _ in piece]
    what = f"chunk {names[0]} was" if len(names) == 1 else f"chunks {names[0]} to {names[-1]} were"
    return ActisegError(f"--engine {engine}: {what} not made ({described(error)}){_KEPT}")


def _wait_for_piece(future: Future[str | None] | None, piece: Piece, engine: Engine) -> Iterator[tuple[Path, int]]:
    """Yield a piece's chunks once an executor has made them."""
    trouble: str | None = None
    if future is not None:
        try:
            trouble = future.result()
        except Exception as error:
            raise _lost(piece, engine, error) from error
    for place, clips in piece:
        if trouble is None and future is not None and not is_shown(place):
            trouble = (
                f"{place}: a worker made it, and it is not here; every worker needs the build's --out at this path"
            )
        if trouble is not None:
            raise ActisegError(f"{trouble.rstrip('.')}{_KEPT}")
        yield place, len(clips)


def _why_it_broke(exit_codes: Sequence[int | None], *, has_started: bool) -> str:
    """Return what ended a pool, from the exit codes of all its processes; it terminates those that remain itself."""
    import signal

    own = [code for code in exit_codes if code not in (None, 0, -signal.SIGTERM)]
    code = own[0] if own else None
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        why = ", as the system does when memory runs out" if name == "SIGKILL" else ""
        return (
            f"a worker process was killed by {name}{why}. Finished work is kept: run the same command again with "
            "fewer --workers."
        )
    how = "" if code is None else f" (exit code {code})"
    if not has_started:
        return no_main_module(f"the worker processes ended before they could work{how}")
    return (
        f"a worker process ended in the middle of its work{how}. Finished work is kept: run the same command again; "
        "with --workers 1 an error is shown where it happens."
    )


def _wait(future: Future[None] | None, place: Path, clips: int) -> tuple[Path, int]:
    """Return the chunk once it is finished."""
    if future is not None:
        future.result()
    return place, clips
