"""A run made by a worker that shares nothing with the grid's command but the disk.

The worker's own process stays what it is: runs are made in processes below it, as those of ``--jobs`` are. So torch has
a main thread and sees the GPUs that it may see, memory that runs out ends a run and no worker, and a training can be
asked to stop. A process stays between runs, with torch and the digests of what it has read, and ends when idle.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from actiseg_bench.grid.jobs import WARNED, RunProcess, gpu_slots, list_gpus
from actiseg_bench.grid.run import Runner, RunSpec
from actiseg_bench.grid.watched import LOOK_S, Watch
from actiseg_bench.grid.worker import VISIBLE
from actiseg_noise.borders.processes import no_interrupts
from actiseg_noise.errors import ActisegError, ActisegWarning, raise_if
from actiseg_noise.executors.dask import TRIMMING
from actiseg_noise.executors.pieces import differing_versions, not_there, worker_name

if TYPE_CHECKING:
    from actiseg_bench.grid.tracks import Track

IDLE_S = 30.0
PACKAGES = ("torch", "numpy")  # whose versions scores may depend on
DONE, KEPT, FAILED, REFUSED, STOPPED = "done", "kept", "failed", "refused", "stopped"


class Machine(NamedTuple):
    """What a run needs of the machine that it is made on.

    Attributes:
        device: as ``--device`` says it. gpus: of its own; None for whatever is there.
        environment: variables that decide what is read, such as where a tokenizer lies.
    """

    device: str
    gpus: int | None
    environment: Mapping[str, str]


@dataclass
class _Process:
    """A process for runs of one grid, and the GPUs that it alone sees, as one of :func:`gpu_slots`."""

    work: bytes
    gpus: str
    runs: RunProcess


@dataclass
class _Pool:
    """The processes below this one: those that make a run, and those that wait for one."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    busy: list[_Process] = field(default_factory=list)
    idle: list[_Process] = field(default_factory=list)

    def take(self, work: bytes, machine: Machine) -> _Process:
        """Return a process for a run: one that waits, or a new one.

        Raises:
            ActisegError: there is no GPU for it.
        """
        with self.lock:
            self._forget()
            found = next((one for one in self.idle if one.work == work), None)
            if found is None:
                for other in self.idle:  # of another grid, or of other GPUs
                    other.runs.stop()
                self.idle.clear()
                gpus = self._free_gpus(machine)
                seen = {VISIBLE: gpus} if gpus else {}
                os.environ.pop(TRIMMING, None)  # which dask sets for its workers, and makes a training half as fast
                with no_interrupts():
                    found = _Process(work, gpus, RunProcess(work, {**machine.environment, **seen}))
            else:
                self.idle.remove(found)
            self.busy.append(found)
            return found

    def _forget(self) -> None:
        """Forget processes that have ended, as one does that has waited for long."""
        for one in [one for one in self.idle if not one.runs.process.is_alive()]:
            one.runs.stop()
            self.idle.remove(one)

    def _free_gpus(self, machine: Machine) -> str:
        """Return GPUs that no run here has; an empty text where a run needs none of its own."""
        if machine.gpus is None:
            return ""
        slots = gpu_slots(list_gpus(machine.device), machine.gpus)
        free = [slot for slot in slots if slot not in [one.gpus for one in self.busy]]
        if not free:
            raise ActisegError(
                f"--gpus-per-run {machine.gpus}: {len(slots)} runs at once have GPUs of their own here, and no more is "
                "free. Start workers with --resources GPU=N, of the N GPUs that each sees"
            )
        return free[0]

    def give_back(self, one: _Process, *, is_usable: bool) -> None:
        """Let a process wait for the next run, or end it."""
        if not is_usable:
            one.runs.stop()
        with self.lock:
            self.busy.remove(one)
            if is_usable:
                self.idle.append(one)


_pool = _Pool()


