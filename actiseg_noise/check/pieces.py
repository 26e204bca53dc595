"""Check a manifest piece by piece, in this process or in several: what is found comes in the order of the pieces."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from actiseg_noise.borders.processes import end_with_parent, no_interrupts, usable_cores
from actiseg_noise.building.pool import check_main_module, check_script, no_main_module
from actiseg_noise.errors import ActisegError, ManifestError
from actiseg_noise.logs import show_logs_of_parent, shown_level
from actiseg_noise.manifest.parts import rows_per_part
from actiseg_noise.manifest.read import Manifest

if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor
    from multiprocessing.synchronize import Event

T = TypeVar("T")
Checked = Callable[..., T]
"""A function of a module, of the manifest and of what says which piece of it."""

_AHEAD = 3  # pieces per worker
_BROKEN = (
    "a worker process ended in the middle of its work, as the system does when memory runs out. Verify again with "
    "--workers 1; nothing was changed."
)


def usual_workers(manifest: Manifest) -> int:
    """Return one process per core where a table has parts for two, else 1: it is done before others start."""
    is_large = any(count >= 2 * rows_per_part(name) for name, count in manifest.info.counts.items())
    return usable_cores() if is_large else 1


class Pieces:
    """Runs functions on pieces of one manifest. A context manager; processes start when there is work for two.

    Args:
        workers: number of processes, at least 1; 1: this one.

    Raises:
        ActisegError: no such number.
    """

    def __init__(self, manifest: Manifest, workers: int = 1) -> None:
        if workers < 1:
            raise ActisegError(f"--workers must be at least 1, got {workers}")
        if workers > 1:
            check_main_module("verify")
        self.manifest = manifest
        self.workers = workers
        self._pool: ProcessPoolExecutor | None = None
        self._started: Event | None = None

    def __enter__(self) -> Pieces:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    @property
    def is_here(self) -> bool:
        """Return whether all work is done in this process."""
        return self.workers == 1

    def begin(self, check: Checked[T], *piece: Any) -> Callable[[], T]:
        """Let a worker process begin a piece; return a function that waits for what it found."""
        future = self._submit(check, piece)
        return lambda: self._result(future)

    def map(self, check: Checked[T], pieces: Iterable[tuple[Any, ...]]) -> Iterator[T]:
        """Yield what is found of each piece, in order, a few pieces ahead of what is consumed."""
        todo = list(pieces)
        if self.is_here or len(todo) < 2:
            yield from (check(self.manifest, *piece) for piece in todo)
            return
        waiting: deque[Future[T | Exception]] = deque()
        for piece in todo:
            waiting.append(self._submit(check, piece))
            if len(waiting) > _AHEAD * self.workers:
                yield self._result(waiting.popleft())
        while waiting:
            yield self._result(waiting.popleft())

    def _submit(self, check: Checked[T], piece: tuple[Any, ...]) -> Future[T | Exception]:
        """Give a piece to a worker process."""
        from concurrent.futures import ProcessPoolExecutor
        from concurrent.futures.process import BrokenProcessPool
        from multiprocessing import get_context

        if self._pool is None:
            check_script("verify")
            context = get_context("spawn")
            self._started = context.Event()
            given = (self.manifest, self._started, shown_level())
            self._pool = ProcessPoolExecutor(self.workers, mp_context=context, initializer=_start, initargs=given)
        try:
            with no_interrupts():  # a submission may start a process, which ignores Ctrl-C from its start
                return self._pool.submit(_check, check, piece)
        except BrokenProcessPool:
            raise ActisegError(self._why_it_broke()) from None

    def _result(self, future: Future[T | Exception]) -> T:
        """Return what a worker process found, or raise what it says."""
        from concurrent.futures.process import BrokenProcessPool

        try:
            found = future.result()
        except BrokenProcessPool:
            raise ActisegError(self._why_it_broke()) from None
        if isinstance(found, Exception):
            raise found
        return found

    def _why_it_broke(self) -> str:
        """Return what ended the pool: the script that a worker process imports, or what ends processes."""
        if self._started is not None and self._started.is_set():
            return _BROKEN
        return no_main_module("the worker processes ended before they could work", "verify")


_manifest: Manifest | None = None


def _start(manifest: Manifest, started: Event, level: int | None) -> None:
    """Prepare a worker process: one thread for Arrow, Ctrl-C left to the parent, ended with it, logging as it does."""
    import signal

    import pyarrow as pa

    global _manifest  # noqa: PLW0603 - the one piece of state a process pool's initializer can leave behind
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    pa.set_cpu_count(1)
    _manifest = manifest
    show_logs_of_parent(level)
    started.set()


def _check(check: Checked[T], piece: tuple[Any, ...]) -> T | Exception:
    """Return what is found of a piece, in a worker process; its error without what cannot be sent."""
    if _manifest is None:
        raise RuntimeError("_start was not called in this process")
    try:
        return check(_manifest, *piece)
    except ManifestError as error:
        return ManifestError(str(error))
    except ActisegError as error:
        return ActisegError(str(error))
