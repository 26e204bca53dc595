"""Where a build works until it is whole: a folder in the making that keeps finished chunks when it is interrupted."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from types import TracebackType

from actiseg_noise.borders.drafts import FolderDraft, check_nothing_else, remove_folder, remove_if_empty
from actiseg_noise.borders.folders import list_names
from actiseg_noise.borders.text import read_json_object
from actiseg_noise.borders.writing import PARTIAL, partial_of
from actiseg_noise.building.shards import SharedWork
from actiseg_noise.errors import ActisegError
from actiseg_noise.manifest.info import INFO_NAME
from actiseg_noise.manifest.schema import TABLES

_CHUNKS = "chunks-"


class Workspace:
    """The folder of one build in the making, held by one process at a time. A context manager.

    Finished chunks lie in the draft's hidden folder, in one named by the build's fingerprint. When a build is killed
    they stay, and the next build with the same fingerprint continues from them; chunks of another build are removed.

    Args:
        shared: the work of shards that is to be joined: finished chunks are there then, for others to add to.

    Attributes:
        chunks: where finished chunks go. manifest: the folder that becomes the output. scratch: for temporary files.
        kept: number of finished chunks that an earlier build of the same left. has_removed: whether there were chunks
            of another build.
    """

    def __init__(self, out: Path, fingerprint: str, *, force: bool = False, shared: SharedWork | None = None) -> None:
        self._draft = FolderDraft(out, partial(check_output, force=force), what="build", advice="choose another --out")
        self._own = self._draft.room / f"{_CHUNKS}{fingerprint}"
        self._shared = shared
        self.chunks = self._own if shared is None else shared.chunks
        self.manifest = self._draft.path
        self.scratch = self._draft.room
        self.kept = 0
        self.has_removed = False

    def __enter__(self) -> Workspace:
        self._draft.__enter__()
        try:
            self._prepare()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _prepare(self) -> None:
        """Remove what belongs to another build; count what is finished of this one."""
        for folder in (self._draft.room / name for name in list_names(self._draft.room) if name.startswith(_CHUNKS)):
            if folder != self._own:
                self.has_removed = True
                remove_folder(folder)
        if self._shared is not None:
            return
        self.chunks.mkdir(exist_ok=True)
        for name in list_names(self.chunks):
            if name.endswith(PARTIAL):
                remove_folder(self.chunks / name)
        self.kept = self._count()

    def _count(self) -> int:
        """Return how many chunks are finished."""
        return sum(name.isdigit() for name in list_names(self.chunks))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shared is None and not self._count():
            remove_folder(self.chunks)
        self._draft.__exit__(kind, error, trace)

    def commit(self) -> None:
        """Give the whole manifest its place; an output that is replaced goes only then."""
        self._draft.commit()
        remove_folder(self._own)
        if self._shared is not None:
            self._shared.remove()


def check_output(out: Path, *, force: bool, said: str = "") -> None:
    """Raise ActisegError when something is at ``out`` that may not be replaced.

    Args:
        said: how the message goes on after "the output exists", of the manifest that is there.
    """
    if not os.path.lexists(out):
        return
    remove_if_empty(partial_of(out))  # of one who was killed when all was done
    if not (out / INFO_NAME).is_file():
        raise ActisegError(f"{out}: exists and is not a manifest, so it is not replaced; choose another --out")
    if not force:
        raise ActisegError(f"{out}: the output exists{said}. Choose another --out, or replace it with --force.")
    listed = _listed_files(out)
    check_nothing_else(out, "manifest", lambda name: name in listed)


def _listed_files(folder: Path) -> set[str]:
    """Return the files that belong to a manifest: those that it lists, or the usual ones where it cannot be read."""
    try:
        listed = set(read_json_object(folder / INFO_NAME)["files"])
    except (ActisegError, KeyError, TypeError):
        tables = tuple(table.name for table in TABLES)
        listed = {name for name in list_names(folder) if name.startswith(tables) and name.endswith(".parquet")}
        listed |= {"vocabulary.json"}
    return listed | {INFO_NAME}
