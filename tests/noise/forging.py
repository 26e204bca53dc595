"""Edits of a manifest by somebody who wants them not to show: every digest is made anew."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from actiseg_noise.manifest.digest import RowDigest, TableDigest, manifest_digest
from actiseg_noise.manifest.info import read_info
from actiseg_noise.manifest.schema import tables_of
from actiseg_noise.recipe import NoiseSpec, Recipe

TOY_MIX = Recipe(
    "toy-mix", (NoiseSpec("category_flip-v1", 0.4), NoiseSpec("dilate-v1", 0.7, {"kernel": 3, "unit": "px"}))
)


def edit_info(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "manifest.json"
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def forge(folder: Path, table: str, change: Callable[[list[dict[str, Any]]], object]) -> None:
    """Change the rows of a table and make every digest anew, as somebody with bad intentions would."""
    path = folder / f"{table}.parquet"
    stored = pq.read_table(path)
    rows = stored.to_pylist()
    change(rows)
    tables = tables_of(read_info(folder).schema_version)
    digest_of = RowDigest(next(schema for schema in tables if schema.name == table))
    for row in rows:
        row["row_digest"] = digest_of([row[name] for name in stored.schema.names])
    pq.write_table(pa.Table.from_pylist(rows, schema=stored.schema), path)
    digests = {schema.name: TableDigest(schema) for schema in tables}
    for name, digest in digests.items():
        digest.update(pq.read_table(folder / f"{name}.parquet").to_pydict())

    def restate(data: dict[str, Any]) -> None:
        data["counts"][table] = len(rows)
        for name, digest in digests.items():
            data["tables"][name], data["columns"][name] = digest.rows.hex(), digest.columns
        data["digest"] = manifest_digest({name: digest.rows for name, digest in digests.items()})

    edit_info(folder, restate)
