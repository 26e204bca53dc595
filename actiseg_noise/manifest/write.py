"""Write a manifest folder from batches of rows in order: bounded row groups, digests on the way, manifest.json last."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actiseg_noise.borders.folders import list_names
from actiseg_noise.borders.writing import WriteError, move, write_json
from actiseg_noise.manifest.bulk import BatchColumns, add_batch
from actiseg_noise.manifest.digest import TableDigest, manifest_digest
from actiseg_noise.manifest.info import INFO_NAME, VOCABULARY_NAME, ManifestInfo
from actiseg_noise.manifest.schema import MASKS, TABLES, Table
from actiseg_noise.vocabulary import Vocabulary

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_PER_GROUP = 16_384
BATCHES_WAITING = 64  # joined when there are more: what Arrow keeps of a batch of few rows is larger than the rows
MASKS_PER_GROUP = 2_048  # a row of masks is ten times as long as any other
ROWS_PER_FILE, BYTES_PER_FILE = 524_288, 2**28
"""A table's file is closed by the row group with which it has so many rows, or bytes; what follows begins another."""
# A dictionary of values that hardly repeat costs room (a twentieth of a masks table) and saves no time.
_ALL_DIFFERENT = ("row_digest", "sample_id", "address", "iou", "clean_rle", "noisy_rle", "clean_digest", "noisy_digest")


class TableWriter:
    """One table: a Parquet file, or shards, in row groups of a fixed number of rows whatever the batches' sizes.

    Args:
        shard_bytes: a shard is closed by the row group with which it reaches this size, and one shard has a shard's
            name, too, as publications have it; None: one file, and shards where ``ROWS_PER_FILE`` or
            ``BYTES_PER_FILE`` ask for them.
        level: of zstd, 1–22; None: the quickest.
    """

    def __init__(self, folder: Path, table: Table, *, shard_bytes: int | None = None, level: int | None = None) -> None:
        self.digest = TableDigest(table)
        self.count = 0
        self._folder = folder
        self._table = table
        self._schema = table.arrow()
        self._group = min(MASKS_PER_GROUP, ROWS_PER_GROUP) if table.name == MASKS.name else ROWS_PER_GROUP
        self._shard_bytes = shard_bytes
        self._level = level
        self._paths: list[Path] = []
        self._file: _ParquetFile | None = None
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0
        self._open()

    def append(self, batch: pa.RecordBatch) -> Mapping[str, list[Any]]:
        """Add rows that follow those already written; return them as a list per column."""
        import pyarrow as pa

        add_batch(self.digest, batch)
        self.count += batch.num_rows
        self._waiting.append(batch)
        self._waiting_rows += batch.num_rows
        if len(self._waiting) >= BATCHES_WAITING:
            self._waiting = pa.Table.from_batches(self._waiting).combine_chunks().to_batches()
        if self._waiting_rows >= self._group:
            self._write_waiting(least=self._group)
        return BatchColumns(batch)

    def close(self) -> None:
        """Write what is left, close the file, and give shards their names, which say how many there are."""
        self._write_waiting()
        if self._file is not None:
            self._file.close()
            self._file = None
        is_whole = len(self._paths) == 1 and self._shard_bytes is None
        for index, path in enumerate(() if is_whole else self._paths):
            move(path, self._folder / self._table.shard_name(index, len(self._paths)))
        self._paths = []

    def _open(self) -> _ParquetFile:
        """Open the table's file, or its next shard."""
        is_whole = not self._paths and self._shard_bytes is None
        name = self._table.file_name if is_whole else f"{self._table.name}.part-{len(self._paths):05d}"
        self._paths.append(self._folder / name)
        self._file = _ParquetFile(self._paths[-1], self._schema, self._level)
        return self._file

    def _write_waiting(self, least: int = 1) -> None:
        """Write the waiting rows in groups, as long as ``least`` rows are left for one."""
        import pyarrow as pa

        waiting = pa.Table.from_batches(self._waiting, self._schema)
        while waiting.num_rows >= least:
            file = self._file or self._open()
            file.write(waiting.slice(0, self._group))
            waiting = waiting.slice(self._group)
            if self._is_full(file):
                file.close()
                self._file = None
        self._waiting, self._waiting_rows = waiting.to_batches(), waiting.num_rows

    def _is_full(self, file: _ParquetFile) -> bool:
        """Return whether what follows begins another file."""
        if self._shard_bytes is not None:
            return file.size >= self._shard_bytes
        return file.rows >= ROWS_PER_FILE or file.size >= BYTES_PER_FILE


