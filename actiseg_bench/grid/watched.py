"""The folder on the shared disk by which a grid's command and the workers elsewhere know of each other.

The command counts in a file as long as it is there; a worker that sees the count stand still, or the file gone, stops
its training after the step that it is at, with a checkpoint. Workers say how far they are in files of their own. No
clock is compared: each side counts its own seconds.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from actiseg_noise.borders.drafts import remove_folder
from actiseg_noise.borders.folders import list_names
from actiseg_noise.borders.locks import host_name
from actiseg_noise.borders.text import read_json, read_text
from actiseg_noise.borders.writing import WriteError, remove_file, write_json, write_text
from actiseg_noise.errors import ActisegError, DataError
from actiseg_noise.executors.pieces import is_shown

PATIENCE_S = 180.0  # a network's file system may show an old file for a minute
BEAT_S = 2.0
LOOK_S = 1.0
_ALONE, _PART, _BEAT = ".engine-", ".part-engine-", "at-work"


class Session:
    """A command's side: a folder below ``out`` that says that it is at work. :func:`session` makes one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._count, daemon=True)

    def start(self) -> None:
        """Begin to count."""
        self._beat(0)
        self._thread.start()

    def end(self) -> None:
        """Tell the workers to stop."""
        if not self._over.is_set():
            self._over.set()
            self._thread.join()
            with suppress(ActisegError):
                remove_file(self.folder / _BEAT)

    def _count(self) -> None:
        number = 0
        while not self._over.wait(BEAT_S):
            number += 1
            with suppress(WriteError):  # a full disk is said by what needs it
                self._beat(number)

    def _beat(self, number: int) -> None:
        write_text(self.folder / _BEAT, str(number))

    def said(self, index: int) -> tuple[int, int, float] | None:
        """Return how far a run at work is, as (steps done, steps in all, loss); None where that is not known."""
        path = _file_of(self.folder, index)
        if not path.is_file():
            return None
        try:
            done, total, loss = read_json(path)
        except (DataError, TypeError, ValueError):
            return None  # it has just gone
        return int(done), int(total), float(loss)


@contextmanager
def session(out: Path, *, is_alone: bool) -> Iterator[Session]:
    """Give the session of this command, whose folder is gone afterwards.

    Args:
        is_alone: whether this is no part of a grid: what killed commands left, but for those of parts, which may be
            at work, is removed, and trainings that still belong to them stop.

    Raises:
        ActisegError: ``out`` cannot be written.
    """
    if is_alone:
        for name in list_names(out):
            if name.startswith(_ALONE):
                remove_folder(out / name)
    folder = out / f"{_ALONE if is_alone else _PART}{host_name()}-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise WriteError(out, error, "; use another --out") from None
    found = Session(folder)
    try:
        found.start()
        yield found
    finally:
        found.end()
        remove_folder(folder)


class Watch:
    """A worker's side: whether the command is still at work, and how far a run of it is."""

    def __init__(self, folder: Path, index: int) -> None:
        self._folder, self._file = folder, _file_of(folder, index)
        self._seen, self._since, self._looked, self._told = "", time.monotonic(), 0.0, 0.0

    def is_shown(self) -> bool:
        """Return whether this machine sees the folder at all, waiting a little."""
        return is_shown(self._folder, patience_s=5.0)

    def is_over(self) -> bool:
        """Return whether the command has ended, however it ended; it is looked for once a second."""
        now = time.monotonic()
        if now - self._looked < LOOK_S:
            return False
        self._looked = now
        try:
            count = read_text(self._folder / _BEAT)
        except ActisegError:
            return not (self._folder / _BEAT).exists()
        if count != self._seen:
            self._seen, self._since = count, now
        return now - self._since > PATIENCE_S

    def tell(self, done: int, total: int, loss: float) -> None:
        """Say how far the run is, once a second."""
        now = time.monotonic()
        if now - self._told < LOOK_S:
            return
        self._told = now
        if self._folder.is_dir():
            with suppress(WriteError):
                write_json(self._file, [done, total, loss], indent=None)

    def close(self) -> None:
        """Leave nothing in the folder."""
        with suppress(ActisegError):
            remove_file(self._file)


def _file_of(folder: Path, index: int) -> Path:
    return folder / f"{index}.json"
