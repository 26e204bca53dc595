"""Several runs at once: worker processes that make one run after another, each replaced when it dies."""

from __future__ import annotations

import multiprocessing
import pickle
import warnings
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path

from actiseg_bench.grid.run import Finished, Reporter, Runner, RunSpec, one_by_one
from actiseg_bench.grid.worker import start_work
from actiseg_noise.borders.processes import no_interrupts
from actiseg_noise.errors import ActisegWarning


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
    """One process and the run it is at."""

    def __init__(self, runner: Runner, out: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=start_work, args=(other, pickle.dumps(runner), out), daemon=True)
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

    def stop(self) -> None:
        """End the process."""
        self.pipe.close()
        self.process.terminate()
        self.process.join()


def at_once(grid: Sequence[RunSpec], runner: Runner, out: Path, reporter: Reporter, jobs: int) -> Iterator[Finished]:
    """Yield every run of the grid as it ends, ``jobs`` at a time; ``runner`` must pickle.

    A process that is killed fails its run alone.
    """
    waiting = list(reversed(grid))
    workers: list[_Worker] = []
    try:
        while waiting or workers:
            while waiting and len(workers) < jobs:
                with no_interrupts():  # the process ignores Ctrl-C from its start, and is stopped below
                    workers.append(_Worker(runner, out))
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
            worker.stop()
