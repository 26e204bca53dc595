"""Files that are there whole or not at all; folders are in :mod:`actiseg_noise.borders.drafts`.

What is being written lies beside its place under one kind of name, ``.<name>.partial``, and is renamed when it is
finished. A kill at any moment leaves the place as it was, or nothing that counts; the next run cleans up after it.
"""

from __future__ import annotations

import csv
import errno
import json
import logging
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b, file_digest
from io import StringIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from actiseg_noise.errors import ActisegError, UnknownNameError, raise_if

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.Image import Image

_LOG = logging.getLogger(__name__)

PARTIAL = ".partial"
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_LONGEST_NAME = 255  # bytes
_NOT_RENAMED_OVER = (errno.EEXIST, errno.EACCES, errno.EPERM, errno.ENOTSUP, errno.EINVAL)


class WriteError(ActisegError):
    """A file or folder that the system did not let us write.

    Attributes:
        reason: what the system said. no_room: whether the disk, or a quota, is full.
    """

    def __init__(self, path: Path, error: Exception, advice: str = "") -> None:
        self.no_room = is_no_room(error)
        reason = getattr(error, "strerror", None) or str(error)
        self.reason = f"no room to write: {reason}" if self.no_room else reason
        super().__init__(f"{path}: cannot be written ({self.reason}){advice}")


def is_no_room(error: Exception) -> bool:
    """Say whether a write failed because the disk, or a quota, is full."""
    return getattr(error, "no_room", False) or getattr(error, "errno", None) in _NO_ROOM


def partial_of(path: Path) -> Path:
    """Return where ``path`` is written until it is whole: beside it, hidden; a long name is shortened to its digest."""
    name = path.name
    if len(os.fsencode(name)) + len(PARTIAL) + 1 > _LONGEST_NAME:
        name = blake2b(os.fsencode(name), digest_size=16).hexdigest()
    return path.with_name(f".{name}{PARTIAL}")


@contextmanager
def whole_file(path: Path, *refusals: type[Exception]) -> Iterator[Path]:
    """Give a place beside ``path`` to write to; what was written takes its name at the end, or is removed.

    Args:
        refusals: how a library that writes says that the system refused, beside OSError.

    Raises:
        WriteError: the system refused a write, as on a full disk; the message says where.
    """
    partial = partial_of(path)
    refused: tuple[type[Exception], ...] = (OSError, *refusals)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        _replace_file(partial, path)
        _LOG.debug("written %s", path)
    except refused as error:
        raise WriteError(path, error, "; nothing half-written is left there") from None
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def overwrite(partial: Path, at: int, data: bytes) -> None:
    """Write over bytes of a file that a library has made and that has not its name yet; see :func:`whole_file`."""
    with partial.open("r+b") as file:
        file.seek(at)
        file.write(data)


