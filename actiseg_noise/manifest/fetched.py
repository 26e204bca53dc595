"""Manifests by address: fetched once into the cache, checked whole, and from then on a folder like any other."""

from __future__ import annotations

import json
import logging
import warnings
from hashlib import blake2b
from pathlib import Path
from typing import Any

from actiseg_noise.borders.drafts import FolderDraft
from actiseg_noise.borders.remote import Address, RemoteError, RemoteFolder, find_address
from actiseg_noise.borders.roots import cache_folder
from actiseg_noise.borders.writing import write_bytes
from actiseg_noise.errors import ActisegError, ActisegWarning, ManifestError
from actiseg_noise.manifest.digest import RowDigest, TableDigest, manifest_digest
from actiseg_noise.manifest.info import INFO_NAME, MOST_BYTES, ManifestInfo, read_info
from actiseg_noise.manifest.read import Manifest, open_folder
from actiseg_noise.manifest.rows import FrameSizes
from actiseg_noise.manifest.schema import MASKS, Table
from actiseg_noise.masks import Rle

_LOG = logging.getLogger(__name__)


def fetch_manifest(address: Address) -> Path:
    """Return the folder in the cache that holds a manifest of an address, after fetching it where it is not there yet.

    What a pinned address names never changes, so that it is fetched once and no network is needed afterwards. Of
    another, ``manifest.json`` is read by every process once, and the rest when that has changed.

    Raises:
        MissingExtraError: ``fsspec`` is not installed.
        RemoteError: nobody answers, a file is missing or breaks off, or the labels have another digest than expected.
        ManifestError: what is there is no manifest.
    """
    found = _FOUND.get(address)
    if found is None or not (found / INFO_NAME).is_file():
        found = _FOUND[address] = _find(address)
    return found


_FOUND: dict[Address, Path] = {}
"""What this process has found: its labels do not change while it works."""


def _find(address: Address) -> Path:
    """Return where a manifest is in the cache, after fetching it where that is needed."""
    place = cache_folder() / "fetched"
    pinned = place / _name(str(address))
    if address.is_pinned and (pinned / INFO_NAME).is_file():
        _LOG.info("%s is in the cache: %s", address, pinned)
        return pinned
    there = RemoteFolder(address)
    stated = there.read(INFO_NAME, MOST_BYTES)
    folder = pinned if address.is_pinned else place / _name(f"{address}\n{_name(stated)}")
    if (folder / INFO_NAME).is_file():
        _LOG.info("%s is in the cache: %s", address, folder)
    else:
        _LOG.info("fetching %s into %s", address, folder)
        _fetch(there, stated, folder)
    if not address.is_pinned:
        digest = read_info(folder).digest
        warnings.warn(
            f"{address} may change at any time; with #digest={digest} after it, it is these labels or an error",
            ActisegWarning,
            stacklevel=5,
        )
    return folder


def _name(content: str | bytes) -> str:
    """Return the name in the cache of an address, or of a content."""
    return blake2b(content.encode() if isinstance(content, str) else content, digest_size=16).hexdigest()


def _fetch(there: RemoteFolder, stated: bytes, folder: Path) -> None:
    """Fetch a manifest whose ``manifest.json`` is known into ``folder``, whole and checked, or not at all."""
    address = there.address
    with FolderDraft(folder, lambda _: None, what="download", advice="wait for it", wait=True) as draft:
        if (folder / INFO_NAME).is_file():  # another process was first
            return
        info = _read_stated(address, stated, draft.path)
        if address.digest is not None and not info.digest.startswith(address.digest):
            raise RemoteError(
                f"{address.folder}: expected labels with the digest {address.digest}, found {info.digest}: they are "
                "others than those that were meant"
            )
        for name, size in info.files.items():
            there.fetch(name, draft.path / name, size)
        _check_labels(address, draft.path)
        draft.commit()


def _read_stated(address: Address, stated: bytes, folder: Path) -> ManifestInfo:
    """Return what ``manifest.json`` says, after writing it into ``folder``."""
    try:
        is_object = isinstance(json.loads(stated), dict)
    except (ValueError, RecursionError):
        is_object = False
    if not is_object:
        raise ManifestError(f"{address}: {INFO_NAME} there is no JSON object, so this is no manifest")
    write_bytes(folder / INFO_NAME, stated)
    try:
        return read_info(folder)
    except ActisegError as error:
        raise ManifestError(f"{address}: {str(error).replace(f'{folder}/', '')}") from None


def _check_labels(address: Address, folder: Path) -> None:
    """Refuse rows and masks that do not have the digests that stand beside them.

    Raises:
        RemoteError: they do not. ManifestError: they cannot be read.
    """
    try:
        manifest = open_folder(folder)
        digests = {table.name: _digest(manifest, table) for table in manifest.schema}
    except ActisegError as error:
        raise type(error)(f"{address}: {str(error).replace(f'{folder}/', '')}") from None
    if None in digests.values() or manifest_digest(digests) != manifest.digest:  # type: ignore[arg-type]
        raise RemoteError(
            f"{address}: the labels there do not have the digest {manifest.digest} that {INFO_NAME} states; they were "
            "changed or damaged. Ask whoever published them"
        )


def _digest(manifest: Manifest, table: Table) -> bytes | None:
    """Return the digest of a table's rows; None where a row, or a mask in it, has another than it says."""
    whole, of_row = TableDigest(table), RowDigest(table)
    sizes = FrameSizes(manifest) if table.name == MASKS.name else None
    for batch in manifest.iter_batches(table.name):
        columns = batch.to_pydict()
        whole.update(columns)
        for row in zip(*columns.values(), strict=True):
            values = dict(zip(columns, row, strict=True))
            if of_row(row) != values["row_digest"]:
                return None
            if sizes is not None and not _has_its_masks(values, sizes):
                return None
    return whole.rows


def _has_its_masks(values: dict[str, Any], sizes: FrameSizes) -> bool:
    """Return whether the codes of a row of ``masks`` have the digests beside them; withheld ones are not looked at."""
    size = sizes.find(values["clip_id"], values["frame_idx"])
    codes = {"clean": values["clean_rle"], "noisy": values["noisy_rle"]}
    return all(
        code is None or (size is not None and Rle(*size, code, 0).digest() == values[f"{side}_digest"])
        for side, code in codes.items()
    )


def local_folder(path: str | Path) -> Path:
    """Return the folder that a path names, or the one in the cache that an address was fetched into; see above."""
    address = find_address(path)
    return Path(path) if address is None else fetch_manifest(address)
