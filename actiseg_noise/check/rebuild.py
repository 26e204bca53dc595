"""Compare a manifest with its dataset: build every row again, show the first that differs, count the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from actiseg_noise.borders.roots import check_drawn
from actiseg_noise.building.build import find_thresholds
from actiseg_noise.building.chunk import Worker, split_chunks
from actiseg_noise.building.options import BuildOptions
from actiseg_noise.building.request import Request, find_vocabulary, make_request, with_narrations_of
from actiseg_noise.check.findings import Finding, brief, compare_rows
from actiseg_noise.check.part import MAX_OTHERS, where_is
from actiseg_noise.check.registered import compare_card
from actiseg_noise.datasets.base import DATASETS, Dataset
from actiseg_noise.errors import ActisegError
from actiseg_noise.manifest.info import INFO_NAME
from actiseg_noise.manifest.read import Manifest
from actiseg_noise.manifest.rows import Row, frame_size, iter_rows
from actiseg_noise.manifest.schema import MASKS, RECIPE_ONLY, WITHHELD, Table
from actiseg_noise.progress import Progress

_ADVICE = "the dataset on disk, or the manifest, is not what it was; build again or fetch the right files"
_NOT_CLEAN = frozenset(
    (
        *("noisy_category_id", "noisy_noun", "noisy_expression", "text_noise", "is_harmful"),
        *("noisy_narration", "narration_noise", "noisy_is_positive", "flag_noise"),
        *("noisy_area", "noisy_rle", "noisy_digest", "mask_noise", "parameters", "iou"),
        *("changed_by_neighbour", "would_erase"),
    )
)


def compare_with_dataset(
    manifest: Manifest,
    *,
    root: str | Path | None = None,
    dataset: Dataset | None = None,
    progress: Progress | None = None,
) -> list[Finding]:
    """Return the first difference per table between a manifest and what its dataset gives now; see ``verify``.

    Of an imported manifest the clean labels are compared; nothing says how its noisy ones were made.

    Args:
        root: the dataset's folder. dataset: the adapter, for one that is not registered.

    Raises:
        ActisegError: the dataset is not there, cannot be read, or is none that this version knows.
    """
    findings = _compare_version(manifest, dataset)
    request = _request(manifest, root, dataset)
    if not findings:
        findings += compare_card(manifest.info, request.dataset.card)
    if dataset is None and request.content == "full":
        check_drawn(request.dataset.card, root, request.split)
    findings += _compare_vocabulary(manifest, request)
    thresholds = find_thresholds(request) if request.recipe.exact_rate else None
    worker = Worker(replace(request.job(thresholds), schema_version=manifest.info.schema_version))
    stored = {table.name: _Stored(manifest, table) for table in manifest.schema}
    for chunk in split_chunks(request.iter_clips(), request.content):
        rows, _ = worker.rows(chunk)
        for name, table_rows in rows.items():
            stored[name].compare(table_rows)
        if progress is not None:
            progress.advance(len(chunk), manifest.info.counts["clips"])
    return findings + [finding for table in stored.values() if (finding := table.finish()) is not None]


def _compare_version(manifest: Manifest, dataset: Dataset | None) -> list[Finding]:
    """Say first of all when the manifest was made from another version of the dataset.

    Raises:
        ActisegError: a dataset that only other people's labels, imported once, know.
    """
    stated = manifest.info.dataset
    if dataset is None and manifest.info.imported and stated["name"] not in DATASETS:
        raise ActisegError(
            f"{manifest.path}: imported from {stated['name']!r}, which is no dataset that can be read again. "
            "verify without --root checks all that the manifest says of itself."
        )
    card = (DATASETS[stated["name"]] if dataset is None else dataset).card
    if card.version == stated["version"]:
        return []
    advice = (
        f"the manifest was made from another version of {card.name}, so rows differ below; "
        "build it again from this one, or verify it with the version of actiseg-nl that made it "
        f"({manifest.info.tool_version})"
    )
    where = f"{INFO_NAME}, dataset version"
    return [Finding(where, f"{card.version!r}, which is read here", repr(stated["version"]), advice)]


def _request(manifest: Manifest, root: str | Path | None, dataset: Dataset | None) -> Request:
    """Return the request that a build of this manifest would make, with the manifest's own vocabulary."""
    info = manifest.info
    limit, clips = info.selection.get("limit"), info.selection.get("clips")
    if limit is not None and info.skipped:  # it may have been the first of those that were there
        limit, clips = None, manifest.table("clips", ["clip_id"])["clip_id"].to_pylist()
    options = BuildOptions(
        root=root,
        split=info.split,
        recipe=info.recipe,
        content="text" if info.content == "text" else "full",
        vocabulary=manifest.vocabulary,
        options=info.dataset["options"],
        skip_missing=bool(info.skipped),
        allow_eval=True,
        limit=limit,
        clips=clips,
    )
    return make_request(info.dataset["name"] if dataset is None else dataset, options)


