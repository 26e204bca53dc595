"""Tables on a terminal: as columns where they fit, as one block per row where they are far too wide."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from actiseg_noise import terminal

TEXT = "a sentence of some thirty characters"


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Return what a terminal of 60 columns shows."""
    stream = io.StringIO()
    monkeypatch.setattr(terminal, "out", Console(file=stream, width=60, highlight=False))
    return stream


def lines(screen: io.StringIO) -> list[str]:
    return [line.rstrip() for line in screen.getvalue().splitlines()]


def test_a_table_that_fits_is_a_table(screen: io.StringIO) -> None:
    terminal.print_table("Things", ("name", "n"), [("one", "1"), ("two", "22")])
    assert lines(screen) == ["Things", "name  n", "one   1", "two   22", ""]


def test_a_table_a_little_too_wide_folds(screen: io.StringIO) -> None:
    terminal.print_table("Things", ("name", "what", "why"), [("one", TEXT, TEXT)])
    assert lines(screen)[1].split() == ["name", "what", "why"]


def test_a_table_far_too_wide_has_a_block_per_row(screen: io.StringIO) -> None:
    rows = [("one", TEXT, "", f"{TEXT} {TEXT}"), ("two", "2", "x", "y")]
    terminal.print_table("Things", ("name", "what", "when", "why"), rows)
    assert lines(screen) == [
        "Things",
        "one",
        f"  what  {TEXT}",
        "  why   a sentence of some thirty characters a sentence of",
        "        some thirty characters",
        "two",
        "  what  2",
        "  when  x",
        "  why   y",
        "",
    ]


def test_lines_without_column_names_stay_a_table(screen: io.StringIO) -> None:
    terminal.print_table("", ("", ""), [("key", TEXT * 4)])
    assert lines(screen)[0].startswith("key")


def test_an_error_of_the_system_says_which_file_or_that_none_is_known() -> None:
    assert terminal._say(OSError(28, "No space left on device", "a/b")) == "a/b: No space left on device"
    assert terminal._say(OSError(28, "No space left on device")).startswith("No space left on device (the system names")
