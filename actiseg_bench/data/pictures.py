"""The digest of a manifest's pictures: the labels are under the manifest's own digest, what is trained on is not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

from actiseg_bench.data.image_root import check_usable, missing_advice, relative_path
from actiseg_noise.borders.images import check_whole
from actiseg_noise.borders.json_object import file_stamp
from actiseg_noise.borders.writing import digest_file
from actiseg_noise.errors import DataError
from actiseg_noise.key import encode_part
from actiseg_noise.manifest.read import Manifest

_READERS = 4
_KEPT = 1_000_000


def pictures_digest(manifest: Manifest, root: str | Path | None = None) -> str:
    """Return the BLAKE2b hex (32 characters) over names and bytes of the pictures of all annotated frames.

    A file is hashed once per process, as long as its size and time of change stay the same.

    Args:
        root: folder of the images; None is the dataset's usual place.

    Raises:
        DataError: a picture is missing, breaks off or cannot be read; the manifest names none, or one outside the
            folder.
    """
    folder = check_usable(manifest, root)
    places = dict(_annotated(manifest))
    with ThreadPoolExecutor(_READERS) as pool:
        digests = pool.map(lambda name: _digest(folder, name, manifest, places[name]), sorted(places))
        return combined(zip(sorted(places), digests, strict=True))


def combined(files: Iterable[tuple[str, str]]) -> str:
    """Return the digest of (name, digest) pairs."""
    state = blake2b(digest_size=16)
    for name, digest in files:
        state.update(encode_part(name) + encode_part(digest))
    return state.hexdigest()


def _annotated(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Yield (image path, where it is named) of the annotated frames of clips with samples."""
    shown = set(manifest.table("samples", ["clip_id"])["clip_id"].to_pylist())
    for batch in manifest.iter_batches("frames", ["clip_id", "frame_id", "image_path", "is_annotated"]):
        for row in batch.to_pylist():
            if row["is_annotated"] and row["clip_id"] in shown:
                where = f"clip {row['clip_id']}, frame {row['frame_id']}"
                yield relative_path(row["image_path"], f"{manifest.path}: {where}"), where


def _digest(folder: Path, name: str, manifest: Manifest, where: str) -> str:
    """Return the digest of one picture."""
    path = folder / name
    try:
        return _digest_of(path, *file_stamp(path))
    except DataError as error:
        raise DataError(f"{error} ({where}).{missing_advice(path, folder, manifest, name)}") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}; {where})") from None


@lru_cache(_KEPT)
def _digest_of(path: Path, changed_ns: int, size: int) -> str:
    check_whole(path)
    return digest_file(path)
