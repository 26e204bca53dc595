"""One pass over one part of a table: cells, order, digests and masks, and the wrong rows, by what is wrong."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import repeat
from math import inf, isnan
from typing import TYPE_CHECKING, Any, NamedTuple

from actiseg_noise.borders.folders import is_inside
from actiseg_noise.building.counts import Severity
from actiseg_noise.check.findings import Comparison, Finding
from actiseg_noise.errors import DataError
from actiseg_noise.manifest.clips import noisy_counts
from actiseg_noise.manifest.digest import RowDigest, TableDigest
from actiseg_noise.manifest.read import Manifest
from actiseg_noise.manifest.rows import FrameSizes, iou_of_checked, overlap
from actiseg_noise.manifest.schema import NO_NOISE, RECIPE_ONLY, WITHHELD, Column, Table
from actiseg_noise.masks import Rle, Size, read_areas, read_runs

if TYPE_CHECKING:
    from pyarrow import RecordBatch

SCHEMA, COUNTS, ORDER, DIGESTS, RUN_LENGTHS = "schema", "counts", "order", "digests", "run lengths"
"""What one pass over a table checks."""
MAX_ROWS = 20
MAX_OTHERS = 5
_Fitness = tuple[str, Callable[[Any], object]]
_ANYTHING: _Fitness = ("", lambda _: True)
_INSIDE: _Fitness = ("a path inside the dataset's root", lambda path: path is None or is_inside(path))
_DIGEST: _Fitness = ("a digest of 32 hex digits", re.compile("[0-9a-f]{32}").fullmatch)

Columns = dict[str, list[Any]]


_Problem = tuple[str, str, str]


class _Measured(NamedTuple):
    """What the codes of a row of ``masks`` cover: areas in pixels, None where a code is none of its canvas, or null.

    Beside them, the canvas and the frame's pixels without label, None where there are none.
    """

    size: Size | None
    void: str | None
    clean_area: int | None
    noisy_area: int | None


class Trouble:
    """Rows with one kind of trouble: the first whole, a few more by name, the rest counted."""

    def __init__(self) -> None:
        self.first: dict[str, Any] | None = None
        self.where = ""
        self.findings: list[Finding] = []
        self._count = 0
        self._others: list[str] = []

    def add(self, where: str, values: dict[str, Any], findings: list[Finding]) -> None:
        """Take in the next row."""
        self._count += 1
        if self.first is None:
            self.first, self.where, self.findings = values, where, findings
        elif len(self._others) < MAX_OTHERS:
            self._others.append(where)

    def join(self, later: Trouble) -> None:
        """Take in the rows of a later part."""
        names = [] if later.first is None else [later.where, *later._others]
        if self.first is None:
            self.first, self.where, self.findings = later.first, later.where, later.findings
            names = names[1:]
        self._count += later._count
        self._others = [*self._others, *names][:MAX_OTHERS]

    def is_about(self, other: Trouble) -> bool:
        """Return whether the first row is that of another trouble."""
        return self.where == other.where != ""

    def summary(self, comparison: Comparison | None) -> list[Finding]:
        """Return the first row's findings; the first of them shows the row and counts the others."""
        if not self.findings:
            return []
        first = replace(self.findings[0], more=self._count - 1, others=tuple(self._others), comparison=comparison)
        return [first, *self.findings[1:]]


