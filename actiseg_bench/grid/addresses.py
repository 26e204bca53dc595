"""Folders of results by address: fetched into the cache, held against their digests; and written there."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path, PurePosixPath

from actiseg_bench.grid.collect import Collected, collect_runs
from actiseg_bench.grid.plan import MANIFESTS
from actiseg_bench.grid.submittable import check_what_is_there
from actiseg_bench.results.memorised import TRAINING_PREDICTIONS_NAME
from actiseg_bench.results.networks import PREDICTIONS_NAME
from actiseg_bench.results.result import MOST_BYTES, RESULT_NAME, find_results
from actiseg_bench.results.stored import SUBMITTED_NAME
from actiseg_bench.scoring.object_frames import FILE_NAME as OBJECT_FRAMES_NAME
from actiseg_noise.borders.drafts import FolderDraft, remove_folder
from actiseg_noise.borders.folders import walk_files
from actiseg_noise.borders.remote import Address, RemoteError, RemoteFolder, find_address, upload_folder
from actiseg_noise.borders.roots import cache_folder
from actiseg_noise.borders.writing import write_bytes
from actiseg_noise.errors import ActisegError, ActisegWarning, raise_if

_STORED = (PREDICTIONS_NAME, OBJECT_FRAMES_NAME, TRAINING_PREDICTIONS_NAME)
_TABLES = tuple(name.removesuffix(".parquet") for name in _STORED)
_KINDS = (".json", ".parquet", ".safetensors", ".toml")


def local_runs(path: Path) -> Path:
    """Return the folder of runs that a path names, or the one in the cache that an address was fetched into.

    Of an address results, tables, predictions and manifests are fetched, no checkpoint. With ``#digest=`` it is fetched
    once; else its results are looked at by each command, and the rest is fetched where they have changed.

    Raises:
        MissingExtraError: ``fsspec`` is not installed.
        RemoteError: nobody answers, no run is there, or what is there is not what its digests say.
    """
    address = find_address(path)
    return path if address is None else _fetched(address)


def _fetched(address: Address) -> Path:
    """Return where the runs of an address are in the cache, after fetching them where that is needed."""
    place = cache_folder() / "results"
    pinned = place / _name(str(address))
    if address.digest is not None and pinned.is_dir():
        return pinned
    there = RemoteFolder(address)
    sizes = {name: size for name, size in there.sizes().items() if _is_safe(name)}
    stated = {name: there.read(name, MOST_BYTES) for name in sizes if PurePosixPath(name).name == RESULT_NAME}
    why = "no finished run there, or nobody answers; is the address right, and may you use it?"
    raise_if(not stated, f"{address}: {why}", RemoteError)
    digest = results_digest(stated)
    if address.digest is None:
        said = f"{address} may change at any time; with #digest={digest} after it, it is these results or an error"
        warnings.warn(said, ActisegWarning, stacklevel=3)
    elif not digest.startswith(address.digest):
        raise RemoteError(
            f"{address.folder}: expected results with the digest {address.digest}, found {digest}: they are others "
            "than those that were meant"
        )
    wanted = {name: size for name, size in sizes.items() if _is_wanted(name, stated)}
    folder = pinned if address.digest is not None else place / _name(f"{address}\n{digest}\n{sorted(wanted.items())}")
    if not folder.is_dir():
        _fetch(there, stated, wanted, folder)
    return folder


def results_digest(stated: Mapping[str, bytes]) -> str:
    """Return the digest of a folder's runs, BLAKE2b hex (64 characters).

    It is over, for each ``result.json`` in the order of their paths, the path, a newline and the BLAKE2b of 32 bytes of
    the file. A result states the digests of its predictions and labels.
    """
    state = blake2b(digest_size=32)
    for name in sorted(stated):
        state.update(f"{name}\n".encode() + blake2b(stated[name], digest_size=32).digest())
    return state.hexdigest()


def collect_to(
    sources: Sequence[Path],
    address: Address,
    *,
    on_run: Callable[[int, int], None] | None = None,
    log: Callable[[str], None] = lambda _: None,
) -> Collected:
    """Bring runs of several places together at an address where none are, results last.

    Raises:
        ActisegError: runs are there already, or see :func:`collect_runs`. RemoteError: it cannot be written.
    """
    raise_if(address.digest is not None, f"--out {address}: results are written there; leave out #digest=…")
    raise_if(
        address.scheme in ("http", "https"),
        f"--out {address}: addresses of the web are read, not written; name the place behind it, as hf://… or s3://…",
    )
    there = set(RemoteFolder(address).sizes())
    if any(PurePosixPath(name).name == RESULT_NAME for name in there):
        raise ActisegError(f"--out {address}: runs are there; give that address as one more source, and another --out")
    room = cache_folder() / "collecting" / _name(str(address))
    remove_folder(room)
    try:
        found = collect_runs(sources, room, on_run=on_run)
        files = (path for kind in _KINDS for path in walk_files(room, kind))
        names = sorted((path.relative_to(room).as_posix() for path in files), key=_turn)
        if others := sorted(there - set(names)):
            raise ActisegError(
                f"--out {address}: files are there that are no runs, the first {others[0]}; choose another"
            )
        upload_folder(room, names, address, log)
    finally:
        remove_folder(room)
    return found


def _turn(name: str) -> tuple[bool, str]:
    """Return when a file is written: what makes a folder a run last."""
    return PurePosixPath(name).name == RESULT_NAME, name


def _name(text: str) -> str:
    """Return the name in the cache of what an address gives."""
    return blake2b(text.encode(), digest_size=16).hexdigest()


def _is_safe(name: str) -> bool:
    """Return whether a name that somebody chose stays inside of a folder and is not hidden."""
    parts = name.split("/")
    return "\\" not in name and ":" not in name and not any(part.startswith(".") or not part for part in parts)


def _is_wanted(name: str, stated: Mapping[str, bytes]) -> bool:
    """Return whether a file is of a run, or of the labels of one."""
    folder, _, own = name.rpartition("/")
    if f"{folder}/{RESULT_NAME}".lstrip("/") in stated:
        return own in (RESULT_NAME, SUBMITTED_NAME) or (own.endswith(".parquet") and own.startswith(_TABLES))
    return name.startswith(f"{MANIFESTS}/")


def _fetch(there: RemoteFolder, stated: Mapping[str, bytes], wanted: Mapping[str, int], folder: Path) -> None:
    """Fetch runs whose results are known into ``folder``, whole and checked, or not at all."""
    address = there.address
    with FolderDraft(folder, lambda _: None, what="download", advice="wait for it", wait=True) as draft:
        if folder.is_dir():  # another process was first
            return
        for name, size in wanted.items():
            (draft.path / name).parent.mkdir(parents=True, exist_ok=True)
            if name in stated:
                write_bytes(draft.path / name, stated[name])
            else:
                there.fetch(name, draft.path / name, size)
        try:
            for path in find_results(draft.path):
                check_what_is_there(path)
        except ActisegError as error:
            raise RemoteError(f"{address}: {str(error).replace(f'{draft.path}/', '')}") from None
        draft.commit()
