"""Several runs at once: worker processes that make one run after another, each replaced when it dies."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from actiseg_bench.grid.run import Finished, Reporter, Runner, RunSpec, one_by_one
from actiseg_bench.grid.worker import VISIBLE, start_work
from actiseg_noise.borders.processes import no_interrupts
from actiseg_noise.errors import ActisegWarning
from actiseg_noise.logs import shown_level

WARNED = "warned"
_PATIENCE_S = 60  # for a step and a checkpoint


class _PipeReporter(Reporter):
    """Sends the events of a run to the parent process."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def begin(self, spec: RunSpec, why: str) -> None:
        """Send that a run starts."""
        self._pipe.send(("begin", (why,)))

    def step(self, spec: RunSpec, done: int, total: int, loss: float) -> None:
        """Send that an update was made."""
        self._pipe.send(("step", (done, total, loss)))


def work(
    pipe: Connection,
    runner: Runner,
    out: Path,
    refuse: Callable[[RunSpec, Runner], str | None] | None = None,
    idle_s: float | None = None,
) -> None:
    """Make the runs that come through ``pipe`` until it closes.

    Args:
        refuse: says why a run cannot be made here, before it is begun; None where it can. It is asked where the grid
            is another machine's.
        idle_s: end when no run has come for so long; None waits for ever.
    """
    from actiseg_bench.device import NotToBeHadWarning

    warnings.simplefilter("ignore", ActisegWarning)  # the parent has said it
    warnings.simplefilter("default", NotToBeHadWarning)
    warnings.showwarning = _sent_warning(pipe, warnings.showwarning)
    while pipe.poll(idle_s):
        try:
            spec = pipe.recv()
        except EOFError:
            return
        if refuse is not None and (why := refuse(spec, runner)):
            pipe.send(("refused", (why,)))
            continue
        finished = next(one_by_one([spec], runner, out, _PipeReporter(pipe)))
        pipe.send(("end", finished))


def _sent_warning(pipe: Connection, usual: Callable[..., None]) -> Callable[..., None]:
    """Return how a worker shows warnings: ours are the parent's to say, once for all of its processes."""

    def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        if issubclass(category, ActisegWarning):
            pipe.send((WARNED, (str(message),)))
        else:
            usual(message, category, *where, **more)

    return show


def packed_work(runner: Runner, out: Path, **options: Any) -> bytes:
    """Return what a :class:`RunProcess` is to do: :func:`work` with these arguments, pickled."""
    return pickle.dumps(partial(work, runner=runner, out=out, **options))


class RunProcess:
    """A process that makes one run after another and ignores Ctrl-C. It ends with this one.

    Args:
        work: see :func:`packed_work`. environment: what it sees of the system beside what this process does.
    """

    def __init__(self, work: bytes, environment: Mapping[str, str]) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        arguments = (other, work, dict(environment), shown_level())
        self.process = context.Process(target=start_work, args=arguments, daemon=True)
        self.process.start()
        other.close()

    def give(self, spec: bytes) -> None:
        """Start a pickled :class:`RunSpec`."""
        self.pipe.send_bytes(spec)

    def receive(self) -> tuple[str, Any]:
        """Return what it says next, with values: ``begin``, ``step``, ``warned``, ``refused``, ``end`` or ``lost``."""
        try:
            kind, values = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join()
            return "lost", f"its process ended (exit code {self.process.exitcode})"
        return kind, values

    def ask_to_stop(self) -> None:
        """Let the process end: a training after its step, with a checkpoint, all else at once."""
        self.process.terminate()

    def stop(self) -> None:
        """End the process, one that does not end when asked, too."""
        self.ask_to_stop()
        self.process.join(_PATIENCE_S)
        self.process.kill()
        self.process.join()
        self.pipe.close()


@dataclass
class _AtWork:
    """A process, which of them it is, in [0, jobs), and the run it is at."""

    process: RunProcess
    place: int
    spec: RunSpec

    def give(self, spec: RunSpec) -> None:
        """Start a run."""
        self.spec = spec
        self.process.give(pickle.dumps(spec))

    def take(self, reporter: Reporter) -> Finished | None:
        """Report an event of the process; return the end of its run, or None before that."""
        kind, values = self.process.receive()
        if kind == "lost":
            return Finished(self.spec, message=values)
        if kind == "end":
            return Finished(self.spec, *values[1:])
        report_event(reporter, self.spec, kind, values)
        return None


def report_event(reporter: Reporter, spec: RunSpec, kind: str, values: Sequence[Any]) -> None:
    """Report that a run begins, made a step, or warns of something."""
    if kind == "begin":
        reporter.begin(spec, *values)
    elif kind == WARNED:
        warnings.warn(values[0], ActisegWarning, 1)  # from one place: what several processes say is shown once
    else:
        reporter.step(spec, *values)


def list_gpus(device: str) -> list[str]:
    """Return the GPUs that processes can be dealt out to, as ``CUDA_VISIBLE_DEVICES`` names them.

    Args:
        device: as ``--device`` says it. One that is named (``cuda:1``), and a CPU, is for all processes: nothing is
            dealt out.
    """
    import torch

    if device not in ("auto", "cuda") or not torch.cuda.is_available():
        return []
    seen = os.environ.get(VISIBLE)
    names = seen.split(",") if seen else [str(number) for number in range(torch.cuda.device_count())]
    return [name.strip() for name in names[: torch.cuda.device_count()]]


def gpu_slots(gpus: Sequence[str], per_run: int) -> list[str]:
    """Return ``CUDA_VISIBLE_DEVICES`` of as many processes as have ``per_run`` GPUs of their own each.

    >>> gpu_slots(["0", "1", "2"], 1), gpu_slots(["0", "1", "2", "3", "4"], 2)
    (['0', '1', '2'], ['0,1', '2,3'])
    """
    starts = range(0, len(gpus) - per_run + 1, per_run)
    return [",".join(gpus[start : start + per_run]) for start in starts]


def at_once(
    grid: Sequence[RunSpec], runner: Runner, out: Path, reporter: Reporter, jobs: int, gpus: Sequence[str] = ()
) -> Iterator[Finished]:
    """Yield every run of the grid as it ends, ``jobs`` at a time; ``runner`` must pickle.

    A process that is killed fails its run alone.

    Args:
        gpus: the k-th process sees the k-th of them alone, from the first one again where there are more processes;
            with none, every process sees what this one does.
    """
    waiting, made = list(reversed(grid)), packed_work(runner, out)
    workers: list[_AtWork] = []
    try:
        while waiting or workers:
            while waiting and len(workers) < jobs:
                place = min(set(range(jobs)).difference(worker.place for worker in workers))
                seen = {VISIBLE: gpus[place % len(gpus)]} if gpus else {}
                with no_interrupts():  # the process ignores Ctrl-C from its start, and is stopped below
                    workers.append(_AtWork(RunProcess(made, seen), place, waiting[-1]))
                workers[-1].give(waiting.pop())
            ready = wait([worker.process.pipe for worker in workers])
            for worker in [worker for worker in workers if worker.process.pipe in ready]:
                finished = worker.take(reporter)
                if finished is None:
                    continue
                yield finished
                if waiting and worker.process.process.is_alive():
                    worker.give(waiting.pop())
                else:
                    worker.process.stop()
                    workers.remove(worker)
    finally:
        for worker in workers:
            worker.process.ask_to_stop()
        for worker in workers:
            worker.process.stop()
