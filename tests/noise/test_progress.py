"""Progress: bars on a terminal, in a log a line now and then."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from actiseg_bench.cli.progress import GridProgress, count_progress, step_progress
from actiseg_noise import progress_bars, terminal
from actiseg_noise.progress_bars import ClipProgress


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Return a log in which every move is due."""
    stream = io.StringIO()
    monkeypatch.setattr(terminal, "err", Console(file=stream, width=140, highlight=False))
    monkeypatch.setattr(progress_bars, "LINE_EVERY_S", 0.0)
    return stream


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Return what a terminal is sent."""
    stream = io.StringIO()
    monkeypatch.setattr(terminal, "err", Console(file=stream, width=80, force_terminal=True, highlight=False))
    return stream


def test_a_log_has_a_line_per_move_that_is_due(log: io.StringIO) -> None:
    with ClipProgress() as progress:
        progress.advance(2, 5000)
        progress.note("a message [of brackets]")
        progress.advance(3000, 5000)
    with ClipProgress() as progress:
        progress.advance(7, None)
    assert log.getvalue().splitlines() == [
        "clips: 2 of 5,000",
        "a message [of brackets]",
        "clips: 3,002 of 5,000",
        "clips: 7",
    ]


def test_a_line_is_not_due_soon_after_another(log: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_bars, "LINE_EVERY_S", 60.0)
    with ClipProgress() as progress:
        progress.advance(1, 3)
        progress.note("a message")
        progress.advance(2, 3)
    assert log.getvalue() == "a message\n"


def test_a_terminal_has_a_bar_that_goes_and_messages_that_stay(screen: io.StringIO) -> None:
    with ClipProgress() as progress:
        progress.advance(2, 5)
        progress.note("a message")
        progress.advance(3, 5)
    shown = screen.getvalue()
    assert "clips" in shown
    assert "5/5" in shown
    assert "a message\n" in shown
    assert "2 of 5" not in shown


def test_steps_and_counts_have_the_same_lines(log: io.StringIO) -> None:
    with step_progress("gce on text-40") as on_step:
        on_step(1, 8, 0.25)
    with count_progress("verifying runs") as on_run:
        on_run(3, 12)
    assert log.getvalue().splitlines() == ["gce on text-40: 1 of 8, loss 0.250", "verifying runs: 3 of 12"]


def test_a_grid_says_which_run_of_how_many(log: io.StringIO) -> None:
    class Spec:
        name = "gce [x]"

    with GridProgress() as progress:
        progress.start(2)
        progress.begin(Spec, "its code changed")  # type: ignore[arg-type]
        progress.step(Spec, 4, 8, 0.5)  # type: ignore[arg-type]
        progress.end(Spec, "failed", "no room")  # type: ignore[arg-type]
        progress.end(Spec, "kept", "")  # type: ignore[arg-type]
    assert log.getvalue().splitlines() == [
        "[1/2] gce [x]: its code changed",
        "[1/2] gce [x]: 4 of 8, loss 0.500",
        "[1/2] gce [x]: failed: no room",
        "runs: 1 of 2",
        "runs: 2 of 2",
    ]


def test_names_in_brackets_are_no_colours(screen: io.StringIO) -> None:
    with count_progress("[red]x") as on_run:
        on_run(1, 2)
    assert "[red]x" in screen.getvalue()
