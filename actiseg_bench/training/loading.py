"""Batches on their way to a training: read by other processes while it computes, or in its own.

What an update sees has an address, so that any process can make any batch and the number of processes changes nothing.
The processes are forked from a server that has imported what they need and nothing more (``forkserver``; on Windows
they start anew). They are not forked from the training itself: its threads (torch's, a GPU's, the writer of
checkpoints) and what they have locked would be copied in the middle of their work, and a child that dies would
interrupt it anywhere.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import sys
import warnings
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, get_worker_info

from actiseg_bench.data.manifest_dataset import ManifestDataset, View
from actiseg_bench.records import Batch
from actiseg_bench.training.batches import EpochSampler, read_batch
from actiseg_bench.training.config import RunConfig
from actiseg_bench.training.windows import WindowSampler
from actiseg_noise.borders.preemption import leave_to_parent
from actiseg_noise.borders.processes import end_with_launcher, end_with_parent, no_interrupts
from actiseg_noise.errors import ActisegError, DataError, ManifestError

MOST_WORKERS = 16
_LOST = (ConnectionError, FileNotFoundError, EOFError)
"""What torch says of a batch whose sender died before all of it was handed over."""
_NOTICED_S = 5.0  # after which a process that died is known to have
_IMPORTED_BY = os.getpid()  # in a process that was forked: the server's
_SERVER_DIED = 255  # the exit code of a process whose end the server of forks was not there to tell
_ADVICE = (
    "The system kills where memory runs out: give fewer --workers. With --workers 0 the training's own process reads, "
    "where an error shows itself."
)


class LoadingProcessError(ActisegError):
    """A process that read batches ended in the middle of its work; the message names what it was reading."""


class Request(NamedTuple):
    """What one update shows: the address of its draws, the epoch it belongs to, and clips or views of clips."""

    step: int
    epoch: int
    items: tuple[int | View, ...]


@dataclass(frozen=True)
class Loaded:
    """The batch of an update.

    Attributes:
        clip_ids: of its items. samples: how many the whole update has, where ``batch`` is a process's part of it; None
            where it is all of it. error: why there is no batch, for the process that trains to raise.
    """

    request: Request
    clip_ids: tuple[str, ...]
    batch: Batch | None
    samples: int | None = None
    error: ActisegError | None = None

    def pin_memory(self) -> Loaded:
        """Return the same in memory that a GPU copies from; torch's loader calls it."""
        return self if self.batch is None else replace(self, batch=self.batch.pin_memory())


class BatchReader(Dataset[Loaded]):
    """The batches of a training by their requests.

    Args:
        views: of the strategy's card. rank, world: which of how many processes share an update.
    """

    def __init__(self, data: ManifestDataset, config: RunConfig, views: int, rank: int = 0, world: int = 1) -> None:
        self.data, self.config, self.views, self.rank, self.world = data, config, views, rank, world

    def __getitem__(self, request: Request) -> Loaded:
        """Read a batch; what is wrong with a file is part of the answer."""
        names = clip_names(self.data, request)
        try:
            batch, samples = read_batch(
                self.data,
                request.items,
                self.config,
                request.step,
                views=self.views,
                rank=self.rank,
                world=self.world,
            )
        except ActisegError as error:
            return Loaded(request, names, None, error=_portable(error))
        return Loaded(request, names, batch, samples)


def _portable(error: ActisegError) -> ActisegError:
    """Return an error that another process can be sent: with its message alone."""
    kind = type(error) if type(error) in (DataError, ManifestError) else ActisegError
    return kind(str(error))


def clip_names(data: ManifestDataset, request: Request) -> tuple[str, ...]:
    """Return the ids of the clips that a request shows."""
    return tuple(data.clip_ids[item.clip if isinstance(item, View) else item] for item in request.items)


def iter_requests(
    sampler: EpochSampler | WindowSampler, step: int, epoch: int, position: int, steps: int
) -> Iterator[Request]:
    """Yield what the updates from ``step`` to ``steps`` show, over the ends of epochs.

    Args:
        epoch, position: of the first one: epochs before it, and batches of its epoch before it.
    """
    while step < steps:
        sampler.epoch, sampler.skip = epoch, position
        for items in sampler:
            yield Request(step, epoch, tuple(items))
            step += 1
            if step == steps:
                return
        epoch, position = epoch + 1, 0