class _ParquetFile:
    """A Parquet file, on disk or (path None) in memory, that knows how large it has become.

    Attributes:
        rows: number of those written so far.
    """

    def __init__(self, path: Path | None, schema: pa.Schema, level: int | None) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._path = path
        self.rows = 0
        with self._named():
            self._sink = pa.BufferOutputStream() if path is None else pa.OSFile(str(path), "wb")
        repeating = [name for name in schema.names if name not in _ALL_DIFFERENT]
        self._writer = pq.ParquetWriter(
            self._sink, schema, compression="zstd", compression_level=level, use_dictionary=repeating
        )

    @property
    def size(self) -> int:
        """Return the bytes written so far."""
        return int(self._sink.tell())

    def write(self, rows: pa.Table) -> None:
        """Write rows as one row group."""
        with self._named():
            self._writer.write_table(rows, row_group_size=ROWS_PER_GROUP)
        self.rows += rows.num_rows

    def finish(self) -> None:
        """Write the footer."""
        with self._named():
            self._writer.close()

    def close(self) -> None:
        """Write the footer and close the file."""
        self.finish()
        with self._named():
            self._sink.close()

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Let an error of the system name the file; Arrow's do not."""
        try:
            yield
        except OSError as error:
            if self._path is None:
                raise
            raise WriteError(self._path, error) from None


def parquet_size(table: Table, rows: pa.Table) -> int:
    """Return the bytes that rows take as a table's file, written in memory."""
    file = _ParquetFile(None, table.arrow(), None)
    file.write(rows)
    file.finish()
    return file.size


class ManifestWriter:
    """A manifest folder in the making. Use as a context manager; ``finish`` makes it a manifest.

    ``shard_bytes`` and ``level`` are those of ``TableWriter``.

    Args:
        tables: the schema's.
    """

    def __init__(
        self,
        folder: Path,
        tables: Sequence[Table] = TABLES,
        *,
        shard_bytes: int | None = None,
        level: int | None = None,
    ) -> None:
        self.folder = folder
        self.tables = {t.name: TableWriter(folder, t, shard_bytes=shard_bytes, level=level) for t in tables}

    def __enter__(self) -> ManifestWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for table in self.tables.values():
            with suppress(Exception) if kind else nullcontext():  # what went wrong first is what is said
                table.close()

    def append(self, name: str, batch: pa.RecordBatch) -> Mapping[str, list[Any]]:
        """Add rows to the table called ``name``; return them as a list per column."""
        return self.tables[name].append(batch)

    def finish(self, make_info: Callable[[Digests], ManifestInfo], vocabulary: Vocabulary) -> ManifestInfo:
        """Close the tables, write the vocabulary and, last, ``manifest.json``; return what it says."""
        for table in self.tables.values():
            table.close()
        write_json(self.folder / VOCABULARY_NAME, vocabulary.to_json())
        info = make_info(Digests(self))
        write_json(self.folder / INFO_NAME, info.to_json())
        return info


class Digests:
    """What the writer counted and hashed, ready for ``manifest.json``."""

    def __init__(self, writer: ManifestWriter) -> None:
        raw = {name: table.digest.rows for name, table in writer.tables.items()}
        self.digest = manifest_digest(raw)
        self.tables = {name: value.hex() for name, value in raw.items()}
        self.columns = {name: table.digest.columns for name, table in writer.tables.items()}
        self.counts = {name: table.count for name, table in writer.tables.items()}
        self.files = {name: (writer.folder / name).stat().st_size for name in list_names(writer.folder)}
