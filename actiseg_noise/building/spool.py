"""Clips set aside on disk: a build knows how many there are before it starts, and holds a few of them at a time."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from actiseg_noise.records import Clip


@contextmanager
def spooled(clips: Iterable[Clip], folder: Path) -> Iterator[tuple[Iterator[Clip], int]]:
    """Write all clips to an unnamed file in ``folder``; give them back one after another, once, and their number."""
    with TemporaryFile(dir=folder) as file:
        total = 0
        for clip in clips:
            pickle.dump(clip, file, pickle.HIGHEST_PROTOCOL)
            total += 1
        file.seek(0)
        yield _read(file, total), total


def _read(file: IO[bytes], count: int) -> Iterator[Clip]:
    """Yield ``count`` clips from where the file stands."""
    for _ in range(count):
        yield pickle.load(file)  # noqa: S301 - this process wrote it
