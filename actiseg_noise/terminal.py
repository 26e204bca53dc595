"""What the command line looks like: tables, texts, JSON, notes, warnings and errors."""

from __future__ import annotations

import json
import logging
import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.errors import ConsoleError
from rich.table import Table
from rich.text import Text
from rich.theme import Theme

from actiseg_noise.borders.streams import give_up
from actiseg_noise.logs import show_logs
from actiseg_noise.plain import printable

WIDTH_OF_A_LOG = 140
NARROWEST, USUAL_WIDTH = 10, 80
STYLES = {f"progress.{part}": "none" for part in ("elapsed", "remaining", "download", "percentage")}
WARNING = "dark_orange3"  # legible on white and on black, which yellow is not
STYLES |= {"warning": WARNING}
WIDTH_OF_A_NAME = 24
WIDEST_FOLDED = 1.5  # of the terminal's width; wider, folded columns are hard to read


class SafeConsole(Console):
    """A console on which a text is shown as it is: no character moves the cursor, no markup or emoji code is read."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print texts, and what rich makes of our own."""
        super().print(*(make_text(item) if isinstance(item, str) else item for item in objects), **options)


def counted(count: int, one: str, several: str = "") -> str:
    """Return a count with its word: ``1 clip``, ``1,200 clips``, ``2 strategies``.

    Args:
        several: the plural, where it is not ``one`` and an s.
    """
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"


def make_text(text: str, style: str = "") -> Text:
    """Return a text that is shown as it is, whoever wrote it."""
    return Text(printable(text), style=style)


def make_console(*, stderr: bool = False, log_width: int = WIDTH_OF_A_LOG) -> Console:
    """Return a console as wide as the terminal; what is not a terminal, or is closed, gets ``log_width``.

    A terminal that gives no width, or one that no table could have, is taken for a usual one.
    """
    stream = sys.stderr if stderr else sys.stdout
    is_terminal = stream is not None and stream.isatty()
    width = None if is_terminal else log_width
    console = SafeConsole(stderr=stderr, highlight=False, width=width, theme=Theme(STYLES))
    if console.width < NARROWEST:
        console.width = USUAL_WIDTH
    return console


out = make_console()
err = make_console(stderr=True)


@dataclass
class Speech:
    """How much a command says on standard error.

    Attributes:
        quiet: neither progress nor hints. level: of ``logging``, the least that is said.
    """

    quiet: bool = False
    level: int = logging.WARNING

    @property
    def has_bars(self) -> bool:
        """Return whether progress is drawn as bars: on a terminal, where no log is between them."""
        return err.is_terminal and not self.quiet and self.level >= logging.WARNING


speech = Speech()


def speak(*, quiet: bool = False, level: int | None = None) -> None:
    """Say less, or more, from here to the end of the command; what is not named stays as it is."""
    speech.quiet |= quiet
    if level is not None:
        speech.level = level
        show_logs(level, _LogHandler())


class _LogHandler(logging.Handler):
    """Prints what the packages log on standard error, above the bars where there are any."""

    def emit(self, record: logging.LogRecord) -> None:
        err.print(
            make_text(self.format(record), "dim" if record.levelno < logging.WARNING else WARNING), soft_wrap=True
        )


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; a header of empty names is left out. Cells fold but for short first ones, nothing is cut.

    A table far wider than the terminal, or one whose numbers and names would have to be broken, is printed as one block
    per row, its columns below each other.
    """
    is_wide = _natural_width(header, rows) > WIDEST_FOLDED * out.width or _least_width(header, rows) > out.width
    if any(header) and is_wide:
        _print_blocks(title, header, rows)
        return
    table = Table(title=make_text(title), title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.show_header = any(header)
    is_short = all(len(line) <= WIDTH_OF_A_NAME for row in rows for line in row[0].splitlines())
    for index, name in enumerate(header):
        table.add_column(make_text(name), overflow="fold", no_wrap=index == 0 and is_short)
    for row in rows:
        table.add_row(*(make_text(cell) for cell in row))
    out.print(table)
    out.print()


def _natural_width(header: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Return how wide a table is when nothing folds, in characters."""
    columns = zip(header, *rows, strict=True)
    return sum(2 + max(cell_len(line) for cell in column for line in cell.splitlines() or [""]) for column in columns)


