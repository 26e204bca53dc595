"""The columns of published tables: those of the manifest, and what a stranger needs beside each row.

A row says its split, recipe and seed, and a mask its frame's height and width, so that a table by itself can be joined
with others and decoded. ``noisy_rle`` is there even where it is the clean one: like ``noisy_expression`` of samples, it
is what to train on. The schema does not move by this: a manifest's reader leaves other columns aside.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from actiseg_noise.manifest.arrays import to_array
from actiseg_noise.manifest.info import ManifestInfo
from actiseg_noise.manifest.read import Manifest
from actiseg_noise.manifest.rows import FrameSizes
from actiseg_noise.manifest.schema import MASKS, RECIPE_ONLY, WITHHELD, Column, Table, tables_of
from actiseg_noise.masks import MAX_SIDE

if TYPE_CHECKING:
    import pyarrow as pa

_ORIGIN = (
    Column("split", "str", "the split that the row is of", False),
    Column("recipe", "str", "id of the recipe that its noisy side was made with", False),
    Column("seed", "int64", "seed of the recipe", False),
)
_SIZE = (
    Column("height", "int32", "rows of the mask in pixels", False, least=1, most=MAX_SIDE),
    Column("width", "int32", "columns of the mask in pixels", False, least=1, most=MAX_SIDE),
)
_TO_TRAIN_ON = Column(
    "noisy_rle",
    "str",
    "mask to train on, COCO compressed RLE; where nothing changed it, the clean one",
    False,
    null="withheld (content recipe-only)",
)


def published_tables(schema_version: int) -> tuple[Table, ...]:
    """Return the tables of a publication of manifests of a schema version."""
    return tuple(published_table(table) for table in tables_of(schema_version))


def published_table(table: Table) -> Table:
    """Return a table with the columns that it has when it is published."""
    own = tuple(_TO_TRAIN_ON if column.name == "noisy_rle" else column for column in table.columns)
    return replace(table, columns=(*own, *(_SIZE if table.name == MASKS.name else ()), *_ORIGIN))


def iter_published(manifest: Manifest, table: Table, *, withhold: bool) -> Iterator[pa.RecordBatch]:
    """Yield a table's rows as they are published, in order, in constant memory.

    Args:
        table: of the manifest's schema. withhold: leave out every run-length code.

    Raises:
        ManifestError: the table cannot be read.
    """
    import pyarrow as pa

    schema = published_table(table).arrow()
    sizes = FrameSizes(manifest) if table.name == MASKS.name else None
    for batch in manifest.iter_batches(table.name, [column.name for column in table.columns]):
        arrays = dict(zip(batch.schema.names, batch.columns, strict=True))
        if sizes is not None:
            arrays |= _noisy_codes(batch) | _sizes(batch, sizes)
        arrays |= _origin(manifest.info, batch.num_rows)
        if withhold or manifest.info.content == RECIPE_ONLY:
            arrays |= {name: pa.nulls(batch.num_rows, pa.string()) for name in WITHHELD if name in arrays}
        yield pa.RecordBatch.from_arrays([arrays[name] for name in schema.names], schema=schema)


def _noisy_codes(batch: pa.RecordBatch) -> dict[str, pa.Array]:
    """Return the codes of the masks to train on: the clean one where the manifest says that it is the same."""
    import pyarrow.compute as pc

    return {"noisy_rle": pc.coalesce(batch["noisy_rle"], batch["clean_rle"])}


def _sizes(batch: pa.RecordBatch, sizes: FrameSizes) -> dict[str, pa.Array]:
    """Return the height and width of every mask's frame."""
    import pyarrow as pa

    frames = zip(batch["clip_id"].to_pylist(), batch["frame_idx"].to_pylist(), strict=True)
    found = [sizes.find_row(*frame) for frame in frames]
    return {column.name: to_array([size[place] for size in found], pa.int32()) for place, column in enumerate(_SIZE)}


def _origin(info: ManifestInfo, rows: int) -> dict[str, pa.Array]:
    """Return split, recipe and seed, the same for all rows of a manifest."""
    import pyarrow as pa

    values = {"split": info.split, "recipe": info.recipe.recipe_id, "seed": info.recipe.seed}
    return {name: pa.repeat(pa.scalar(value), rows) for name, value in values.items()}
