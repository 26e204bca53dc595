"""Tables on a terminal: as columns where they fit, as one block per row where they are far too wide."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from actiseg_noise import entry, terminal

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
    assert entry._say(OSError(28, "No space left on device", "a/b")) == "a/b: No space left on device"
    assert entry._say(OSError(28, "No space left on device")).startswith("No space left on device (the system names")


@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("columns", [3, 6, 9, 14])
def test_no_table_is_wider_than_the_terminal_and_nothing_of_it_is_lost(
    width: int, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(terminal, "out", Console(file=stream, width=width, highlight=False))
    header = ["strategy", *(f"column {i}" for i in range(1, columns))]
    rows = [[f"a_strategy_{n}", *(f"{n}{i}.1±0.{i}" for i in range(1, columns))] for n in range(3)]
    terminal.print_table("Scores", header, rows)
    text = stream.getvalue()
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    assert all(cell in text for row in rows for cell in row)


def test_what_to_do_next_is_one_line_on_standard_error_that_a_shell_reads(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal, "err", terminal.make_console(stderr=True))
    terminal.print_next("runs are in my runs", ("tool", "table", Path("my runs")), ("tool", "page", Path("x")))
    terminal.print_next("", ("tool", "x" * 300))
    told = capsys.readouterr()
    first, second = told.err.splitlines()
    assert told.out == ""
    assert first == "runs are in my runs; next: tool table 'my runs' | tool page x"
    assert second == f"next: tool {'x' * 300}"


def luminance(colour: tuple[int, int, int]) -> float:
    """The relative luminance of the web's accessibility guidelines."""
    parts = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def test_warnings_and_progress_can_be_read_on_white_and_on_black() -> None:
    """A contrast of 3 to 1 at least; of the bars' times, which rich writes yellow, the terminal's own colour."""
    light = luminance(tuple(terminal.err.get_style("warning").color.get_truecolor()))  # type: ignore[union-attr]
    assert 1.05 / (light + 0.05) >= 3
    assert (light + 0.05) / 0.05 >= 3
    for part in ("elapsed", "remaining"):
        assert terminal.err.get_style(f"progress.{part}").color is None
