"""Read a manifest folder: checked on opening, streamed afterwards."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from actiseg_noise.borders.folders import list_names
from actiseg_noise.borders.text import read_json_object
from actiseg_noise.errors import ActisegError, ManifestError, UnknownNameError
from actiseg_noise.manifest.arrays import to_array
from actiseg_noise.manifest.clips import ManifestClip, iter_clips
from actiseg_noise.manifest.info import MOST_BYTES, VOCABULARY_NAME, ManifestInfo, read_info
from actiseg_noise.manifest.parquet import TableFile
from actiseg_noise.manifest.rows import ClipSpan
from actiseg_noise.manifest.schema import ACTION_TABLES, NO_NOISE, Table, tables_of
from actiseg_noise.vocabulary import Vocabulary

if TYPE_CHECKING:
    import pandas
    import pyarrow as pa

_LOG = logging.getLogger(__name__)

_NEWEST = {table.name: table for table in ACTION_TABLES}
ROWS_TO_SPARE = 100_000
"""A table with more rows than ``manifest.json`` counts is read, so that ``verify`` can name them, up to these."""


class Manifest:
    """A manifest on disk. ``for clip in manifest`` walks it clip by clip, ``len`` is the number of clips.

    Attributes:
        path: the folder. info: what ``manifest.json`` says. schema: of its tables. rows: of each table, how many its
            files have, as their footers say.
    """

    def __init__(self, path: Path, info: ManifestInfo, rows: Mapping[str, int]) -> None:
        self.path = path
        self.info = info
        self.rows = rows
        self.schema = tables_of(info.schema_version)

    def __repr__(self) -> str:
        counts = ", ".join(f"{count:,} {name}" for name, count in self._counts().items())
        return f"<Manifest {self.info.name}: {counts}, {self.info.content}; digest {self.digest[:12]}>"

    def _repr_html_(self) -> str:
        """Return a small table for notebooks: what the manifest is, how much it holds, what its noise did."""
        info = self.info
        rows = [
            ("dataset", f"{info.dataset['title']} ({info.dataset['name']} {info.dataset['version']})"),
            ("split", info.split),
            ("recipe", f"{info.recipe.recipe_id}, seed {info.recipe.seed}"),
            ("content", info.content),
            ("counts", ", ".join(f"{count:,} {name}" for name, count in self._counts().items())),
        ]
        for slot in info.noises:
            share = "" if slot.rate is None else f" ({slot.rate:.1%}, requested {slot.requested:.1%})"
            rows.append((slot.noise_id, f"{slot.realised:,} of {slot.eligible:,}{share}"))
        rows.append(("digest", info.digest))
        lines = (f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in rows)
        return f"<table><caption>{escape(info.name)}</caption>{''.join(lines)}</table>"

    def _counts(self) -> dict[str, int]:
        """Return rows per table, of those that have any."""
        return {name: count for name, count in self.info.counts.items() if count and name != "frames"}

    def __len__(self) -> int:
        return self.info.counts["clips"]

    def __iter__(self) -> Iterator[ManifestClip]:
        return self.iter_clips()

    @property
    def digest(self) -> str:
        """Return the digest of the labels: equal digest, equal labels."""
        return self.info.digest

    @property
    def miscounted(self) -> str | None:
        """Return which tables have more or fewer rows than ``manifest.json`` counts; None where all have as many."""
        pairs = [(name, self.info.counts[name], rows) for name, rows in self.rows.items()]
        wrong = [f"{counted:,} in {name}, its files have {rows:,}" for name, counted, rows in pairs if counted != rows]
        return f"manifest.json counts other rows than there are: {'; '.join(wrong)}" if wrong else None

    def check_counts(self) -> None:
        """Refuse a manifest that lost rows, or has more than it counts: for those who use its labels.

        Raises:
            ManifestError: a table has another number of rows than ``manifest.json`` counts.
        """
        if self.miscounted is not None:
            raise ManifestError(
                f"{self.path}: {self.miscounted}. Fetch the manifest again, or build it again; "
                f"actiseg-noise verify {self.path} says what else is wrong"
            )

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Return the categories and nouns that text noise drew from."""
        path = self.path / VOCABULARY_NAME
        return Vocabulary.from_json(
            read_json_object(path, ManifestError, most=MOST_BYTES, unique=True), str(path), ManifestError
        )

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Return a whole table (``clips``, ``frames``, ``samples`` or ``masks``), or some of its columns.

        The columns of schema 2 can be asked for by name of every manifest: where it has none, no narration and no flag
        is noised, and they say so.

        Raises:
            UnknownNameError: no such table or column.
        """
        import pyarrow as pa

        parts = []
        paths, table = self._paths(name, columns), self.schema_of(name)
        for path in paths:
            with TableFile(path, table) as file:
                parts.append(file.read(stored_columns(table, columns)))
        return completed(parts[0] if len(parts) == 1 else pa.concat_tables(parts), name, columns)

    def to_pandas(self, name: str = "samples", columns: Sequence[str] | None = None) -> pandas.DataFrame:
        """Return a table, or some of its columns, as a data frame.

        Raises:
            UnknownNameError: no such table or column.
            ActisegError: pandas is not installed.
        """
        if find_spec("pandas") is None:
            raise ActisegError("to_pandas needs pandas, which is not installed: pip install pandas")
        return self.table(name, columns).to_pandas()

    def iter_batches(
        self,
        name: str,
        columns: Sequence[str] | None = None,
        *,
        rows: int = 8192,
        strict: bool = True,
        span: ClipSpan | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Yield a table in batches of at most ``rows`` rows, in order, in constant memory.

        Args:
            strict: refuse numbers out of range and nulls where none may be; False: for those who report them.
            span: leave out row groups that hold none of these clips, as far as the files say what they hold.

        Raises:
            ManifestError: damaged pages; texts that are no UTF-8 or too long; what ``strict`` refuses.
        """
        paths, table = self._paths(name, columns), self.schema_of(name)
        for path in paths:
            with TableFile(path, table, strict=strict) as file:
                groups = None if span is None else file.groups_within(span)
                for batch in file.iter_batches(stored_columns(table, columns), rows, groups):
                    yield completed(batch, name, columns)

    def iter_clips(self, clip_ids: Collection[str] | None = None, *, with_masks: bool = True) -> Iterator[ManifestClip]:
        """Yield the manifest clip by clip, in order, in memory that follows the largest clip.

        A clip has its ``samples`` (one per object: clean and noisy text) and its ``frames``, a frame its ``masks``
        (object_id → clean and noisy mask):

        >>> import actiseg_noise
        >>> manifest = actiseg_noise.read_manifest(folder)
        >>> clip = next(manifest.iter_clips())
        >>> [(sample.noun, sample.noisy_noun) for sample in clip.samples if sample.text_noise != "none"][:2]
        [('knife', 'bread knife'), ('salad bowl', 'bowl')]
        >>> mask = clip.frames[0].masks[2]
        >>> mask.mask_noise, mask.clean_area, mask.noisy_area, mask.decode("noisy").shape
        ('dilate-v1', 3660, 4567, (240, 400))

        Args:
            clip_ids: only these clips. with_masks: False leaves the masks unread, for work on prompts.

        Raises:
            ActisegError: a clip that is not in the manifest.
            ManifestError: a table has rows of a clip that ``clips`` does not list, or a mask has no frame.
        """
        return iter_clips(self, clip_ids, with_masks=with_masks)

    def _paths(self, name: str, columns: Sequence[str] | None) -> list[Path]:
        """Return a table's files, refusing names that it does not have."""
        if name not in _NEWEST:
            raise UnknownNameError("table", name, _NEWEST)
        known = [column.name for column in _NEWEST[name].columns]
        for column in columns or ():
            if column not in known:
                raise UnknownNameError(f"column of {name}:", column, known)
        return [self.path / file for file in self.schema_of(name).files_among(self.info.files)]

    def files_of(self, name: str) -> list[Path]:
        """Return the files of a table, in the order of its rows."""
        return self._paths(name, None)

    def schema_of(self, name: str) -> Table:
        """Return a table's schema in this manifest."""
        return next(table for table in self.schema if table.name == name)


