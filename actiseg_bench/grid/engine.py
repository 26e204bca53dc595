"""The runs of a grid, made by an executor: of dask, or of a package of one's own."""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Future, wait
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from actiseg_bench.grid.jobs import packed_work
from actiseg_bench.grid.remote import DONE, FAILED, IDLE_S, KEPT, PACKAGES, REFUSED, Machine, make_run, why_refused
from actiseg_bench.grid.run import Finished, Reporter, Runner, RunSpec, find_result
from actiseg_bench.grid.watched import Session, session
from actiseg_bench.results.result import RESULT_NAME, read_result
from actiseg_noise.errors import ActisegError
from actiseg_noise.executors.base import Engine, Executor, with_gpus
from actiseg_noise.executors.pieces import described, is_shown, versions_here

if TYPE_CHECKING:
    from actiseg_bench.grid.tracks import Track

TRIES = 4  # of a run whose process was asked to stop while the grid goes on
_LOOKED_EVERY_S = 1.0
_PATIENCE_S = 60.0  # for a step and a checkpoint, once runs were asked to stop
_KEPT = ". Finished runs are kept: the same command continues."


@dataclass
class _Sent:
    """A run that an executor has, its number in the grid, why it is made again, tries, and its last event."""

    spec: RunSpec
    index: int
    why: str
    tries: int = 1
    last: tuple[int, int, float] | None = None


def by_engine(
    grid: Sequence[RunSpec],
    runner: Runner,
    out: Path,
    reporter: Reporter,
    engine: Engine,
    workers: int,
    machine: Machine,
    *,
    is_alone: bool = True,
) -> Generator[Finished]:
    """Yield every run of the grid as it ends, made by an executor; ``runner`` must pickle.

    Runs that are there are not sent. Left before the end, as by Ctrl-C, trainings stop after their step and keep it.

    Args:
        workers: the number that the engine is asked for. machine: what a run needs of a worker.
        is_alone: whether the grid is no part of one, of which others may be at work at ``out``.

    Raises:
        ActisegError: nobody is at the engine's address; a worker of other versions, or without the data; the executor
            was lost.
    """
    waiting: deque[_Sent] = deque()
    for index, spec in enumerate(grid):
        result, why = find_result(spec, runner.identity(spec), out)
        if result is None:
            waiting.append(_Sent(spec, index, why))
        else:
            yield Finished(spec, result, kept=True)
    if waiting:
        keys = {sent.spec.name: runner.identity(sent.spec).key() for sent in waiting}
        refuse = partial(why_refused, keys=keys, device=machine.device)
        work = packed_work(runner, out, refuse=refuse, idle_s=IDLE_S)
        with session(out, is_alone=is_alone) as told, engine.start(workers) as executor:
            sending = _Sending(with_gpus(executor, engine, machine.gpus), engine, workers, work, machine, told)
            try:
                yield from sending.finish(waiting, out, reporter)
            finally:
                told.end()
                if sending.at_work:
                    reporter.note(f"waiting until runs at work have kept what they have, {_PATIENCE_S:g} s at most")
                    wait(sending.at_work, _PATIENCE_S)


