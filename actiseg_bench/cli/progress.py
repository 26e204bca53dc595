"""Progress of a grid, of one training and of anything that is counted, on standard error."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from actiseg_bench.grid.run import Reporter, RunSpec
from actiseg_noise.terminal import ProgressBar, ProgressBars


class GridProgress(ProgressBars, Reporter):
    """Shows which run of how many is at work, and how far it is. A context manager: the bars go when it ends."""

    def __init__(self) -> None:
        super().__init__()
        self._grid: ProgressBar | None = None
        self._runs_at_work: dict[str, ProgressBar] = {}
        self._begun: dict[str, float] = {}
        self._runs = self._ended = 0

    def start(self, runs: int) -> None:
        """Show the bar over the grid, in the place of that of a grid before it."""
        if self._grid is not None:
            self._grid.remove()
        self._runs, self._ended = runs, 0
        self._grid = self.add("runs", runs)

    def begin(self, spec: RunSpec, why: str) -> None:
        """Show the bar of a run."""
        self._begun[spec.name] = time.monotonic()
        self._runs_at_work[spec.name] = self.add(f"{self._place()} {spec.name}")
        if why:
            self.note(f"{self._place()} {spec.name}: {why}")

    def step(self, spec: RunSpec, done: int, total: int, loss: float) -> None:
        """Move the run's bar."""
        if spec.name in self._runs_at_work:
            self._runs_at_work[spec.name].move(done, total, f"loss {loss:.3f}")

    def end(self, spec: RunSpec, status: str, detail: str) -> None:
        """Print a run's outcome; what was there already is only counted."""
        if spec.name in self._runs_at_work:
            self._runs_at_work.pop(spec.name).remove()
        if status != "kept":
            seconds = f" in {time.monotonic() - self._begun[spec.name]:.0f} s" if status == "done" else ""
            self.note(f"{self._place()} {spec.name}: {status}{seconds}: {detail}")
        self._ended += 1
        if self._grid is not None:
            self._grid.move(self._ended, self._runs)

    def _place(self) -> str:
        """Return ``[3/14]``."""
        return f"[{self._ended + 1}/{self._runs}]"


@contextmanager
def step_progress(title: str) -> Iterator[Callable[[int, int, float], None]]:
    """Show the steps of one training, and their loss."""
    with ProgressBars() as bars:
        bar = bars.add(title)
        yield lambda done, total, loss: bar.move(done, total, f"loss {loss:.3f}")


@contextmanager
def count_progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show how many of how many are done."""
    with ProgressBars() as bars:
        yield bars.add(title).move
