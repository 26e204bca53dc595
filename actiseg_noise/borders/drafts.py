"""Folders that are there whole or not at all, and what of a folder may be replaced.

Like a file (:mod:`actiseg_noise.borders.writing`), a folder is made beside its place and renamed when it is finished.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType

from actiseg_noise.borders.locks import hold, host_name
from actiseg_noise.borders.writing import PARTIAL, WriteError, move, partial_of
from actiseg_noise.errors import ActisegError


@contextmanager
def whole_folder(
    place: Path, *, keep: Callable[[Path], bool] = lambda _: False, parents: bool = True
) -> Iterator[Path]:
    """Give a new folder that takes the place of ``place`` at the end, or is removed.

    It is for folders of our own making: nothing is locked. While it is written it has a name that no other process of
    any machine gives, so that several may make the same folder, where it is the same whoever makes it.

    Args:
        keep: whether the folder that is there is as good as the new one: it stays then. Otherwise it goes.
        parents: make the folders above, too.

    Raises:
        OSError: the folder cannot be made, as where another process removed the one above it.
    """
    partial = place.with_name(f".{place.name}.{host_name()}.{os.getpid()}.{secrets.token_hex(4)}{PARTIAL}")
    try:
        partial.mkdir(parents=parents)
        yield partial
        _give_place(partial, place, keep)
    finally:
        remove_folder(partial)


def _give_place(partial: Path, place: Path, keep: Callable[[Path], bool]) -> None:
    """Give a folder its place, unless what is there may stay, or another process puts such a one there meanwhile."""
    if keep(place):
        return
    remove_folder(place)
    try:
        move(partial, place)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) or not keep(place):
            raise


def place_folder(folder: Path, place: Path) -> bool:
    """Give a finished folder its place, or remove it where another one is there by then; return whether it has it.

    For folders that several processes may make at once, of which each is as good as the others: nothing is locked.

    Raises:
        WriteError: the system refused.
    """
    try:
        folder.rename(place)
    except OSError as error:
        if not os.path.lexists(place):
            raise WriteError(place, error) from None
        remove_folder(folder)
        return False
    return True


class FolderDraft:
    """A folder in the making, beside its place, held by one process at a time. A context manager.

    The hidden folder ``.<name>.partial`` beside the place holds the lock, the new folder and, while the two change
    places, the old one; it is gone afterwards, unless the caller keeps something of its own in it. What a killed
    process left is cleaned up: an old folder whose successor never came is put back, half-written ones are removed,
    but for those of other machines, of which nobody here can say whether they are at work. Nothing else is ever
    removed.

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
        self.place = _without_links(place)
        self.room = partial_of(self.place)
        self.path = self.room / f"new-{host_name()}-{os.getpid()}"
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

    @staticmethod
    def kept_beside(path: Path, name: str) -> Path | None:
        """Return where what a draft at ``path`` is made of may outlive it, in its room; None where it is no draft's.

        A caller that puts something there removes it when the folder has its place.
        """
        return path.parent / name if path.parent.name.endswith(PARTIAL) else None

    @staticmethod
    def room_of(place: Path) -> Path:
        """Return the room that the draft of ``place`` has, or would have."""
        return partial_of(_without_links(place))

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
        unfinished = [path for path in self.room.glob("new-*") if _is_of_this_machine(path.name)]
        if not unfinished:
            remove_folder(self._old)
        for folder in unfinished:
            remove_folder(folder)


def _without_links(place: Path) -> Path:
    """Return where a folder really is to be: a link's target, and a name for ``.`` and ``..``."""
    return place.resolve() if place.is_symlink() or place.name in ("", "..") else place


def _is_of_this_machine(name: str) -> bool:
    """Return whether a process of this machine made a new folder; earlier versions did not name the machine."""
    return name.startswith(f"new-{host_name()}-") or name.removeprefix("new-").isdecimal()


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
