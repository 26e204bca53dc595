"""What the command line looks like: tables, a progress bar on a terminal, plain lines in a log, errors."""

from __future__ import annotations

import json
import math
import os
import shlex
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn, Self

from rich.cells import cell_len
from rich.console import Console
from rich.errors import ConsoleError
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text
from rich.theme import Theme

from actiseg_noise.borders.streams import OutputError, give_up, prepare_streams
from actiseg_noise.errors import ActisegError, ActisegWarning, missing_extra
from actiseg_noise.plain import printable
from actiseg_noise.progress import Progress

LINE_EVERY_S = 10.0
INTERRUPTED = 130

WIDTH_OF_A_LOG = 140
NARROWEST, USUAL_WIDTH = 10, 80
WARNING = "dark_orange3"  # legible on white and on black, which yellow is not
PROGRESS = {f"progress.{part}": "none" for part in ("elapsed", "remaining", "download", "percentage")}
WIDTH_OF_A_NAME = 24
WIDEST_FOLDED = 1.5  # of the terminal's width; wider, folded columns are hard to read


class SafeConsole(Console):
    """A console on which a text is shown as it is: no character moves the cursor, no markup or emoji code is read."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print texts, and what rich makes of our own."""
        super().print(*(make_text(item) if isinstance(item, str) else item for item in objects), **options)


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
    console = SafeConsole(stderr=stderr, highlight=False, width=width, theme=Theme(PROGRESS))
    if console.width < NARROWEST:
        console.width = USUAL_WIDTH
    return console


out = make_console()
err = make_console(stderr=True)


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
    text = json.dumps(finite, ensure_ascii=not _is_utf8(out.encoding), indent=1, allow_nan=False)
    with suppress(UnicodeEncodeError):
        text.encode()
        if printable(text) == text:
            return print_text(text)
    return print_text(json.dumps(finite, indent=1, allow_nan=False).replace("\x7f", "\\u007f"))


def _is_utf8(encoding: str) -> bool:
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
    """Say on standard error, in one line, where a result is and what one does with it next.

    Args:
        where: ``written to out/m``; empty where that was said. commands: each as its words; a path that a shell would
            read otherwise is quoted.
    """
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
    """Print what stops nothing on standard error, unwrapped."""
    err.print(make_text(f"warning: {message}"), style=WARNING, soft_wrap=True)


@contextmanager
def printed_results(place: Path) -> Iterator[None]:
    """Print what a finished run gave; where that fails, say where the results are: the run itself did not fail."""
    try:
        yield
        sys.stdout.flush()
    except (OSError, ValueError, LookupError, ConsoleError) as error:
        give_up(sys.stdout)
        print_warning(f"done, but the results cannot be printed ({_reason(error)}); they are in {place}")


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


