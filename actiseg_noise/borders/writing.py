"""Files and folders that are there whole or not at all.

What is being written lies beside its place under one kind of name, ``.<name>.partial``, and is renamed when it is
finished. A kill at any moment leaves the place as it was, or nothing that counts; the next run cleans up after it.
"""

from __future__ import annotations

import csv
import errno
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from hashlib import blake2b, file_digest
from io import StringIO
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any

from actiseg_noise.borders.locks import hold
from actiseg_noise.errors import ActisegError

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.Image import Image

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


# --- files


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
    except refused as error:
        raise WriteError(path, error, "; nothing half-written is left there") from None
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


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
    """Write a chart as PNG without the name of what drew it, so that equal charts have equal bytes.

    Raises:
        WriteError: see :func:`whole_file`.
    """
    with whole_file(path) as partial:
        figure.savefig(partial, format="png", dpi=dpi, metadata={"Software": None})
    return path


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


# --- folders


@contextmanager
def whole_folder(place: Path) -> Iterator[Path]:
    """Give a new folder that takes the place of ``place`` at the end, or is removed.

    It is for folders of our own making that nobody else works at: nothing is locked, and what was there goes.
    """
    partial = place.with_name(f".{place.name}.{os.getpid()}{PARTIAL}")
    try:
        partial.mkdir(parents=True)
        yield partial
        remove_folder(place)
        move(partial, place)
    finally:
        remove_folder(partial)


class FolderDraft:
    """A folder in the making, beside its place, held by one process at a time. A context manager.

    The hidden folder ``.<name>.partial`` beside the place holds the lock, the new folder and, while the two change
    places, the old one; it is gone afterwards, unless the caller keeps something of its own in it. What a killed
    process left is cleaned up: an old folder whose successor never came is put back, half-written ones are removed.
    Nothing else is ever removed.

    Args:
        check: raises ActisegError unless the folder at the place may be replaced; asked when there is one, before the
            work and again before it is replaced.
        what: is made, in messages: ``build``, ``export``.
        advice: what to do when the place cannot be written, or is held by another process.
        wait: for another process that works at the same place, instead of refusing.

    Attributes:
        path: the folder to write into. room: the hidden folder.
    """

    def __init__(
        self,
        place: Path,
        check: Callable[[Path], None],
        *,
        what: str = "run",
        advice: str = "use another --out",
        wait: bool = False,
    ) -> None:
        self.place = place.resolve() if place.is_symlink() or place.name in ("", "..") else place
        self.room = partial_of(self.place)
        self.path = self.room / f"new-{os.getpid()}"
        self._old = self.room / "old"
        self._check, self._what, self._advice, self._wait = check, what, advice, wait
        self._stack = ExitStack()

    def __enter__(self) -> FolderDraft:
        with ExitStack() as stack:
            try:
                for folder in make_folders(self.place.parent):
                    stack.callback(remove_if_empty, folder)
                stack.callback(remove_if_empty, self.room)
                is_alone = stack.enter_context(
                    hold(self.room / "lock", self.place, what=self._what, advice=self._advice, wait=self._wait)
                )
                self._restore()
                stack.callback(self._restore)
                if os.path.lexists(self.place):
                    self._check(self.place)
                if is_alone:
                    self._clean_up()
                    remove_earlier_leftovers(self.place)
                stack.callback(remove_folder, self.path)
                self.path.mkdir()
            except OSError as error:
                raise WriteError(self.place, error, f"; {self._advice}") from None
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def commit(self) -> None:
        """Give the folder its place; a folder that is replaced goes only then.

        Raises:
            ActisegError: what is at the place meanwhile may not be replaced. WriteError: the system refused.
        """
        if os.path.lexists(self.place):
            self._check(self.place)
        try:
            if os.path.lexists(self.place):
                move(self.place, self._old)
            move(self.path, self.place)
        except OSError as error:
            raise WriteError(self.place, error, f"; {self._advice}") from None
        remove_folder(self._old)

    def _restore(self) -> None:
        """Put back what was to be replaced, where its successor did not come."""
        if self._old.exists() and not os.path.lexists(self.place):
            move(self._old, self.place)

    def _clean_up(self) -> None:
        """Remove what a killed process left: an old folder whose successor has come, and half-written new ones."""
        unfinished = list(self.room.glob("new-*"))
        if not unfinished:
            remove_folder(self._old)
        for folder in unfinished:
            remove_folder(folder)


_EARLIER_ROOMS = ("building", "exporting", "publishing")
_EARLIER_NAMES = ("lock", "manifest", "chunks-", "new-", "old", "draft")


def remove_earlier_leftovers(place: Path) -> None:
    """Remove what a killed process of version 0.1.0 or before left beside ``place``: ``.<name>.building`` and the like.

    A folder that holds anything but what those versions put there stays.
    """
    for ending in _EARLIER_ROOMS:
        room = place.with_name(f".{place.name}.{ending}")
        if _is_plain_folder(room) and all(path.name.startswith(_EARLIER_NAMES) for path in room.iterdir()):
            remove_folder(room)


def remove_folder(folder: Path) -> None:
    """Remove a folder of our own making with all that is in it, if it is there; what refuses to go stays."""
    shutil.rmtree(folder, ignore_errors=True)


def remove_file(path: Path) -> None:
    """Remove a file of our own making, if it is there."""
    path.unlink(missing_ok=True)


def make_folders(folder: Path) -> list[Path]:
    """Make ``folder`` and its parents; return those that were made, outermost first."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
    return missing[::-1]


def remove_if_empty(folder: Path) -> None:
    """Remove a folder that holds nothing."""
    with suppress(OSError):
        folder.rmdir()


def other_files(folder: Path, own: Callable[[str], bool]) -> list[str]:
    """Return the files below ``folder`` that are not ``own`` by their path relative to it, sorted.

    What the systems of desktops leave in every folder is nobody's file.
    """
    found = (path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if not _is_plain_folder(path))
    return [name for name in found if not own(name) and not _is_litter(name)]


def check_nothing_else(folder: Path, what: str, own: Callable[[str], bool]) -> None:
    """Raise ActisegError when a folder that is to be replaced holds files of somebody else's."""
    if others := other_files(folder, own):
        count = "1 file that is" if len(others) == 1 else f"{len(others)} files that are"
        raise ActisegError(
            f"{folder}: --force would delete {count} not of the {what} there, the first {others[0]}; "
            "choose another --out"
        )


def _is_plain_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _is_litter(name: str) -> bool:
    """Say whether a file is one that a desktop's file manager leaves behind."""
    last = name.rpartition("/")[2]
    return last in (".DS_Store", "Thumbs.db", "desktop.ini") or last.startswith("._")
