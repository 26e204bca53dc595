"""One pass over one table of a manifest, part by part, and its wrong rows, laid out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from actiseg_noise.building.counts import Severity
from actiseg_noise.check.findings import FETCH, Comparison, Finding, describe_row
from actiseg_noise.check.part import (
    COUNTS,
    DIGESTS,
    MAX_OTHERS,
    MAX_ROWS,
    ORDER,
    RUN_LENGTHS,
    SCHEMA,
    PartCheck,
    Trouble,
    where_is,
)
from actiseg_noise.check.pieces import Pieces
from actiseg_noise.manifest.bulk import add_batch
from actiseg_noise.manifest.digest import TableDigest
from actiseg_noise.manifest.parquet import TableFile
from actiseg_noise.manifest.parts import Part, parts_of
from actiseg_noise.manifest.read import Manifest
from actiseg_noise.manifest.rows import ClipSpan, FrameSizes, frame_size
from actiseg_noise.manifest.schema import MASKS, Table

if TYPE_CHECKING:
    from pyarrow import RecordBatch


class TableCheck:
    """One pass over one table, part by part.

    Attributes:
        found: what is wrong, by what was checked. is_fit: False once a cell is met that no digest is defined for.
        digest: of the rows, where they are fit.
        codes: how many run-length codes were read. realised: noise id → rows, or clips' narrations, that it changed.

    Args:
        severity: takes in the rows too, as long as all cells are fit.
    """

    def __init__(self, manifest: Manifest, table: Table, severity: Severity, *, with_sizes: bool = True) -> None:
        self.manifest = manifest
        self.table = table
        self.digest: TableDigest | Digested = TableDigest(table)
        self.realised: Counter[str] = Counter()
        self.is_fit = True
        self.found: dict[str, list[Finding]] = {name: [] for name in (SCHEMA, COUNTS, ORDER, DIGESTS, RUN_LENGTHS)}
        self.codes = 0
        self._severity = severity
        self._with_sizes = with_sizes
        self._last: PartCheck | None = None
        self._narrated: tuple[str, str] | None = None
        self._edited = Trouble()
        self._contradicted = Trouble()
        self._rows = 0

    def read(self, pieces: Pieces, digested: Callable[[], Digested | None] | None = None) -> None:
        """Read the table; where very much is wrong in it, no further than that.

        Args:
            digested: gives the table's digest, where that is another's work.
        """
        parts = parts_of(self.manifest, self.table.name)
        digest = self.digest if digested is None and isinstance(self.digest, TableDigest) else None
        last: Part | None = None
        more = () if digest is None else (digest,)
        checks = pieces.map(check_part, ((self.table.name, part, self._with_sizes, *more) for part in parts))
        for part, check in zip(parts, checks, strict=True):
            was_fit = self.is_fit
            self._add(check, part, last)
            if check.is_hopeless or self._is_hopeless():
                self.is_fit = False
                return
            last = part if was_fit else last
        if digested is not None and self.is_fit:
            self.digest = digested() or self.digest
        self._show_rows()
        self._count_rows()

    def _add(self, check: PartCheck, part: Part, last: Part | None) -> None:
        """Take in the next part; of rows after a cell that is not fit, cells and counts alone."""
        self._rows += check.rows
        self.realised += check.realised
        if check.narrated:
            self.realised[check.narrated[0][1]] -= check.narrated[0] == self._narrated
            self._narrated = check.narrated[-1]
        if self.is_fit:
            order = [*self._between(check, part, last), *check.found[ORDER]]
            self.found[ORDER] = [*self.found[ORDER], *order][:MAX_ROWS]
            self._last = check if check.last is not None else self._last
            self.codes += check.codes
            self._edited.join(check.edited)
            self._contradicted.join(check.contradicted)
            self._severity.join(check.severity)
        self.found[SCHEMA] = [*self.found[SCHEMA], *check.found[SCHEMA]][:MAX_ROWS]
        self.is_fit = self.is_fit and check.is_fit

    def _between(self, check: PartCheck, part: Part, last: Part | None) -> Iterator[Finding]:
        """Yield where the first row of a part does not follow the last one before it."""
        before = None if self._last is None else self._last.last
        if before is None or check.first is None or check.first > before:
            return
        where = where_is(self.table, dict(zip(self.table.sort_by, check.first, strict=True)))
        expected = f"a key above {before}"
        if last is not None and last.path != part.path:
            where = where.replace(self.table.file_name, part.path.name, 1)
            expected += f", the last of {last.path.name}"
        yield Finding(where, expected, str(check.first))

    def _is_hopeless(self) -> bool:
        """Return whether there are as many findings about cells or the order as are shown."""
        return max(len(self.found[SCHEMA]), len(self.found[ORDER])) >= MAX_ROWS

    def _count_rows(self) -> None:
        """Hold the number of rows against ``manifest.json``, and say which of several files are not those it lists."""
        info = self.manifest.info
        stated, found = info.counts[self.table.name], str(self._rows)
        if stated == self._rows:
            return
        paths = self.manifest.files_of(self.table.name)
        others = [path.name for path in paths if path.stat().st_size != info.files[path.name]]
        if len(paths) > 1 and others:
            found += f" (of another size than listed: {', '.join(others[:MAX_OTHERS])})"
        self.found[COUNTS].append(Finding(f"{self.table.file_name}, rows", str(stated), found))

    def _show_rows(self) -> None:
        """Add what the row and column digests, and the masks, say was edited, the first row of each kind shown."""
        edited, contradicted = self._edited, self._contradicted
        if not self.is_fit:
            self.found[RUN_LENGTHS] += contradicted.findings
            return
        stated = self.manifest.info.columns[self.table.name]
        changed = [name for name, digest in self.digest.columns.items() if stated.get(name) != digest]
        labels = [name for name in changed if name in self.table.label_columns]
        for finding in edited.summary(self._describe(edited.first, changed)):
            where = f"{finding.where}, column {', '.join(labels) or 'row_digest'}"
            self.found[DIGESTS].append(replace(finding, where=where))
        problems = contradicted.first or {"changed": ()}
        is_new = not edited.findings or not contradicted.is_about(edited)
        shown = self._describe(contradicted.first, problems["changed"]) if is_new else None
        self.found[RUN_LENGTHS] += contradicted.summary(shown)
        for name in changed:
            if name not in labels or not edited.findings:
                self.found[DIGESTS].append(self._column_finding(name, stated.get(name)))

    def _describe(self, values: dict[str, Any] | None, changed: Sequence[str]) -> Comparison | None:
        """Return a row of this table, clean beside noisy."""
        if values is None:
            return None
        size = frame_size(self.manifest, values) if self.table is MASKS else None
        return describe_row(self.table, values, changed, size)

    def _column_finding(self, name: str, stated: str | None) -> Finding:
        """Return the finding of a column that no row digest covers, or whose row digests were made again."""
        where, found = f"{self.table.file_name}, column {name}", self.digest.columns[name]
        return Finding(where, f"column digest {stated}", found, f"{FETCH}; verify with --root names the row")


class Digested(NamedTuple):
    """The digest of a table's rows and column → digest, as ``TableDigest`` has them."""

    rows: bytes
    columns: dict[str, str]