def stored_columns(table: Table, columns: Sequence[str] | None) -> Sequence[str] | None:
    """Return what must be read of a table to give these columns: for those that it lacks, what they equal in it."""
    there = {column.name for column in table.columns}
    if columns is None or there.issuperset(columns):
        return columns
    clean = {column.name: column.clean or table.sort_by[0] for column in _NEWEST[table.name].columns}
    return list(dict.fromkeys(name if name in there else clean[name] for name in columns))


RowsT = TypeVar("RowsT", "pa.Table", "pa.RecordBatch")


def completed(rows: RowsT, name: str, columns: Sequence[str] | None) -> RowsT:
    """Return rows of a table with these columns, those that schema 1 lacks as it means them: nothing is noised."""
    if columns is None or rows.schema.names == list(columns):
        return rows
    newest = {column.name: column for column in _NEWEST[name].columns}
    fields = {field.name: field for field in _NEWEST[name].arrow()}
    arrays = []
    for column in columns:
        source = column if column in rows.schema.names else newest[column].clean
        arrays.append(to_array([NO_NOISE] * rows.num_rows, fields[column].type) if source is None else rows[source])
    return type(rows).from_arrays(arrays, names=list(columns))


def open_manifest(manifest: str | Path | Manifest) -> Manifest:
    """Return an open manifest: the one given, or that of the folder given; see :func:`read_manifest`."""
    return manifest if isinstance(manifest, Manifest) else read_manifest(manifest)


