"""A large table of a manifest, in files that processes share: a row group is unpacked once, and mapped by all.

Parquet is packed, so that a row costs its whole row group; what is read in any order, again and again, is better left
lying unpacked. The files go into the user's cache folder, are named by what they were made of, and may be removed at
any time. Where they cannot be written or are damaged, row groups are unpacked in memory.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from hashlib import blake2b
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actiseg_noise.borders.json_object import file_stamp
from actiseg_noise.borders.roots import cache_folder
from actiseg_noise.borders.writing import WriteError, whole_file
from actiseg_noise.key import encode_part
from actiseg_noise.manifest.parquet import TableFile
from actiseg_noise.manifest.read import Manifest, completed, stored_columns

if TYPE_CHECKING:
    import pyarrow as pa

FOLDER = "tables"
OPEN_GROUPS = 256
"""Row groups that a process has mapped at a time."""
_VERSION = "1"


class MappedTable:
    """Rows of a table in any order, from files that are mapped into memory. Pickles without what is mapped.

    Args:
        columns: of the rows.

    Raises:
        ManifestError: a file of the table cannot be read.
    """

    def __init__(self, manifest: Manifest, name: str, columns: Sequence[str]) -> None:
        self._table, self._columns = manifest.schema_of(name), tuple(columns)
        self._groups: list[tuple[Path, int]] = []
        sizes: list[int] = []
        state = blake2b(digest_size=16)
        for part in (_VERSION, manifest.digest, name, *columns):
            state.update(encode_part(part))
        for path in manifest.files_of(name):
            state.update(encode_part(str(file_stamp(path))))
            with TableFile(path, self._table) as file:
                self._groups += [(path, number) for number in range(len(file.group_rows))]
                sizes += file.group_rows
        self._starts = [0, *accumulate(sizes)]
        self._folder = cache_folder() / FOLDER / state.hexdigest()
        self._open: OrderedDict[int, pa.Table] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": OrderedDict()}

    def slice(self, start: int, stop: int) -> pa.Table:
        """Return the rows ``start`` … ``stop - 1``."""
        import pyarrow as pa

        parts = []
        while start < stop:
            group = bisect_right(self._starts, start) - 1
            end = min(stop, self._starts[group + 1])
            parts.append(self._group(group).slice(start - self._starts[group], end - start))
            start = end
        if not parts:
            return self._group(0).slice(0, 0)
        return parts[0] if len(parts) == 1 else pa.concat_tables(parts)

    def _group(self, group: int) -> pa.Table:
        """Return a row group."""
        if group not in self._open:
            self._open[group] = self._map(group)
            if len(self._open) > OPEN_GROUPS:
                self._open.popitem(last=False)
        self._open.move_to_end(group)
        return self._open[group]

    def _map(self, group: int) -> pa.Table:
        """Return a row group from its file, which is written where it is missing or damaged."""
        import pyarrow as pa

        path = self._folder / f"{group:06d}.arrow"
        for _ in range(2):
            with suppress(OSError, pa.ArrowException):
                return pa.ipc.open_file(pa.memory_map(str(path))).read_all()
            try:
                self._write(path, rows := self._read(group))
            except WriteError:
                return rows
        return self._read(group)

    def _read(self, group: int) -> pa.Table:
        """Return a row group from the manifest, its values checked."""
        path, number = self._groups[group]
        with TableFile(path, self._table) as file:
            rows = file.read_group(number, stored_columns(self._table, self._columns))
        return completed(rows, self._table.name, self._columns)

    def _write(self, path: Path, rows: pa.Table) -> None:
        import pyarrow as pa

        with (
            whole_file(path) as partial,
            pa.OSFile(str(partial), "wb") as sink,
            pa.ipc.new_file(sink, rows.schema) as to,
        ):
            to.write_table(rows)