def check_part(
    manifest: Manifest, name: str, part: Part, with_sizes: bool, digest: TableDigest | None = None
) -> PartCheck:
    """Return what is found in one part of a table.

    Args:
        with_sizes: hold masks against their frames. digest: takes in the rows.
    """
    table = manifest.schema_of(name)
    sizes = FrameSizes(manifest, "void_rle", span=_span(manifest, part)) if name == MASKS.name and with_sizes else None
    check = PartCheck(manifest, table, Severity(), digest, sizes)
    check.read(_batches(manifest, part, table))
    return check


def digest_table(manifest: Manifest, name: str) -> Digested | None:
    """Return a table's digest, None where it is not defined for all cells."""
    table = manifest.schema_of(name)
    digest = TableDigest(table)
    try:
        for batch in manifest.iter_batches(name, [column.name for column in table.columns], strict=False):
            add_batch(digest, batch)
    except (TypeError, ValueError):
        return None
    return Digested(digest.rows, digest.columns)


def _batches(manifest: Manifest, part: Part, table: Table) -> Iterator[RecordBatch]:
    """Yield the rows of a part."""
    with TableFile(part.path, table, strict=False) as file:
        yield from file.iter_batches(groups=range(part.first, part.stop))


def _span(manifest: Manifest, part: Part) -> ClipSpan | None:
    """Return which frames the masks of a part may be of: those from its first clip on; None: all, from the start."""
    if part.first == 0 and part.path == manifest.files_of(MASKS.name)[0]:
        return None
    with TableFile(part.path, MASKS, strict=False) as file:
        batch = next(file.iter_batches(["clip_id"], 1, range(part.first, part.stop)), None)
    first = batch.column("clip_id")[0].as_py() if batch is not None and batch.num_rows else None
    return None if first is None else ClipSpan(first, None)
