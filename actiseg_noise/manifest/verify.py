"""Verify a manifest by itself: is every cell what was built? ``pipeline/rebuild.py`` compares it with its dataset."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from actiseg_noise.manifest.digest import RowDigest, TableDigest, manifest_digest
from actiseg_noise.manifest.info import INFO_NAME, VOCABULARY_NAME, ManifestInfo
from actiseg_noise.manifest.read import Manifest
from actiseg_noise.manifest.schema import MASKS, TABLES, Table
from actiseg_noise.masks import Rle

MAX_ROWS = 20
_Fitness = tuple[str, Callable[[Any], object]]
_ANYTHING: _Fitness = ("", lambda _: True)
_FITNESS: dict[str, _Fitness] = {
    "iou": ("a number in [0, 1]", lambda value: 0 <= value <= 1),
    "row_digest": ("a digest of 32 hex digits", re.compile("[0-9a-f]{32}").fullmatch),
}
_FETCH = "fetch the manifest again, or build it again"

Columns = dict[str, list[Any]]


@dataclass(frozen=True)
class Finding:
    """Something that does not hold. ``advice`` says what to do about it."""

    where: str
    expected: str
    found: str
    advice: str = _FETCH


def verify_manifest(manifest: Manifest) -> list[Finding]:
    """Return what does not hold in a manifest; an empty list when all does.

    Checked: row counts, sort order and unique keys, null only where the schema allows it, row, column, table and
    manifest digests, the vocabulary's digest, every run-length code against its digest, area and IoU, and the counts
    of realised noise.
    """
    findings = _verify_vocabulary(manifest)
    digests = {}
    realised: Counter[str] = Counter()
    all_fit = True
    for table in TABLES:
        check = _TableCheck(manifest, table, with_sizes=all_fit)
        findings += check.findings()
        all_fit &= check.is_fit
        digests[table.name] = check.digest.rows
        realised += check.realised
    expected, found = manifest.info.digest, manifest_digest(digests)
    if all_fit and expected != found:
        findings.append(Finding("manifest digest", expected, found))
    elif all_fit:
        findings += _verify_statements(manifest.info, digests)
    return findings + _verify_realised(manifest.info, realised)


def _verify_vocabulary(manifest: Manifest) -> list[Finding]:
    """Hold ``vocabulary.json`` against the digest in ``manifest.json``."""
    expected, found = manifest.info.vocabulary["digest"], manifest.vocabulary.digest()
    return [] if expected == found else [Finding(f"{VOCABULARY_NAME}, digest", expected, found)]


def _verify_statements(info: ManifestInfo, digests: Mapping[str, bytes]) -> Iterator[Finding]:
    """Yield what ``manifest.json`` says of itself that its tables or its recipe contradict."""
    for name, digest in digests.items():
        if info.tables[name] != digest.hex():
            yield Finding(f"{INFO_NAME}, digest of {name}", info.tables[name], digest.hex())
    recipe = [(spec.noise_id, spec.rate) for spec in info.recipe.noises]
    counted = [(slot.noise_id, slot.requested) for slot in info.noises]
    if recipe != counted:
        yield Finding(f"{INFO_NAME}, noises", f"those of the recipe, {recipe}", str(counted))
    if info.content == "text" and info.counts["masks"]:
        yield Finding(f"{INFO_NAME}, content", "no masks where content is text", f"{info.counts['masks']} masks")


def _verify_realised(info: ManifestInfo, realised: Counter[str]) -> list[Finding]:
    """Hold the counts of noised rows against ``manifest.json``; what is drawn per track has no row of its own."""
    stated: Counter[str] = Counter()
    for slot in info.noises:
        if slot.unit != "track":
            stated[slot.noise_id] += slot.realised
    return [
        Finding(f"manifest.json, realised {noise_id}", str(count), str(realised[noise_id]))
        for noise_id, count in sorted(stated.items())
        if realised[noise_id] != count
    ]


class _TableCheck:
    """One pass over one table. ``is_fit`` is False once a cell is met that no digest is defined for."""

    def __init__(self, manifest: Manifest, table: Table, *, with_sizes: bool = True) -> None:
        self.manifest = manifest
        self.table = table
        self.digest = TableDigest(table)
        self.realised: Counter[str] = Counter()
        self._row_digest = RowDigest(table)
        self._previous: tuple[Any, ...] | None = None
        self._edited: list[tuple[str, str, str]] = []
        self._found: list[Finding] = []
        self._rows = 0
        self._sizes = _FrameSizes(manifest) if table is MASKS and with_sizes else None
        self.is_fit = True

    def findings(self) -> list[Finding]:
        """Read the table and return what does not hold."""
        for batch in self.manifest.iter_batches(self.table.name):
            columns = batch.to_pydict()
            self._rows += batch.num_rows
            if self._check_cells(columns):
                self.digest.update(columns)
                self._check_rows(columns)
            noise = columns.get("text_noise") or columns.get("mask_noise") or []
            self.realised.update(name for value in noise if value for name in value.split("+"))
        if self.is_fit:
            self._check_columns()
        stated = self.manifest.info.counts[self.table.name]
        if stated != self._rows:
            self._add(Finding(f"{self.table.file_name}, rows", str(stated), str(self._rows)))
        return self._found

    def _add(self, finding: Finding) -> None:
        """Keep a finding, up to ``MAX_ROWS`` per table."""
        if len(self._found) < MAX_ROWS:
            self._found.append(finding)

    def _check_cells(self, columns: Columns) -> bool:
        """Report cells that no build writes and no digest is defined for; return whether there are none."""
        for column in self.table.columns:
            cells = columns[column.name]
            expected, is_fit = _FITNESS.get(column.name, _ANYTHING)
            for index in range(len(cells)) if None in cells or expected else ():
                if column.null if cells[index] is None else is_fit(cells[index]):
                    continue
                where = self._where(tuple(columns[name][index] for name in self.table.sort_by))
                self._add(Finding(f"{where}, column {column.name}", expected or "no null", repr(cells[index])))
                self.is_fit = False
        return self.is_fit

    def _check_rows(self, columns: Columns) -> None:
        """Check order, row digests and masks, row by row."""
        for row in zip(*columns.values(), strict=True):
            values = dict(zip(columns, row, strict=True))
            key = tuple(values[name] for name in self.table.sort_by)
            if self._previous is not None and key <= self._previous:
                self._add(Finding(self._where(key), f"a key above {self._previous}", str(key)))
            self._previous = key
            computed = self._row_digest(row)
            if computed != values["row_digest"]:
                self._edited.append((self._where(key), values["row_digest"], computed))
            for problem in self._mask_problems(values):
                self._add(Finding(f"{self._where(key)}, {problem[0]}", problem[1], problem[2]))

    def _where(self, key: tuple[Any, ...]) -> str:
        """Return ``samples.parquet, row clip_id='a', object_id=3``."""
        parts = (f"{name}={value!r}" for name, value in zip(self.table.sort_by, key, strict=True))
        return f"{self.table.file_name}, row {', '.join(parts)}"

    def _mask_problems(self, values: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
        """Yield (column, expected, found) for run-length codes that contradict what stands beside them."""
        if self._sizes is not None:
            size = self._sizes.find(values["clip_id"], values["frame_idx"])
            yield from [("frame", "a row in frames.parquet", "none")] if size is None else _mask_row(values, *size)
        elif values.get("void_rle") is not None:
            rle = Rle(values["height"], values["width"], values["void_rle"], 0)
            if rle.digest() != values["void_digest"]:
                yield "void_rle", f"the digest {values['void_digest']}", rle.digest()

    def _check_columns(self) -> None:
        """Name the columns that were edited, with the rows where the row digests know them."""
        stated = self.manifest.info.columns[self.table.name]
        changed = [name for name, digest in self.digest.columns.items() if stated.get(name) != digest]
        labels = [name for name in changed if name in self.table.label_columns]
        for where, expected, found in self._edited[:MAX_ROWS]:
            column = ", ".join(labels) or "row_digest"
            self._add(Finding(f"{where}, column {column}", f"row digest {expected}", found))
        for name in changed:
            if name in labels and self._edited:
                continue
            self._add(
                Finding(
                    f"{self.table.file_name}, column {name}",
                    f"column digest {stated.get(name)}",
                    self.digest.columns[name],
                    f"{_FETCH}; verify with --root names the row",
                )
            )


def _mask_row(values: Mapping[str, Any], height: int, width: int) -> Iterator[tuple[str, str, str]]:
    """Yield (column, expected, found) for one row of ``masks``; withheld codes are not checked."""
    from pycocotools import mask as coco

    if values["clean_rle"] is None:
        return
    codes = {"clean": values["clean_rle"], "noisy": values["noisy_rle"] or values["clean_rle"]}
    intact = True
    for name, counts in codes.items():
        digest = Rle(height, width, counts, 0).digest()
        if digest != values[f"{name}_digest"]:
            intact = False
            yield f"{name}_rle", f"the digest {values[f'{name}_digest']}", digest
    if not intact:  # a damaged code is not decoded
        return
    clean, noisy = ({"size": [height, width], "counts": counts.encode()} for counts in codes.values())
    areas = {"clean_area": int(coco.area(clean)), "noisy_area": int(coco.area(noisy))}
    for name, area in areas.items():
        if area != values[name]:
            yield name, str(area), str(values[name])
    both = int(coco.area(coco.merge([clean, noisy], intersect=True)))
    either = sum(areas.values()) - both
    iou = both / either if either else 1.0
    if iou != values["iou"]:
        yield "iou", repr(iou), repr(values["iou"])


class _FrameSizes:
    """The canvas of each frame, read along with ``masks``, which has the same order."""

    def __init__(self, manifest: Manifest) -> None:
        self._rows = self._read(manifest)
        self._at: tuple[tuple[str, int], tuple[int, int] | None] | None = None

    @staticmethod
    def _read(manifest: Manifest) -> Iterator[tuple[tuple[str, int], tuple[int, int] | None]]:
        """Yield ((clip_id, frame_idx), (height, width))."""
        for batch in manifest.iter_batches("frames", ["clip_id", "frame_idx", "height", "width"]):
            columns = batch.to_pydict()
            keys = zip(columns["clip_id"], columns["frame_idx"], strict=True)
            yield from zip(keys, zip(columns["height"], columns["width"], strict=True), strict=True)

    def find(self, clip_id: str, frame_idx: int) -> tuple[int, int] | None:
        """Return (height, width), None for a frame that is not listed or has no size."""
        key = (clip_id, frame_idx)
        while self._at is None or self._at[0] < key:
            following = next(self._rows, None)
            if following is None:
                return None
            self._at = following
        size = self._at[1] if self._at[0] == key else None
        return None if size is None or None in size else size
