"""A window on a JSON text: its values are read one after the other, whatever the size of the file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from actiseg_noise.borders.text import check_file, not_utf8
from actiseg_noise.errors import DataError

_SPACE = re.compile(r"[ \t\r\n\ufeff]*")
_DECODER = json.JSONDecoder()
CHUNK_CHARS = 1 << 20
_NO_FIRST_BYTE = bytes(range(0x80, 0xC0))  # those that continue a character in UTF-8


class JsonWindow:
    """The part of a text file between what is consumed and what is read.

    Attributes:
        position: of the next character in ``text``. offset: the same place in the file, in bytes.
        entry: 0-based number of the list entry, for messages.
    """

    def __init__(self, path: Path, stream: TextIO, chunk_chars: int) -> None:
        self.path, self._stream, self._chunk_chars = path, stream, chunk_chars
        self.text, self.position, self.offset, self.entry = "", 0, 0, 0

    def peek(self) -> str:
        """Skip white space and return the next character, '' at the end of the file."""
        while True:
            match = _SPACE.match(self.text, self.position)
            self._advance(match.end() if match else self.position)
            if self.position < len(self.text):
                return self.text[self.position]
            if not self._read(self._chunk_chars):
                return ""

    def take(self, accepted: str, expected: str) -> str:
        """Consume one of the characters ``accepted`` and return it."""
        character = self.peek()
        if not character or character not in accepted:
            raise self.error(f"expected {expected}", self.position)
        self._advance(self.position + 1)
        return character

    def value(self) -> Any:
        """Consume one JSON value and return it, reading on until it is whole."""
        size = self._chunk_chars
        while True:
            try:
                value, end = _DECODER.raw_decode(self.text, self.position)
            except json.JSONDecodeError as error:
                if not self._read(size):
                    raise self.error(error.msg, error.pos) from None
            except RecursionError:
                raise self.error("nested too deeply", self.position) from None
            except ValueError:  # Python reads no number of so many digits
                raise self.error("a number of too many digits", self.position) from None
            else:
                if end < len(self.text) or not self._read(size):  # a number may go on in the next chunk
                    self._advance(end)
                    return value
            size *= 2  # keeps the work linear when an entry is longer than a chunk

    def error(self, message: str, position: int) -> DataError:
        """Return the error that names file, line, column and entry of a place in ``text``."""
        lines, characters = _count(self.path, self.offset)
        before = self.text[self.position : position]
        line, end = lines + before.count("\n") + 1, before.rfind("\n")
        column = len(before) - end if end >= 0 else characters + len(before) + 1
        rest = (self.text[position:] + self._stream.read(20))[:20]
        found = repr(rest) if rest else "the end of the file"
        return DataError(
            f"{self.path}: malformed JSON at line {line}, column {column} (entry {self.entry}): {message}, "
            f"found {found}. Repair the file or fetch it again."
        )

    def _advance(self, position: int) -> None:
        """Consume up to ``position``."""
        self.offset += len(self.text[self.position : position].encode())
        self.position = position

    def _read(self, size: int) -> bool:
        """Drop what is consumed and read on; False at the end of the file."""
        more = self._stream.read(size)
        if more:
            self.text, self.position = self.text[self.position :] + more, 0
        return bool(more)


def _count(path: Path, offset: int, piece_bytes: int = CHUNK_CHARS) -> tuple[int, int]:
    """Return the new lines before a byte of a file of any size, and the characters since the last of them."""
    lines = characters = 0
    with path.open("rb") as file:
        while offset and (piece := file.read(min(offset, piece_bytes))):
            offset -= len(piece)
            lines += piece.count(b"\n")
            start = piece.rfind(b"\n") + 1
            characters = len(piece[start:].translate(None, _NO_FIRST_BYTE)) + (0 if start else characters)
    return lines, characters


@contextmanager
def open_window(path: Path, chunk_chars: int = CHUNK_CHARS) -> Iterator[JsonWindow]:
    """Give a window on a file; after its value nothing may follow.

    Raises:
        DataError: the file is missing or no UTF-8, or something follows.
    """
    check_file(path)
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            window = JsonWindow(path, stream, chunk_chars)
            yield window
            if window.peek():
                raise window.error("expected the end of the file", window.position)
    except UnicodeDecodeError as error:
        raise not_utf8(path, error) from None


def iter_items(window: JsonWindow, expected: str) -> Iterator[tuple[int, int, Any]]:
    """Yield (start, stop, value) for each item of the list that comes next; bytes [start, stop) are the value."""
    window.take("[", expected)
    if window.peek() == "]":
        window.take("]", "']'")
        return
    separator = ","
    while separator == ",":
        window.peek()
        start = window.offset
        value = window.value()
        yield start, window.offset, value
        separator = window.take(",]", "',' or ']'")
        window.entry += 1


def iter_names(window: JsonWindow, expected: str) -> Iterator[str]:
    """Yield the names of a JSON object's members; the caller consumes the value after each."""
    window.take("{", expected)
    if window.peek() == "}":
        window.take("}", "'}'")
        return
    separator = ","
    while separator == ",":
        if window.peek() != '"':
            raise window.error("expected a name in quotes", window.position)
        name = window.value()
        window.take(":", "':'")
        window.peek()
        yield name
        separator = window.take(",}", "',' or '}'")