class ProgressBars:
    """Progress on standard error: bars on a terminal, in a log a line every few seconds. A context manager."""

    def __init__(self) -> None:
        self._bars = Bar(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=err,
            transient=True,
            disable=not err.is_terminal,
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
        err.print(make_text(text), soft_wrap=True)

    def is_line_due(self) -> bool:
        """Return whether a log has had no line for some time."""
        return not err.is_terminal and time.monotonic() - self._printed >= LINE_EVERY_S


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


def number_reader(option: str, *, percent: bool = False) -> Callable[[str], float]:
    """Return what reads the number that was typed for an option.

    Args:
        percent: ``30%`` is .3; else the error proposes it.

    Raises (the reader):
        ActisegError: the text is no number; of a percentage, the number that was meant is proposed.
    """

    def read(text: str) -> float:
        with suppress(ValueError):
            return float(text)
        share = None
        with suppress(ValueError):
            share = float(str(text).rstrip().removesuffix("%")) / 100
        if share is not None and percent:
            return share
        hint = "" if share is None else f"; did you mean {share:g}?"
        raise ActisegError(f"{option}: expected a number, got {text!r}{hint}")

    return read


class InterruptedCommandError(Exception):
    """A command was stopped at its work; the message says what is left of it.

    Args:
        code: what the process exits with: 130 for Ctrl-C.
        how: the first word of the line that is printed.
    """

    def __init__(self, message: str = "", *, code: int = INTERRUPTED, how: str = "interrupted") -> None:
        super().__init__(message)
        self.code, self.how = code, how


def run_app(app: Callable[..., Any], known: type[Exception]) -> NoReturn:
    """Run a typer app and end the process with its exit code.

    A ``known`` error, one of the system and a library that is not installed print one line and exit with 2.
    """
    prepare_streams()
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning(warnings.showwarning)
        warnings.simplefilter("default", ActisegWarning)  # a line, whatever the interpreter was told of warnings
        code = _run(app, known)
    try:
        sys.stdout.flush()
    except OSError as error:
        failed = _cannot_print(error)
        code = code or failed
    raise SystemExit(code)


def _cannot_print(error: OSError) -> int:
    """Say that standard output cannot be written, and return the exit code of that."""
    give_up(sys.stdout)
    print_error(f"standard output cannot be written ({_reason(error)})")
    return 2


def _run(app: Callable[..., Any], known: type[Exception]) -> int | str | None:
    """Return the exit code of an app."""
    code: int | str | None
    try:
        ended = app(standalone_mode=False)  # the code of typer.Exit, or what a command returned: nothing
        if ended == INTERRUPTED:  # what typer makes of Ctrl-C, without a word
            print_error("interrupted")
        code = ended if isinstance(ended, int) else 0
    except SystemExit as end:
        code = end.code
    except OutputError as error:
        code = _cannot_print(error)
    except InterruptedCommandError as stop:
        print_error("; ".join(filter(None, (stop.how, str(stop)))))
        code = stop.code
    except KeyboardInterrupt as stop:
        print_error("; ".join(filter(None, ("interrupted", str(stop)))))
        code = INTERRUPTED
    except (known, MemoryError, OSError, ImportError, UnicodeEncodeError) as error:
        sentence = str(error) if isinstance(error, known) else _sentence(error)
        if sentence is None:
            raise
        print_error(sentence)
        code = 2
    except Exception as error:
        code = _print_usage(error)
    return code


def _print_usage(error: Any) -> int:
    """Say what was wrong with a command line, as all errors are said, and return the exit code of that.

    Raises:
        Exception: the error itself, where it is none of typer's.
    """
    if not hasattr(error, "format_message"):
        raise error
    if error.format_message() == "" or type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        return int(error.exit_code)
    context = getattr(error, "ctx", None)
    advice = f"; see '{context.command_path} --help'" if context is not None else ""
    message = error.format_message()
    print_error(message[:1].lower() + message[1:].rstrip(".") + advice)
    return int(error.exit_code)


def _sentence(error: Exception) -> str | None:
    """Return what to say of an error that is none of ours; None where a person needs the traceback."""
    if isinstance(error, MemoryError):
        return f"this needs more memory than the process may have ({_reason(error)})"
    if isinstance(error, OSError):
        return _say(error)
    if isinstance(error, ImportError):
        return missing_extra(error)
    if isinstance(error, UnicodeEncodeError) and not _is_utf8(sys.getfilesystemencoding()):
        return (
            f"{error.object!r} cannot be a name of a file here, where names are {error.encoding}; set PYTHONUTF8=1, or "
            "choose a UTF-8 locale, such as LC_ALL=C.UTF-8"
        )
    return None


def _say(error: OSError) -> str:
    """Return what the system refused, and of which file; where it does not say, that it did not."""
    reason = error.strerror or str(error) or type(error).__name__
    if error.filename is None:
        return f"{reason} (the system names no file; is there room on the disk, in the folders of --out and TMPDIR?)"
    return f"{os.fsdecode(error.filename) if isinstance(error.filename, bytes) else error.filename}: {reason}"


def _show_warning(usual: Callable[..., None]) -> Callable[..., None]:
    """Return how warnings are shown: ours as one line, those of others as Python does."""

    def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        if issubclass(category, ActisegWarning):
            print_warning(str(message))
        else:
            usual(message, category, *where, **more)

    return show
