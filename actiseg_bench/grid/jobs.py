"""Several runs at once: worker processes that make one run after another, each replaced when it dies."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import warnings
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path

from actiseg_bench.grid.run import Finished, Reporter, Runner, RunSpec, one_by_one
from actiseg_bench.grid.worker import VISIBLE, start_work
from actiseg_noise.borders.processes import no_interrupts
from actiseg_noise.errors import ActisegWarning

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


def work(pipe: Connection, runner: Runner, out: Path) -> None:
    """Make the runs that come through ``pipe`` until it closes."""
    warnings.simplefilter("ignore", ActisegWarning)  # the parent has said it
    while True:
        try:
            spec = pipe.recv()
        except EOFError:
            return
        finished = next(one_by_one([spec], runner, out, _PipeReporter(pipe)))
        pipe.send(("end", finished))


class _Worker:
    """One process and the run it is at.

    Args:
        place: which of the processes it is, in [0, jobs). gpu: the only one that it sees; None is all of them.
    """

    def __init__(self, runner: Runner, out: Path, place: int, gpu: str | None) -> None:
        context = multiprocessing.get_context("spawn")
        self.place = place
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=start_work, args=(other, pickle.dumps(runner), out, gpu), daemon=True)
        self.process.start()
        other.close()
        self.spec: RunSpec | None = None

    def give(self, spec: RunSpec) -> None:
        """Start a run."""
        self.spec = spec
        self.pipe.send(spec)

    def take(self, reporter: Reporter) -> Finished | None:
        """Report an event of the process; return the end of its run, or None before that."""
        spec = self.spec
        if spec is None:
            raise ValueError("the worker has no run")
        try:
            kind, values = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join()
            return Finished(spec, message=f"its process ended (exit code {self.process.exitcode})")
        if kind == "end":
            return Finished(spec, *values[1:])
        if kind == "begin":
            reporter.begin(spec, *values)
        else:
            reporter.step(spec, *values)
        return None

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


def at_once(
    grid: Sequence[RunSpec], runner: Runner, out: Path, reporter: Reporter, jobs: int, gpus: Sequence[str] = ()
) -> Iterator[Finished]:
    """Yield every run of the grid as it ends, ``jobs`` at a time; ``runner`` must pickle.

    A process that is killed fails its run alone.

    Args:
        gpus: the k-th process sees the k-th of them alone, from the first one again where there are more processes;
            with none, every process sees what this one does.
    """
    waiting = list(reversed(grid))
    workers: list[_Worker] = []
    try:
        while waiting or workers:
            while waiting and len(workers) < jobs:
                place = min(set(range(jobs)).difference(worker.place for worker in workers))
                with no_interrupts():  # the process ignores Ctrl-C from its start, and is stopped below
                    workers.append(_Worker(runner, out, place, gpus[place % len(gpus)] if gpus else None))
                workers[-1].give(waiting.pop())
            ready = wait([worker.pipe for worker in workers])
            for worker in [worker for worker in workers if worker.pipe in ready]:
                finished = worker.take(reporter)
                if finished is None:
                    continue
                yield finished
                if waiting and worker.process.is_alive():
                    worker.give(waiting.pop())
                else:
                    worker.stop()
                    workers.remove(worker)
    finally:
        for worker in workers:
            worker.ask_to_stop()
        for worker in workers:
            worker.stop()