def _least_width(header: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Return how wide a table is when cells fold between words, and inside of words that are longer than a name."""
    columns = zip(header, *rows, strict=True)
    words = [[cell_len(word) for cell in column for word in cell.split()] for column in columns]
    return sum(2 + min(WIDTH_OF_A_NAME, max(lengths, default=0)) for lengths in words) - 2


def _print_blocks(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print each row as its first cell, then the other cells that are not empty, each beside its column's name."""
    out.print(make_text(title, "bold"))
    for row in rows:
        out.print(make_text(row[0], "bold"), soft_wrap=True)
        block = Table(box=None, show_header=False, pad_edge=True, padding=(0, 1, 0, 1))
        block.add_column(no_wrap=True)
        block.add_column(overflow="fold")
        for name, cell in zip(header[1:], row[1:], strict=True):
            if cell:
                block.add_row(make_text(f" {name}", "dim"), make_text(cell))
        out.print(block)
    out.print()


def print_json(data: Any) -> None:
    """Print JSON and nothing else on standard output, valid in every encoding; a number that is not finite is null."""
    finite = _finite(data)
    text = json.dumps(finite, ensure_ascii=not is_utf8(out.encoding), indent=1, allow_nan=False)
    with suppress(UnicodeEncodeError):
        text.encode()
        if printable(text) == text:
            return print_text(text)
    return print_text(json.dumps(finite, indent=1, allow_nan=False).replace("\x7f", "\\u007f"))


def is_utf8(encoding: str) -> bool:
    """Return whether an encoding, by any of its names, is UTF-8."""
    return encoding.lower().replace("_", "-") in ("utf-8", "utf8")


def print_text(text: str) -> None:
    """Print lines as they are, unwrapped and without colours, on standard output."""
    out.file.write(printable(text.removesuffix("\n")) + "\n")
    out.file.flush()


def _finite(data: Any) -> Any:
    """Return JSON values with None for NaN and infinity, which JSON does not have."""
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, dict):
        return {name: _finite(value) for name, value in data.items()}
    return list(map(_finite, data)) if isinstance(data, list | tuple) else data


def print_next(where: str, *commands: Sequence[object]) -> None:
    """Say on standard error, in one line, where a result is and what one does with it next; not if quiet.

    Args:
        where: ``written to out/m``; empty where that was said. commands: each as its words; a path that a shell would
            read otherwise is quoted.
    """
    import shlex

    if speech.quiet:
        return
    told = " | ".join(shlex.join(map(_word, words)) for words in commands)
    err.print(make_text("; ".join(filter(None, (where, f"next: {told}" if told else "")))), soft_wrap=True)


def _word(word: object) -> str:
    """Return a word of a command; an address as it was typed, without what is secret in it."""
    from actiseg_noise.borders.remote import shown

    return shown(word) if isinstance(word, Path) else str(word)


def print_error(message: str) -> None:
    """Print an error on standard error, unwrapped."""
    err.print(make_text(f"error: {message}"), style="red", soft_wrap=True)


def print_warning(message: str) -> None:
    """Print what stops nothing on standard error, unwrapped; not where only errors are asked for."""
    if speech.level <= logging.WARNING:
        err.print(make_text(f"warning: {message}"), style=WARNING, soft_wrap=True)


@contextmanager
def printed_results(place: Path) -> Iterator[None]:
    """Print what a finished run gave; where that fails, say where the results are: the run itself did not fail."""
    try:
        yield
        sys.stdout.flush()
    except (OSError, ValueError, LookupError, ConsoleError) as error:
        give_up(sys.stdout)
        print_warning(f"done, but the results cannot be printed ({reason_of(error)}); they are in {place}")


def reason_of(error: Exception) -> str:
    """Return what the system or a library says of an error; its kind where that is nothing."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