def default_workers(data: ManifestDataset, threads: int) -> int:
    """Return how many processes load beside a training.

    None where items or features are in memory: to send a batch costs more than to make it. Elsewhere as many as the
    training leaves cores, shared by the processes of a training on several devices.

    Args:
        threads: of the training.
    """
    if data.is_at_hand or multiprocessing.current_process().daemon:  # a process of a grid may have no children
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return max(0, min(cores // max(1, here) - threads, MOST_WORKERS))


def count_workers(asked: int | None, data: ManifestDataset, threads: int) -> int:
    """Return how many processes load: what is asked for, where they can; None is the default."""
    if asked is None or data.shows_features or multiprocessing.current_process().daemon:
        return default_workers(data, threads)
    return asked


def iter_loaded(
    reader: BatchReader, requests: Iterable[Request], workers: int, *, threads: int = 1, pin: bool = False
) -> Iterator[Loaded]:
    """Yield batches in the order of their requests, read ahead by ``workers`` processes; 0 reads each when it is due.

    Args:
        threads: of torch in each process: sums of floats are equal for equal threads alone.
        pin: hand batches over in pinned memory, for a GPU.

    Raises:
        ActisegError: what a batch could not be read for. LoadingProcessError: a process that died.
    """
    if workers:
        loaded = _in_processes(reader, requests, workers, threads, pin)
    else:
        loaded = (one.pin_memory() if pin else one for one in map(reader.__getitem__, requests))
    with closing(loaded):  # at once: an error and the batch that has it hold each other, and what waits for them
        for one in loaded:
            if one.error is not None:
                raise one.error
            yield one


class _Asked:
    """Requests on their way to the processes, remembered until their batches are there."""

    def __init__(self, requests: Iterable[Request]) -> None:
        self._requests = requests
        self.waiting: dict[int, Request] = {}

    def __iter__(self) -> Iterator[Request]:
        for request in self._requests:
            self.waiting[request.step] = request
            yield request


def _in_processes(
    reader: BatchReader, requests: Iterable[Request], workers: int, threads: int, pin: bool
) -> Generator[Loaded, None, None]:
    """Yield batches that processes read; they end with the generator, or with this process."""
    asked, at_work = _Asked(requests), torch.zeros(workers, 2, dtype=torch.int64).share_memory_()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This DataLoader will create")  # the user's number is the user's business
        loader = DataLoader(
            _Noted(reader, at_work),
            batch_size=None,
            sampler=asked,
            collate_fn=_as_it_is,  # type: ignore[arg-type]
            num_workers=workers,
            pin_memory=pin,
            worker_init_fn=_Start(threads, at_work),
            multiprocessing_context=_context(),
            generator=torch.Generator(),
        )
        others = set(multiprocessing.active_children())
        try:
            with no_interrupts(), _without_script():
                batches = iter(loader)
        except _LOST as error:
            raise LoadingProcessError(
                f"the processes that load batches could not be started ({error!r}). {_ADVICE}"
            ) from None
        processes = set(multiprocessing.active_children()) - others
    kill = partial(_kill, processes)
    atexit.register(kill)
    try:
        while True:
            died = ""
            try:
                found: Loaded = next(batches)
            except StopIteration:
                return
            except (RuntimeError, *_LOST):
                dead = _find_dead(processes)
                if not dead and len(processes) == workers:  # fewer: one was lost before it could be listed
                    raise
                died = _what_died(dead, asked.waiting, at_work, reader)
            if died:  # here, where torch's error and what it holds of the processes are gone
                raise LoadingProcessError(died)
            asked.waiting.pop(found.request.step, None)
            yield found
    finally:
        del batches
        atexit.unregister(kill)


def _kill(processes: Collection[BaseProcess]) -> None:
    """End processes; they heed no other signal, and Python, when it exits, sends another and waits."""
    for process in processes:
        process.kill()


@contextmanager
def _without_script() -> Iterator[None]:
    """Start processes that do not import the script that trains: they need nothing of it, and it may have no guard.

    Without this, a script that calls ``train`` outside of ``if __name__ == "__main__"`` would be run again by each.
    """
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


def _context() -> multiprocessing.context.BaseContext:
    """Return how processes start: from a server that has imported this module, where there is such a thing."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def _as_it_is(loaded: Loaded) -> Loaded:
    return loaded


class _Noted(Dataset[Loaded]):
    """A reader whose processes note what they are at: process id and step, a row of ``at_work`` each."""

    def __init__(self, reader: BatchReader, at_work: Tensor) -> None:
        self._reader, self._at_work = reader, at_work

    def __getitem__(self, request: Request) -> Loaded:
        info = get_worker_info()
        if info is not None:
            self._at_work[info.id, 1] = request.step
        return self._reader[request]


class _Start:
    """What a process does before its first batch: see to it that it ends with the training, which minds all signals.

    torch's own loader would not see that process end: the parent that it watches is the server that forked. It ends
    with that server, too, which alone can tell the training of its end: torch takes it for dead from then on, and
    would have it fail with a traceback, at once when another one of them is missed.
    """

    def __init__(self, threads: int, at_work: Tensor) -> None:
        self._threads, self._at_work = threads, at_work

    def __call__(self, worker: int) -> None:
        import cv2

        end_with_parent()
        end_with_launcher(at_once=True)
        if _IMPORTED_BY not in (os.getpid(), os.getppid()):  # it has ended before that
            os._exit(1)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        leave_to_parent()
        torch.set_num_threads(self._threads)
        cv2.setNumThreads(1)  # the cores are busy with other batches
        self._at_work[worker, 0] = os.getpid()


def _find_dead(processes: Collection[BaseProcess]) -> list[BaseProcess]:
    """Return which processes have ended, after time enough to notice."""
    wait([process.sentinel for process in processes], _NOTICED_S)
    return [process for process in processes if not process.is_alive()]


def _what_died(
    dead: Sequence[BaseProcess], waiting: Mapping[int, Request], at_work: Tensor, reader: BatchReader
) -> str:
    """Return which processes ended, in the middle of what, and what can be done."""
    pids = {process.pid for process in dead}
    steps = [step for pid, step in at_work.tolist() if pid in pids and step in waiting]
    names = [f"update {step} (clips {', '.join(clip_names(reader.data, waiting[step]))})" for step in steps]
    what = " and ".join(names) or f"one of the updates {min(waiting, default=0)} to {max(waiting, default=0)}"
    return f"a process that loads batches {_how_ended(dead)} while it read {what}. {_ADVICE}"


def _how_ended(dead: Sequence[BaseProcess]) -> str:
    """Return how the first of the processes ended, as far as the server of forks could tell."""
    code = dead[0].exitcode or 0 if dead else _SERVER_DIED
    if code == _SERVER_DIED:
        return "ended with the server that forks it, or before it had begun,"
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended (exit code {code})"