class PartCheck:
    """One pass over one part of a table. It is sent from worker processes without what it reads with.

    Attributes:
        found: what is wrong, by what was checked. is_fit: False once a cell is met that no digest is defined for.
        codes: how many run-length codes were read. realised: noise id → rows, or clips' narrations, that it changed.
        rows: how many were read. first, last: the keys of the first and the last row whose order was looked at.
        narrated: the first and the last clip whose narration a noise changed, with the noise.
        edited, contradicted: rows that their digests, their masks say are others.

    Args:
        severity: takes in the rows, as long as all cells are fit. digest: does so, too; None: somebody else's work.
    """

    def __init__(
        self, manifest: Manifest, table: Table, severity: Severity, digest: TableDigest | None, sizes: FrameSizes | None
    ) -> None:
        self.table = table
        self.severity = severity
        self.is_fit = True
        self.found: dict[str, list[Finding]] = {name: [] for name in (SCHEMA, ORDER)}
        self.realised: Counter[str] = Counter()
        self.codes = self.rows = 0
        self.first: tuple[Any, ...] | None = None
        self.last: tuple[Any, ...] | None = None
        self.narrated: list[tuple[str, str]] = []
        self.edited = Trouble()
        self.contradicted = Trouble()
        self._content = manifest.info.content
        self._digest = digest
        self._row_digest: RowDigest | None = RowDigest(table)
        self._sizes = sizes

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_digest": None, "_row_digest": None, "_sizes": None}

    def read(self, batches: Iterable[RecordBatch]) -> None:
        """Read the part; where very much is wrong in it, no further than that."""
        for batch in batches:
            cells = batch.to_pydict()
            columns = {column.name: cells[column.name] for column in self.table.columns}
            self.rows += batch.num_rows
            if self._check_cells(columns):
                if self._digest is not None:
                    self._digest.update(columns)
                self._check_rows(columns)
                self.severity.add(self.table.name, columns)
            for noises in (columns.get(name) or () for name in ("text_noise", "flag_noise", "mask_noise")):
                self.realised.update(name for value in noises if value for name in value.split("+"))
            self._count_narrations(columns)
            if self.is_hopeless:
                self.is_fit = False
                return

    def _count_narrations(self, columns: Columns) -> None:
        """Count the clips whose narration a noise changed, which all their rows of samples say."""
        for clip_id, noise in zip(columns["clip_id"], columns.get("narration_noise") or (), strict=False):
            if noise not in (None, NO_NOISE) and self.narrated[-1:] != [(clip_id, noise)]:
                self.realised[noise] += 1
                self.narrated = [*self.narrated[:1], (clip_id, noise)]

    @property
    def is_hopeless(self) -> bool:
        """Return whether there are as many findings about cells or the order as are shown."""
        return max(len(self.found[SCHEMA]), len(self.found[ORDER])) >= MAX_ROWS

    def _add(self, name: str, finding: Finding) -> None:
        """Keep a finding about a cell or the order, up to ``MAX_ROWS`` of each."""
        if len(self.found[name]) < MAX_ROWS:
            self.found[name].append(finding)

    def _check_cells(self, columns: Columns) -> bool:
        """Report cells that no build writes and no digest is defined for; return whether there are none."""
        for column in self.table.columns:
            cells = columns[column.name]
            expected, is_fit = _fitness(column)
            if _are_fit(column, cells, is_fit):
                continue
            for index in range(len(cells)):
                if column.null if cells[index] is None else is_fit(cells[index]):
                    continue
                where = where_is(self.table, {name: columns[name][index] for name in self.table.sort_by})
                self._add(SCHEMA, Finding(f"{where}, column {column.name}", expected or "no null", repr(cells[index])))
                self.is_fit = False
        return self.is_fit

    def _check_rows(self, columns: Columns) -> None:
        """Check order, row digests and masks, row by row."""
        masks, digest_of = self._measure(columns), self._row_digest or RowDigest(self.table)
        for row, measured in zip(zip(*columns.values(), strict=True), masks, strict=True):
            values = dict(zip(columns, row, strict=True))
            key = tuple(values[name] for name in self.table.sort_by)
            if self.last is not None and key <= self.last:
                self._add(ORDER, Finding(where_is(self.table, values), f"a key above {self.last}", str(key)))
            self.first, self.last = self.first or key, key
            if (computed := digest_of(row)) != values["row_digest"]:
                where = where_is(self.table, values)
                self.edited.add(where, values, [Finding(where, f"row digest {values['row_digest']}", computed)])
            if problems := list(self._mask_problems(values, measured)):
                where = where_is(self.table, values)
                found = [Finding(f"{where}, {name}", expected, cell) for name, expected, cell in problems]
                self.contradicted.add(where, values | {"changed": [name for name, *_ in problems]}, found)

    def _measure(self, columns: Columns) -> Iterable[_Measured | None]:
        """Return, per row, the canvas of a mask and the areas that its codes cover, all codes read in one pass."""
        if self._sizes is None:
            return repeat(None, len(columns["row_digest"]))
        frames = zip(columns["clip_id"], columns["frame_idx"], strict=True)
        found = [self._sizes.find_row(*frame) for frame in frames]
        sizes: list[Size | None] = [None if None in (height, width) else (height, width) for height, width, _ in found]
        clean = [(c, s) for c, s in zip(columns["clean_rle"], sizes, strict=True) if c is not None and s is not None]
        noisy = [(c, s) for c, s in zip(columns["noisy_rle"], sizes, strict=True) if c is not None and s is not None]
        self.codes += len(clean) + len(noisy)
        areas = iter(read_areas([code for code, _ in clean + noisy], [size for _, size in clean + noisy]))
        of_each = (
            [None if code is None or size is None else next(areas) for code, size in zip(codes, sizes, strict=True)]
            for codes in (columns["clean_rle"], columns["noisy_rle"])
        )
        return map(_Measured, sizes, (void for *_, void in found), *of_each)

    def _mask_problems(self, values: Mapping[str, Any], measured: _Measured | None) -> Iterator[_Problem]:
        """Yield (column, expected, found) for run-length codes that contradict what stands beside them."""
        yield from _content_problems(values, self._content)
        if measured is not None:
            if measured.size is None:
                yield "frame", "a row in frames.parquet", "none"
            else:
                yield from _mask_row(values, measured, measured.size)
        elif values.get("void_rle") is not None:
            yield from _void_row(values)


