"""What is in a publication beside its manifests: the checksums of all files, and what keeps their bytes in Git."""

from __future__ import annotations

import os
from pathlib import Path

from actiseg_noise.borders.drafts import check_nothing_else, other_files, remove_if_empty
from actiseg_noise.borders.text import read_text
from actiseg_noise.borders.writing import digest_file, partial_of, write_text
from actiseg_noise.errors import ActisegError, DataError

SUMS_NAME = "SHA256SUMS"
ATTRIBUTES_NAME = ".gitattributes"
# Git for Windows rewrites the ends of lines on a clone, by default, and the checksums of text files would not hold: no
# file is text but for those that are named, and their lines end as they were written. Large files go the way that the
# hub has for them; without git-lfs they are in Git as they are.
_IN_LFS = ("*.parquet", "*.png", "*.webp")
_TEXTS = ("*.json", "*.md", "*.toml", "*.txt", ATTRIBUTES_NAME, SUMS_NAME)


def _attributes(lfs: bool) -> str:
    """Return the content of ``.gitattributes``."""
    lines = ["* -text", *(f"{name} text eol=lf" for name in _TEXTS)]
    lines += [f"{name} filter=lfs diff=lfs merge=lfs -text" for name in _IN_LFS if lfs]
    return "".join(f"{line}\n" for line in lines)


def check_output(out: Path, *, force: bool) -> None:
    """Raise ActisegError when something is at ``out`` that may not be replaced."""
    if not os.path.lexists(out):
        return
    remove_if_empty(partial_of(out))  # of one who was killed when all was done
    listed = _listed_files(out)
    if listed is None:
        raise ActisegError(f"{out}: exists and is not a publication, so it is not replaced; choose another --out")
    if not force:
        raise ActisegError(f"{out}: the output exists. Choose another --out, or replace it with --force.")
    check_nothing_else(out, "publication", lambda name: name in listed)


def _listed_files(folder: Path) -> set[str] | None:
    """Return the files that a publication's checksums list, and theirs; None when the folder is no publication."""
    try:
        return listed_in(read_text(folder / SUMS_NAME))
    except DataError:
        return None


def listed_in(sums: str) -> set[str]:
    """Return the files that the text of ``SHA256SUMS`` lists, and itself."""
    return {line[66:] for line in sums.splitlines()} | {SUMS_NAME}


def seal(folder: Path, *, lfs: bool = True) -> None:
    """Write ``.gitattributes``, then ``SHA256SUMS`` over every file of the folder, as ``sha256sum -c`` reads it.

    Args:
        lfs: Parquet files and pictures go through git-lfs, as the hub has them; False: they are in Git themselves.
    """
    write_text(folder / ATTRIBUTES_NAME, _attributes(lfs))
    names = sorted(other_files(folder, lambda name: name == SUMS_NAME))
    write_text(folder / SUMS_NAME, "".join(f"{sha256_of(folder / name)}  {name}\n" for name in names))


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as hex, read in pieces."""
    return digest_file(path, "sha256")