def _compare_vocabulary(manifest: Manifest, request: Request) -> list[Finding]:
    """Collect the vocabulary again, unless it came from a file or from imported labels."""
    origin = manifest.vocabulary.origin
    if origin not in ("dataset", "train") or manifest.info.imported:
        return []
    again = find_vocabulary(request.dataset, origin)
    if manifest.vocabulary.narrations:
        verbs = bool(manifest.vocabulary.verbs)
        again = with_narrations_of(again, request.dataset, request.split, verbs=verbs)
    expected, found = again.digest(), manifest.vocabulary.digest()
    return [] if expected == found else [Finding(f"vocabulary ({origin}), digest", expected, found, _ADVICE)]


class _Stored:
    """A stored table, read in step with the rows that the dataset gives; both are sorted by their key."""

    def __init__(self, manifest: Manifest, table: Table) -> None:
        self.manifest = manifest
        self.table = table
        self._names = [column.name for column in table.columns]
        self._key_at = [self._names.index(name) for name in table.sort_by]
        self._ignored = {"row_digest"} | (set(WITHHELD) if manifest.info.content == RECIPE_ONLY else set())
        self._ignored |= _NOT_CLEAN if manifest.info.imported else set()
        self._rows: Iterator[Row] = iter_rows(manifest, table.name, self._names)
        self._next = next(self._rows, None)
        self._first: Finding | None = None
        self._others: list[str] = []
        self._count = 0

    def compare(self, rebuilt: Sequence[Row]) -> None:
        """Compare the next stored rows with ``rebuilt``."""
        for expected in rebuilt:
            key = self._key(expected)
            while self._next is not None and self._key(self._next) < key:
                self._note(self._next, "no such row", "a row")
                self._next = next(self._rows, None)
            if self._next is None or self._key(self._next) != key:
                found = "the table ends before it" if self._next is None else "no such row"
                self._note(expected, "this row", found)
                continue
            if self._next != expected:
                self._note_cells(self._next, expected)
            self._next = next(self._rows, None)

    def finish(self) -> Finding | None:
        """Return the first difference, with the number of others; last come stored rows that the dataset lacks."""
        while self._next is not None:
            self._note(self._next, "no such row", "a row")
            self._next = next(self._rows, None)
        if self._first is None:
            return None
        return replace(self._first, more=self._count - 1, others=tuple(self._others))

    def _note(self, row: Row, expected: str, found: str) -> None:
        """Keep the first row that one side lacks, name a few others, count all."""
        self._keep(Finding(where_is(self.table, self._values(row)), expected, found, _ADVICE))

    def _note_cells(self, stored: Row, rebuilt: Row) -> None:
        """Keep a row whose cells differ, laid out when it is the first."""
        stored = self._as_built(stored)
        pairs = zip(self._names, stored, rebuilt, strict=True)
        changed = [name for name, one, other in pairs if one != other and name not in self._ignored]
        if not changed:
            return
        values, again = self._values(stored), self._values(rebuilt)
        where = f"{where_is(self.table, values)}, column {changed[0]}"
        finding = Finding(where, brief(changed[0], again[changed[0]]), brief(changed[0], values[changed[0]]), _ADVICE)
        if self._first is None:
            size = frame_size(self.manifest, values) if self.table is MASKS else None
            again |= {name: values[name] for name in self._ignored if name in values}
            finding = replace(finding, comparison=compare_rows(self.table, values, again, "dataset", size))
        self._keep(finding)

    def _as_built(self, row: Row) -> Row:
        """Return a row as a build writes it: publications have the noisy code where it is the clean one, too."""
        if self.table is not MASKS:
            return row
        clean, noisy = (self._names.index(name) for name in ("clean_rle", "noisy_rle"))
        return (*row[:noisy], None, *row[noisy + 1 :]) if row[noisy] == row[clean] else row

    def _keep(self, finding: Finding) -> None:
        """Count a differing row."""
        self._count += 1
        if self._first is None:
            self._first = finding
        elif len(self._others) < MAX_OTHERS:
            self._others.append(finding.where)

    def _values(self, row: Row) -> dict[str, Any]:
        """Return a row by column."""
        return dict(zip(self._names, row, strict=True))

    def _key(self, row: Row) -> Row:
        """Return the row's unique key."""
        return tuple(row[index] for index in self._key_at)
