"""Where two manifests differ in their labels: two sorted streams merged, in constant memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from actiseg_noise.check.part import where_is
from actiseg_noise.errors import DataError, ManifestError
from actiseg_noise.manifest.clips import noisy_counts
from actiseg_noise.manifest.read import Manifest, open_manifest
from actiseg_noise.manifest.rows import FrameSizes, Row, iter_rows, mask_iou
from actiseg_noise.manifest.schema import ACTION_TABLES, MASKS, SAMPLES, Table
from actiseg_noise.masks import Size

_CODES = ("clean_rle", "noisy_rle")


@dataclass(frozen=True)
class RowDiff:
    """One row that both manifests have: its key, and per differing column the values of A and of B."""

    table: str
    key: dict[str, Any]
    cells: dict[str, tuple[Any, Any]]


@dataclass
class TableDiff:
    """Counts of one table.

    Attributes:
        common: rows whose key both have. differing: of those, the ones with another label in some column.
        columns: column → differing rows. first: the first few differing rows.
    """

    only_in_a: int = 0
    only_in_b: int = 0
    common: int = 0
    differing: int = 0
    columns: Counter[str] = field(default_factory=Counter)
    first: list[RowDiff] = field(default_factory=list)

    @property
    def is_equal(self) -> bool:
        """Return whether every row is in both, with the same labels."""
        return not (self.only_in_a or self.only_in_b or self.differing)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        first = [{"key": row.key, "cells": row.cells} for row in self.first]
        return {**vars(self), "columns": dict(self.columns), "first": first}


@dataclass
class MaskShares:
    """How far the noisy masks of two manifests lie apart.

    Attributes:
        compared: of the differing noisy masks, those whose codes both manifests have on one canvas.
        total_iou: sum of the IoUs of those.
    """

    compared: int = 0
    total_iou: float = 0.0

    @property
    def mean_iou(self) -> float | None:
        """Return the mean IoU of the noisy masks that differ, None where none could be compared."""
        return self.total_iou / self.compared if self.compared else None


@dataclass(frozen=True)
class Diff:
    """What ``diff`` found; ``str`` counts the differing rows of each table.

    Attributes:
        statements: what the manifests are → (A, B), of those that differ.
        tables: table → counts. masks: how far the noisy masks lie apart.
    """

    names: tuple[str, str]
    statements: dict[str, tuple[Any, Any]]
    tables: dict[str, TableDiff]
    masks: MaskShares

    @property
    def is_same_split(self) -> bool:
        """Return whether both are of one split of one version of one dataset."""
        return not {"dataset", "dataset version", "split"} & set(self.statements)

    @property
    def is_equal(self) -> bool:
        """Return whether all labels are equal, whatever the manifests say of themselves."""
        return all(table.is_equal for table in self.tables.values())

    def __str__(self) -> str:
        names = f"A {self.names[0]}, B {self.names[1]}"
        if self.is_equal:
            return f"{names}: equal, every row has the same labels"
        lines = (
            f"{name}: {table.differing:,} of {table.common:,} common rows differ, {table.only_in_a:,} only in A, "
            f"{table.only_in_b:,} only in B"
            for name, table in self.tables.items()
        )
        return "\n".join([names, *lines])

    def changed(self, table: Table, column: str) -> tuple[int, int]:
        """Return in how many of the common rows a column differs, and how many there are."""
        found = self.tables[table.name]
        return found.columns[column], found.common

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "equal": self.is_equal,
            "same split": self.is_same_split,
            "a": self.names[0],
            "b": self.names[1],
            "statements": self.statements,
            "prompts": dict(zip(("changed", "common"), self.changed(SAMPLES, "noisy_expression"), strict=True)),
            "flags": dict(zip(("changed", "common"), self.changed(SAMPLES, "noisy_is_positive"), strict=True)),
            "masks": dict(zip(("changed", "common"), self.changed(MASKS, "noisy_digest"), strict=True))
            | {"mean_iou": self.masks.mean_iou},
            "tables": {name: table.to_json() for name, table in self.tables.items()},
        }


def diff(a: str | Path | Manifest, b: str | Path | Manifest, *, top: int = 10) -> Diff:
    """Compare the labels of two manifests, row by row.

    >>> import actiseg_noise
    >>> found = actiseg_noise.diff(folder, clean_folder)
    >>> found.is_equal, found.is_same_split, found.statements["recipe"]
    (False, True, ('text-and-masks', 'clean'))
    >>> found.tables["masks"].columns["mask_noise"]
    24

    Args:
        a, b: manifest folders, or open manifests. top: how many differing rows to keep per table.

    Raises:
        ManifestError: no manifest, or a damaged one.
    """
    one, other = open_manifest(a), open_manifest(b)
    masks = MaskShares()
    tables = {table.name: _diff_table(one, other, table, top, masks) for table in ACTION_TABLES}
    return Diff((one.info.name, other.info.name), _diff_statements(one, other), tables, masks)


def _diff_statements(a: Manifest, b: Manifest) -> dict[str, tuple[Any, Any]]:
    """Return what the two say they are, where it is not the same."""
    one, other = ({**_statements(manifest)} for manifest in (a, b))
    return {name: (one[name], other[name]) for name in one if one[name] != other[name]}


def _statements(manifest: Manifest) -> dict[str, Any]:
    """Return what a manifest is."""
    info = manifest.info
    return {
        "dataset": info.dataset["name"],
        "dataset version": info.dataset["version"],
        "dataset options": _options(info.dataset["options"]),
        "split": info.split,
        "recipe": info.recipe.recipe_id,
        "seed": info.recipe.seed,
        "noises": "; ".join(f"{s.noise_id} {s.rate:g} {_options(s.options)}".rstrip() for s in info.recipe.noises),
        "temporal": info.recipe.temporal,
        "content": info.content,
        "vocabulary": info.vocabulary["digest"],
        "selection": _options(info.selection) or "all clips",
        "digest": info.digest,
    }


def _options(options: dict[str, Any]) -> str:
    """Return ``name value, name value``."""
    return ", ".join(f"{name} {value}" for name, value in options.items())


def _diff_table(a: Manifest, b: Manifest, table: Table, top: int, masks: MaskShares) -> TableDiff:
    """Merge the two tables by their key."""
    found = TableDiff()
    codes = _CODES if table is MASKS else ()
    names = [*table.sort_by, *(n for n in table.label_columns if n not in table.sort_by), *codes]
    sizes = FrameSizes(a), FrameSizes(b)
    for one, other in _merge(iter_rows(a, table.name, names), iter_rows(b, table.name, names), len(table.sort_by)):
        if one is None or other is None:
            found.only_in_a += other is None
            found.only_in_b += one is None
            continue
        found.common += 1
        cells = {name: (x, y) for name, x, y in zip(names, one, other, strict=True) if x != y and name not in _CODES}
        if cells:
            _note(found, RowDiff(table.name, dict(zip(table.sort_by, one, strict=False)), cells), top)
        if "noisy_digest" in cells:
            size, size_of_b = (frames.find(one[0], one[1]) for frames in sizes)
            try:
                _measure(masks, one[-2:], other[-2:], size if size == size_of_b else None)
            except DataError as error:
                row = where_is(MASKS, dict(zip(table.sort_by, one, strict=False)))
                raise ManifestError(
                    f"{a.path} or {b.path}: {row}: {error}; 'actiseg-noise verify' says which"
                ) from None
    return found


def _note(found: TableDiff, row: RowDiff, top: int) -> None:
    """Count a differing row."""
    found.differing += 1
    found.columns.update(list(row.cells))
    if len(found.first) < top:
        found.first.append(row)


def _measure(masks: MaskShares, codes: Row, codes_of_b: Row, size: Size | None) -> None:
    """Add the IoU of two noisy masks, where both are there and their canvases have one size."""
    noisy, noisy_of_b = noisy_counts(*codes), noisy_counts(*codes_of_b)
    if size is not None and noisy is not None and noisy_of_b is not None:
        masks.total_iou += mask_iou(noisy, noisy_of_b, size)
        masks.compared += 1


def _merge(a: Iterator[Row], b: Iterator[Row], width: int) -> Iterator[tuple[Row | None, Row | None]]:
    """Yield the rows of two sorted streams side by side, None where the other has no such key.

    Args:
        width: how many of the first columns make the key.
    """
    one, other = next(a, None), next(b, None)
    while one is not None or other is not None:
        if other is None or (one is not None and one[:width] < other[:width]):
            yield one, None
            one = next(a, None)
        elif one is None or other[:width] < one[:width]:
            yield None, other
            other = next(b, None)
        else:
            yield one, other
            one, other = next(a, None), next(b, None)
