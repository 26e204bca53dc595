"""Files that are there whole or not at all, and their digests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b, file_digest
from pathlib import Path

from actiseg_noise.errors import ActisegError


@contextmanager
def whole_file(path: Path, *refusals: type[Exception]) -> Iterator[Path]:
    """Give a place beside ``path`` to write to; what was written takes its name at the end, or is removed.

    Args:
        refusals: how a library that writes says that the system refused, beside OSError.

    Raises:
        ActisegError: the system refused a write, as on a full disk; the message says where.
    """
    partial = path.with_name(f".{path.name}.partial")
    refused: tuple[type[Exception], ...] = (OSError, *refusals)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        partial.replace(path)
    except refused as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ActisegError(f"{path}: cannot be written ({reason}); nothing half-written is left there") from None
    finally:
        partial.unlink(missing_ok=True)


def digest_file(path: Path) -> str:
    """Return the BLAKE2b hex (32 characters) of a file's bytes, read a little at a time."""
    with path.open("rb") as file:
        return file_digest(file, lambda: blake2b(digest_size=16)).hexdigest()