class _Sending:
    """Runs on their way to an executor and back."""

    def __init__(
        self, executor: Executor, engine: Engine, workers: int, work: bytes, machine: Machine, told: Session
    ) -> None:
        self._executor, self._engine, self._workers, self._told = executor, engine, workers, told
        machine_sent = (machine.device, machine.gpus, dict(machine.environment))
        self._sent = versions_here(*PACKAGES), machine_sent, work
        self.at_work: dict[Future[tuple[str, str]], _Sent] = {}

    def finish(self, waiting: deque[_Sent], out: Path, reporter: Reporter) -> Iterator[Finished]:
        """Yield the runs as they end; as many are sent as are worked at."""
        while waiting or self.at_work:
            while waiting and len(self.at_work) < getattr(self._executor, "slots", self._workers):
                self._send(waiting.popleft())
            done, _ = wait(self.at_work, _LOOKED_EVERY_S, FIRST_COMPLETED)
            for future in self.at_work:
                self._report(self.at_work[future], reporter)
            for future in done:
                sent = self.at_work.pop(future)
                finished = self._take(future, sent, out)
                if finished is None:
                    waiting.appendleft(replace(sent, tries=sent.tries + 1))
                    continue
                if finished.result is not None and not finished.kept:
                    self._begin(sent, reporter)
                yield finished

    def _send(self, sent: _Sent) -> None:
        versions, machine, work = self._sent
        folder = f"{self._told.folder.absolute()}#{sent.index}"
        try:
            future = self._executor.submit(make_run, versions, machine, work, folder, pickle.dumps(sent.spec))
        except Exception as error:
            raise self._lost(sent, error) from error
        self.at_work[future] = sent

    def _report(self, sent: _Sent, reporter: Reporter) -> None:
        """Report how far a run is."""
        said = self._told.said(sent.index)
        if said is not None and said != sent.last:
            self._begin(sent, reporter)
            sent.last = said
            if said[1]:  # of how many steps; a run that begins says 0 of 0
                reporter.step(sent.spec, *said)

    def _begin(self, sent: _Sent, reporter: Reporter) -> None:
        """Report that a run begins, the first time that something is known of it."""
        if sent.last is None and sent.tries == 1:
            reporter.begin(sent.spec, sent.why)
            sent.last = (0, 0, 0.0)

    def _take(self, future: Future[tuple[str, str]], sent: _Sent, out: Path) -> Finished | None:
        """Return how a run ended, None where it is to be sent again.

        Raises:
            ActisegError: a worker that can make no run, or an executor that is gone.
        """
        try:
            kind, text = future.result()
        except (CancelledError, BrokenExecutor, ImportError, AttributeError) as error:  # gone, or without this package
            raise self._lost(sent, error) from error
        except Exception as error:
            return Finished(sent.spec, message=f"no worker made it ({described(error)})")
        if kind == REFUSED:
            raise ActisegError(f"{text.rstrip('.')}{_KEPT}")
        if kind == FAILED:
            return Finished(sent.spec, message=text)
        if kind not in (DONE, KEPT):
            return None if sent.tries < TRIES else Finished(sent.spec, message=f"was stopped {TRIES} times")
        place = sent.spec.folder(out)
        if not is_shown(place):
            raise ActisegError(
                f"{place}: a worker made it, and it is not here; every worker needs the grid's --out at this path"
                + _KEPT
            )
        return Finished(sent.spec, read_result(place / RESULT_NAME), kept=kind == KEPT)

    def _lost(self, sent: _Sent, error: Exception) -> ActisegError:
        return ActisegError(f"--engine {self._engine}: {sent.spec.name} was not made ({described(error)}){_KEPT}")


def anywhere(grid: Sequence[RunSpec]) -> list[RunSpec]:
    """Return the runs with paths that do not depend on this process's folder and environment.

    Raises:
        ActisegError: a dataset's folder that is not there.
    """
    tracks = {id(spec.track): _anywhere(spec.track) for spec in grid}
    return [replace(spec, track=tracks[id(spec.track)]) for spec in grid]


def _anywhere(track: Track) -> Track:
    from actiseg_bench.data.image_root import check_usable
    from actiseg_noise.manifest.read import read_manifest

    def root_of(path: Path | None, root: Path | None) -> Path | None:
        return root if path is None else check_usable(read_manifest(path), root).absolute()

    return replace(
        track,
        train_manifest=track.train_manifest and track.train_manifest.absolute(),
        eval_manifest=track.eval_manifest.absolute(),
        root=root_of(track.train_manifest, track.root),
        eval_root=root_of(track.eval_manifest, track.eval_root),
        validation=track.validation and track.validation.absolute(),
    )
