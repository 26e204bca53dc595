"""Finish chunks in order, in this process, in several or by an executor; those of an earlier build are kept."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actiseg_noise.borders.processes import no_interrupts
from actiseg_noise.building.chunk import Job, Place, Worker, is_finished, start_process, write_in_process
from actiseg_noise.building.remote import is_shown, packed, versions_here, write_piece
from actiseg_noise.errors import ActisegError
from actiseg_noise.executors.base import Engine, Executor

if TYPE_CHECKING:
    from concurrent.futures import Future
    from multiprocessing.process import BaseProcess

CHUNKS_AHEAD = 2  # per worker
CHUNKS_WORTH_A_PROCESS = 2
OWN_PROCESSES = Engine()
_KEPT = ". Finished work is kept: the same command continues from it."

_NO_MAIN_MODULE = (
    "{what}. A worker process imports the script that calls build as the module `__main__`, so the script must be a "
    'file, the call must stand under `if __name__ == "__main__":`, and a dataset or noise of your own must be in a '
    "module of its own. Or pass workers=1."
)


def check_main_module() -> None:
    """Raise ActisegError where a worker process calls build because it imports a script that does."""
    from multiprocessing import current_process

    if getattr(current_process(), "_inheriting", False):  # the standard library's own test
        raise ActisegError(_NO_MAIN_MODULE.format(what="build was called while a worker process imported the script"))


def _check_script() -> None:
    """Raise ActisegError for a script from standard input, which no worker process can import."""
    import sys

    main = sys.modules["__main__"]
    file = getattr(main, "__file__", None)
    if getattr(main, "__spec__", None) is None and file is not None and not Path(file).is_file():
        raise ActisegError(_NO_MAIN_MODULE.format(what=f"worker processes cannot import the script {file}"))


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

    _check_script()
    context = get_context("spawn")
    started, others = context.Event(), set(active_children())
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=start_process, initargs=(job, started))
    waiting: deque[tuple[Future[None] | None, Path, int]] = deque()
    processes: set[BaseProcess] = set()
    try:
        for place, clips in places:
            with no_interrupts():  # a submission may start a process, which ignores Ctrl-C from its start
                future = None if is_finished(job, place, clips) else pool.submit(write_in_process, place, clips)
            processes.update(set(active_children()) - others)
            waiting.append((future, place, len(clips)))
            if len(waiting) > workers * CHUNKS_AHEAD:
                yield _wait(*waiting.popleft())
        while waiting:
            yield _wait(*waiting.popleft())
    except BrokenProcessPool:
        pool.shutdown(cancel_futures=True)
        raise ActisegError(_why_it_broke([p.exitcode for p in processes], has_started=started.is_set())) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _by_executor(job: Job, places: Iterable[Place], workers: int, engine: Engine) -> Generator[tuple[Path, int]]:
    """Have chunks made by an executor, a few ahead of what is consumed for each that it works at at once.

    Raises:
        ActisegError: a worker that could not make a chunk says why, or the executor lost one.
    """
    versions, sent = versions_here(), packed(job)
    waiting: deque[tuple[Future[str | None] | None, Path, int]] = deque()
    with engine.start(workers) as executor:
        for place, clips in places:
            arguments = (versions, sent, str(place.absolute()), packed(clips))
            future = None if is_finished(job, place, clips) else _submit(executor, place, engine, *arguments)
            waiting.append((future, place, len(clips)))
            if len(waiting) > CHUNKS_AHEAD * getattr(executor, "slots", workers):
                yield _wait_for_piece(*waiting.popleft(), engine)
        while waiting:
            yield _wait_for_piece(*waiting.popleft(), engine)


def _submit(executor: Executor, place: Path, engine: Engine, *arguments: Any) -> Future[str | None]:
    """Give a chunk to an executor."""
    try:
        return executor.submit(write_piece, *arguments)
    except Exception as error:
        raise _lost(place, engine, error) from error


def _lost(place: Path, engine: Engine, error: Exception) -> ActisegError:
    """Return what is said of a chunk that an executor did not make, for a reason of its own."""
    reason = " ".join(f"{type(error).__name__} {error}".split())
    return ActisegError(f"--engine {engine}: chunk {place.name} was not made ({reason}){_KEPT}")


def _wait_for_piece(future: Future[str | None] | None, place: Path, clips: int, engine: Engine) -> tuple[Path, int]:
    """Return the chunk once an executor has made it."""
    trouble: str | None = None
    if future is not None:
        try:
            trouble = future.result()
        except Exception as error:
            raise _lost(place, engine, error) from error
        if trouble is None and not is_shown(place):
            trouble = (
                f"{place}: a worker made it, and it is not here; every worker needs the build's --out at this path"
            )
    if trouble is not None:
        raise ActisegError(f"{trouble}{_KEPT}")
    return place, clips


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
        return _NO_MAIN_MODULE.format(what=f"the worker processes ended before they could work{how}")
    return (
        f"a worker process ended in the middle of its work{how}. Finished work is kept: run the same command again; "
        "with --workers 1 an error is shown where it happens."
    )


def _wait(future: Future[None] | None, place: Path, clips: int) -> tuple[Path, int]:
    """Return the chunk once it is finished."""
    if future is not None:
        future.result()
    return place, clips
