"""The manifest's schema, in one place: every table, column, type, unit and meaning, and what null means.

A column with ``is_label`` enters the row's digest, and the manifest's digest is over the row digests in order. Paths
and run-length codes do not enter: paths differ between machines, and a mask's identity is its digest, so that a
manifest whose derived masks were withheld has the digest of the whole one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from actiseg_noise.fields import LONGEST_TEXT
from actiseg_noise.masks import MAX_CODE, MAX_PIXELS, MAX_SIDE

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA_VERSION = 2
"""The newest schema that is read; a manifest has the oldest one that can say its labels."""
PLAIN, ACTION = 1, 2
"""Schema 1; schema 2, which has a noisy side of narrations and flags, too."""

RECIPE_ONLY = "recipe-only"
CONTENTS = ("full", "text", RECIPE_ONLY)
WITHHELD = ("clean_rle", "noisy_rle", "void_rle")  # null where content is recipe-only
NO_NOISE, IMPORTED = "none", "imported"
"""What a row says instead of a noise: that none changed it, that other people's labels did."""


@dataclass(frozen=True)
class Column:
    """One column: its name, Arrow type, meaning, and whether it is a label.

    Attributes:
        null: what null means; empty: there is none. least, most: the range of a number; None: that of the type.
        clean: of a column that schema 1 lacks: the column that it equals there; None: nothing is noised there.
    """

    name: str
    type: str
    meaning: str
    is_label: bool = True
    null: str = ""
    least: float | None = None
    most: float | None = None
    clean: str | None = None

    @property
    def longest(self) -> int:
        """Return how many bytes a text of this column may have."""
        return MAX_CODE if self.name in WITHHELD else LONGEST_TEXT

    @property
    def range(self) -> str:
        """Return the range in words."""
        if self.most is None:
            return f"a number from {self.least:,} on"
        return f"a number in [{self.least:,}, {self.most:,}]"


