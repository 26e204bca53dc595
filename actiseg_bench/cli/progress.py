"""Progress of a grid, of one training and of anything that is counted, on standard error."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from actiseg_bench.grid.run import Reporter, RunSpec
from actiseg_noise.progress_bars import ProgressBar, ProgressBars

SPEED_OVER_S = 30.0


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


class Speed:
    """How many things pass a second, over the last half minute."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def __call__(self, done: int) -> float | None:
        """Return things per second when ``done`` of them have passed; None as long as nothing is known."""
        now = time.monotonic()
        if self._seen and done < self._seen[-1][1]:  # another training begins
            self._seen.clear()
        while len(self._seen) > 1 and now - self._seen[0][0] > SPEED_OVER_S:
            self._seen.popleft()
        self._seen.append((now, done))
        begun, before = self._seen[0]
        return (done - before) / (now - begun) if now > begun else None


@contextmanager
def step_progress(title: str, items: int = 1, unit: str = "steps") -> Iterator[Callable[[int, int, float], None]]:
    """Show the steps of one training, their loss, how fast they are, and on a GPU what memory they took at most.

    Args:
        items, unit: of one step, for the speed: 8 clips.
    """
    from actiseg_bench.device import peak_gpu_memory_mib

    speed = Speed()
    with ProgressBars() as bars:
        bar = bars.add(title)

        def move(done: int, total: int, loss: float) -> None:
            rate, memory = speed(done), peak_gpu_memory_mib()
            told = [f"loss {loss:.3f}"]
            told += [] if rate is None else [f"{rate * items:.3g} {unit}/s"]
            told += [] if memory is None else [f"{memory / 1024:.1f} GiB"]
            bar.move(done, total, ", ".join(told))

        yield move


@contextmanager
def count_progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show how many of how many are done."""
    with ProgressBars() as bars:
        yield bars.add(title).move