@contextmanager
def whole_text(path: Path) -> Iterator[IO[str]]:
    """Give a text file (UTF-8, newlines as they are written) that takes the name ``path`` at the end.

    Raises:
        WriteError: see :func:`whole_file`.
    """
    with whole_file(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        yield file


def write_text(path: Path, text: str) -> Path:
    """Write a text in UTF-8, whole or not at all, and return ``path``.

    Raises:
        WriteError: see :func:`whole_file`.
    """
    return write_bytes(path, text.encode("utf-8", "surrogateescape"))


def write_bytes(path: Path, data: bytes) -> Path:
    """Write bytes, whole or not at all, and return ``path``.

    Raises:
        WriteError: see :func:`whole_file`.
    """
    with whole_file(path) as partial:
        partial.write_bytes(data)
    return path


def write_json(path: Path, data: object, *, indent: int | None = 1, allow_nan: bool = True) -> Path:
    """Write JSON for people: indented, non-ASCII as it is, a newline at the end. Returns ``path``.

    A name that is no text (bytes of a file system's) is written as JSON's escapes.

    Raises:
        WriteError: see :func:`whole_file`. ValueError: a number that is not finite, where none is allowed.
    """
    return write_bytes(path, json_bytes(data, indent=indent, allow_nan=allow_nan))


def json_bytes(data: object, *, indent: int | None = 1, allow_nan: bool = True) -> bytes:
    """Return what :func:`write_json` writes."""
    text = json.dumps(data, ensure_ascii=False, indent=indent, allow_nan=allow_nan)
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        encoded = json.dumps(data, indent=indent, allow_nan=allow_nan).encode()
    return encoded + b"\n"


@contextmanager
def whole_csv(path: Path, columns: Sequence[str]) -> Iterator[CsvWriter]:
    """Give a writer of rows below a header of ``columns``; the file takes the name ``path`` at the end.

    Raises:
        WriteError: see :func:`whole_file`.
    """
    with whole_text(path) as file:
        yield CsvWriter(file, columns)


class CsvWriter:
    """A writer of rows, given by column, in which no text is a formula to a spreadsheet. The header comes first."""

    def __init__(self, file: IO[str], columns: Sequence[str]) -> None:
        self._writer = csv.DictWriter(file, columns, lineterminator="\n")
        self._writer.writeheader()

    def writerow(self, row: Mapping[str, Any]) -> None:
        """Write one row."""
        self._writer.writerow({name: plain_cell(value) for name, value in row.items()})

    def writerows(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write rows."""
        for row in rows:
            self.writerow(row)


def plain_cell(value: object) -> object:
    """Return a cell that a spreadsheet takes as the text it is: one that begins as a formula gets an apostrophe first.

    >>> plain_cell("=1+1"), plain_cell("-0.5"), plain_cell(-0.5), plain_cell("onion")
    ("'=1+1", '-0.5', -0.5, 'onion')
    """
    if isinstance(value, str) and value.startswith(_FORMULA) and not _is_number(value):
        return f"'{value}"
    return value


def text_of_cell(cell: str) -> str:
    """Return the text of a cell, without the apostrophe that :func:`plain_cell` gave it.

    >>> text_of_cell("'=1+1"), text_of_cell("'onion'")
    ('=1+1', "'onion'")
    """
    return cell[1:] if cell[:1] == "'" and cell.startswith(_FORMULA, 1) else cell


_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


class GrowingCsv:
    """A table that gets rows for as long as the work takes, below those that were kept of an earlier part of it.

    It is made whole with the kept rows (:func:`whole_csv`); then every call of ``add`` writes one whole line, so that a
    kill leaves at most the last line cut.

    Raises:
        WriteError: the system refused a write, here and in every method.
    """

    def __init__(self, path: Path, columns: Sequence[str], kept: Iterable[Mapping[str, Any]] = ()) -> None:
        self._path, self._columns = path, columns
        with whole_csv(path, columns) as table:
            table.writerows(kept)
        try:
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise WriteError(path, error) from None

    def add(self, row: Mapping[str, Any]) -> None:
        """Write one row."""
        line = csv_text(self._columns, [row]).partition("\n")[2].encode()
        try:
            self._file.write(line)
        except OSError as error:
            raise WriteError(self._path, error) from None

    def close(self) -> None:
        """Let the file go."""
        self._file.close()


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the rows as the CSV that :func:`whole_csv` writes."""
    buffer = StringIO()
    CsvWriter(buffer, columns).writerows(rows)
    return buffer.getvalue()


def write_png(path: Path, image: Image) -> Path:
    """Write a picture as PNG, whole or not at all, and return ``path``.

    Raises:
        WriteError: see :func:`whole_file`.
    """
    with whole_file(path) as partial:
        image.save(partial, "PNG")
    return path


def write_figure(path: Path, figure: Figure, dpi: float) -> Path:
    """Write a chart as PNG, PDF or SVG, by its suffix; no date, no name of what drew it: equal charts, equal bytes.

    Raises:
        WriteError: see :func:`whole_file`.
    """
    form = path.suffix.removeprefix(".")
    with whole_file(path) as partial:
        figure.savefig(partial, format=form, dpi=dpi, metadata=dict.fromkeys(_DREW[form]))
    return path


def figure_formats(text: str) -> tuple[str, ...]:
    """Return the formats of ``png,pdf,svg``, each once.

    Raises:
        UnknownNameError: another format. ActisegError: none.
    """
    names = tuple(dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip()))
    raise_if(not names, f"--figures: expected formats such as png,pdf, got {text!r}")
    for name in names:
        if name not in FIGURE_FORMATS:
            raise UnknownNameError("format of figures", name, FIGURE_FORMATS)
    return names


FIGURE_FORMATS = ("png", "pdf", "svg")
_DREW = {"png": ("Software",), "pdf": ("Creator", "Producer", "CreationDate"), "svg": ("Creator", "Date")}


def digest_file(path: Path, algorithm: str = "blake2b") -> str:
    """Return the digest of a file's bytes as hex, read a little at a time: of BLAKE2b, 32 characters.

    Args:
        algorithm: another one of ``hashlib``, such as ``sha256``.
    """
    with path.open("rb") as file:
        return file_digest(file, _blake2b if algorithm == "blake2b" else algorithm).hexdigest()


def _blake2b() -> blake2b:
    return blake2b(digest_size=16)


def move(source: Path, target: Path) -> None:
    """Rename a file or folder; where the system cannot (another layer of an overlay), copy it and remove it.

    Raises:
        OSError: neither is possible.
    """
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        shutil.move(source, target)


def copy_file(source: Path, target: Path) -> None:
    """Copy the bytes of a file.

    Raises:
        WriteError: the copy cannot be written. OSError: the source cannot be read.
    """
    with source.open("rb") as file, whole_file(target) as partial, partial.open("wb") as copy:
        shutil.copyfileobj(file, copy, 1 << 20)


def remove_file(path: Path) -> None:
    """Remove a file of our own making, if it is there."""
    path.unlink(missing_ok=True)


def link(source: Path, target: Path, advice: str) -> None:
    """Make a symbolic link at ``target`` that leads to ``source``.

    Raises:
        WriteError: the file system has no links, or they are not allowed; ``advice`` says what to do instead.
    """
    try:
        target.symlink_to(source.resolve())
    except OSError as error:
        raise WriteError(target, error, f", as a link{advice}") from None


def _replace_file(partial: Path, path: Path) -> None:
    """Give ``partial`` the name ``path``; where a file cannot be renamed over another, that one steps aside first."""
    try:
        partial.replace(path)
    except OSError as error:
        if error.errno not in _NOT_RENAMED_OVER or not path.is_file():
            raise
        aside = partial.with_name(f"{partial.name}.old")
        path.rename(aside)
        try:
            partial.rename(path)
        except OSError:
            aside.rename(path)
            raise
        aside.unlink()
