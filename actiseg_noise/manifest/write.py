"""Write a manifest folder from batches of rows in order: bounded row groups, digests on the way, manifest.json last."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actiseg_noise.manifest.digest import TableDigest, manifest_digest
from actiseg_noise.manifest.info import INFO_NAME, VOCABULARY_NAME, ManifestInfo
from actiseg_noise.manifest.schema import TABLES, Table
from actiseg_noise.vocabulary import Vocabulary

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_PER_GROUP = 16_384
_ALL_DIFFERENT = ("row_digest", "sample_id", "address")  # a dictionary of their values would only cost


class TableWriter:
    """One Parquet file, written in row groups of ``ROWS_PER_GROUP`` rows whatever the batches' sizes."""

    def __init__(self, folder: Path, table: Table) -> None:
        import pyarrow.parquet as pq

        self.digest = TableDigest(table)
        self.count = 0
        self._schema = table.arrow()
        repeating = [column.name for column in table.columns if column.name not in _ALL_DIFFERENT]
        self._writer = pq.ParquetWriter(
            folder / table.file_name, self._schema, compression="zstd", use_dictionary=repeating
        )
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0

    def append(self, batch: pa.RecordBatch) -> dict[str, list[Any]]:
        """Add rows that follow those already written; return them as a list per column."""
        columns = batch.to_pydict()
        self.digest.update(columns)
        self.count += batch.num_rows
        self._waiting.append(batch)
        self._waiting_rows += batch.num_rows
        if self._waiting_rows >= ROWS_PER_GROUP:
            self._write_waiting()
        return columns

    def close(self) -> None:
        """Write what is left and close the file."""
        self._write_waiting()
        self._writer.close()

    def _write_waiting(self) -> None:
        """Write the waiting rows, the last group being what is left."""
        import pyarrow as pa

        if self._waiting:
            self._writer.write_table(pa.Table.from_batches(self._waiting, self._schema), row_group_size=ROWS_PER_GROUP)
        self._waiting, self._waiting_rows = [], 0


class ManifestWriter:
    """A manifest folder in the making. Use as a context manager; ``finish`` makes it a manifest."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tables = {table.name: TableWriter(folder, table) for table in TABLES}

    def __enter__(self) -> ManifestWriter:
        return self

    def __exit__(self, *_: object) -> None:
        for table in self.tables.values():
            table.close()

    def append(self, name: str, batch: pa.RecordBatch) -> dict[str, list[Any]]:
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
        self.files = {path.name: path.stat().st_size for path in sorted(writer.folder.iterdir())}


def write_json(path: Path, data: object) -> None:
    """Write JSON for people: indented, non-ASCII as it is, a newline at the end."""
    path.write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", "utf-8")