def where_is(table: Table, values: Mapping[str, Any]) -> str:
    """Return ``samples.parquet, row clip_id='a', object_id=3``."""
    parts = (f"{name}={values[name]!r}" for name in table.sort_by)
    return f"{table.file_name}, row {', '.join(parts)}"


def _content_problems(values: Mapping[str, Any], content: str) -> Iterator[_Problem]:
    """Yield (column, expected, found) for codes that are there or not against what ``content`` says."""
    if content == RECIPE_ONLY:
        yield from ((name, f"null (content {content})", "a code") for name in WITHHELD if values.get(name) is not None)
        return
    for name, digest in (("clean_rle", "clean_digest"), ("void_rle", "void_digest")):
        if values.get(digest) is not None and values[name] is None:
            yield name, f"a code (content {content})", "null"


def _fitness(column: Column) -> _Fitness:
    """Return what a cell of a column must be, in words and as a test."""
    if column.name == "row_digest":
        return _DIGEST
    if column.name.endswith("_path"):
        return _INSIDE
    if column.least is None:
        return _ANYTHING
    least, most = column.least, inf if column.most is None else column.most
    return column.range, lambda value: least <= value <= most


def _are_fit(column: Column, cells: Sequence[Any], is_fit: Callable[[Any], object]) -> bool:
    """Return whether all cells are fit, as ranges of numbers are seen from the smallest and the largest."""
    if None in cells:
        return False
    if column.least is not None and cells:
        has_nan = isnan(sum(cells))  # which no comparison finds
        return not has_nan and bool(is_fit(min(cells)) and is_fit(max(cells)))
    return is_fit is _ANYTHING[1] or all(map(is_fit, cells))


def _void_row(values: Mapping[str, Any]) -> Iterator[_Problem]:
    """Yield (column, expected, found) for the void pixels of one row of ``frames``."""
    size = values["height"], values["width"]
    if None in size:
        yield "void_rle", "null where the frame has no size", "a code"
        return
    digest = Rle(*size, values["void_rle"], 0).digest()
    if digest != values["void_digest"]:
        yield "void_rle", f"the digest {values['void_digest']}", digest
    elif read_areas([values["void_rle"]], [size]) == [None]:
        yield _wrong_code("void_rle", values["void_rle"], size)


def _mask_row(values: Mapping[str, Any], measured: _Measured, size: Size) -> Iterator[_Problem]:
    """Yield (column, expected, found) for one row of ``masks``; withheld codes are not checked."""
    clean, noisy = values["clean_rle"], noisy_counts(values["clean_rle"], values["noisy_rle"])
    if clean is None or noisy is None:
        if clean is not None or noisy is not None:
            yield "clean_rle", "a code beside the noisy one", "null"
        return
    digests = {"clean": Rle(*size, clean, 0).digest()}
    digests["noisy"] = digests["clean"] if noisy is clean else Rle(*size, noisy, 0).digest()
    wrong = [name for name, digest in digests.items() if digest != values[f"{name}_digest"]]
    for name in wrong:
        yield f"{name}_rle", f"the digest {values[f'{name}_digest']}", digests[name]
    if wrong:  # a damaged code is not decoded
        return
    areas = {"clean": measured.clean_area, "noisy": measured.clean_area if noisy is clean else measured.noisy_area}
    for name, code in (("clean", clean), ("noisy", noisy)):
        if areas[name] is None:
            yield _wrong_code(f"{name}_rle", code, size)
            return
    yield from ((f"{n}_area", str(a), str(values[f"{n}_area"])) for n, a in areas.items() if a != values[f"{n}_area"])
    iou = 1.0 if noisy is clean else iou_of_checked(*({"size": list(size), "counts": c} for c in (clean, noisy)))
    if iou != values["iou"]:
        yield "iou", repr(iou), repr(values["iou"])
    if measured.void is not None and measured.clean_area and (shared := _shared(clean, measured.void, size)):
        yield "clean_rle", "no pixel that has no label (void_rle of its frame)", f"{shared:,} of them"


def _shared(clean: str, void: str, size: Size) -> int:
    """Return how many pixels of a clean mask are without label; a wrong code of them is told with its frame."""
    try:
        return overlap(clean, void, size)
    except DataError:
        return 0


def _wrong_code(column: str, code: str, size: Size) -> _Problem:
    """Return what is wrong with a code that is none of its canvas."""
    try:
        read_runs(code, *size)
    except DataError as error:
        return column, f"run lengths of a canvas of {size[1]}×{size[0]} pixels", str(error)
    return column, "run lengths", "none"
