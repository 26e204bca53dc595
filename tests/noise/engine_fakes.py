"""Engines for tests: threads, the page's own, and a cluster of dask's whose processes share nothing with the test."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from actiseg_noise.executors.base import EXECUTORS

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAGE = (ROOT / "docs" / "cluster.md").read_text("utf-8")
FILE = re.compile(r"^\*\*`([^`]+)`\*\*\n\n```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL)
STAND_IN = """
from concurrent.futures import ThreadPoolExecutor as MPIPoolExecutor
"""


class Counting(ThreadPoolExecutor):
    """Threads that remember what they were given."""

    def __init__(self, workers: int) -> None:
        super().__init__(workers)
        self.arguments: list[tuple[Any, ...]] = []
        self.most = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **keywords: Any) -> Future[Any]:
        self.arguments.append(args)
        return super().submit(fn, *args, **keywords)


def on_threads(made: list[Counting]) -> Callable[..., Any]:
    @contextmanager
    def open_threads(address: str | None, workers: int) -> Iterator[Counting]:
        with Counting(workers) as executor:
            made.append(executor)
            yield executor

    return open_threads


def join_the_engine_of_the_page(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the package that docs/cluster.md shows below ``site``, with a stand-in for MPI itself."""
    files = dict(FILE.findall(PAGE))
    (site / "mpi4py").mkdir(parents=True)
    (site / "mpi4py" / "futures.py").write_text(STAND_IN)  # what MPI's own module has, without MPI
    (site / "actiseg_mpi.py").write_text(files["actiseg_mpi.py"])
    (group, point), *_ = re.findall(r'^\[project.entry-points."(.*)"\]\n(.*)', files["pyproject.toml"], re.MULTILINE)
    info = site / "actiseg_mpi-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: actiseg-mpi\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{point.replace(chr(34), '')}\n")
    for name in ("actiseg_mpi", "mpi4py", "mpi4py.futures"):  # of another test
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(site)
    importlib.invalidate_caches()
    monkeypatch.setattr(EXECUTORS, "_things", dict(EXECUTORS._things))
    monkeypatch.setattr(EXECUTORS, "_loaded", False)


@contextmanager
def cluster(folder: Path, workers: int) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """Give the address of a scheduler and its workers, processes that share nothing with this one."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{HERE}", "OMP_NUM_THREADS": "1"}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    program = [sys.executable, "-m"]
    note = folder / "scheduler.json"
    words = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(note)]
    processes = [subprocess.Popen([*program, "distributed.cli.dask_scheduler", *words], env=environment, **quiet)]  # type: ignore[call-overload]
    try:
        until = time.monotonic() + 60
        while not note.exists() or not note.read_text().rstrip().endswith("}"):
            assert time.monotonic() < until
            time.sleep(0.05)
        address = json.loads(note.read_text())["address"]
        for _ in range(workers):
            words = [address, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(folder)]
            command = [*program, "distributed.cli.dask_worker", *words]
            processes.append(subprocess.Popen(command, env=environment, **quiet))  # type: ignore[call-overload]
        yield address, processes[1:]
    finally:
        for process in processes:
            process.kill()
            process.wait()


class Noting:
    """A cluster of dask-jobqueue that starts nothing and notes what it was asked for."""

    scheduler_address = "tcp://login:1"
    asked: ClassVar[list[Any]] = []

    def __init__(self, **options: Any) -> None:
        self.asked.append(options)

    def scale(self, *, jobs: int) -> None:
        self.asked.append(jobs)

    def adapt(self, *, maximum_jobs: int) -> None:
        self.asked.append(maximum_jobs)

    def __enter__(self) -> Noting:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def run_the_file_for_slurm(package: str, asked: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the page's file for SLURM that imports ``package``; its cluster notes in ``asked``."""
    (code,) = re.findall(rf"^```python\n(import {package}\nfrom dask_jobqueue.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    monkeypatch.setattr(Noting, "asked", asked)
    monkeypatch.setitem(sys.modules, "dask_jobqueue", type(sys)("dask_jobqueue"))
    monkeypatch.setattr(sys.modules["dask_jobqueue"], "SLURMCluster", Noting, raising=False)
    exec(code, {"__name__": "__main__"})  # noqa: S102
