"""Progress of a grid on standard error: two bars on a terminal, plain lines in a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from actiseg_bench.grid.run import Reporter, RunSpec
from actiseg_noise.terminal import LINE_EVERY_S, err


class GridProgress(Reporter):
    """Shows which run of how many is at work, and how far it is. A context manager: the bars go when it ends."""

    def __init__(self) -> None:
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=err,
            transient=True,
            disable=not err.is_terminal,
        )
        self._grid: TaskID | None = None
        self._tasks: dict[str, TaskID] = {}
        self._begun: dict[str, float] = {}
        self._runs = self._ended = 0
        self._printed = time.monotonic()

    def __enter__(self) -> GridProgress:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def start(self, runs: int) -> None:
        """Show the bar over the grid."""
        self._runs = runs
        self._grid = self._bars.add_task("runs", total=runs)

    def begin(self, spec: RunSpec, why: str) -> None:
        """Show the bar of a run."""
        self._begun[spec.name] = self._printed = time.monotonic()
        self._tasks[spec.name] = self._bars.add_task(spec.name, total=None)
        if why:
            self.note(f"{self._place()} {spec.name}: {why}")

    def step(self, spec: RunSpec, done: int, total: int, loss: float) -> None:
        """Move the run's bar, or print a line now and then."""
        if spec.name in self._tasks:
            description = f"{spec.name}  loss {loss:.3f}"
            self._bars.update(self._tasks[spec.name], completed=done, total=total, description=description)
        if not err.is_terminal and time.monotonic() - self._printed >= LINE_EVERY_S:
            self._printed = time.monotonic()
            self.note(f"{self._place()} {spec.name}: step {done} of {total}, loss {loss:.3f}")

    def end(self, spec: RunSpec, status: str, detail: str) -> None:
        """Print a run's outcome; what was there already is only counted."""
        if spec.name in self._tasks:
            self._bars.remove_task(self._tasks.pop(spec.name))
        if status != "kept":
            seconds = f" in {time.monotonic() - self._begun[spec.name]:.0f} s" if status == "done" else ""
            self.note(f"{self._place()} {spec.name}: {status}{seconds}: {detail}")
        self._ended += 1
        if self._grid is not None:
            self._bars.advance(self._grid)

    def note(self, text: str) -> None:
        """Print a line, above the bars where there are any."""
        self._bars.console.print(Text(text), soft_wrap=True)

    def _place(self) -> str:
        """Return ``[3/14]``."""
        return f"[{self._ended + 1}/{self._runs}]"


@contextmanager
def step_progress(title: str) -> Iterator[Callable[[int, int, float], None]]:
    """Show the steps of one training: a bar on a terminal, a line now and then in a log."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bars = Progress(*columns, console=err, transient=True, disable=not err.is_terminal)
    task = bars.add_task(title, total=None)
    printed = time.monotonic()

    def on_progress(done: int, total: int, loss: float) -> None:
        nonlocal printed
        bars.update(task, completed=done, total=total, description=f"{title}  loss {loss:.3f}")
        if not err.is_terminal and (time.monotonic() - printed >= LINE_EVERY_S or done == total):
            printed = time.monotonic()
            err.print(Text(f"{title}: step {done} of {total}, loss {loss:.3f}"), soft_wrap=True)

    with bars:
        yield on_progress


@contextmanager
def count_progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show how many of how many are done: a bar on a terminal, a line now and then in a log."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bars = Progress(*columns, console=err, transient=True, disable=not err.is_terminal)
    task = bars.add_task(title, total=None)
    printed = time.monotonic()

    def on_progress(done: int, total: int) -> None:
        nonlocal printed
        bars.update(task, completed=done, total=total)
        if not err.is_terminal and time.monotonic() - printed >= LINE_EVERY_S:
            printed = time.monotonic()
            err.print(Text(f"{title}: {done} of {total}"), soft_wrap=True)

    with bars:
        yield on_progress
