"""Whether any number of texts are all different, in bounded memory: digests of what is too much lie in a file."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO

import numpy as np
import numpy.typing as npt

TEXTS_HELD = 2**16
DIGESTS_HELD = 2**20
_BYTES = 16


class Distinct:
    """Takes in texts and tells whether one comes twice. A context manager.

    A text that is one of the first ``TEXTS_HELD`` is known at once; of others ``find_repeated`` says so.
    """

    def __init__(self) -> None:
        self._held: set[str] = set()
        self._file: IO[bytes] | None = None
        self._count = 0

    def __enter__(self) -> Distinct:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, text: str) -> bool:
        """Take in a text; return False where it is known to be there already."""
        if text in self._held:
            return False
        if len(self._held) < TEXTS_HELD:
            self._held.add(text)
            return True
        if self._file is None:
            self._file = TemporaryFile()  # noqa: SIM115 - closed on leaving
        self._file.write(digest_of(text))
        self._count += 1
        return True

    def find_repeated(self) -> bytes | None:
        """Return the digest of a text that came twice among those that are not held, None where there is none."""
        parts = -(-self._count // DIGESTS_HELD)
        for part in range(parts):
            rows = np.concatenate([block[block["first"] % np.uint64(parts) == part] for block in self._blocks()])
            found, counts = np.unique(rows, return_counts=True)
            if (counts > 1).any():
                return bytes(found[counts > 1][0].tobytes())
        return None

    def _blocks(self) -> Iterator[npt.NDArray[np.void]]:
        """Yield all digests, some at a time."""
        if self._file is not None:
            self._file.seek(0)
            while block := self._file.read(_BYTES * DIGESTS_HELD):
                yield np.frombuffer(block, [("first", np.uint64), ("last", np.uint64)])


def digest_of(text: str) -> bytes:
    """Return what ``find_repeated`` gives of a text."""
    return blake2b(text.encode(), digest_size=_BYTES).digest()