def make_run(
    versions: Mapping[str, str], machine: tuple[str, int | None, dict[str, str]], work: bytes, folder: str, run: bytes
) -> tuple[str, str]:
    """Make one run in a process below this one; return how it ended and what is to be said of it.

    Args:
        versions: of the grid (``versions_here``). machine: :class:`Machine`. work: ``packed_work``.
        folder: of the command's ``Session``, and after a ``#`` the run's number. run: pickled :class:`RunSpec`.

    Returns:
        ``done``, ``kept``, ``failed`` (this run), ``refused`` (any run, by this worker), or ``stopped``: the command
        is not there any more, or the process was asked to stop.
    """
    if differing := differing_versions(versions, *PACKAGES, of="grid", what="scores"):
        return REFUSED, differing
    place, _, index = folder.rpartition("#")
    watch = Watch(Path(place), int(index))
    if not watch.is_shown():
        return REFUSED, not_there(Path(place), "grid")
    _allow_children()
    try:
        process = _pool.take(work, Machine(*machine))
    except (ActisegError, OSError) as error:
        return REFUSED, f"{worker_name()}: {error}"
    kind, text = STOPPED, ""
    try:
        kind, text = _follow(process.runs, run, watch)
    finally:
        _pool.give_back(process, is_usable=kind not in (STOPPED, "lost"))
        watch.close()
    if kind == "lost":  # a process that was asked to stop has kept its training, and ends as if all were well
        return (STOPPED, text) if process.runs.process.exitcode == 0 else (FAILED, text)
    return (kind, f"{worker_name()}: {text}") if kind == REFUSED else (kind, text)


def _follow(process: RunProcess, run: bytes, watch: Watch) -> tuple[str, str]:
    """Give a process a run, pass on what it says, and return how it ends."""
    try:
        process.give(run)
    except OSError:
        process.process.join()
        return "lost", "its process ended before it began"
    while not watch.is_over():
        if not process.pipe.poll(LOOK_S):
            continue
        kind, values = process.receive()
        if kind in ("lost", REFUSED):
            return kind, values if kind == "lost" else values[0]
        if kind == "end":
            _, result, is_kept, message = values
            return (FAILED, message) if result is None else (KEPT if is_kept else DONE, "")
        if kind == WARNED:
            warnings.warn(values[0], ActisegWarning, 1)
            continue
        watch.tell(*(values if kind == "step" else (0, 0, 0.0)))
    return STOPPED, ""


def _allow_children() -> None:
    """Let this process start others, as those of a cluster's library may not; they end with it."""
    multiprocessing.current_process()._config["daemon"] = False  # type: ignore[attr-defined]


def why_refused(spec: RunSpec, runner: Runner, keys: Mapping[str, str], device: str = "auto") -> str | None:
    """Return why a run cannot be made on this machine, None where it can.

    Args:
        keys: name of a run → its key, as the grid's command has it. device: as ``--device`` says it.
    """
    from actiseg_bench.device import pick_device

    try:
        if device != "auto":
            pick_device(device)
        _check_labels(spec.track)
        own = runner.identity(spec).key()
    except (ActisegError, OSError) as error:
        return str(error)
    if own != keys[spec.name]:
        return f"{spec.name} would be another run here: the code or the start weights are not the grid's"
    return None


def _check_labels(track: Track) -> None:
    """Raise ActisegError where labels or images of a track are not on this machine, or are others."""
    from actiseg_bench.data.image_root import check_usable
    from actiseg_bench.data.pictures import pictures_digest
    from actiseg_noise.manifest.read import read_manifest

    info = track.info
    scored = track.eval_manifest, track.eval_root, info.eval_manifest, info.eval_images
    for path, root, digest, images in (
        (track.train_manifest, track.root, info.train_manifest, info.train_images),
        scored,
    ):
        if path is None:
            continue
        with _needed("labels"):
            manifest = read_manifest(path)
        with _needed("dataset"):
            folder = check_usable(manifest, root)
        raise_if(manifest.digest != digest, f"{path}: other labels than the grid's (digest {manifest.digest})")
        if images is not None and pictures_digest(manifest, root) != images:
            raise ActisegError(f"{folder}: other pictures than the grid's; every worker needs the same dataset")


@contextmanager
def _needed(what: str) -> Iterator[None]:
    """Say of what cannot be read here that the command has read it: it is this worker that lacks it."""
    try:
        yield
    except ActisegError as error:
        raise ActisegError(f"{str(error).rstrip('.')}; every worker needs the grid's {what} at the same path") from None
