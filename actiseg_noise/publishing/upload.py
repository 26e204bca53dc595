"""A publication at an address: made whole in the cache first, then written there, what makes it a manifest last."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

from actiseg_noise.borders.drafts import other_files, remove_folder
from actiseg_noise.borders.remote import Address, RemoteFolder, upload_folder
from actiseg_noise.borders.roots import cache_folder
from actiseg_noise.errors import ActisegError, raise_if
from actiseg_noise.manifest.info import INFO_NAME
from actiseg_noise.progress import Progress
from actiseg_noise.publishing.checksums import ATTRIBUTES_NAME, SUMS_NAME, listed_in

_MOST_BYTES = 2**24  # of a list of checksums


def publish_to(address: Address, make: Callable[[Path], None], *, force: bool, progress: Progress) -> None:
    """Make a publication and write it to an address.

    A reader needs ``manifest.json``, which is written last and, of an earlier publication, removed first: who reads
    meanwhile, or after an upload that broke off, finds no manifest, and never half of one.

    Args:
        make: makes the publication in the folder that it is given. force: replace an earlier publication there.

    Raises:
        ActisegError: something is there that may not be replaced. RemoteError: it cannot be read or written.
    """
    _check_writable(address)
    there = RemoteFolder(address)
    earlier = find_earlier(there, force=force)
    room = cache_folder() / "publishing" / blake2b(str(address).encode(), digest_size=16).hexdigest()
    try:
        make(room)
        for name in sorted(earlier, key=_turn, reverse=True):  # the manifests first, what names its files last
            there.remove(name)
        names = sorted(other_files(room, lambda _: False), key=_turn)
        upload_folder(room, names, address, progress.note)
    finally:
        remove_folder(room)


def _check_writable(address: Address) -> None:
    """Raise ActisegError for an address that nothing is written to."""
    raise_if(address.digest is not None, f"--out {address}: labels are written there; leave out #digest=…")
    raise_if(
        address.scheme in ("http", "https"),
        f"--out {address}: addresses of the web are read, not written; name the place behind it, as hf://… or s3://…",
    )


def find_earlier(there: RemoteFolder, *, force: bool) -> list[str]:
    """Return the files of an earlier publication at an address; a repository's own ``.gitattributes`` is none.

    Raises:
        ActisegError: there are other files, or the publication may not be replaced.
    """
    names = there.names()
    if set(names) <= {ATTRIBUTES_NAME}:
        return []
    if SUMS_NAME not in names:
        raise ActisegError(
            f"{there.address}: files are there that are no publication, so none is written; choose another --out"
        )
    if not force:
        raise ActisegError(f"{there.address}: the output exists. Choose another --out, or replace it with --force.")
    listed = listed_in(there.read(SUMS_NAME, _MOST_BYTES).decode("utf-8", "replace"))
    if others := sorted(set(names) - listed):
        raise ActisegError(
            f"{there.address}: --force would leave files between those of the publication there that are not its own, "
            f"the first {others[0]}; choose another --out"
        )
    return names


def _turn(name: str) -> tuple[int, str]:
    """Return when a file is written: the list of all files first, what makes a folder a manifest last."""
    return (0 if name == SUMS_NAME else 2 if name.rpartition("/")[2] == INFO_NAME else 1), name