@dataclass(frozen=True)
class Table:
    """One Parquet file. ``sort_by`` is the order of its rows and, together, their unique key."""

    name: str
    meaning: str
    sort_by: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def file_name(self) -> str:
        """Return the Parquet file's name in the manifest folder, where the table is not split into shards."""
        return f"{self.name}.parquet"

    def shard_name(self, index: int, count: int) -> str:
        """Return the file name of one of ``count`` shards: ``samples-00000-of-00002.parquet``."""
        return f"{self.name}-{index:05d}-of-{count:05d}.parquet"

    def files_among(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return which of a manifest's files hold this table, in the order of its rows: one file, or all shards.

        Raises:
            ValueError: none of them does, a shard is missing, or both forms are there.
        """
        found = sorted(name for name in names if self.is_named(name))
        count = len(found)
        if found not in ([self.file_name], [self.shard_name(i, count) for i in range(count)]) or not found:
            expected = f"{self.file_name} or all of {self.shard_name(0, max(count, 1))} …"
            got = f"{', '.join(found[:5])}{' …' if count > 5 else ''}" if found else "none"
            why = f": {self._what_is_wrong(found)}" if found else ""
            raise ValueError(f"the files of the table {self.name!r} are {expected}, got {got}{why}")
        return tuple(found)

    def is_named(self, name: str) -> bool:
        """Return whether a file is called as this table, or a shard of it, is."""
        return re.fullmatch(rf"{self.name}(-[0-9]+-of-[0-9]+)?\.parquet", name) is not None

    def _what_is_wrong(self, found: list[str]) -> str:
        """Return why these files are not one table."""
        shards = [name for name in found if name != self.file_name]
        if len(shards) < len(found):
            return "a whole table and shards of one"
        numbers = {name: [int(part) for part in re.findall("[0-9]+", name.removeprefix(self.name))] for name in shards}
        if len(counts := sorted({count for _, count in numbers.values()})) > 1:
            return f"shards of {' and of '.join(map(str, counts))}"
        wrong = next((name for name, number in numbers.items() if name != self.shard_name(*number)), None)
        if wrong is not None:
            return f"{wrong} should be {self.shard_name(*numbers[wrong])}"
        beyond = next((name for name, (index, count) in numbers.items() if index >= count), None)
        if beyond is not None:
            return f"{beyond} is beyond the last of {counts[0]}, as they count from 0"
        missing = next(name for i in range(counts[0]) if (name := self.shard_name(i, counts[0])) not in numbers)
        return f"{missing} is missing"

    @cached_property
    def label_columns(self) -> tuple[str, ...]:
        """Return the names of the columns that enter a row's digest, in schema order."""
        return tuple(c.name for c in self.columns if c.is_label)

    def arrow(self) -> pa.Schema:
        """Return the Arrow schema; a column is nullable exactly when its meaning of null is stated."""
        import pyarrow as pa

        types = {"str": pa.string(), "int32": pa.int32(), "int64": pa.int64(), "uint8": pa.uint8()}
        types |= {"bool": pa.bool_(), "float64": pa.float64()}
        return pa.schema([pa.field(c.name, types[c.type], nullable=bool(c.null)) for c in self.columns])


_ROW_DIGEST = Column(
    "row_digest", "str", "BLAKE2b hex (32 characters) of the row's label columns; names an edited row", False
)
_UNSAID = "the dataset does not say"
_NO_PATH = "the dataset has no such file for this frame"
_SAME = "the noisy mask is the clean mask"
_WITHHELD = "withheld (content recipe-only)"

CLIPS = Table(
    "clips",
    "one row per clip: one narrated action",
    ("clip_id",),
    (
        Column("clip_id", "str", "unique within dataset and split"),
        Column("video_id", "str", "the source video"),
        Column("narration", "str", "what the annotator wrote about the action"),
        Column("verb", "str", "the action's verb"),
        Column("noun", "str", "the action's noun as the dataset writes it"),
        Column("verb_class", "int32", "class id of the verb", null=_UNSAID),
        Column("noun_class", "int32", "class id of the noun", null=_UNSAID),
        Column("start_frame", "int64", "first frame of the action, in the source's frame numbers", null=_UNSAID),
        Column("stop_frame", "int64", "last frame of the action, in the source's frame numbers", null=_UNSAID),
        Column("redundant", "bool", "review flag: the clip is not scored"),
        Column("missing", "bool", "review flag: the clip is not scored"),
        Column("other", "bool", "review flag: the clip is not scored"),
        Column("source_order", "int64", "0-based position in the dataset's own list", False, least=0),
        Column("address", "str", "what names this clip in every draw of noise"),
        _ROW_DIGEST,
    ),
)

FRAMES = Table(
    "frames",
    "one row per (clip, frame)",
    ("clip_id", "frame_idx"),
    (
        Column("clip_id", "str", "the clip"),
        Column("frame_idx", "int32", "0-based position in the clip", least=0),
        Column("frame_id", "str", "file stem on disk"),
        Column("image_path", "str", "image file, relative to the dataset's root", False, null=_NO_PATH),
        Column("mask_path", "str", "mask file, relative to the dataset's root", False, null=_NO_PATH),
        Column("weight_path", "str", "action-guided weight map, relative to the root", False, null=_NO_PATH),
        Column(
            "height",
            "int32",
            "rows of the mask in pixels",
            null="no mask was read (content text, or no mask)",
            least=1,
            most=MAX_SIDE,
        ),
        Column(
            "width",
            "int32",
            "columns of the mask in pixels",
            null="no mask was read (content text, or no mask)",
            least=1,
            most=MAX_SIDE,
        ),
        Column("is_annotated", "bool", "a mask exists for this frame"),
        Column(
            "void_rle",
            "str",
            "void pixels, COCO compressed RLE",
            False,
            null=f"no void pixels, or {_WITHHELD}",
        ),
        Column("void_digest", "str", "BLAKE2b hex of the void mask", null="the frame has no void pixels"),
        _ROW_DIGEST,
    ),
)

SAMPLES = Table(
    "samples",
    "one row per sample (clip, object): clean and noisy text side by side",
    ("clip_id", "object_id"),
    (
        Column("sample_id", "str", "`<clip_id>/<object_id>`"),
        Column("clip_id", "str", "the clip"),
        Column("object_id", "uint8", "palette value on disk, 1–255", least=1, most=255),
        Column("is_positive", "bool", "the object takes part in the action; never noised"),
        Column("handbox", "bool", "touched by a hand", null=_UNSAID),
        Column("in_narration", "bool", "its class is named by the narration", null=_UNSAID),
        Column("category_id", "int32", "clean class"),
        Column("noun", "str", "clean noun"),
        Column("expression", "str", "clean referring text"),
        Column("noisy_category_id", "int32", "class of the noisy noun; equal to category_id when not flipped"),
        Column("noisy_noun", "str", "noun to train on"),
        Column("noisy_expression", "str", "referring text to train on"),
        Column("text_noise", "str", "noise that changed the text, or 'none'"),
        Column(
            "is_harmful",
            "bool",
            "the noisy noun does not name this object any more: it is no noun of the clean category, or it is the "
            "clean noun of another object of the clip",
        ),
        _ROW_DIGEST,
    ),
)

MASKS = Table(
    "masks",
    "one row per (clip, annotated frame, object), empty masks too: clean and noisy mask side by side",
    ("clip_id", "frame_idx", "object_id"),
    (
        Column("sample_id", "str", "`<clip_id>/<object_id>`"),
        Column("clip_id", "str", "the clip"),
        Column("frame_idx", "int32", "0-based position in the clip", least=0),
        Column("frame_id", "str", "file stem on disk"),
        Column("object_id", "uint8", "palette value on disk, 1–255", least=1, most=255),
        Column("clean_area", "int64", "foreground pixels of the clean mask", least=0, most=MAX_PIXELS),
        Column("clean_rle", "str", "clean mask, COCO compressed RLE", False, null=_WITHHELD),
        Column("noisy_area", "int64", "foreground pixels of the noisy mask", least=0, most=MAX_PIXELS),
        Column("noisy_rle", "str", "noisy mask, COCO compressed RLE", False, null=f"{_SAME}, or {_WITHHELD}"),
        Column("mask_noise", "str", "noise that hit the mask ('a+b' for several in order), or 'none'"),
        Column(
            "parameters",
            "str",
            "the noise's pixel parameters on this canvas, JSON (a list for several)",
            null="no noise",
        ),
        Column(
            "iou",
            "float64",
            "intersection over union of clean and noisy mask, 0–1; two empty masks are 1",
            False,
            least=0,
            most=1,
        ),
        Column("changed_by_neighbour", "bool", "not noised itself, but lost contested pixels to a noised neighbour"),
        Column("would_erase", "bool", "the noise left nothing of the object, so the object was kept as it was", False),
        Column("clean_digest", "str", "BLAKE2b hex of the clean mask"),
        Column("noisy_digest", "str", "BLAKE2b hex of the noisy mask"),
        _ROW_DIGEST,
    ),
)

TABLES: tuple[Table, ...] = (CLIPS, FRAMES, SAMPLES, MASKS)


def _extended(table: Table, meanings: dict[str, str], *columns: Column) -> Table:
    """Return a table with other meanings of some columns, and with more before the last, which is the row's digest."""
    kept = tuple(replace(c, meaning=meanings.get(c.name, c.meaning)) for c in table.columns)
    return replace(table, columns=(*kept[:-1], *columns, kept[-1]))


ACTION_CLIPS = _extended(
    CLIPS,
    {},
    Column(
        "noisy_narration", "str", "narration that the noisy texts name: another clip's, or its own", clean="narration"
    ),
)
ACTION_SAMPLES = _extended(
    SAMPLES,
    {
        "is_positive": "the object takes part in the action",
        "text_noise": "noise that changed the noun, or 'none'",
        "is_harmful": "the noisy text is not about this object in this action any more: its noun is no noun of the "
        "clean category, or is the clean noun of another object of the clip, or its narration is another clip's",
    },
    Column("narration_noise", "str", "noise that changed the narration in the noisy text, or 'none'"),
    Column(
        "noisy_is_positive",
        "bool",
        "flag to train on: where it is false the target is empty, where it is true it is the object's noisy mask",
        clean="is_positive",
    ),
    Column("flag_noise", "str", "noise that changed the flag, or 'none'"),
)

ACTION_TABLES: tuple[Table, ...] = (ACTION_CLIPS, FRAMES, ACTION_SAMPLES, MASKS)


def tables_of(schema_version: int) -> tuple[Table, ...]:
    """Return the tables of a manifest: with the columns of schema 2 from that version on."""
    return TABLES if schema_version < ACTION else ACTION_TABLES
