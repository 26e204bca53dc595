"""Where a build works until it is whole: a hidden folder beside the output, renamed into place at the end."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import IO

from actiseg_noise.errors import ActisegError
from actiseg_noise.manifest.info import INFO_NAME


class Workspace:
    """The folder of one build in the making, held by one process at a time. A context manager.

    ``.<name>.building/`` holds a lock, the finished chunks (in a folder named by the build's fingerprint) and the
    manifest being written. When a build is killed the chunks stay, and the next build with the same fingerprint goes
    on from them; chunks of another build are thrown away.

    Attributes:
        chunks: where finished chunks go. manifest: the folder that becomes the output.
        found: how many finished chunks an earlier build of the same left. discarded: whether another's were removed.
    """

    def __init__(self, out: Path, fingerprint: str, *, force: bool = False) -> None:
        self.out = out
        self.force = force
        self.building = out.with_name(f".{out.name}.building")
        self.chunks = self.building / f"chunks-{fingerprint}"
        self.manifest = self.building / "manifest"
        self.found = 0
        self.discarded = False
        self._old = out.with_name(f".{out.name}.old")
        self._lock = Lock(self.building / "lock")
        self._made: list[Path] = []

    def __enter__(self) -> Workspace:
        try:
            self._made = make_folders(self.out.parent)
            self.building.mkdir(exist_ok=True)
        except OSError as error:
            raise ActisegError(f"{self.out}: cannot be written ({error}); choose another --out") from None
        self._lock.acquire(f"{self.out}: another build is writing there; wait for it, or choose another --out")
        try:
            self._prepare()
        except BaseException:
            self._leave()
            raise
        return self

    def _prepare(self) -> None:
        """Throw away what belongs to another build, and start an empty manifest folder."""
        if self._old.exists() and not self.out.exists():
            self._old.rename(self.out)
        check_output(self.out, force=self.force)
        for path in self.building.iterdir():
            if path.is_dir() and path != self.chunks:
                self.discarded |= path.name.startswith("chunks-")
                shutil.rmtree(path)
        self.chunks.mkdir(exist_ok=True)
        for part in self.chunks.glob("*.part"):
            shutil.rmtree(part)
        self.found = len(list(self.chunks.iterdir()))
        self.manifest.mkdir()

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        if self.manifest.exists():
            shutil.rmtree(self.manifest)
        self._leave()

    def commit(self) -> None:
        """Rename the whole manifest into place; an output that is replaced goes only then."""
        if self.out.exists():
            shutil.rmtree(self._old, ignore_errors=True)
            self.out.rename(self._old)
        self.manifest.rename(self.out)
        shutil.rmtree(self._old, ignore_errors=True)
        shutil.rmtree(self.chunks)

    def _leave(self) -> None:
        """Remove the workspace, unless it holds finished chunks; let go of the lock."""
        if not self.chunks.is_dir() or not any(self.chunks.glob("*[0-9]")):
            shutil.rmtree(self.building, ignore_errors=True)
            for folder in reversed(self._made):
                remove_if_empty(folder)
        self._lock.release()


def check_output(out: Path, *, force: bool) -> None:
    """Raise ActisegError when ``out`` exists and may not be replaced."""
    if not out.exists():
        return
    if not (out / INFO_NAME).is_file():
        raise ActisegError(f"{out}: exists and is not a manifest, so nothing here replaces it; choose another --out")
    if not force:
        raise ActisegError(f"{out}: the output exists. Choose another --out, or replace it with --force.")


class Lock:
    """A file that one process holds at a time; the system lets go of it when the process dies."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[str] | None = None

    def acquire(self, refusal: str) -> None:
        """Take the lock, or raise ActisegError with ``refusal``; where there are no locks (Windows) none is taken."""
        try:
            import fcntl
        except ImportError:
            return
        file = self.path.open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not self.path.exists() or self.path.stat().st_ino != os.fstat(file.fileno()).st_ino:
                raise BlockingIOError
        except BlockingIOError:
            file.close()
            raise ActisegError(refusal) from None
        except OSError:  # a file system without locks
            file.close()
            return
        self._file = file

    def release(self) -> None:
        """Let go."""
        if self._file is not None:
            self._file.close()
            self._file = None


def make_folders(folder: Path) -> list[Path]:
    """Make ``folder`` and its parents; return those that were made, outermost first."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
    return missing[::-1]


def remove_if_empty(folder: Path) -> None:
    """Remove a folder that holds nothing."""
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
