"""Standard output and standard error as a user has them: closed, into a pipe that ends, onto a full disk, not UTF-8."""

from __future__ import annotations

import codecs
import io
import os
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

PLAIN = "actiseg-plain"

# What a sign is written as where an encoding does not have it.
_PLAIN_SIGNS = {
    **dict.fromkeys("‐‑‒–—―−─━╌╴╶", "-"),
    **dict.fromkeys("│┃║", "|"),
    **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╯╰╞╡╪╇┏┓┗┛┡┩╷╵", "+"),
    **dict.fromkeys("═", "="),
    **dict.fromkeys("‘’‚′", "'"),
    **dict.fromkeys("“”„″", '"'),
    **dict.fromkeys("·•∙", "."),
    **dict.fromkeys("█▇▆▅▄▃▂▁■▪●", "#"),
    **dict.fromkeys("\u00a0\u2009\u202f", " "),
    **{"…": "...", "×": "x", "→": "->", "←": "<-", "↔": "<->", "⇄": "<->", "↑": "^", "↓": "v", "◄": "<", "►": ">"},
    **{
        "≤": "<=",
        "≥": ">=",
        "≈": "~",
        "∧": "&",
        "∨": "v",
        "√": "sqrt",
        "‖": "||",
        "Σ": "sum",
        "∅": "(/)",
        "Γ": "Gamma",
        "§": "section ",
        "∇": "grad",
        "π": "pi",
    },
    **{"±": "+-", "†": "+", "‡": "++", "✓": "ok", "✗": "x", "ß": "ss", "æ": "ae", "ø": "o", "œ": "oe", "Æ": "AE"},
    **{"Ø": "O", "Œ": "OE", "ł": "l", "Ł": "L", "µ": "u", "μ": "u", "°": " deg", "«": "<<", "»": ">>"},
}


def plain(sign: str) -> str:
    """Return a sign in ASCII: its nearest sign, its letter without accents, the escape of a byte that is no text, or ?.

    >>> "".join(map(plain, "10 × 3 … café"))
    '10 x 3 ... cafe'
    """
    if sign.isascii():
        return sign
    if 0xDC80 <= ord(sign) <= 0xDCFF:
        return f"\\x{ord(sign) - 0xDC00:02x}"
    if 0xD800 <= ord(sign) <= 0xDFFF:
        return f"\\u{ord(sign):04x}"
    if sign in _PLAIN_SIGNS:
        return _PLAIN_SIGNS[sign]
    return unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode() or "?"


def _replace(error: UnicodeError) -> tuple[str, int]:
    """Replace what an encoding lacks: an error handler for :func:`codecs.register_error`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(plain, error.object[error.start : error.end])), error.end


codecs.register_error(PLAIN, _replace)


class OutputError(OSError):
    """Standard output cannot be written, as on a full disk."""


class ForgivingOutput(io.RawIOBase):
    """The end of a stream. A reader that went away (``| head``) is no error; with ``forgives_all`` nothing is."""

    def __init__(self, raw: Any, *, forgives_all: bool) -> None:
        self._raw = raw
        self.forgives_all = forgives_all

    def writable(self) -> bool:
        """Return True."""
        return True

    def fileno(self) -> int:
        """Return the descriptor."""
        return int(self._raw.fileno())

    def isatty(self) -> bool:
        """Say whether it is a terminal."""
        return bool(self._raw.isatty())

    def write(self, data: Any) -> int:
        """Write bytes, or drop them where the failure is forgiven.

        Raises:
            OutputError: another failure than a reader that went away, unless all are forgiven.
        """
        size = memoryview(data).nbytes
        try:
            written = self._raw.write(data)
            return size if written is None else int(written)
        except BrokenPipeError:
            return size
        except OSError as error:
            if self.forgives_all:
                return size
            raise OutputError(error.errno, error.strerror) from None


@contextmanager
def interruptible() -> Iterator[None]:
    """End the process with one line and exit code 130 on Ctrl-C that no command answers, as while modules load."""
    try:
        yield
    except KeyboardInterrupt:
        with suppress(OSError, ValueError, AttributeError):  # the last: closed, so there is no standard error
            sys.stderr.write("error: interrupted\n")
            sys.stderr.flush()
        raise SystemExit(130) from None


def prepare_streams() -> None:
    """Make standard output and error usable, whatever they are; see this module. Does nothing the second time."""
    _open_closed_descriptors()
    sys.stdout = _prepared(sys.stdout, forgives_all=False)
    sys.stderr = _prepared(sys.stderr, forgives_all=True)


def give_up(stream: TextIO) -> None:
    """Drop what a stream still holds and all that comes, after it could not be written."""
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    if isinstance(raw, ForgivingOutput):
        raw.forgives_all = True
    with suppress(OSError, ValueError):
        stream.flush()


def _open_closed_descriptors() -> None:
    """Let closed descriptors lead nowhere: else the next file that is opened becomes standard output."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            with suppress(OSError):
                os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def _prepared(stream: TextIO | None, *, forgives_all: bool) -> TextIO:
    """Return a stream that forgives, and that writes what its encoding lacks in plain signs."""
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - for the life of the process
    raw = getattr(stream, "buffer", None)
    raw = getattr(raw, "raw", raw)
    if not isinstance(stream, io.TextIOWrapper) or isinstance(raw, ForgivingOutput):
        return stream
    if stream not in (sys.__stdout__, sys.__stderr__):  # captured, as tests and notebooks do
        with suppress(OSError, ValueError):
            stream.reconfigure(errors=PLAIN)
        return stream
    with suppress(OSError):
        stream.flush()
    end = ForgivingOutput(raw, forgives_all=forgives_all)
    return io.TextIOWrapper(
        io.BufferedWriter(end),
        encoding=stream.encoding,
        errors=PLAIN,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
