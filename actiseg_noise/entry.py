"""The entry of both tools: an app is run, and however it ends, one line says so and the exit code is right."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable
from typing import Any, NoReturn

from actiseg_noise.borders.streams import OutputError, give_up, prepare_streams
from actiseg_noise.errors import ActisegWarning, missing_extra
from actiseg_noise.logs import hidden_at_end
from actiseg_noise.terminal import is_utf8, print_error, print_warning, reason_of, speech

INTERRUPTED = 130


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
    speech.quiet, speech.level = False, logging.WARNING
    with warnings.catch_warnings(), hidden_at_end():
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
    print_error(f"standard output cannot be written ({reason_of(error)})")
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
    message = _say_usage(error)
    see = " See" if message.endswith("?") else "; see"
    advice = f"{see} '{context.command_path} --help'" if context is not None else ""
    print_error(message[:1].lower() + message[1:] + advice)
    return int(error.exit_code)


def _say_usage(error: Any) -> str:
    """Return what typer says of a command line; of a value that it refuses, what it must be, and what came."""
    message = str(error.format_message()).rstrip(".")
    refused = getattr(error.__cause__, "errors", None)  # pydantic's, which newer versions of typer ask
    if refused is None:
        return message
    must_be = message.replace("Input should be", "it must be").partition(", unable to parse")[0]
    return f"{must_be}, got {refused()[0]['input']!r:.100}"


def _sentence(error: Exception) -> str | None:
    """Return what to say of an error that is none of ours; None where a person needs the traceback."""
    if isinstance(error, MemoryError):
        return f"this needs more memory than the process may have ({reason_of(error)})"
    if isinstance(error, OSError):
        return _say(error)
    if isinstance(error, ImportError):
        return missing_extra(error)
    if isinstance(error, UnicodeEncodeError) and not is_utf8(sys.getfilesystemencoding()):
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
