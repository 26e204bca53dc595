"""Progress on standard error: bars on a terminal, in a log a line every few seconds."""

from __future__ import annotations

import time
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from actiseg_noise import terminal
from actiseg_noise.plain import printable
from actiseg_noise.progress import Progress
from actiseg_noise.terminal import make_text, print_warning, speech

LINE_EVERY_S = 10.0


class ProgressBars:
    """Progress on standard error: bars on a terminal, in a log a line every few seconds. A context manager.

    Quiet, it says nothing but warnings.
    """

    def __init__(self) -> None:
        self._bars = Bar(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=terminal.err,
            transient=True,
            disable=not speech.has_bars,
        )
        self._printed = time.monotonic()

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def add(self, title: str, total: int | None = None) -> ProgressBar:
        """Return a new bar, below those that are there. ``total``: None where it is not known."""
        return ProgressBar(self, printable(title), total)

    def note(self, text: str) -> None:
        """Print a line, above the bars where there are any."""
        self._printed = time.monotonic()
        if not speech.quiet:
            terminal.err.print(make_text(text), soft_wrap=True)

    def warn(self, text: str) -> None:
        """Print a warning, above the bars where there are any."""
        print_warning(text)

    def is_line_due(self) -> bool:
        """Return whether a log has had no line for some time."""
        return self._bars.disable and not speech.quiet and time.monotonic() - self._printed >= LINE_EVERY_S


class ProgressBar:
    """One bar, or its lines in a log."""

    def __init__(self, bars: ProgressBars, title: str, total: int | None) -> None:
        self._bars, self._title = bars, title
        self._task = bars._bars.add_task(title, total=total)

    def move(self, done: int, total: int | None, detail: str = "") -> None:
        """Show ``done`` of ``total`` (None: not known), and a detail such as a loss."""
        shown = f"{self._title}  {printable(detail)}".rstrip()
        self._bars._bars.update(self._task, completed=done, total=total, description=shown)
        if self._bars.is_line_due():
            of = "" if total is None else f" of {total:,}"
            self._bars.note(f"{self._title}: {done:,}{of}" + (f", {detail}" if detail else ""))

    def remove(self) -> None:
        """Take the bar away."""
        self._bars._bars.remove_task(self._task)


class ClipProgress(ProgressBars, Progress):
    """A build's progress on standard error."""

    def __init__(self) -> None:
        super().__init__()
        self._clips: ProgressBar | None = None
        self._done = 0

    def advance(self, clips: int, total: int | None) -> None:
        """Move the bar."""
        self._done += clips
        self._clips = self._clips or self.add("clips")
        self._clips.move(self._done, total)
