"""Compare a manifest with its dataset: build every row again and name the first that differs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from actiseg_noise.datasets.base import Dataset
from actiseg_noise.manifest.read import Manifest
from actiseg_noise.manifest.schema import TABLES, Table
from actiseg_noise.manifest.verify import Finding
from actiseg_noise.pipeline.build import find_thresholds
from actiseg_noise.pipeline.chunk import Worker, split_chunks
from actiseg_noise.pipeline.progress import Progress
from actiseg_noise.pipeline.request import Request, find_vocabulary, make_request

_ADVICE = "the dataset on disk, or the manifest, is not what it was; build again or fetch the right files"
_WITHHELD = ("clean_rle", "noisy_rle", "void_rle")

Row = tuple[Any, ...]


def compare_with_dataset(
    manifest: Manifest,
    *,
    root: str | Path | None = None,
    dataset: Dataset | None = None,
    progress: Progress | None = None,
) -> list[Finding]:
    """Return the first difference per table between a manifest and what its dataset gives now.

    Args:
        root: the dataset's folder. dataset: the adapter, for one that is not registered.

    Raises:
        ActisegError: the dataset is not there, or cannot be read.
    """
    request = _request(manifest, root, dataset)
    findings = _compare_vocabulary(manifest, request)
    thresholds = find_thresholds(request) if request.recipe.exact_rate else None
    worker = Worker(request.job(thresholds))
    stored = {table.name: _Stored(manifest, table) for table in TABLES}
    for chunk in split_chunks(request.iter_clips(), request.content):
        rows, _ = worker.rows(chunk)
        for name, table_rows in rows.items():
            stored[name].compare(table_rows)
        if progress is not None:
            progress.advance(len(chunk), manifest.info.counts["clips"])
    return findings + [finding for table in stored.values() if (finding := table.finish()) is not None]


def _request(manifest: Manifest, root: str | Path | None, dataset: Dataset | None) -> Request:
    """Return the request that a build of this manifest would make, with the manifest's own vocabulary."""
    info = manifest.info
    return make_request(
        info.dataset["name"] if dataset is None else dataset,
        root=root,
        split=info.split,
        recipe=info.recipe,
        content="text" if info.content == "text" else "full",
        vocabulary=manifest.vocabulary,
        options=info.dataset["options"],
        skip_missing=bool(info.skipped),
        allow_eval=True,
        limit=info.selection.get("limit"),
        clips=info.selection.get("clips"),
    )


def _compare_vocabulary(manifest: Manifest, request: Request) -> list[Finding]:
    """Collect the vocabulary again, unless it came from a file."""
    origin = manifest.vocabulary.origin
    if origin not in ("dataset", "train"):
        return []
    expected, found = find_vocabulary(request.dataset, origin).digest(), manifest.vocabulary.digest()
    return [] if expected == found else [Finding(f"vocabulary ({origin}), digest", expected, found, _ADVICE)]


class _Stored:
    """A stored table, read in step with the rows that the dataset gives."""

    def __init__(self, manifest: Manifest, table: Table) -> None:
        self.table = table
        self.finding: Finding | None = None
        self._names = [column.name for column in table.columns]
        self._ignored = set(_WITHHELD) if manifest.info.content == "recipe-only" else set()
        self._rows = self._read(manifest)

    def _read(self, manifest: Manifest) -> Iterator[Row]:
        """Yield the stored rows."""
        for batch in manifest.iter_batches(self.table.name, self._names):
            yield from zip(*batch.to_pydict().values(), strict=True)

    def compare(self, rebuilt: list[Row]) -> None:
        """Compare the next stored rows with ``rebuilt``, until the first difference."""
        for expected in rebuilt if self.finding is None else ():
            found = next(self._rows, None)
            if found is None:
                self.finding = Finding(self._where(expected), "this row", "the table ends before it", _ADVICE)
            elif found != expected:
                self.finding = self._difference(expected, found)
            if self.finding is not None:
                return

    def _difference(self, expected: Row, found: Row) -> Finding | None:
        """Return the first column that differs; a key that differs means a row too many or too few."""
        if self._key(expected) != self._key(found):
            return Finding(self._where(expected), f"{self._key(expected)}", f"{self._key(found)}", _ADVICE)
        for name, one, other in zip(self._names, expected, found, strict=True):
            if one != other and name not in self._ignored:
                return Finding(f"{self._where(expected)}, column {name}", repr(one), repr(other), _ADVICE)
        return None

    def finish(self) -> Finding | None:
        """Return the difference, the last possible one being stored rows that the dataset does not give."""
        if self.finding is None and (extra := next(self._rows, None)) is not None:
            return Finding(self._where(extra), "no such row", "a row", _ADVICE)
        return self.finding

    def _key(self, row: Row) -> Row:
        """Return the row's unique key."""
        return tuple(row[self._names.index(name)] for name in self.table.sort_by)

    def _where(self, row: Row) -> str:
        """Return ``samples.parquet, row clip_id='a', object_id=3``."""
        parts = (f"{name}={value!r}" for name, value in zip(self.table.sort_by, self._key(row), strict=True))
        return f"{self.table.file_name}, row {', '.join(parts)}"
