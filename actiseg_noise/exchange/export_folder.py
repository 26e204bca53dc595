"""The folder an export is written into: whole or not at all, and never in the place of anything but an export."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from actiseg_noise.borders.drafts import FolderDraft, other_files
from actiseg_noise.borders.folders import check_file_name
from actiseg_noise.borders.images import write_index_mask, write_jpeg
from actiseg_noise.borders.text import read_json_object
from actiseg_noise.borders.writing import copy_file, link, write_json
from actiseg_noise.errors import ActisegError, DataError
from actiseg_noise.manifest.info import ManifestInfo
from actiseg_noise.masks import IndexMask, Picture
from actiseg_noise.version import tool_version

MARKER = "export.json"
_LONGEST_NAME = 255


class ExportFolder:
    """A folder beside the output that takes its name when it is whole. A context manager.

    Attributes:
        report: what ``export.json`` and the command line say at the end.
    """

    def __init__(self, out: Path, *, force: bool = False) -> None:
        self.report: dict[str, Any] = {}
        check = partial(check_replaceable, force=force)
        self._draft = FolderDraft(out, check, what="export", advice="choose another --out")

    def __enter__(self) -> ExportFolder:
        self._draft.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._draft.__exit__(kind, error, trace)

    def path(self, *parts: str) -> Path:
        """Return the place of a file to be written, its folder made.

        Args:
            parts: folders and, last, the file's name.

        Raises:
            DataError: a part leads elsewhere, or is longer than file systems allow.
        """
        for part in parts:
            check_file_name(part, "export")
            if len(part.encode()) > _LONGEST_NAME:
                raise DataError(f"export: {part!r} is longer than {_LONGEST_NAME} bytes, which no file name can be")
        path = self._draft.path.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write_mask(self, index_mask: IndexMask, *parts: str) -> None:
        """Write object ids as a palette PNG in the DAVIS colours."""
        write_index_mask(self.path(*parts), index_mask)

    def write_image(self, picture: Picture, quality: int, *parts: str) -> None:
        """Write a picture, ``uint8 [H, W, 3]``, as a JPEG."""
        write_jpeg(self.path(*parts), picture, quality)

    def take_file(self, source: Path, how: str, *parts: str) -> None:
        """Copy a file, or link to it.

        Raises:
            WriteError: the disk is full, or the file system has no links.
        """
        path = self.path(*parts)
        if how == "link":
            link(source, path, advice="; pass --images copy or resize")
        else:
            copy_file(source, path)

    def commit(self, info: ManifestInfo, what: dict[str, Any]) -> None:
        """Write ``export.json`` and give the folder its name; an export that is replaced goes only then."""
        self.report = what | {
            "manifest": {"name": info.name, "digest": info.digest},
            "tool_version": tool_version(),
            "files": len(other_files(self._draft.path, lambda _: False)) + 1,
        }
        write_json(self._draft.path / MARKER, self.report)
        self._draft.commit()


def check_outside(out: Path, source: Path, what: str) -> None:
    """Refuse to write an export into what it is made of: it would be read as a part of that the next time.

    Raises:
        ActisegError: ``out`` is the folder ``source``, or lies in it.
    """
    if out.resolve().is_relative_to(source.resolve()):
        raise ActisegError(f"--out {out}: lies in {what}, {source}; choose a folder outside of it")


def check_replaceable(out: Path, *, force: bool) -> None:
    """Raise ActisegError when ``out`` exists and may not be replaced."""
    if not os.path.lexists(out):
        return
    report = _read_report(out / MARKER)
    if report is None:
        raise ActisegError(f"{out}: exists and is no export (no {MARKER}), so it is not replaced; choose another --out")
    if not force:
        raise ActisegError(f"{out}: the output exists. Choose another --out, or replace it with --force.")
    written = report.get("files")  # exports of earlier versions do not say
    more = 0 if written is None else len(other_files(out, lambda _: False)) - int(written)
    if more > 0:
        raise ActisegError(
            f"{out}: --force would delete {more} file{'s' if more > 1 else ''} that the export did not write; move "
            f"what came later elsewhere (find {out} -newer {out / MARKER} lists it), or choose another --out"
        )


def _read_report(path: Path) -> dict[str, Any] | None:
    """Return what an export says of itself; None when it is none."""
    try:
        report = read_json_object(path)
    except DataError:
        return None
    return report if "manifest" in report else None