def open_whole(manifest: str | Path | Manifest) -> Manifest:
    """Return an open manifest that has as many rows as it counts: for those who use its labels.

    Raises:
        ManifestError: a table has more or fewer; what :func:`read_manifest` raises.
    """
    opened = open_manifest(manifest)
    opened.check_counts()
    return opened


def read_manifest(path: str | Path) -> Manifest:
    """Open a manifest folder, checking that everything it lists is there.

    That its tables have as many rows as it counts is for ``Manifest.check_counts``, so that a damaged one can be looked
    at.

    Args:
        path: the folder, or its address, such as ``hf://datasets/OWNER/NAME@COMMIT/train/text-40-s0`` or
            ``s3://BUCKET/m#digest=HEX``, which is fetched once into the cache folder.

    Raises:
        ManifestError: no manifest, a newer schema, a missing file, a table that cannot be read or lacks a column.
        RemoteError: an address that nobody answers at, or whose labels have another digest.
    """
    from actiseg_noise.manifest.fetched import local_folder

    return open_folder(local_folder(path))


def open_folder(folder: Path) -> Manifest:
    """Open a manifest folder of the disk; see :func:`read_manifest`."""
    info = read_info(folder)
    _check_files(folder, info)
    rows_of: dict[str, int] = {}
    for table in tables_of(info.schema_version):
        rows = sum(_count_rows(folder / name, table) for name in table.files_among(info.files))
        rows_of[table.name] = rows
        if rows > info.counts[table.name] + ROWS_TO_SPARE:
            raise ManifestError(
                f"{folder}: the table {table.name!r} has {rows:,} rows, but manifest.json counts "
                f"{info.counts[table.name]:,}; fetch the manifest again"
            )
    _LOG.info("manifest %s: %s, digest %s", folder, info.name, info.digest)
    return Manifest(folder, info, rows_of)


def _check_files(folder: Path, info: ManifestInfo) -> None:
    """Refuse a folder that lacks a file that it lists, or has a table's file that it does not list."""
    tables = tables_of(info.schema_version)
    unlisted = [n for n in list_names(folder) if n not in info.files and any(table.is_named(n) for table in tables)]
    more = f", and {unlisted[0]} is there, which is not listed" if unlisted else ""
    for name in info.files:
        if not (folder / name).exists():
            raise ManifestError(
                f"{folder}: the file {name} is listed in manifest.json but missing{more}; fetch it again"
            )
    if unlisted:
        raise ManifestError(
            f"{folder}: the file {unlisted[0]} is there, but manifest.json does not list it, so it is no part of the "
            "manifest. Remove it, or fetch the manifest again"
        )


def _count_rows(path: Path, table: Table) -> int:
    """Return how many rows a table's file has, after checking all that its footer says."""
    with TableFile(path, table) as file:
        return file.rows
